"""Spectra of several training settings as sufficient statistics of their degenerate levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from coulombfit.errors import DataError
from coulombfit.spectra import Spectra, real_array

__all__ = ["Settings", "settings_of"]


@dataclass(frozen=True, eq=False)
class Settings:
    """What the spectra of S settings say of L degenerate levels.

    ``names`` (S,); ``learning_rate`` and ``batch_size`` (S,); ``sizes`` (L,), how many levels are degenerate; ``runs``
    (S,). Of each setting and level the likelihood of the width is σ^(−ν) exp(−Q/2σ²), with ``nu`` and ``q`` (S, L);
    ``centre`` (S, L) is the mean, and ``covariance`` (S, L, L) that of the means over runs. ``factor`` (S, L), what
    widths are known to be proportional to.
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

    @property
    def strength(self) -> Float[np.ndarray, " setting"]:
        """α/\\|B\\|."""
        return self.learning_rate / self.batch_size


def settings_of(spectra: Sequence[Spectra], factors: ArrayLike | None = None) -> Settings:
    """Statistics of two or more settings whose levels form the same clusters.

    :param factors: shape (setting,) or (setting, level); by default ``factor`` of each spectra's provenance, or 1.
    :raises ValueError: for fewer than two spectra, or factors of another shape.
    :raises DataError: for spectra without a setting, of unlike clusters, or of too few runs for their levels.
    """
    if len(spectra) < 2:
        raise ValueError(f"spectra: expected two settings or more, got {len(spectra)}")
    clusters = [one.clusters for one in spectra]
    sizes = tuple(len(cluster) for cluster in clusters[0])
    for one, found in zip(spectra, clusters, strict=True):
        for name in ("learning_rate", "batch_size"):
            if getattr(one, name) is None:
                raise DataError(f"spectra: expected a {name} of every setting, got none in {one.name!r}")
        if tuple(len(cluster) for cluster in found) != sizes:
            raise DataError(
                f"spectra: expected the same degenerate levels in every setting, got clusters of {sizes} levels in "
                f"{spectra[0].name!r} and {tuple(len(cluster) for cluster in found)} in {one.name!r}; give targets="
            )
        if one.runs <= len(sizes) + 1:
            raise DataError(f"spectra: expected more runs than levels, got {one.runs} in {one.name!r}")
    rows = [_of_setting(one.eigenvalues, found) for one, found in zip(spectra, clusters, strict=True)]
    nu, q, centre, covariance = (np.stack(values) for values in zip(*rows, strict=True))
    if (q <= 0).any():
        raise DataError("spectra: expected levels that fluctuate over runs, got constant ones")
    if factors is None:
        factors = [float(one.provenance.get("factor") or 1.0) for one in spectra]
    factor = real_array(factors, "factors")
    factor = factor[:, None] if factor.ndim == 1 else factor
    if factor.ndim != 2 or len(factor) != len(spectra) or factor.shape[1] not in (1, len(sizes)) or (factor <= 0).any():
        raise ValueError(
            f"factors: expected positive numbers, shape ({len(spectra)},) or ({len(spectra)}, {len(sizes)}), got "
            f"{np.shape(factors)}"
        )
    return Settings(
        tuple(one.name or f"setting {k}" for k, one in enumerate(spectra)),
        np.array([one.learning_rate for one in spectra], dtype=float),
        np.array([one.batch_size for one in spectra], dtype=float),
        sizes,
        np.array([one.runs for one in spectra], dtype=float),
        nu,
        q,
        centre,
        covariance,
        np.broadcast_to(factor, nu.shape),
    )


def _of_setting(x: Float[np.ndarray, "run level"], clusters: list[list[int]]) -> tuple[np.ndarray, ...]:
    runs = len(x)
    parts = [x[:, cluster] for cluster in clusters]
    nu = np.array([runs * part.shape[1] * (part.shape[1] + 1) / 2 - 1 for part in parts])
    q = np.array([np.sum((part - part.mean()) ** 2) for part in parts])
    means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    covariance = np.atleast_2d(np.cov(means, rowvar=False)) / runs
    return nu, q, means.mean(axis=0), covariance
