"""The table of prompts of docs/guide.md, in Bangla and English, from the agent's own catalogue.

Owns: what the clerk is to do at each prompt. Must not know: when the flow gives it.
"""

from __future__ import annotations

from edge_agent.counter.feedback import CATALOGUE, Prompt

EXAMPLE = {"item": "RR102030405BD"}

# prompt id -> what it asks of the clerk, or tells
MEANING = {
    "scan_parcel": "Nothing is in hand. Scan the next item.",
    "clear_pan": "Take everything off the scale; it must show zero once before a new weight counts.",
    "place_parcel": "Put the scanned parcel on the scale. One that lies there already is weighed anew.",
    "hold_still": "The scale has not come to rest. Touch nothing.",
    "too_heavy": "More than the scale, or `max_weight_kg`, allows. Take it off.",
    "too_light": "Less than `min_weight_kg`. Is the parcel on the pan?",
    "wrong_unit": "The scale was switched to another unit (`units` in booth.toml). Switch it back.",
    "below_zero": "The scale shows less than nothing. Empty the pan and zero the scale.",
    "scale_fault": "No weight can be taken. Check the scale's power and cable, then `edge-agent status`.",
    "printing": "The label is on its way. Wait.",
    "insert_paper": "The label waits. Put in a new roll; it is printed by itself.",
    "close_cover": "The label waits. Close the cover; it is printed by itself.",
    "printer_fault": "The label waits. Check power, cable and display of the printer.",
    "scan_label": "It is not known whether the label came out. If it did, scan its QR code;"
    " if not, `edge-agent print reprint`.",
    "accepted": "The parcel is on disk: the booth has it, whatever happens next.",
    "wait_labels": "The hour's `labels_per_hour` or `paper_m_per_hour` is used up. The label waits.",
    "other_label": "Another parcel's label was scanned than the one asked for; nothing is changed by that."
    " Scan the one that just came out. If none did, or it is wrong: `edge-agent print reprint`.",
    "void_label": "The scanned label belongs to a parcel that was given up, has been replaced by a reprint,"
    " or should not exist. Destroy it.",
    "unknown_label": "The scanned label was not printed here, or so long ago that it is forgotten.",
    "label_confirmed": "The scanned label is on record, and proved now.",
    "refused_code": "A digit was misread or mistyped. Scan again.",
    "refused_kind": "A code that this booth does not take (`accept` in booth.toml).",
    "refused_busy": "Another parcel is in hand. Finish or void it first.",
    "refused_again": "This item was accepted here before.",
    "scanner_floods": "A scanner sends more than anybody can scan: what is too much is dropped. Unplug it.",
    "refused_command": "A printed command code is not of this booth, is over, or means nothing now.",
    "scanner_layout": "The scanner types for another country's keyboard: nothing of it is taken. Its manual"
    " has the code for a US keyboard; the technician has it, too.",
    "scanner_caps": "The scanner turns capitals into small letters: nothing of it is taken. Its manual has"
    " the code.",
    "scale_set": "The scale did what a command code asked: zero or tare.",
    "scale_refused": "The scale did not do what a command code asked: it moved, or is not there.",
    "voided": "The parcel in hand was given up; nothing was accepted. Scan it again.",
    "no_numbers": "The numbers that the centre leased to this booth are used up. It needs more.",
    "not_saved": "The disk did not take it. Nothing was accepted. Call the technician.",
}


def table() -> str:
    """The generated part of docs/guide.md. Raises KeyError for a prompt without a meaning here."""
    rows = ["| prompt | বাংলা | English | what it means |", "|---|---|---|---|"]
    for name in CATALOGUE:
        prompt = Prompt(name, EXAMPLE)
        rows.append(f"| `{name}` | {prompt.text('bn')} | {prompt.text('en')} | {MEANING[name]} |")
    return "\n".join(rows) + "\n"
