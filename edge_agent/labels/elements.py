"""The keys of a template file: what each element may say, in millimetres and whole dots.

Owns: the names, types and bounds of all keys. Must not know: data, fonts, other elements.

Sizes are exact decimals: integers, decimal strings or TOML numbers read as Decimal, never binary fractions.
Dots are those of a 203 dpi head (8 to the millimetre); another head gets the nearest whole number of its own,
of a code's modules one less where the box has no room for them, but two thirds of the minimum at least.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, Strict

from edge_agent.labels.fields import FieldType
from edge_agent.labels.fitting import Align, Fit
from edge_agent.labels.phrases import Phrase, parse_phrase, path_text

MAX_WIDTH_MM = 120  # the widest desktop label printer head is 108 mm; leaves room for its margins
MAX_HEIGHT_MM = 300  # twice the longest parcel label: bounds the paper that one job can take
MIN_TEXT_MM = Decimal("2.25")  # 18 dots at 203 dpi: below that Bangla conjuncts clog
MAX_TEXT_MM = 40  # a sorting letter across the label; larger is a mistake of units
MAX_ELEMENTS = 100  # four times the fullest shipped template
MAX_ENTRIES = 12  # of one list: as many lines of 8 mm as stand on a receipt that one hand holds
MAX_MODULE_DOTS = 12  # 1.5 mm: wider bars leave no room for an item number on any label
MAX_STROKE_DOTS = 24  # 3 mm: thicker is a black bar, which no template needs and which heats the head


def _exact(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected millimetres such as 4 or 4.5")  # noqa: TRY004  # pydantic wants ValueError
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError("expected millimetres such as 4 or 4.5") from None


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _number(minimum: Decimal | int, maximum: int) -> object:
    return Field(ge=minimum, le=maximum, max_digits=6, decimal_places=3, allow_inf_nan=False)


Mm = Annotated[Decimal, BeforeValidator(_exact), _number(0, MAX_HEIGHT_MM)]
Length = Annotated[Decimal, BeforeValidator(_exact), _number(Decimal("0.5"), MAX_HEIGHT_MM)]
TextMm = Annotated[Decimal, BeforeValidator(_exact), _number(MIN_TEXT_MM, MAX_TEXT_MM)]
Modules = Annotated[int, Strict(), Field(ge=1, le=MAX_MODULE_DOTS)]
Stroke = Annotated[int, Strict(), Field(ge=1, le=MAX_STROKE_DOTS)]
Flag = Annotated[bool, Strict()]
Turn = Literal[0, 90, 180, 270]
Value = Annotated[Phrase, PlainValidator(parse_phrase)]
Path = Annotated[str, BeforeValidator(path_text)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed), Field(max_length=4)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
FileName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,79}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,79}){0,3}$")
]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Element(_Keys):
    """What every element says: its name for messages, its upper left corner, and when it is there at all.

    It is there when the data has all fields of `when` and none of `unless`.
    """

    id: Name
    at: tuple[Mm, Mm]
    when: Paths = ()
    unless: Paths = ()


class Boxed(Element):
    """An element that fills a box. `rotate` turns the content clockwise; the box stays where it is."""

    size: tuple[Length, Length]
    rotate: Turn = 0


class Lettering(Boxed):
    """How words are set: `font_mm` is the em, `min_mm` the floor that it may shrink to."""

    font_mm: TextMm
    min_mm: TextMm | None = None
    weight: Literal[400, 700] = 400
    align: Align = Align.START
    valign: Align = Align.START
    invert: Flag = False

    @property
    def floor_mm(self) -> Decimal:
        return self.font_mm if self.min_mm is None else self.min_mm


class Text(Lettering):
    """Words in one box; `lang` names the script that leads where a line begins with digits or signs."""

    type: Literal["text"]
    value: Value
    fit: Fit = Fit.SHRINK
    lang: Literal["bn", "en"] = "bn"


class Reprint(Lettering):
    """The place of the mark REPRINT n / পুনর্মুদ্রণ n, empty on an original."""

    type: Literal["reprint"]


class Coded(Boxed):
    """A code of whole-dot modules: as large as `module_dots` where that fits, never below the minimum."""

    type: str
    value: Value
    module_dots: Modules
    min_module_dots: Modules | None = None

    @property
    def level(self) -> str:
        """The error correction, where the code leaves a choice."""
        return "M"

    @property
    def least_dots(self) -> int:
        return self.module_dots if self.min_module_dots is None else self.min_module_dots


class Linear(Coded):
    """A linear code; the box holds its quiet zones too, 10 modules on either side."""

    type: Literal["code128", "gs1_128"]


class Qr(Coded):
    """A QR code; the box holds its quiet zone too, 4 modules on all sides."""

    type: Literal["qr"]
    ecc: Literal["L", "M", "Q", "H"] = "M"

    @property
    def level(self) -> str:
        return self.ecc


class DataMatrix(Coded):
    """A Data Matrix; the box holds its quiet zone too, one module on all sides."""

    type: Literal["datamatrix"]


class Line(Element):
    """A horizontal or vertical stroke from `at` to `to`, below or right of the exact line."""

    type: Literal["line"]
    to: tuple[Mm, Mm]
    stroke_dots: Stroke = 2


class Box(Element):
    """A rectangle's outline, inside its bounds."""

    type: Literal["box"]
    size: tuple[Length, Length]
    stroke_dots: Stroke = 2


class Image(Boxed):
    """A 1-bit PNG beside the template file, scaled to the box."""

    type: Literal["image"]
    file: FileName


Drawn = Text | Reprint | Linear | Qr | DataMatrix | Line | Box | Image


class Group(Element):
    """Elements that share an origin and a condition.

    With `each` it stands once for every entry of that list of the data, `most` times at most, each one `step`
    further. Fields are written as if there were one entry: with `each = "device"`, {device.name} is its name.
    """

    type: Literal["group"]
    each: Path | None = None
    most: Annotated[int, Strict(), Field(ge=1, le=MAX_ENTRIES)] = 1
    step: tuple[Mm, Mm] = (Decimal(0), Decimal(0))
    element: Annotated[
        list[Annotated[Drawn, Field(discriminator="type")]], Field(min_length=1, max_length=MAX_ELEMENTS)
    ]


Entry = Annotated[Drawn | Group, Field(discriminator="type")]
ENTRY_TYPES: dict[str, type[Element]] = {
    "text": Text,
    "reprint": Reprint,
    "code128": Linear,
    "gs1_128": Linear,
    "qr": Qr,
    "datamatrix": DataMatrix,
    "line": Line,
    "box": Box,
    "image": Image,
    "group": Group,
}


class Label(_Keys):
    """The paper: its size, the edge that stays free, and whether reprints must be marked (kind label).

    On endless paper `trim` ends the page a margin below the last element drawn: a short list, a short piece.
    """

    version: Literal[1] = Field(alias="schema")
    kind: Literal["label", "slip"]
    title: Annotated[str, Field(min_length=1, max_length=80)]
    size_mm: tuple[
        Annotated[Decimal, BeforeValidator(_exact), _number(20, MAX_WIDTH_MM)],
        Annotated[Decimal, BeforeValidator(_exact), _number(10, MAX_HEIGHT_MM)],
    ]
    margin_mm: Mm = Decimal(0)
    trim: Flag = False


OneSample = Annotated[str, Strict()] | Annotated[int, Strict()]


class FieldKeys(_Keys):
    """One line of [data]: the field's type, whether it may be absent, and its longest honest value.

    A field of a list's entries may have a sample for each entry.
    """

    type: FieldType
    optional: Flag = False
    sample: OneSample | tuple[OneSample, ...] | None = None


class TemplateFile(_Keys):
    """A whole template file."""

    label: Label
    data: Annotated[dict[Path, FieldKeys], Field(max_length=MAX_ELEMENTS)]
    element: Annotated[list[Entry], Field(min_length=1, max_length=MAX_ELEMENTS)]
