"""One step of a student's training, for many students at once (Eq. 28)."""

from __future__ import annotations

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
    """Of a setting: ``teacher``; ``curvature`` ZᵀZ; α, γ and the standard deviation of a step's gradient ``noise``."""

    teacher: Float[Array, "hidden input 1"]
    curvature: Float[Array, "hidden hidden"]
    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]
    noise: Float[Array, ""]


def student_numbers(s: Setup, learning_rate: float, momentum: float, noise: float, dtype: str) -> Numbers:
    """The numbers of a setting in one precision."""
    exact = (s.teacher[:, :, None], s.curvature, learning_rate, momentum, noise)
    return Numbers._make(np.asarray(value, dtype) for value in exact)


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
    linear = activation == "identity"
    act = ACTIVATIONS[activation]

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Student:
        weights = jax.random.normal(key, (*n.teacher.shape[:2], lanes))
        return Student(weights, jnp.zeros_like(weights) if momentum else weights[:0])

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Any, Any]:
        key_noise, key_batch = jax.random.split(key)
        hidden, inputs, _ = n.teacher.shape
        eta = jax.random.normal(key_noise, (hidden, inputs, lanes)) if noise else ()
        if batches == "averaged":
            return eta, ()
        key_inputs, count = (common, 1) if batches == "shared" else (key_batch, lanes)
        if linear:
            return eta, wishart.draw(key_inputs, inputs, batch_size, count)
        return eta, jax.random.normal(key_inputs, (inputs, batch_size, count))

    def step(n: Numbers, state: Student, drawn: tuple[Any, Any]) -> Student:
        (w, change), (eta, batch) = state, drawn
        missing = n.teacher - w
        if batches == "averaged":
            signal = missing
        elif linear:
            root = wishart.triangle(batch, w.shape[1])
            signal = product(missing, product(root, transpose(root)) / batch_size)
        else:
            student, slope = jax.jvp(act, (y := product(w, batch),), (jnp.ones_like(y),))
            error = act(product(n.teacher, batch)) - student
            signal = product(slope * _through(n, error), transpose(batch)) / batch_size
        kick = n.noise * eta if noise else jnp.zeros_like(w)
        if symmetric_noise:
            kick = 0.5 * (kick + transpose(kick))
        gradient = _through(n, signal - kick) if linear else signal - _through(n, kick)
        update = n.learning_rate * gradient
        if momentum:
            update = change = n.momentum * change + update
        return Student(w + update, change)

    def observe(n: Numbers, state: Student) -> dict[str, np.ndarray]:
        weights = np.asarray(state.weights)
        kept = {"eigenvalues": squared_singular_values(weights)}
        return {**kept, "weights": weights} if keep_weights else kept

    return Dynamics(init, draw, step, observe)


def _through(n: Numbers, a: Float[Array, "hidden m run"]) -> Float[Array, "hidden m run"]:
    """ZᵀZ A."""
    return jnp.einsum("ij,jkr->ikr", n.curvature, a)
