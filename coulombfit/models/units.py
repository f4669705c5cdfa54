"""The units in which priors are stated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from coulombfit.runtime.errors import DataError

__all__ = ["Standardisation"]

# Sums over the runs stay within double precision below this.
LARGEST = 1e290


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Standardisation:
    """Location and scale that make observations of order one, x = location + scale · z; one number or one a cluster."""

    location: Any = 0.0
    scale: Any = 1.0

    @classmethod
    def of(cls, observations: Float[np.ndarray, "run ..."], *, about_zero: bool = False) -> Standardisation:
        """Mean and standard deviation over all levels of all runs; about zero, √⟨S²⟩/2 of spacings.

        :raises DataError: where all are equal, or so large that sums over them overflow.
        """
        if np.abs(observations).max() > LARGEST:
            raise DataError(f"eigenvalues: expected at most {LARGEST:g}, got {np.abs(observations).max():g}")
        location = 0.0 if about_zero else float(observations.mean())
        deviation = observations - location
        largest = float(np.abs(deviation).max())
        if largest == 0:
            raise DataError("eigenvalues: expected levels that differ, got all levels of all runs equal")
        # in units of the largest, so that squares neither overflow nor vanish
        scale = largest * float(np.sqrt(np.mean((deviation / largest) ** 2)))
        return cls(location, scale / 2 if about_zero else scale)

    def apply(self, observations: ArrayLike) -> Any:
        """Standardise."""
        return (observations - self.location) / self.scale

    def undo(self, z: ArrayLike) -> Any:
        """Back to the units of the data."""
        return self.location + self.scale * z

    def to_json(self) -> dict[str, float | list[float]]:
        """For the record of a fit."""
        return {"location": np.asarray(self.location).tolist(), "scale": np.asarray(self.scale).tolist()}

    @classmethod
    def from_json(cls, record: Mapping[str, float | list[float]]) -> Standardisation:
        """What :meth:`to_json` wrote."""
        return cls(*(np.asarray(record[name])[()] for name in ("location", "scale")))
