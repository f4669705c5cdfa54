"""Steps of a trajectory as rows of sums: few rows stand for many steps, exactly but for the Bessel function.

A row has, in its first column, the gap of its steps in units of the memory's own (infinite for a snapshot that is taken
from the stationary law), then for each cluster of levels the columns of :class:`Sums` of the level, or of the sum of a
pair; and then for each pair Σ ln S', Σ(S' − S)², Σ(S' − S)S, ΣS², and how many steps have which product S S'. ln p of
Dyson's process is linear in all columns but the gap and the product, so rows of one gap are added up; products, in
which it is smooth, act through nodes uniform in ln S S', as in :mod:`coulombfit.numerics.compression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints

from coulombfit.laws.trajectory.steps import LOG_TWO, Sums, decay, log_bessel, log_gaussian, log_spacing_step
from coulombfit.numerics.compression import Compression, Weighted, interpolate

__all__ = ["StepSums", "SummedSteps", "rows_of_steps"]

LINEAR, SPACING = 6, 6
"""Columns of a level, or the sum of a pair; and those that a pair has more."""
MANY = 150
"""Steps of one gap from which their products are put on a grid."""
SPACINGS = tuple(0.16 * 0.67**k for k in range(7))
"""Distance of the nodes in ln S S', from coarse to fine. The Bessel function's zeros lie π/2 off the real axis."""
SMALLEST = 1e-8
"""Products below this share of the mean count as equal to it: there ln p is flat."""


class Columns(NamedTuple):
    """Where sums stand in a row, and levels in a spectrum: of every cluster, and of every pair."""

    linear: np.ndarray
    spacing: np.ndarray
    pairs: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    width: int


@lru_cache(maxsize=64)
def columns_of(sizes: tuple[int, ...]) -> Columns:
    """Columns of clusters of one or two levels: of all their linear sums, one cluster after the other, and then of what
    pairs have more; which clusters are pairs; the upper and the lower level of every cluster, which
    is the same of one."""
    each = np.asarray(sizes)
    pairs, first = np.flatnonzero(each == 2), np.cumsum([0, *sizes[:-1]])
    linear = 1 + np.arange(len(each) * LINEAR).reshape(len(each), LINEAR)
    spacing = 1 + linear.size + np.arange(len(pairs) * SPACING).reshape(len(pairs), SPACING)
    return Columns(linear, spacing, pairs, first, first + each - 1, 1 + linear.size + spacing.size)


def rows_of_steps(
    x: Float[Any, "*batch snapshot level"], gaps: Float[np.ndarray, " snapshot"], sizes: Sequence[int], xp: Any = np
) -> Float[Any, "*batch snapshot column"]:
    """One row a snapshot, of the step that leads to it.

    :param x: levels, maybe in a unit of each cluster's own.
    :param gaps: of the step to every snapshot. The first is infinite where it is taken from the stationary law; or NaN
        where it is only conditioned on, whose row is 0.
    :param sizes: numbers of levels of the clusters, 1 or 2.
    :param xp: NumPy or its twin of JAX.
    """
    columns = columns_of(tuple(sizes))
    counted, given = np.isfinite(gaps)[:, None], np.isnan(gaps)[:, None]
    shape = x.shape[:-1]

    def both(values: Any) -> tuple[Any, Any]:
        """Before and after the step; nothing before one from the stationary law, nothing after one that is given."""
        earlier = xp.concatenate([xp.zeros_like(values[..., :1, :]), values[..., :-1, :]], axis=-2)
        return xp.where(counted, earlier, 0.0), xp.where(given, 0.0, values)

    def in_row(*sums: Any) -> Any:
        return xp.stack(xp.broadcast_arrays(*sums), axis=-1).reshape(*shape, -1)

    one = xp.asarray(np.where(given, 0.0, 1.0))
    is_pair = np.asarray(sizes) == 2
    y, new = both(x[..., columns.upper] + xp.where(is_pair, x[..., columns.lower], 0.0))
    d = new - y
    gap = xp.broadcast_to(xp.asarray(np.where(given[:, 0], 1.0, gaps)), shape)[..., None]
    row = [gap, in_row(one, d, y, d * d, d * y, y * y)]
    if len(columns.pairs):
        upper, lower = columns.upper[columns.pairs], columns.lower[columns.pairs]
        was, now = both(x[..., upper] - x[..., lower])
        d = now - was
        row.append(in_row(xp.log(xp.where(now > 0, now, 1.0)), d * d, d * was, was * was, one, was * now))
    return xp.concatenate(row, axis=-1)


@dataclass(frozen=True)
class StepSums(Compression):
    """Rows of :func:`rows_of_steps` added up by gap, products on a grid.

    :param sizes: numbers of levels of the clusters.
    """

    sizes: tuple[int, ...] = (2,)
    repels: bool = False

    def compress(self, terms: Float[np.ndarray, "row column"], level: int = 0) -> Weighted | None:
        """Few rows; those of gaps that are rare stay."""
        if not np.isfinite(terms[:, 1:]).all():
            return None
        return super().compress(terms, level)

    def nodes(
        self, terms: Float[np.ndarray, "row column"], level: int
    ) -> tuple[Float[np.ndarray, "node column"], Float[np.ndarray, " node"]]:
        gaps, place, counts = np.unique(terms[:, 0], return_inverse=True, return_counts=True)
        place = place.reshape(-1)
        many = counts >= MANY
        nodes, weights = [terms[~many[place]]], [np.ones(int((~many[place]).sum()))]
        for k in np.flatnonzero(many):
            rows = terms[place == k]
            total = rows.sum(axis=0)
            total[0] = gaps[k]
            added = []
            for count, product in columns_of(self.sizes).spacing[:, -2:]:
                total[count] = total[product] = 0.0
                at, how_many = _grid(rows[:, count], rows[:, product], level)
                grid = np.zeros((len(at), terms.shape[1]))
                grid[:, 0], grid[:, count], grid[:, product] = gaps[k], 1.0, at
                added.append((grid, how_many))
            nodes += [total[None], *(grid for grid, _ in added)]
            weights += [np.ones(1), *(how_many for _, how_many in added)]
        return np.concatenate(nodes), np.concatenate(weights)


def _grid(
    count: Float[np.ndarray, " row"], product: Float[np.ndarray, " row"], level: int
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Nodes and weights of products, uniform in their logarithm."""
    if not product.any():  # from the stationary law
        return np.zeros(1), np.array([count.sum()])
    logarithm = np.log(np.maximum(product, SMALLEST * product.mean()))
    at, weights = interpolate(logarithm, SPACINGS[level], count)
    return np.exp(at), weights


class SummedSteps(Distribution):
    r"""Log density of rows of :func:`rows_of_steps`: sums of ln p over the steps that a row stands for.

    :param centres: of the clusters, shape (cluster,), in the unit of the rows.
    :param widths: their σ.
    :param memories: their a, of a step of gap 1.
    :param betas: β of every pair, shape (pair,); 1.0 where known.
    :param sizes: numbers of levels of the clusters.
    :param scales: of each cluster's unit, shape (cluster,), where densities are to be those in units of the data.
    """

    arg_constraints = {
        "centres": constraints.real_vector,
        "widths": constraints.independent(constraints.positive, 1),
        "memories": constraints.independent(constraints.unit_interval, 1),
    }
    support = constraints.real_vector
    pytree_aux_fields = ("sizes",)
    pytree_data_fields = ("betas", "scales")

    def __init__(
        self,
        centres: Array,
        widths: Array,
        memories: Array,
        betas: Array | float,
        sizes: Sequence[int],
        scales: Array | None = None,
    ) -> None:
        self.centres, self.widths, self.memories, self.betas, self.scales = centres, widths, memories, betas, scales
        self.sizes = tuple(sizes)
        super().__init__((), (columns_of(self.sizes).width,), validate_args=False)

    def log_prob(self, rows: Float[Array, "*batch column"]) -> Float[Array, "*batch"]:
        """Sum of ln p."""
        columns, sizes = columns_of(self.sizes), np.asarray(self.sizes)
        step = decay(self.memories, rows[..., :1])
        linear = Sums(*jnp.moveaxis(rows[..., columns.linear], -1, 0))
        variance = sizes * jnp.square(self.widths) * step.fresh
        found = log_gaussian(linear, sizes * self.centres, variance, step.lost)
        if self.scales is not None:
            found -= linear.number * sizes * jnp.log(self.scales)
        total = found.sum(axis=-1)
        if not len(columns.pairs):
            return total
        left, lost, v = (each[..., columns.pairs] for each in (step.left, step.lost, variance))
        logs, dd, ds, ss, count, product = jnp.moveaxis(rows[..., columns.spacing], -1, 0)
        squares = dd + 2.0 * lost * ds + jnp.square(lost) * ss
        bessels = count * log_bessel(self.betas, left * product / v)
        steps = linear.number[..., columns.pairs]
        spacings = log_spacing_step(steps, logs, squares, bessels, self.betas, v) + steps * LOG_TWO
        return total + spacings.sum(axis=-1)
