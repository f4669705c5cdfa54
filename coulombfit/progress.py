"""Saying what is going on while a person waits; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["working"]


@contextmanager
def working(what: str, *, show: bool | None = None) -> Iterator[None]:
    """Show a spinner with ``what`` on stderr; by default only where stderr is a terminal."""
    console = Console(stderr=True)
    if console.is_terminal if show is None else show:
        with console.status(f"{what} …"):
            yield
    else:
        yield
