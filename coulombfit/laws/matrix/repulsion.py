r"""How two levels push each other, as a factor of the joint law of many.

A factor is a function of the distance d = |x_i − x_j| of two levels, of the distance Δ of their centres, counted in the
order of the levels, and of w = σ_i² + σ_j². One of your own is a frozen subclass of :class:`Repulsion`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.scipy.special import i0e, i1e
from jaxtyping import Array

__all__ = ["GAS", "MATRIX", "Factor", "GasRepulsion", "MatrixRepulsion", "Repulsion"]


class Factor(NamedTuple):
    """Ln of a factor, and its derivatives in Δ, in w and in β; arrays of one shape."""

    log: Array
    by_gap: Array
    by_variance: Array
    by_beta: Array


class Repulsion(ABC):
    """A factor of the joint law, one a pair of levels."""

    far_by_beta: ClassVar[float]
    """dp/dβ of :meth:`exponent`."""

    @abstractmethod
    def factor(self, distance: Array, gap: Array, variance: Array, beta: Array) -> Factor:
        """The factor of a pair.

        :param distance: d > 0, units of x.
        :param gap: Δ, units of x; negative where centres lie in the other order than their levels.
        :param variance: w, units of x².
        :param beta: β.
        """

    @abstractmethod
    def exponent(self, beta: Array) -> Array:
        """p of d^p, which the factor tends to as a function of d, for pairs far apart."""


@dataclass(frozen=True)
class MatrixRepulsion(Repulsion):
    r"""Levels of X = C + N, C fixed and N symmetric and Gaussian, Var N_ii = σ_i², Var N_ij = (σ_i² + σ_j²)/4.

    .. math:: d \; e^{-z} I_0(z), \qquad z = d \, \Delta / w

    Beside Gaussians about the centres that is the exact law of two levels of one width. It tends to d at Δ = 0, where
    it is the repulsion of a degenerate pair, and to √(d/Δ) for levels far apart.
    """

    far_by_beta = 0.0

    def factor(self, distance: Array, gap: Array, variance: Array, beta: Array) -> Factor:
        z = distance * gap / variance
        size = jnp.abs(z)
        even = i0e(size)
        # d ln(e^−z I₀)/dz; both Bessel functions are scaled by e^−|z|
        slope = jnp.sign(z) * i1e(size) / even - 1.0
        log = jnp.log(distance) + jnp.log(even) + (size - z)
        return Factor(log, slope * distance / variance, -slope * z / variance, jnp.zeros_like(z))

    def exponent(self, beta: Array) -> Array:
        return jnp.full_like(beta, 0.5)


@dataclass(frozen=True)
class GasRepulsion(Repulsion):
    """Levels of the Coulomb gas, d^β whatever their centres (Eq. 7)."""

    far_by_beta = 1.0

    def factor(self, distance: Array, gap: Array, variance: Array, beta: Array) -> Factor:
        log, zero = jnp.log(distance), jnp.zeros_like(distance)
        return Factor(beta * log, zero, zero, log)

    def exponent(self, beta: Array) -> Array:
        return beta


MATRIX, GAS = MatrixRepulsion(), GasRepulsion()
