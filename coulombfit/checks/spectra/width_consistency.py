"""Whether the widths that spacings show are those that the sums of levels, or single levels, show.

A pair law has one σ_m for the spacing S = x₁ − x₂, which is Rayleigh(√2 σ_m) (Eq. 31), and for the sum
R = x₁ + x₂ − 2c. With the spacing stretched by a ratio φ = σ_m(spacing)/σ_m(widths),

    p(S, R; φ) = p(S/φ, R)/φ,

which is normalised for any φ, the posterior of ln φ says whether the law holds together: ln φ = 0 where it does. Both
widths come from the same eigenvalues; what correlates them is in the law.

From the density of single levels (Eqs. 11, 32) there is no such factor. σ_m then is the estimate from all levels as if
they were independent, and its covariance with the one from spacings follows from how much each run moves both: with
the scores t of a run and H as in :mod:`coulombfit.inference.godambe`, run i moves the estimates by H⁻¹t_i and u_i/4n.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from coulombfit.answers.answer import Answer, all_of, judge_interval
from coulombfit.answers.numbers import plus_minus, probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.data.spectra import Spectra
from coulombfit.inference.given import doubt_levels
from coulombfit.inference.godambe import scores
from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.inference.tree import sites_of
from coulombfit.models import MODELS, Model, OneLevel, Pair, Standardisation
from coulombfit.models.site_priors import SitePrior, coordinate_names, sites_at
from coulombfit.numerics.compression import Weighted
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.precision import double_precision
from coulombfit.runtime.progress import tracked
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for
from coulombfit.samplers.importance import RELIABLE, integrate, weigh
from coulombfit.samplers.newton import LogDensity

__all__ = ["Consistency", "width_consistency"]

CHECKED = tuple(name for name, model in MODELS.items() if model.surmise)
"""Models whose spacing follows the Wigner surmise of a σ_m."""
LIKELIHOODS = ("pair", "density")
PAIR, RAW = Pair(), OneLevel(correct=False)
LOG_RATIO_SD = 1.0
"""Prior sd of ln φ about 0: wide beside what the data of a pair leave."""
ALARM = 0.05
"""p-value below which ln φ = 0 is rejected."""
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Consistency:
    """Posterior of ln φ for each model and likelihood.

    ``table`` has a row a model and likelihood: mean, sd and interval of ln φ; ``p_value``, twice the posterior
    probability of the rarer sign; ``within``, that of \\|ln φ\\| < tolerance; ``pareto_k`` of the weights. ``tree`` has
    equally weighted draws of ln φ. ``tolerance`` is that of ``within``.
    """

    table: pd.DataFrame
    tree: xr.DataTree
    tolerance: float

    @property
    def trustworthy(self) -> bool:
        """Whether every Pareto k̂ is at most 0.7."""
        return bool((self.table["pareto_k"] <= RELIABLE).all())

    def consistent(self, model: str, likelihood: str = "pair") -> bool:
        """Whether ln φ = 0 is not rejected, at 5 %.

        :param model: one of the models checked.
        :param likelihood: "pair" or "density", whichever was checked.
        """
        return bool(self.table.loc[(model, likelihood), "p_value"] >= ALARM)

    def answer_of(self, model: str, likelihood: str = "pair") -> Answer:
        """Whether spacings and widths show one σ_m.

        No where ln φ = 0 is rejected at 5 %; yes where it is not, and the 90 % interval of ln φ is within the
        tolerance. An interval that holds 0 and much else cannot tell, and neither do weights with Pareto k̂ above 0.7.

        :param model: one of the models checked.
        :param likelihood: "pair" or "density", whichever was checked.
        """
        row = self.table.loc[(model, likelihood)]
        if not row["pareto_k"] <= RELIABLE:
            return Answer.CANNOT_TELL
        if row["p_value"] < ALARM:
            return Answer.NO
        # the interval of 90 % may end before a value that 5 % do not reject
        return judge_interval(min(row["lower"], 0.0), max(row["upper"], 0.0), 0.0, self.tolerance)

    @property
    def answer(self) -> Answer:
        """Whether spacings and widths show one σ_m in every law checked."""
        return all_of(self.answer_of(*case) for case in self.table.index)

    @property
    def ok(self) -> bool:
        """Whether every number can be used: :attr:`trustworthy`."""
        return self.trustworthy

    @property
    def verdict(self) -> str:
        """One sentence."""
        parts = []
        for (model, likelihood), row in self.table.iterrows():
            said = {
                Answer.YES: "spacings and widths agree about σ_m",
                Answer.NO: "spacings and widths DISAGREE about σ_m",
            }.get(self.answer_of(model, likelihood), "the data cannot tell whether spacings and widths agree about σ_m")
            parts.append(
                f"{model} ({likelihood}): {said}, ln φ = {plus_minus(float(row['mean']), float(row['sd']))} "
                f"(p {probability(row['p_value'])}, probability {probability(row['within'])} to be within "
                f"{self.tolerance:g} of 0)"
            )
        if not self.trustworthy:
            parts.append(f"but Pareto k̂ above {RELIABLE} makes some of these numbers unreliable")
        return "; ".join(parts) + "."

    def summary(self) -> Text:
        """The table and the verdict as text."""
        return Text(as_text(self.table) + "\n" + self.verdict)


def width_consistency(
    data: Spectra | ArrayLike,
    *,
    models: Iterable[str | Model] = CHECKED,
    likelihoods: Iterable[str] = LIKELIHOODS,
    tolerance: float = 0.05,
    points: int = 2048,
    seed: int = 0,
    progress: bool | None = None,
) -> Consistency:
    """Infer ln φ of a degenerate pair.

    :param data: spectra of two levels (``spectra.pair(k)``), or an array of shape (run, 2).
    :param models: of "one-species", "two-species" and "anisotropic"; or models of your own whose spacing follows the
        Wigner surmise (:attr:`coulombfit.models.Model.surmise`).
    :param likelihoods: what is compared with the spacing: "pair", the sum R; "density", single levels.
    :param tolerance: δ of the posterior probability that \\|ln φ\\| < δ.
    :param points: evaluations of a law in an integral.
    :param seed: the same seed gives the same numbers.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises ArgumentError: for an unknown name, or a tolerance or points that are no positive number.
    :raises DataError: for anything but pairs of distinct levels.
    :warns UserWarning: where two levels cannot be a degenerate pair.
    """
    check_seed(seed)
    tolerance = positive("tolerance", tolerance)
    if isinstance(points, bool) or not isinstance(points, int | np.integer) or points < 1:
        raise ArgumentError(f"points: expected a whole number above 0, got {points!r}")
    likelihoods, chosen = tuple(likelihoods), {}
    for model in models:
        found = MODELS.get(model) if isinstance(model, str) else model
        if not isinstance(found, Model) or not found.surmise:
            raise ArgumentError(f"models: expected some of {', '.join(CHECKED)}, got {model!r}")
        chosen[found.name] = found
    for likelihood in likelihoods:
        if likelihood not in LIKELIHOODS:
            raise ArgumentError(f"likelihoods: expected some of {', '.join(LIKELIHOODS)}, got {likelihood!r}")
    cases = [(name, likelihood) for name in chosen for likelihood in likelihoods]
    spectra = data if isinstance(data, Spectra) else Spectra(data)
    if spectra.levels != 2:
        raise DataError(
            f"data: expected pairs, shape (run, 2), got {spectra.levels} level(s); pick one by spectra.pair(k)"
        )
    if doubt := doubt_levels(spectra):
        warnings.warn(f"{spectra.name or 'data'}: {doubt}", stacklevel=2)
    rows, draws = {}, {}
    for name, likelihood in tracked(cases, "comparing widths and spacings", show=progress):
        model = chosen[name]
        observations = model.observe(spectra, PAIR)
        infer = _ratio_from_pair if likelihood == "pair" else _ratio_from_density
        log_ratio, k_hat = infer(model, observations, model.unit(observations, PAIR), points, seed)
        lower, upper = np.quantile(log_ratio, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        below = float((log_ratio < 0).mean())
        rows[name, likelihood] = {
            "mean": log_ratio.mean(),
            "sd": log_ratio.std(ddof=1),
            "lower": lower,
            "upper": upper,
            "p_value": 2.0 * min(below, 1.0 - below),
            "within": float((np.abs(log_ratio) < tolerance).mean()),
            "pareto_k": k_hat,
        }
        draws[f"{name} {likelihood}"] = (("chain", "draw"), log_ratio[None])
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["model", "likelihood"])
    return Consistency(table, xr.DataTree.from_dict({"posterior": xr.Dataset(draws)}), tolerance)


@double_precision()
def _ratio_from_pair(
    model: Model, observations: Float[np.ndarray, "run 2"], unit: Standardisation, points: int, seed: int
) -> tuple[Float[np.ndarray, " draw"], float]:
    """Draws of ln φ, and Pareto k̂."""
    density, names = _posterior_with_ratio(model)
    weighted = represent(model, PAIR, observations, unit).weighted
    start, mirrored = model.start(PAIR)
    start = np.append(start, 0.0)  # of ln φ
    found = integrate(density, start, weighted, unit, mirrored=mirrored, points=points, seed=seed)
    return found.resample(DRAWS, seed)[:, names.index("log_ratio")], found.k_hat


@double_precision()
def _ratio_from_density(
    model: Model, observations: Float[np.ndarray, "run 2"], unit: Standardisation, points: int, seed: int
) -> tuple[Float[np.ndarray, " draw"], float]:
    """Draws of ln φ from the Gaussian law of the two estimates, and Pareto k̂ of the one from the density."""
    density, names = log_posterior(model, RAW)
    represented = represent(model, RAW, observations, unit)
    _, mirrored = model.start(RAW)
    width = names.index(model.surmise)
    found = weigh(density, represented.peak, represented.weighted, unit, mirrored=mirrored, points=points, seed=seed)
    weights = np.exp(found.log_weights)
    sites = sites_of(model, RAW)(found.points, unit)
    at = weights @ np.asarray(model.coordinates(sites, RAW))
    levels = np.asarray(unit.apply(observations))
    score = np.asarray(scores(model, RAW, jnp.asarray(at), jnp.asarray(levels), unit))
    moved = score.sum(axis=1) @ np.linalg.inv(np.einsum("rla,rlb->ab", score, score))
    squares = (levels[:, 0] - levels[:, 1]) ** 2
    sigma2 = squares.mean() / 4.0
    # d ln L/d ln σ of a spacing is S²/2σ² − 2, of information 4
    by_spacing = (squares / (2.0 * sigma2) - 2.0) / (4.0 * len(squares))
    sd = float(np.sqrt(np.sum((by_spacing - moved[:, width]) ** 2)))
    mean = 0.5 * np.log(sigma2) - at[width]
    return generator_for(seed, "ln φ", fingerprint_of(observations)).normal(mean, sd, DRAWS), found.k_hat


@lru_cache(maxsize=8)
def _posterior_with_ratio(model: Model) -> tuple[LogDensity, tuple[str, ...]]:
    """Posterior with φ free."""
    priors = model.site_priors(PAIR) | {"log_ratio": SitePrior(dist.Normal(0.0, LOG_RATIO_SD))}

    def density(point: Array, data: Weighted, unit: Standardisation) -> Array:
        sites, log_prior = sites_at(priors, point, unit)
        law = PAIR.term_law(model, sites, unit)
        middle, spacing = data.nodes.mean(axis=1), data.nodes[:, 0] - data.nodes[:, 1]
        half = 0.5 * spacing * jnp.exp(-sites["log_ratio"])
        log_density = law.log_prob(jnp.stack([middle + half, middle - half], axis=1)) - sites["log_ratio"]
        return log_prior + data.offset + data.weights @ log_density

    return density, coordinate_names(priors)
