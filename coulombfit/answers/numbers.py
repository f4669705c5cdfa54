"""How numbers are written for a person: two digits of their error, and no probability that is 0 or 1."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

__all__ = ["format_interval", "format_signed", "make_rounder", "plus_minus", "probability"]


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
    write = make_rounder(sd)
    return f"{_with_true_minus(mean, write)} ± {write(sd)}"


def format_interval(middle: float, lower: float, upper: float, content: float) -> str:
    """A median and its interval, to two figures of the sd that a normal law would have; ends may be infinite."""
    write = make_rounder(min(upper - middle, middle - lower) / NormalDist().inv_cdf((1 + content) / 2))
    text = [
        _with_true_minus(end, lambda size: "∞" if np.isinf(size) else write(size)) for end in (middle, lower, upper)
    ]
    return f"{text[0]} ({content:.0%} interval {text[1]} to {text[2]})"


def _with_true_minus(value: float, write: Callable[[float], str]) -> str:
    return f"{'−' if value < 0 else ''}{write(abs(value))}"


def format_signed(value: float) -> str:
    """A difference of logarithms to a tenth, which is all that counts of it; with a true minus, and none before 0.0."""
    text = f"{abs(value):.1f}"
    return f"−{text}" if value < 0 and text != "0.0" else text


def make_rounder(sd: float) -> Callable[[float], str]:
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
