"""Levels watched over training: the likelihood whose observations are trajectories, and whose terms are steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.models.likelihoods import Laws, Likelihood, Parameters
from coulombfit.models.units import Standardisation
from coulombfit.runtime.errors import DataError

__all__ = ["Transitions"]

MANY_RUNS = 20
"""Runs from which a run is the unit of observation; of fewer it is a block of time."""
BLOCKS, SHORTEST = 40, 10
"""Blocks that few runs are parted into, all together, and the least number of snapshots of one."""


@dataclass(frozen=True)
class Transitions(Likelihood):
    """The law of every snapshot of a run given the one before: asks the model for ``path``, and for ``terms``.

    Observations are (run, snapshot, level); terms are steps, as rows of sums. The unit of observation is the run where
    there are 20 or more, and else a block of time: 40 blocks in all, of at least 10 snapshots each, given the snapshot
    before. Blocks are independent of each other given that.
    """

    name = "transitions"
    of_pairs = False
    over_time = True
    asks_for = ("path",)

    def observe(self, spectra: Any) -> Float[np.ndarray, "run snapshot level"]:
        if spectra.eigenvalues.ndim != 3:
            raise DataError("data: expected levels over training, shape (run, snapshot, level)")
        return spectra.eigenvalues

    def law(self, model: Laws, parameters: Parameters) -> dist.Distribution:
        return model.path(parameters)

    def term_law(self, model: Laws, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        return model.step_law(sites, unit)

    def log_frame(self, observations: Float[np.ndarray, "run ..."], unit: Standardisation) -> float:
        return 0.0

    def dims(self, observations: Float[np.ndarray, "run ..."]) -> tuple[str, ...]:
        return ("run", "snapshot", "level")

    def unit_dim(self, observations: Float[np.ndarray, "run ..."]) -> str:
        return "run" if len(_edges(observations.shape)) == 2 else "block"

    def by_unit(self, law: Any, observations: Float[Array, "run ..."]) -> Float[Array, " unit"]:
        steps, edges = law.steps(observations), _edges(observations.shape)
        block = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        return jnp.zeros((len(steps), len(edges) - 1), steps.dtype).at[:, block].add(steps).reshape(-1)

    def predict(
        self, model: Laws, parameters: Parameters, key: Array, observations: Float[Array, "run ..."]
    ) -> Float[Array, "run ..."]:
        return model.path(parameters).sample_from(key, observations[:, 0])


def _edges(shape: tuple[int, ...]) -> list[int]:
    """First snapshots of the blocks of a run, and the number of snapshots."""
    runs, snapshots = shape[:2]
    blocks = 1 if runs >= MANY_RUNS else max(1, min(-(-BLOCKS // runs), snapshots // SHORTEST))
    return [round(each) for each in np.linspace(0, snapshots, blocks + 1)]
