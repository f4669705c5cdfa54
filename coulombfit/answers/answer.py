"""How a question is answered: yes, no, or that the data cannot tell; what was not checked is not run."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

__all__ = ["Answer", "all_of", "judge_interval"]


class Answer(StrEnum):
    """The answer to a question asked of data."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "the data cannot tell"
    NOT_RUN = "not run"


def judge_interval(lower: float, upper: float, value: float, margin: float) -> Answer:
    """Whether a number is ``value``, by its interval.

    No where the interval does not hold the value. Yes where it does and ends no further than ``margin`` from it, so
    that nothing else of interest is left. An interval that holds the value and much else cannot tell.
    """
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return Answer.CANNOT_TELL
    if not lower <= value <= upper:
        return Answer.NO
    return Answer.YES if value - margin <= lower and upper <= value + margin else Answer.CANNOT_TELL


def all_of(answers: Iterable[Answer]) -> Answer:
    """One answer for many: no if any is; else cannot tell if any does; not run where none was."""
    found = [answer for answer in answers if answer is not Answer.NOT_RUN]
    for answer in (Answer.NO, Answer.CANNOT_TELL):
        if answer in found:
            return answer
    return Answer.YES if found else Answer.NOT_RUN
