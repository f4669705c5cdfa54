"""Whether this process was forked after JAX had been used, in which computing would wait for ever for JAX's threads.

Imported with either package, and without JAX: it has to be there before a fork to see it.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

__all__ = ["refuse_forked"]

FORKED = (
    "this process was forked after JAX had been used in its parent, where computing may never return; start processes "
    "by multiprocessing's 'spawn' or 'forkserver'"
)
TASKS = Path("/proc/self/task")
"""Threads of this process, by the system's numbers, where it lists them."""


def _jax_was_used() -> bool:
    """Whether JAX runs its threads in this process, or ran them in the one that it was forked from."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    # whoever used it: these packages, or the program around them; a JAX that does not say counts as used
    return bridge is not None and getattr(bridge, "backends_are_initialized", lambda: True)()


def _threads_are_missing() -> bool:
    """Whether all threads of this process are Python's own, where the system lists them: JAX's were not forked."""
    try:
        there = {int(task.name) for task in TASKS.iterdir()}
    except OSError:
        return False
    # a fork may leave the main thread its number from before
    return there <= {os.getpid(), threading.get_native_id(), *(thread.native_id for thread in threading.enumerate())}


class _Forked:
    """Whether this process was forked after JAX had been used."""

    # a fork before this module was imported is seen by what it lacks
    seen = _jax_was_used() and _threads_are_missing()

    @classmethod
    def note(cls) -> None:
        cls.seen = cls.seen or _jax_was_used()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forked.note)


def refuse_forked() -> None:
    """Refuse to compute in a process that would hang.

    :raises RuntimeError: in a child forked after JAX was used, by whatever code.
    """
    if _Forked.seen:
        raise RuntimeError(FORKED)
