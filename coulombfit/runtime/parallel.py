"""Compiled work on all cores at once: JAX runs a small program on one core, and leaves Python's lock while it does.

Programs that run side by side hold no LAPACK call, nor another that waits for the threads of XLA: two of them may wait
for each other for ever. ``tests/runtime/test_parallel.py`` looks at every program that comes here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax

from coulombfit.runtime.precision import isolated

__all__ = ["CORES", "Call", "calls_seen", "side_by_side"]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Call(NamedTuple):
    """A program, compiled by JAX or in NumPy, and what it is called with."""

    program: Callable[..., Any]
    arguments: tuple[Any, ...]


_watching: list[list[Call]] = []


@contextmanager
def calls_seen() -> Iterator[list[Call]]:
    """Every call that is made in the block: for those who want to look at the programs."""
    seen: list[Call] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


def side_by_side(calls: Iterable[Call]) -> list[Any]:
    """Results of all calls, in their order; they are waited for. Precision is that of the caller."""
    double = bool(jax.config.read("jax_enable_x64"))

    def work(call: Call) -> Any:
        # switches belong to a thread
        with isolated(double):
            return jax.block_until_ready(call.program(*call.arguments))

    several = list(calls)
    for seen in _watching:
        seen.extend(several)
    if len(several) <= 1 or CORES == 1:
        return [work(call) for call in several]
    with ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(work, several))
