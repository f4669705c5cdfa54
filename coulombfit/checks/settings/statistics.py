"""Spectra of several training settings as sufficient statistics of their degenerate levels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.level_statistics import level_statistics
from coulombfit.data.coincidences import shared_runs
from coulombfit.data.one_grouping import one_grouping
from coulombfit.data.spectra import Spectra, real_array
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["Settings", "settings_of"]

FEWEST = 9
"""Runs from which on correlations between settings are looked at."""
TOGETHER, CLOSELY = 1e-4, 0.3
"""p-value below, and correlation from which settings are said to fluctuate together: a weaker one leaves estimates of
widths, whose correlation is its square, as good as independent."""


@dataclass(frozen=True, eq=False)
class Settings:
    """What the spectra of S settings say of L degenerate levels.

    ``names`` (S,); ``learning_rate`` and ``batch_size`` (S,); ``sizes`` (L,), how many levels are degenerate; ``runs``
    (S,). Of each setting and level the likelihood of the width is σ^(−ν) exp(−Q/2σ²), with ``nu`` and ``q`` (S, L);
    ``centre`` (S, L) is the mean, and ``covariance`` (S, L, L) that of the means over runs. ``factor`` (S, L), what
    widths are known to be proportional to, with 1/√(1 − μ) of ``momentum`` (S,), the heavy ball's. ``notes`` say what
    was left out or overruled; ``doubt`` says what makes any answer from these data worthless, though they can be
    computed with: runs that still drift, or that fluctuate together.
    """

    names: tuple[str, ...]
    learning_rate: Float[np.ndarray, " setting"]
    batch_size: Float[np.ndarray, " setting"]
    sizes: tuple[int, ...]
    runs: Float[np.ndarray, " setting"]
    nu: Float[np.ndarray, "setting level"]
    q: Float[np.ndarray, "setting level"]
    centre: Float[np.ndarray, "setting level"]
    covariance: Float[np.ndarray, "setting level level"]
    factor: Float[np.ndarray, "setting level"]
    notes: tuple[str, ...] = ()
    doubt: str = ""
    momentum: Float[np.ndarray, " setting"] | float = 0.0

    @property
    def step_rate(self) -> Float[np.ndarray, " setting"]:
        """α/(1 + μ), whose product with Ω makes steps finite."""
        return self.learning_rate / (1.0 + self.momentum)

    @property
    def strength(self) -> Float[np.ndarray, " setting"]:
        """α/((1 − μ)\\|B\\|)."""
        return self.learning_rate / ((1.0 - self.momentum) * self.batch_size)


def settings_of(spectra: Sequence[Spectra], factors: ArrayLike | None = None) -> Settings:
    """Statistics of two or more settings, whose levels form the clusters of
    :func:`coulombfit.data.one_grouping.one_grouping`.

    :param factors: shape (setting,) or (setting, level); by default ``factor`` of each spectra's provenance, or 1.
    :raises ArgumentError: for fewer than two spectra, or factors of another shape.
    :raises DataError: for spectra without a setting, of unlike clusters, or of too few runs for their levels; for
        momentum that some state and others do not; for the same runs under different settings, or in part in several.
    :warns UserWarning: of the same data under the same setting, which count once, and of spectra that still drift.
    """
    _require_spectra(spectra)
    given = len(spectra)
    spectra, kept, notes = _drop_repetitions(spectra)
    drifting = [one.name or str(k) for k, one in zip(kept, spectra, strict=True) if _drifts(one)]
    doubts = [f"runs of {', '.join(drifting)} still drift, or are about places of their own"] if drifting else []
    for note in (*notes, *doubts):
        warnings.warn(f"spectra: {note}", stacklevel=3)
    if len(spectra) < 2:
        raise ArgumentError(f"spectra: expected two settings or more, got {len(spectra)}")
    for one in spectra:
        for name in ("learning_rate", "batch_size"):
            if getattr(one, name) is None:
                raise DataError(f"spectra: expected a {name} of every setting, got none in {one.name!r}")
    clusters, overruled = one_grouping(spectra)
    sizes = tuple(len(cluster) for cluster in clusters)
    for one in spectra:
        if one.runs <= len(sizes) + 1:
            raise DataError(f"spectra: expected more runs than levels, got {one.runs} in {one.name!r}")
    rows = [level_statistics(one.eigenvalues, clusters) for one in spectra]
    nu, q, centre, covariance = (np.stack(values) for values in zip(*rows, strict=True))
    if (q <= 0).any():
        raise DataError("spectra: expected levels that fluctuate over runs, got constant ones")
    if factors is None:
        factors = [float(one.provenance.get("factor") or 1.0) for one in spectra]
    else:
        factors = _expand_factor(real_array(factors, "factors"), given, len(sizes))[kept]
    momentum, counted = _momentum(spectra)
    factor = _expand_factor(real_array(factors, "factors"), len(spectra), len(sizes)) / np.sqrt(1.0 - momentum[:, None])
    return Settings(
        momentum=momentum,
        notes=(*notes, *overruled, *counted),
        doubt="; ".join(filter(None, [*doubts, _find_correlated(spectra, clusters)])),
        names=_names(spectra),
        learning_rate=np.array([one.learning_rate for one in spectra], dtype=float),
        batch_size=np.array([one.batch_size for one in spectra], dtype=float),
        sizes=sizes,
        runs=np.array([one.runs for one in spectra], dtype=float),
        nu=nu,
        q=q,
        centre=centre,
        covariance=covariance,
        factor=np.broadcast_to(factor, nu.shape),
    )


def _momentum(spectra: Sequence[Spectra]) -> tuple[Float[np.ndarray, " setting"], list[str]]:
    """μ of every setting, as its provenance states it, and what is to be said of it; zeros where none states any.

    The heavy ball leaves σ² ∝ α/((1 − μ)|B|)/(1 − αΩ/2(1 + μ)), Liu, Ziyin and Ueda, ICML 2021, 7045; to first order in
    α Mandt, Hoffman and Blei, JMLR 18 (134), 2017.
    """
    stated = [one.provenance.get("momentum") for one in spectra]
    for one, value in zip(spectra, stated, strict=True):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1):
            raise DataError(f"momentum: expected a number from 0 to below 1, got {value!r} in {one.name!r}")
    if not any(stated):
        return np.zeros(len(spectra)), []
    if None in stated:
        silent, telling = stated.index(None), next(k for k, value in enumerate(stated) if value)
        raise DataError(
            f"momentum: expected it of every setting, as widths go with α/(1 − μ), got {stated[telling]:g} in "
            f"{spectra[telling].name!r} and none in {spectra[silent].name!r}; say it in provenance={{'momentum': 0.0}}"
        )
    found = np.array(stated, dtype=float)
    shown = f"{found.min():g}" + f" to {found.max():g}" * bool(np.ptp(found) > 0)
    return found, [f"learning rates count as α/(1 − μ) for momentum μ = {shown}"]


def _require_spectra(spectra: Sequence[Spectra]) -> None:
    if isinstance(spectra, Spectra) or not isinstance(spectra, Sequence):
        raise ArgumentError(f"spectra: expected a list of spectra, got {type(spectra).__name__}")
    for k, one in enumerate(spectra):
        if not isinstance(one, Spectra):
            raise ArgumentError(f"spectra[{k}]: expected coulombfit.Spectra, got {type(one).__name__}")


def _expand_factor(
    factor: Float[np.ndarray, "*shape"], settings: int, levels: int
) -> Float[np.ndarray, "setting level"]:
    """Factors of every setting, and of every level or one for all."""
    found = factor[:, None] if factor.ndim == 1 else factor
    if found.ndim != 2 or len(found) != settings or found.shape[1] not in (1, levels) or (found <= 0).any():
        raise ArgumentError(
            f"factors: expected positive numbers, shape ({settings},) or ({settings}, {levels}), got {factor.shape}"
        )
    return found


def _drop_repetitions(spectra: Sequence[Spectra]) -> tuple[list[Spectra], list[int], list[str]]:
    """Spectra without repetitions, their places, and what was left out.

    :raises DataError: where the same runs, in whatever order, are given under different settings, which cannot both be
        true, or where two ensembles share some of their runs.
    """
    kept: list[int] = []
    notes = []
    for k, one in enumerate(spectra):
        for other in kept:
            before = spectra[other]
            shared = shared_runs(before.eigenvalues, one.eigenvalues)
            if not shared:
                continue
            names = f"{before.name or other!r} and {one.name or k!r}"
            mine, theirs = np.array([[each.learning_rate, each.batch_size] for each in (before, one)], dtype=float)
            # in whatever precision they are written; one that is not known is NaN
            unlike = not np.allclose(mine, theirs, rtol=1e-6, atol=0.0, equal_nan=True)
            if unlike or not shared == before.runs == one.runs:
                raise DataError(
                    f"spectra: expected runs of its own in every setting, got {shared} of {one.runs} the same in "
                    f"{names}, under learning_rate {before.learning_rate} and {one.learning_rate}, batch_size "
                    f"{before.batch_size} and {one.batch_size}"
                )
            notes.append(f"{names} hold the same data, which count once")
            break
        else:
            kept.append(k)
    return [spectra[k] for k in kept], kept, notes


def _names(spectra: Sequence[Spectra]) -> tuple[str, ...]:
    """A name for every setting; where several have the same, with its place, as tables go by name."""
    names = [one.name or f"setting {k}" for k, one in enumerate(spectra)]
    return tuple(name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names))


def _drifts(spectra: Spectra) -> bool:
    """Whether reading has found the ensemble still on its way."""
    found = spectra.provenance.get("stationarity")
    return isinstance(found, Mapping) and found.get("answer") == Answer.NO


def _find_correlated(spectra: Sequence[Spectra], clusters: Sequence[list[int]]) -> str:
    """Which two settings fluctuate together most, run by run, where that is no chance; empty where none do.

    Runs of the same place that began from the same seed, or saw the same noise, are no independent observations. Means
    of every group of levels are correlated over the runs that both have, and the greatest correlation has a p-value of
    Fisher's, times their number. Means that do not fluctuate have none.
    """
    means = [np.stack([one.eigenvalues[:, cluster].mean(axis=1) for cluster in clusters], axis=1) for one in spectra]
    pairs = [(i, j) for i, j in combinations(range(len(means)), 2) if min(len(means[i]), len(means[j])) > FEWEST]
    found = []
    for i, j in pairs:
        runs = min(len(means[i]), len(means[j]))
        one, other = (x[:runs] - x[:runs].mean(axis=0) for x in (means[i], means[j]))
        scale = one.std(axis=0) * other.std(axis=0)
        r = np.divide((one * other).mean(axis=0), scale, out=np.zeros_like(scale), where=scale > 0)
        k = int(np.abs(r).argmax())
        z = np.arctanh(np.clip(r[k], -1.0 + 1e-12, 1.0 - 1e-12)) * np.sqrt(len(one) - 3)
        found.append((len(pairs) * r.size * 2.0 * float(stats.norm.sf(abs(z))), float(r[k]), i, j))
    close = [each for each in found if each[0] < TOGETHER and abs(each[1]) >= CLOSELY]
    if not close:
        return ""
    _, r, i, j = max(close, key=lambda each: abs(each[1]))
    names = f"{spectra[i].name or i!r} and {spectra[j].name or j!r}"
    return f"runs of {names} fluctuate together, with a correlation of {r:.2f}: as of one seed, or of shared noise"
