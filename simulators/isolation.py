"""What computing needs of JAX, whatever the caller has set: one precision, no strict switch, and threads that exist.

JAX's switches belong to a thread while a context holds them, so that a pool of threads enters :func:`isolated` in each
of its threads. Contexts may stand within each other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jax
import numpy as np

__all__ = ["isolated", "refuse_forked"]

FORKED = (
    "this process was forked after JAX had been used in its parent, where computing may never return; start processes "
    "by multiprocessing's 'spawn' or 'forkserver'"
)


def _jax_was_used() -> bool:
    """Whether JAX runs its threads in this process, or ran them in the one that it was forked from."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    # whoever used it: these packages, or the program around them; a JAX that does not say counts as used
    return bridge is not None and getattr(bridge, "backends_are_initialized", lambda: True)()


def _threads_are_missing() -> bool:
    """Whether all threads of this process are Python's own, where the system lists them: JAX's were not forked."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) <= threading.active_count()
    except OSError:
        return False


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


@contextmanager
def isolated(double: bool = True) -> Iterator[None]:
    """Compute with JAX's own defaults, in float64 or float32, inside a ``with`` block or a decorated function.

    The strict switches that help to find faults in one's own code (ranks and types that may not be promoted, transfers
    that are forbidden, NaN that raise, functions that are not compiled) and the choice of random numbers are those of
    the caller again behind it; so are NumPy's floating-point errors.

    :raises RuntimeError: in a child forked after JAX was used.
    """
    refuse_forked()
    with ExitStack() as stack:
        for switch in (
            jax.enable_x64(double),
            jax.numpy_rank_promotion("allow"),
            jax.numpy_dtype_promotion("standard"),
            jax.transfer_guard("allow"),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.debug_key_reuse(False),
            jax.check_tracer_leaks(False),
            jax.enable_checks(False),
            jax.disable_jit(False),
            jax.default_matmul_precision(None),
            jax.default_prng_impl("threefry2x32"),
            jax.threefry_partitionable(True),
            jax.legacy_prng_key("allow"),
            np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        ):
            stack.enter_context(switch)
        yield
