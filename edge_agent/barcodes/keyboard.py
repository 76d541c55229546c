"""What a scanner types that is set for another country's keyboard, as United States keys show it.

Owns: the layouts, and which of them would explain a text. Must not know: which texts are known, scanners.
Source: the Windows layouts 00000407 (German), 0000040C (French), 00000410 (Italian) and 0000040A (Spanish),
row by row as on the keyboard. Italian and Spanish keys differ in signs that stand in no code of ours (ANY).

Such a text may be told, never turned back: y and z change places on a German keyboard, and a code with the
one is as good as with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

ANY = "\N{REPLACEMENT CHARACTER}"
_US = (
    "`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./",
    "~!@#$%^&*()_+", "QWERTYUIOP{}|", 'ASDFGHJKL:"', "ZXCVBNM<>?",
)  # fmt: skip
_ROWS: Mapping[str, tuple[str, ...]] = {
    "German": (
        "^1234567890ß´", "qwertzuiopü+#", "asdfghjklöä", "yxcvbnm,.-",
        '°!"§$%&/()=?`', "QWERTZUIOPÜ*'", "ASDFGHJKLÖÄ", "YXCVBNM;:_",
    ),
    "French": (
        "²&é\"'(-è_çà)=", "azertyuiop^$*", "qsdfghjklmù", "wxcvbn,;:!",
        f"{ANY}1234567890°+", "AZERTYUIOP¨£µ", "QSDFGHJKLM%", "WXCVBN?./§",
    ),
    "Italian/Spanish": (
        f"{ANY}1234567890'{ANY}", f"qwertyuiop{ANY}+{ANY}", f"asdfghjkl{ANY}{ANY}", "zxcvbnm,.-",
        f'{ANY}!"{ANY}$%&/()=?{ANY}', f"QWERTYUIOP{ANY}*{ANY}", f"ASDFGHJKL{ANY}{ANY}", "ZXCVBNM;:_",
    ),
}  # fmt: skip
# By layout: what is typed for a character that is meant, and what was meant by one that is typed.
TYPED = {
    name: {ord(key): us for key, us in zip("".join(rows), "".join(_US), strict=True) if key != ANY}
    for name, rows in _ROWS.items()
}
MEANT = {name: str.maketrans("".join(_US), "".join(rows)) for name, rows in _ROWS.items()}


def explained_by(text: str, known: Callable[[str], bool]) -> str:
    """The layout under which this text would be a known one; empty where there is none."""
    for name, meant in MEANT.items():
        turned = text.translate(meant)
        if turned != text and known(turned):
            return name
    return ""
