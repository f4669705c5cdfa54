"""Reading levels over training: every snapshot of a recording, or of a file that has run, snapshot and level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr

from coulombfit.data.arrays import whole_number
from coulombfit.data.files.netcdf import read_tree
from coulombfit.data.files.opening import LIMIT, check_limit, exists
from coulombfit.data.reading.joining import is_recording
from coulombfit.data.recording.store import recording
from coulombfit.data.trajectories import Trajectories, is_trajectory
from coulombfit.runtime.errors import DataError

__all__ = ["read_trajectories"]


def read_trajectories(
    path: str | Path,
    *,
    layer: str | None = None,
    burn_in: int | None = None,
    learning_rate: SupportsFloat | None = None,
    batch_size: SupportsFloat | None = None,
    clusters: str | Sequence[Sequence[int] | str] | None = None,
    name: str | None = None,
    limit: int = LIMIT,
) -> Trajectories:
    """Read every snapshot of the run, or runs, of one training setting: nothing is thinned.

    :param path: the folder of a :class:`coulombfit.Recorder`; or a .nc file with ``eigenvalues`` over (run, snapshot,
        level), or (snapshot, level), and ``step`` along snapshot, as ``save`` of a simulation and of
        :class:`coulombfit.Trajectories` writes it.
    :param layer: of a recording, the layer, or a pattern that matches one; not needed where there is only one.
    :param burn_in: training step before which to discard everything; what is left is taken to begin in the stationary
        law. Without it a run that begins at step 0 is conditioned on its first snapshot.
    :param learning_rate: α, which goes before what the file says.
    :param batch_size: \\|B\\|, likewise.
    :param clusters: as of :class:`coulombfit.Trajectories`.
    :param name: what to call the data; what the file says, or its stem, if not given.
    :param limit: bytes that all of it may take; 4 GiB if not given.
    :raises FileNotFoundError: where there is no such file.
    :raises DataError: for another kind of file, one that is damaged, settings that change, weights that were not
        finite, and as :class:`coulombfit.Trajectories`.
    """
    check_limit(limit)
    burn_in = None if burn_in is None else whole_number(burn_in, "burn_in")
    path = Path(path)
    if not exists(path):
        raise FileNotFoundError(f"path: no such file: {path}")
    data = recording(path, layer, limit) if is_recording(path) else _dataset_of(path, layer, limit)
    begins: dict[str, Any] = {}
    if burn_in is not None:
        data = data.isel(snapshot=data["step"].to_numpy() >= burn_in)
        begins = {"stationary": True}
    if not data.sizes["snapshot"]:
        raise DataError(f"burn_in: {path} ends before step {burn_in}")
    _require_finite(data, path)
    own = data.attrs.get("name") or path.resolve().stem
    setting = {"learning_rate": learning_rate, "batch_size": batch_size, "clusters": clusters, "name": name or own}
    # what is given needs not be the same all over the file
    data = data.drop_vars([one for one, value in setting.items() if value is not None and one in data.variables])
    found = Trajectories.of(data, **setting, **begins)
    source = {"recording" if is_recording(path) else "file": path.name}
    return found.with_provenance(**source)


def _dataset_of(path: Path, layer: str | None, limit: int) -> xr.Dataset:
    """A file's own dataset.

    :raises DataError: where it is no such file.
    """
    if layer is not None:
        raise DataError(f"layer: only a recording has layers, got {layer!r} for {path}")
    if path.suffix.lower() != ".nc":
        raise DataError(
            "path: expected a recording, or a .nc file of eigenvalues over (run, snapshot, level) with the step "
            "of every "
            f"snapshot, got {path}; of arrays, cf.Trajectories(eigenvalues, steps)"
        )
    data = read_tree(path, limit).to_dataset()
    if not is_trajectory(data):
        has = (
            ", ".join(f"{name} ({', '.join(map(str, one.dims))})" for name, one in data.variables.items()) or "nothing"
        )
        raise DataError(
            f"path: expected eigenvalues over (run, snapshot, level) and step along snapshot in {path}, got {has}"
        )
    return data


def _require_finite(data: xr.Dataset, path: Path) -> None:
    x = data["eigenvalues"].transpose("snapshot", ...).to_numpy()
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        steps = data["step"].to_numpy()[bad]
        raise DataError(
            f"eigenvalues: {path}: weights were not finite at {len(steps)} snapshot(s) from step {steps[0]} on: "
            "training "
            "has diverged"
        )
