"""What training of a perceptron leaves: the trajectory of every layer, and the loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from simulators.engine.trajectory import Trajectory, attributes, which_stayed, write

__all__ = ["MLPTrajectory", "by_layer"]


class MLPTrajectory(NamedTuple):
    """Eigenvalues of all layers of an ensemble over training.

    ``layers``, a :class:`Trajectory` each, from the inputs on; ``loss`` (run, snapshot), the mean loss of a run over
    the data, or 512 of them where there are more, without weight decay; ``steps`` (snapshot,), the number of updates
    made before each snapshot; ``parameters``, every argument of the simulation; ``excluded``, how many runs diverged
    and were left out.
    """

    layers: tuple[Trajectory, ...]
    loss: Float[np.ndarray, "run snapshot"]
    steps: Int[np.ndarray, " snapshot"]
    parameters: Mapping[str, Any]
    excluded: int = 0

    def layer(self, place: int) -> Trajectory:
        """The trajectory of one layer, whose ``parameters`` have its place as ``layer``.

        :param place: from 0, the layer at the inputs; negative counting from the outputs.
        :raises ValueError: for a layer that is not there.
        """
        count = len(self.layers)
        if isinstance(place, bool) or not isinstance(place, int | np.integer) or not -count <= place < count:
            raise ValueError(f"layer: expected -{count} to {count - 1}, got {place!r}")
        return self.layers[place]

    def to_dataset(self) -> xr.Dataset:
        """Variables ``layer_0``, ``layer_1``, … (run, snapshot, level of the layer), as :func:`coulombfit.read_layers`
        takes them, and ``loss`` (run, snapshot).
        """
        data: dict[str, Any] = {}
        for place, layer in enumerate(self.layers):
            data[f"layer_{place}"] = (("run", "snapshot", f"level_{place}"), layer.eigenvalues)
            if layer.weights is not None:
                data[f"weights_{place}"] = (("run", "snapshot", f"row_{place}", f"column_{place}"), layer.weights)
        data["loss"] = (("run", "snapshot"), self.loss)
        coords = {"step": ("snapshot", self.steps)}
        return xr.Dataset(data, coords=coords, attrs=attributes(self.parameters, self.excluded))

    def save(self, path: str | Path) -> None:
        """Write netCDF-4, whole or not at all.

        :param path: a .nc file.
        :raises OSError: where ``path`` cannot be written.
        """
        write(self.to_dataset(), path)


def by_layer(
    observed: Mapping[str, np.ndarray], steps: np.ndarray, parameters: Mapping[str, Any], cause: str
) -> MLPTrajectory:
    """Observations of the driver by layer, of the runs that stayed finite in all of them.

    :param parameters: every argument of the simulation.
    :param cause: what it means where runs diverge.
    :raises Diverged: where every run did.
    :warns UserWarning: where some did.
    """
    spectra = [observed[name] for name in sorted(observed, key=_place) if name.startswith("layer_")]
    stayed, excluded = which_stayed(spectra, cause)
    layers = []
    for place, eigenvalues in enumerate(spectra):
        weights = observed.get(f"weights_{place}")
        kept = None if weights is None else weights[stayed]
        layers.append(Trajectory(eigenvalues[stayed], steps, {**parameters, "layer": place}, excluded, kept))
    return MLPTrajectory(tuple(layers), observed["loss"][stayed], steps, parameters, excluded)


def _place(name: str) -> int:
    """The number of a layer in a name, which beyond ten sorts otherwise."""
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else -1
