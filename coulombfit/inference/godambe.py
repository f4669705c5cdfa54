"""Honest errors for a composite likelihood: levels treated as independent that are not.

The levels of a pair repel, so a product of one-level densities ℓ = Σ ln ρ(x) has the right maximum and the wrong
curvature. Its estimate has the covariance H⁻¹JH⁻¹ (Godambe), where H = Σ_levels ⟨s sᵀ⟩ and J = Σ_runs ⟨t tᵀ⟩ with
s = ∇ ln ρ of one level and t, the score of a run, the sum of s over its two levels; a posterior from ℓ has H⁻¹. Draws
are therefore moved about their mean by the matrix that turns the one into the other (the open-faced sandwich of
Shaby, J. Comput. Graph. Stat. 23, 2014), in coordinates where posteriors are near Gaussian. H in this form holds where
the density does; it has the merit of being regular also where σ₁ = σ₂, as the Hessian is not.

At the estimate, the scores of the data sum to nearly zero, so that few runs show too small a J: three runs leave little
of it. H and J are therefore those of a run of the model's own pair law, known from simulated pairs, and of the data
together; the simulated count as WORTH runs. The more data there are, the more it is they that say how their levels
depend on each other.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from coulombfit.models import Likelihood, Model, Parameters, Standardisation

__all__ = ["WORTH", "correct_draws", "scores"]

SIMULATED = 4096
"""Pairs simulated at the estimate, which leave errors of one per cent in the spread."""
FEWEST = 128
"""Runs to which fewer are filled up."""
WORTH = 100.0
"""Runs as which the simulated pairs count beside those observed."""
MANY = 200_000
"""Runs beyond which every second is as good, or every third: H and J are then known to a third of a per cent."""

Matrix = Float[np.ndarray, "coordinate coordinate"]


def correct_draws(
    model: Model,
    likelihood: Likelihood,
    draws: Parameters,
    observations: Float[np.ndarray, "run 2"],
    unit: Standardisation,
    key: Key[Array, ""],
    *,
    pooled: bool,
) -> Parameters:
    """Draws of the sites from the density alone, shape (draw,), with the spread their mean has over repetitions.

    :param model: one with laws of a pair and of one level.
    :param observations: levels in units of the data; of many runs, some stand for all.
    :param pooled: that the pairing of the levels is not known: J then comes from the simulated pairs alone.
    """
    coordinates = np.asarray(model.coordinates(draws, likelihood))
    mean = coordinates.mean(axis=0)
    h, j = _information(model, likelihood, mean, np.asarray(_pairs(model, likelihood, mean, unit, key)), unit)
    if not pooled:
        share = len(observations) / (len(observations) + WORTH)
        some = np.asarray(unit.apply(jnp.asarray(observations)))[:: -(-len(observations) // MANY)]
        seen = _information(model, likelihood, mean, some, unit)
        h, j = ((1.0 - share) * simulated + share * other for simulated, other in zip((h, j), seen, strict=True))
    return model.from_coordinates(jnp.asarray(mean + (coordinates - mean) @ _stretch(h, j).T), likelihood, unit)


def _parameters(
    model: Model, likelihood: Likelihood, point: Float[Array, " coordinate"], unit: Standardisation
) -> Parameters:
    """Those of the standardised law at a point."""
    return model.parameters(model.from_coordinates(point, likelihood, unit), Standardisation())


@partial(jax.jit, static_argnums=(0, 1))
def _pairs(
    model: Model,
    likelihood: Likelihood,
    point: Float[Array, " coordinate"],
    unit: Standardisation,
    key: Key[Array, ""],
) -> Float[Array, "run 2"]:
    """SIMULATED pairs of the model's standardised law at a point."""
    return model.pair(_parameters(model, likelihood, point, unit)).sample(key, (SIMULATED,))


@partial(jax.jit, static_argnums=(0, 1))
def scores(
    model: Model,
    likelihood: Likelihood,
    point: Float[Array, " coordinate"],
    levels: Float[Array, "run 2"],
    unit: Standardisation,
) -> Float[Array, "run 2 coordinate"]:
    """∇ ln ρ of every level at a point, for standardised levels."""

    def log_density(at: Array) -> Array:
        return model.density(_parameters(model, likelihood, at, unit)).log_prob(levels)

    return jax.jacfwd(log_density)(point)


def _information(
    model: Model,
    likelihood: Likelihood,
    point: Float[np.ndarray, " coordinate"],
    levels: Float[np.ndarray, "run 2"],
    unit: Standardisation,
) -> tuple[Matrix, Matrix]:
    """H and J at a point, the mean over runs."""
    runs = len(levels)
    # filled up to a power of two, so that few shapes are compiled
    more = np.broadcast_to(levels[:1], (max(FEWEST, 1 << (runs - 1).bit_length()) - runs, 2))
    filled = jnp.asarray(np.concatenate([levels, more]))
    by_level = np.asarray(scores(model, likelihood, jnp.asarray(point), filled, unit))[:runs]
    by_run = by_level.sum(axis=1)
    return np.einsum("rla,rlb->ab", by_level, by_level) / runs, by_run.T @ by_run / runs


def _stretch(h: Matrix, j: Matrix) -> Matrix:
    """Ω with Ω H⁻¹ Ωᵀ = H⁻¹JH⁻¹: with H = LLᵀ, Ω = L⁻ᵀ (L⁻¹JL⁻ᵀ)^½ Lᵀ.

    In NumPy: fits run side by side in threads, where a compiled program must hold no call of LAPACK.
    """
    root = np.linalg.cholesky(h)
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(inverse @ j @ inverse.T)
    square_root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return inverse.T @ square_root @ root.T
