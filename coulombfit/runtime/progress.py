"""Spinners and progress bars on stderr; silent where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, track

__all__ = ["steps", "tracked", "working"]

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


@contextmanager
def steps(total: int, *, show: bool | None = None) -> Iterator[Callable[[str], None]]:
    """Show one bar on stderr over ``total`` steps; what is yielded is called with what the next step is.

    By default only where stderr is a terminal; the bar is gone in the end.
    """
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not (console.is_terminal if show is None else show)
    ) as progress:
        task = progress.add_task("", total=total)
        begun = 0

        def begin(what: str) -> None:
            nonlocal begun
            progress.update(task, description=what, completed=begun)
            begun += 1

        yield begin
