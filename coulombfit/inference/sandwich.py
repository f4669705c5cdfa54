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
from jax import lax
from jaxtyping import Array, Float

from coulombfit.laws.matrix.conditionals import information, log_conditionals, normal_scores
from coulombfit.laws.matrix.levels import InteractingLevels
from coulombfit.laws.matrix.neighbours import Neighbourhood, count_near
from coulombfit.models import Likelihood, Model, Standardisation
from coulombfit.models.site_priors import sites_at
from coulombfit.runtime.seeds import generator_for
from coulombfit.samplers.settings import Sampling

__all__ = ["GAIN", "Climbed", "climb", "covariance_at", "draw_about", "score_runs"]

STEPS = 200
"""Most steps of a search; one that converges takes about ten."""
CLOSE = 1e-8
"""The search ends where the next step promises to add less than this to ln L."""
SHORTEST = 1e-6
"""Least share of a step that is tried."""
GAIN = "gain_left"
"""The statistic that says how much the last step still promised."""

Vector = Float[np.ndarray, " coordinate"]
Matrix = Float[np.ndarray, "coordinate coordinate"]


class Evaluated(NamedTuple):
    """At a point: ln of pseudo-likelihood and prior, its gradient, scores of runs, information, and what the prior
    adds to it."""

    value: float
    gradient: Vector
    scores: Float[np.ndarray, "run coordinate"]
    information: Matrix
    prior_curvature: Matrix

    @property
    def curvature(self) -> Matrix:
        """Of both."""
        return self.information + self.prior_curvature


class Climbed(NamedTuple):
    """The maximum, what was found there, what the last step promised, and the data as they were laid out."""

    point: Vector
    at: Evaluated
    gain: float
    data: Neighbourhood


def climb(
    model: Model, likelihood: Likelihood, observations: Float[np.ndarray, "run level"], unit: Standardisation
) -> Climbed:
    """The maximum of pseudo-likelihood and prior, in double precision."""
    point, _ = model.start(likelihood)
    data = Neighbourhood.of(observations, count_near(observations))
    evaluate = _evaluator(model, likelihood)
    at = evaluate(point, data, unit)
    gain, share = np.inf, 1.0
    for _ in range(STEPS):
        step = np.linalg.solve(at.curvature, at.gradient)
        gain = float(step @ at.gradient)
        if gain < CLOSE or share < SHORTEST:
            break
        tried = evaluate(point + share * step, data, unit)
        # a step that loses is halved, and the next is longer again
        if tried.value > at.value:
            point, at, share = point + share * step, tried, min(1.0, 2.0 * share)
        else:
            share *= 0.5
    return Climbed(point, at, gain, data)


def draw_about(
    climbed: Climbed, sampling: Sampling, seed: int, label: str
) -> Float[np.ndarray, "chain draw coordinate"]:
    """Draws about the maximum, with the spread that scores of runs say it has.

    :param label: what tells these data from others, for their stream of random numbers.
    """
    at, runs = climbed.at, len(climbed.at.scores)
    rng = generator_for(seed, "sandwich", label)
    count = sampling.chains * sampling.draws
    centred = (at.scores - at.scores.mean(axis=0)) * np.sqrt(runs / (runs - 1))
    kick = rng.standard_normal((count, runs)) @ centred
    kick *= np.sqrt((runs - 1) / rng.chisquare(runs - 1, (count, 1)))
    values, vectors = np.linalg.eigh(at.prior_curvature)
    kick += rng.standard_normal((count, len(values))) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    points = climbed.point + np.linalg.solve(at.curvature, kick.T).T
    return points.reshape(sampling.chains, sampling.draws, -1)


def covariance_at(climbed: Climbed) -> Matrix:
    """Covariance of the maximum over repetitions, H⁻¹JH⁻¹ with the prior's share."""
    at = climbed.at
    spread = len(at.scores) * np.cov(at.scores, rowvar=False).reshape(at.curvature.shape) + at.prior_curvature
    half = np.linalg.solve(at.curvature, spread)
    return np.linalg.solve(at.curvature, half.T)


def score_runs(
    model: Model, likelihood: Likelihood, climbed: Climbed, unit: Standardisation
) -> dict[str, Float[np.ndarray, "run ..."]]:
    """How well each run is foretold, by name.

    "fitted" is its ln conditionals at the maximum; "held_out" the same where the run had been left out, to first
    order: the maximum then lies lower by H⁻¹ times its score. "normal_score", shape (run, level), is the place of each
    level in its conditional at the maximum, standard normal over runs where the law is true.
    """
    runs = len(climbed.at.scores)
    without = climbed.point - np.linalg.solve(climbed.at.curvature, climbed.at.scores.T).T * runs / (runs - 1)
    program = _run_scores(model, likelihood)
    found = program(climbed.point, without, climbed.data, unit)
    return dict(zip(("fitted", "held_out", "normal_score"), map(np.asarray, found), strict=True))


@lru_cache(maxsize=64)
def _law_at(model: Model, likelihood: Likelihood) -> Callable[..., tuple[InteractingLevels, Array]]:
    """``f(point, unit)``: the law, and the log prior density of the point."""
    priors = model.site_priors(likelihood)

    def at(point: Array, unit: Standardisation) -> tuple[InteractingLevels, Array]:
        sites, log_prior = sites_at(priors, point, unit)
        return model.conditionals(model.parameters(sites, unit)), log_prior

    return at


@lru_cache(maxsize=64)
def _evaluator(model: Model, likelihood: Likelihood) -> Callable[[Vector, Neighbourhood, Standardisation], Evaluated]:
    at = _law_at(model, likelihood)

    def numbers(point: Array, unit: Standardisation) -> Array:
        potentials = at(point, unit)[0].potentials
        return jnp.concatenate([potentials.centres, potentials.variances, potentials.beta[None]])

    def log_prior(point: Array, unit: Standardisation) -> Array:
        return at(point, unit)[1]

    @jax.jit
    def program(point: Array, data: Neighbourhood, unit: Standardisation) -> tuple[Array, ...]:
        law, prior = at(point, unit)
        value, scores, matrix = information(law.repulsion, law.potentials, data)
        slopes = (derivative(log_prior)(point, unit) for derivative in (jax.grad, jax.hessian))
        return value + prior, scores, matrix, jax.jacfwd(numbers)(point, unit), *slopes

    def evaluate(point: Vector, data: Neighbourhood, unit: Standardisation) -> Evaluated:
        value, scores, matrix, jacobian, slope, bend = (np.asarray(one) for one in program(point, data, unit))
        by_run = scores @ jacobian
        return Evaluated(float(value), by_run.sum(axis=0) + slope, by_run, jacobian.T @ matrix @ jacobian, -bend)

    return evaluate


@lru_cache(maxsize=64)
def _run_scores(model: Model, likelihood: Likelihood) -> Callable[..., tuple[Array, Array, Array]]:
    at = _law_at(model, likelihood)

    @jax.jit
    def program(
        point: Array, without: Float[Array, "run coordinate"], data: Neighbourhood, unit: Standardisation
    ) -> tuple[Array, Array, Array]:
        law, _ = at(point, unit)

        def held_out(one: tuple[Array, dict[str, Array]]) -> Array:
            elsewhere, parts = one
            alone = data._replace(**{name: part[:, None] for name, part in parts.items()})
            there, _ = at(elsewhere, unit)
            return log_conditionals(there.repulsion, there.potentials, alone).sum()

        return (
            log_conditionals(law.repulsion, law.potentials, data).sum(axis=0),
            lax.map(held_out, (without, data.by_run())),
            normal_scores(law.repulsion, law.potentials, data).T,
        )

    return program
