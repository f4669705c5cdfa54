"""The one driver of all simulators: an ensemble of runs through (init, draw, step), observed every few steps.

Ensembles of small matrices are a problem of memory layout, not of linear algebra. Every array has the run in its last
axis, so that one instruction serves many runs, and a chunk of them fits the cache of one core; chunks go to all cores,
or side by side to an accelerator. Random numbers of several steps are drawn at once, ahead of the steps.

The root of all keys is the setting's, see :mod:`simulators.engine.streams`. Chunk c has the key ``fold_in(root, c)``,
its start the key ``fold_in(that, 0)`` and its step t = 1, 2, … the key ``fold_in(that, t)``. Chunks are computed whole,
so a run is the same in whatever ensemble. What all runs of a setting share has the key ``fold_in(root, COMMON)``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key
from rich.console import Console
from rich.progress import Progress

from simulators.engine.checkpoint import Checkpoint, open_checkpoint
from simulators.engine.isolation import isolated
from simulators.engine.schedule import Schedule
from simulators.engine.streams import key_for

__all__ = ["Dynamics", "ensemble"]

State = Any
"""A NamedTuple of arrays, the run in the last axis of each, but for perceptrons, which are large enough for products
of matrices; what is observed has it there always."""
Numbers = Any
"""A NamedTuple of NumPy arrays and floats, those of the setting that are not shapes."""

LANES = 128
"""Runs in a chunk, fewer where matrices are so large that they would not fit a core's cache."""
CACHE = 2**20  # bytes
BLOCK = 5
"""Steps whose random numbers are drawn together. XLA fuses a draw into the step that uses it, and draws it many times
over, unless a buffer lies between; longer blocks leave the cache."""
CALL = 1000
"""Most steps of one call; fewer where they take longer than a second, so that interruptions and progress are seen."""
SIDE_BY_SIDE = 64
"""Chunks an accelerator takes at once."""
STREAMS = 2
"""Counts up where other random numbers than before come of a setting: unfinished work with those cannot go on."""
COMMON = 2**32 - 1
"""In place of a chunk's number, in the key that all runs share."""


class Dynamics(NamedTuple):
    """What the driver needs of a simulator; ``lanes`` is the number of runs, in the last axis of every array.

    The setting's numbers come in as arguments, so that settings that differ in numbers alone share one compilation.
    """

    init: Callable[[Numbers, Key[Array, ""], int], State]
    """State before the first step, from the setting, a key and lanes."""
    draw: Callable[[Numbers, Key[Array, ""], Key[Array, ""], int], Any]
    """The random numbers of one step, from the setting, a key of this chunk, one that all runs share, and lanes."""
    step: Callable[[Numbers, State, Any], State]
    """One update with given random numbers."""
    observe: Callable[[Numbers, State], Mapping[str, np.ndarray]]
    """What to keep of states of chunks side by side, (chunk, …, run), by NumPy. NaN marks a run that has left the
    model's domain."""
    most: int = LANES
    """Runs in a chunk at most."""


def ensemble(
    dynamics: Dynamics, numbers: Numbers, schedule: Schedule, setting: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], Int[np.ndarray, " snapshot"]]:
    """Evolve independent runs on all cores, or all local accelerators.

    :param dynamics: init, draw, step and observe.
    :param numbers: the setting's numbers, in the schedule's precision.
    :param schedule: how many runs, how many steps, which snapshots; where unfinished work is kept. The same call after
        an interruption goes on from there, to the same bits; the folder is removed at the end.
    :param setting: the simulator's own arguments: streams of random numbers are theirs, and that folder must have been
        made with them.
    :return: observations (run, snapshot, …) by name, and the steps they belong to.
    :raises ValueError: for a folder of another setting, or one in use.
    :raises RuntimeError: in a process forked after JAX was used.
    """
    runs, steps = schedule.runs, schedule.steps
    kept = np.array([steps]) if schedule.save_every is None else np.arange(0, steps + 1, schedule.save_every)
    with isolated(schedule.dtype == "float64"):
        devices = jax.local_devices()
        if devices[0].platform == "cpu":
            devices = devices[:1]  # its threads serve all cores; virtual ones would only compile again
        workers = _cores() if devices[0].platform == "cpu" else len(devices)
        lanes = _lanes(dynamics, numbers)
        root = key_for(schedule.seed, setting)
    width = _width(runs, lanes, devices)
    groups = range(-(-runs // (lanes * width)))
    _compiled(dynamics, lanes)  # before threads ask for it side by side
    stop = threading.Event()
    whole = {**setting, **schedule.record(), "chunk": lanes * width, "streams": STREAMS}
    watched = Console(stderr=True).is_terminal if schedule.progress is None else schedule.progress
    with (
        open_checkpoint(schedule.checkpoint, whole) as store,
        Progress(console=Console(stderr=True), disable=not watched) as bar,
        ThreadPoolExecutor(min(workers, len(groups))) as pool,
    ):
        task = bar.add_task(f"{runs} runs of {steps} steps", total=steps * len(groups))
        advanced = partial(bar.advance, task)
        work = partial(_group, dynamics, numbers, root, kept, schedule, lanes, width, store, stop, advanced)
        futures = [pool.submit(work, group, devices[group % len(devices)]) for group in groups]
        try:
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
            parts = [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        if store is not None:
            store.remove()
    return {name: np.concatenate([part[name] for part in parts])[:runs] for name in parts[0]}, kept


def _group(
    dynamics: Dynamics,
    numbers: Numbers,
    root: Key[Array, ""],
    kept: np.ndarray,
    schedule: Schedule,
    lanes: int,
    width: int,
    store: Checkpoint | None,
    stop: threading.Event,
    advanced: Callable[[int], None],
    group: int,
    device: jax.Device,
) -> dict[str, np.ndarray]:
    """Observations of the runs of one group of chunks, (run, snapshot, …)."""
    # switches belong to a thread
    with isolated(schedule.dtype == "float64"), jax.default_device(device):
        common = jax.random.fold_in(root, COMMON)
        keys = jax.vmap(partial(jax.random.fold_in, root))(group * width + jnp.arange(width))
        start, advance = _compiled(dynamics, lanes)
        state = start(numbers, keys)
        seen: list[dict[str, np.ndarray]] = []
        t, pace = 0, CALL
        saved = None if store is None else store.load(group, state, dynamics.observe(numbers, state), kept)
        if saved is not None:
            state, seen, t = saved
            advanced(t)
        for snapshot in kept[len(seen) :].tolist():
            while t < snapshot:
                if stop.is_set():
                    if store is not None:
                        store.save(group, state, seen, t, now=True)
                    raise InterruptedError
                count = min(pace, snapshot - t)
                block = BLOCK if count >= BLOCK else 1
                count -= count % block
                begin = time.monotonic()
                state = jax.block_until_ready(advance(numbers, keys, common, state, t + 1, count // block, block))
                # whole blocks, so that bits do not depend on the clock
                pace = min(CALL, max(BLOCK, int(count / max(time.monotonic() - begin, 1e-3)) // BLOCK * BLOCK))
                t += count
                advanced(count)
                if store is not None:
                    store.save(group, state, seen, t)
            seen.append(dict(dynamics.observe(numbers, state)))
        if store is not None:
            store.save(group, state, seen, t, now=True)
    # (chunk, …, lane) of every snapshot to (run, snapshot, …)
    return {
        name: np.concatenate(np.moveaxis(np.stack([one[name] for one in seen]), (1, -1), (0, 1))) for name in seen[0]
    }


@lru_cache(maxsize=64)
def _compiled(dynamics: Dynamics, lanes: int) -> tuple[Callable, Callable]:
    """Start and advance chunks side by side; cached, because JAX compiles every new function anew.

    They run in threads, and hold no LAPACK call, in which two programs may wait for each other for ever.
    """

    def start(numbers: Numbers, key: Key[Array, ""]) -> State:
        return dynamics.init(numbers, jax.random.fold_in(key, 0), lanes)

    def advance(
        numbers: Numbers,
        key: Key[Array, ""],
        common: Key[Array, ""],
        state: State,
        first: Array,
        blocks: Array,
        block: int,
    ) -> State:
        def draw(t: Array) -> Any:
            return dynamics.draw(numbers, jax.random.fold_in(key, t), jax.random.fold_in(common, t), lanes)

        def one_step(state: State, drawn: Any) -> tuple[State, None]:
            return dynamics.step(numbers, state, drawn), None

        def one_block(i: Array, current: State) -> State:
            drawn = jax.vmap(draw)(first + i * block + jnp.arange(block))
            return jax.lax.scan(one_step, current, drawn, block)[0]

        return jax.lax.fori_loop(0, blocks, one_block, state)

    def advance_chunks(
        numbers: Numbers,
        keys: Array,
        common: Array,
        states: State,
        first: Array,
        blocks: Array,
        block: int,
    ) -> State:
        return jax.vmap(lambda key, state: advance(numbers, key, common, state, first, blocks, block))(keys, states)

    one_setting = (None, 0)
    return jax.jit(jax.vmap(start, one_setting)), jax.jit(advance_chunks, static_argnums=6)


def _width(runs: int, lanes: int, devices: list[jax.Device]) -> int:
    """Chunks computed side by side: one a core, many on an accelerator."""
    return 1 if devices[0].platform == "cpu" else min(SIDE_BY_SIDE, -(-runs // (lanes * len(devices))))


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lanes(dynamics: Dynamics, numbers: Numbers) -> int:
    """Runs in a chunk: as many as fit the cache, no more than LANES, a power of two."""
    key = jax.random.key(0)
    one = jax.eval_shape(lambda n: (dynamics.init(n, key, 1), dynamics.draw(n, key, key, 1)), numbers)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one))
    lanes = dynamics.most
    while lanes > 1 and lanes * size > CACHE:
        lanes //= 2
    return lanes
