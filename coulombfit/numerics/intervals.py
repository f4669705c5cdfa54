"""Intervals of posterior numbers: the one place where they are computed.

Intervals are equal-tailed, but for a number that has an edge. An equal-tailed interval of r ∈ [0, 1] never contains 0,
however well σ₁ = σ₂ describes the data. Its lower end therefore moves down to the edge where the data do not exclude
the edge: where the posterior density there is no less than t = exp(−z²/2) of its maximum, z being the half width of a
Gaussian interval in sd, which is the density at the ends of such an interval. From t/2 to t it moves linearly, so that
intervals are continuous in the data. The upper end stays: an interval with an edge holds at least its nominal content,
and never less than the equal-tailed one. At the edge itself it covers in 95 % of repetitions at 90 % nominal: with
r² estimated with a Gaussian error, as it is from many runs, the edge is left out where the estimate is z sd above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

__all__ = ["INTERVAL", "Edge", "Ends", "intervals_of"]

INTERVAL = 0.9
"""Probability content of every quoted interval: equal-tailed, and down to the edge where the data do not exclude it."""

BINS, REACH = 512, 8.0
"""Bins of the histogram from which the density at the edge is read, and its length in posterior sd from the edge."""


Ends = tuple[Float[np.ndarray, "*set"], Float[np.ndarray, "*set"]]
"""Lower and upper ends of intervals."""


@dataclass(frozen=True)
class Edge:
    """A least value that a parameter may well have, where others meet.

    :param parameter: its name.
    :param at: that value.
    :param meeting: parameters that equal another there, by name; their intervals reach that other's where this
        parameter's reaches its edge.
    :param meaning: what holds at the edge, as text.
    """

    parameter: str
    at: float
    meeting: Mapping[str, str] = field(default_factory=dict, hash=False)
    meaning: str = ""

    def remark(self, lower: float) -> str:
        """What to say of an interval that begins at ``lower``; empty where it leaves the edge out."""
        if lower > self.at:
            return ""
        return f"{self.parameter} from {self.at:g}: the data do not exclude {self.meaning}"


def intervals_of(
    draws: Mapping[str, Float[np.ndarray, "*set draw"]], edge: Edge | None = None, content: float = INTERVAL
) -> dict[str, Ends]:
    """Lower and upper ends for every number, whatever its units.

    :param draws: of each number, draws along the last axis.
    :param edge: of the model, :attr:`coulombfit.models.Model.edge`.
    :param content: nominal probability content, between 0 and 1.
    """
    tail = (1.0 - content) / 2.0
    found = {name: _equal_tailed(values, tail) for name, values in draws.items()}
    if edge is None or edge.parameter not in draws:
        return found
    reaches = _reaches(draws[edge.parameter] - edge.at, float(np.exp(-0.5 * norm.ppf(1.0 - tail) ** 2)))
    ends = dict(found)
    lower, upper = found[edge.parameter]
    ends[edge.parameter] = (_interpolate(lower, edge.at, reaches), upper)
    for name, other in edge.meeting.items():
        lower, upper = found[name]
        ends[name] = (
            np.asarray(np.minimum(lower, _interpolate(lower, found[other][0], reaches))),
            np.asarray(np.maximum(upper, _interpolate(upper, found[other][1], reaches))),
        )
    return ends


def _equal_tailed(draws: Float[np.ndarray, "*set draw"], tail: float) -> Ends:
    lower, upper = np.quantile(draws, [tail, 1.0 - tail], axis=-1)
    return np.asarray(lower), np.asarray(upper)


def _interpolate(one: np.ndarray, other: np.ndarray | float, share: np.ndarray) -> np.ndarray:
    """From ``one`` at share 0 to exactly ``other`` at share 1."""
    return np.where(share < 1.0, one + share * (other - one), other)


def _reaches(distance: Float[np.ndarray, "*set draw"], enough: float) -> Float[np.ndarray, "*set"]:
    """How far the lower end moves to the edge: 1 where the density at distance 0 is ``enough`` of its maximum.

    Densities by a Gaussian kernel of Silverman's width, mirrored at the edge.
    """
    rows = distance.reshape(-1, distance.shape[-1])
    draws = rows.shape[1]
    spread = rows.std(axis=1, keepdims=True)
    # draws that are all alike have no density; they lie at the edge or do not
    step = np.where(spread > 0, spread, 1.0) * REACH / BINS
    place = np.floor(rows / step).astype(np.int64)
    place = np.where((place < 0) | (place >= BINS), BINS, place) + (BINS + 1) * np.arange(len(rows))[:, None]
    counts = np.bincount(place.ravel(), minlength=len(rows) * (BINS + 1)).reshape(len(rows), BINS + 1)[:, :BINS]
    width = 0.9 * draws**-0.2 * BINS / REACH
    density = gaussian_filter1d(counts.astype(float), width, axis=1, mode="reflect")
    highest = density.max(axis=1)
    ratio = np.divide(density[:, 0], highest, out=np.zeros(len(rows)), where=highest > 0)
    return np.clip(2.0 * ratio / enough - 1.0, 0.0, 1.0).reshape(distance.shape[:-1])
