"""Pairs that only the gaps between levels say are pairs, and neighbours that they part by little: asked for a split.

Gaps decide before any inference (:mod:`coulombfit.data.clusters`) and cost nothing; what they say is a guess. Here it
is asked of :func:`coulombfit.degeneracy`, compiled once for all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from coulombfit.checks.spectra.degeneracy import Degeneracy, degeneracy
from coulombfit.data.chosen_levels import places_of
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import DataError
from coulombfit.runtime.seeds import check_seed

__all__ = ["GuessedPair", "ask_guessed_pairs", "guessed_pairs"]

NEAR = 4.0
"""Mean spacing over the typical standard deviation up to which neighbours that gaps have parted are asked, too; from 3
on gaps part them, and a degenerate pair has 2.1 (one species), 1.6 or 1.4."""
MOST = 8
"""Pairs that are asked; each takes a twentieth of a second once it is compiled."""


@dataclass(frozen=True, eq=False)
class GuessedPair:
    """Two neighbouring levels, their places in the matrix from the top; whether gaps have ``taken`` them for a pair;
    and what was ``found`` of their split, None where they were not asked, for a ``reason``."""

    levels: tuple[int, int]
    taken: bool
    found: Degeneracy | None
    reason: str = ""

    @property
    def guess(self) -> str:
        """What gaps say of them, for a sentence."""
        one, other = self.levels
        said = "a pair by the gaps between levels" if self.taken else "parted by the gaps, though by little"
        return f"levels {one} and {other}, {said}"

    @property
    def verdict(self) -> str:
        """One sentence."""
        return f"{self.guess}: {f'not asked, {self.reason}.' if self.found is None else self.found.verdict}"


def guessed_pairs(spectra: Spectra) -> list[tuple[list[int], bool]]:
    """Columns of pairs that gaps take together (true), and of single neighbours that they part by little (false).

    Empty where the grouping is stated or known by targets.
    """
    if spectra.grouped_by != "gaps" or "grouping" in spectra.provenance:
        return []
    clusters = spectra.clusters
    pairs = [(cluster, True) for cluster in clusters if len(cluster) == 2]
    single = {cluster[0] for cluster in clusters if len(cluster) == 1}
    near = [k for k, apart in enumerate(_distances(spectra.eigenvalues)) if apart < NEAR]
    parted = [([k, k + 1], False) for k in near if {k, k + 1} <= single]
    return pairs + parted


def ask_guessed_pairs(spectra: Spectra, *, seed: int = 0, first: Sequence[int] = ()) -> tuple[GuessedPair, ...]:
    """Whether each pair that gaps guess, or nearly guess, is degenerate; those it takes come first, from the top.

    :param spectra: all levels of a setting.
    :param seed: the same seed gives the same numbers.
    :param first: columns of a pair to ask before all others.
    """
    check_seed(seed)
    pairs = sorted(guessed_pairs(spectra), key=lambda one: (one[0] != list(first), not one[1], one[0]))
    places = places_of(spectra.provenance, spectra.levels)
    found = []
    for k, (columns, taken) in enumerate(pairs):
        asked, reason = None, f"as there are {len(pairs)} and {MOST} are"
        if k < MOST:
            try:
                asked = degeneracy(spectra.eigenvalues[:, columns], seed=seed, progress=False)
            except DataError as error:  # as of levels that are dead
                reason = f"as it cannot be: {error}"
        found.append(GuessedPair((places[columns[0]], places[columns[1]]), taken, asked, reason))
    return tuple(found)


def _distances(x: Float[np.ndarray, "run level"]) -> Float[np.ndarray, " gap"]:
    """Mean spacing of neighbours over their typical standard deviation."""
    variance = x.var(axis=0, ddof=1)
    typical = np.sqrt(0.5 * (variance[1:] + variance[:-1]))
    gaps = -np.diff(x.mean(axis=0))
    return np.divide(gaps, typical, out=np.full_like(gaps, np.inf), where=typical > 0)
