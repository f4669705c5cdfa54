"""One grouping of levels for all settings of a study.

What a user states goes before targets, and targets before the gaps between distributions, which are a guess. Those who
know have to agree; who only guesses takes what they know. Where all guess, they have to guess the same: a grouping that
changes from setting to setting would compare widths of unlike levels.
"""

from __future__ import annotations

from collections.abc import Sequence

from coulombfit.data.chosen_levels import known_places, places_of
from coulombfit.data.clusters import GROUPED, describe_clusters, list_levels
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import DataError

__all__ = ["WAY_ON", "one_grouping", "tell_apart"]

WAY_ON = (
    "state one grouping for all settings: clusters= of cf.Spectra, cf.read and an analysis, --clusters, or targets="
)


def one_grouping(spectra: Sequence[Spectra]) -> tuple[list[list[int]], tuple[str, ...]]:
    """The clusters of all settings, from the top, and notes on settings whose own guess would be another.

    :param spectra: one a setting, at least one.
    :raises DataError: for unlike levels, for clusters that are stated or known by targets and differ, and where all are
        guessed and guesses differ.
    """
    first = spectra[0]
    for k, one in enumerate(spectra):
        if one.levels != first.levels:
            raise DataError(
                f"spectra: expected the same degenerate levels in every setting, got {first.levels} levels in "
                f"{_called(spectra, 0)} and {one.levels} in {_called(spectra, k)}; levels= chooses"
            )
        mine, theirs = known_places(first.provenance), known_places(one.provenance)
        if mine is not None and theirs is not None and mine != theirs:
            raise DataError(
                f"spectra: expected the same levels of the matrix in every setting, got levels {list_levels(mine)} in "
                f"{_called(spectra, 0)} and {list_levels(theirs)} in {_called(spectra, k)}; {WAY_ON}"
            )
    grouped = [(one.clusters, one.grouped_by) for one in spectra]
    best = min((by for _, by in grouped), key=list(GROUPED).index)
    leading = next(k for k, (_, by) in enumerate(grouped) if by == best)
    clusters, notes = grouped[leading][0], []
    for k, (found, by) in enumerate(grouped):
        if found == clusters:
            continue
        if by != "gaps" or best == "gaps":
            raise DataError(
                "spectra: expected the same degenerate levels in every setting, got "
                f"{tell_apart(spectra[leading], _called(spectra, leading), spectra[k], _called(spectra, k))}; {WAY_ON}"
            )
        notes.append(
            f"levels of {_called(spectra, k)} are grouped {GROUPED[best]} in {_called(spectra, leading)}, where its "
            f"own gaps would say {_told(spectra[k])}"
        )
    return clusters, tuple(notes)


def tell_apart(one: Spectra, called: str, other: Spectra, other_called: str) -> str:
    """How two spectra are grouped, and by what."""
    return (
        f"{_told(one)} in {called}, grouped {GROUPED[one.grouped_by]}, and {_told(other)} in {other_called}, grouped "
        f"{GROUPED[other.grouped_by]}"
    )


def _told(spectra: Spectra) -> str:
    places = places_of(spectra.provenance, spectra.levels)
    return describe_clusters([[places[k] for k in cluster] for cluster in spectra.clusters])


def _called(spectra: Sequence[Spectra], k: int) -> str:
    return repr(spectra[k].name or k)
