"""Whether a pair of levels is degenerate: an inference, where a rule about gaps only guesses.

A model with a split δ is fitted, and its evidence is compared with that of the model that it is at δ = 0. The two
answers are not alike. A split shows itself exponentially fast; that there is none can only be said to within some
share of a width, and the Bayes factor for it grows like n^¼ of n runs, as δ enters spacings by its square. So "no"
takes 20 to 1, and "yes" takes a factor for δ = 0 and an interval of δ that ends within a margin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.answers.answer import Answer, judge_interval
from coulombfit.answers.numbers import format_interval, format_signed
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.data.spectra import Spectra
from coulombfit.inference.fit import fit
from coulombfit.inference.marginal import DECISIVE, integral_of, marginal_likelihood
from coulombfit.inference.preparation import spectra_of
from coulombfit.models import MODELS, Model, find_model
from coulombfit.numerics.intervals import INTERVAL, intervals_of
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.progress import working
from coulombfit.runtime.seeds import check_seed
from coulombfit.samplers.importance import RELIABLE

__all__ = ["Degeneracy", "degeneracy"]

FAVOURED = 0.7
"""Log Bayes factor for δ = 0, 2 to 1, above which, and with an interval within the margin, a pair is degenerate. It
takes some 10⁵ runs until 20 to 1 could be expected; ``benchmarks/degeneracy.py`` prints how often answers are wrong."""
SPLITS = tuple(name for name, one in MODELS.items() if one.edge and one.edge.parameter == "split" and one.at_edge)
"""Models with a split, and another at none."""


@dataclass(frozen=True, eq=False)
class Degeneracy:
    """Posterior of the split δ, and the evidence for δ = 0.

    ``table`` has a row a number, with median and 90 % interval: ``split``, ``split_over_width`` (δ/σ), and what else
    the model reports. ``log_bayes_factor`` is that of the degenerate pair over the split one, ``se`` its standard
    error, ``pareto_k`` the greater one of the two integrals; ``margin`` the δ/σ within which a pair counts as
    degenerate; ``converged`` whether the fit has, ``runs`` how many there were; ``tree`` has the draws.
    """

    table: pd.DataFrame
    log_bayes_factor: float
    se: float
    pareto_k: float
    margin: float
    converged: bool
    tree: xr.DataTree
    runs: int

    @property
    def answer(self) -> Answer:
        """No where the evidence is for a split by 20 to 1 and the interval of δ excludes 0; yes where it is for δ = 0
        and the interval of δ/σ ends below the margin; else the data cannot tell, nor where numbers are unreliable."""
        if not self.ok:
            return Answer.CANNOT_TELL
        row = self.table.loc["split_over_width"]
        within = judge_interval(float(row["lower"]), float(row["upper"]), 0.0, self.margin)
        if within is Answer.NO and self.log_bayes_factor < -DECISIVE:
            return Answer.NO
        favoured = within is Answer.YES and self.log_bayes_factor > FAVOURED
        return Answer.YES if favoured else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether every number can be used: the fit has converged and no Pareto k̂ is above 0.7."""
        return self.converged and self.pareto_k <= RELIABLE

    @property
    def verdict(self) -> str:
        """One sentence."""
        split, ratio = (self._quoted(name) for name in ("split", "split_over_width"))
        said = {
            Answer.YES: f"this pair is degenerate, to within {self.margin:g} σ",
            Answer.NO: "this pair is NOT degenerate, its levels are split",
        }.get(self.answer, "the data cannot tell whether this pair is degenerate")
        factor = f"log Bayes factor for no split {format_signed(self.log_bayes_factor)}"
        unreliable = "" if self.ok else "; but these numbers are unreliable: take more runs, or sampler='nuts'"
        return f"{said}; δ = {split}, δ/σ = {ratio}, {factor}, {self.runs} runs{unreliable}."

    def _quoted(self, name: str) -> str:
        row = self.table.loc[name]
        return format_interval(row["median"], row["lower"], row["upper"], INTERVAL)

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(as_text(self.table) + "\n" + self.verdict)


def degeneracy(
    data: Spectra | ArrayLike,
    *,
    model: str | Model = "split-pair",
    margin: float = 1.0,
    seed: int = 0,
    progress: bool | None = None,
) -> Degeneracy:
    """Ask two levels whether they are a degenerate pair: infer their split, and weigh that there is none.

    :param data: spectra of two levels (``spectra.pair(k)``, or two levels by their numbers), or an array of shape
        (run, 2).
    :param model: "split-pair", or "split-pair-two-widths" where noise may be anisotropic, which takes longer.
    :param margin: δ/σ within which a pair counts as degenerate. One of δ = σ that is taken for a degenerate one has
        its σ² overestimated by δ²/6, its σ by 8 %.
    :param seed: the same seed gives the same numbers.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises ArgumentError: for a model without a split, or a margin that is no positive number.
    :raises DataError: for anything but pairs of distinct levels.
    """
    check_seed(seed)
    margin = positive("margin", margin)
    chosen, likelihood = find_model(model)
    if chosen.edge is None or chosen.edge.parameter != "split" or chosen.at_edge not in MODELS:
        raise ArgumentError(f"model: expected one of {', '.join(map(repr, SPLITS))}, got {chosen.name!r}")
    spectra = spectra_of(data)
    with working(f"asking {spectra.runs} runs for a split", show=progress):
        found = fit(spectra, chosen, likelihood, seed=seed, progress=False)
        without = MODELS[chosen.at_edge]
        none = marginal_likelihood(without, likelihood, found.observations, found.unit, seed=seed)
        some = integral_of(found, seed)
    posterior = found.tree["posterior"].to_dataset()
    width = posterior["sigma_m"] if "sigma_m" in posterior else posterior["sigma"]
    numbers = {str(name): np.asarray(values).ravel() for name, values in posterior.items()}
    numbers["split_over_width"] = np.asarray(posterior["split"] / width).ravel()
    order = ["split", "split_over_width", *(name for name in numbers if name not in ("split", "split_over_width"))]
    ends = intervals_of(numbers, chosen.edge)
    reached = ends["split"][0] <= 0.0  # δ/σ has its edge where δ has
    rows = {
        name: {"median": np.median(numbers[name]), "lower": float(ends[name][0]), "upper": float(ends[name][1])}
        for name in order
    }
    rows["split_over_width"]["lower"] *= 0.0 if reached else 1.0
    return Degeneracy(
        table=pd.DataFrame.from_dict(rows, orient="index"),
        log_bayes_factor=none.log_value - some.log_value,
        se=float(np.hypot(none.se, some.se)),
        pareto_k=max(none.k_hat, some.k_hat),
        margin=margin,
        converged=found.diagnosis.passed,
        tree=xr.DataTree.from_dict({"posterior": posterior.assign(split_over_width=posterior["split"] / width)}),
        runs=spectra.runs,
    )
