"""The errors that reach a user: each says what, where, why, and the next step.

What lives here: the base classes. What does not: errors of one package, which derive from these there.
"""

from __future__ import annotations


class PtpstackError(Exception):
    """A failure that a user can act on.

    ``what`` happened, ``where`` (a file and key, an interface, a clock), ``why``, and the ``next_step``.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", next_step: str = "") -> None:
        self.what, self.where, self.why, self.next_step = what, where, why, next_step
        super().__init__(what)

    def __str__(self) -> str:
        """One sentence a line: ``where: what (why)``, then the next step."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.why:
            text += f" ({self.why})"
        return f"{text}\n  next: {self.next_step}" if self.next_step else text


class WireError(PtpstackError):
    """Bytes that are not a PTP message. The only exception a decoder raises."""


class ConfigError(PtpstackError):
    """A configuration that cannot be used."""


class HardwareError(PtpstackError):
    """An interface or clock that cannot do, or refused to do, what was asked."""
