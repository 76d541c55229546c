"""The five families of errors that the agent and its drivers raise.

Owns: the families, their stable codes and the operator's hint. Must not know: devices, links, asyncio.

A code never changes once it is released: the central system and the clerk's help sheet refer to it.
Conditions of a device (motion, paper out) are values, not errors; an error is what stopped us.
"""

from __future__ import annotations

HEX_SHOWN_BYTES = 64  # enough for the longest scale frame twice over; keeps a flood out of the log


class EdgeError(Exception):
    """Something that stopped us: which device, what we did, why, and what a person can do.

    `code` is stable and short ("link.lost"); `hint` is one action for the person at the booth.
    """

    def __init__(self, code: str, message: str, *, device: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.device = device
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.device}: " if self.device else ""
        what = f"{where}{self.message} [{self.code}]"
        return f"{what} - {self.hint}" if self.hint else what


class LinkError(EdgeError):
    """A port could not be opened, was lost, or did not take our bytes.

    `accepted` is how many bytes of the interrupted write the operating system had taken.
    """

    def __init__(
        self, code: str, message: str, *, device: str = "", hint: str = "", accepted: int = 0
    ) -> None:
        super().__init__(code, message, device=device, hint=hint)
        self.accepted = accepted


class ProtocolError(EdgeError):
    """Bytes that are no frame of the protocol. `data` are the offending bytes, bounded by the codec.

    Codecs do not raise it: `feed` yields it in its place in the stream, so that the good
    frames before and after it in the same chunk are kept.
    """

    def __init__(self, code: str, message: str, data: bytes = b"", *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.data = bytes(data)

    def __str__(self) -> str:
        shown = self.data[:HEX_SHOWN_BYTES].hex(" ")
        more = f" … {len(self.data)} bytes" if len(self.data) > HEX_SHOWN_BYTES else ""
        return f"{super().__str__()} ({shown}{more})" if self.data else super().__str__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProtocolError):
            return NotImplemented
        return (self.code, self.data) == (other.code, other.data)

    def __hash__(self) -> int:
        return hash((self.code, self.data))


class DeviceError(EdgeError):
    """A device answered, and the answer stops us: wrong device, refused command, no reply."""


class ConfigError(EdgeError):
    """A setting that cannot be used. The message carries file, line, key and what was expected."""


class CommandError(EdgeError):
    """A command (from the centre, the socket or the command line) that is refused."""
