"""Honest errors for a composite likelihood: levels treated as independent that are not.

The levels of a pair repel, so a product of one-level densities ℓ = Σ ln ρ(x) has the right maximum and the wrong
curvature. Its estimate has the covariance H⁻¹JH⁻¹ (Godambe), where H = Σ_levels ⟨s sᵀ⟩ and J = Σ_runs ⟨t tᵀ⟩ with
s = ∇ ln ρ of one level and t, the score of a run, the sum of s over its two levels; a posterior from ℓ has H⁻¹. Draws
are therefore moved about their mean by the matrix that turns the one into the other (the open-faced sandwich of
Shaby, J. Comput. Graph. Stat. 23, 2014), in coordinates where posteriors are near Gaussian. H in this form holds where
the density does; it has the merit of being regular also where σ₁ = σ₂, as the Hessian is not.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from coulombfit.models import PairModel, Parameters, Standardisation

__all__ = ["corrected", "scores"]

# Simulated pairs where the pairing of the data is not known.
SIMULATED = 20_000
MANY = 200_000
"""Runs beyond which every second is as good, or every third: H and J are then known to a third of a per cent."""


def corrected(
    model: PairModel, draws: Parameters, observations: Float[Array, "run 2"], key: Key[Array, ""], *, pooled: bool
) -> Parameters:
    """Draws of the sites from the density alone, shape (draw,), with the spread their mean has over repetitions.

    :param observations: standardised levels; of many runs, some stand for all.
    :param pooled: that the pairing of the levels is not known: J then comes from pairs simulated at the mean.
    """
    return _corrected(model, draws, observations[:: -(-len(observations) // MANY)], key, pooled)


@partial(jax.jit, static_argnums=(0, 4))
def _corrected(model: PairModel, draws: Parameters, observations: Array, key: Array, pooled: bool) -> Parameters:
    coordinates = model.coordinates(draws)
    mean = coordinates.mean(axis=0)
    if pooled:
        law = model.pair(model.parameters(model.from_coordinates(mean), Standardisation()))
        observations = law.sample(key, (SIMULATED,))
    return model.from_coordinates(mean + (coordinates - mean) @ _stretch(*_information(model, mean, observations)).T)


@partial(jax.jit, static_argnums=0)
def scores(
    model: PairModel, point: Float[Array, " coordinate"], levels: Float[Array, "run 2"]
) -> Float[Array, "run 2 coordinate"]:
    """∇ ln ρ of every level at a point, for standardised levels."""

    def log_density(at: Array) -> Array:
        return model.density(model.parameters(model.from_coordinates(at), Standardisation())).log_prob(levels)

    return jax.jacfwd(log_density)(point)


def _information(
    model: PairModel, point: Float[Array, " coordinate"], levels: Float[Array, "run 2"]
) -> tuple[Float[Array, "coordinate coordinate"], Float[Array, "coordinate coordinate"]]:
    """H and J at a point."""
    by_level = scores(model, point, levels)
    by_run = by_level.sum(axis=1)
    return jnp.einsum("rla,rlb->ab", by_level, by_level), jnp.einsum("ra,rb->ab", by_run, by_run)


def _stretch(
    h: Float[Array, "coordinate coordinate"], j: Float[Array, "coordinate coordinate"]
) -> Float[Array, "coordinate coordinate"]:
    """Ω with Ω H⁻¹ Ωᵀ = H⁻¹JH⁻¹: with H = LLᵀ, Ω = L⁻ᵀ (L⁻¹JL⁻ᵀ)^½ Lᵀ."""
    root = jnp.linalg.cholesky(h)
    whitened = jax.scipy.linalg.solve_triangular(root, j, lower=True)
    whitened = jax.scipy.linalg.solve_triangular(root, whitened.T, lower=True)
    values, vectors = jnp.linalg.eigh(0.5 * (whitened + whitened.T))
    square_root = (vectors * jnp.sqrt(jnp.maximum(values, 0.0))) @ vectors.T
    return jax.scipy.linalg.solve_triangular(root.T, square_root @ root.T, lower=False)
