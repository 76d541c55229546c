"""Texts that somebody may put into a name or an address to reach the printer, the program or the paper.

Owns: the texts. Must not know: what becomes of them.
"""

from __future__ import annotations

HOSTILE = {
    "esc-pos": "Rahim\x1b@\x1dV\x00",
    "real-time": "Rahim\x10\x04\x01",
    "zpl": "Rahim^XZ^XA^FDx^FS~JA",
    "tspl": 'Rahim"\r\nPRINT 99,1\r\n',
    "epl": 'Rahim\r\nN\r\nA50,50,0,1,1,1,N,"x"\r\nP99\r\n',
    "cpcl": "Rahim\r\n! 0 200 200 210 99\r\nFORM\r\nPRINT\r\n",
    "zpl-words": "^XA^FO0,0^FDRahim^FS^PQ99^XZ~JA~HS",
    "tspl-words": 'SIZE 10 mm,10 mm CLS TEXT 0,0,"0",0,1,1,"Rahim" PRINT 99,1 <ESC>!?',
    "escpos-words": "ESC @ GS V 0 \\x1b@ \\x1dV\\x00 DLE EOT 1",
    "toml": "Rahim {recipient.phone} {{x}}",
    "sql": "Robert'); DROP TABLE events;--",
    "html": "<script>alert(1)</script>",
    "nul": "Rahim\x00",
    "c1": "Rahim\x9b2J",
    "bidi": "\u202eরহিম\u202c",
    "surrogate": "Rahim\ud83d",
    "emoji": "Rahim 😀",
    "arabic": "رحيم",
    "zalgo": "R" + "\u0301\u0335" * 200,
    "joiners": "\u200d\u200c" * 400,
    "marks": "্" * 300,
    "lines": "\n" * 300,
    "spaces": "a" + " " * 900 + "b",
    "long-word": "ক্ষুদ্র" * 100,
    "10-kB": "Rahim " * 1700,
    "1-MB": "x" * 1_000_000,
}
