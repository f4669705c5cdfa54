"""The protocol of results: what every fit and every check has."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Result", "Text"]


class Text(str):
    """Text that a prompt or notebook shows as it prints."""

    def __repr__(self) -> str:
        return str(self)


@runtime_checkable
class Result(Protocol):
    """The result of a fit or a check, whichever: draws, numbers, one sentence, and whether to use them.

    ``tree`` has what was drawn or compared, ``table`` the numbers (of a fit, a method: ``table(interval)``).
    """

    @property
    def tree(self) -> Any:
        """An xarray DataTree."""

    @property
    def table(self) -> Any:
        """A pandas DataFrame."""

    @property
    def verdict(self) -> str:
        """One sentence that leads with the answer."""

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: sampling has converged, weights are reliable. Not whether they please."""

    def summary(self) -> Text:
        """The table and the verdict as text."""
