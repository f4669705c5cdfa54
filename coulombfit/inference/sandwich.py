"""Posteriors of composites whose spread comes from the runs: pseudo-likelihoods of many levels.

The pseudo-likelihood of a run is a sum of normalised conditionals, so that scores have mean zero and its maximum is
right; its curvature H is not the inverse covariance of that maximum, which is H⁻¹JH⁻¹ with J the covariance of the
scores of runs (Godambe). Draws are Gaussian about the maximum with that covariance, widened for J being that of few
runs as Student's t is: the centre of a lone level gets Student's interval of a mean, exactly. Priors count as they
would in a likelihood with H = J.

The maximum is found by Fisher's scoring, whose matrix is the information of the conditionals (and H): positive, and
found with the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulombfit.laws.matrix.conditionals import Neighbourhood, information
from coulombfit.laws.matrix.levels import InteractingLevels
from coulombfit.models import Likelihood, Model, Standardisation
from coulombfit.models.site_priors import sites_at
from coulombfit.runtime.seeds import generator_for
from coulombfit.samplers.settings import Sampling

__all__ = ["GAIN", "Climbed", "climb", "draw_about"]

STEPS = 200
"""Most steps of a search; one that converges takes about ten."""
CLOSE = 1e-8
"""The search ends where the next step promises to add less than this to ln L."""
GAIN = "gain_left"
"""The statistic that says how much the last step still promised."""

Vector = Float[np.ndarray, " coordinate"]
Matrix = Float[np.ndarray, "coordinate coordinate"]


class Evaluated(NamedTuple):
    """At a point: ln of pseudo-likelihood and prior, its gradient, scores of runs, information and prior's curvature."""

    value: float
    gradient: Vector
    scores: Float[np.ndarray, "run coordinate"]
    information: Matrix
    prior_curvature: Matrix


class Climbed(NamedTuple):
    """The maximum, what was found there, and what the last step promised."""

    point: Vector
    at: Evaluated
    gain: float


def climb(
    model: Model, likelihood: Likelihood, observations: Float[np.ndarray, "run level"], unit: Standardisation
) -> Climbed:
    """The maximum of pseudo-likelihood and prior, in double precision."""
    point, _ = model.start(likelihood)
    evaluate = _evaluator(model, likelihood)
    data = _laid_out(model, likelihood, point, observations, unit)
    at = evaluate(point, data, unit)
    gain, share = np.inf, 1.0
    for _ in range(STEPS):
        step = np.linalg.solve(at.information + at.prior_curvature, at.gradient)
        gain = float(step @ at.gradient)
        if gain < CLOSE:
            break
        tried = evaluate(point + share * step, data, unit)
        # a step that loses is halved, and the next is longer again
        if tried.value > at.value:
            point, at, share = point + share * step, tried, min(1.0, 2.0 * share)
        elif share < 1e-6:
            break
        else:
            share *= 0.5
    return Climbed(point, at, gain)


def draw_about(
    climbed: Climbed, sampling: Sampling, seed: int, label: str
) -> Float[np.ndarray, "chain draw coordinate"]:
    """Draws about the maximum, with the spread that scores of runs say it has."""
    at, runs = climbed.at, len(climbed.at.scores)
    rng = generator_for(seed, "sandwich", label)
    count = sampling.chains * sampling.draws
    centred = (at.scores - at.scores.mean(axis=0)) * np.sqrt(runs / (runs - 1))
    kick = rng.standard_normal((count, runs)) @ centred
    kick *= np.sqrt((runs - 1) / rng.chisquare(runs - 1, (count, 1)))
    values, vectors = np.linalg.eigh(at.prior_curvature)
    kick += rng.standard_normal((count, len(values))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    points = climbed.point + np.linalg.solve(at.information + at.prior_curvature, kick.T).T
    return points.reshape(sampling.chains, sampling.draws, -1)


@lru_cache(maxsize=64)
def _law_at(model: Model, likelihood: Likelihood) -> Callable[..., tuple[InteractingLevels, Array]]:
    priors = model.site_priors(likelihood)

    def at(point: Array, unit: Standardisation) -> tuple[InteractingLevels, Array]:
        sites, log_prior = sites_at(priors, point, unit)
        return likelihood.law(model, model.parameters(sites, unit)), log_prior

    return at


@lru_cache(maxsize=64)
def _evaluator(model: Model, likelihood: Likelihood) -> Callable[[Vector, Neighbourhood, Standardisation], Evaluated]:
    law_at = _law_at(model, likelihood)

    def numbers(point: Array, unit: Standardisation) -> tuple[Array, Array]:
        law, log_prior = law_at(point, unit)
        potentials = law.potentials
        return jnp.concatenate([potentials.centres, potentials.variances, potentials.beta[None]]), log_prior

    @jax.jit
    def program(point: Array, data: Neighbourhood, unit: Standardisation) -> tuple[Array, ...]:
        law, log_prior = law_at(point, unit)
        value, scores, matrix = information(law.repulsion, law.potentials, data)
        jacobian = jax.jacfwd(lambda z: numbers(z, unit)[0])(point)
        prior_gradient, prior_hessian = (
            derivative(lambda z: numbers(z, unit)[1])(point) for derivative in (jax.grad, jax.hessian)
        )
        return value + log_prior, scores, matrix, jacobian, prior_gradient, prior_hessian

    def evaluate(point: Vector, data: Neighbourhood, unit: Standardisation) -> Evaluated:
        value, scores, matrix, jacobian, slope, bend = (np.asarray(one) for one in program(point, data, unit))
        by_run = scores @ jacobian
        return Evaluated(float(value), by_run.sum(axis=0) + slope, by_run, jacobian.T @ matrix @ jacobian, -bend)

    return evaluate


def _laid_out(
    model: Model,
    likelihood: Likelihood,
    point: Vector,
    observations: Float[np.ndarray, "run level"],
    unit: Standardisation,
) -> Neighbourhood:
    law, _ = _law_at(model, likelihood)(jnp.asarray(point), unit)
    return jax.tree.map(jnp.asarray, Neighbourhood.of(observations, law.near))
