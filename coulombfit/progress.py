"""Saying what is going on while a person waits; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import track

__all__ = ["tracked", "working"]

Item = TypeVar("Item")


@contextmanager
def working(what: str, *, show: bool | None = None) -> Iterator[None]:
    """Show a spinner with ``what`` on stderr; by default only where stderr is a terminal."""
    console = Console(stderr=True)
    if console.is_terminal if show is None else show:
        with console.status(f"{what} …"):
            yield
    else:
        yield


def tracked(items: Iterable[Item], what: str, *, show: bool | None = None) -> Iterable[Item]:
    """Show a bar with ``what`` on stderr while iterating; by default only where stderr is a terminal."""
    console = Console(stderr=True)
    return track(items, what, console=console, disable=not (console.is_terminal if show is None else show))
