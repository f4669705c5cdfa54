"""The anisotropic pair: two degenerate levels whose eigenvectors nothing pins to a species.

To first order in the noise a degenerate pair is the spectrum of a real symmetric 2×2 matrix with independent Gaussian
entries, Var δX₁₁ = σ₁², Var δX₂₂ = σ₂², Var δX₁₂ = σ_m²/2. The source attaches species to eigenvalues instead
(Eq. 29, :class:`coulombfit.laws.TwoSpeciesPair`); the two agree for σ₁ = σ₂ only. With S cos θ = δX₁₁ − δX₂₂, θ is
uniform and independent of S, which follows the Wigner surmise of σ_m exactly, and everything else is an integral over
an angle. The integrals are sums over a fixed number of nodes whose places follow the widths and the point, so that 48
of them leave a relative error below 1e-10 from σ₁ = σ₂ to σ₂/σ₁ = 1e-3 and out to 40 widths.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import erf, erfc
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import constraints

from coulombfit.laws.pair.common import (
    descending_pair,
    from_sum_and_spacing,
    log_spacing,
    random_level,
    repeat_for_levels,
    repulsion,
)
from coulombfit.laws.pair.widths import TwoWidths
from coulombfit.laws.validity import checked, nan_unless_valid
from coulombfit.numerics.quadrature import sum_over_nodes
from coulombfit.numerics.quantile import symmetric_quantile

__all__ = ["AnisotropicDensity", "AnisotropicPair"]

# Nodes of every integral over an angle: relative errors below 1e-10, see above; time grows in proportion.
NODES = 48
# Nodes stop where the integrand has fallen below its maximum by exp(-CUT).
CUT = 26.0


def _angular_term(node: tuple[Array, ...], placed: tuple[Array, ...], variables: tuple[Array, ...]) -> Array:
    """exp(-(t² − start²)/2) dθ/π at one node, in the variable z = tan(θ/4) that makes t rational."""
    (position, weight), (first, half), (amplitude, offset, start) = node, placed, variables
    z = first + half * position
    sine = 2.0 * z / (1.0 + z * z)  # of θ/2
    t = offset + 2.0 * amplitude * sine**2
    return weight * (4.0 / pi) * half / (1.0 + z * z) * jnp.exp(-0.5 * (t - start) * (t + start))


def _log_angular_average(amplitude: Float[Array, "*shape"], offset: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``ln (1/π) ∫₀^π exp(-t²/2) dθ`` with ``t = offset + amplitude (1 - cos θ)``, for ``amplitude ≥ 0``.

    Gauss-Legendre over the θ at which the integrand counts.
    """
    start = jnp.maximum(offset, 0.0)  # the least |t|, where offset ≥ −amplitude
    a, o = lax.stop_gradient(amplitude), lax.stop_gradient(offset)
    reach = jnp.sqrt(lax.stop_gradient(start) ** 2 + 2.0 * CUT)
    divisor = jnp.where(a > 0, 2.0 * a, 1.0)
    # the whole circle counts where 2 amplitude is less than the reach, also where it is zero
    upper = jnp.where(2.0 * a <= reach - o, 1.0, jnp.clip((reach - o) / divisor, 0.0, 1.0))
    lower = jnp.clip((-reach - o) / divisor, 0.0, 1.0)
    first, last = (jnp.tan(0.5 * jnp.arcsin(jnp.sqrt(sine_squared))) for sine_squared in (lower, upper))
    half = 0.5 * (last - first)
    nodes = tuple(jnp.asarray(each, a.dtype) for each in np.polynomial.legendre.leggauss(NODES))
    average = sum_over_nodes(_angular_term, nodes, (first + half, half), (amplitude, offset, start))
    return jnp.log(average) - 0.5 * start**2


def _sort_two(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """The lesser and the greater; of equals ``a`` and ``b``, so that an even function keeps its second derivatives."""
    first = jnp.less_equal(a, b)
    return jnp.where(first, a, b), jnp.where(first, b, a)


class AnisotropicPair(TwoWidths):
    r"""Eigenvalues of a 2×2 matrix with anisotropic noise: what linear training with a hidden layer leaves.

    .. math::
        p(x_1 > x_2) = \frac{S}{\sigma_m^2}\, e^{-S^2 / 4\sigma_m^2}
        \cdot \frac1\pi \int_0^\pi \mathrm{N}\bigl(R;\, rS\cos\theta,\, 2\sigma_m^2 (1 - r^2)\bigr)\, d\theta,
        \qquad S = x_1 - x_2,\ R = \delta x_1 + \delta x_2

    The spacing follows the Wigner surmise of σ_m exactly (Eq. 31). The law is symmetric under σ₁ ↔ σ₂. It is not in the
    source; the derivation is above and in ``docs/laws.md``.

    :param centre: common centre, any shape, units of x.
    :param sigma_1: width of one diagonal entry, broadcastable, units of x.
    :param sigma_2: width of the other diagonal entry, broadcastable, units of x.
    """

    event = (2,)
    support = descending_pair

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        shape = (*sample_shape, *self.batch_shape)
        first, second, off = jax.random.normal(key, (3, *shape), jnp.result_type(float))
        first, second = self.sigma_1 * first, self.sigma_2 * second
        spacing = jnp.hypot(first - second, jnp.sqrt(2.0) * self.sigma_m * off)
        return from_sum_and_spacing(self.centre, first + second, spacing)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        dx1, dx2 = value[..., 0] - self.centre, value[..., 1] - self.centre
        spacing, sigma_m = dx1 - dx2, self.sigma_m
        # sd of R given S and θ, written without the cancellation of 1 − r²
        spread = jnp.sqrt(2.0) * self.sigma_1 * self.sigma_2 / sigma_m
        less = jnp.square(_sort_two(self.sigma_1, self.sigma_2)[0] / sigma_m)  # 1 − |r|
        # off the support any finite number serves
        safe = jnp.where(spacing > 0, spacing, sigma_m)
        amplitude = (1.0 - less) * safe / spread  # |r|S in units of the sd of R
        # |R| − |r|S, from |R| − S = 2 max(δx₂, −δx₁), exact where R and S are close
        offset = (2.0 * _sort_two(-dx1, dx2)[1] + less * spacing) / spread
        angular = _log_angular_average(*jnp.broadcast_arrays(amplitude, jnp.where(spacing > 0, offset, 0.0)))
        log_norm = 0.5 * log(2.0 * pi) + 2.0 * jnp.log(sigma_m) + jnp.log(spread)
        return log_spacing(value) - jnp.square(0.5 * spacing / sigma_m) + angular - log_norm

    @property
    def mean(self) -> Array:
        return from_sum_and_spacing(self.centre, jnp.zeros_like(self.sigma_m), jnp.sqrt(pi) * self.sigma_m)

    @property
    def variance(self) -> Array:
        return repeat_for_levels(jnp.broadcast_to((1.5 - pi / 4.0) * self.sigma_m**2, self.batch_shape))


def _angle(
    tangent: Array, gather: Array, less: Array, determinant: Array
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Weight, k and v at a midpoint node ψ of the circle, where tan((π − φ)/2) = gather · tan(ψ/2)."""
    z = (gather * tangent) ** 2
    k = less + 2.0 * (1.0 - less) * z / (1.0 + z)
    return gather * (1.0 + tangent**2) / (1.0 + z) / NODES, k, 0.5 * (k**2 + determinant)


def _density_term(node: tuple[Array, ...], placed: tuple[Array, ...], variables: tuple[Array, ...]) -> Array:
    """Kac and Rice's integrand over its largest exponential, at δx = u σ_m ≥ 0."""
    (tangent,), (gather,), (u, less, determinant) = node, placed, variables
    weight, k, v = _angle(tangent, gather, less, determinant)
    peak = jnp.exp(-0.5 * u**2 * (1.0 / v - 1.0 / (2.0 - less)))
    return weight * peak * repulsion(u * k / jnp.sqrt(v * determinant)) * jnp.sqrt(determinant) / v


def _cdf_term(node: tuple[Array, ...], placed: tuple[Array, ...], variables: tuple[Array, ...]) -> Array:
    """What the mean over the angle takes from the Gaussian CDF of R/2, over its largest exponential."""
    (tangent,), (gather,), (u, less, determinant) = node, placed, variables
    weight, k, v = _angle(tangent, gather, less, determinant)
    peak = jnp.exp(-0.5 * u**2 * (1.0 / v - 1.0 / (2.0 - less)))
    return weight * k / jnp.sqrt(2.0 * v) * peak * erf(u * k / jnp.sqrt(2.0 * v * determinant))


class AnisotropicDensity(TwoWidths):
    r"""Density of one level of an anisotropic pair.

    With eigenvectors at angle φ/2, by Kac and Rice,

    .. math::
        \rho(x) = \frac{1}{2\sqrt\pi\,\sigma_m} \int_0^\pi d\varphi\; \mathrm{N}(\delta x;\, 0,\, \sigma_m^2 v)\;
        \Bigl\langle \bigl|\, \mathrm{N}(\delta x\, k/v,\ \sigma_m^2 (1 - r^2)/v) \bigr| \Bigr\rangle,
        \qquad k = 1 + r\cos\varphi,\ v = \tfrac12 (k^2 + 1 - r^2)

    Var x = 3σ_m²/2 and ⟨δx⁴⟩ = σ_m⁴(23/4 + 3r²). The integrand is periodic in φ; a Möbius map of the circle gathers its
    midpoint nodes where it is sharp, near φ = π for small δx and near φ = 0 in the tails.

    :param centre: any shape, units of x.
    :param sigma_1: width of one diagonal entry, broadcastable, units of x.
    :param sigma_2: width of the other diagonal entry, broadcastable, units of x.
    """

    support = constraints.real

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        key_pair, key_level = jax.random.split(key)
        pair = AnisotropicPair(self.centre, self.sigma_1, self.sigma_2)
        return random_level(key_level, pair.sample(key_pair, sample_shape))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        u, less, determinant, nodes, gather = self._standard(value)
        # not jnp.abs, whose second derivative at zero is lost
        average = sum_over_nodes(_density_term, nodes, (gather,), (jnp.where(u < 0, -u, u), less, determinant))
        return jnp.log(average) - 0.5 * u**2 / (2.0 - less) - 0.5 * log(16.0 * pi) - jnp.log(self.sigma_m)

    @property
    def mean(self) -> Array:
        return jnp.broadcast_to(self.centre, self.batch_shape)

    @property
    def variance(self) -> Array:
        return jnp.broadcast_to(1.5 * self.sigma_m**2, self.batch_shape)

    @nan_unless_valid
    def cdf(self, value: ArrayLike) -> Array:
        u, less, determinant, nodes, gather = self._standard(value)
        u = jnp.clip(u, -1e4, 1e4)  # nothing changes beyond, nor at infinity
        # its integrand is wider than the density's: fewer nodes near φ = π
        correction = sum_over_nodes(_cdf_term, nodes, (jnp.maximum(gather, 0.15),), (u, less, determinant))
        return 0.5 * erfc(-u / jnp.sqrt(determinant)) - 0.5 * jnp.exp(-0.5 * u**2 / (2.0 - less)) * correction

    @nan_unless_valid
    def icdf(self, q: ArrayLike) -> Array:
        return symmetric_quantile(self, q, jnp.maximum(self.sigma_1, self.sigma_2))

    def _standard(self, value: ArrayLike) -> tuple[Array, Array, Array, tuple[Array, ...], Array]:
        """δx/σ_m, 1 − |r| and 1 − r² of one shape; nodes and how far they are gathered about φ = π."""
        narrow, wide = _sort_two(self.sigma_1, self.sigma_2)
        u = (jnp.asarray(value) - self.centre) / self.sigma_m
        less, determinant = jnp.square(narrow / self.sigma_m), jnp.square(narrow * wide / self.sigma_m**2)
        # found by search: for every ratio of widths and every u, 48 nodes are exact over a wide range about this value
        # of ``gather``, which is the smaller the more nodes lie near φ = π; tests/laws/test_pair_laws.py has mpmath's
        gather = lax.stop_gradient(jnp.sqrt((narrow / wide) ** 0.84 + 0.25 * jnp.minimum(jnp.abs(u), 1e4)))
        tangent = np.tan((np.arange(NODES) + 0.5) * pi / (2 * NODES))
        nodes = (jnp.asarray(tangent, u.dtype),)
        u, less, determinant, gather = jnp.broadcast_arrays(u, less, determinant, gather)
        return u, less, determinant, nodes, gather
