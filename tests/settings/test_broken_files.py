"""Broken settings of every table but devices: line, column, key, and what would be right."""

from __future__ import annotations

import pytest

from edge_agent.settings.load import check
from tests.settings.broken import HEAD, SCALE, TCP, Broken, check_named
from tests.settings.fakes import registry

SYNTAX = [
    Broken("no equals sign", HEAD + 'name "x"\n', (6, 6), "", ["no valid TOML", "expected '='"]),
    Broken("no value", HEAD + "port =\n", (6, 7), "", ["invalid value"]),
    Broken("open string", HEAD + 'username = "x\nport = 1\n', (6, 14), "", ["illegal character"]),
    Broken("open string at the end", HEAD + 'username = "x', (6, 14), "", ["the file ends too early"]),
    Broken("open long string", HEAD + 'username = """x\n\n', (8, 1), "", ["the file ends too early"]),
    Broken("open array", HEAD + '[counter]\naccept = ["s10"', (7, 16), "", ["the file ends too early"]),
    Broken("open header", HEAD + "[counter\n", (6, 9), "", ["expected ']'"]),
    Broken("quotes of a word processor", HEAD + "username = “x”\n", (6, 12), "", ["invalid value"]),
    Broken("bare word", HEAD + "protocol = auto\n", (6, 12), "", ["invalid value"]),
    Broken("key twice", HEAD + "port = 1\nport = 2\n", (7, 9), "", ["given twice"]),
    Broken("table twice", HEAD + "[uplink]\n", (6, 8), "", ["given twice"]),
    Broken("two on a line", HEAD + "port = 1 window = 2\n", (6, 10), "", ["expected newline"]),
    Broken("table as array", HEAD + "[[booth]]\n", (6, 8), "", ["given twice"]),
    Broken("bad escape", HEAD + 'username = "C:\\data"\n', (6, 17), "", ["unescaped '\\'"]),
    Broken("control character", HEAD + 'username = "\x1b"\n', (6, 13), "", ["illegal character"]),
    Broken("too deep", HEAD + "a = " + "[" * 40 + "\n", (6, 20), "", ["nested too deeply", "16 levels"]),
    Broken("endless number", HEAD + f"port = {'9' * 5000}\n", (6, 8), "", ["too long", "18 digits"]),
    Broken("endless exponent", HEAD + "port = 1e99999999999999999999\n", (6, 9), "", ["too long"]),
]

NUMBERS = [
    Broken("not a number", HEAD + "port = nan\n", (6, 8), "uplink.port", ["no number to work with"]),
    Broken("infinite", HEAD + "[counter]\nrepeat_window_s = inf\n", (7, 19), "counter.repeat_window_s"),
    Broken(
        "many digits", HEAD + "port = 0xfffffffffffffffffffffffff\n", (6, 8), "uplink.port", ["18 digits"]
    ),
    Broken("in an array", HEAD + "[counter]\naccept = [1, 1e50]\n", (7, 14), "counter.accept[1]"),
]

VALUES = [
    Broken(
        "newer file", HEAD.replace("1", "2", 1), (1, 10), "schema", ["newer than this agent", "an update"]
    ),
    Broken("older file", HEAD.replace("1", "0", 1), (1, 10), "schema", ["0 is not allowed; expected 1"]),
    Broken("flag as number", HEAD.replace("1", "true", 1), (1, 10), "schema", ["true is not allowed"]),
    Broken("no schema", HEAD.replace("schema = 1", "#"), (1, 1), "schema", ["missing", "Version"]),
    Broken("no booth", HEAD.replace('[booth]\nid = "DHAKA-0001"', "#"), (1, 1), "booth", ["missing"]),
    Broken("no booth id", HEAD.replace("id =", "name ="), (2, 1), "booth.id", ["missing: Name of the booth"]),
    Broken("booth is no table", 'schema = 1\nbooth = 3\n[uplink]\nhost = "x"', (2, 9), "booth", ["a table"]),
    Broken("small letters", HEAD.replace("DHAKA", "dhaka"), (3, 6), "booth.id", ["'dhaka-0001'", "capital"]),
    Broken("id with newline", HEAD.replace("0001", "\\n"), (3, 6), "booth.id", ["'DHAKA-\\n'"]),
    Broken("number as text", HEAD + 'port = "1883"\n', (6, 8), "uplink.port", ["'1883'", "a whole number"]),
    Broken("decimals in a whole", HEAD + "window = 2.0\n", (6, 10), "uplink.window", ["a whole number"]),
    Broken("text as number", HEAD + "username = 7\n", (6, 12), "uplink.username", ["text in quotes"]),
    Broken("flag as text", HEAD + 'enabled = "no"\n', (6, 11), "uplink.enabled", ["true or false"]),
    Broken("too much", HEAD + "window = 500\n", (6, 10), "uplink.window", ["1 to 100"], "100"),
    Broken("too little", HEAD + "keepalive_s = 1\n", (6, 15), "uplink.keepalive_s", ["5 to 1200"], "5"),
    Broken(
        "none at all",
        HEAD + "[counter]\nempty_below_kg = 0\n",
        (7, 18),
        "counter.empty_below_kg",
        ["more than"],
    ),
    Broken(
        "no decimal",
        HEAD + '[counter]\nmax_weight_kg = "30 kg"\n',
        (7, 17),
        "counter.max_weight_kg",
        ['"0.005"'],
    ),
    Broken("exponent as text", HEAD + '[counter]\nmax_weight_kg = "1e9"\n', (7, 17), "counter.max_weight_kg"),
    Broken("huge decimal", HEAD + "[counter]\nmax_weight_kg = 1e15\n", (7, 17), "counter.max_weight_kg"),
    Broken(
        "fine decimal",
        HEAD + "[counter]\nmax_weight_kg = 1e-7\n",
        (7, 17),
        "counter.max_weight_kg",
        ["6 decimals"],
    ),
    Broken(
        "a date",
        HEAD + "username = 1979-05-27\n",
        (6, 12),
        "uplink.username",
        ["the date or time 1979-05-27"],
    ),
    Broken("a list", HEAD + "username = [1]\n", (6, 12), "uplink.username", ["a list is not allowed"]),
    Broken("no list", HEAD + '[counter]\naccept = "s10"\n', (7, 10), "counter.accept", ["expected a list"]),
    Broken("empty list", HEAD + "[counter]\naccept = []\n", (7, 10), "counter.accept", ["at least 1"]),
    Broken(
        "choice",
        HEAD + '[counter]\nflow = "Acceptence"\n',
        (7, 8),
        "counter.flow",
        ["acceptance, none"],
        "acceptance",
    ),
    Broken("capitals", HEAD + '[log]\nlevel = "INFO"\n', (7, 9), "log.level", ["'INFO'"], "info"),
    Broken(
        "in a list",
        HEAD + '[counter]\naccept = [\n "s10",\n "ssc",\n]\n',
        (9, 2),
        "counter.accept[1]",
        ["'ssc'"],
        "sscc",
    ),
    Broken(
        "relative path",
        HEAD + 'password_file = "pw"\n',
        (6, 17),
        "uplink.password_file",
        ["an absolute path"],
    ),
    Broken(
        "path with dots",
        HEAD + '[state]\ndirectory = "/var/../etc"\n',
        (7, 13),
        "state.directory",
        ["without .."],
    ),
    Broken(
        "long socket", HEAD + f'[local]\nsocket = "/{"x" * 120}"\n', (7, 10), "local.socket", ["107 bytes"]
    ),
    Broken("wildcard topic", HEAD + 'root = "booth/#"\n', (6, 8), "uplink.root", ["words of letters"]),
    Broken("host with blank", HEAD.replace("central.", "central "), (5, 8), "uplink.host", ["a host name"]),
    Broken("terminal escape", HEAD + 'username = "\\u001b[2J"\n', (6, 12), "uplink.username", ["'\\x1b[2J'"]),
    Broken("backwards text", HEAD + 'username = "a\\u202eb"\n', (6, 12), "uplink.username", ["'a\\u202eb'"]),
    Broken(
        "long text",
        HEAD + f'username = "{"x" * 61}"\n',
        (6, 12),
        "uplink.username",
        ["at most 60 characters"],
    ),
]

KEYS = [
    Broken("unknown table", HEAD + "[uplnk]\nx = 1\n", (6, 2), "uplnk", ["unknown key"], "uplink"),
    Broken("unknown key", HEAD + "  hots = 1\n", (6, 3), "uplink.hots", ["unknown key", "host"], "host"),
    Broken(
        "unknown key in capitals", HEAD + "WINDOW = 3\n", (6, 1), "uplink.WINDOW", ["unknown key"], "window"
    ),
    Broken("unlike any key", HEAD + "zzz = 3\n", (6, 1), "uplink.zzz", ["expected one of ack, daily_mib"]),
    Broken("strange key", HEAD + '"a.b\\u001b" = 3\n', (6, 1), "uplink.'a.b\\x1b'", ["unknown key"]),
    Broken("long key", HEAD + f"{'x' * 100} = 3\n", (6, 1), f"uplink.'{'x' * 60}'…", ["unknown key"]),
    Broken(
        "dotted key", HEAD + "tls.cca = 1\ntls.ca = '/a'\n", (6, 5), "uplink.tls.cca", ["unknown key"], "ca"
    ),
    Broken(
        "inline table",
        HEAD + "tls = { ca = '/a', kay = '/k' }\n",
        (6, 20),
        "uplink.tls.kay",
        ["unknown"],
        "key",
    ),
    Broken("unknown inside unknown", HEAD + "[a.b.c]\nd = 1\n", (6, 2), "a", ["unknown key"]),
]

TOGETHER = [
    Broken(
        "no host",
        HEAD.replace("host", "root").replace("central.example", "a/b"),
        (4, 1),
        "uplink.host",
        ["missing", "enabled = false"],
    ),
    Broken(
        "no key file",
        HEAD + "tls = { ca = '/a', cert = '/c' }\n",
        (6, 7),
        "uplink.tls.key",
        ["because cert is given"],
    ),
    Broken(
        "no cert file",
        HEAD + "[uplink.tls]\nca = '/a'\nkey = '/c'\n",
        (6, 1),
        "uplink.tls.cert",
        ["because key is given"],
    ),
    Broken("no authority", HEAD + "[uplink.tls]\n", (6, 1), "uplink.tls.ca", ["missing: File"]),
    Broken(
        "light is empty",
        HEAD + "[counter]\nmin_weight_kg = 0.004\n",
        (7, 17),
        "counter.min_weight_kg",
        ["0.004 is too small", "0.005"],
    ),
    Broken(
        "least above most",
        HEAD + "[counter]\nmin_weight_kg = 31\n",
        (6, 1),
        "counter.max_weight_kg",
        ["30 is too small", "31"],
    ),
]


@pytest.mark.parametrize(
    "broken", [*SYNTAX, *NUMBERS, *VALUES, *KEYS, *TOGETHER], ids=lambda broken: broken.id
)
def test_the_problem_is_named(broken: Broken) -> None:
    check_named(broken)


def test_the_files_without_their_mistake_are_good() -> None:
    for text in (HEAD, HEAD + SCALE, HEAD + TCP):
        assert check(text.encode(), "booth.toml", registry()).problems == ()


def test_the_line_of_a_problem_reads_like_this() -> None:
    text = HEAD + SCALE + "baud = 96000\n"
    (problem,) = check(text.encode(), "booth.toml", registry()).problems
    assert str(problem) == (
        "booth.toml:11:8 scale[0].baud: 96000 is not a supported rate; expected one of 300, 600, 1200, "
        "2400, 4800, 9600, 19200, 38400, 57600, 115200; did you mean 9600?"
    )


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    text = (
        HEAD.replace("DHAKA", "dhaka")
        + "window = 0\nnothing = 1\n"
        + SCALE.replace('"kg"', "1")
        + "bits = 9\n"
    )
    places = [(problem.key, problem.place.line) for problem in check(text.encode(), "b", registry()).problems]
    assert places == [
        ("booth.id", 3),
        ("uplink.window", 6),
        ("uplink.nothing", 7),
        ("scale[0].unit", 12),
        ("scale[0].bits", 13),
    ]


def test_more_problems_than_a_person_reads_are_counted() -> None:
    text = HEAD + "".join(f"x{number} = 1\n" for number in range(70))
    problems = check(text.encode(), "b", registry()).problems
    assert len(problems) == 51
    assert str(problems[-1]).endswith("and 20 more problems")
