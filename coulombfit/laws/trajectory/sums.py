"""Steps of a trajectory as rows of sums: few rows stand for many steps, exactly but for the Bessel function.

A row has, in its first column, the gap of its steps in units of the memory's own (infinite for a snapshot that is taken
from the stationary law), and then for each cluster of levels the columns of :class:`Sums` of the level, or of the sum
of a pair; and for a pair Σ ln S', Σ(S' − S)², Σ(S' − S)S, ΣS², and how many steps have which product S S'. ln p of
Dyson's process is linear in all columns but the gap and the product, so rows of one gap are added up; products, in
which it is smooth, act through nodes uniform in ln S S', as in :mod:`coulombfit.numerics.compression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """Where the sums of a cluster stand in a row."""

    linear: slice
    spacing: slice | None


def columns_of(sizes: Sequence[int]) -> list[Columns]:
    """Columns of every cluster, of one or two levels."""
    found, first = [], 1
    for size in sizes:
        last = first + LINEAR
        found.append(Columns(slice(first, last), slice(last, last + SPACING) if size == 2 else None))
        first = last + (SPACING if size == 2 else 0)
    return found


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
    counted = np.isfinite(gaps)
    before = xp.concatenate([xp.zeros_like(x[..., :1, :]), x[..., :-1, :]], axis=-2)
    free, given = np.isinf(gaps), np.isnan(gaps)
    one = xp.broadcast_to(xp.asarray(np.where(given, 0.0, 1.0)), x.shape[:-1])

    def masked(values: Any, where: np.ndarray) -> Any:
        return xp.where(where, values, 0.0)

    def linear(old: Any, new: Any) -> list[Any]:
        d, y = masked(new - masked(old, counted), ~given), masked(old, counted)
        return [one, d, y, d * d, d * y, y * y]

    gap = xp.broadcast_to(xp.asarray(np.where(given, 1.0, np.where(free, np.inf, gaps))), x.shape[:-1])
    columns, level = [gap], 0
    for size in sizes:
        old, new = before[..., level], x[..., level]
        if size == 1:
            columns += linear(old, new)
        else:
            other, newer = before[..., level + 1], x[..., level + 1]
            columns += linear(old + other, new + newer)
            was, now = masked(old - other, counted), new - newer
            d = masked(now - was, ~given)
            logarithm = masked(xp.log(xp.where(now > 0, now, 1.0)), ~given)
            columns += [logarithm, d * d, d * was, was * was, one, masked(was * now, counted)]
        level += size
    return xp.stack(columns, axis=-1)


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
            for columns in columns_of(self.sizes):
                if columns.spacing is None:
                    continue
                count, product = columns.spacing.stop - 2, columns.spacing.stop - 1
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
        super().__init__((), (columns_of(self.sizes)[-1].linear.stop,), validate_args=False)

    def log_prob(self, rows: Float[Array, "*batch column"]) -> Float[Array, "*batch"]:
        """Sum of ln p."""
        gaps, total, pair = rows[..., 0], jnp.zeros(rows.shape[:-1]), 0
        for k, columns in enumerate(columns_of(self.sizes)):
            step = decay(self.memories[..., k], gaps)
            linear = Sums(*jnp.moveaxis(rows[..., columns.linear], -1, 0))
            if self.scales is not None:
                total -= linear.count * self.sizes[k] * jnp.log(self.scales[..., k])
            variance = jnp.square(self.widths[..., k]) * step.fresh
            if columns.spacing is None:
                total += log_gaussian(linear, self.centres[..., k], variance, step.lost)
                continue
            v = 2.0 * variance
            total += log_gaussian(linear, 2.0 * self.centres[..., k], v, step.lost) + linear.count * LOG_TWO
            logs, dd, ds, ss, count, product = jnp.moveaxis(rows[..., columns.spacing], -1, 0)
            beta = self.betas if isinstance(self.betas, float) else self.betas[..., pair]
            squares = dd + 2.0 * step.lost * ds + jnp.square(step.lost) * ss
            bessels = count * log_bessel(beta, step.left * product / v)
            total += log_spacing_step(linear.count, logs, squares, bessels, beta, v)
            pair += 1
        return total
