"""Compiled work on all cores at once: JAX runs a small program on one core, and leaves Python's lock while it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax

from coulombfit.precision import isolated

__all__ = ["CORES", "on_all_cores"]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``function`` of each item, in their order; results are waited for. Precision is that of the caller."""
    double = bool(jax.config.read("jax_enable_x64"))

    def work(item: Item) -> Result:
        # switches belong to a thread
        with isolated(double):
            return jax.block_until_ready(function(item))

    several = list(items)
    if len(several) == 1 or CORES == 1:
        return [work(item) for item in several]
    with ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(work, several))
