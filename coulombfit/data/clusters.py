"""Which levels of a spectrum belong together: as the user states it, else by targets, else a guess by gaps.

Without targets, neighbouring levels are unresolved where the mean of their spacing is below three times the typical
standard deviation of the two levels over the runs. For an isolated pair that ratio is 2.1 (one species), 1.6 (two very
unequal species) or 1.4 (no repulsion); for resolved levels it is the separation in units of their width, which has to
be large for the two to be described apart. With few runs the standard deviation is itself uncertain, and the limit is
raised so that a true pair is refused in less than one case in a hundred; levels are then joined rather than parted, and
targets, where known, are the better guide.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.runtime.errors import DataError

__all__ = [
    "GROUPED",
    "Clusters",
    "describe_clusters",
    "doubt_pair",
    "doubt_parted",
    "group_by_gaps",
    "group_by_targets",
    "list_levels",
    "refuse_pair",
    "stated_clusters",
    "whole",
]

Clusters = str | Sequence[Sequence[int] | str]
"""What a user may state: "auto", "single", or lists of neighbouring levels that are every level once, the last of which
may be "single" for all levels that the others leave."""

RESOLVED = 3.0
"""Mean spacing over typical standard deviation from which two levels count as resolved; see above."""
REFUSED = 0.01
"""Share of true pairs that may be taken for resolved levels where runs are few."""
DOUBTED = 1e-4
"""p-value below which a fit doubts that two levels are a degenerate pair."""
MOST = 6
"""Groups, and levels of a group, that a message lists one by one."""
GROUPED = {
    "stated": "as stated",
    "targets": "by their targets",
    "gaps": "by the gaps between their distributions",
}
"""Who says which levels belong together, best first."""


def stated_clusters(clusters: Clusters | None, levels: int | Sequence[int]) -> list[list[int]] | None:
    """The grouping that a user states, checked: every level once, neighbours together, from the top.

    :param clusters: "auto" (or None), nothing is stated; "single", every level by itself; or lists of neighbouring
        levels that are every level once, ``[[0], [1, 2], [3]]``. A last entry "single" stands for all levels that the
        lists leave: ``[[1, 2], "single"]``.
    :param levels: how many there are, or their numbers, which a list then takes, ascending.
    :return: None where nothing is stated.
    :raises DataError: for anything else, naming what is wrong: a level twice, missing, or not there; levels in one
        cluster that are no neighbours.
    """
    there = list(range(levels)) if isinstance(levels, int) else [int(level) for level in levels]
    if clusters is None or (isinstance(clusters, str) and clusters == "auto"):
        return None
    if isinstance(clusters, str) and clusters == "single":
        return [[level] for level in there]
    if isinstance(clusters, str) or not isinstance(clusters, Iterable):
        raise DataError(f"clusters: expected 'auto', 'single' or lists of levels, got {clusters!r}")
    given = list(clusters)
    rest_single = bool(given) and isinstance(given[-1], str) and given[-1] == "single"
    found = [_one_cluster(each) for each in given[: len(given) - rest_single]]
    mentioned = [level for cluster in found for level in cluster]
    if twice := sorted({level for level in mentioned if mentioned.count(level) > 1}):
        raise DataError(f"clusters: expected every level once, got level {twice[0]} more than once")
    if unknown := sorted(set(mentioned) - set(there)):
        raise DataError(f"clusters: expected levels among {list_levels(there)}, got {list_levels(unknown)}")
    left = sorted(set(there) - set(mentioned))
    if left and not rest_single:
        raise DataError(
            f"clusters: expected every level once, got none with level {list_levels(left)}; a last entry 'single' "
            "stands for all levels that the others leave"
        )
    return sorted([*found, *([level] for level in left)])


def _one_cluster(given: Any) -> list[int]:
    """Neighbouring levels, ascending."""
    try:
        if isinstance(given, str | bytes | bool):
            raise TypeError
        levels = sorted(whole(level) for level in given)
    except TypeError:
        raise DataError(f"clusters: expected lists of whole numbers, as [[0], [1, 2]], got {given!r}") from None
    if not levels:
        raise DataError("clusters: expected levels in every list, got an empty one")
    if apart := [(i, j) for i, j in pairwise(levels) if j > i + 1]:
        i, j = apart[0]
        raise DataError(f"clusters: expected neighbouring levels together, got {i} and {j} without those between them")
    return levels


def whole(level: Any) -> int:
    """A number of a level.

    :raises TypeError: for anything but a whole number.
    """
    if isinstance(level, bool | np.bool_):
        raise TypeError
    return operator.index(level)


def list_levels(levels: Sequence[int], to: str = "–", most: int | None = None) -> str:
    """Ascending numbers in few words: 0–9, 12.

    :param to: between the ends of a row of neighbours; "," lists all of them, or the first ``most``.
    """
    if to == ",":
        rest = [f"… {len(levels)} in all"] * (most is not None and len(levels) > most)
        return ",".join([*map(str, levels[:most]), *rest])
    runs: list[list[int]] = []
    for level in levels:
        if runs and level == runs[-1][-1] + 1:
            runs[-1].append(level)
        else:
            runs.append([level])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _mean_and_sd(eigenvalues: Float[np.ndarray, "run level"]) -> tuple[np.ndarray, np.ndarray]:
    return eigenvalues.mean(axis=0), eigenvalues.std(axis=0, ddof=1)


def _groups(together: np.ndarray) -> list[list[int]]:
    """Chains of neighbouring levels, from a flag for every neighbouring pair."""
    groups = [[0]]
    for level, joined in enumerate(together, start=1):
        if joined:
            groups[-1].append(level)
        else:
            groups.append([level])
    return groups


def group_by_gaps(eigenvalues: Float[np.ndarray, "run level"]) -> list[list[int]]:
    """Groups of unresolved neighbouring levels, from the top."""
    mean, sd = _mean_and_sd(eigenvalues)
    typical = np.sqrt(0.5 * (sd[1:] ** 2 + sd[:-1] ** 2))
    freedom = 2 * (len(eigenvalues) - 1)
    underestimate = np.sqrt(freedom / stats.chi2.ppf(REFUSED, freedom))
    return _groups(mean[:-1] - mean[1:] < RESOLVED * underestimate * typical)


def group_by_targets(
    eigenvalues: Float[np.ndarray, "run level"], targets: Float[np.ndarray, " level"]
) -> list[list[int]]:
    """Groups of neighbouring levels whose targets agree to a tenth of the levels' standard deviation, from the top."""
    sd = eigenvalues.std(axis=0, ddof=1)
    return _groups(targets[:-1] - targets[1:] <= 0.1 * np.minimum(sd[1:], sd[:-1]))


def refuse_pair(
    k: int, eigenvalues: Float[np.ndarray, "run level"], groups: list[list[int]], by: str, size: int | None = 2
) -> NoReturn:
    """Say which groups were seen instead of a k-th pair, or cluster, and how they could be taken.

    :param by: how they were grouped, a key of ``GROUPED``.
    :param size: of the clusters that were asked for; None for any.
    """
    mean, sd = _mean_and_sd(eigenvalues)
    seen = "; ".join(
        "levels " * (len(group) > 1)
        + "level " * (len(group) == 1)
        + list_levels(group, to=",", most=MOST)
        + " at "
        + ", ".join(f"{mean[level]:.5g} ± {sd[level]:.2g}" for level in group[:MOST])
        for group in groups[:MOST]
    )
    seen += f"; … {len(groups)} in all" * (len(groups) > MOST)
    what = "pair" if size == 2 else "cluster"
    count = sum(size is None or len(group) == size for group in groups)
    single = [group[0] for group in groups if len(group) == 1]
    ways = [f"single levels, {list_levels(single)}: spectra.level(k), or cf.fit(spectra, 'levels')"] * bool(single)
    ways += ["clusters of more levels: spectra.cluster(k)"] * any(len(group) > 2 for group in groups)
    ways += ["if you know which levels are degenerate, clusters=[[0, 1], 'single'] says so, or targets="] * (
        by != "stated"
    )
    told = f"{what}: no {what} {k} among {count} {what}s of levels grouped {GROUPED[by]}: {seen}"
    raise DataError("; ".join([told, *ways]))


def describe_clusters(places: Sequence[Sequence[int]]) -> str:
    """Clusters in few words: levels that are together one by one, single ones in a row."""
    together = [list(cluster) for cluster in places if len(cluster) > 1]
    single = [cluster[0] for cluster in places if len(cluster) == 1]
    shown = [list_levels(cluster, to=",", most=MOST) for cluster in together[:MOST]]
    parts = [f"levels {' and '.join(shown)} together"] * bool(together)
    parts += [f"and {len(together) - MOST} more clusters"] * (len(together) > MOST)
    parts += [f"level{'s' if len(single) > 1 else ''} {list_levels(single)} single"] * bool(single)
    return ", ".join(parts)


def doubt_parted(levels: Sequence[int], parted: Sequence[Sequence[int]], by: str) -> str:
    """What is doubtful about levels that were taken out of a cluster and leave others of it behind."""
    whole_ones = " and ".join(list_levels(cluster) for cluster in parted)
    return (
        f"of levels {whole_ones}, which belong together as grouped {GROUPED[by]}, only {list_levels(levels)} "
        f"{'was' if len(levels) == 1 else 'were'} taken: levels repel, and a part of a cluster has no law of its own. "
        "Take spectra.cluster(k); where they are known to be resolved, clusters= says so"
    )


def doubt_pair(eigenvalues: Float[np.ndarray, "run 2"]) -> str:
    """What tells two levels from any degenerate pair; empty where nothing does.

    Of every law of a pair Var R ≥ ½⟨S²⟩, with R the sum and S the spacing (one species has ½, levels that do not repel
    1, and two widths lie between). Levels with centres of their own are further apart than they fluctuate together.
    In one species 2 Var R/⟨S²⟩ of n runs has the law F(n − 1, 2n), as R is Gaussian and S² exponential; in every other
    law of a pair small values are rarer.
    """
    runs = len(eigenvalues)
    total, spacing = eigenvalues.sum(axis=1), eigenvalues[:, 0] - eigenvalues[:, 1]
    if not np.ptp(total) or not spacing.any():
        return ""
    unit = np.abs(spacing).max()  # the squares of very small levels are 0
    ratio = (total / unit).var(ddof=1) / np.mean((spacing / unit) ** 2)
    if stats.f.cdf(2.0 * ratio, runs - 1, 2 * runs) >= DOUBTED:
        return ""
    return (
        f"these two levels do not look like a degenerate pair: they are further apart than they fluctuate, with a "
        f"variance of their sum of {ratio:.2g} mean squared spacings, where no pair has less than 0.5. Resolved levels "
        "have no law of a pair; targets, where known, say which levels are degenerate"
    )
