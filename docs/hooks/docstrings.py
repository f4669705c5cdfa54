"""Docstrings, which are written in reStructuredText, as the Markdown that the reference is made of.

Roles such as ``:func:`name``` become links where the reference has the name, formulas become MathML, which browsers
draw without a script, and ``:warns X:``, which the parser of fields does not know, becomes a sentence.

Functions of ``**setting: Unpack[Arguments]`` are shown as they say of themselves when they are imported, with every
argument.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

import griffe
from latex2mathml.converter import convert

__all__ = ["Markdown", "to_markdown"]

ROLE = re.compile(r":(?:func|class|meth|attr|data|mod|exc):`([^`]+)`")
FORMULA = re.compile(r"^\.\. math::(?P<first>.*)\n?(?P<rest>(?:[ ]+.*\n|\n(?=[ ]))*(?:[ ]+.*)?)", re.MULTILINE)
WARNS = re.compile(r"^:warns (?P<kind>\w+): (?P<text>.*(?:\n[ ]+.*)*)\n?", re.MULTILINE)
FIELD = re.compile(r"^:\w+", re.MULTILINE)


def to_markdown(text: str, path_of: Callable[[str], str] = str) -> str:
    """A docstring as Markdown, its fields as they are.

    :param path_of: the full path of what a docstring calls by a shorter name.
    """
    warnings = [f"Warns ({found['kind']}) {' '.join(found['text'].split())}" for found in WARNS.finditer(text)]
    text = WARNS.sub("", text).rstrip()
    if warnings:
        fields = FIELD.search(text)
        at = fields.start() if fields else len(text)
        text = "\n\n".join([text[:at].rstrip(), *warnings, text[at:]])
    text = FORMULA.sub(_formula, text)
    return ROLE.sub(lambda role: _link(role[1], path_of), text.replace("\\|", "|"))


def _formula(found: re.Match[str]) -> str:
    latex = " ".join(f"{found['first'].strip()}\n{textwrap.dedent(found['rest'])}".split())
    # one line of HTML: Markdown leaves it alone
    return f'\n<div class="formula">{convert(latex, display="block")}</div>\n\n'


def _link(name: str, path_of: Callable[[str], str]) -> str:
    # optional: names that the reference does not have stay names
    return f'<autoref identifier="{path_of(name)}" optional><code>{name}</code></autoref>'


class Markdown(griffe.Extension):
    """Rewrite every docstring of a package once, when all of it is known."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Rewrite the docstrings of ``pkg``."""
        _expand(pkg)
        _rewrite(pkg, [])


def _expand(obj: griffe.Object) -> None:
    """Put the arguments of a TypedDict, and what is said of them, in its place, here and in all members."""
    if isinstance(obj, griffe.Function) and any(str(each.annotation).startswith("Unpack[") for each in obj.parameters):
        module = importlib.import_module(obj.module.path)
        real = functools.reduce(getattr, obj.path.removeprefix(f"{obj.module.path}.").split("."), module)
        assert callable(real)
        shown = inspect.signature(real).parameters.values()
        obj.parameters = griffe.Parameters(*(_shown(each, obj.parameters) for each in shown))
        obj.docstring = griffe.Docstring(inspect.getdoc(real) or "", parent=obj, parser="sphinx")
    for member in obj.members.values():
        if not member.is_alias:
            _expand(member)


def _shown(parameter: inspect.Parameter, written: griffe.Parameters) -> griffe.Parameter:
    if parameter.name in written:
        return written[parameter.name]
    default = None if parameter.default is parameter.empty else repr(parameter.default)
    kind = griffe.ParameterKind[parameter.kind.name.lower()]
    return griffe.Parameter(parameter.name, annotation=parameter.annotation, kind=kind, default=default)


def _rewrite(obj: griffe.Object, around: list[griffe.Object]) -> None:
    inside = [obj, *around]

    def path_of(name: str) -> str:
        scope = next((each for each in inside if name in each.members), None)
        return name if scope is None else f"{scope.path}.{name}"

    if obj.docstring is not None:
        obj.docstring.value = to_markdown(obj.docstring.value, path_of)
    for member in obj.members.values():
        if not member.is_alias:
            _rewrite(member, inside)
