"""The one driver of all simulators: many runs of ``(init, step)``, observed every few steps.

Run number i has the key ``fold_in(seed, i)``, its start the key ``fold_in(that, 0)`` and its step t = 1, 2, … the key
``fold_in(that, t)``, so a run is the same whatever
ensemble, chunk or snapshot schedule it is part of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from rich.console import Console
from rich.progress import track

__all__ = ["Trajectory", "check_seed", "ensemble", "positive", "whole"]

State = TypeVar("State")

CHUNK = 1024


class Trajectory(NamedTuple):
    """Eigenvalues of an ensemble over training.

    ``eigenvalues`` (run, snapshot, level), descending along level; ``steps`` (snapshot,), the number of updates made
    before each snapshot; ``parameters``, every argument of the simulation.
    """

    eigenvalues: Float[np.ndarray, "run snapshot level"]
    steps: Int[np.ndarray, " snapshot"]
    parameters: Mapping[str, Any]


def ensemble(
    init: Callable[[Key[Array, ""]], State],
    step: Callable[[Key[Array, ""], State], State],
    observe: Callable[[State], Array],
    *,
    runs: int,
    steps: int,
    save_every: int | None,
    seed: int,
    dtype: str,
    progress: bool | None = None,
) -> tuple[np.ndarray, Int[np.ndarray, " snapshot"]]:
    """Evolve ``runs`` independent runs for ``steps`` updates.

    :param init: state of a run from its key.
    :param step: one update.
    :param observe: what to keep of a state, e.g. its eigenvalues.
    :param save_every: keep the state at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param dtype: "float32" or "float64".
    :return: observations (run, snapshot, …) and the steps they belong to.
    """
    whole(runs=runs, steps=steps)
    check_seed(seed)
    if save_every is not None:
        whole(save_every=save_every)
        if steps % save_every:
            raise ValueError(f"save_every: expected a divisor of steps = {steps}, got {save_every}")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected 'float32' or 'float64', got {dtype!r}")
    chunk = min(CHUNK, runs)
    with jax.enable_x64(dtype == "float64"):
        advance = partial(_advance, init, step, observe, steps, save_every)
        key = jax.random.key(seed)
        starts = range(0, runs, chunk)
        watched = Console(stderr=True).is_terminal if progress is None else progress
        console = Console(stderr=True)
        parts = [
            # the last chunk is computed whole and cut, which is cheaper than compiling a second shape
            np.asarray(advance(key, jnp.arange(start, start + chunk)))
            for start in track(starts, f"{runs} runs of {steps} steps", console=console, disable=not watched)
        ]
    kept = np.array([steps]) if save_every is None else np.arange(0, steps + 1, save_every)
    return np.concatenate(parts)[:runs], kept


@partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def _advance(
    init: Callable[[Key[Array, ""]], State],
    step: Callable[[Key[Array, ""], State], State],
    observe: Callable[[State], Array],
    steps: int,
    save_every: int | None,
    key: Key[Array, ""],
    runs: Int[Array, " run"],
) -> Array:
    """Observations (run, snapshot, …) of a chunk of runs."""
    keys = jax.vmap(partial(jax.random.fold_in, key))(runs)
    states = jax.vmap(lambda key: init(jax.random.fold_in(key, 0)))(keys)

    def one_step(current: State, t: Array) -> tuple[State, None]:
        return jax.vmap(lambda k, state: step(jax.random.fold_in(k, t), state))(keys, current), None

    def one_interval(current: State, first: Array) -> tuple[State, Array]:
        later, _ = jax.lax.scan(one_step, current, first + jnp.arange(interval))
        return later, jax.vmap(observe)(later)

    interval = steps if save_every is None else save_every
    _, observed = jax.lax.scan(one_interval, states, 1 + jnp.arange(0, steps, interval))
    if save_every is not None:
        observed = jnp.concatenate([jax.vmap(observe)(states)[None], observed])
    return jnp.moveaxis(observed, 0, 1)


def whole(**arguments: int) -> None:
    """Refuse anything but whole numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name}: expected a whole number above 0, got {value!r}")


def check_seed(seed: int) -> None:
    """Refuse what is no seed of a JAX key."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")


def positive(**arguments: float) -> None:
    """Refuse anything but finite numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if not np.isfinite(value) or value <= 0:
            raise ValueError(f"{name}: expected a finite number above 0, got {value!r}")
