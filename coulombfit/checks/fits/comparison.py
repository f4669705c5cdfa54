"""Which model predicts a new run best? Leave-one-out cross-validation, one term a run, over fits of the same data.

Sign convention, whatever ArviZ version is installed: ``elpd_diff = elpd − elpd of the best model``, so the best has 0
and every other is negative. Its standard error is √(n · variance over runs of the per-run difference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import format_signed, plus_minus, probability
from coulombfit.answers.result import Text
from coulombfit.checks.fits.evidence import Evidence, check_fits
from coulombfit.inference.convergence import MAX_PARETO_K
from coulombfit.inference.description import Description
from coulombfit.inference.fit_result import Fit
from coulombfit.runtime.errors import ArgumentError
from coulombfit.samplers.psis_loo import leave_one_out

__all__ = ["Comparison", "compare"]

# A difference counts as a preference where it exceeds both: below 4 in elpd, models predict alike and the normal
# approximation behind its standard error is poor (Sivula, Magnusson, Vehtari 2020).
MIN_DIFFERENCE = 4.0
MIN_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, eq=False)
class _Descriptions(Mapping[str, Description]):
    """Descriptions of fits by name, which take a while each: only the winner's has a part in the verdict."""

    fits: Mapping[str, Fit]

    def __getitem__(self, name: str) -> Description:
        return self.fits[name].description

    def __iter__(self) -> Iterator[str]:
        return iter(self.fits)

    def __len__(self) -> int:
        return len(self.fits)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Leave-one-out comparison.

    ``table`` has a row a model, best first: ``parameters`` (how many are free), ``elpd`` (expected log density of a new
    run's observation, summed over the runs) and its ``se``, ``p_loo`` (effective number of parameters), ``elpd_diff``
    ≤ 0 to the best and its ``diff_se``, and ``pareto_k_bad``, the number of runs whose Pareto k̂ exceeds the reliable
    limit, where elpd cannot be trusted. ``pointwise`` has the elpd of every run, a variable a model; ``converged``
    says of each fit whether it has; ``evidence`` is that of the same fits, where it was given; ``descriptions`` say of
    each whether it describes the data, which the best of several need not; each is made when it is asked for.
    """

    table: pd.DataFrame
    pointwise: xr.Dataset
    converged: Mapping[str, bool]
    evidence: Evidence | None = None
    descriptions: Mapping[str, Description] = field(default_factory=dict)

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
    def _alone(self) -> bool:
        """Whether the winner predicts better than every other."""
        return all(self.preferred(self.winner, str(name)) for name in self.table.index.drop(self.winner))

    @property
    def answer(self) -> Answer:
        """Yes where one law predicts better than every other, and the evidence, where it was given and is reliable,
        has no other for its best. Else the data cannot tell the winner, which is the simplest of those unbeaten, from
        others; nor can they where a fit has not converged or a Pareto k̂ is too high."""
        agreed = self.evidence is None or not self.evidence.trustworthy or self.evidence.table.index[0] == self.winner
        return Answer.YES if self.trustworthy and self._alone and agreed else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether every number can be used: :attr:`trustworthy`."""
        return self.trustworthy

    @property
    def verdict(self) -> str:
        """One sentence about the winner against every other model; see :meth:`preferred` for what a preference is."""
        others = [str(name) for name in self.table.index.drop(self.winner)]
        # what cannot be told comes first: it is the answer
        others.sort(key=lambda name: self.preferred(self.winner, name))
        parts = [self._judgement(self.winner, name) for name in others]
        if bad := int(self.table["pareto_k_bad"].sum()):
            parts.append(f"but {bad} Pareto k̂ above the limit make these numbers unreliable")
        if failed := [name for name, good in self.converged.items() if not good]:
            parts.append(f"but the fit of {', '.join(failed)} has not converged")
        if self.evidence is not None:
            parts.append(self._with_evidence(self.evidence))
        own = self.descriptions.get(self.winner)
        if own is not None and own.answer is Answer.NO:
            worst = min(own.p_values, key=lambda name: own.p_values[name])
            parts.append(
                f"but {self.winner} does NOT describe the data ({worst}, p {probability(own.p_values[worst])})"
            )
        doubted = self._alone and self.answer is not Answer.YES
        return ("the data cannot tell: " if doubted else "") + "; ".join(parts) + "."

    def _with_evidence(self, evidence: Evidence) -> str:
        """What marginal likelihoods say beside it."""
        best, winner = str(evidence.table.index[0]), self.winner
        sure = f"posterior probability {probability(evidence.table['probability'].iloc[0])}"
        if not evidence.trustworthy:
            return "the evidence could not be computed reliably"
        close = ", ".join(str(name) for name in evidence.table.index[1:] if not evidence.preferred(best, str(name)))
        if best == winner and evidence.answer is Answer.YES:
            return (
                f"the evidence is for {best}, too ({sure})" if self._alone else f"the evidence is for {best} ({sure})"
            )
        if best == winner:
            unsure = f"does not tell it from {close} by 20 to 1" if close else "depends on the priors"
            return f"the evidence is best for {best}, but {unsure} ({sure})"
        factor = f"log Bayes factor over {winner} {format_signed(evidence.factors(best, winner)[0])}, {sure}"
        if not evidence.preferred(best, winner):
            return f"the evidence has another best, {best}, which it does not tell from {winner} by 20 to 1 ({factor})"
        if self.preferred(winner, best):
            return f"the evidence DISAGREES: it is for {best} ({factor})"
        return f"the evidence is for another, {best} ({factor})"

    def _judgement(self, winner: str, name: str) -> str:
        if self.preferred(name, winner):
            winner, name = name, winner
        total, se = _sum_and_se(self.pointwise[winner] - self.pointwise[name])
        # models that differ by the same in every run have no error to count in
        alike = se <= 1e-6 * max(1.0, abs(total))
        by = f"Δelpd {format_signed(total)}, the same in every run" if alike else f"Δelpd {plus_minus(total, se)}"
        if not self.preferred(winner, name):
            return f"the data cannot tell {winner} from {name} ({by})"
        errors = "" if alike else f" by {total / se:.1f} standard errors"
        return f"{winner} is preferred over {name}{errors} ({by})"

    def preferred(self, one: str, other: str) -> bool:
        """Whether ``one`` predicts better than ``other`` by more than 4 in elpd and more than 2 standard errors.

        :param one: name of a fit.
        :param other: name of another.
        """
        total, se = _sum_and_se(self.pointwise[one] - self.pointwise[other])
        return total > max(MIN_DIFFERENCE, MIN_STANDARD_ERRORS * se)

    def formatted(self) -> pd.DataFrame:
        """The table as text, the best model being the reference of differences."""
        whole = [name for name in ("parameters", "pareto_k_bad") if name in self.table]
        text = self.table.drop(columns=whole).map("{:.2f}".format).reindex(columns=self.table.columns)
        text[whole] = self.table[whole].astype(int).astype(str)
        text.loc[text.index[0], ["elpd_diff", "diff_se"]] = ["(reference)", ""]
        return text

    def summary(self) -> Text:
        """The tables and the verdict as text."""
        tables = [self.formatted()] if self.evidence is None else [self.formatted(), self.evidence.formatted()]
        return Text("\n".join([*(table.to_string() for table in tables), self.verdict]))


def compare(fits: Mapping[str, Fit], *, evidence: Evidence | None = None) -> Comparison:
    """Compare two or more fits of the same observations.

    :param fits: fits by the name to show, e.g. ``{"one": fit1, "two": fit2}``.
    :param evidence: of the same fits, by :func:`coulombfit.evidence`: the verdict then says whether it agrees.
    :raises ArgumentError: for anything but a mapping, for fewer than two fits, fits of different data or of different
        units of observation, or a fit whose log likelihood is not finite.
    """
    check_fits(fits, least=2)
    first_name, first = next(iter(fits.items()))
    for name, other in fits.items():
        if other.likelihood != first.likelihood:
            raise ArgumentError(
                f"fits: {first_name!r} describes a run by its {first.likelihood}, {name!r} by its {other.likelihood}; "
                "densities of different observations cannot be compared"
            )
        if other.record.data.pooled:
            raise ArgumentError(
                f"fits: {name!r} was fitted to levels whose pairing is not known; comparison needs the runs"
            )
        if other.record.data.fingerprint != first.record.data.fingerprint:
            raise ArgumentError(f"fits: {first_name!r} and {name!r} were fitted to different data")

    if evidence is not None and set(evidence.table.index) != set(fits):
        raise ArgumentError(
            f"evidence: expected that of {', '.join(fits)}, got {', '.join(map(str, evidence.table.index))}"
        )
    rows, pointwise = {}, {}
    for name, one in fits.items():
        elpd, k_hat, counted, reliable = _loo(name, one)
        # of many runs some stand for all; blocks of time are all there
        kept = one.tree.children.get("log_likelihood")
        share = one.record.data.runs / len(elpd) if kept is not None and "run" in kept.dims else 1.0
        pointwise[name] = ("run", share * elpd)
        rows[name] = {
            "parameters": one.model.free_parameters(one.observed_by),
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
        _Descriptions(dict(fits)),
    )


def _loo(name: str, fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What :func:`leave_one_out` finds, shape (run,) each, and the limit of k̂."""
    if "run_scores" in fit.tree.children:
        scores = fit.tree["run_scores"].to_dataset()
        held_out, fitted = (scores[one].to_numpy() for one in ("held_out", "fitted"))
        return held_out, np.zeros(len(fitted)), fitted, MAX_PARETO_K
    kept = fit.tree["log_likelihood"].to_dataset()
    (values,) = kept.values()
    if not np.isfinite(values).all():
        raise ArgumentError(f"fits: the log likelihood of {name!r} is not finite; {fit.diagnosis.verdict}")
    posterior = fit.tree["posterior"].to_dataset().sel(draw=kept["draw"])
    draws = kept.sizes["chain"] * kept.sizes["draw"]
    efficiency = min(float(value.min()) for value in azs.ess(posterior, method="mean").values()) / draws
    by_run = values.stack(sample=("chain", "draw")).transpose(..., "sample").to_numpy()
    return *leave_one_out(by_run, min(efficiency, 1.0)), min(1.0 - 1.0 / np.log10(draws), MAX_PARETO_K)


def _sum_and_se(per_run: xr.DataArray) -> tuple[float, float]:
    values = per_run.to_numpy()
    return float(values.sum()), float(np.sqrt(values.size) * values.std(ddof=1))
