"""A minimum of the loss of all data, with weight decay: where runs of every learning rate and batch size may begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from scipy.optimize import minimize

from simulators.engine.isolation import isolated
from simulators.engine.streams import key_for
from simulators.mlp.data import Data
from simulators.mlp.dynamics import random_layers
from simulators.mlp.network import Layers, losses

__all__ = ["Minimum", "Problem", "objective", "train_together"]

MEMORY = 50
"""Pairs of steps and changes of the gradient from which L-BFGS has its curvature."""


@dataclass(frozen=True)
class Problem:
    """What is minimised, whatever the learning rate and the batch size: a network, data, λ, and which random start."""

    widths: tuple[int, ...]
    activation: str
    loss: str
    biases: bool
    weight_decay: float
    data: Data
    start_seed: int


class Minimum(NamedTuple):
    """Where training together ended: ``layers`` (1, …), the loss with decay, the norm of its gradient, and steps."""

    layers: Layers
    value: float
    gradient: float
    steps: int


def objective(problem: Problem, layers: Layers) -> Float[Array, ""]:
    """Mean loss over all data plus ½λ Σ W²."""
    data = problem.data
    loss = losses(
        problem.activation, problem.loss, layers, jnp.asarray(data.inputs)[None], jnp.asarray(data.targets)[None]
    )
    return loss[0] + 0.5 * problem.weight_decay * sum((w**2).sum() for w in layers.weights)


@lru_cache(maxsize=16)
def train_together(problem: Problem, steps: int) -> Minimum:
    """The common start of a problem, after at most so many steps of L-BFGS on all data; fewer where none goes down.

    :param steps: 0 for the random start itself.
    """
    setting: dict[str, Any] = {"mlp start": problem.widths, "biases": problem.biases}
    with isolated(True):
        start = random_layers(problem.widths, problem.biases, key_for(problem.start_seed, setting), 1)
        flat, unravel = ravel_pytree(start)
        both = jax.jit(jax.value_and_grad(lambda point: objective(problem, unravel(point))))

        def numbers(point: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = both(point)
            return float(value), np.asarray(gradient)

        point, done = np.asarray(flat), 0
        if steps:
            point, done = _descend(numbers, point, steps)
        value, gradient = numbers(point)
        layers = jax.tree.map(np.asarray, unravel(jnp.asarray(point)))
    return Minimum(layers, value, float(np.linalg.norm(gradient)), done)


def _descend(
    numbers: Callable[[np.ndarray], tuple[float, np.ndarray]], point: np.ndarray, steps: int
) -> tuple[np.ndarray, int]:
    """Down from a point by L-BFGS to the rounding of the loss."""
    limits = {"maxiter": steps, "maxfun": 20 * steps, "maxcor": MEMORY, "ftol": 0.0, "gtol": 1e-10}
    found = minimize(numbers, point, jac=True, method="L-BFGS-B", options=limits)
    return found.x, int(found.nit)
