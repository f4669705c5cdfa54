"""Docstrings, which are written in reStructuredText, as the Markdown that the reference is made of.

Roles such as ``:func:`name``` become links where the reference has the name, formulas become MathML, which browsers
draw without a script, and ``:warns X:``, which the parser of fields does not know, becomes a sentence.
"""

from __future__ import annotations

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
        _rewrite(pkg, [])


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
