"""Double precision, whatever the caller has set in JAX; JAX's switches are set by ``simulators.engine.isolation``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simulators.engine.forks import refuse_forked
from simulators.engine.isolation import isolated

__all__ = ["double_precision", "isolated", "refuse_forked"]


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64, isolated, inside a ``with`` block, or inside a function decorated with it."""
    with isolated(True):
        yield
