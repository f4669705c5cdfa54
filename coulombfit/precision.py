"""What computing here needs of JAX, whatever the caller has set: double precision, and no strict switch.

JAX's switches belong to a thread while a context holds them, so that a pool of threads enters :func:`isolated` in each
of its threads. Contexts may stand within each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import jax
import numpy as np

__all__ = ["double_precision", "isolated", "refuse_forked"]

FORKED = (
    "this process was forked after JAX had been used in its parent, where computing may never return; start processes "
    "by multiprocessing's 'spawn' or 'forkserver'"
)


class _Forks:
    """Whether the process was forked from one in which JAX had been used from here."""

    watched = False
    seen = False

    @classmethod
    def watch(cls) -> None:
        if not cls.watched and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=cls._mark)
        cls.watched = True

    @classmethod
    def _mark(cls) -> None:
        cls.seen = True


def refuse_forked() -> None:
    """Refuse to compute in a process that would hang, and watch for forks from here on.

    :raises RuntimeError: in a child forked after JAX was used.
    """
    if _Forks.seen:
        raise RuntimeError(FORKED)
    _Forks.watch()


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


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64, isolated, inside a ``with`` block, or inside a function decorated with it."""
    with isolated(True):
        yield
