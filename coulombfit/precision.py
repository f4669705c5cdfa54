"""Double precision where it is needed, without switching it on for the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

__all__ = ["double_precision"]


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64 inside a ``with`` block, or inside a function decorated with it."""
    with jax.enable_x64(True):
        yield
