"""How a scale comes to tell its weight: asked again and again, asked when needed, told to repeat, or unasked.

Owns: the option "style" and the choice of the life that goes with it. Must not know: any protocol's bytes.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from drivers.scales.polling import PolledProtocol, PolledScale
from drivers.scales.streaming import SILENCE_S, StreamedProtocol, StreamedScale
from edge_agent.sdk.driver import Context, Indication, Option, Options


class Style(StrEnum):
    """Who makes the scale speak."""

    POLL = "poll"
    ON_DEMAND = "on_demand"
    DEVICE_REPEATED = "device_repeated"
    CONTINUOUS = "continuous"
    AUTO_PRINT = "auto_print"


WORDS = {
    Style.POLL: "poll: the agent asks all the time",
    Style.ON_DEMAND: "on_demand: it asks only while a weight is wanted",
    Style.DEVICE_REPEATED: "device_repeated: it tells the scale once to repeat its weight",
    Style.CONTINUOUS: "continuous: the scale is set to send all the time",
    Style.AUTO_PRINT: "auto_print: it is set to send when a key is pressed or a load has come to rest",
}


def style_option(*styles: Style) -> Option:
    """The option "style" of a protocol that knows these; the first is what is usual."""
    words = "; ".join(WORDS[style] for style in styles)
    return Option("style", styles[0].value, words, choices=tuple(style.value for style in styles))


def style_of(options: Options) -> Style:
    return Style(options.text("style"))


def scale_for(
    context: Context, asked: PolledProtocol, *, repeat: bytes = b"", anchor: bytes = b"\n"
) -> PolledScale | StreamedScale:
    """The driver for the configured style; `repeat` has the scale repeat, `anchor` is as streaming has it."""
    style = style_of(context.options)
    if style is Style.POLL:
        return PolledScale(context, asked)
    if style is Style.ON_DEMAND:
        return PolledScale(context, replace(asked, slow_s=None))
    streamed = StreamedProtocol(
        codec=asked.codec,
        anchor=anchor,
        start=repeat if style is Style.DEVICE_REPEATED else b"",
        silence_s=None if style is Style.AUTO_PRINT else SILENCE_S,
        goals=asked.goals,
    )
    return StreamedScale(context, streamed)


# The scale's own side


class Unasked:
    """When a scale of this style speaks of itself."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._printed: Decimal | None = None

    def speaks(self, now: Indication) -> bool:
        """An automatic print is one for each load that has come to rest."""
        if self._style is not Style.AUTO_PRINT:
            return self._style is Style.CONTINUOUS
        if now.motion or now.net == self._printed:
            return False
        self._printed = now.net
        return now.net != 0
