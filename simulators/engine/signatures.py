"""Functions that take the arguments of a class, without declaring and documenting them again.

Such a function is written ``def f(**setting: Unpack[Arguments])``, where the TypedDict ``Arguments`` says which ones,
for type checkers. What they default to and what they mean is taken from where they are declared: the class.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

__all__ = ["split_arguments", "with_arguments"]

F = TypeVar("F", bound=Callable[..., Any])

PARAMETER = re.compile(r"^:param (\w+): .*(?:\n[ ]+.*)*", re.MULTILINE)
LATER_FIELD = re.compile(r"^:(?:return|raises|warns)\b", re.MULTILINE)


def with_arguments(arguments: Any, *declared: Callable[..., Any]) -> Callable[[F], F]:
    """Give a function of ``**arguments`` their signature and documentation, and Python's own errors for others.

    :param arguments: a TypedDict; an argument that it requires has no default, whatever the class says.
    :param declared: classes and functions that declare the arguments, with ``:param name:`` in their docstrings.
    """

    def decorate(function: F) -> F:
        signature = _signature(function, arguments, declared)
        places = sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in signature.parameters.values())

        @wraps(function)
        def checked(*positional: Any, **named: Any) -> Any:
            # with too many positional ones the call fails by itself
            if len(positional) <= places:
                _refuse_others(function.__qualname__, signature, named)
            return function(*positional, **named)

        checked.__signature__ = signature  # type: ignore[attr-defined]
        checked.__doc__ = _documentation(function, signature, declared)
        return checked  # type: ignore[return-value]

    return decorate


def split_arguments(arguments: Mapping[str, Any], setting: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments that are fields of a dataclass, and the others."""
    names = {field.name for field in dataclasses.fields(setting)}
    own = {name: value for name, value in arguments.items() if name in names}
    return own, {name: value for name, value in arguments.items() if name not in names}


def _signature(
    function: Callable[..., Any], arguments: Any, declared: tuple[Callable[..., Any], ...]
) -> inspect.Signature:
    """The function's own parameters, and in place of ``**arguments`` those of the TypedDict as they are declared."""
    written = inspect.signature(function)
    own = [each for each in written.parameters.values() if each.kind is not each.VAR_KEYWORD]
    wanted = set(arguments.__annotations__) - set(written.parameters)
    taken: dict[str, inspect.Parameter] = {}
    for where in declared:
        for name, parameter in inspect.signature(where).parameters.items():
            if name in wanted and name not in taken:
                required = name in arguments.__required_keys__
                taken[name] = parameter.replace(default=parameter.empty) if required else parameter
    if wanted - set(taken):
        raise TypeError(f"{function.__qualname__}: nothing declares {', '.join(sorted(wanted - set(taken)))}")
    return written.replace(parameters=[*own, *taken.values()])


def _refuse_others(name: str, signature: inspect.Signature, named: Mapping[str, Any]) -> None:
    """Python's errors for keywords that a function does not have, and for those it lacks."""
    for each in named:
        if each not in signature.parameters:
            raise TypeError(f"{name}() got an unexpected keyword argument {each!r}")
    keywords = [each for each in signature.parameters.values() if each.kind is each.KEYWORD_ONLY]
    lost = [repr(each.name) for each in keywords if each.default is each.empty and each.name not in named]
    if lost:
        *first, last = lost
        listed = f"{', '.join(first)}{',' if len(first) > 1 else ''} and {last}" if first else last
        plural = "s" if first else ""
        raise TypeError(f"{name}() missing {len(lost)} required keyword-only argument{plural}: {listed}")


def _documentation(
    function: Callable[..., Any], signature: inspect.Signature, declared: tuple[Callable[..., Any], ...]
) -> str | None:
    """The function's docstring with a line for each parameter; None where Python leaves docstrings out."""
    text = inspect.getdoc(function)
    if text is None:
        return None
    described = {found[1]: found[0] for where in reversed(declared) for found in PARAMETER.finditer(_doc(where))}
    described |= {found[1]: found[0] for found in PARAMETER.finditer(text)}
    fields = [described[name] for name in signature.parameters if name in described]
    text = PARAMETER.sub("", text)
    later = LATER_FIELD.search(text)
    at = later.start() if later else len(text)
    return "\n".join([text[:at].rstrip(), "", *fields, text[at:].lstrip()]).rstrip()


def _doc(where: Callable[..., Any]) -> str:
    return inspect.getdoc(where) or ""
