"""Broken device tables: drivers, ports, serial settings and driver options."""

from __future__ import annotations

import pytest

from edge_agent.settings.load import check
from tests.settings.broken import HEAD, PRINTER, SCALE, TCP, Broken, check_named
from tests.settings.fakes import registry

DEVICES = [
    Broken("no table", HEAD + "scale = 3\n", (6, 1), "uplink.scale", ["unknown key"]),
    Broken("no array", HEAD + "[scale]\nid = 's'\n", (6, 1), "scale", ["expected a list"]),
    Broken(
        "not of tables", "scale = [3]\n" + HEAD, (1, 10), "scale[0]", ["3 is not allowed; expected a table"]
    ),
    Broken(
        "no driver",
        HEAD + SCALE.replace("driver =", "mark = 'star' #"),
        (6, 1),
        "scale[0].driver",
        ["missing"],
    ),
    Broken("no id", HEAD + SCALE.replace("id =", "mark = 'star' #"), (6, 1), "scale[0].id", ["missing"]),
    Broken(
        "no port", HEAD + SCALE.replace("port =", "mark = 'star' #"), (6, 1), "scale[0].port", ["missing"]
    ),
    Broken(
        "no unit",
        HEAD + SCALE.replace("unit =", "mark = 'star' #"),
        (6, 1),
        "scale[0].unit",
        ["missing", "does not send"],
    ),
    Broken(
        "driver is a number",
        HEAD + SCALE.replace('"fake_scale"', "8"),
        (8, 10),
        "scale[0].driver",
        ["text in quotes"],
    ),
    Broken(
        "unknown driver",
        HEAD + SCALE.replace("fake_scale", "fake_scael"),
        (8, 10),
        "scale[0].driver",
        ["no driver 'fake_scael'", "fake_scale, tcp_scale"],
        "fake_scale",
    ),
    Broken(
        "driver of another kind",
        HEAD + SCALE.replace("fake_scale", "fake_printer"),
        (8, 10),
        "scale[0].driver",
        ["is for a printer"],
    ),
    Broken(
        "driver that only decodes",
        HEAD + SCALE.replace("fake_scale", "recorded_scale"),
        (8, 10),
        "scale[0].driver",
        ["only decodes"],
    ),
    Broken(
        "broken driver",
        HEAD + SCALE.replace("fake_scale", "broken"),
        (8, 10),
        "scale[0].driver",
        ["cannot be loaded"],
    ),
    Broken(
        "unsupported rate",
        HEAD + SCALE + "baud = 96000\n",
        (11, 8),
        "scale[0].baud",
        ["96000 is not a supported rate", "300, 600", "115200"],
        "9600",
    ),
    Broken("parity in small", HEAD + SCALE + "parity = 'e'\n", (11, 10), "scale[0].parity", ["N, E, O"], "E"),
    Broken("stop bits as flag", HEAD + SCALE + "stop = true\n", (11, 8), "scale[0].stop", ["a whole number"]),
    Broken("bits as decimal", HEAD + SCALE + "bits = 8.0\n", (11, 8), "scale[0].bits", ["a whole number"]),
    Broken(
        "second table",
        HEAD + SCALE + TCP.replace('"scale"', '"two"') + "mark = 1\n",
        (15, 1),
        "scale[1].mark",
        ["unknown key"],
    ),
    Broken("id twice", HEAD + SCALE + TCP, (12, 6), "scale[1].id", ["'scale' is already the id of scale[0]"]),
    Broken(
        "id in capitals",
        HEAD + SCALE.replace('id = "scale"', 'id = "Scale"'),
        (7, 6),
        "scale[0].id",
        ["a small letter"],
    ),
    Broken(
        "port twice",
        HEAD + TCP + TCP.replace('"scale"', '"two"'),
        (13, 8),
        "scale[1].port",
        ["already the port of scale[0]"],
    ),
    Broken(
        "roll of a scale",
        HEAD + SCALE + "roll_m = 30\n",
        (11, 1),
        "scale[0].roll_m",
        ["unknown key"],
        "poll_ms",
    ),
    Broken(
        "roll without end",
        HEAD + PRINTER + "roll_m = 1001\n",
        (10, 10),
        "printer[0].roll_m",
        ["1001 is out of range", "0 to 1000"],
        "1000",
    ),
    Broken(
        "a speed that means nothing",
        HEAD + PRINTER + "speed = 0\n",
        (10, 9),
        "printer[0].speed",
        ["0 is not allowed", "-1 to 13, not 0"],
    ),
    Broken(
        "receipts without a printer",
        HEAD + '[counter]\nreceipt = "receipt-80"\n',
        (7, 11),
        "counter.receipt",
        ["no printer is there for it"],
    ),
    Broken(
        "printer of receipts that is not there",
        HEAD + '[counter]\nreceipt = "receipt-80"\nreceipt_printer = "pinter"\n' + PRINTER,
        (8, 19),
        "counter.receipt_printer",
        ["no printer is called 'pinter'"],
        "printer",
    ),
    Broken(
        "port without kind",
        HEAD + SCALE.replace("serial:", ""),
        (9, 8),
        "scale[0].port",
        ["no port of fake_scale", "serial:, tcp:"],
    ),
    Broken(
        "unknown kind of port",
        HEAD + SCALE.replace("serial:", "seral:"),
        (9, 8),
        "scale[0].port",
        ["'seral:/dev/scale'"],
        "serial:",
    ),
    Broken(
        "port the driver has not",
        HEAD + TCP.replace("tcp:scale.booth:4001", "serial:/dev/x"),
        (9, 8),
        "scale[0].port",
        ["no port of tcp_scale", "tcp:"],
    ),
    Broken("relative port", HEAD + SCALE.replace("/dev/", ""), (9, 8), "scale[0].port", ["serial:/dev/"]),
    Broken(
        "port outside", HEAD + SCALE.replace("/dev/", "/dev/../"), (9, 8), "scale[0].port", ["serial:/dev/"]
    ),
    Broken("network without port", HEAD + TCP.replace(":4001", ""), (9, 8), "scale[0].port", ["HOST:PORT"]),
    Broken("network port too high", HEAD + TCP.replace("4001", "70000"), (9, 8), "scale[0].port", ["70000"]),
    Broken(
        "rate of a network port",
        HEAD + TCP + "baud = 9600\n",
        (10, 1),
        "scale[0].baud",
        ["only for serial: ports"],
    ),
    Broken(
        "USB device of a network port",
        HEAD + TCP + 'usb_id = "0403:6001"\n',
        (10, 1),
        "scale[0].usb_id",
        ["only for ports that are named by a path"],
    ),
    Broken(
        "USB device without product",
        HEAD + SCALE + 'usb_id = "0403"\n',
        (11, 10),
        "scale[0].usb_id",
        ["vendor and product as lsusb shows them"],
    ),
    Broken(
        "unknown option",
        HEAD + SCALE + "pol_ms = 300\n",
        (11, 1),
        "scale[0].pol_ms",
        ["unknown key"],
        "poll_ms",
    ),
    Broken(
        "option too small",
        HEAD + SCALE + "poll_ms = 5\n",
        (11, 11),
        "scale[0].poll_ms",
        ["a whole number, 100 to 5000"],
    ),
    Broken(
        "option as text",
        HEAD + SCALE + "poll_ms = '200'\n",
        (11, 11),
        "scale[0].poll_ms",
        ["'200' is not allowed"],
    ),
    Broken(
        "negative option",
        HEAD + SCALE + "blanking = -0.5\n",
        (11, 12),
        "scale[0].blanking",
        ["-0.5", "a number, at least 0"],
    ),
    Broken("flag option as number", HEAD + SCALE + "echo = 1\n", (11, 8), "scale[0].echo", ["true or false"]),
    Broken(
        "choice of an option",
        HEAD + SCALE + "mark = 'stra'\n",
        (11, 8),
        "scale[0].mark",
        ["none, star, dash"],
        "star",
    ),
    Broken(
        "table as an option",
        HEAD + SCALE + "mark = { a = 1 }\n",
        (11, 8),
        "scale[0].mark",
        ["a table is not allowed"],
    ),
    Broken(
        "unknown dialect",
        HEAD + SCALE + "dialect = 'plan'\n",
        (11, 11),
        "scale[0].dialect",
        ["plain, fancy"],
        "plain",
    ),
    Broken("unknown unit", HEAD + SCALE.replace('"kg"', '"pfund"'), (10, 8), "scale[0].unit", ["'pfund'"]),
    Broken(
        "too many",
        HEAD + "".join(TCP.replace('"scale"', f'"s{n}"').replace("4001", str(n + 1)) for n in range(11)),
        (6, 1),
        "scale",
        ["at most 10"],
    ),
]


@pytest.mark.parametrize("broken", DEVICES, ids=lambda broken: broken.id)
def test_the_problem_is_named(broken: Broken) -> None:
    check_named(broken)


def test_an_id_may_not_be_used_by_another_role() -> None:
    printer = '[[printer]]\nid = "scale"\ndriver = "fake_printer"\nport = "tcp:printer:9100"\n'
    (problem,) = check((HEAD + SCALE + printer).encode(), "b", registry()).problems
    assert "is already the id of" in str(problem)
