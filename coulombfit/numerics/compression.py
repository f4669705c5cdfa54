"""Few weighted observations that stand for many: Σ_i ln p(x_i) = offset + Σ_k w_k ln p(node_k).

Where ln p is a quadratic polynomial of the observations (but for ln S, which no parameter changes), two nodes with the
mean and the spread of the data are exact. Elsewhere ln p is smooth, and its features lie about the centre: a grid that
is uniform in y = arsinh((x − c)/w)/h, c being the median, has nodes as dense there as it takes. The observations of a
cell act on an interpolating polynomial in y through their moments alone, which become weights of the ORDER nodes about
the cell, so that the error falls like h^ORDER. :mod:`coulombfit.inference.log_posterior` finds out how small it is over
a posterior.

What ln p is a smooth function of is a property of the law: a model has a :class:`Compression` for each likelihood that
can be compressed. It knows no law, and is a frozen dataclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Float, Int

__all__ = [
    "LEVELS",
    "BothLevels",
    "Compression",
    "LevelGrid",
    "LevelMoments",
    "MeanSquare",
    "Moments",
    "SpacingGrid",
    "SumAndSpacing",
    "Weighted",
    "interpolate",
    "uncompressed",
]

ORDER = 8
"""Nodes in each direction about a cell: its observations act on a polynomial of degree 7. More converge faster, and
have larger weights of alternating sign."""
CHUNK = 2**18
"""Observations at a time, to bound the memory."""
SIZES = (2, 8, 32, 48, 80, 144, 256, 640, 768, 1024, 1792)
"""Numbers of nodes; beyond, powers of two. Sets are filled up to one of them, so that few shapes are compiled."""

LEVELS = 7
"""How many grids there are, each finer than the one before."""
GRIDS: dict[int, tuple[tuple[float, float], ...]] = {
    1: tuple((0.2 * 0.5**k, 0.2 * 0.67**k) for k in range(LEVELS)),
    2: ((0.7, 0.22), (0.45, 0.19), *((0.21 * 0.3**k, 0.165 * 0.75**k) for k in range(LEVELS - 2))),
}
"""Grids from coarse to fine, by their dimension: (w, h) as above, w in units of the data's standard deviation. A
smaller w has nodes denser about the centre, where narrow features of a law lie; a smaller h denser everywhere.
These numbers decide how many nodes it takes, not how exact the result is:
:func:`coulombfit.inference.log_posterior.represent` goes to the next grid until ln L is within its tolerance."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Weighted:
    """Nodes, in the frame of the terms of a likelihood, their weights, and what these leave."""

    nodes: Any
    weights: Any
    offset: Any

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.weights)


def uncompressed(terms: Float[np.ndarray, "term ..."]) -> Weighted:
    """All observations as nodes of weight one: nothing is compressed."""
    return _fill_up(terms, np.ones(len(terms)), 0.0)


class Compression(ABC):
    """One way to compress observations.

    ``repels`` says that ln p has a term ln S, the sum of the logarithms of all spacings of a run, which no parameter
    changes: it is left out of the nodes and kept whole.
    """

    exact: ClassVar[bool] = False
    """Whether it has no error, at any level."""
    repels: bool

    @abstractmethod
    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]] | None:
        """Nodes and their weights, on the ``level``-th grid where it takes one; None where there are none."""

    def compress(self, terms: Float[np.ndarray, "term ..."], level: int = 0) -> Weighted | None:
        """Observations compressed; None where they cannot be."""
        found = self.nodes(terms, level)
        if found is None:
            return None
        nodes, weights = found
        offset = _log_spacing(terms).sum() - weights @ _log_spacing(nodes) if self.repels else 0.0
        return Weighted(nodes, weights, np.float64(offset)) if self.exact else _fill_up(nodes, weights, offset)


@dataclass(frozen=True)
class _Exact(Compression):
    """Two nodes of half the weight each."""

    repels: bool = True
    exact = True

    @abstractmethod
    def _two(self, terms: Float[np.ndarray, "term ..."]) -> Float[np.ndarray, "2 ..."] | None:
        """The two."""

    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]] | None:
        two = self._two(terms)
        return None if two is None else (two, np.full(2, 0.5 * len(terms)))


class MeanSquare(_Exact):
    """ln p a function of S² alone: the mean square of spacings."""

    def _two(self, terms: Float[np.ndarray, "term ..."]) -> Float[np.ndarray, "2 ..."]:
        return np.full(2, np.sqrt(np.mean(terms**2)))


class Moments(_Exact):
    """ln p a quadratic polynomial of single levels; or, of pairs, of their sum, and of S² alone."""

    def _two(self, terms: Float[np.ndarray, "term ..."]) -> Float[np.ndarray, "2 ..."]:
        if terms.ndim == 1:
            return terms.mean() + terms.std() * np.array([1.0, -1.0])
        middle = 0.5 * (terms[:, 0] + terms[:, 1])
        half = 0.5 * np.sqrt(np.mean((terms[:, 0] - terms[:, 1]) ** 2))
        middles = middle.mean() + middle.std() * np.array([1.0, -1.0])
        return np.stack([middles + half, middles - half], axis=1)


class LevelMoments(_Exact):
    """ln p a sum of quadratic polynomials, one of each level of a run."""

    def _two(self, terms: Float[np.ndarray, "term ..."]) -> Float[np.ndarray, "2 ..."] | None:
        nodes = terms.mean(axis=0) + np.outer([1.0, -1.0], terms.std(axis=0))
        # levels that spread so unevenly that such nodes would be out of order
        return None if (np.diff(nodes, axis=1) >= 0).any() else nodes


@dataclass(frozen=True)
class LevelGrid(Compression):
    """ln p a smooth function of single levels."""

    repels: bool = False

    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]]:
        """On a grid in x."""
        nodes, weights = _on_grid([terms], [float(np.median(terms))], level)
        return nodes[:, 0], weights


@dataclass(frozen=True)
class BothLevels(Compression):
    """ln p a smooth function of the two levels of a pair."""

    repels: bool = True

    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]]:
        """On a grid in x₁ and x₂."""
        centre = float(np.median(terms))
        nodes, weights = _on_grid([terms[:, 0], terms[:, 1]], [centre, centre], level)
        return np.sort(nodes, axis=1)[:, ::-1], weights  # the law is even in S


@dataclass(frozen=True)
class SumAndSpacing(Compression):
    """ln p a smooth function of the sum and the spacing of a pair."""

    repels: bool = True

    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]]:
        """On a grid in R and S."""
        total, spacing = terms[:, 0] + terms[:, 1], terms[:, 0] - terms[:, 1]
        on_grid, weights = _on_grid([total, spacing], [float(np.median(total)), 0.0], level)
        half = 0.5 * np.abs(on_grid[:, 1])
        return np.stack([0.5 * on_grid[:, 0] + half, 0.5 * on_grid[:, 0] - half], axis=1), weights


@dataclass(frozen=True)
class SpacingGrid(Compression):
    """ln p a smooth even function of the spacing; of pairs, plus a quadratic polynomial of the sum."""

    repels: bool = True

    def nodes(
        self, terms: Float[np.ndarray, "term ..."], level: int
    ) -> tuple[Float[np.ndarray, "node ..."], Float[np.ndarray, " node"]]:
        """On a grid in S; of pairs each node twice, with the sums that have the mean and the spread of all."""
        spacing = terms if terms.ndim == 1 else terms[:, 0] - terms[:, 1]
        on_grid, weights = _on_grid([spacing], [float(np.median(spacing))], level)
        half = 0.5 * np.abs(on_grid[:, 0])
        if terms.ndim == 1:
            return 2.0 * half, weights
        middle = 0.5 * (terms[:, 0] + terms[:, 1])
        ends = [middle.mean() + sign * middle.std() for sign in (1.0, -1.0)]
        nodes = np.concatenate([np.stack([end + half, end - half], axis=1) for end in ends])
        return nodes, np.concatenate([0.5 * weights, 0.5 * weights])


def _log_spacing(terms: Float[np.ndarray, "term ..."]) -> Float[np.ndarray, " term"]:
    """Ln of the product over all differences of levels of a run, ln S of a pair or a spacing."""
    if terms.ndim == 1:
        return np.log(terms)
    first, second = np.triu_indices(terms.shape[1], 1)
    return np.log(terms[:, first] - terms[:, second]).sum(axis=1)


def _on_grid(
    coordinates: Sequence[Float[np.ndarray, " term"]], centres: Sequence[float], level: int
) -> tuple[Float[np.ndarray, "node axis"], Float[np.ndarray, " node"]]:
    """Nodes and weights in one or two coordinates; of two, the second has none at its centre."""
    dimension = len(coordinates)
    w, h = GRIDS[dimension][level]
    widths = [w * float(np.std(x)) for x in coordinates]
    shifts = [0.0, 0.5][:dimension]

    def cells(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arcsinh((x - centres[axis]) / widths[axis]) / h - shifts[axis]
        cell = np.floor(y)
        return cell.astype(np.int64), y - cell

    ends = [[cells(np.array([x.min(), x.max()]), axis)[0] for axis, x in enumerate(coordinates)]]
    first = [int(end[0]) for end in ends[0]]
    shape = tuple(int(end[1] - end[0]) + 1 for end in ends[0])
    moments = np.zeros((ORDER**dimension, int(np.prod(shape))))
    for start in range(0, len(coordinates[0]), CHUNK):
        found = [cells(x[start : start + CHUNK], axis) for axis, x in enumerate(coordinates)]
        index = np.ravel_multi_index([cell - first[axis] for axis, (cell, _) in enumerate(found)], shape)
        _add_moments(moments, index, [within for _, within in found])
    offsets, to_weights = _stencil()
    if dimension == 1:
        by_node = to_weights @ moments
        weights = np.zeros(shape[0] + ORDER)
        for j in range(ORDER):
            weights[j : j + shape[0]] += by_node[j]
    else:
        moments = moments.reshape(ORDER, ORDER, *shape)
        by_node = np.einsum("im,jn,mnab->ijab", to_weights, to_weights, moments, optimize=True)
        weights = np.zeros((shape[0] + ORDER, shape[1] + ORDER))
        for i, j in np.ndindex(ORDER, ORDER):
            weights[i : i + shape[0], j : j + shape[1]] += by_node[i, j]
    axes = [
        centres[axis] + widths[axis] * np.sinh(h * (np.arange(size) + first[axis] + offsets[0] + shifts[axis]))
        for axis, size in enumerate(weights.shape)
    ]
    nodes = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    used = np.flatnonzero(weights)
    return nodes[used], weights.ravel()[used]


def interpolate(
    y: Float[np.ndarray, " term"], h: float, counts: Float[np.ndarray, " term"]
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Nodes h apart and weights with Σ_i counts_i f(y_i) = Σ_k w_k f(node_k), but for an error of order h^ORDER."""
    scaled = y / h
    cell = np.floor(scaled).astype(np.int64)
    first, cells = int(cell.min()), int(np.ptp(cell)) + 1
    moments, power = np.zeros((ORDER, cells)), counts
    for m in range(ORDER):
        moments[m] = np.bincount(cell - first, power, minlength=cells)
        power = power * (scaled - cell)
    offsets, to_weights = _stencil()
    weights = np.zeros(cells + ORDER - 1)
    for j, by_cell in enumerate(to_weights @ moments):
        weights[j : j + cells] += by_cell
    return h * (np.arange(weights.size) + first + offsets[0]), weights


def _add_moments(
    moments: Float[np.ndarray, "power cell"], index: Int[np.ndarray, " term"], within: Sequence[np.ndarray]
) -> None:
    """Sums over the observations of each cell of every product of powers below ORDER of where they lie in it."""
    first = np.ones(len(index))
    for m in range(ORDER):
        product = first
        for n in range(ORDER if len(within) > 1 else 1):
            row = m * ORDER + n if len(within) > 1 else m
            moments[row] += np.bincount(index, product, minlength=moments.shape[1])
            if len(within) > 1:
                product = product * within[1]
        first = first * within[0]


@lru_cache(maxsize=1)
def _stencil() -> tuple[Int[np.ndarray, " node"], Float[np.ndarray, "node power"]]:
    """Places of the nodes about a cell, and the matrix from moments in it to weights."""
    offsets = np.arange(ORDER) - (ORDER // 2 - 1)
    return offsets, np.linalg.inv(np.vander(offsets.astype(float), increasing=True).T)


def _fill_up(nodes: Float[np.ndarray, "node ..."], weights: Float[np.ndarray, " node"], offset: float) -> Weighted:
    """Nodes and weights, filled up with nodes of weight zero to one of SIZES."""
    count = len(weights)
    size = next((size for size in SIZES if size >= count), 1 << (count - 1).bit_length())
    lacking = size - count
    more = np.broadcast_to(nodes[:1], (lacking, *nodes.shape[1:]))
    return Weighted(np.concatenate([nodes, more]), np.concatenate([weights, np.zeros(lacking)]), np.float64(offset))
