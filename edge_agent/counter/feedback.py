"""What the booth tells the people before it: prompts by id, four sounds. Texts in Bangla and English.

Owns: the catalogue of prompts and sounds. Must not know: how they are shown or played.

A prompt is at most six words with one action. SAVED is given only for what is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Sound(StrEnum):
    SAVED = "saved"
    REJECTED = "rejected"
    NEEDS_YOU = "needs_you"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line for the clerk: the catalogue id and what is filled in."""

    id: str
    values: Mapping[str, str] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The prompt in "bn" or "en"."""
        bangla, english = CATALOGUE[self.id]
        return (bangla if language == "bn" else english).format_map(dict(self.values))


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing told to the people at the counter."""

    prompt: Prompt
    sound: Sound | None = None


CATALOGUE: Mapping[str, tuple[str, str]] = {
    "scan_parcel": ("পার্সেল স্ক্যান করুন", "Scan the parcel"),
    "clear_pan": ("পাল্লা খালি করুন", "Empty the scale"),
    "place_parcel": ("পার্সেল পাল্লায় রাখুন", "Put the parcel on"),
    "hold_still": ("একটু অপেক্ষা করুন", "Wait, weighing"),
    "too_heavy": ("বেশি ভারী, নামিয়ে নিন", "Too heavy, take it off"),
    "too_light": ("ওজন খুব কম", "Weight is too small"),
    "wrong_unit": ("দাঁড়িপাল্লার একক ঠিক করুন", "Set the scale's unit"),
    "below_zero": ("দাঁড়িপাল্লা শূন্য করুন", "Set the scale to zero"),
    "scale_fault": ("দাঁড়িপাল্লা সাড়া দিচ্ছে না", "Scale does not answer"),
    "printing": ("লেবেল ছাপা হচ্ছে", "Printing the label"),
    "insert_paper": ("কাগজ দিন", "Insert paper"),
    "close_cover": ("প্রিন্টারের ঢাকনা বন্ধ করুন", "Close the printer cover"),
    "printer_fault": ("প্রিন্টার দেখুন", "Check the printer"),
    "scan_label": ("নতুন লেবেলের QR স্ক্যান করুন", "Scan the new label's QR"),
    "accepted": ("গৃহীত হয়েছে: {item}", "Accepted: {item}"),
    "wait_labels": ("অনেক লেবেল ছাপা হয়েছে, অপেক্ষা করুন", "Too many labels, wait"),
    "other_label": ("এটি অন্য লেবেল, নতুনটি স্ক্যান করুন", "Another label, scan the new one"),
    "void_label": ("এই লেবেল বাতিল, ছিঁড়ে ফেলুন", "Void label, tear it up"),
    "unknown_label": ("এটি এই বুথের লেবেল নয়", "Not a label of this booth"),
    "label_confirmed": ("লেবেল ঠিক আছে", "Label is right"),
    "refused_code": ("কোড ভুল, আবার স্ক্যান করুন", "Wrong code, scan again"),
    "refused_kind": ("এটি পার্সেলের কোড নয়", "Not a parcel code"),
    "refused_busy": ("আগের পার্সেল শেষ করুন", "Finish the parcel first"),
    "refused_again": ("আগেই গৃহীত হয়েছে", "Already accepted"),
    "scanner_floods": ("স্ক্যানার খুলে দেখুন", "Unplug and check the scanner"),
    "refused_command": ("এই নির্দেশ কোড চলবে না", "Command code not taken"),
    "scanner_layout": ("'US keyboard' কোড স্ক্যান করুন", "Scan the 'US keyboard' set-up code"),
    "scanner_caps": ("'Caps Lock off' কোড স্ক্যান করুন", "Scan the 'Caps Lock off' code"),
    "scale_set": ("দাঁড়িপাল্লা ঠিক হয়েছে", "The scale is set"),
    "scale_refused": ("দাঁড়িপাল্লা রাজি হয়নি, আবার করুন", "Scale refused, try again"),
    "voided": ("বাতিল হয়েছে, আবার স্ক্যান করুন", "Cancelled, scan again"),
    "no_numbers": ("নম্বর শেষ, টেকনিশিয়ান ডাকুন", "No numbers left, call technician"),
    "not_saved": ("সংরক্ষণ হয়নি, টেকনিশিয়ান ডাকুন", "Not saved, call technician"),
}
