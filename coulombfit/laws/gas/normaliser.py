r"""Normalisers of the Coulomb gas of N levels, Eq. 7, over ``x1 > … > xN``.

One cluster has Mehta's closed form. Clusters of one or two levels, β = 1, are integrated exactly as follows. Apart from
the signs of the spacings within pairs the repulsion is the Vandermonde polynomial, hence a determinant in any basis of
polynomials of degree below N. We take the basis that vanishes at the centres c_J of all other clusters,

.. math:: b_{K,a}(x) = \left(\frac{x-c_K}{\sigma_K}\right)^a \prod_{J\ne K} \left(\frac{x-c_J}{c_K-c_J}\right)^{n_J},
          \quad a < n_K, \qquad
          \Bigl|\prod_{i<j}(x_i-x_j)\Bigr| = \prod_{\text{pairs}}\sigma_K \prod_{K<J}(c_K-c_J)^{n_K n_J}\;|\det b|.

Its integral over a single level is a 1-form in the basis, over a pair a 2-form, each by Gauss quadrature of sufficient
degree to be exact, and the integral of the determinant is the coefficient of the wedge product of all forms. The forms
are those of isolated clusters but for terms of the order of width over distance, so nothing cancels, and with rows and
columns in balance (:func:`_basis_near`) they depend on those ratios alone, so nothing over- or underflows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import combinations
from math import log, pi
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int
from scipy import special

from coulombfit.numerics.small_algebra import log_abs_det

__all__ = [
    "LARGEST_WITH_PAIRS",
    "SEPARATION",
    "SEPARATION_DISPLACED",
    "displace_centres",
    "far_apart",
    "log_normaliser",
    "separated_parameters",
]

# Least distance of the centres of neighbouring clusters in units of √(σ² + σ'²), their widths: below, levels of two
# clusters may pass each other, which the exact integral leaves out.
SEPARATION = 6.0
# The same for centres displaced by repulsion (see displaced), which may have moved clusters closer together.
SEPARATION_DISPLACED = 5.5
# The wedge product of 16 levels sums about a million terms; each further pair multiplies them by five.
LARGEST_WITH_PAIRS = 16
# More clusters are integrated one by one: at once, the memory of reverse mode grows as N³.
AT_ONCE = 32


@partial(jax.jit, static_argnums=0)
def far_apart(
    sizes: tuple[int, ...], centres: Float[Array, "*batch cluster"], widths: Float[Array, "*batch cluster"]
) -> Bool[Array, "*batch neighbours"]:
    """Whether neighbouring clusters are separated; then all are, as √(a² + b²) + √(b² + c²) ≥ √(a² + c²)."""
    reach = jnp.hypot(widths[..., :-1], widths[..., 1:])
    bare = centres[..., :-1] - centres[..., 1:] >= SEPARATION * reach
    moved = displace_centres(centres, centres, widths, sizes)
    return bare & (moved[..., :-1] - moved[..., 1:] >= SEPARATION_DISPLACED * reach)


def displace_centres(at: Array, centres: Array, widths: Array, sizes: tuple[int, ...]) -> Array:
    """Centres c + σ² Σ_j 1/(e_i − e_j) under the repulsion of the other clusters at e = ``at``."""
    gap = at[..., :, None] - at[..., None, :]
    apart = gap != 0
    push = jnp.where(apart, 1.0 / jnp.where(apart, gap, 1.0), 0.0) @ jnp.asarray(sizes, at.dtype)
    return centres + widths**2 * push


def separated_parameters(
    sizes: tuple[int, ...], centres: Array, widths: Array
) -> tuple[Bool[Array, "*batch"], Array, Array]:
    """Whether all clusters are separated, and the parameters, with harmless ones in place of those that are not."""
    separated = far_apart(sizes, centres, widths).all(axis=-1)
    far = -100.0 * jnp.arange(len(sizes), dtype=centres.dtype)
    held = separated[..., None]
    return separated, jnp.where(held, centres, far), jnp.where(held, widths, 1.0)


@partial(jax.jit, static_argnums=0)
def log_normaliser(sizes: tuple[int, ...], centres: Array, widths: Array, beta: Array) -> Float[Array, "*batch"]:
    """Logarithm of the integral over x1 > … > xN; infinite where the clusters are not separated."""
    if len(sizes) == 1:
        return _one_cluster(sizes[0], widths[..., 0], beta)
    separated, centres, widths = separated_parameters(sizes, centres, widths)
    function = jnp.vectorize(partial(_many_clusters, sizes), signature="(k),(k)->()")
    return jnp.where(separated, function(centres, widths), jnp.inf)


def _one_cluster(levels: int, width: Float[Array, "*batch"], beta: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Mehta's integral, any real β > 0, over the ordered levels."""
    order = 1.0 + jnp.arange(levels, dtype=beta.dtype)
    gammas = gammaln(1.0 + 0.5 * beta[..., None] * order) - gammaln(1.0 + 0.5 * beta)[..., None] - jnp.log(order)
    power = levels + 0.5 * beta * levels * (levels - 1)
    return 0.5 * levels * log(2.0 * pi) + gammas.sum(axis=-1) + power * jnp.log(width)


def _many_clusters(
    sizes: tuple[int, ...], centres: Float[Array, " cluster"], widths: Float[Array, " cluster"]
) -> Float[Array, ""]:
    """β = 1, clusters of one or two levels, spacings between clusters taken positive."""
    size = np.asarray(sizes)
    gaussian = size @ (0.5 * log(2.0 * pi) + jnp.log(widths))
    # E|x1 − x2| of independent Gaussians is 2σ/√π, half of it for the order
    spacings = (size == 2) @ (jnp.log(widths) - 0.5 * log(pi))
    upper, lower = np.triu_indices(len(sizes), 1)
    distances = (size[upper] * size[lower]) @ jnp.log(centres[upper] - centres[lower])
    if (size == 1).all():
        repulsion = log_abs_det(_singles(centres, widths, sizes))
    else:
        repulsion = jnp.log(_wedge_product(centres, widths, sizes))
    return gaussian + spacings + distances + repulsion


def _basis_near(
    cluster: Int[Array, ""],
    size: int,
    points: Float[Array, " node"],
    centres: Float[Array, " cluster"],
    widths: Float[Array, " cluster"],
    sizes: tuple[int, ...],
) -> Float[Array, "node level"]:
    r"""b_{K,a} at x = c_m + σ_m ``points`` for the cluster m of ``size`` levels, in balance.

    Rows belong to levels and columns to basis functions, so a factor per cluster may leave its rows for its columns:
    with :math:`\sigma_m^{n_m-1} / \prod_{J\ne m}(c_m-c_J)^{n_J}` moved, other clusters' functions are of the order of
    σ_m/(c_m − c_K), however unlike the widths and however many the levels.
    """
    multiplicity = np.asarray(sizes)
    of_level = np.repeat(np.arange(len(sizes)), sizes)
    second = np.concatenate([np.arange(n) for n in sizes]) == 1  # a = 1
    own = jnp.arange(len(sizes)) == cluster
    gap = jnp.where(own, 1.0, centres[cluster] - centres)
    reach = jnp.where(own, 0.0, widths[cluster] / gap)
    factor = 1.0 + points[:, None] * reach
    others = _product_of_others(jnp.where(multiplicity == 2, factor**2, factor))[:, of_level]
    mine = jnp.where(second, points[:, None], 1.0)
    first_of_pair = (multiplicity[of_level] == 2) & ~second
    theirs = points[:, None] ** size * reach[of_level] * jnp.where(first_of_pair, (widths / gap)[of_level], 1.0)
    return others * jnp.where(own[of_level], mine, theirs * jnp.where(second, factor[:, of_level], 1.0))


def _product_of_others(factors: Float[Array, "node cluster"]) -> Float[Array, "node cluster"]:
    """Product of all factors but one: no division, as a factor may vanish."""
    ones = jnp.ones_like(factors[:, :1])
    before = jnp.cumprod(jnp.concatenate([ones, factors[:, :-1]], axis=1), axis=1)
    after = jnp.cumprod(jnp.concatenate([ones, factors[:, :0:-1]], axis=1), axis=1)[:, ::-1]
    return before * after


def _singles(
    centres: Float[Array, " cluster"], widths: Float[Array, " cluster"], sizes: tuple[int, ...]
) -> Float[Array, "single level"]:
    """1-forms E b(x), x ~ N(c, σ²): polynomials of degree N − 1."""
    nodes, weights = special.roots_hermitenorm((sum(sizes) + 1) // 2)
    points, share = (jnp.asarray(a, centres.dtype) for a in (nodes, weights / weights.sum()))

    def form(cluster: Int[Array, ""]) -> Float[Array, " level"]:
        return share @ _basis_near(cluster, 1, points, centres, widths, sizes)

    return _for_each(form, np.flatnonzero(np.asarray(sizes) == 1))


def _pairs(
    centres: Float[Array, " cluster"], widths: Float[Array, " cluster"], sizes: tuple[int, ...]
) -> Float[Array, "pair level level"]:
    """2-forms E (b_l(x1) b_k(x2) − b_k(x1) b_l(x2))/((x1 − x2)/σ) over the one-species pair law.

    A polynomial of degree 2N − 4, even in the spacing: with s = S/2σ, s² is exponential, (x1 + x2)/2 is Gaussian.
    """
    levels = sum(sizes)
    squares, of_squares = special.roots_laguerre(levels // 2)
    sums, of_sums = special.roots_hermitenorm(levels - 1)
    middle, half = (a.ravel() for a in np.meshgrid(sums / np.sqrt(2.0), np.sqrt(squares)))
    weights = np.outer(of_squares, of_sums / of_sums.sum()).ravel() / (2.0 * half)
    above, below, share = (jnp.asarray(a, centres.dtype) for a in (middle + half, middle - half, weights))

    def form(cluster: Int[Array, ""]) -> Float[Array, "level level"]:
        first = _basis_near(cluster, 2, above, centres, widths, sizes)
        second = _basis_near(cluster, 2, below, centres, widths, sizes)
        product = (share[:, None] * second).T @ first
        return product - product.T

    return _for_each(form, np.flatnonzero(np.asarray(sizes) == 2))


def _for_each(form: Callable[[Array], Array], clusters: np.ndarray) -> Array:
    if len(clusters) <= AT_ONCE:
        return jax.vmap(form)(jnp.asarray(clusters))
    return jax.lax.map(jax.checkpoint(form), jnp.asarray(clusters))


class _Step(NamedTuple):
    """Wedge product with one more form: for every new set of columns, the ways to split the form's columns off."""

    entry: Int[np.ndarray, "new way"]
    rest: Int[np.ndarray, "new way"]
    sign: Int[np.ndarray, "new way"]


@lru_cache(maxsize=32)
def _steps(sizes: tuple[int, ...]) -> tuple[_Step, ...]:
    """Only sets as large as the levels so far occur; columns are numbered from the top."""
    levels, used = sum(sizes), 0
    place, steps = {0: 0}, []
    for size in sizes:
        used += size
        sets = list(combinations(range(levels), used))
        rows = []
        for columns in sets:
            whole = sum(1 << c for c in columns)
            ways = []
            for taken in combinations(range(used), size):
                chosen = [columns[t] for t in taken]
                # transpositions that bring the form's columns behind those it is multiplied with
                moves = sum(used - size + i - t for i, t in enumerate(taken))
                entry = chosen[0] if size == 1 else chosen[0] * levels + chosen[1]
                ways.append((entry, place[whole - sum(1 << c for c in chosen)], -1 if moves % 2 else 1))
            rows.append(ways)
        table = np.asarray(rows, dtype=np.int32)
        steps.append(_Step(table[..., 0], table[..., 1], table[..., 2].astype(np.int8)))
        place = {sum(1 << c for c in columns): i for i, columns in enumerate(sets)}
    return tuple(steps)


def _wedge_product(
    centres: Float[Array, " cluster"], widths: Float[Array, " cluster"], sizes: tuple[int, ...]
) -> Float[Array, ""]:
    """Coefficient of all columns in the product of all forms."""
    integrate = {1: _singles, 2: _pairs}
    forms = {n: integrate[n](centres, widths, sizes).reshape(sizes.count(n), -1) for n in set(sizes)}
    product = jnp.ones(1, centres.dtype)
    for k, step in enumerate(_steps(sizes)):
        form = forms[sizes[k]][sizes[:k].count(sizes[k])]
        product = (step.sign * form[step.entry] * product[step.rest]).sum(axis=1)
    return product[0]
