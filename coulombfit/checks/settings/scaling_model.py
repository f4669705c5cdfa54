"""The hierarchical model of widths over settings.

For settings s and degenerate levels l, with the eigenvalues themselves as data,

    ln σ_sl = ln a_l + ½ b_α ln α_s − ½ b_B ln|B|_s + ln f_s + ε_s,        ε_s ~ N(0, τ²),

where f is a known factor, and τ the scatter between settings that sampling does not explain: runs that share their
inputs fluctuate together. The eigenvalues of m levels of one centre and width (Eq. 7, β = 1) enter the likelihood of σ
through Q = Σ(x − x̄)² over runs and levels alone, the centre being integrated over,

    L(σ) ∝ σ^(−ν) exp(−Q/2σ²),        ν = n m(m + 1)/2 − 1,

and ε_s is integrated over by quadrature. At finite steps α stands for α/(1 − αΩ/2). The curvature Ω of a level is
known, or inferred: αΩ/2 at the greatest α is then uniform on (0, 1), beyond which training is not stable.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import lax
from jaxtyping import Array, Float

from coulombfit.checks.settings.statistics import Settings
from coulombfit.models.site_priors import SitePrior, coordinate_names, sites_at
from coulombfit.models.units import Standardisation
from coulombfit.numerics.small_algebra import factor, solve, solve_transposed
from coulombfit.samplers.newton import LogDensity

__all__ = ["EXPONENTS", "Rule", "Widths", "log_posterior", "log_scattered", "parameters_of", "start_of", "widths_of"]

EXPONENTS = ("b_learning_rate", "b_batch_size")
PURE_NUMBERS = Standardisation()
"""No coefficient has a unit."""
# Scales of the priors: an exponent is 1 give or take 1, settings scatter by tenths, amplitudes are known to a factor.
EXPONENT_SD = 1.0
SCATTER_SD = 0.3
LOG_AMPLITUDE_SD = 2.0
FIXED_SD = 1e-7
"""Prior sd of an exponent that is fixed at 1; tiny instead of 0, so that one compiled program serves free and fixed."""
NODES = 24
"""Nodes of the Gauss–Hermite rule over a setting's deviation ε; more are more exact and take longer in proportion."""
NEWTON_STEPS = 40
"""Newton steps to the maximum of the integrand over ε, about which the nodes are placed."""


class Rule(NamedTuple):
    """Which exponents are free, the others being 1; how many levels; whether settings scatter; and whether the
    curvature of each level is inferred."""

    exponents: tuple[str, ...]
    levels: int
    scatter: bool
    curved: bool = False

    @property
    def priors(self) -> dict[str, dist.Distribution]:
        """Priors of τ, αΩ/2 at the greatest α, and exponents and ln amplitudes in units of their spread at given τ."""
        size = len(self.exponents) + self.levels
        scatter = {"scatter": dist.HalfNormal(SCATTER_SD)} if self.scatter else {}
        curved = {"steps": dist.Uniform(0.0, 1.0).expand((self.levels,)).to_event(1)} if self.curved else {}
        return scatter | curved | {"z": dist.Normal(0.0, 1.0).expand((size,)).to_event(1)}

    @property
    def site_priors(self) -> dict[str, SitePrior]:
        """:meth:`priors` in the form that samplers take."""
        return {name: SitePrior(prior) for name, prior in self.priors.items()}


class Widths(NamedTuple):
    """ν and Q of every setting and level; ln σ where all exponents are 1 and amplitudes typical, ``expected``; and what
    multiplies b − 1, about its mean. ``prior_sd`` is that of b − 1 of each free exponent, and of ln amplitude of each
    level beside the typical one; an argument of the compiled code. ``rate`` is α over the greatest."""

    nu: Float[Array | np.ndarray, "setting level"]
    q: Float[Array | np.ndarray, "setting level"]
    expected: Float[Array | np.ndarray, "setting level"]
    regressors: dict[str, Float[Array | np.ndarray, "setting level"]]
    prior_sd: Float[Array | np.ndarray, " coefficient"]
    rate: Float[Array | np.ndarray, " setting"]

    def with_exponent_1(self, k: int) -> Widths:
        """The same with the k-th free exponent fixed at 1."""
        return self._replace(prior_sd=np.where(np.arange(len(self.prior_sd)) == k, FIXED_SD, self.prior_sd))

    def at_steps(self, steps: Float[Array, " level"]) -> Widths:
        """The same for steps of αΩ/2 at the greatest α, about the mean over settings."""
        longer = -0.5 * jnp.log1p(-self.rate[:, None] * steps)
        return self._replace(expected=self.expected + longer - longer.mean(axis=0))


def widths_of(
    rule: Rule, settings: Settings, curvature: Float[np.ndarray, " level"]
) -> tuple[Widths, Float[np.ndarray, " level"]]:
    """Data of the model, and the typical amplitude of each level.

    :param curvature: Ω; zero for the form for small steps.
    """
    steps = settings.step_rate[:, None] * curvature
    if (steps >= 2.0).any() or (steps < 0.0).any():
        raise ValueError(f"curvature: expected αΩ from 0 to below 2, got {steps.min():.3g} to {steps.max():.3g}")
    log_rate = np.log(settings.learning_rate[:, None] / (1.0 - 0.5 * steps))
    log_batch = np.broadcast_to(np.log(settings.batch_size)[:, None], log_rate.shape)
    plain = 0.5 * (log_rate - log_batch) + np.log(settings.factor)
    log_typical = (0.5 * np.log(settings.q / settings.nu) - plain).mean(axis=0)
    regressors = {"b_learning_rate": 0.5 * log_rate, "b_batch_size": -0.5 * log_batch}
    centred = {name: values - values.mean() for name, values in regressors.items()}
    prior_sd = np.array([EXPONENT_SD] * len(rule.exponents) + [LOG_AMPLITUDE_SD] * rule.levels)
    rate = settings.step_rate / settings.step_rate.max()
    return Widths(settings.nu, settings.q, plain + log_typical, centred, prior_sd, rate), np.exp(log_typical)


def _design(rule: Rule, data: Widths) -> Float[Array, "setting level coefficient"]:
    """What ln σ − expected is linear in."""
    columns = [data.regressors[name] for name in rule.exponents]
    one_level = jnp.broadcast_to(jnp.eye(rule.levels), (*data.nu.shape, rule.levels))
    return jnp.concatenate([jnp.stack(columns, axis=-1), one_level], axis=-1) if columns else one_level


def _coefficients(
    rule: Rule, data: Widths, z: Float[Array, " coefficient"], scatter: Float[Array, ""] | float
) -> tuple[Float[Array, " coefficient"], Float[Array, ""]]:
    """Coefficients at z, and ln of the volume that a unit of z stands for.

    At given τ they are nearly Gaussian, ln σ being known to 1/√(2ν) from the data of a level; in units of that spread
    about that mean nothing depends on τ any more, and what is sampled has no funnel. The law itself is not touched.
    """
    x, seen = _design(rule, data), 0.5 * jnp.log(data.q / data.nu) - data.expected
    # the inverse of diag(1/2ν) + τ² 1 1ᵀ on x, by Sherman and Morrison
    known = 2.0 * data.nu[:, :, None] * x
    common = jnp.square(scatter) / (1.0 + jnp.square(scatter) * 2.0 * data.nu.sum(axis=1))
    weighted = known - 2.0 * data.nu[:, :, None] * (common[:, None] * known.sum(axis=1))[:, None]
    precision = jnp.einsum("slp,slq->pq", x, weighted) + jnp.diag(data.prior_sd**-2)
    lower, pivots = factor(precision)
    along = solve(lower, jnp.einsum("slp,sl->p", weighted, seen))
    place = solve_transposed(lower, along / pivots + z / jnp.sqrt(pivots))
    return place, -0.5 * jnp.log(pivots).sum()


def _log_likelihood(
    log_sigma: Float[Array | np.ndarray, "setting level"], data: Widths, scatter: Float[Array, ""] | None
) -> Float[Array, ""]:
    """Ln of the product over settings, each integrated over its ε."""
    half_q = 0.5 * (data.q * jnp.exp(-2.0 * log_sigma)).sum(axis=1)
    plain = -(data.nu * log_sigma).sum()
    if scatter is None:
        return plain - half_q.sum()
    return plain + log_scattered(data.nu.sum(axis=1), half_q, scatter).sum()


def _law(
    rule: Rule, data: Widths, z: Float[Array, " coefficient"], scatter: Float[Array, ""] | None
) -> tuple[Float[Array, " coefficient"], Float[Array, ""]]:
    """Coefficients, and ln of their prior and likelihood as a density of z."""
    theta, log_volume = _coefficients(rule, data, z, 0.0 if scatter is None else scatter)
    log_sigma = data.expected + _design(rule, data) @ theta
    prior = dist.Normal(0.0, data.prior_sd).log_prob(theta).sum()
    return theta, prior + log_volume + _log_likelihood(log_sigma, data, scatter)


def log_scattered(
    nu: Float[Array, " setting"], half_q: Float[Array, " setting"], scatter: Float[Array, ""]
) -> Float[Array, " setting"]:
    """Ln ∫ exp(−νε − ½Q e^(−2ε)) N(ε; 0, τ²) dε, by Gauss and Hermite about the maximum of the integrand.

    The integrand is log-concave. Newton's steps reach its maximum from the left, where they cannot overshoot.
    """
    a, b = lax.stop_gradient(nu), lax.stop_gradient(half_q)
    precision = lax.stop_gradient(scatter) ** -2

    def closer(_: Array, e: Array) -> Array:
        force = 2.0 * b * jnp.exp(-2.0 * e)
        return e + (force - a - precision * e) / (2.0 * force + precision)

    mode = lax.fori_loop(0, NEWTON_STEPS, closer, jnp.minimum(0.0, 0.5 * jnp.log(2.0 * b / a)))
    spread = 1.0 / jnp.sqrt(4.0 * b * jnp.exp(-2.0 * mode) + precision)
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)
    e = mode[:, None] + np.sqrt(2.0) * spread[:, None] * nodes
    prior = -0.5 * (e / scatter) ** 2 - jnp.log(scatter) - 0.5 * np.log(2.0 * np.pi)
    terms = -nu[:, None] * e - half_q[:, None] * jnp.exp(-2.0 * e) + prior
    return jax.scipy.special.logsumexp(terms + np.log(weights) + nodes**2, axis=1) + jnp.log(np.sqrt(2.0) * spread)


@lru_cache(maxsize=32)
def log_posterior(rule: Rule) -> LogDensity:
    """The log posterior as a function of unbounded coordinates, to be integrated."""

    def density(point: Array, data: Widths) -> Array:
        sites, log_prior = sites_at(rule.site_priors, point, PURE_NUMBERS)
        if rule.curved:
            data = data.at_steps(sites["steps"])
        log_density = _law(rule, data, sites["z"], sites.get("scatter"))[1]
        return log_prior - rule.priors["z"].log_prob(sites["z"]) + log_density

    return density


def start_of(rule: Rule) -> Float[np.ndarray, " coordinate"]:
    """Where to begin a search: little scatter, short steps, and coefficients as their data have them."""
    return np.array([{"scatter": -3.0, "steps": -2.0}.get(name, 0.0) for name in coordinate_names(rule.site_priors)])


@lru_cache(maxsize=32)
def parameters_of(rule: Rule) -> Callable[[Array | np.ndarray, Widths], dict[str, Array]]:
    """Compiled: scatter, exponents and log_amplitude of points, shape (chain, draw, coordinate)."""

    def one(point: Array, data: Widths) -> dict[str, Array]:
        sites, _ = sites_at(rule.site_priors, point, PURE_NUMBERS)
        if rule.curved:
            data = data.at_steps(sites["steps"])
        theta, _ = _coefficients(rule, data, sites["z"], sites.get("scatter", 0.0))
        exponents = {name: 1.0 + theta[k] for k, name in enumerate(rule.exponents)}
        scatter = {"scatter": sites["scatter"]} if rule.scatter else {}
        curved = {"steps": sites["steps"]} if rule.curved else {}
        return exponents | scatter | curved | {"log_amplitude": theta[len(rule.exponents) :]}

    return jax.jit(jax.vmap(jax.vmap(one, in_axes=(0, None)), in_axes=(0, None)))
