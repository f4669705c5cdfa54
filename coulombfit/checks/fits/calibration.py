"""Simulation-based calibration: whether posteriors mean what they say.

Parameters drawn from the prior, data from the law at these parameters, and a posterior from the data: over repetitions
the rank of the truth among posterior draws is uniform, and a 90 % interval holds the truth in 90 % of them, if law,
sampler and parametrisation are right (Talts et al., arXiv:1804.06788). The prior is that of the model in units in which
location is 0 and scale 1; the data are not standardised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.inference.draw import draw
from coulombfit.inference.fit import posterior_of
from coulombfit.inference.preparation import Prepared, Question
from coulombfit.inference.tree import find_known
from coulombfit.models import Likelihood, Model, Parameters, find_model
from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.models.site_priors import sample_sites
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import tracked
from coulombfit.runtime.seeds import check_seed, generator_for, key_for
from coulombfit.samplers.settings import DEFAULT, Sampling, check_sampler

__all__ = ["Calibration", "calibrate"]


KEPT = 100
"""Posterior draws of a data set among which the truth is ranked, thinned so that they are nearly independent."""

BATCH = 64
"""Data sets that are drawn and fitted in one go, which bounds memory; progress is shown after each."""
CANDIDATES = 64
"""Draws from the prior of which the first at which the law exists is the truth; most priors need one."""
FALSE_ALARM = 1e-3
"""p-value below which ranks are not uniform, divided by the number of parameters (Bonferroni)."""
POWER = 0.8
"""Probability of finding a bias for which ``seen`` states its size."""
WORTH_SEEING = 0.5
"""Bias, in posterior standard deviations, that calls for more data sets where it would not be seen."""
SETTINGS = Sampling(chains=1)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks of the truth over repeated inferences.

    ``ranks`` has a variable a parameter, dim (dataset,): how many of the ``KEPT`` posterior draws lie below the truth.
    ``uniform`` are the same as numbers between 0 and 1, randomised within the width of a rank, so that they are uniform
    and not just nearly so. ``table`` has a row a parameter: ``p_value`` of the hypothesis that they are uniform
    (Kolmogorov–Smirnov), and the share of data sets whose 50 % and 90 % intervals hold the truth.
    ``name`` is what was calibrated, ``divergent`` the share of all draws that diverged, ``parameters``
    what the model says of its parameters.
    """

    name: str
    ranks: xr.Dataset
    uniform: xr.Dataset
    table: pd.DataFrame
    divergent: float
    parameters: tuple[Parameter, ...] = ()

    @property
    def passed(self) -> bool:
        """No p-value below 1e-3 over the number of parameters."""
        return bool(self.table["p_value"].min() * len(self.table) > FALSE_ALARM)

    @property
    def seen(self) -> float:
        """The bias, in posterior standard deviations, that would have been found in four cases of five or more.

        Ranks of a Gaussian posterior that is off by b have Kolmogorov's distance D = 2Φ(b/2) − 1 from uniform; where
        they are furthest apart the share of ranks has a standard error of at most 1/2√n.
        """
        distance = stats.kstwobign.isf(FALSE_ALARM / len(self.table)) + 0.5 * stats.norm.ppf(POWER)
        share = min(1.0, float(distance) / np.sqrt(self.ranks.sizes["dataset"]))
        return float(2.0 * stats.norm.ppf(0.5 * (1.0 + share)))

    @property
    def answer(self) -> Answer:
        """No where ranks are not uniform; yes where they are and a bias of half a posterior standard deviation would
        have been seen, which takes 150 to 200 data sets; of fewer the data cannot tell."""
        if not self.passed:
            return Answer.NO
        return Answer.YES if self.seen <= WORTH_SEEING else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether the ranks can be used: at most one draw in a hundred diverged."""
        return self.divergent <= 0.01

    @property
    def verdict(self) -> str:
        """One sentence."""
        count = self.ranks.sizes["dataset"]
        bias = f"a bias of {self.seen:.2g} posterior standard deviations" if self.seen < np.inf else "any bias"
        low, high = self.table["coverage_90"].min(), self.table["coverage_90"].max()
        covers = f"90 % intervals cover {low:.1%} to {high:.1%} of {count} data sets"
        least = f"least p {probability(self.table['p_value'].min())}"
        if self.answer is Answer.YES:
            return f"{self.name} is calibrated: the ranks are uniform ({least}), {covers}; {bias} would have been seen."
        if self.answer is Answer.CANNOT_TELL:
            few = (
                f"it takes {bias} to be seen in {count} data sets, and none is"
                if self.seen < np.inf
                else (f"{count} data sets are too few to show any bias")
            )
            return f"the data cannot tell whether {self.name} is calibrated: {few} ({least}); {covers}."
        failed = ", ".join(self.table.index[self.table["p_value"] * len(self.table) <= FALSE_ALARM])
        return f"{self.name} is NOT CALIBRATED in {failed} ({least}); {covers}."

    @property
    def tree(self) -> xr.DataTree:
        """Ranks, the same between 0 and 1 in the group where ArviZ looks for them, and the table."""
        table = xr.Dataset.from_dataframe(self.table.rename_axis("parameter"))
        groups = {"ranks": self.ranks, "prior_sbc": self.uniform.rename(dataset="sample"), "table": table}
        return xr.DataTree.from_dict(groups)

    def summary(self) -> Text:
        """Table and verdict as text."""
        lines = [as_text(self.table, "{:.3f}"), self.verdict]
        if self.divergent:
            lines.append(f"{self.divergent:.2%} of all draws diverged.")
        return Text("\n".join(lines))


def calibrate(
    model: str | Model = "one-species",
    likelihood: str | Likelihood | None = None,
    *,
    runs: int = 100,
    datasets: int = 1000,
    seed: int = 0,
    sampler: str = DEFAULT,
    compress: bool = True,
    sampling: Sampling = SETTINGS,
    progress: bool | None = None,
) -> Calibration:
    """Simulation-based calibration of a model with a likelihood, in float64.

    :param model: name of a model, or one of your own.
    :param likelihood: what a run is observed by; the model's default if not given.
    :param runs: runs in each data set.
    :param datasets: repetitions.
    :param seed: same seed, same ranks.
    :param sampling: settings of the single chain a data set gets; a tenth of its draws is ranked.
    :param sampler: "nuts" or "laplace", as in :func:`coulombfit.fit`.
    :param compress: likewise.
    :param progress: show progress on stderr; by default where it is a terminal.
    :raises ArgumentError: for an unknown name, or numbers that make no sense.
    """
    chosen, seen_by = find_model(model, likelihood)
    for name, value, least in (("runs", runs, 2), ("datasets", datasets, 20)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ArgumentError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    check_seed(seed)
    check_sampler(sampler)
    if sampling.draws % KEPT:
        raise ArgumentError(f"sampling: expected draws to be a multiple of {KEPT}, got {sampling.draws}")
    question = Question(chosen, seen_by, sampler, sampling, int(seed))
    what = f"calibrating {chosen.name} ({seen_by.name}) on {datasets} data sets"
    unit = chosen.reference
    with double_precision():
        keys = jax.random.split(key_for(seed, "simulated", chosen.name, seen_by.name), datasets)
        known = find_known(chosen, seen_by)
        truth, observations = jax.tree.map(np.asarray, _simulate_data(chosen, seen_by, runs, keys))
        ranked = [name for name in truth if name not in known and not find_parameter(name, chosen.reports).redundant]
        parts = []
        for some in tracked(np.array_split(np.arange(datasets), -(-datasets // BATCH)), what, show=progress):
            data = [Prepared(chosen, observations[k], unit) for k in some]
            for k, each, one in zip(some, data, draw(question, data, compress=compress), strict=True):
                posterior = posterior_of(question, each, one)
                parts.append(
                    _rank_of_truth(ranked, posterior, {name: values[k] for name, values in truth.items()}, one.stats)
                )
    results = jax.tree.map(lambda *values: np.stack(values), *parts)
    return _judge_ranks(f"{chosen.name} ({seen_by.name})", results, chosen.reports, seed)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _simulate_data(model: Model, likelihood: Likelihood, runs: int, keys: Array) -> tuple[Parameters, Array]:
    """Truths from the prior, and observations at each."""

    def one(key: Array) -> tuple[Parameters, Array]:
        key_prior, key_data = jax.random.split(key)
        truth = model.parameters(_draw_from_prior(model, likelihood, key_prior), model.reference)
        return truth, model.simulate(likelihood, truth).sample(key_data, (runs,))

    return jax.lax.map(one, keys)


def _rank_of_truth(
    ranked: Sequence[str], posterior: dict[str, np.ndarray], truth: dict[str, Any], stats_of_sampler: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Ranks and interval hits of one data set, of the parameters ``ranked``, and the share of divergent draws."""
    ranks, hits = {}, {}
    for name in ranked:
        draws = posterior[name].reshape(-1, *np.shape(truth[name]))
        thinned = draws[len(draws) // KEPT - 1 :: len(draws) // KEPT]
        ranks[name] = np.sum(thinned < truth[name], axis=0)
        edges = np.quantile(draws, [0.05, 0.25, 0.75, 0.95], axis=0)
        hits[name] = np.stack([(edges[i] <= truth[name]) & (truth[name] <= edges[-1 - i]) for i in (1, 0)])
    return ranks, hits, np.mean(stats_of_sampler.get("diverging", 0.0))


def _draw_from_prior(model: Model, likelihood: Likelihood, key: Array) -> Parameters:
    """Sites drawn from the prior where the law exists: the first of many candidates for which it does."""
    sites = sample_sites(model.site_priors(likelihood), key, (CANDIDATES,), model.reference)
    first = jnp.argmax(jax.vmap(lambda one: model.exists(model.parameters(one, model.reference)))(sites))
    return {name: values[first] for name, values in sites.items()}


def _judge_ranks(name: str, results: tuple, reports: tuple[Parameter, ...], seed: int) -> Calibration:
    ranks, hits, divergent = results
    jitter = generator_for(seed, "jitter", name)
    whole, uniform, rows = {}, {}, {}
    for parameter, values in ranks.items():
        several = values.ndim > 1
        for k, one in enumerate(values.T if several else [values]):
            label = f"{parameter}[{k}]" if several else parameter
            covered = hits[parameter][:, :, k] if several else hits[parameter]
            whole[label] = ("dataset", one)
            uniform[label] = ("dataset", (one + jitter.random(one.size)) / (KEPT + 1))
            rows[label] = {
                "p_value": stats.kstest(uniform[label][1], "uniform").pvalue,
                "coverage_50": covered[:, 0].mean(),
                "coverage_90": covered[:, 1].mean(),
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return Calibration(name, xr.Dataset(whole), xr.Dataset(uniform), table, float(divergent.mean()), reports)
