"""Posterior predictive checks: whether data like these come from the fitted law.

New ensembles are drawn from the law at draws of the posterior, and each quantity of the data is placed among theirs:
the distances of levels and of spacings from the law at the posterior's mean (Kolmogorov's, whose textbook p-value does
not hold for levels that repel or laws that were fitted), Var x/⟨S²⟩ and the Binder cumulant. Such p-values are
conservative, the data having been fitted: false alarms are rarer than stated, and what the fit can absorb is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.checks.spectra.moments import pair_moments
from coulombfit.inference.description import ENOUGH
from coulombfit.inference.fit_result import Fit
from coulombfit.models import Likelihood, Model, Parameters
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.seeds import check_seed, key_for

__all__ = ["PredictiveCheck", "predictive"]

REPLICATES = 400
"""Replicated ensembles; more resolve smaller p-values and take longer in proportion."""
SIMULATED = 200_000
"""Pairs that stand for a law which the model does not have: an error of a thousandth in its CDF."""
ALARM = 0.05
QUANTITIES = ("level density", "spacing", "variance ratio", "binder")


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """Quantities of the data among those of replicated data.

    ``table`` has a row a quantity: ``observed``, the ``lower`` and ``upper`` end of the predictive 90 % interval,
    ``p_value``, one-sided for distances and two-sided for moments; all are NaN for what was not run. ``tree`` has the
    ``replicates`` of each, and ``pit``, the probability integral transforms of levels and spacings.
    """

    table: pd.DataFrame
    tree: xr.DataTree

    @property
    def passed(self) -> bool:
        """Whether no p-value is below 0.05 over the number of quantities."""
        return bool(self.table["p_value"].min() * self.table["p_value"].count() >= ALARM)

    @property
    def answer(self) -> Answer:
        """No where a p-value is below 0.05 over the number of quantities; of fewer than 100 runs without, which show
        no more than gross differences, the data cannot tell."""
        if not self.passed:
            return Answer.NO
        return Answer.YES if self.tree["pit"].sizes["run"] >= ENOUGH else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: replicates of a law always can."""
        return True

    @property
    def verdict(self) -> str:
        """One sentence."""
        done = self.table["p_value"].dropna()
        missing = [name for name in QUANTITIES if name not in done.index]
        not_run = f"; not run: {', '.join(missing)}" if missing else ""
        least = f"least p {probability(float(done.min()))}, {done.idxmin()}"
        if self.answer is Answer.YES:
            return f"the data look like those the fit predicts ({least}){not_run}."
        if self.answer is Answer.CANNOT_TELL:
            runs = self.tree["pit"].sizes["run"]
            return (
                f"the data cannot tell: {runs} runs show no more than gross differences, and none ({least}){not_run}."
            )
        bad = ", ".join(f"{name} (p {probability(p)})" for name, p in done.items() if p * len(done) < ALARM)
        return f"the data do NOT look like those the fit predicts: {bad}{not_run}."

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(as_text(self.table, absent="not run") + "\n" + self.verdict)


@double_precision()
def predictive(fit: Fit, *, seed: int = 0) -> PredictiveCheck:
    """Check a fit of a pair against 400 replicated ensembles.

    Where a model has no density of one level, or no law of the spacing, distances are from the law of many simulated
    pairs.

    :param fit: of pairs, by likelihood "pair" or "density", or of spacings.
    :param seed: of the replicates; the same seed gives the same numbers.
    :raises ArgumentError: for a fit of another model, or of levels whose pairing is not known.
    """
    check_seed(seed)
    model, likelihood = fit.model, fit.observed_by
    if not likelihood.of_pairs or fit.record.data.pooled:
        raise ArgumentError(f"fit: expected one of pairs, got {model.name!r} of {fit.record.data.runs} levels")
    drawn = {name: values.reshape(-1, *values.shape[2:]) for name, values in fit.parameters.items()}
    chosen = np.linspace(0, len(next(iter(drawn.values()))) - 1, REPLICATES).astype(int)
    parameters = {name: jnp.asarray(values) for name, values in drawn.items()}
    mean = {name: values.mean(axis=0) for name, values in parameters.items()}
    several = {name: values[chosen] for name, values in parameters.items()}
    fingerprint = fit.record.data.fingerprint
    keys = jax.random.split(key_for(seed, "replicates", fingerprint), REPLICATES)
    data = fit.observations
    new = np.asarray(_replicate(model, likelihood, several, keys, len(data)))
    paired = data.ndim > 1
    spacings, new_spacings = (x[..., 0] - x[..., 1] if paired else x for x in (data, new))
    marginals = Marginals(model, likelihood, mean, key_for(seed, "marginals", fingerprint))
    spacing_cdf = partial(_cdf, marginals.spacing)
    found = {"spacing": (_distance(spacing_cdf(spacings)), _distance(spacing_cdf(new_spacings)))}
    pit: dict[str, np.ndarray] = {"spacings": spacing_cdf(spacings)}
    if paired:
        level_cdf = partial(_cdf, marginals.density)
        pit["levels"] = level_cdf(data)
        levels, new_levels = (level_cdf(x).reshape(*x.shape[:-2], -1) for x in (data, new))
        found["level density"] = (_distance(levels), _distance(new_levels))
        for name, observed, replicated in zip(QUANTITIES[2:], pair_moments(data), pair_moments(new), strict=True):
            found[name] = (observed, replicated)
    rows = {name: _row(name, *found[name]) if name in found else {} for name in QUANTITIES}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["observed", "lower", "upper", "p_value"])
    replicates = {name.replace(" ", "_"): ("replicate", values) for name, (_, values) in found.items()}
    dims = {"spacings": ("run",), "levels": ("run", "level")}
    groups: Mapping[str, xr.Dataset] = {
        "replicates": xr.Dataset(replicates),
        "pit": xr.Dataset({name: (dims[name], values) for name, values in pit.items()}),
    }
    return PredictiveCheck(table, xr.DataTree.from_dict(dict(groups)))


class _Simulated:
    """The law of numbers drawn from it."""

    def __init__(self, values: Float[np.ndarray, " n"]) -> None:
        self.values = np.sort(values)

    def cdf(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        return np.searchsorted(self.values, values) / self.values.size


@dataclass(frozen=True)
class Marginals:
    """The laws of one level and of the spacing at some parameters: the model's own, or that of simulated pairs."""

    model: Model
    likelihood: Likelihood
    parameters: Parameters
    key: Array

    @cached_property
    def _pairs(self) -> Float[np.ndarray, "run 2"]:
        return np.asarray(self.model.simulate(self.likelihood, self.parameters).sample(self.key, (SIMULATED,)))

    @property
    def spacing(self) -> Any:
        if self.model.offers("spacing"):
            return self.model.spacing(self.parameters)
        return _Simulated(self._pairs[:, 0] - self._pairs[:, 1])

    @property
    def density(self) -> Any:
        return self.model.density(self.parameters) if self.model.offers("density") else _Simulated(self._pairs.ravel())


@partial(jax.jit, static_argnums=(0, 1, 4))
def _replicate(model: Model, likelihood: Likelihood, parameters: Parameters, keys: Array, runs: int) -> Array:
    def one(drawn: Parameters, key: Array) -> Array:
        return model.simulate(likelihood, drawn).sample(key, (runs,))

    return jax.lax.map(lambda arguments: one(*arguments), (parameters, keys))


def _cdf(law: Any, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.asarray(law.cdf(jnp.asarray(values)))


def _distance(uniform: Float[np.ndarray, "*replicate n"]) -> np.ndarray:
    """Kolmogorov's distance from the uniform law."""
    ranked = np.sort(uniform, axis=-1)
    count = ranked.shape[-1]
    below = np.arange(count) / count
    return np.asarray(np.maximum(ranked - below, below + 1.0 / count - ranked).max(axis=-1))


def _row(name: str, observed: np.ndarray, replicated: np.ndarray) -> dict[str, float]:
    more = (1 + np.sum(replicated >= observed)) / (1 + replicated.size)
    less = (1 + np.sum(replicated <= observed)) / (1 + replicated.size)
    lower, upper = np.quantile(replicated, [0.05, 0.95])
    p = more if name in QUANTITIES[:2] else min(1.0, 2.0 * min(more, less))
    return {"observed": float(observed), "lower": float(lower), "upper": float(upper), "p_value": float(p)}
