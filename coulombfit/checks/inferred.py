"""What inferences by bootstrap or importance sampling have in common: draws, a table with quantiles, a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from coulombfit.answers.answer import Answer, judge_interval
from coulombfit.answers.numbers import format_interval
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.inference.posterior_table import numbers_of
from coulombfit.numerics.intervals import INTERVAL

__all__ = ["FEWEST", "Inferred", "bootstrap", "judge_draws", "posterior"]

DRAWS = 2000
REFUTED = 0.99
"""Content of the interval outside which a value is refuted."""
FEWEST = 10
"""Runs or samples of which a bootstrap can be made."""


@dataclass(frozen=True, eq=False)
class Inferred:
    """Posterior draws, dims (chain, draw) and perhaps level, in the group "posterior" of ``tree``."""

    tree: xr.DataTree

    @property
    def table(self) -> pd.DataFrame:
        """A row a number: median and equal-tailed 90 % interval, which may be infinite."""
        rows = {}
        for name, draws in numbers_of(self.tree["posterior"].to_dataset()).items():
            # no interpolation, which makes NaN of infinities
            at = [0.5, (1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
            found = np.quantile(draws.to_numpy(), at, method="inverted_cdf")
            rows[name] = dict(zip(("median", "lower", "upper"), found.tolist(), strict=True))
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: draws of a bootstrap always can."""
        return True

    @property
    def verdict(self) -> str:
        """One sentence."""
        raise NotImplementedError

    def quoted(self, name: str) -> str:
        """A row of the table as text."""
        row = self.table.loc[name]
        return format_interval(row["median"], row["lower"], row["upper"], INTERVAL)

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(as_text(self.table) + "\n" + self.verdict)


def posterior(draws: Mapping[str, Float[np.ndarray, "draw ..."]]) -> xr.DataTree:
    """Draws (draw,) or (draw, level) as one chain."""
    dims = ("chain", "draw", "level")
    one_chain = {name: (dims[: values.ndim + 1], values[None]) for name, values in draws.items()}
    return xr.DataTree.from_dict({"posterior": xr.Dataset(one_chain)})


def judge_draws(draws: Float[np.ndarray, "..."], value: float, margin: float) -> Answer:
    """Whether a number is ``value``: no outside its 99 % interval; yes where the 90 % interval holds it and ends no
    further than ``margin`` from it; else the data cannot tell."""
    contents = np.array([REFUTED, INTERVAL])
    lower, upper = np.quantile(draws, [(1 - contents) / 2, (1 + contents) / 2], method="inverted_cdf")
    if judge_interval(lower[0], upper[0], value, margin) is Answer.NO:
        return Answer.NO
    within = judge_interval(lower[1], upper[1], value, margin)
    return Answer.YES if within is Answer.YES else Answer.CANNOT_TELL


def bootstrap(values: Float[np.ndarray, "unit n"], rng: np.random.Generator) -> Float[np.ndarray, "draw n"]:
    """Draws of the mean over units, by a Bayesian bootstrap.

    The Dirichlet concentration 1 − 4/units gives means the variance of Student's t.
    """
    count, blocks = len(values), 20  # of draws, to bound the memory
    found = []
    for _ in range(blocks):
        weights = rng.standard_gamma(1.0 - 4.0 / count, (DRAWS // blocks, count))
        found.append(weights @ values / weights.sum(axis=1, keepdims=True))
    return np.concatenate(found)
