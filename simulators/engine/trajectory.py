"""What a simulation leaves: eigenvalues over training, in memory and as a netCDF file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from simulators.engine.atomic_files import replacing
from simulators.engine.callers import warn
from simulators.engine.ensemble import Dynamics, ensemble
from simulators.engine.schedule import Schedule

__all__ = ["Diverged", "Trajectory", "attributes", "evolve", "which_stayed", "write"]


class Diverged(ArithmeticError):  # noqa: N818  what happened, in one word
    """Every run of a simulation has left the domain of its model."""


class Trajectory(NamedTuple):
    """Eigenvalues of an ensemble over training.

    ``eigenvalues`` (run, snapshot, level), descending along level; ``steps`` (snapshot,), the number of updates made
    before each snapshot; ``parameters``, every argument of the simulation; ``excluded``, how many runs diverged and
    were left out; ``weights`` (run, snapshot, row, column) where they were asked for.
    """

    eigenvalues: Float[np.ndarray, "run snapshot level"]
    steps: Int[np.ndarray, " snapshot"]
    parameters: Mapping[str, Any]
    excluded: int = 0
    weights: Float[np.ndarray, "run snapshot row column"] | None = None

    def to_dataset(self) -> xr.Dataset:
        """Dimensions (run, snapshot, level), with what :func:`coulombfit.read` looks for among the attributes."""
        data: dict[str, Any] = {"eigenvalues": (("run", "snapshot", "level"), self.eigenvalues)}
        if self.weights is not None:
            data["weights"] = (("run", "snapshot", "row", "column"), self.weights)
        coords = {"step": ("snapshot", self.steps)}
        return xr.Dataset(data, coords=coords, attrs=attributes(self.parameters, self.excluded))

    def save(self, path: str | Path) -> None:
        """Write netCDF-4, whole or not at all.

        Its bytes are made in memory: HDF5 itself may end the process where a disk is full.

        :param path: a .nc file.
        :raises OSError: where ``path`` cannot be written.
        """
        write(self.to_dataset(), path)


def attributes(parameters: Mapping[str, Any], excluded: int) -> dict[str, Any]:
    """Attributes of a file of eigenvalues: the settings that :func:`coulombfit.read` looks for, and the record."""
    settings = {name: parameters[name] for name in ("learning_rate", "batch_size") if name in parameters}
    versions = {name: version(name) for name in ("coulombfit", "jax", "jaxlib", "numpy")}
    return {**settings, "provenance": json.dumps({**parameters, "excluded": excluded, "versions": versions})}


def write(dataset: xr.Dataset, path: str | Path) -> None:
    """Write netCDF-4, whole or not at all.

    :raises OSError: where ``path`` cannot be written.
    """
    content = dataset.to_netcdf(engine="h5netcdf")
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def evolve(
    dynamics: Dynamics, numbers: Any, schedule: Schedule, parameters: Mapping[str, Any], cause: str
) -> Trajectory:
    """Evolve an ensemble and keep the runs that stayed in the domain of the model.

    :param parameters: the simulator's own arguments, for the record.
    :param cause: what it means to have left the domain, and which settings would not.
    :raises Diverged: where no run stayed.
    :warns UserWarning: where some left.
    """
    observed, steps = ensemble(dynamics, numbers, schedule, parameters)
    eigenvalues = observed["eigenvalues"]
    stayed, excluded = which_stayed([eigenvalues], cause)
    weights = observed["weights"][stayed] if "weights" in observed else None
    return Trajectory(eigenvalues[stayed], steps, {**parameters, **schedule.record()}, excluded, weights)


def which_stayed(
    spectra: Sequence[Float[np.ndarray, "run snapshot _level"]], cause: str
) -> tuple[Bool[np.ndarray, " run"], int]:
    """Which runs stayed in the domain of the model, and how many did not.

    :param spectra: eigenvalues of every matrix of the model.
    :param cause: what it means to have left the domain, and which settings would not.
    :raises Diverged: where no run stayed.
    :warns UserWarning: where some left.
    """
    stayed = np.logical_and.reduce([np.isfinite(each).all(axis=(1, 2)) for each in spectra])
    excluded = int(stayed.size - stayed.sum())
    if excluded == stayed.size:
        raise Diverged(f"all {excluded} runs diverged: {cause}")
    if excluded:
        warn(f"{excluded} of {stayed.size} runs diverged and are left out: {cause}")
    return stayed, excluded
