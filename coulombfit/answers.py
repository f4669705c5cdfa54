"""How a question is answered, and how its numbers are written.

Every check answers yes, no, or that the data cannot tell; what was not checked is not run. A verdict is a sentence that
leads with the answer in plain words, then has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from statistics import NormalDist

import numpy as np

__all__ = ["Answer", "about_a_value", "all_of", "plus_minus", "probability", "rounder", "signed"]


class Answer(StrEnum):
    """The answer to a question asked of data."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "the data cannot tell"
    NOT_RUN = "not run"


def about_a_value(lower: float, upper: float, value: float, margin: float) -> Answer:
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


def probability(value: float) -> str:
    """A p-value or probability behind its sign: "= 0.031", "< 0.001", "> 0.99", "> 0.999"."""
    if np.isnan(value):
        return "unknown"
    if value < 0.001:
        return "< 0.001"
    if value > 0.999:
        return "> 0.999"
    return "> 0.99" if value >= 0.995 else f"= {value:.2g}"


def plus_minus(mean: float, sd: float) -> str:
    """Mean ± sd, both to two significant figures of the sd, with a true minus."""
    write = rounder(sd)
    return f"{_with_true_minus(mean, write)} ± {write(sd)}"


def between(middle: float, lower: float, upper: float, content: float) -> str:
    """A median and its interval, to two figures of the sd that a normal law would have; ends may be infinite."""
    write = rounder(min(upper - middle, middle - lower) / NormalDist().inv_cdf((1 + content) / 2))
    text = [
        _with_true_minus(end, lambda size: "∞" if np.isinf(size) else write(size)) for end in (middle, lower, upper)
    ]
    return f"{text[0]} ({content:.0%} interval {text[1]} to {text[2]})"


def _with_true_minus(value: float, write: Callable[[float], str]) -> str:
    return f"{'−' if value < 0 else ''}{write(abs(value))}"


def signed(value: float) -> str:
    """A difference of logarithms to a tenth, which is all that counts of it; with a true minus, and none before 0.0."""
    text = f"{abs(value):.1f}"
    return f"−{text}" if value < 0 and text != "0.0" else text


def rounder(sd: float) -> Callable[[float], str]:
    """Format numbers to two significant figures of ``sd``; with an exponent where decimals would not read well."""
    if not np.isfinite(sd) or sd <= 0:
        return "{:.6g}".format
    last = int(np.floor(np.log10(sd))) - 1
    if -8 <= last <= 0:
        return f"{{:.{-last}f}}".format

    def scientific(value: float) -> str:
        digits = int(np.floor(np.log10(abs(value)))) - last if value else 0
        return f"{value:.{max(1, digits)}e}"

    return scientific
