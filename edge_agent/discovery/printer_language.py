"""Which driver a printer needs, from what it says of itself through its USB port. Pure.

Owns: the order in which the evidence counts. Must not know: ports, the languages themselves (drivers name the
words and models that mean them).

    a person's word · one language among the words of the command set · a known maker and model
    · an answer to a harmless question · nothing: it is refused, with what could be tried

A command set with several languages decides nothing: such a printer is switched to one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.sdk.driver import DriverSpec
from edge_agent.sdk.ieee1284 import DeviceId


class Basis(StrEnum):
    """What decided."""

    TOLD = "told"
    COMMAND_SET = "command_set"
    MODEL = "model"
    ANSWER = "answer"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Language:
    """The driver, empty where nothing decides; `claims` are all that the id names."""

    driver: str
    basis: Basis
    claims: tuple[str, ...] = ()

    @property
    def contradicted(self) -> bool:
        """Whether a person has told another language than the printer's own words."""
        return self.basis is Basis.TOLD and bool(self.claims) and self.driver not in self.claims


def language_of(
    device_id: DeviceId, specs: Sequence[DriverSpec], *, told: str = "", answered: Iterable[str] = ()
) -> Language:
    """The language of a printer with this id. `told` is a driver's name, `answered` those it answered as."""
    claims = tuple(spec.name for spec in specs if _claims(device_id, spec))
    if told:
        return Language(told, Basis.TOLD, claims)
    if len(claims) == 1:
        return Language(claims[0], Basis.COMMAND_SET, claims)
    models = [spec.name for spec in specs if _is_model(device_id, spec)]
    if len(models) == 1:
        return Language(models[0], Basis.MODEL, claims)
    answers = tuple(answered)
    if len(answers) == 1:
        return Language(answers[0], Basis.ANSWER, claims)
    return Language("", Basis.NOTHING, claims)


def _claims(device_id: DeviceId, spec: DriverSpec) -> bool:
    return any(_word(command) in spec.command_sets for command in device_id.commands)


def _is_model(device_id: DeviceId, spec: DriverSpec) -> bool:
    return (_word(device_id.maker), _word(device_id.model)) in {
        (_word(maker), _word(model)) for maker, model in spec.models
    }


def _word(text: str) -> str:
    return " ".join(text.upper().split())
