"""Diagnosis of a fit: has the sampler converged, and are there enough runs for its intervals.

Every criterion has its value and threshold, and "not run" where it was not checked. Few runs are another matter than
convergence: chains may have converged to a posterior whose intervals do not hold the truth as often as they say, since
there priors speak. From how many runs on they do was found by simulation, for every model and likelihood
(:attr:`coulombfit.models.Model.nominal_from`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import arviz_stats as azs
import numpy as np
import xarray as xr

from coulombfit.inference.record import nominal_in
from coulombfit.inference.sandwich import GAIN
from coulombfit.models import Model

__all__ = ["RECORD", "Check", "Diagnosis", "diagnose", "judge_runs"]

RECORD = "coulombfit"
"""Attribute of a fit's tree with the record of how it came about."""

Status = Literal["passed", "failed", "not run"]

MAX_RHAT = 1.01
"""Largest rank-normalised R̂ that passes (Vehtari et al., arXiv:1903.08008)."""
MIN_ESS = 400.0
"""Least bulk or tail effective sample size that passes (the same)."""
MIN_BFMI = 0.3
"""Least energy Bayesian fraction of missing information that passes, as in CmdStan's ``diagnose``; below, chains hardly
move between energies (Betancourt, arXiv:1604.00695)."""
MAX_GAIN = 1e-6
"""Most that ln L may still have to gain where a search for its maximum has ended."""
MAX_PARETO_K = 0.7
"""Largest Pareto k̂ of importance weights that passes (Vehtari et al., arXiv:1507.02646)."""

RUNS = "runs for this likelihood"
UNCORRECTED = (
    "takes the two levels of a run for independent, which they are not: at no number of runs do its intervals hold the "
    "truth as often as they say; 'density' corrects them"
)


@dataclass(frozen=True)
class Check:
    """One criterion: ``value`` is None where it could not be computed, and the status then is "not run"."""

    name: str
    value: float | None
    threshold: float
    rule: Literal["at most", "at least"]

    @property
    def status(self) -> Status:
        """Whether the value meets the threshold."""
        if self.value is None:
            return "not run"
        met = self.value <= self.threshold if self.rule == "at most" else self.value >= self.threshold
        return "passed" if met else "failed"

    @property
    def shown(self) -> str:
        """The value as text."""
        return "absent" if self.value is None else f"{self.value:.5g}"

    def __str__(self) -> str:
        return f"{self.name}: {self.shown} ({self.rule} {self.threshold:g}): {self.status}"


@dataclass(frozen=True)
class Diagnosis:
    """All criteria of one fit: ``checks``, each with its value, threshold and status.

    ``caveat`` is what holds of the likelihood whatever the number of runs.
    """

    checks: tuple[Check, ...]
    caveat: str = ""

    def _named(self, status: Status) -> str:
        return ", ".join(check.name for check in self._of_convergence if check.status == status)

    @property
    def _of_convergence(self) -> list[Check]:
        return [check for check in self.checks if check.name != RUNS]

    @property
    def passed(self) -> bool:
        """True where every check of convergence ran and passed; of the number of runs see :attr:`few`."""
        return all(check.status == "passed" for check in self._of_convergence)

    @property
    def few(self) -> str:
        """What is wrong with the number of runs, or with intervals at any number; empty where nothing is known to be.

        "too few runs for this likelihood: …" below the least number from which simulated intervals are nominal.
        """
        few = [check for check in self.checks if check.name == RUNS and check.status == "failed"]
        return _too_few(few[0].shown, few[0].threshold) if few else self.caveat

    @property
    def verdict(self) -> str:
        """One sentence on convergence, and one on the number of runs where they are too few."""
        if self._named("failed"):
            converged = f"NOT CONVERGED, do not use: {self._named('failed')} failed"
        elif self._named("not run"):
            converged = f"Convergence not established: {self._named('not run')} not run"
        else:
            converged = "Converged" if self.few else "Converged: every check passed"
        return f"{converged}; {self.few}." if self.few else f"{converged}."

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {check}" for check in self.checks)])


def diagnose(tree: xr.DataTree) -> Diagnosis:
    """Judge the posterior and sample_stats groups of ``tree``.

    Thresholds: R̂ ≤ 1.01, bulk and tail ESS ≥ 400 in every reported parameter; no divergence, no trajectory stopped by
    the treedepth limit; E-BFMI ≥ 0.3 in every chain. Of importance sampling: Pareto k̂ of the weights ≤ 0.7, and weights
    worth 400 draws. Runs at least as many as the model's intervals need to be nominal; a tree without the record of a
    fit by a known model leaves that check out.

    :param tree: as :attr:`coulombfit.Fit.tree`; a group that is absent leaves its checks "not run".
    """
    check, caveat = _of_runs(json.loads(tree.attrs.get(RECORD, "{}")))
    return Diagnosis(_of_convergence(tree) + check, caveat)


def judge_runs(model: Model, likelihood: str, runs: int) -> str:
    """What is wrong with so many runs, as :attr:`Diagnosis.few`; empty where nothing is known to be."""
    least = model.nominal_from.get(likelihood, 0)
    if least is None:
        return _uncorrected(likelihood)
    return _too_few(f"{runs}", least) if runs < least else ""


def _uncorrected(likelihood: str) -> str:
    return f"{likelihood!r} {UNCORRECTED}"


def _too_few(runs: str, least: float) -> str:
    return (
        f"too few runs for this likelihood: {runs}, where simulated intervals are nominal from {least:g} on "
        "and priors speak below"
    )


def _of_runs(record: dict[str, Any]) -> tuple[tuple[Check, ...], str]:
    """The check of the number of runs, where one applies, and the caveat."""
    likelihood, data = record.get("likelihood", ""), record.get("data", {})
    nominal = nominal_in(record)
    if likelihood not in nominal or "runs" not in data:
        return (), ""
    runs = data["runs"] // (2 if data.get("pooled") else 1)
    least = nominal[likelihood]
    if least is None:
        return (), _uncorrected(likelihood)
    return (Check(RUNS, runs, least, "at least"),), ""


def _of_convergence(tree: xr.DataTree) -> tuple[Check, ...]:
    posterior, stats = _group(tree, "posterior"), _group(tree, "sample_stats")
    if GAIN in stats:
        return (Check("gain left at the maximum", float(stats[GAIN]), MAX_GAIN, "at most"),)
    if "pareto_k" in stats:
        return (
            Check("Pareto k-hat", float(stats["pareto_k"]), MAX_PARETO_K, "at most"),
            Check("effective draws", float(stats["effective"]), MIN_ESS, "at least"),
        )
    several = posterior.sizes.get("chain", 0) > 1

    def every(function: Callable[..., xr.Dataset], **options: str) -> list[float]:
        values = function(posterior, **options) if posterior.data_vars else xr.Dataset()
        return [float(value) for variable in values.values() for value in np.ravel(variable)]

    def total(name: str) -> float | None:
        return float(stats[name].to_numpy().sum()) if name in stats else None

    # np.max and np.min hand NaN on (draws that never move), and NaN meets no threshold
    return (
        Check("R-hat", _extreme(np.max, every(azs.rhat) if several else []), MAX_RHAT, "at most"),
        Check("bulk ESS", _extreme(np.min, every(azs.ess, method="bulk")), MIN_ESS, "at least"),
        Check("tail ESS", _extreme(np.min, every(azs.ess, method="tail")), MIN_ESS, "at least"),
        Check("divergences", total("diverging"), 0.0, "at most"),
        Check("E-BFMI", _extreme(np.min, _bfmi(stats)), MIN_BFMI, "at least"),
        Check("saturated treedepth", total("reached_max_treedepth"), 0.0, "at most"),
    )


def _group(tree: xr.DataTree, name: str) -> xr.Dataset:
    return tree[name].to_dataset() if name in tree.children else xr.Dataset()


def _bfmi(stats: xr.Dataset) -> list[float]:
    return [float(value) for value in azs.bfmi(stats[["energy"]])["energy"]] if "energy" in stats else []


def _extreme(function: Callable[[list[float]], float], values: list[float]) -> float | None:
    return float(function(values)) if values else None
