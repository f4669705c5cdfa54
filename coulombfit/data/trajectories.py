"""Trajectories: levels of one run, or of several, watched over training at one setting."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike

from coulombfit.data.arrays import positive, precision_of, real_array
from coulombfit.data.clusters import group_by_gaps, stated_clusters
from coulombfit.data.coincidences import refuse_copies
from coulombfit.data.dimensions import SNAPSHOTS
from coulombfit.data.last_snapshot import spectra_at
from coulombfit.data.spectra import Spectra, refuse_negative, refuse_unsaveable
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import DataError

__all__ = ["Trajectories", "is_trajectory"]

FEWEST = 8
"""Least number of snapshots of a run."""
SHOWN = 6
"""Clusters that are told one by one."""


@dataclass(frozen=True, init=False, eq=False)
class Trajectories:
    """Eigenvalues x of X = WᵀW over training, for one run or several of one training setting.

    Nothing is thinned, and nothing has to be stationary: "dyson" (:mod:`coulombfit.models.trajectory`) is the law of
    every snapshot given the one before.

    :param eigenvalues: shape (run, snapshot, level), or (snapshot, level) of one run; anything array-like and real;
        kept as float64, descending along level.
    :param steps: shape (snapshot,), the training step of every snapshot, ascending, evenly spaced or not.
    :param learning_rate: α > 0, where known.
    :param batch_size: \\|B\\| > 0, where known.
    :param clusters: which levels are degenerate: lists of neighbouring levels that are every level once,
        ``[[0], [1, 2]]``, a last entry "single" standing for all that are left; or "single", none are. By default
        levels are grouped by the gaps between their distributions over all snapshots, which is a guess.
    :param stationary: whether the first snapshot of a run is one of the stationary law; else it is only conditioned on.
        By default it is, unless it is of step 0.
    :param name: what to call these data in reports.
    :param provenance: where they came from; any JSON values.
    :raises DataError: for anything but finite, non-negative levels of runs that differ, with ascending steps.
    """

    eigenvalues: Float[np.ndarray, "run snapshot level"]
    steps: Float[np.ndarray, " snapshot"]
    learning_rate: float | None
    batch_size: float | None
    clusters: tuple[tuple[int, ...], ...]
    stationary: bool
    name: str
    provenance: Mapping[str, Any]

    def __init__(
        self,
        eigenvalues: ArrayLike,
        steps: ArrayLike,
        learning_rate: SupportsFloat | None = None,
        batch_size: SupportsFloat | None = None,
        clusters: str | Sequence[Sequence[int] | str] | None = None,
        name: str = "",
        provenance: Mapping[str, Any] | None = None,
        stationary: bool | None = None,
    ) -> None:
        dims = SNAPSHOTS if np.ndim(getattr(eigenvalues, "data", eigenvalues)) == 3 else SNAPSHOTS[1:]
        x = real_array(eigenvalues, "eigenvalues", dims)
        x = x[None] if x.ndim == 2 else x
        if x.ndim != 3 or x.shape[0] < 1 or x.shape[2] < 1:
            raise DataError(f"eigenvalues: expected shape (run, snapshot, level), got {np.shape(eigenvalues)}")
        if x.shape[1] < FEWEST:
            raise DataError(f"eigenvalues: expected at least {FEWEST} snapshots of a run, got {x.shape[1]}")
        refuse_negative(x, precision_of(eigenvalues))
        at = _checked_steps(steps, x.shape[1])
        if not isinstance(name, str):
            raise DataError(f"name: expected text, got {name!r}")
        if not isinstance(stationary, bool | None):
            raise DataError(f"stationary: expected True, False or None, got {stationary!r}")
        refuse_unsaveable(provenance)
        x = np.ascontiguousarray(np.sort(x, axis=2)[..., ::-1])
        if len(x) > 1:
            refuse_copies(x.reshape(len(x), -1))
        _refuse_at_rest(x, at)
        grouped, guessed = _grouped(clusters, x)
        begins = bool(at[0] > 0) if stationary is None else stationary
        record = _record_of(x, at, grouped, guessed=guessed, stationary=begins)
        values = {
            "eigenvalues": x,
            "steps": at,
            "learning_rate": positive(learning_rate, "learning_rate"),
            "batch_size": positive(batch_size, "batch_size"),
            "clusters": tuple(tuple(cluster) for cluster in grouped),
            "stationary": begins,
            "name": name,
            "provenance": {**(provenance or {}), "trajectories": record},
        }
        for field, value in values.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, field, value)

    @classmethod
    def of(cls, data: Any, **setting: Any) -> Trajectories:
        """Trajectories as they are; of a simulation (its ``eigenvalues``, ``steps`` and ``parameters``); or of a
        dataset with ``eigenvalues`` over (run, snapshot, level) and ``step``, as :func:`coulombfit.recording` gives it.

        A first snapshot whose levels are not yet apart, or equal in all runs, as where training begins, is left out;
        then the one after it is only conditioned on. ``provenance["trajectories"]`` says so.

        :param data: any of these.
        :param setting: what goes before what is known of them: learning_rate, batch_size, clusters, name, stationary.
        :raises DataError: for anything else, and as :class:`Trajectories`.
        """
        if isinstance(data, cls):
            return data if not setting else _again(data, **setting)
        if not is_trajectory(data):
            raise DataError(f"data: expected a trajectory, a recording or a simulation, got {type(data).__name__}")
        found = _of_dataset(data) if isinstance(data, xr.Dataset) else _of_simulation(data)
        found |= {name: value for name, value in setting.items() if value is not None}
        x, steps = real_array(found.pop("eigenvalues"), "eigenvalues"), np.asarray(found.pop("steps"))
        begin = _at_start(x)
        if begin:
            found.setdefault("stationary", False)
            found["provenance"] = {**found.get("provenance", {}), "left_out": [float(step) for step in steps[:begin]]}
        return cls(x[:, begin:], steps[begin:], **found)

    def after(self, step: float) -> Trajectories:
        """Without the snapshots before a training step; what is left is taken to begin in the stationary law.

        :param step: the first that is kept.
        :raises DataError: where fewer than 8 are left.
        """
        kept = self.steps >= step
        return _again(self, eigenvalues=self.eigenvalues[:, kept], steps=self.steps[kept], stationary=True)

    def with_provenance(self, **more: Any) -> Trajectories:
        """The same data, with more said about where they came from.

        :param more: any JSON values.
        """
        refuse_unsaveable(more)
        found = copy.copy(self)
        object.__setattr__(found, "provenance", {**self.provenance, **more})
        return found

    @property
    def runs(self) -> int:
        """Number of independent runs."""
        return self.eigenvalues.shape[0]

    @property
    def snapshots(self) -> int:
        """Number of snapshots of a run."""
        return self.eigenvalues.shape[1]

    @property
    def levels(self) -> int:
        """Number of levels."""
        return self.eigenvalues.shape[2]

    @property
    def interval(self) -> float:
        """Median number of steps between snapshots: what the memory of "dyson" is of."""
        return float(np.median(np.diff(self.steps)))

    def spectra(self, snapshot: int = -1, **setting: Any) -> Spectra:
        """The ensemble of one snapshot over runs, by default the last, judged by the others: see
        :func:`coulombfit.data.last_snapshot.spectra_at`.

        :param snapshot: counted from 0, or from the end where negative.
        :param setting: clusters, levels, name and so on, as :class:`coulombfit.Spectra` takes them.
        :raises DataError: for a snapshot that is not there, fewer than two runs, or as :class:`coulombfit.Spectra`.
        :warns UserWarning: where runs still drift, or keep places of their own.
        """
        return spectra_at(self, snapshot, **setting)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of eigenvalues, steps, clusters and how runs begin: equal for the same data and only for them."""
        told = repr((self.eigenvalues.shape, self.clusters, self.stationary)).encode()
        return hashlib.sha256(told + self.eigenvalues.tobytes() + self.steps.tobytes()).hexdigest()

    def to_dataset(self) -> xr.Dataset:
        """The same content as an xarray dataset with dims (run, snapshot, level) and the coordinate step."""
        data = {"eigenvalues": (("run", "snapshot", "level"), self.eigenvalues)}
        settings = {"learning_rate": self.learning_rate, "batch_size": self.batch_size}
        told = {"clusters": json.dumps(self.clusters), "stationary": int(self.stationary), "name": self.name}
        attributes = {name: value for name, value in settings.items() if value is not None} | told
        attributes["provenance"] = json.dumps(self.provenance)
        return xr.Dataset(data, coords={"step": ("snapshot", self.steps)}, attrs=attributes)

    def save(self, path: str | Path) -> None:
        """Write a netCDF file that :func:`coulombfit.read_trajectories` reads back, whole or not at all.

        :param path: a .nc file.
        :raises OSError: where ``path`` cannot be written.
        """
        write_netcdf(self.to_dataset(), path)


def is_trajectory(data: object) -> bool:
    """Whether :meth:`Trajectories.of` takes it."""
    if isinstance(data, Trajectories):
        return True
    if isinstance(data, xr.Dataset):
        return "eigenvalues" in data and {"snapshot", "level"} <= set(data["eigenvalues"].dims) and "step" in data
    x, steps = (getattr(data, name, None) for name in ("eigenvalues", "steps"))
    return getattr(x, "ndim", 0) == 3 and getattr(steps, "ndim", 0) == 1


def _again(data: Trajectories, **changed: Any) -> Trajectories:
    given = {name: value for name, value in data.provenance.items() if name != "trajectories"}
    names = ("eigenvalues", "steps", "learning_rate", "batch_size", "clusters", "name", "stationary")
    kept = {name: getattr(data, name) for name in names} | {"provenance": given}
    if data.provenance["trajectories"]["guessed"]:
        kept["clusters"] = None
    return Trajectories(**(kept | changed))


def _of_simulation(data: Any) -> dict[str, Any]:
    parameters = getattr(data, "parameters", None) or {}
    found = {name: parameters.get(name) for name in ("learning_rate", "batch_size")}
    simulator = parameters.get("simulator")
    told: dict[str, Any] = {"name": str(simulator), "provenance": {"simulator": str(simulator)}} if simulator else {}
    if "momentum" in parameters:
        source = {"simulator": str(simulator)} if simulator else {}
        told["provenance"] = source | {"momentum": float(parameters["momentum"])}
    return {"eigenvalues": data.eigenvalues, "steps": data.steps} | found | told


def _of_dataset(data: xr.Dataset) -> dict[str, Any]:
    x = data["eigenvalues"]
    x = (x if "run" in x.dims else x.expand_dims("run")).transpose("run", "snapshot", "level")
    found: dict[str, Any] = {"eigenvalues": x.to_numpy(), "steps": data["step"].to_numpy()}
    for name in ("learning_rate", "batch_size"):
        values = np.ravel(data[name].to_numpy()) if name in data else np.ravel(data.attrs.get(name, np.nan))
        if (values[1:] != values[:-1]).any() and np.isfinite(values).any():
            raise DataError(
                f"{name}: expected one setting, got {values[0]:g} to {values[-1]:g} over these snapshots; choose those "
                "of one setting, data.isel(snapshot=…)"
            )
        found[name] = float(values[0]) if np.isfinite(values[0]) else None
    for name in ("name", "clusters", "stationary", "provenance"):
        if name in data.attrs:
            value = data.attrs[name]
            found[name] = json.loads(value) if name in ("clusters", "provenance") else value
    if "stationary" in found:
        found["stationary"] = bool(found["stationary"])
    if found.get("provenance", {}).pop("trajectories", {}).get("guessed"):
        found.pop("clusters", None)
    if "layer" in data.attrs:
        found["provenance"] = {**found.get("provenance", {}), "layer": str(data.attrs["layer"])}
    return found


def _checked_steps(steps: ArrayLike, snapshots: int) -> Float[np.ndarray, " snapshot"]:
    found = real_array(steps, "steps")
    if found.shape != (snapshots,):
        raise DataError(f"steps: expected shape ({snapshots},), one per snapshot, got {found.shape}")
    if (bad := np.flatnonzero(np.diff(found) <= 0)).size:
        k = int(bad[0])
        raise DataError(f"steps: expected ascending steps, got {found[k]:g} and then {found[k + 1]:g}")
    return found


def _at_start(x: Float[np.ndarray, "run snapshot level"]) -> int:
    """How many snapshots there are, from the first on, at which levels are tied in all runs, or all runs are equal."""
    count = 0
    for snapshot in np.moveaxis(x, 1, 0)[: max(0, x.shape[1] - FEWEST)]:
        ascending = np.sort(snapshot, axis=1)
        size = max(float(np.abs(ascending).max()), 1e-300)
        tied = ascending.shape[1] > 1 and (np.diff(ascending, axis=1) <= 1e-9 * size).any(axis=1).all()
        equal = len(snapshot) > 1 and (np.ptp(snapshot, axis=0) <= 1e-9 * size).all()
        if not tied and not equal:
            break
        count += 1
    return count


def _refuse_at_rest(x: Float[np.ndarray, "run snapshot level"], steps: Float[np.ndarray, " snapshot"]) -> None:
    """Refuse snapshots that repeat the one before, in a level."""
    still = np.argwhere(x[:, 1:] == x[:, :-1])
    if len(still) > 0.01 * x.size or (len(still) and (x[:, 1:] == x[:, :-1]).all(axis=2).any()):
        run, snapshot, level = (int(one) for one in still[0])
        raise DataError(
            f"eigenvalues: expected levels that move from one snapshot to the next, got level {level} of run "
            f"{run} equal "
            f"at steps {steps[snapshot]:g} and {steps[snapshot + 1]:g}: copies, a level that does not fluctuate, or "
            "numbers rounded too coarsely; leave it out"
        )


def _grouped(clusters: Any, x: Float[np.ndarray, "run snapshot level"]) -> tuple[list[list[int]], bool]:
    """Clusters of levels from the top, and whether they are guessed."""
    levels = x.shape[2]
    stated = stated_clusters(clusters, levels)
    return (group_by_gaps(x.reshape(-1, levels)), True) if stated is None else (stated, False)


def _record_of(
    x: Float[np.ndarray, "run snapshot level"],
    steps: Float[np.ndarray, " snapshot"],
    clusters: list[list[int]],
    *,
    guessed: bool,
    stationary: bool,
) -> dict[str, Any]:
    apart = np.diff(steps)
    even = bool(np.ptp(apart) <= 1e-9 * apart.max())
    gaps = f"{apart[0]:g} apart" if even else f"{apart.min():g} to {apart.max():g} apart (median {np.median(apart):g})"
    shown = "; ".join(",".join(map(str, cluster)) for cluster in clusters[:SHOWN])
    shown += f"; … {len(clusters)} in all" * (len(clusters) > SHOWN)
    how = "guessed by the gaps between their distributions" if guessed else "as stated"
    begin = "from the stationary law" if stationary else "conditioned on"
    return {
        "snapshots": x.shape[1],
        "runs": x.shape[0],
        "first_step": float(steps[0]),
        "last_step": float(steps[-1]),
        "interval": float(np.median(apart)),
        "clusters": clusters,
        "guessed": guessed,
        "stationary": stationary,
        "described": (
            f"{x.shape[1]} snapshots of each run, steps {steps[0]:g} to {steps[-1]:g}, {gaps}, none left out; first "
            f"snapshot {begin}; clusters of levels {shown}, {how}"
        ),
    }
