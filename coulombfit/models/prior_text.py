"""Priors and known values as text: ``sigma ~ LogNormal(-3, 1)`` and ``centre=4.0``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpyro.distributions as dist

from coulombfit.runtime.errors import ArgumentError

__all__ = ["fixed_from_text", "prior_from_text", "priors_from_text"]


def priors_from_text(texts: Iterable[str]) -> dict[str, dist.Distribution]:
    """Laws by the parameter, of texts as ``sigma ~ LogNormal(-3, 1)``.

    :raises ArgumentError: for text of another form, and for one parameter twice.
    """
    example = "prior: expected a parameter and its law, as 'sigma ~ LogNormal(-3, 1)'"
    return {name: prior_from_text(law) for name, law in _split(texts, "~", example, "prior: expected one law").items()}


def fixed_from_text(texts: Iterable[str]) -> dict[str, Any]:
    """Values by the parameter, of texts as ``centre=4.0``, or ``centre=[4, 2]`` of a gas.

    :raises ArgumentError: for text of another form, and for one parameter twice.
    """
    example = "fix: expected a parameter and its value, as 'centre=4.0'"
    found = {}
    for name, value in _split(texts, "=", example, "fix: expected one value").items():
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ArgumentError(f"fix: expected a number for {name}, got {value!r}") from None
    return found


def _split(texts: Iterable[str], sign: str, example: str, once: str) -> dict[str, str]:
    """What stands behind the sign, by the parameter before it."""
    found: dict[str, str] = {}
    for text in texts:
        name, between, value = (part.strip() for part in text.partition(sign))
        if not name or not between:
            raise ArgumentError(f"{example}, got {text!r}")
        if name in found:
            raise ArgumentError(f"{once} of {name}, got two")
        found[name] = value
    return found


def prior_from_text(text: str) -> dist.Distribution:
    """A law of NumPyro from its name and numbers, as ``LogNormal(-3, 1)`` or ``Uniform(low=3, high=5)``.

    :raises ArgumentError: for anything else.
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        numbers = [_number(argument) for argument in call.args]
        named = {str(keyword.arg): _number(keyword.value) for keyword in call.keywords}
    except (ValueError, SyntaxError, TypeError):
        raise ArgumentError(f"prior: expected a law with its numbers, as LogNormal(-3, 1), got {text!r}") from None
    law = getattr(dist, call.func.id, None)
    # TruncatedNormal is a function
    if law is None or call.func.id not in dist.__all__ or not call.func.id[0].isupper():
        raise ArgumentError(f"prior: expected the name of a law of numpyro.distributions, got {call.func.id!r}")
    made: Callable[..., dist.Distribution] = law
    try:
        return made(*numbers, **named, validate_args=True)
    except Exception as error:  # whatever NumPyro's laws say of numbers that make no sense
        raise ArgumentError(f"prior: {text} is no law: {str(error) or type(error).__name__}") from None


def _number(node: ast.expr) -> Any:
    value = np.asarray(ast.literal_eval(node), float)
    if value.ndim > 1:
        raise ValueError
    return value[()]
