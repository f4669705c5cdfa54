r"""The Coulomb gas of N levels (Eq. 7), the joint law of a whole spectrum.

Conventions as in :mod:`coulombfit.laws.pair`: an event is the *ordered* spectrum ``x1 > … > xN``, shape ``(N,)``, and
densities are normalised over it. Levels come in clusters of common centre and width, counted from the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float
from numpyro.distributions import Distribution, biject_to, constraints, transforms

from coulombfit.laws.gas.normaliser import (
    LARGEST_WITH_PAIRS,
    SEPARATION,
    SEPARATION_DISPLACED,
    displace_centres,
    far_apart,
    log_normaliser,
    separated_parameters,
)
from coulombfit.laws.validity import checked
from coulombfit.runtime.precision import refuse_forked

__all__ = ["CoulombGas", "descending"]


class _Descending(constraints.ParameterFreeConstraint):
    """Spectra with ``x1 > … > xN``."""

    event_dim = 1

    def __call__(self, x: Array | np.ndarray) -> Array | np.ndarray | np.bool:
        return (x[..., :-1] > x[..., 1:]).all(axis=-1)

    # a class that defines equality, as NumPyro's does, has lost its hash
    def __hash__(self) -> int:
        return hash(type(self))

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.broadcast_to(-jnp.arange(prototype.shape[-1], dtype=prototype.dtype), prototype.shape)


descending = _Descending()


class _ToDescending(transforms.ComposeTransform):
    """Real vectors onto the support, which is where its last part alone would not say that it ends."""

    codomain = descending


@biject_to.register(type(descending))
def _from_unconstrained(constraint: constraints.Constraint) -> transforms.Transform:
    return _ToDescending([transforms.OrderedTransform(), transforms.AffineTransform(0.0, -1.0)])


class CoulombGas(Distribution):
    r"""Levels that repel, each in the harmonic potential of its cluster (Eq. 7).

    .. math:: p(x_1 > \dots > x_N) \propto \prod_{i<j} (x_i - x_j)^\beta \; e^{-\sum_i (x_i - c_i)^2 / 2\sigma_i^2}

    The normaliser is exact, and what has none is refused: either one cluster of any number of levels and any β > 0,
    or β = 1 and clusters of one or two levels, with pairs among them up to 16 levels in all.

    Several clusters have to be well separated, c_i − c_j ≥ 6 √(σ_i² + σ_j²): the normaliser then takes x_i − x_j
    between clusters for positive. For two levels, whose difference is Gaussian with mean d and standard deviation s,
    that lowers it by ∫₀^∞ x φ((x + d)/s) dx/(sd) = φ(t)/t − Φ(−t), relative, t = d/s: 2.6e-11 at t = 6. Pairs have
    heavier tails, 4e-10 for two of them, by quadrature. The repulsion of other levels may bring clusters half a unit
    closer: at 5.5 the errors are 20 times larger. Closer than that ``log_prob`` is minus infinity and draws are NaN;
    where the parameters are known and validated, they are refused.

    :param centres: centres of the clusters, descending, shape (..., K), units of x.
    :param widths: their widths σ, shape (..., K), units of x.
    :param sizes: numbers of levels of the clusters, K whole numbers; one each where not given.
    :param beta: strength of the repulsion, batch shape; 1 for real weight matrices, and for several clusters.
    :raises ValueError: for a gas without exact normaliser.
    """

    arg_constraints = {
        "centres": constraints.real_vector,
        "widths": constraints.independent(constraints.positive, 1),
        "beta": constraints.positive,
    }
    support = descending
    pytree_aux_fields = ("sizes",)

    def __init__(
        self,
        centres: ArrayLike,
        widths: ArrayLike,
        sizes: Sequence[int] | None = None,
        beta: ArrayLike = 1.0,
        *,
        validate_args: bool | None = None,
    ):
        refuse_forked()
        clusters = _clusters(centres, widths)
        self.sizes = (1,) * clusters if sizes is None else tuple(sizes)
        _refuse_sizes(self.sizes, clusters)
        if clusters > 1:
            _refuse_without_normaliser(self.sizes, beta)
        batch_shape = np.broadcast_shapes(jnp.shape(centres)[:-1], jnp.shape(widths)[:-1], jnp.shape(beta))
        # what is known stays so inside compiled functions, and is validated there
        with jax.ensure_compile_time_eval():
            centres, widths = jnp.asarray(centres), jnp.asarray(widths)
            dtype = jnp.result_type(centres, widths, beta, float)
            self.centres = jnp.broadcast_to(centres.astype(dtype), (*batch_shape, clusters))
            self.widths = jnp.broadcast_to(widths.astype(dtype), (*batch_shape, clusters))
            self.beta = jnp.broadcast_to(jnp.asarray(beta, dtype), batch_shape)
        super().__init__(batch_shape, (sum(self.sizes),), validate_args=validate_args)

    def validate_args(self, strict: bool = True) -> None:
        super().validate_args(strict)
        with jax.ensure_compile_time_eval():
            far = far_apart(self.sizes, self.centres, self.widths)
        if not isinstance(far, jax.core.Tracer) and not np.asarray(far).all():
            *batch, first = np.argwhere(~np.asarray(far))[0]
            c, w = (np.asarray(a)[(*batch, slice(first, first + 2))] for a in (self.centres, self.widths))
            raise ValueError(
                f"centres: expected clusters, descending, at least {SEPARATION} √(σ_i² + σ_j²) apart, "
                f"{SEPARATION_DISPLACED} as displaced by the repulsion of all; got clusters {first} and {first + 1} "
                f"at {c[0]:.6g} and {c[1]:.6g} with widths {w[0]:.6g} and {w[1]:.6g}"
            )

    @property
    def separated(self) -> Bool[Array, "*batch"]:
        """Whether the clusters are as far apart as the law needs."""
        return far_apart(self.sizes, self.centres, self.widths).all(axis=-1)

    @property
    def log_normaliser(self) -> Float[Array, "*batch"]:
        """ln ∫ over x1 > … > xN of the right-hand side above; infinite where the clusters are not separated."""
        return log_normaliser(self.sizes, self.centres, self.widths, self.beta)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        return _log_density(self.sizes, jnp.asarray(value), self.centres, self.widths, self.beta)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        """Exact draws.

        One cluster: eigenvalues of the tridiagonal matrices of Dumitriu and Edelman.

        Several: rejection. The logarithm of x_i − x_j between clusters is concave, hence below its tangent at any
        point e, ln(x_i − x_j) ≤ ln d + y with d = e_i − e_j, 1 + y = (x_i − x_j)/d. The tangents are linear in x and
        shift a cluster's centre by σ² Σ_j 1/(e_i − e_j), so shifted clusters, independent of each other, are a
        proposal that Π (1 + y) e^−y ≤ 1 corrects. Any e is exact; the shifted centres themselves accept most.
        """
        shape = (*sample_shape, *self.batch_shape)
        if len(self.sizes) == 1:
            unit = _tridiagonal(key, shape, self.sizes[0], self.beta)
            return self.centres + self.widths * unit
        return _by_rejection(key, shape, self.sizes, self.centres, self.widths)


def _clusters(centres: ArrayLike, widths: ArrayLike) -> int:
    shapes = {"centres": jnp.shape(centres), "widths": jnp.shape(widths)}
    for name, shape in shapes.items():
        if not shape or shape[-1] == 0:
            raise ValueError(f"{name}: expected one number a cluster along the last axis, got shape {shape}")
    clusters, given = (shape[-1] for shape in shapes.values())
    if clusters != given:
        raise ValueError(f"widths: expected {clusters}, one a centre, got {given}")
    return clusters


def _refuse_sizes(sizes: tuple[int, ...], clusters: int) -> None:
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in sizes)
    if len(sizes) != clusters or not whole:
        raise ValueError(f"sizes: expected {clusters} whole numbers above 0, one a cluster, got {sizes}")


def _refuse_without_normaliser(sizes: tuple[int, ...], beta: ArrayLike) -> None:
    if isinstance(beta, jax.core.Tracer) or not np.all(np.asarray(beta) == 1.0):
        raise ValueError(f"beta: expected 1 for several clusters, whose normaliser is known for no other, got {beta}")
    if max(sizes) > 2:
        raise ValueError(f"sizes: expected clusters of 1 or 2 levels, or one cluster of any number, got {sizes}")
    if max(sizes) == 2 and sum(sizes) > LARGEST_WITH_PAIRS:
        raise ValueError(f"sizes: expected at most {LARGEST_WITH_PAIRS} levels where some are pairs, got {sum(sizes)}")


# Compiled as wholes, so that a first call outside a compiled function does not compile operation by operation.
@partial(jax.jit, static_argnums=0)
def _log_density(
    sizes: tuple[int, ...], value: Array, centres: Array, widths: Array, beta: Array
) -> Float[Array, "*batch"]:
    levels, of_level = np.arange(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes)
    spacings = value[..., :, None] - value[..., None, :]
    counted = (levels[:, None] < levels) & (spacings > 0)
    log_repulsion = jnp.log(jnp.where(counted, spacings, 1.0)).sum(axis=(-2, -1))
    u = (value - centres[..., of_level]) / widths[..., of_level]
    log_density = beta * log_repulsion - 0.5 * jnp.square(u).sum(axis=-1)
    inside = jnp.asarray(descending(value)) & far_apart(sizes, centres, widths).all(axis=-1)
    return jnp.where(inside, log_density - log_normaliser(sizes, centres, widths, beta), -jnp.inf)


@partial(jax.jit, static_argnums=(1, 2))
def _tridiagonal(key: jax.Array, shape: tuple[int, ...], levels: int, beta: Array) -> Array:
    """Descending eigenvalues with density ∝ Π \\|λ_i − λ_j\\|^β e^{−Σλ²/2}."""
    key_diagonal, key_off = jax.random.split(key)
    diagonal = jax.random.normal(key_diagonal, (*shape, levels), beta.dtype)
    shapes = 0.5 * beta[..., None] * jnp.arange(levels - 1, 0, -1)
    off = jnp.sqrt(jax.random.gamma(key_off, shapes, (*shape, levels - 1), beta.dtype))
    rows = np.arange(levels)
    matrix = jnp.zeros((*shape, levels, levels), beta.dtype)
    matrix = matrix.at[..., rows, rows].set(diagonal).at[..., rows[1:], rows[:-1]].set(off)
    return jnp.linalg.eigvalsh(matrix, symmetrize_input=False)[..., ::-1]


@partial(jax.jit, static_argnums=(1, 2))
def _by_rejection(
    key: jax.Array, shape: tuple[int, ...], sizes: tuple[int, ...], centres: Array, widths: Array
) -> Array:
    separated, centres, widths = separated_parameters(sizes, centres, widths)
    of_level = np.repeat(np.arange(len(sizes)), sizes)
    paired = np.asarray(sizes)[of_level] == 2
    upper = np.diff(of_level, prepend=-1) > 0
    of_half = jnp.asarray(np.where(paired, np.where(upper, 1.0, -1.0), 0.0), centres.dtype)
    of_common = jnp.asarray(np.where(paired, np.sqrt(0.5), 1.0), centres.dtype)
    between = of_level[:, None] < of_level
    tangent = centres
    for _ in range(4):
        tangent = displace_centres(tangent, centres, widths, sizes)
    middle = displace_centres(tangent, centres, widths, sizes)
    points = tangent[..., of_level]
    gap = points[..., :, None] - points[..., None, :]

    def propose(key: jax.Array) -> tuple[Array, Array]:
        keys = jax.random.split(key, 3)
        common = jax.random.normal(keys[0], (*shape, len(sizes)), centres.dtype)[..., of_level]
        half = jnp.sqrt(jax.random.exponential(keys[1], (*shape, len(sizes)), centres.dtype))[..., of_level]
        x = middle[..., of_level] + widths[..., of_level] * (of_common * common + of_half * half)
        ratio = jnp.where(between, (x[..., :, None] - x[..., None, :]) / jnp.where(between, gap, 1.0), 1.0)
        ordered = (ratio > 0).all(axis=(-2, -1))
        log_accept = (jnp.log(jnp.where(ratio > 0, ratio, 1.0)) - (ratio - 1.0)).sum(axis=(-2, -1))
        # 1 − u is never 0
        log_u = jnp.log1p(-jax.random.uniform(keys[2], shape, centres.dtype))
        return x, ordered & (log_u < log_accept)

    def redraw(state: tuple[jax.Array, Array, Array]) -> tuple[jax.Array, Array, Array]:
        key, draws, done = state
        key, key_now = jax.random.split(key)
        x, accepted = propose(key_now)
        return key, jnp.where(done[..., None], draws, x), done | accepted

    start = jnp.full((*shape, len(of_level)), jnp.nan, centres.dtype)
    done = jnp.broadcast_to(~separated, shape)
    _, draws, _ = jax.lax.while_loop(lambda state: ~state[2].all(), redraw, (key, start, done))
    return draws
