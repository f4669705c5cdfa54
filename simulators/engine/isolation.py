"""What computing needs of JAX, whatever the caller has set: one precision, no strict switch, and threads that exist.

JAX's switches belong to a thread while a context holds them, so that a pool of threads enters :func:`isolated` in each
of its threads. Contexts may stand within each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import jax
import numpy as np

from simulators.engine.forks import refuse_forked

__all__ = ["isolated"]


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
