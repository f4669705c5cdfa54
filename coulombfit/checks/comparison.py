"""Which model predicts a new run best? Leave-one-out cross-validation, one term a run, over fits of the same data.

Sign convention, whatever ArviZ version is installed: ``elpd_diff = elpd − elpd of the best model``, so the best has 0
and every other is negative. Its standard error is √(n · variance over runs of the per-run difference).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from coulombfit.answers import Answer
from coulombfit.checks.evidence import Evidence
from coulombfit.checks.smoothing import leave_one_out
from coulombfit.diagnostics import MAX_PARETO_K
from coulombfit.errors import ArgumentError
from coulombfit.result import Fit, Text

__all__ = ["Comparison", "compare"]

# A difference counts as a preference where it exceeds both: below 4 in elpd, models predict alike and the normal
# approximation behind its standard error is poor (Sivula, Magnusson, Vehtari 2020).
MIN_DIFFERENCE = 4.0
MIN_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, eq=False)
class Comparison:
    """Leave-one-out comparison.

    ``table`` has a row a model, best first: ``parameters`` (how many are free), ``elpd`` (expected log density of a new
    run's observation, summed over the runs) and its ``se``, ``p_loo`` (effective number of parameters), ``elpd_diff``
    ≤ 0 to the best and its ``diff_se``, and ``pareto_k_bad``, the number of runs whose Pareto k̂ exceeds the reliable
    limit, where elpd cannot be trusted. ``pointwise`` has the elpd of every run, a variable a model; ``converged``
    says of each fit whether it has; ``evidence`` is that of the same fits, where it was given.
    """

    table: pd.DataFrame
    pointwise: xr.Dataset
    converged: Mapping[str, bool]
    evidence: Evidence | None = None

    @property
    def tree(self) -> xr.DataTree:
        """Per-run elpd of every model, and the table, as a DataTree."""
        table = xr.Dataset.from_dataframe(self.table.rename_axis("model"))
        return xr.DataTree.from_dict({"loo_pointwise": self.pointwise, "comparison": table})

    @property
    def winner(self) -> str:
        """The simplest model that no other predicts better than: fewest parameters, then highest elpd."""
        names = [str(name) for name in self.table.index]
        unbeaten = [name for name in names if not any(self.preferred(other, name) for other in names)]
        # preference is no order: three models may beat each other in a circle, and the best elpd stands first
        return min(unbeaten or names[:1], key=lambda name: self.table.loc[name, "parameters"])

    @property
    def trustworthy(self) -> bool:
        """Whether every fit has converged and no Pareto k̂ is above its limit."""
        return all(self.converged.values()) and not self.table["pareto_k_bad"].any()

    @property
    def answer(self) -> Answer:
        """Whether one law predicts better than every other: else the simplest of those unbeaten is the winner, and the
        data cannot tell it from the others; nor can they where a fit has not converged or a Pareto k̂ is too high."""
        others = [str(name) for name in self.table.index if name != self.winner]
        alone = all(self.preferred(self.winner, name) for name in others)
        return Answer.YES if self.trustworthy and alone else Answer.CANNOT_TELL

    @property
    def verdict(self) -> str:
        """One sentence about the winner against every other model; see :meth:`preferred` for what a preference is."""
        parts = [self._judgement(self.winner, str(name)) for name in self.table.index.drop(self.winner)]
        if bad := int(self.table["pareto_k_bad"].sum()):
            parts.append(f"but {bad} Pareto k̂ above the limit make these numbers unreliable")
        if failed := [name for name, good in self.converged.items() if not good]:
            parts.append(f"but the fit of {', '.join(failed)} has not converged")
        if self.evidence is not None:
            parts.append(self._with_evidence(self.evidence))
        return "; ".join(parts) + "."

    def _with_evidence(self, evidence: Evidence) -> str:
        """Whether marginal likelihoods say the same."""
        best, winner = str(evidence.table.index[0]), self.winner
        probability = f"posterior probability {evidence.table['probability'].iloc[0]:.3g}"
        if not evidence.trustworthy:
            return "the evidence could not be computed reliably"
        if best == winner or not evidence.preferred(best, winner):
            return f"the evidence does not object ({best}: {probability})"
        factor = evidence.factors(best, winner)[0]
        if self.preferred(winner, best):
            return f"the evidence DISAGREES: it is for {best} over {winner} (log Bayes factor {factor:.1f})"
        return f"the evidence goes further: {best} over {winner} (log Bayes factor {factor:.1f}, {probability})"

    def _judgement(self, winner: str, name: str) -> str:
        if self.preferred(name, winner):
            winner, name = name, winner
        total, se = _sum_and_se(self.pointwise[winner] - self.pointwise[name])
        by = f"Δelpd {total:.1f} ± {se:.1f}"
        if not self.preferred(winner, name):
            return f"no preference between {winner} and {name} ({by})"
        # models that differ by the same in every run have no error to count in
        errors = f" by {total / se:.1f} standard errors" if se > 1e-6 * total else ""
        return f"{winner} is preferred over {name}{errors} ({by})"

    def preferred(self, one: str, other: str) -> bool:
        """Whether ``one`` predicts better than ``other`` by more than 4 in elpd and more than 2 standard errors.

        :param one: name of a fit.
        :param other: name of another.
        """
        total, se = _sum_and_se(self.pointwise[one] - self.pointwise[other])
        return total > max(MIN_DIFFERENCE, MIN_STANDARD_ERRORS * se)

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = [self.table] if self.evidence is None else [self.table, self.evidence.table]
        return Text("\n".join([*(table.to_string(float_format="{:.2f}".format) for table in tables), self.verdict]))


def compare(fits: Mapping[str, Fit], *, evidence: Evidence | None = None) -> Comparison:
    """Compare two or more fits of the same observations.

    :param fits: fits by the name to show, e.g. ``{"one": fit1, "two": fit2}``.
    :param evidence: of the same fits, by :func:`coulombfit.evidence`: the verdict then says whether it agrees.
    :raises ArgumentError: for anything but a mapping, for fewer than two fits, fits of different data or of different
        units of observation, or a fit whose log likelihood is not finite.
    """
    if not isinstance(fits, Mapping):
        raise ArgumentError(f"fits: expected fits by name, as {{'one': fit, 'two': fit}}, got {type(fits).__name__}")
    if len(fits) < 2:
        raise ArgumentError(f"fits: expected at least two to compare, got {len(fits)}")
    first_name, first = next(iter(fits.items()))
    for name, other in fits.items():
        if other.likelihood != first.likelihood:
            raise ArgumentError(
                f"fits: {first_name!r} describes a run by its {first.likelihood}, {name!r} by its {other.likelihood}; "
                "densities of different observations cannot be compared"
            )
        if other.record["data"].get("pooled"):
            raise ArgumentError(
                f"fits: {name!r} was fitted to levels whose pairing is not known; comparison needs the runs"
            )
        if other.record["data"]["fingerprint"] != first.record["data"]["fingerprint"]:
            raise ArgumentError(f"fits: {first_name!r} and {name!r} were fitted to different data")

    if evidence is not None and set(evidence.table.index) != set(fits):
        raise ArgumentError(
            f"evidence: expected that of {', '.join(fits)}, got {', '.join(map(str, evidence.table.index))}"
        )
    rows, pointwise = {}, {}
    for name, one in fits.items():
        elpd, k_hat, counted, reliable = _loo(name, one)
        share = one.record["data"]["runs"] / len(elpd)  # of many runs some stand for all
        pointwise[name] = ("run", share * elpd)
        rows[name] = {
            "parameters": one.model.free_parameters(one.likelihood),
            "elpd": share * float(elpd.sum()),
            "se": share * float(np.sqrt(len(elpd)) * elpd.std()),
            "p_loo": float((counted - elpd).sum()),
            "pareto_k_bad": int((~(k_hat <= reliable)).sum()),  # one that could not be computed counts
        }
    table = pd.DataFrame.from_dict(rows, orient="index").sort_values("elpd", ascending=False)
    per_run = xr.Dataset(pointwise)
    differences = [_sum_and_se(per_run[name] - per_run[table.index[0]]) for name in table.index]
    table.insert(4, "elpd_diff", [total for total, _ in differences])
    table.insert(5, "diff_se", [se for _, se in differences])
    return Comparison(
        table,
        per_run,
        {name: one.diagnosis.passed for name, one in fits.items()},
        evidence,
    )


def _loo(name: str, fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What :func:`leave_one_out` finds, shape (run,) each, and the limit of k̂."""
    kept = fit.tree["log_likelihood"].to_dataset()
    (values,) = kept.values()
    if not np.isfinite(values).all():
        raise ArgumentError(f"fits: the log likelihood of {name!r} is not finite; {fit.diagnosis.verdict}")
    posterior = fit.tree["posterior"].to_dataset().sel(draw=kept["draw"])
    draws = kept.sizes["chain"] * kept.sizes["draw"]
    efficiency = min(float(value.min()) for value in azs.ess(posterior, method="mean").values()) / draws
    by_run = values.stack(sample=("chain", "draw")).transpose("run", "sample").to_numpy()
    return *leave_one_out(by_run, min(efficiency, 1.0)), min(1.0 - 1.0 / np.log10(draws), MAX_PARETO_K)


def _sum_and_se(per_run: xr.DataArray) -> tuple[float, float]:
    values = per_run.to_numpy()
    return float(values.sum()), float(np.sqrt(values.size) * values.std(ddof=1))
