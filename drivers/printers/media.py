"""What a label printer is loaded with and how it is set: the options that all label languages share.

Owns: these options, their bounds, and their values for one language. Must not know: commands, links.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from edge_agent.sdk.driver import Option, Options

AS_SET = -1  # leave it as somebody has set it at the printer
DOTS_PER_MM = {"203": 8, "300": 12, "600": 24}  # as printers count them; a head of 300 dpi may have 11.8
DPI = {dots: int(dpi) for dpi, dots in DOTS_PER_MM.items()}
MM_IN_INCH = Decimal("25.4")
OFFSET_DOTS = 240  # 3 cm at 203 dpi: a label that lies farther off is loaded wrongly


@dataclass(frozen=True, slots=True)
class Media:
    """The loaded paper and the settings that go with it; density and speed None: as set at the printer."""

    head_dots: int
    dots_per_mm: int
    sensor: str
    gap_mm: Decimal
    ribbon: bool
    after: str
    density: int | None
    speed: int | None
    x_offset_dots: int
    y_offset_dots: int


def media_options(
    width_dots: int, density_most: int, speed_most: int, *, after: tuple[str, ...]
) -> tuple[Option, ...]:
    """The options of a label printer whose language knows so many steps of density and speed."""
    return (
        Option(
            "width_dots",
            width_dots,
            "dots across of the head: 832 on most 4-inch printers of 203 dpi, 1248 at 300 dpi",
            minimum=64,
            maximum=4096,
        ),
        Option("dpi", "203", "resolution of the head; labels are drawn for it", choices=tuple(DOTS_PER_MM)),
        Option("sensor", "gap", "how the printer finds a label's end", choices=("gap", "mark", "endless")),
        Option(
            "gap_mm",
            Decimal(3),
            "from one label to the next, or the height of the mark, in mm",
            minimum=Decimal(0),
            maximum=Decimal(25),
        ),
        Option("ribbon", False, "thermal transfer with a ribbon; off for thermal paper"),
        Option("after", "tear", "what happens to a printed label", choices=after),
        Option(
            "density",
            AS_SET,
            f"darkness, 0 to {density_most}; -1 leaves it as set at the printer",
            minimum=AS_SET,
            maximum=density_most,
        ),
        Option(
            "speed",
            AS_SET,
            f"inches a second, 1 to {speed_most}; -1 leaves it as set at the printer",
            minimum=AS_SET,
            maximum=speed_most,
            gaps=(0,),
        ),
        *offset_options(),
    )


def offset_options() -> tuple[Option, ...]:
    """Where the print lies on the paper: for every language."""
    return (
        Option(
            "x_offset_dots",
            0,
            "moves the print to the right, or left where negative, in dots (8 are 1 mm at 203 dpi)",
            minimum=-OFFSET_DOTS,
            maximum=OFFSET_DOTS,
        ),
        Option(
            "y_offset_dots",
            0,
            "moves the print down, or up where negative, in dots (8 are 1 mm at 203 dpi)",
            minimum=-OFFSET_DOTS,
            maximum=OFFSET_DOTS,
        ),
    )


def media_of(options: Options) -> Media:
    """The settings as one value."""
    return Media(
        head_dots=options.integer("width_dots"),
        dots_per_mm=DOTS_PER_MM[options.text("dpi")],
        sensor=options.text("sensor"),
        gap_mm=options.decimal("gap_mm"),
        ribbon=options.flag("ribbon"),
        after=options.text("after"),
        density=options.integer("density") if options.integer("density") > AS_SET else None,
        speed=options.integer("speed") if options.integer("speed") > 0 else None,
        x_offset_dots=options.integer("x_offset_dots"),
        y_offset_dots=options.integer("y_offset_dots"),
    )


def mm(dots: int, media: Media) -> bytes:
    """A side of a label in mm, as languages write it: what its template says, at every resolution.

    A page for 300 dpi has 11.8 dots to the mm. A printer that counts 12 then finds room for more rows than it
    is sent; told by its own measure, one that counts 11.8 would cut off the last ones.
    """
    if media.dots_per_mm == DOTS_PER_MM["203"]:
        return plain(Decimal(dots) / media.dots_per_mm)
    length = Decimal(dots) * MM_IN_INCH / DPI[media.dots_per_mm]
    return plain(length.quantize(Decimal("0.1"), ROUND_CEILING))


def plain(number: Decimal) -> bytes:
    """A decimal without exponent and without trailing zeros."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text).encode("ascii")
