"""One degenerate pair of levels at every setting of a study."""

from __future__ import annotations

from collections.abc import Sequence

from coulombfit.data.one_grouping import WAY_ON, one_grouping
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["same_pair"]


def same_pair(spectra: Sequence[Spectra], k: int = 0) -> dict[str, Spectra]:
    """The k-th degenerate pair of every setting, all by one grouping, by the name of the setting.

    :param spectra: one a setting; of names that come twice each has its place.
    :param k: which pair, 0 the topmost.
    :raises ArgumentError: for anything but a list of spectra.
    :raises DataError: for settings without such a pair, or that are grouped unlike each other, naming them.
    """
    if isinstance(spectra, Spectra) or not isinstance(spectra, Sequence) or not len(spectra):
        raise ArgumentError(f"spectra: expected a list of spectra, at least one, got {type(spectra).__name__}")
    if strange := [one for one in spectra if not isinstance(one, Spectra)]:
        raise ArgumentError(f"spectra: expected coulombfit.Spectra, got {type(strange[0]).__name__} among them")
    clusters, _ = one_grouping(spectra)
    names = [one.name or f"setting {place}" for place, one in enumerate(spectra)]
    pairs = sum(len(cluster) == 2 for cluster in clusters)
    if not 0 <= k < pairs:
        raise DataError(
            f"pair: expected one of {pairs} degenerate pairs of {', '.join(names)}, got {k}; only pairs have spacings; "
            f"{WAY_ON}"
        )
    unique = [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names)]
    alike = [one if one.clusters == clusters else one.regrouped(clusters) for one in spectra]
    return {name: one.pair(k) for name, one in zip(unique, alike, strict=True)}
