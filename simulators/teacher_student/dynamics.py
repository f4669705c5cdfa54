"""One step of a student's training, for many students at once (Eq. 28)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from simulators.engine.ensemble import Dynamics
from simulators.linalg import wishart
from simulators.linalg.small_matrices import product, squared_singular_values, transpose
from simulators.teacher_student.activations import ACTIVATIONS
from simulators.teacher_student.response import Setup

__all__ = ["Numbers", "Student", "student_dynamics", "student_numbers"]


class Student(NamedTuple):
    """State of a chunk of runs: weights, and their last change where there is momentum."""

    weights: Float[Array, "hidden input run"]
    change: Float[Array, "hidden input run"]


class Numbers(NamedTuple):
    """Numbers of a setting: ``teacher``; ``curvature`` ZᵀZ; α, γ; sd of the gradient ``noise`` of one step."""

    teacher: Float[Array, "hidden input 1"]
    curvature: Float[Array, "hidden hidden"]
    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]
    noise: Float[Array, ""]


def student_numbers(s: Setup, learning_rate: float, momentum: float, noise: float, dtype: str) -> Numbers:
    """The numbers of a setting in one precision."""
    exact = (s.teacher[:, :, None], s.curvature, learning_rate, momentum, noise)
    return Numbers._make(np.asarray(value, dtype) for value in exact)


class Inputs(NamedTuple):
    """The inputs of a step: how ``draw`` finds those of one step, and the ``gradient`` they give with noise η."""

    draw: Callable[[Key[Array, ""], int, int], Any]
    gradient: Callable[[Numbers, Array, Any, Array], Array]


@lru_cache(maxsize=64)
def student_dynamics(
    activation: str,
    batches: str,
    batch_size: int,
    momentum: bool,
    noise: bool,
    symmetric_noise: bool,
    keep_weights: bool,
) -> Dynamics:
    """The student's dynamics; cached, because JAX compiles anew for every new function."""
    shared = batches == "shared"
    if batches == "averaged":
        inputs = _averaged_inputs()
    elif activation == "identity":
        inputs = _second_moments(batch_size)
    else:
        inputs = _samples(activation, batch_size)

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Student:
        weights = jax.random.normal(key, (*n.teacher.shape[:2], lanes))
        return Student(weights, jnp.zeros_like(weights) if momentum else weights[:0])

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        key_noise, key_batch = jax.random.split(key)
        rows, columns, _ = n.teacher.shape
        eta = jax.random.normal(key_noise, (rows, columns, lanes)) if noise else ()
        return eta, inputs.draw(*((common, columns, 1) if shared else (key_batch, columns, lanes)))

    def step(n: Numbers, state: Student, drawn: tuple[Any, Any]) -> Student:
        (w, change), (eta, batch) = state, drawn
        kick = n.noise * eta if noise else jnp.zeros_like(w)
        if symmetric_noise:
            kick = 0.5 * (kick + transpose(kick))
        update = n.learning_rate * inputs.gradient(n, w, batch, kick)
        if momentum:
            update = change = n.momentum * change + update
        return Student(w + update, change)

    def observe(n: Numbers, state: Student) -> dict[str, np.ndarray]:
        weights = np.asarray(state.weights)
        observed = {"eigenvalues": squared_singular_values(weights)}
        return {**observed, "weights": weights} if keep_weights else observed

    return Dynamics(init, draw, step, observe)


def _averaged_inputs() -> Inputs:
    """Inputs replaced by their mean (Eq. 17), of linear students."""

    def gradient(n: Numbers, w: Array, batch: Any, kick: Array) -> Array:
        return _through(n, (n.teacher - w) - kick)

    return Inputs(lambda key, columns, lanes: (), gradient)


def _second_moments(batch_size: int) -> Inputs:
    """True batches of linear students, who see of them their second moment alone."""

    def draw(key: Key[Array, ""], columns: int, lanes: int) -> Any:
        return wishart.draw(key, columns, batch_size, lanes)

    def gradient(n: Numbers, w: Array, batch: Any, kick: Array) -> Array:
        root = wishart.triangle(batch, w.shape[1])
        signal = product(n.teacher - w, product(root, transpose(root)) / batch_size)
        return _through(n, signal - kick)

    return Inputs(draw, gradient)


def _samples(activation: str, batch_size: int) -> Inputs:
    """True batches of activated students, sample by sample."""
    act = ACTIVATIONS[activation]

    def draw(key: Key[Array, ""], columns: int, lanes: int) -> Array:
        return jax.random.normal(key, (columns, batch_size, lanes))

    def gradient(n: Numbers, w: Array, batch: Array, kick: Array) -> Array:
        student, slope = jax.jvp(act, (y := product(w, batch),), (jnp.ones_like(y),))
        error = act(product(n.teacher, batch)) - student
        signal = product(slope * _through(n, error), transpose(batch)) / batch_size
        return signal - _through(n, kick)

    return Inputs(draw, gradient)


def _through(n: Numbers, a: Float[Array, "hidden m run"]) -> Float[Array, "hidden m run"]:
    """ZᵀZ A."""
    return jnp.einsum("ij,jkr->ikr", n.curvature, a)
