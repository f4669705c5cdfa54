"""How commands end: the exit codes, in one table."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """An exit code of the command ``coulombfit``; ``meaning`` says what it tells.

    A result that has not converged says nothing of whether its law describes the data, so 3 comes before 7.
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        """A code that knows what it means."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    FINE = 0, "fine"
    USAGE = 2, "usage, or what cannot be written"
    NOT_CONVERGED = 3, "a fit has not converged (its results are written, and say so)"
    DATA_REFUSED = 4, "data refused"
    NOT_CALIBRATED = 5, "not calibrated"
    DIVERGED = 6, "all runs of a simulation diverged"
    NOT_DESCRIBED = (
        7,
        "converged, but the law does not describe the data (of fit: the model asked for; else the winner)",
    )
    HUNG_UP = 129, "hung up"
    INTERRUPTED = 130, "interrupted (Ctrl-C)"
    UNREAD = 141, "nobody read what it printed"
    TERMINATED = 143, "terminated"

    @classmethod
    def table(cls) -> str:
        """All of them in one sentence."""
        return "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in cls) + "."
