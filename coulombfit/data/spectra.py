"""Spectra: the eigenvalues of an ensemble of runs at one training setting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike

from coulombfit.data.arrays import positive, precision_of, real_array, whole_number
from coulombfit.data.chosen_levels import Levels, chosen_levels, grouped, stated_in, stating, taking
from coulombfit.data.clusters import Clusters, group_by_gaps, refuse_pair, stated_clusters
from coulombfit.data.coincidences import refuse_copies
from coulombfit.data.dimensions import SNAPSHOTS, refuse_numbering
from coulombfit.data.tensors import levels_of
from coulombfit.data.thinning import thin
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import DataError

__all__ = ["Spectra", "positive", "real_array", "refuse_negative", "refuse_unsaveable"]


@dataclass(frozen=True, init=False, eq=False)
class Spectra:
    """Eigenvalues x of X = WᵀW (squared singular values of W) for many runs of one training setting.

    :param eigenvalues: shape (run, level), anything array-like and real; kept as float64, descending along level.
    :param learning_rate: α > 0, where known.
    :param batch_size: \\|B\\| > 0, where known.
    :param targets: shape (level,), the values that noiseless training would reach, where known; kept descending.
    :param name: what to call these data in reports.
    :param provenance: where they came from; any JSON values.
    :param clusters: which levels belong together, numbers from the top: "single", every level by itself; lists of
        neighbouring levels that are every level once, ``[[0], [1, 2], [3]]``, of which a last entry "single" stands for
        all that are left; or "auto", what the provenance of saved spectra states, else :attr:`clusters` by targets
        where they are known, else by gaps. What is stated is kept in ``provenance["clusters"]``.
    :param levels: which levels to keep, numbers from the top, which ``clusters`` takes, too; "nonzero" leaves out the
        dead levels of rank-deficient weights. Their places in the whole matrix are kept in ``provenance["levels"]``.
    :raises DataError: for anything but a finite, non-negative (run, level) array with at least two runs; for clusters
        or levels that are none.
    """

    eigenvalues: Float[np.ndarray, "run level"]
    learning_rate: float | None
    batch_size: float | None
    targets: Float[np.ndarray, " level"] | None
    name: str
    provenance: Mapping[str, Any]

    def __init__(
        self,
        eigenvalues: ArrayLike,
        learning_rate: SupportsFloat | None = None,
        batch_size: SupportsFloat | None = None,
        targets: ArrayLike | None = None,
        name: str = "",
        provenance: Mapping[str, Any] | None = None,
        clusters: Clusters | None = "auto",
        levels: Levels | None = None,
    ) -> None:
        x = real_array(eigenvalues, "eigenvalues", ("run", "level"))
        if x.ndim != 2 or x.shape[1] < 1:
            raise DataError(f"eigenvalues: expected shape (run, level), got {x.shape}")
        if x.shape[0] < 2:
            raise DataError(f"eigenvalues: expected at least 2 runs, the unit of observation, got {x.shape[0]}")
        refuse_negative(x, precision_of(eigenvalues))
        refuse_numbering(x, "eigenvalues")
        if not isinstance(name, str):
            raise DataError(f"name: expected text, got {name!r}")
        refuse_unsaveable(provenance)
        if targets is not None:
            targets = real_array(targets, "targets")
            if targets.shape != x.shape[1:]:
                raise DataError(f"targets: expected shape {x.shape[1:]}, one per level, got {targets.shape}")
            if (targets < 0).any():
                raise DataError(f"targets: squared singular values cannot be negative, got {targets.min():g}")
            targets = np.sort(targets)[::-1].copy()
        x = np.ascontiguousarray(np.sort(x, axis=1)[:, ::-1])
        refuse_copies(x)
        known = dict(provenance or {})
        columns = chosen_levels(levels, x, precision_of(eigenvalues))
        taken = list(range(x.shape[1])) if columns is None else columns
        if (stated := stated_clusters(clusters, taken)) is not None:
            known = stating(known, stated, taken, x.shape[1])
        elif columns is not None:
            # what is zero is no neighbour that repels
            known = taking(known, [] if levels == "nonzero" else grouped(x, targets, known)[0], columns, x.shape[1])
        if columns is not None:
            x, targets = np.ascontiguousarray(x[:, columns]), None if targets is None else targets[columns]
        stated_in(known, x.shape[1])  # refuses what groups other levels
        values = {
            "eigenvalues": x,
            "learning_rate": positive(learning_rate, "learning_rate"),
            "batch_size": positive(batch_size, "batch_size"),
            "targets": targets,
            "name": name,
            "provenance": known,
        }
        for field, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, field, value)

    @classmethod
    def from_weights(cls, weights: ArrayLike, **setting: Any) -> Spectra:
        """Spectra of weight matrices: x_i = squared singular values, N ≤ M of them (or M where M < N).

        :func:`coulombfit.data.tensors.levels_of` says how; equal matrices have equal levels, to the last bit.

        :param weights: shape (run, M, N).
        :param setting: learning_rate, batch_size, targets, name, provenance, clusters, levels as for :class:`Spectra`.
        :raises DataError: for anything but a finite real (run, M, N) array.
        """
        w = real_array(weights, "weights", ("run", "M", "N"))
        if w.ndim != 3 or 0 in w.shape:
            raise DataError(f"weights: expected shape (run, M, N), got {w.shape}")
        x = levels_of(w)
        if not np.isfinite(x).all():
            run = int(np.argmin(np.isfinite(x).all(axis=1)))
            raise DataError(f"weights: expected numbers whose squares are finite, got up to {np.abs(w[run]).max():g}")
        if x.shape[1] == 1:  # the one level of each run, not levels pooled from pairs
            setting["provenance"] = {"levels": [0], **(setting.get("provenance") or {})}
        return cls(x, **setting)

    @classmethod
    def from_trajectory(cls, eigenvalues: ArrayLike, steps: ArrayLike | None = None, **setting: Any) -> Spectra:
        """Spectra of the snapshots of one run, or of a few, thinned until they can pass for independent.

        For laws of independent spectra. To infer centres, widths, memory and the strength of the noise from every
        snapshot, with nothing thinned, take :class:`coulombfit.Trajectories` and the model "dyson".

        Snapshots take the place of runs. Give those after the burn-in; what is kept, and how it is judged whether the
        burn-in is over, is in :mod:`coulombfit.data.thinning`. ``provenance["trajectory"]`` records it.

        :param eigenvalues: shape (snapshot, level) or (run, snapshot, level), snapshots equally spaced in training.
        :param steps: shape (snapshot,), the training step of every snapshot, to report times in steps.
        :param setting: learning_rate, batch_size, targets, name, provenance, clusters, levels as for :class:`Spectra`.
        :raises DataError: for wrong input, a constant level, or fewer than 20 snapshots kept.
        :warns UserWarning: where the early and the late half differ (p < 0.001 over all that is compared).
        """
        dims = SNAPSHOTS if getattr(eigenvalues, "ndim", None) == 3 else SNAPSHOTS[1:]
        x = real_array(eigenvalues, "eigenvalues", dims)
        if x.ndim not in (2, 3) or 0 in x.shape:
            raise DataError(f"eigenvalues: expected shape (snapshot, level) or (run, snapshot, level), got {x.shape}")
        x = np.sort(x.reshape(-1, *x.shape[-2:]), axis=2)[:, :, ::-1]
        known, rows = dict(setting.pop("provenance", None) or {}), x.reshape(-1, x.shape[2])
        columns = chosen_levels(setting.get("levels"), rows, precision_of(eigenvalues)) or list(range(x.shape[2]))
        stated = stated_clusters(setting.get("clusters"), columns)
        if stated is None and (before := stated_in(known, x.shape[2])) is not None:
            here = [[k for k in cluster if k in columns] for cluster in before]
            stated = [cluster for cluster in here if cluster]
        if x.shape[2] == 1:
            known.setdefault("levels", [0])
        groups = stated or [[columns[k] for k in group] for group in group_by_gaps(rows[:, columns])]
        kept, record = thin(x, groups, None if steps is None else real_array(steps, "steps"))
        return cls(kept, **setting, provenance=known | {"trajectory": record})

    @property
    def runs(self) -> int:
        """Number of independent runs."""
        return self.eigenvalues.shape[0]

    @property
    def levels(self) -> int:
        """Number of levels of one run."""
        return self.eigenvalues.shape[1]

    @property
    def clusters(self) -> list[list[int]]:
        """Levels that belong together, from the top: as stated, else by targets where known, else by distributions.

        The rules are in :mod:`coulombfit.data.clusters`; the last is a guess.
        """
        return grouped(self.eigenvalues, self.targets, self.provenance)[0]

    @property
    def pairs(self) -> int:
        """How many of the :attr:`clusters` are pairs."""
        return sum(len(cluster) == 2 for cluster in self.clusters)

    @property
    def grouped_by(self) -> str:
        """Who says which levels belong together: "stated", "targets", or "gaps", which is a guess."""
        return grouped(self.eigenvalues, self.targets, self.provenance)[1]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the eigenvalues: equal for the same data and only for them."""
        return hashlib.sha256(repr(self.eigenvalues.shape).encode() + self.eigenvalues.tobytes()).hexdigest()

    def pair(self, k: int = 0) -> Spectra:
        """The k-th (near-)degenerate pair of levels, counted from the top, as spectra of two levels.

        Pairs are the :attr:`clusters` of two levels.

        :param k: which pair, from 0.
        :raises DataError: where there is no such pair; the message shows the groups of levels found, and how they can
            be taken.
        """
        if self.levels < 2:
            way = "; cf.fit(spectra, 'levels') takes single ones"
            raise DataError(f"eigenvalues: a pair needs at least 2 levels, got {self.levels}{way}")
        return self._cluster(k, 2, "pair")

    def cluster(self, k: int = 0) -> Spectra:
        """The k-th cluster of levels that belong together, of whatever size, counted from the top.

        :param k: which of the :attr:`clusters`, from 0.
        :raises DataError: where there is no such cluster.
        """
        return self._cluster(k, None, "cluster")

    def level(self, k: int = 0) -> Spectra:
        """The k-th level, counted from the top, as spectra of one level.

        A level of a cluster of more has no law of its own, as levels repel; fits of it say so.

        :param k: which level of these, from 0.
        :raises DataError: where there is no such level.
        """
        k = whole_number(k, "level")
        if not 0 <= k < self.levels:
            raise DataError(f"level: expected 0, the topmost, to {self.levels - 1}, got {k}")
        return self if self.levels == 1 and "levels" in self.provenance else self._take([k], f"level {k}")

    def _cluster(self, k: int, size: int | None, what: str) -> Spectra:
        k = whole_number(k, what)
        clusters, by = grouped(self.eigenvalues, self.targets, self.provenance)
        found = [cluster for cluster in clusters if size is None or len(cluster) == size]
        if not 0 <= k < len(found):
            refuse_pair(k, self.eigenvalues, clusters, by, size)
        if len(found[k]) < self.levels:
            return self._take(found[k], f"{what} {k}")
        return self if "grouping" in self.provenance else self._take(found[k], "")

    def _take(self, columns: list[int], what: str) -> Spectra:
        """Some of the levels, with the record of which they are and who grouped them."""
        clusters, by = grouped(self.eigenvalues, self.targets, self.provenance)
        return replace(
            self,
            eigenvalues=self.eigenvalues[:, columns],
            targets=None if self.targets is None else self.targets[columns],
            name=f"{self.name} {what}".strip(),
            provenance=taking(self.provenance, clusters, columns, self.levels) | {"grouping": by},
        )

    def regrouped(self, clusters: Clusters) -> Spectra:
        """The same spectra with a grouping that is stated.

        :param clusters: as :class:`Spectra` takes them.
        :raises DataError: for clusters that are none.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Spectra(**values, clusters=clusters)

    def to_dataset(self) -> xr.Dataset:
        """The same content as an xarray dataset with dims (run, level)."""
        dataset = xr.Dataset({"eigenvalues": (("run", "level"), self.eigenvalues)})
        if self.targets is not None:
            dataset["targets"] = ("level", self.targets)
        settings = {"learning_rate": self.learning_rate, "batch_size": self.batch_size}
        dataset.attrs.update({name: value for name, value in settings.items() if value is not None})
        dataset.attrs.update(name=self.name, provenance=json.dumps(self.provenance))
        return dataset

    def save(self, path: str | Path) -> None:
        """Write a netCDF file that :func:`coulombfit.read` reads back, whole or not at all.

        :param path: a .nc file.
        :raises OSError: where ``path`` cannot be written.
        """
        write_netcdf(self.to_dataset(), path)


def refuse_negative(x: Float[np.ndarray, "*run level"], precision: float) -> None:
    """Refuse levels below zero by more than rounding.

    :raises DataError: naming the first.
    """
    # eigvalsh of WᵀW returns zero as a rounding error of either sign, which is no sign of wrong input
    rounding = x.shape[-1] * precision * np.abs(x).max()
    if x.min() < -rounding:
        where = tuple(int(i) for i in np.argwhere(x < -rounding)[0])
        raise DataError(
            f"eigenvalues: squared singular values cannot be negative, got {x[where]:g} at {where}; "
            "shift the origin if these are eigenvalues of another matrix"
        )


def refuse_unsaveable(provenance: object) -> None:
    """Refuse what is no mapping of JSON values.

    :raises DataError: saying what it is.
    """
    if not isinstance(provenance, Mapping | None):
        raise DataError(f"provenance: expected a mapping of JSON values, got {type(provenance).__name__}")
    try:
        json.dumps(provenance, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"provenance: expected JSON values, got {error}") from None
