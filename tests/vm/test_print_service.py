"""Labels broken off under the shipped unit: what the ledger says of them, over usblp and over libusb."""

from __future__ import annotations

import base64
import io
from collections import Counter

import pytest
import zxingcpp
from PIL import Image

from tests.vm.installed import CONFIG, PAPERS, Installed, asked, printed

LP = "lp:/dev/edge-agent/lp-platform-vhci_hcd.0-usb-0:3:1.0"
USB = "usb:04b8:0e15@platform-vhci_hcd.0-usb-0:3"


@pytest.fixture(params=["usblp", "libusb"])
def desk(request: pytest.FixtureRequest) -> Installed:
    """A booth that serves its printer one way or the other."""
    if request.param == "usblp":
        serving: Installed = request.getfixturevalue("serving_booth")
        return serving
    installed: Installed = request.getfixturevalue("booth")
    installed.guest.run(f"cat > /etc/edge-agent/booth.toml <<'END'\n{CONFIG.replace(LP, USB)}END\n")
    installed.serve()
    return installed


def test_a_job_broken_off_is_in_doubt_comes_once_and_the_next_one_is_right(desk: Installed) -> None:
    """Paper that ends in mid-label, power that goes in mid-label, then the plug out and in again."""
    desk.order("printer paper ends 100")
    torn = ordered(desk)
    assert torn["state"] == "unconfirmed", torn
    desk.order("printer paper in")
    desk.until_ready("printer")

    desk.order("printer power cut 9000")
    dark = ordered(desk)
    assert dark["state"] == "unconfirmed", dark

    desk.order("unplug printer")
    desk.until_status("printer", "absent")
    desk.order("printer power on")
    desk.order("plug printer")
    desk.until_ready("printer")
    right = ordered(desk)
    assert (right["state"], right["proof"]) == ("confirmed", "printed"), right

    told = [one for one in desk.events() if one.startswith("label.")]
    assert told == ["label.unconfirmed", "label.unconfirmed", "label.printed"]
    marks = papers(desk)
    assert marks[right["job"]] == 1, marks
    assert max(marks.values()) == 1, marks
    assert "0 violations" in desk.order("printer show")


def ordered(desk: Installed) -> dict[str, object]:
    """A test page, to its end."""
    job = desk.guest.call(asked, operation="print.test", printer="printer")["job"]
    return dict(desk.guest.call(printed, job=job))


def papers(desk: Installed) -> Counter[str]:
    """How many papers carry each job's mark."""
    names = desk.guest.run(f"ls {PAPERS}/*.png").split()
    pictures = [base64.b64decode(desk.guest.run(f"base64 {name}")) for name in names]
    read = [code.text for data in pictures for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(data)))]
    return Counter(text.split(":")[1] for text in read if text.startswith("BXL1:"))
