"""Which levels of a matrix are looked at, where they stand in it, and which of them belong together.

Places are counted from the top of the whole matrix, 0 the topmost, and kept in ``provenance["levels"]`` where not all
levels are there, so that levels of levels chosen before are still called by their place in the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from coulombfit.data.clusters import group_by_gaps, group_by_targets, list_levels, whole
from coulombfit.runtime.errors import DataError

__all__ = [
    "Levels",
    "chosen_levels",
    "grouped",
    "known_places",
    "parted_in",
    "places_of",
    "stated_in",
    "stating",
    "taking",
]

Levels = str | Sequence[int]
"""What a user may choose: numbers of levels from the top, or "nonzero"."""
DEAD = float(np.finfo(np.float32).eps) ** 2
"""Times the number of levels N, the share of a run's largest level up to which a level is zero but for rounding.

Rounding W to a relative ε/2 moves singular values by at most ½ε‖W‖ ≤ ½ε√N s_max (Weyl), and so those that are zero,
squared, to ¼ε²N s²_max at most; weights of single precision are the roughest that are still rank-deficient. Double
precision and eigenvalues of WᵀW in it leave less, N·2⁻⁵² s²_max.
"""


def chosen_levels(levels: Levels | None, x: Float[np.ndarray, "run level"], precision: float = 0.0) -> list[int] | None:
    """Columns of the levels that a user chooses, ascending; None where all are taken.

    :param levels: numbers from the top, in any order; "nonzero", those that are not zero in all runs; None for all.
    :param x: descending along level.
    :param precision: relative spacing of the numbers in which eigenvalues are given; see ``DEAD``.
    :raises DataError: for numbers that are not there or there twice, for none, and for "nonzero" where a level is zero
        in some runs only, or where all are.
    """
    if levels is None:
        return None
    if isinstance(levels, str):
        if levels != "nonzero":
            raise DataError(f"levels: expected numbers from the top, or 'nonzero', got {levels!r}")
        return _nonzero(x, precision)
    try:
        if isinstance(levels, bytes) or not isinstance(levels, Iterable):
            raise TypeError
        found = sorted(whole(level) for level in levels)
    except TypeError:
        raise DataError(f"levels: expected whole numbers from the top, or 'nonzero', got {levels!r}") from None
    count = x.shape[1]
    if not found:
        raise DataError("levels: expected at least one, got none")
    if len(set(found)) < len(found):
        raise DataError(f"levels: expected every level once, got {found}")
    if outside := [level for level in found if not 0 <= level < count]:
        raise DataError(f"levels: expected numbers from 0, the topmost, to {count - 1}, got {outside[0]}")
    return found


def _nonzero(x: Float[np.ndarray, "run level"], precision: float) -> list[int]:
    dead = x <= x.shape[1] * max(DEAD, precision) * x[:, :1]
    if partly := np.flatnonzero(dead.any(axis=0) & ~dead.all(axis=0)).tolist():
        level = partly[0]
        raise DataError(
            f"levels: expected levels that are zero in all runs or in none, got level {level} zero in "
            f"{int(dead[:, level].sum())} of {len(x)} runs; 'nonzero' does not say whether it is meant: give numbers, "
            f"levels=range({level}) leaves out all from there on"
        )
    found: list[int] = np.flatnonzero(~dead.all(axis=0)).tolist()
    if not found:
        raise DataError("levels: expected some that are not zero, got zero for all of them in all runs")
    return found


def known_places(provenance: Mapping[str, Any]) -> list[int] | None:
    """Places that a provenance has; one of other making may have its own idea of "levels"."""
    found = provenance.get("levels")
    if not isinstance(found, list) or not all(isinstance(each, int) and not isinstance(each, bool) for each in found):
        return None
    return found if found == sorted({level for level in found if level >= 0}) else None


def places_of(provenance: Mapping[str, Any], levels: int) -> list[int]:
    """Places in the whole matrix of so many levels, those of their own numbers where nothing else is known."""
    found = known_places(provenance)
    return found if found is not None and len(found) == levels else list(range(levels))


def parted_in(provenance: Mapping[str, Any]) -> list[list[int]]:
    """Clusters, by places, of which choosing levels has left a part behind."""
    found = provenance.get("parted")
    return found if isinstance(found, list) and all(isinstance(each, list) for each in found) else []


def stated_in(provenance: Mapping[str, Any], levels: int) -> list[list[int]] | None:
    """The grouping that a user has stated, by places; None where there is none.

    :raises DataError: where it is not one of these levels.
    """
    found = provenance.get("clusters")
    if not isinstance(found, list) or not all(isinstance(each, list) for each in found):
        return None
    places, there = known_places(provenance), {level for cluster in found for level in cluster}
    if places is None or len(places) != levels or not set(places) <= there:
        raise DataError(
            f"provenance: its clusters group levels {list_levels(sorted(there))}, and its levels are "
            f"{'not known' if places is None else list_levels(places)}; got {levels} levels. Choose among spectra by "
            "level, pair, cluster or levels=, or give clusters="
        )
    return found


def grouped(
    x: Float[np.ndarray, "run level"], targets: Float[np.ndarray, " level"] | None, provenance: Mapping[str, Any]
) -> tuple[list[list[int]], str]:
    """Columns that belong together, from the top, and who says so."""
    if (stated := stated_in(provenance, x.shape[1])) is not None:
        column = {place: k for k, place in enumerate(places_of(provenance, x.shape[1]))}
        here = [[column[place] for place in cluster if place in column] for cluster in stated]
        return [cluster for cluster in here if cluster], "stated"
    if targets is not None:
        return group_by_targets(x, targets), "targets"
    return group_by_gaps(x), "gaps"


def stating(
    provenance: Mapping[str, Any], clusters: list[list[int]], columns: list[int], levels: int
) -> dict[str, Any]:
    """Provenance of some columns of so many, with the grouping that a user states."""
    places = places_of(provenance, levels)
    guessed = {name: value for name, value in provenance.items() if name not in ("grouping", "parted")}
    stated = [[places[k] for k in cluster] for cluster in clusters]
    return guessed | {"levels": [places[k] for k in columns], "clusters": stated}


def taking(provenance: Mapping[str, Any], clusters: list[list[int]], columns: list[int], levels: int) -> dict[str, Any]:
    """Provenance of some columns of so many: their places, and the clusters of which they leave a part behind."""
    places, taken = places_of(provenance, levels), set(columns)
    cut = [[places[k] for k in cluster] for cluster in clusters if taken & set(cluster) and set(cluster) - taken]
    known = {**provenance, "levels": [places[k] for k in columns]}
    return known | {"parted": [*parted_in(provenance), *cut]} if cut else known
