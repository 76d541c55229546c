"""The settings of one booth: what booth.toml says, with every default filled in.

Owns: which settings exist, their defaults, bounds and meaning. Must not know: TOML, files, drivers.
Frozen; a key that is not named here is refused. A device's further keys are the options of its driver, which
`edge_agent.settings.load` checks against the driver itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_agent.sdk.driver import Option, Options, OptionValue, SerialSettings
from edge_agent.settings.centre import Commands, Numbers
from edge_agent.settings.courier import Couriers
from edge_agent.settings.file import STATE_DIRECTORY
from edge_agent.settings.labels import Labels
from edge_agent.settings.printing import Printing
from edge_agent.settings.strict import Strict
from edge_agent.settings.uplink import Uplink
from edge_agent.settings.values import (
    BOOTH_ID,
    DEVICE_ID,
    TEMPLATE,
    USB_ID,
    AbsolutePath,
    BarcodeType,
    DecimalSetting,
    ShownText,
    SocketPath,
    Whole,
    rule,
)

SCHEMA = 1  # raised when an old file would be read wrongly
MAX_DEVICES = 10  # of one role; a counter has one or two, and ten fast scales cost 5 % of a core

BaudRate = Annotated[Literal[300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200], Whole]
Policy = Literal["refuse", "flag"]
WeightUnit = Literal["kg", "g", "mg", "t", "lb", "oz"]


class Booth(Strict):
    """Which booth this is."""

    id: str = Field(
        pattern=BOOTH_ID, description="Name of the booth towards the centre, also its MQTT client id."
    )
    name: ShownText = Field(
        default="", description="Name for people in English, as labels and pages show it."
    )
    name_bn: ShownText = Field(
        default="", description="Name for people in Bangla, as labels and pages show it."
    )
    language: Literal["bn", "en"] = Field(default="bn", description="Language of prompts, pages and slips.")
    utc_offset_minutes: int = Field(
        default=360,
        ge=-720,
        le=840,
        description="Minutes that local time is ahead of UTC, for what people read.",
    )


class State(Strict):
    """Where the agent keeps what must outlive it."""

    directory: AbsolutePath = Field(
        default=STATE_DIRECTORY,
        description="Directory of the ledger and everything else that is kept.",
    )


class Counter(Strict):
    """How the booth works with parcels."""

    flow: Literal["acceptance", "none"] = Field(
        default="acceptance", description="What a scan starts: accepting a parcel, or nothing but a record."
    )
    accept: Annotated[tuple[BarcodeType, ...], Field(strict=False, min_length=1, max_length=12)] = Field(
        default=("s10", "sscc", "courier_ref"), description="Types of barcodes that start a parcel."
    )
    repeat_window_s: DecimalSetting = Field(
        default=Decimal("1.0"),
        ge=0,
        le=60,
        description="A code seen again within this time is the scanner's repeat.",
    )
    empty_below_kg: DecimalSetting = Field(
        default=Decimal("0.005"), gt=0, le=1, description="Below this weight the pan counts as empty."
    )
    min_weight_kg: DecimalSetting = Field(
        default=Decimal("0.010"), gt=0, le=1000, description="A parcel that weighs less is refused."
    )
    max_weight_kg: DecimalSetting = Field(
        default=Decimal(30), gt=0, le=1000, description="A parcel that weighs more is refused."
    )
    units: Annotated[tuple[WeightUnit, ...], Field(strict=False, min_length=1, max_length=6)] = Field(
        default=("kg", "g"),
        description="Units that a parcel's weight may have; a scale switched to another is refused.",
    )
    weight_wait_s: DecimalSetting = Field(
        default=Decimal(60), ge=1, le=3600, description="How long a scanned parcel waits for its weight."
    )
    label: str = Field(
        default="parcel-80",
        pattern=TEMPLATE,
        description="Template of the parcel's label; empty for no label.",
    )
    proof: Literal["printed", "consumed", "sent"] = Field(
        default="sent",
        description="Weakest proof that counts as a printed label; below it a person is asked.",
    )
    receipt: str = Field(
        default="",
        pattern=TEMPLATE,
        description="Template of the receipt that a customer is given; empty for none.",
    )
    receipt_printer: str = Field(
        default="", description="Id of the printer for receipts; the label's own if not given."
    )
    without_scale: Policy = Field(
        default="refuse",
        description="Without a working scale: refuse parcels, or take them and flag each record.",
    )
    without_printer: Policy = Field(
        default="refuse",
        description="Without a working printer: refuse parcels, or take them and flag each record.",
    )

    command_key_file: AbsolutePath | None = Field(
        default=None,
        description="File with the key of printed command codes, in hex; without it they are refused.",
    )

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        if self.empty_below_kg >= self.min_weight_kg:
            words = f"more than empty_below_kg, which is {self.empty_below_kg}"
            raise rule("min_weight_kg", f"{self.min_weight_kg} is too small", words)
        if self.min_weight_kg >= self.max_weight_kg:
            words = f"more than min_weight_kg, which is {self.min_weight_kg}"
            raise rule("max_weight_kg", f"{self.max_weight_kg} is too small", words)
        return self


class Device(BaseModel):
    """One scanner, scale or printer. Keys that are not named here are its driver's options."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, OptionValue]

    id: str = Field(pattern=DEVICE_ID, description="Name of the device in events, pages and commands.")
    driver: str = Field(description="Protocol of the device, named as its driver.")
    port: str = Field(description="Where it is connected, as serial:/dev/serial/by-id/… or tcp:host:port.")
    usb_id: str = Field(
        default="",
        pattern=USB_ID,
        description="USB device that alone is opened on a port named by a path, as 0403:6001.",
    )
    baud: BaudRate | None = Field(
        default=None, description="Bits per second of a serial port; the driver's usual rate if not given."
    )
    bits: Annotated[Literal[7, 8], Whole] | None = Field(
        default=None, description="Data bits of a serial port, 7 or 8."
    )
    parity: Literal["N", "E", "O"] | None = Field(
        default=None, description="Parity of a serial port: N none, E even, O odd."
    )
    stop: Annotated[Literal[1, 2], Whole] | None = Field(
        default=None, description="Stop bits of a serial port, 1 or 2."
    )

    flow: Literal["none", "rtscts", "xonxoff"] | None = Field(
        default=None,
        description="Who holds back whom on a serial port: none, the RTS/CTS wires, or XON/XOFF.",
    )
    dtr: bool | None = Field(
        default=None, description="Whether the DTR wire is raised; some scanners take their power from it."
    )
    rts: bool | None = Field(
        default=None, description="Whether the RTS wire is raised; some scanners take their power from it."
    )

    @property
    def driver_options(self) -> Options:
        """The driver's options with their defaults, as `edge_agent.settings.load` has checked them."""
        return Options(tuple(Option(name, value, "") for name, value in self.__pydantic_extra__.items()))

    @property
    def line(self) -> SerialSettings:
        """The serial settings; those left out are the usual 9600 8N1."""
        given = {name: getattr(self, name) for name in SerialSettings.__dataclass_fields__}
        return SerialSettings(**{name: value for name, value in given.items() if value is not None})


class Printer(Device):
    """A printer, and the paper in it."""

    roll_m: int | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="Metres on a full roll of this printer; that of [printing] if not given.",
    )


TABLES: Mapping[str, type[Device]] = {"scanner": Device, "scale": Device, "printer": Printer}


class Ledger(Strict):
    """How long and how much the booth remembers."""

    keep_days: int = Field(
        default=30, ge=1, le=3650, description="Days that events stay after the centre has them."
    )
    quota_mib: int = Field(default=512, ge=16, le=65536, description="Largest size of the ledger in MiB.")
    refuse_free_mib: int = Field(
        default=64,
        ge=8,
        le=65536,
        description="With less free disk than this in MiB new parcels are refused.",
    )
    ballast_mib: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Disk kept back in MiB to finish what was begun when the disk is full.",
    )


class Local(Strict):
    """How programs on the same box reach the agent."""

    socket: SocketPath = Field(
        default=Path("/run/edge-agent/edge-agent.sock"),
        description="Unix socket that the edge-agent command uses.",
    )


class Log(Strict):
    """What the agent writes to the journal."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )


Devices = Annotated[tuple[Device, ...], Field(strict=False, max_length=MAX_DEVICES)]
Printers = Annotated[tuple[Printer, ...], Field(strict=False, max_length=MAX_DEVICES)]


class Settings(Strict):
    """Everything that one booth is told."""

    version: Annotated[Literal[1], Whole] = Field(
        alias="schema", description="Version of this file's format: 1."
    )
    booth: Booth = Field(description="Which booth this is.")
    state: State = Field(default=State(), description="Where the agent keeps what must outlive it.")
    counter: Counter = Field(default=Counter(), description="How the booth works with parcels.")
    labels: Labels = Field(default=Labels(), description="How labels are drawn, whatever printer they go to.")
    printing: Printing = Field(
        default=Printing(), description="How much is printed, and for how long orders wait."
    )
    scanner: Devices = Field(default=(), description="Barcode scanners, one [[scanner]] table each.")
    scale: Devices = Field(default=(), description="Scales, one [[scale]] table each.")
    printer: Printers = Field(default=(), description="Printers, one [[printer]] table each.")
    courier: Couriers = Field(
        default=(),
        description="Couriers' and merchants' numbers, one [[courier]] table each, first ones first.",
    )
    uplink: Uplink = Field(description="The way to the central system, an MQTT broker.")
    commands: Commands = Field(default=Commands(), description="What the centre may order, and who signs it.")
    numbers: Numbers = Field(
        default=Numbers(), description="Numbers for parcels that come without one, leased by the centre."
    )
    ledger: Ledger = Field(default=Ledger(), description="How long and how much the booth remembers.")
    local: Local = Field(default=Local(), description="How programs on the same box reach the agent.")
    log: Log = Field(default=Log(), description="What the agent writes to the journal.")
