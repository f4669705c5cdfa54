"""The one exception that a user's data can raise."""

__all__ = ["DataError"]


class DataError(ValueError):
    """Data that cannot be analysed; the message names the argument, what was expected and what came."""
