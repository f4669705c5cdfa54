"""Marginal likelihoods: how probable the data were under each model, before they were seen.

    Z = ∫ L(θ) π(θ) dθ,        Bayes factor of two models Z₁/Z₂,        posterior probability Z_i/Σ_j Z_j

for models that are equally probable beforehand. Priors count here: those of :mod:`coulombfit.models`, which are stated
in units of the data. ``sensitivity`` says how far other priors move each evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import xarray as xr
from jaxtyping import Float
from numpyro.distributions import constraints
from scipy import special, stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import format_signed, probability
from coulombfit.answers.result import Text
from coulombfit.inference.fit_result import Fit
from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.inference.tree import sites_of
from coulombfit.models import Likelihood, Model, Standardisation
from coulombfit.models.parameters import find_parameter
from coulombfit.models.site_priors import SitePrior, StatedPrior
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import tracked
from coulombfit.runtime.seeds import check_seed
from coulombfit.samplers.importance import RELIABLE, Integral, weigh

__all__ = ["Evidence", "evidence", "has_evidence", "savage_dickey"]

DECISIVE = 3.0
"""Log Bayes factor from which a preference is stated, 20 to 1 (Kass and Raftery 1995: strong)."""
ALWAYS = ("centre", "width")
"""Columns that ``sensitivity`` has of every model, 0 where its prior is not varied; other parameters add columns."""
FACTORS = {"sd × 1/2": 0.5, "sd × 2": 2.0}
"""Factors by which ``sensitivity`` multiplies the standard deviation of a Gaussian or log-normal prior."""
ASYMMETRIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "r towards 0": lambda r: 2.0 * (1.0 - r),
    "r towards 1": lambda r: 2.0 * r,
}
"""Alternatives to the uniform prior density of r on [0, 1] that ``sensitivity`` tries."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Marginal likelihoods of models of the same observations.

    ``table`` has a row a model, best first: ``log_evidence`` in units of the data, its standard error ``se``,
    ``pareto_k`` of its importance weights, ``log_bayes_factor`` ≤ 0 to the best, posterior ``probability`` among these
    models. ``sensitivity`` has a row a model, a column an alternative prior, and the change of the log evidence: NaN
    of a prior that has no location and scale to vary.
    """

    table: pd.DataFrame
    sensitivity: pd.DataFrame

    @property
    def trustworthy(self) -> bool:
        """Whether every Pareto k̂ is at most 0.7."""
        return bool((self.table["pareto_k"] <= RELIABLE).all())

    def factors(self, one: str, other: str) -> Float[np.ndarray, " prior"]:
        """Log Bayes factors of two models: first under the priors of the fits, then under each alternative.

        :param one: name of a fit.
        :param other: name of another.
        """
        base = self.table["log_evidence"][one] - self.table["log_evidence"][other]
        change = self.sensitivity.loc[one].to_numpy() - self.sensitivity.loc[other].to_numpy()
        return base + np.concatenate([[0.0], change[np.isfinite(change)]])

    def preferred(self, one: str, other: str) -> bool:
        """Whether the evidence is for ``one`` by 20 to 1 or more.

        :param one: name of a fit.
        :param other: name of another.
        """
        return bool(self.factors(one, other)[0] > DECISIVE)

    @property
    def answer(self) -> Answer:
        """Yes where the best model leads every other by 20 to 1, no alternative prior turns that round, and every
        Pareto k̂ is low enough; else the data cannot tell. Of one model nothing is asked."""
        best, *others = map(str, self.table.index)
        if not others:
            return Answer.NOT_RUN
        leads = all(self.preferred(best, name) and self.factors(best, name).min() > 0 for name in others)
        return Answer.YES if leads and self.trustworthy else Answer.CANNOT_TELL

    @property
    def ok(self) -> bool:
        """Whether every number can be used: :attr:`trustworthy`."""
        return self.trustworthy

    @property
    def tree(self) -> xr.DataTree:
        """Both tables as a DataTree."""
        change = xr.DataArray(self.sensitivity.rename_axis(index="model", columns="prior"), name="log_evidence")
        table = xr.Dataset.from_dataframe(self.table.rename_axis("model"))
        return xr.DataTree.from_dict({"evidence": table, "sensitivity": change.to_dataset()})

    @property
    def verdict(self) -> str:
        """One sentence about the best model against every other."""
        best, *others = map(str, self.table.index)
        if not others:
            parts = [f"nothing to weigh {best} against: evidence tells models from each other"]
        else:
            leads = (
                "the evidence is for" if self.answer is Answer.YES else "the data cannot tell: the best by evidence is"
            )
            parts = [f"{leads} {best}, posterior probability {probability(self.table['probability'].iloc[0])}"]
        for name in others:
            factors = self.factors(best, name)
            low, high = (format_signed(value) for value in (factors.min(), factors.max()))
            parts.append(
                f"log Bayes factor over {name} {format_signed(factors[0])} ({low} to {high} under other priors)"
            )
        if not self.trustworthy:
            bad = ", ".join(map(str, self.table.index[~(self.table["pareto_k"] <= RELIABLE)]))
            parts.append(f"but Pareto k̂ of {bad} is above {RELIABLE}, and these numbers are unreliable")
        return "; ".join(parts) + "."

    def formatted(self) -> pd.DataFrame:
        """The table as text: the best is the reference, and no probability is 0 or 1."""
        text = self.table.map("{:.4g}".format)
        text["probability"] = [probability(value).removeprefix("= ") for value in self.table["probability"]]
        text["log_bayes_factor"] = ["(reference)", *map(format_signed, self.table["log_bayes_factor"].iloc[1:])]
        return text

    def summary(self) -> Text:
        """Both tables and the verdict as text."""
        tables = (self.formatted().to_string(), self.sensitivity.to_string(float_format="{:.2f}".format))
        return Text("\n".join([tables[0], "change of log evidence under other priors", tables[1], self.verdict]))


def evidence(fits: Mapping[str, Fit], *, seed: int = 0, progress: bool | None = None) -> Evidence:
    """Evidence of every model for the data it was fitted to, by importance sampling about the mode.

    :param fits: fits of the same observations by the name to show; their draws are not used.
    :param seed: of the points; the same seed gives the same numbers.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises ArgumentError: for none, fits of different data, or of a composite likelihood, which has no evidence.
    """
    check_seed(seed)
    check_fits(fits, least=1)
    first = next(iter(fits.values()))
    for name, fit in fits.items():
        if fit.observed_by.composite:
            raise ArgumentError(
                f"fits: expected likelihoods that are the law of what a run shows, got {fit.likelihood!r} of {name!r}, "
                "which counts levels as independent and has no evidence"
            )
        same = fit.record.data.fingerprint == first.record.data.fingerprint
        if not same or fit.likelihood != first.likelihood:
            raise ArgumentError(f"fits: expected fits of the same observations, got different ones in {name!r}")
    rows, changes = {}, {}
    for name, fit in tracked(fits.items(), "integrating", show=progress):
        found = _integral_of_fit(fit, seed)
        rows[name] = {"log_evidence": found.log_value, "se": found.se, "pareto_k": found.k_hat}
        changes[name] = _sensitivity(fit.model, fit.observed_by, fit.unit, found)
    table = pd.DataFrame.from_dict(rows, orient="index").sort_values("log_evidence", ascending=False)
    table["log_bayes_factor"] = table["log_evidence"] - table["log_evidence"].iloc[0]
    table["probability"] = special.softmax(table["log_evidence"])
    return Evidence(table, _merge_changes(changes).loc[table.index])


def _merge_changes(changes: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Changes of the log evidence as a table, a row for each model; 0 where a model has no such prior."""
    columns = list(dict.fromkeys(label for one in changes.values() for label in one))
    return pd.DataFrame(
        [[one.get(label, 0.0) for label in columns] for one in changes.values()], list(changes), columns
    )


def check_fits(fits: object, least: int) -> None:
    """Refuse anything but so many fits by name.

    :raises ArgumentError: naming what came.
    """
    if not isinstance(fits, Mapping):
        raise ArgumentError(f"fits: expected fits by name, as {{'one': fit, 'two': fit}}, got {type(fits).__name__}")
    if len(fits) < least:
        what = "two to compare" if least > 1 else "one"
        raise ArgumentError(f"fits: expected at least {what}, got {len(fits) or 'none'}")
    for name, fit in fits.items():
        if not isinstance(fit, Fit):
            raise ArgumentError(f"fits: expected fits, got {type(fit).__name__} under {name!r}")


def savage_dickey(fit: Fit) -> float:
    """Log Bayes factor of one species over two, p(q = 0 | data)/π(q = 0), from the draws of a two-width fit.

    The models are nested at r = 0 and agree on the priors of what they share, so this is their evidence ratio. Draws
    of r are reflected at 0, where the density is even, and smoothed; unreliable where few draws come near 0.

    :param fit: of a model with parameter r: "two-species" or "anisotropic".
    :raises ArgumentError: for a fit without r, or with a prior of r whose density at 0 is none or infinite.
    """
    if "r" not in fit.tree["posterior"]:
        raise ArgumentError(f"fit: expected one with parameter r, got {fit.model.name!r}")
    r = fit.tree["posterior"]["r"].to_numpy().ravel()
    way = fit.model.site_priors(fit.observed_by)[str(fit.model.even_in)]
    prior = float(np.exp(way.prior.log_prob(0.0)))  # 1/2 of the default one
    if not 0.0 < prior < np.inf:
        raise ArgumentError(f"fit: expected a prior of r with a finite density above 0 at r = 0, got {2 * prior:g}")
    return float(np.log(stats.gaussian_kde(np.concatenate([r, -r]))(0.0)[0] / prior))


def _integral_of_fit(fit: Fit, seed: int) -> Integral:
    """What the fit has found itself, where it comes from this process and this seed."""
    if fit.integral is None or fit.record.seed != seed:
        return marginal_likelihood(fit.model, fit.observed_by, fit.observations, fit.unit, seed=seed)
    return replace(
        fit.integral, log_value=fit.integral.log_value - fit.observed_by.log_frame(fit.observations, fit.unit)
    )


@double_precision()
def marginal_likelihood(
    model: Model,
    likelihood: Likelihood,
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    *,
    seed: int = 0,
) -> Integral:
    """Ln ∫ L π of a model in units of the data; points are in unconstrained coordinates of its sites."""
    density, _ = log_posterior(model.sampled, likelihood)
    represented = represent(model, likelihood, observations, unit)
    _, mirrored = model.start(likelihood)
    found = weigh(density, represented.peak, represented.weighted, unit, mirrored=mirrored, seed=seed)
    return replace(found, log_value=found.log_value - likelihood.log_frame(observations, unit))


@double_precision()
def _sensitivity(model: Model, likelihood: Likelihood, unit: Standardisation, found: Integral) -> dict[str, float]:
    """Change of the log evidence under each alternative prior, by reweighting; NaN of a prior that is not varied."""
    sites = sites_of(model, likelihood)(jnp.asarray(found.points), unit)
    changes = dict.fromkeys([f"{what} {by}" for what in ALWAYS for by in FACTORS] + list(ASYMMETRIES), 0.0)
    varied: dict[str, np.ndarray] = {}
    for name, way in model.site_priors(likelihood).items():
        if not way.size:
            continue
        if name == model.even_in:
            stated = isinstance(way, StatedPrior)
            for label, ratio in ASYMMETRIES.items():
                changes[label] = np.nan if stated else found.mean(np.log(ratio(np.abs(np.asarray(sites[name])))))
            continue
        for by, factor in FACTORS.items():
            other = _scale_prior(way, factor)
            change = np.nan if other is None else other.log_prob(sites[name], unit) - way.log_prob(sites[name], unit)
            label = f"{_kind_varied(model, likelihood, name)} {by}"
            varied[label] = varied.get(label, 0.0) + np.asarray(change)
    # several sites of one kind, as the widths of a model of one's own, are varied together
    return changes | {label: np.nan if np.isnan(log).any() else found.mean(log) for label, log in varied.items()}


def _kind_varied(model: Model, likelihood: Likelihood, site: str) -> str:
    """What is varied with a site: the centre, the width, or a parameter of its own."""
    if find_parameter(site, model.reports).unit == "1":
        return site
    support = model.sites(likelihood)[site].support
    return "width" if getattr(support, "base_constraint", support) == constraints.positive else "centre"


def _scale_prior(way: SitePrior, factor: float) -> SitePrior | None:
    """The same with the scale of the law multiplied; None of a law that has no location and scale."""
    base, shape = way.prior, way.prior.event_shape
    while isinstance(base, dist.Independent | dist.ExpandedDistribution):
        base = base.base_dist  # one for every cluster
    if not isinstance(base, dist.Normal | dist.LogNormal):
        return None
    scaled = type(base)(base.loc, factor * base.scale)
    return replace(way, prior=scaled.expand(shape).to_event(1) if shape else scaled)


def has_evidence(fits: Mapping[str, Fit]) -> bool:
    """Whether all are by the law of what a run shows: of a composite there is no evidence."""
    return not any(fit.observed_by.composite for fit in fits.values())
