"""A pair of levels that need not be degenerate: the spectrum of a fixed 2×2 matrix plus symmetric Gaussian noise.

X = C + N, C with the eigenvalues c ± δ/2, N with Var N₁₁ = σ₁², Var N₂₂ = σ₂², Var N₁₂ = (σ₁² + σ₂²)/4 in the
eigenvectors of C, independent. With D = X₁₁ − X₂₂ = S cos θ and 2X₁₂ = S sin θ, D − δ and R = x₁ + x₂ − 2c are jointly
Gaussian with variances 2σ_m² and covariance 2rσ_m², and 2X₁₂ is Gaussian of variance 2σ_m² and independent of both.
Where δ = 0 nothing pins the eigenvectors: the pair is degenerate. Where δ ≫ σ the levels are two Gaussian ones.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes

from coulombfit.laws.pair.common import LOG_FOUR_SQRT_PI, descending_pair, from_sum_and_spacing, log_spacing
from coulombfit.laws.pair.rice import log_i0e, mean_cosine, rice_moments
from coulombfit.laws.validity import checked
from coulombfit.numerics.quadrature import sum_over_nodes
from coulombfit.runtime.precision import refuse_forked

__all__ = ["SplitAnisotropicPair", "SplitPair"]

NODES = 64
"""Nodes of the integral over the angle, which lie where the integrand counts: relative errors below 1e-10 for every
split, σ₂/σ₁ down to 1e-3 and pairs out to 40 widths (``tests/laws/test_pair_laws.py``)."""
CUT = 30.0
"""Nodes stop where the integrand has fallen below its maximum by exp(-CUT)."""


class SplitPair(Distribution):
    r"""Two levels of one width, not necessarily degenerate.

    .. math::
        p(x_1 > x_2) = \frac{S}{2\sqrt\pi\,\sigma^3}\, e^{-R^2/4\sigma^2}\, e^{-(S^2 + \delta^2)/4\sigma^2}\,
        I_0\!\left(\frac{S\delta}{2\sigma^2}\right), \qquad S = x_1 - x_2,\ R = x_1 + x_2 - 2c

    R ~ N(0, 2σ²) and, independently, S follows Rice's law (:class:`coulombfit.laws.RiceSpacing`). δ = 0 is
    :class:`coulombfit.laws.OneSpeciesPair`; levels that are far apart repel by √S alone, not by S as in Eq. 7.

    :param centre: mean of the two centres, any shape, units of x.
    :param split: δ ≥ 0, their distance, broadcastable, units of x.
    :param sigma: width, broadcastable, units of x.
    """

    arg_constraints = {
        "centre": constraints.real,
        "split": constraints.nonnegative,
        "sigma": constraints.positive,
    }
    support = descending_pair
    reparametrized_params = ["centre", "split", "sigma"]

    def __init__(
        self, centre: ArrayLike, split: ArrayLike, sigma: ArrayLike, *, validate_args: bool | None = None
    ) -> None:
        refuse_forked()
        self.centre, self.split, self.sigma = promote_shapes(centre, split, sigma)
        batch_shape = lax.broadcast_shapes(jnp.shape(centre), jnp.shape(split), jnp.shape(sigma))
        super().__init__(batch_shape, (2,), validate_args=validate_args)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        noise = jax.random.normal(key, (3, *sample_shape, *self.batch_shape), jnp.result_type(float))
        total, along, across = jnp.sqrt(2.0) * self.sigma * noise
        return from_sum_and_spacing(self.centre, total, jnp.hypot(self.split + along, across))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        # R² + (S − δ)² is twice the sum of squares about the two centres
        u1 = (value[..., 0] - self.centre - 0.5 * self.split) / self.sigma
        u2 = (value[..., 1] - self.centre + 0.5 * self.split) / self.sigma
        spacing = value[..., 0] - value[..., 1]
        z = 0.5 * jnp.where(spacing > 0, spacing, self.sigma) * self.split / jnp.square(self.sigma)
        log_norm = LOG_FOUR_SQRT_PI - log(2.0) + 3.0 * jnp.log(self.sigma)
        return log_spacing(value) - log_norm - 0.5 * (u1**2 + u2**2) + log_i0e(z)

    @property
    def mean(self) -> Array:
        spacing = jnp.broadcast_to(rice_moments(self.split, self.sigma)[0], self.batch_shape)
        return from_sum_and_spacing(self.centre, jnp.zeros_like(spacing), spacing)

    @property
    def variance(self) -> Array:
        spacing = jnp.broadcast_to(rice_moments(self.split, self.sigma)[1], self.batch_shape)
        each = 0.25 * (2.0 * jnp.square(self.sigma) + spacing)
        return jnp.stack([each, each], axis=-1)


class SplitAnisotropicPair(Distribution):
    r"""Two levels of two widths, not necessarily degenerate: a fixed matrix plus anisotropic noise.

    .. math::
        p(x_1 > x_2) = 2 S \int_0^{2\pi} \mathrm{N}(S\cos\theta - \delta;\ 0,\ 2\sigma_m^2)\,
        \mathrm{N}(S\sin\theta;\ 0,\ 2\sigma_m^2)\,
        \mathrm{N}\bigl(R;\ r(S\cos\theta - \delta),\ 2\sigma_m^2(1 - r^2)\bigr)\, d\theta,
        \qquad r = \frac{\sigma_1^2 - \sigma_2^2}{\sigma_1^2 + \sigma_2^2}

    σ₁ belongs to the eigenvector of the upper centre, c + δ/2, and may be the lesser. δ = 0 is
    :class:`coulombfit.laws.AnisotropicPair`, σ₁ = σ₂ is :class:`SplitPair`; the spacing has Rice's law of σ_m, and for
    δ ≫ σ the levels are independent Gaussian ones of widths σ₁ and σ₂.

    :param centre: mean of the two centres, any shape, units of x.
    :param split: δ ≥ 0, their distance, broadcastable, units of x.
    :param sigma_1: width of the upper level, broadcastable, units of x.
    :param sigma_2: width of the lower level, broadcastable, units of x.
    """

    arg_constraints = {
        "centre": constraints.real,
        "split": constraints.nonnegative,
        "sigma_1": constraints.positive,
        "sigma_2": constraints.positive,
    }
    support = descending_pair
    reparametrized_params = ["centre", "split", "sigma_1", "sigma_2"]

    def __init__(
        self,
        centre: ArrayLike,
        split: ArrayLike,
        sigma_1: ArrayLike,
        sigma_2: ArrayLike,
        *,
        validate_args: bool | None = None,
    ) -> None:
        refuse_forked()
        self.centre, self.split, self.sigma_1, self.sigma_2 = promote_shapes(centre, split, sigma_1, sigma_2)
        batch_shape = lax.broadcast_shapes(*(jnp.shape(each) for each in (centre, split, sigma_1, sigma_2)))
        super().__init__(batch_shape, (2,), validate_args=validate_args)

    @property
    def sigma_m(self) -> Array:
        """Mean width, σ_m² = (σ₁² + σ₂²)/2 (Eq. 30)."""
        return jnp.sqrt(0.5 * (jnp.square(self.sigma_1) + jnp.square(self.sigma_2)))

    @property
    def asymmetry(self) -> Array:
        """r, between −1 and 1; negative where the lower level is the wider."""
        return 0.5 * (jnp.square(self.sigma_1) - jnp.square(self.sigma_2)) / jnp.square(self.sigma_m)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        noise = jax.random.normal(key, (3, *sample_shape, *self.batch_shape), jnp.result_type(float))
        first, second = self.sigma_1 * noise[0], self.sigma_2 * noise[1]
        spacing = jnp.hypot(self.split + first - second, jnp.sqrt(2.0) * self.sigma_m * noise[2])
        return from_sum_and_spacing(self.centre, first + second, spacing)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        dx1, dx2 = value[..., 0] - self.centre, value[..., 1] - self.centre
        sigma_m = self.sigma_m
        spread = jnp.sqrt(2.0) * self.sigma_1 * self.sigma_2 / sigma_m  # sd of R given S and θ
        inside = dx1 > dx2
        safe = (jnp.where(inside, dx1, sigma_m), jnp.where(inside, dx2, -sigma_m))
        angular = _log_angular_integral(*jnp.broadcast_arrays(*safe, self.split, self.sigma_1, self.sigma_2))
        log_norm = 0.5 * log(2.0 * pi) + 2.0 * jnp.log(sigma_m) + jnp.log(spread)
        return log_spacing(value) + angular - log_norm

    @property
    def mean(self) -> Array:
        spacing = jnp.broadcast_to(rice_moments(self.split, self.sigma_m)[0], self.batch_shape)
        return from_sum_and_spacing(self.centre, jnp.zeros_like(spacing), spacing)

    @property
    def variance(self) -> Array:
        # ¼ Var(R ± S), with Cov(R, S) = r ⟨(D − δ) S⟩ = 2rσ_m² ⟨cos θ⟩ by Stein's lemma
        m2 = jnp.square(self.sigma_m)
        both = 0.25 * (2.0 * m2 + rice_moments(self.split, self.sigma_m)[1])
        apart = self.asymmetry * m2 * mean_cosine(self.split, self.sigma_m)
        return jnp.stack([jnp.broadcast_to(v, self.batch_shape) for v in (both + apart, both - apart)], axis=-1)


def _angular_term(node: tuple[Array, ...], placed: tuple[Array, ...], variables: tuple[Array, ...]) -> Array:
    """The integrand at one node over its maximum, dθ/π, in z = tan(θ/4), which makes w = 1 − cos θ rational."""
    (position, weight), (first, half), (amplitude, slope, offset) = node, placed, variables
    z = first + half * position
    sine = 2.0 * z / (1.0 + z * z)  # of θ/2
    w = 2.0 * sine**2
    interior = slope < 0
    exponent = jnp.where(interior, 0.5 * (offset + amplitude * w) ** 2, w * (slope + 0.5 * amplitude**2 * w))
    return weight * (4.0 / pi) * half / (1.0 + z * z) * jnp.exp(-exponent)


@jax.jit
def _log_angular_integral(
    dx1: Float[Array, "*shape"],
    dx2: Float[Array, "*shape"],
    split: Float[Array, "*shape"],
    sigma_1: Float[Array, "*shape"],
    sigma_2: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """``ln (1/π) ∫₀^π exp(−E) dθ``, E being half the sum of squares of the three Gaussian variables over their
    variances.

    E is quadratic in c = cos θ. About c = s, the end of [−1, 1] nearer to its minimum, it is E(s) + g w + ½a²w² with
    w = 1 − sc, a = \\|r\\|S/v^½, v = 2σ_m²(1 − r²) and g = s(∂E/∂c at s); for g < 0 the minimum lies inside. E at the
    minimum is written without cancellation, nodes are laid where E exceeds it by less than CUT.
    """
    m2 = 0.5 * (jnp.square(sigma_1) + jnp.square(sigma_2))
    first = jnp.greater_equal(sigma_1, sigma_2)
    eta = jnp.where(first, 1.0, -1.0)  # of r
    less = jnp.square(jnp.where(first, sigma_2, sigma_1)) / m2  # 1 − |r|
    r, determinant = 1.0 - less, jnp.square(sigma_1 * sigma_2 / m2)  # |r| and 1 − r²
    v = 2.0 * m2 * determinant
    spacing, total = dx1 - dx2, dx1 + dx2
    s = jnp.where(split + eta * r * total >= 0, 1.0, -1.0)  # of the end
    upper = eta * s > 0
    # e = ±(R − r(sS − δ)), exact where R and S, or the levels and their centres, are close
    y1, y2 = dx1 - 0.5 * split, dx2 + 0.5 * split
    near = 2.0 * jnp.where(upper, y2, -y1) + less * (spacing - split)
    far = 2.0 * jnp.where(upper, dx2, -dx1) + less * spacing - r * split
    e = jnp.where(s > 0, near, far)
    amplitude = r * spacing / jnp.sqrt(v)
    slope = spacing / v * (r * e + s * determinant * split)
    interior = slope < 0
    safe_r, safe_amplitude = jnp.where(interior, r, 1.0), jnp.where(interior, amplitude, 1.0)
    offset = jnp.where(interior, slope / safe_amplitude, 0.0)
    at_end = jnp.square(spacing - s * split) / (4.0 * m2) + jnp.square(e) / (2.0 * v)
    w0 = -offset / safe_amplitude
    turned = jnp.where(s > 0, w0, 2.0 - w0)  # 1 − c at the minimum
    within = (jnp.square(spacing - split) + 2.0 * spacing * split * turned) / (4.0 * m2)
    within += jnp.square(split / safe_r) * determinant / (4.0 * m2)
    least = jnp.where(interior, within, at_end)

    a, g, o = (lax.stop_gradient(each) for each in (amplitude, slope, offset))
    root = jnp.sqrt(2.0 * CUT)
    a2 = jnp.where(a > 0, a, 1.0)
    # the end of the nodes in w, and their beginning where the minimum lies inside; the whole circle where that is more
    beyond = 2.0 * CUT / jnp.maximum(g + jnp.sqrt(jnp.square(g) + 2.0 * CUT * jnp.square(a)), CUT)
    last = jnp.where(g < 0, (root - o) / a2, beyond)
    begin = jnp.where(g < 0, (-root - o) / a2, 0.0)
    z = [jnp.tan(0.5 * jnp.arcsin(jnp.sqrt(0.5 * jnp.clip(w, 0.0, 2.0)))) for w in (begin, last)]
    half = 0.5 * (z[1] - z[0])
    nodes = tuple(jnp.asarray(each, a.dtype) for each in np.polynomial.legendre.leggauss(NODES))
    average = sum_over_nodes(_angular_term, nodes, (z[0] + half, half), (amplitude, slope, offset))
    return jnp.log(average) - least
