"""Label templates: read a TOML file, refuse what is wrong with it by name, hand out the checked template.

Owns: loading and finding templates. Must not know: the data of a label, fonts, printers.

A template only places words, codes, strokes and pictures: there is no code in it, and nothing to include but
PNG files from its own folder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from edge_agent.labels import elements as keys
from edge_agent.labels.checks import check, sample_data
from edge_agent.labels.fields import Field, FieldType
from edge_agent.labels.files import TemplateText, read_template, shipped_names, template_text, toml_of
from edge_agent.labels.page import MAX_PNG_BYTES, from_png
from edge_agent.labels.placing import Template, flattened
from edge_agent.labels.refusals import refusal, refused
from edge_agent.labels.repeating import WrittenOut, written_out
from edge_agent.regular import read_regular
from edge_agent.sdk.errors import CommandError
from edge_agent.sdk.values import Page

__all__ = ["Template", "find_template", "load_template", "parse_template", "sample_data", "shipped_names"]

MAX_PLACED = 240  # twice the fullest shipped template; every pair is looked at, some 0.2 s on a small box
MAX_PICTURES = 4  # a post's emblem and three marks; each may cost MAX_PNG_BYTES to read

_SAMPLES: dict[FieldType, str | int] = {
    FieldType.TEXT: "নমুনা Sample",
    FieldType.INTEGER: 12,
    FieldType.DECIMAL: "12.345",
    FieldType.MONEY: 1_234_550,
    FieldType.DATE: "2026-11-23 21:15",
}


def parse_template(text: str, name: str, folder: Path | None = None) -> Template:
    """A template from its text; pictures come from `folder`. Raises ConfigError("template.…")."""
    document = toml_of(TemplateText(name, text, folder))
    try:
        file = keys.TemplateFile.model_validate(document)
    except ValidationError as cause:
        raise refused(name, document, cause) from None
    whole = written_out(file.element, file.data)
    fields = {path: _sampled(field) for path, field in whole.fields.items()}
    placed = flattened(whole.entries)
    _check_lists(name, file, whole)
    if len(placed) > MAX_PLACED:
        raise refusal(name, f"expected at most {MAX_PLACED} elements, every entry of a list counted")
    pictures = _pictures(name, [spot.element for spot in placed], folder)
    template = Template(name, file.label, fields, placed, pictures, whole.repeats)
    check(template)
    return template


def load_template(path: Path) -> Template:
    """A template from a file, named after it."""
    return _parsed(read_template(path))


def find_template(name: str, folder: Path | None = None) -> Template:
    """The template of this name: the booth's own in `folder`, else the shipped one."""
    return _parsed(template_text(name, folder))


def _parsed(read: TemplateText) -> Template:
    return parse_template(read.text, read.name, read.folder)


def _check_lists(name: str, file: keys.TemplateFile, whole: WrittenOut) -> None:
    """Refuse a list without fields, and what speaks of a list where there is none."""
    for repeat in whole.repeats:
        if not any(path.startswith(f"{repeat.path}.1.") for path in whole.fields):
            problem = f"no field of [data] belongs to entries of {repeat.path!r}"
            raise refusal(name, problem, element=repeat.group, key="each")
    for group in file.element:
        if isinstance(group, keys.Group) and group.each is None and group.model_fields_set & {"most", "step"}:
            raise refusal(name, "is missing: 'most' and 'step' need it", element=group.id, key="each")


def _sampled(field: Field) -> Field:
    return field if field.sample is not None else replace(field, sample=_SAMPLES[field.type])


def _pictures(template: str, elements: list[keys.Drawn], folder: Path | None) -> dict[str, Page]:
    images = [element for element in elements if isinstance(element, keys.Image)]
    if len(images) > MAX_PICTURES:
        raise refusal(template, f"expected at most {MAX_PICTURES} pictures", element=images[MAX_PICTURES].id)
    return {image.file: _picture(template, image.id, folder, image.file) for image in images}


def _picture(template: str, element: str, folder: Path | None, file: str) -> Page:
    """A picture from below the template's folder, links followed first so that none leads out of it."""
    if folder is None:
        raise refusal(
            template, "this template has no folder to take pictures from", element=element, key="file"
        )
    try:
        root = folder.resolve()
        path = (root / file).resolve()
        if not path.is_relative_to(root):
            raise refusal(template, f"expected a PNG in {root}", element=element, key="file")
        return from_png(read_regular(path, MAX_PNG_BYTES))
    except (OSError, RuntimeError, CommandError) as cause:  # RuntimeError: links that lead in a circle
        raise refusal(
            template, f"the picture cannot be used: {cause}", element=element, key="file"
        ) from cause
