"""The two exceptions that users meet: for wrong arguments, and for data that cannot be analysed."""

__all__ = ["ArgumentError", "DataError"]


class ArgumentError(ValueError):
    """An argument that makes no sense; the message names it, what was expected and what came."""


class DataError(ValueError):
    """Data that cannot be analysed; the message names the argument, what was expected and what came."""
