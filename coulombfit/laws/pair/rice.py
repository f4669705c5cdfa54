"""The law of the spacing of two levels that need not be degenerate, and the Bessel functions that it takes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import i0e, i1e
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes

from coulombfit.laws.validity import checked, nan_unless_valid
from coulombfit.runtime.precision import refuse_forked

__all__ = ["RiceSpacing", "log_i0e", "mean_cosine", "rice_moments"]

LARGE = 25.0
"""Argument from which I₁/I₀ − 1 is its asymptotic series, and cancels no more: 14 terms leave less than 1e-14 of it."""
RATIO: tuple[float, ...] = (
    -1 / 2,
    -1 / 8,
    -1 / 8,
    -25 / 128,
    -13 / 32,
    -1073 / 1024,
    -103 / 32,
    -375733 / 32768,
    -23797 / 512,
)
RATIO += (-55384775 / 262144, -2180461 / 2048, -24713030909 / 4194304, -72763141 / 2048, -7780757249041 / 33554432)
"""Coefficients of z⁻¹, z⁻², … of I₁/I₀ − 1, from the Riccati equation A' = 1 − A/z − A² of A = I₁/I₀."""
FAR = 200.0
"""δ²/2σ² from which the variance is an asymptotic series in its inverse."""
MEAN = (1 / 2, 1 / 8, 3 / 16, 75 / 128, 735 / 256, 19845 / 1024, 343035 / 2048, 57972915 / 32768)
"""Coefficients of a⁻², a⁻⁴, … of ⟨S⟩/δ − 1."""
VARIANCE = (-1 / 2, -1 / 2, -11 / 8, -51 / 8, -669 / 16, -5685 / 16, -475155 / 128, -5894595 / 128)
"""Coefficients of a⁻², a⁻⁴, … of Var S/2σ² − 1 with a² = δ²/2σ²."""
NODES = 40
"""Gauss-Legendre nodes of a tail of the Rice law; 1e-13 relative (``tests/laws/test_split_pair.py``)."""
CUT = 37.0
"""A tail ends where its integrand has fallen by exp(-CUT)."""
HALVINGS = 80
"""Halvings of the bracket of a quantile's logarithm, 800 long: to 1e-21."""
REACH = 40.0
"""Standard deviations beyond the split where no probability is left."""


@jax.custom_jvp
def log_i0e(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``ln (exp(-z) I₀(z))`` for z ≥ 0."""
    return jnp.log(i0e(z))


@log_i0e.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (z,), (dz,) = primals, tangents
    return log_i0e(z), _ratio_less_one(z) * dz


def _ratio_less_one(z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """I₁(z)/I₀(z) − 1, also where it is −1/2z."""
    large = z > LARGE
    near, inverse = jnp.where(large, 1.0, z), 1.0 / jnp.where(large, z, 1.0)
    return jnp.where(large, _series(RATIO, inverse), i1e(near) / i0e(near) - 1.0)


def rice_moments(split: ArrayLike, sigma: ArrayLike) -> tuple[Array, Array]:
    """Mean and variance of S: √π σ [(1 + 2y) I₀(y) + 2y I₁(y)] e⁻ʸ with y = δ²/8σ², and 4σ² + δ² − ⟨S⟩²."""
    whole = jnp.square(split / sigma) / 8.0
    far = 4.0 * whole > FAR
    y, inverse = jnp.where(far, 1.0, whole), 1.0 / jnp.where(far, 4.0 * whole, 1.0)
    near = jnp.sqrt(jnp.pi) * sigma * ((1.0 + 2.0 * y) * i0e(y) + 2.0 * y * i1e(y))
    plain = 4.0 * jnp.square(sigma) + jnp.square(split) - jnp.square(near)
    mean = jnp.where(far, split * (1.0 + _series(MEAN, inverse)), near)
    return mean, jnp.where(far, 2.0 * jnp.square(sigma) * (1.0 + _series(VARIANCE, inverse)), plain)


def _series(coefficients: tuple[float, ...], x: Array) -> Array:
    """The polynomial c₁x + c₂x² + … without a constant."""
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = (total + coefficient) * x
    return total


def mean_cosine(split: ArrayLike, sigma: ArrayLike) -> Array:
    """⟨cos θ⟩ of S (cos θ, sin θ) about (δ, 0): d⟨S⟩/dδ."""
    y = jnp.square(split / sigma) / 8.0
    return 0.25 * jnp.sqrt(jnp.pi) * split / sigma * (i0e(y) + i1e(y))


class RiceSpacing(Distribution):
    r"""Spacing of two levels whose centres are δ apart: the length of a vector with Gaussian noise, Rice's law.

    .. math::
        P(S) = \frac{S}{2\sigma^2}\, e^{-(S^2 + \delta^2) / 4\sigma^2}\, I_0\!\left(\frac{S\delta}{2\sigma^2}\right),
        \qquad \langle S^2\rangle = 4\sigma^2 + \delta^2

    Exact for noise of one width and of two, σ being σ_m then. δ = 0 is the Wigner surmise (Eq. 31).

    :param split: δ ≥ 0, distance of the two centres, any shape, units of S.
    :param sigma: width, broadcastable, units of S.
    """

    arg_constraints = {"split": constraints.nonnegative, "sigma": constraints.positive}
    support = constraints.positive
    reparametrized_params = ["split", "sigma"]

    def __init__(self, split: ArrayLike, sigma: ArrayLike, *, validate_args: bool | None = None):
        refuse_forked()
        self.split, self.sigma = promote_shapes(split, sigma)
        batch_shape = lax.broadcast_shapes(jnp.shape(split), jnp.shape(sigma))
        super().__init__(batch_shape, validate_args=validate_args)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        along, across = jax.random.normal(key, (2, *sample_shape, *self.batch_shape), jnp.result_type(float))
        scale = jnp.sqrt(2.0) * self.sigma
        return jnp.hypot(self.split + scale * along, scale * across)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        inside = (value > 0) & (value < jnp.inf)
        safe = jnp.where(inside, value, self.sigma)
        away = 0.5 * (safe - self.split) / self.sigma
        z = 0.5 * safe * self.split / jnp.square(self.sigma)
        log_density = jnp.log(0.5 * safe / self.sigma) - jnp.log(self.sigma) - jnp.square(away) + log_i0e(z)
        return jnp.where(inside, log_density, -jnp.inf)

    @property
    def mean(self) -> Array:
        return rice_moments(self.split, self.sigma)[0]

    @property
    def variance(self) -> Array:
        return rice_moments(self.split, self.sigma)[1]

    @nan_unless_valid
    def cdf(self, value: ArrayLike) -> Array:
        scale = jnp.sqrt(2.0) * self.sigma
        far = self.split + REACH * scale  # nothing changes beyond, nor at infinity
        return _cdf(*jnp.broadcast_arrays(self.split / scale, jnp.clip(jnp.asarray(value), 0.0, far) / scale))

    @nan_unless_valid
    def icdf(self, q: ArrayLike) -> Array:
        q = jnp.asarray(q, jnp.result_type(self.sigma))
        inside = (q > 0) & (q < 1)
        target = jnp.where(inside, q, 0.5)
        scale = jnp.sqrt(2.0) * self.sigma
        a = jnp.broadcast_to(self.split / scale, jnp.broadcast_shapes(q.shape, self.batch_shape))

        def halve(_: ArrayLike, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bracket
            middle = 0.5 * (low + high)
            below = _cdf(a, jnp.exp(middle)) < target
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        ends = jnp.full_like(a, np.log(np.finfo(a.dtype).tiny)), jnp.log(a + REACH)
        root = jnp.exp(0.5 * sum(lax.fori_loop(0, HALVINGS, halve, ends)))
        value = lax.stop_gradient(root * scale)
        # a last Newton step from the root makes the derivatives those of the implicit function
        value = value - (self.cdf(value) - target) / lax.stop_gradient(jnp.exp(self.log_prob(value)))
        return jnp.where(inside, value, jnp.where(q == 0, 0.0, jnp.where(q == 1, jnp.inf, jnp.nan)))


@jax.custom_jvp
@jax.jit
def _cdf(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 − Q₁(a, b), Marcum's Q: ∫₀ᵇ t exp(−(t − a)²/2) e^{−at} I₀(at) dt.

    The lesser tail by Gauss-Legendre where the integrand counts, so that small values keep their relative precision.
    """
    lower = b * b < a * a + 1.0
    apart = jnp.abs(b - a) * jnp.where(lower == (b < a), 1.0, 0.0)  # downhill at once, or over the top first
    over = jnp.abs(b - a) - apart
    reach = over + jnp.sqrt(jnp.square(apart) + 2.0 * CUT) - apart
    first = jnp.where(lower, jnp.maximum(b - reach, 0.0), b)
    half = 0.5 * (jnp.where(lower, b, b + reach) - first)

    def add(total: Array, node: tuple[Array, ...]) -> tuple[Array, None]:
        t = first + half * (1.0 + node[0])
        return total + node[1] * t * jnp.exp(-0.5 * jnp.square(t - a)) * i0e(a * t), None

    nodes = tuple(jnp.asarray(each, a.dtype) for each in np.polynomial.legendre.leggauss(NODES))
    tail = half * lax.scan(add, jnp.zeros_like(first), nodes, unroll=4)[0]
    return jnp.where(lower, tail, 1.0 - tail)


@_cdf.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (a, b), (da, db) = primals, tangents
    front = b * jnp.exp(-0.5 * jnp.square(b - a))
    return _cdf(a, b), front * (i0e(a * b) * db - i1e(a * b) * da)
