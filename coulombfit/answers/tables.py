"""Tables as text for a person: no probability is 0 or 1, and none has an exponent."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coulombfit.answers.numbers import probability

__all__ = ["PROBABILITIES", "as_text"]

PROBABILITIES = ("p_value", "probability", "within")
"""Columns of probabilities and p-values, in any table."""


def as_text(table: pd.DataFrame, number: str = "{:.4g}", absent: str = "NaN") -> str:
    """A table with probabilities as :func:`coulombfit.answers.numbers.probability` writes them.

    :param number: format of all other numbers.
    :param absent: what stands for NaN.
    """
    text = table.copy()
    for name in text.columns.intersection(list(PROBABILITIES)):
        text[name] = [absent if np.isnan(value) else probability(value).removeprefix("= ") for value in text[name]]
    return text.to_string(float_format=number.format, na_rep=absent)
