"""The shipped unit under a real systemd: started, watched, restarted, sandboxed; devices come and go."""

from __future__ import annotations

import json

from tests.vm.installed import Installed, await_restart, replugged, stopped

REPLUG_S = 3.0
STOP_S = 10.0  # the unit's TimeoutStopSec


def test_the_service_starts_and_serves_every_device(booth: Installed) -> None:
    booth.start()
    shown = booth.show("ActiveState", "StatusText", "User", "Type")
    assert shown["ActiveState"] == "active"
    assert shown["StatusText"] == "BOOTH-VM: 3 devices"
    booth.until_ready("scanner", "scale", "printer")


def test_a_replugged_device_is_ready_again_within_3_seconds(serving_booth: Installed) -> None:
    for device, role in (("ftdi-scanner", "scanner"), ("cdc-scale", "scale"), ("printer", "printer")):
        serving_booth.order(f"unplug {device}")
        serving_booth.until_status(role, "absent")
        taken = serving_booth.guest.call(replugged, plug_order=f"plug {device}", role=role)
        print(f"{role} ready again after {taken['told']}")
        assert taken["board_s"] < REPLUG_S, f"{role}: {taken}"


def test_a_hung_agent_is_killed_and_started_anew_and_says_so(serving_booth: Installed) -> None:
    guest = serving_booth.guest
    first = serving_booth.show("MainPID")["MainPID"]
    guest.run(f"kill -STOP {first}")
    guest.run(f"tail --pid={first} -f /dev/null")  # until systemd has it killed
    guest.call(await_restart, role="scale")
    guest.run("journalctl -u edge-agent | grep -q 'Watchdog timeout'")
    guest.run("systemctl show edge-agent -p NRestarts | grep -qx NRestarts=[1-9]")
    assert serving_booth.show("ActiveState")["ActiveState"] == "active"
    assert serving_booth.show("MainPID")["MainPID"] != first
    assert "agent.stopped-uncleanly" in serving_booth.events()


def test_an_orderly_stop_is_quick_and_leaves_its_mark(serving_booth: Installed) -> None:
    taken = serving_booth.guest.call(stopped)
    assert taken["board_s"] < STOP_S, taken
    assert serving_booth.show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    running = "select body from slots where name = 'running'"
    assert serving_booth.guest.run(f'sqlite3 /var/lib/edge-agent/ledger.db "{running}"').strip() == ""


def test_the_sandbox_lets_devices_through_and_nothing_else(booth: Installed) -> None:
    """The probe runs in the unit's own sandbox, in the agent's place."""
    found = booth.probe()
    for device in ("tty", "acm", "lp", "hidraw", "keyboard", "usbfs"):
        assert found[device] == "ok", found
    for closed in ("kmsg", "disk", "mem"):
        assert found[closed] in {"EACCES", "EPERM", "ENOENT"}, found
    assert found["write /etc/edge-agent/x"] in {"EROFS", "EACCES"}, found
    assert found["write /usr/bin/x"] in {"EROFS", "EACCES"}, found
    assert found["write /var/lib/edge-agent/x"] == "ok", found
    assert found["write /run/edge-agent/x"] == "ok", found
    assert found["uevents"] == "ok", found
    assert found["boot id"] == "ok", found


def test_a_keyboard_that_is_not_on_the_list_stays_closed(booth: Installed) -> None:
    rules = "/usr/lib/udev/rules.d/70-edge-agent.rules"
    booth.guest.run(f"sed -i '/0c2e.*0200/d' {rules} && udevadm control --reload")
    booth.order("unplug wedge")
    booth.order("plug wedge")
    booth.guest.run("udevadm settle")
    assert booth.probe()["keyboard"] == "EACCES"


def test_the_local_socket_is_for_the_group_alone(serving_booth: Installed) -> None:
    serving_booth.guest.run("useradd -G edge-agent technician; useradd stranger")
    asked = "edge-agent status --json"
    told = serving_booth.guest.run(f"runuser -u technician -- {asked}")
    assert json.loads(told)["booth"] == "BOOTH-VM"
    assert serving_booth.guest.try_run(f"runuser -u stranger -- {asked}").code == 3
