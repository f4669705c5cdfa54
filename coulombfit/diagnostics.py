"""The gate: has the sampler converged? Every criterion with its value and threshold; what was not checked says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import arviz_stats as azs
import numpy as np
import xarray as xr

__all__ = ["Check", "Diagnosis", "diagnose"]

Status = Literal["passed", "failed", "not run"]

MAX_RHAT = 1.01
MIN_ESS = 400.0
MIN_BFMI = 0.3
MAX_PARETO_K = 0.7


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
    """All criteria of one fit: ``checks``, each with its value, threshold and status."""

    checks: tuple[Check, ...]

    def _named(self, status: Status) -> str:
        return ", ".join(check.name for check in self.checks if check.status == status)

    @property
    def passed(self) -> bool:
        """True where every check ran and passed."""
        return all(check.status == "passed" for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self._named("failed"):
            return f"NOT CONVERGED, do not use: {self._named('failed')} failed."
        if self._named("not run"):
            return f"Convergence not established: {self._named('not run')} not run."
        return "Converged: every check passed."

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {check}" for check in self.checks)])


def diagnose(tree: xr.DataTree) -> Diagnosis:
    """Judge the posterior and sample_stats groups of ``tree``.

    Thresholds: R̂ ≤ 1.01, bulk and tail ESS ≥ 400 in every reported parameter; no divergence, no trajectory stopped by
    the treedepth limit; E-BFMI ≥ 0.3 in every chain. Of importance sampling: Pareto k̂ of the weights ≤ 0.7, and weights
    worth 400 draws.

    :param tree: as :attr:`coulombfit.Fit.tree`; a group that is absent leaves its checks "not run".
    """
    posterior, stats = _group(tree, "posterior"), _group(tree, "sample_stats")
    if "pareto_k" in stats:
        return Diagnosis(
            (
                Check("Pareto k-hat", float(stats["pareto_k"]), MAX_PARETO_K, "at most"),
                Check("effective draws", float(stats["effective"]), MIN_ESS, "at least"),
            )
        )
    several = posterior.sizes.get("chain", 0) > 1

    def every(function: Callable[..., xr.Dataset], **options: str) -> list[float]:
        values = function(posterior, **options) if posterior.data_vars else xr.Dataset()
        return [float(value) for variable in values.values() for value in np.ravel(variable)]

    def total(name: str) -> float | None:
        return float(stats[name].to_numpy().sum()) if name in stats else None

    # np.max and np.min hand NaN on (draws that never move), and NaN meets no threshold
    return Diagnosis(
        (
            Check("R-hat", _extreme(np.max, every(azs.rhat) if several else []), MAX_RHAT, "at most"),
            Check("bulk ESS", _extreme(np.min, every(azs.ess, method="bulk")), MIN_ESS, "at least"),
            Check("tail ESS", _extreme(np.min, every(azs.ess, method="tail")), MIN_ESS, "at least"),
            Check("divergences", total("diverging"), 0.0, "at most"),
            Check("E-BFMI", _extreme(np.min, _bfmi(stats)), MIN_BFMI, "at least"),
            Check("saturated treedepth", total("reached_max_treedepth"), 0.0, "at most"),
        )
    )


def _group(tree: xr.DataTree, name: str) -> xr.Dataset:
    return tree[name].to_dataset() if name in tree.children else xr.Dataset()


def _bfmi(stats: xr.Dataset) -> list[float]:
    return [float(value) for value in azs.bfmi(stats[["energy"]])["energy"]] if "energy" in stats else []


def _extreme(function: Callable[[list[float]], float], values: list[float]) -> float | None:
    return float(function(values)) if values else None
