"""Names that users give, on figures: text as it is, never mathematics, and never left out."""

from __future__ import annotations

import textwrap
import unicodedata

from matplotlib.legend import Legend

__all__ = ["legible", "with_every_name"]

LONGEST = 40
"""Characters of a line; what is longer goes on in the next."""
NOTHING = "\u200b"
"""A space without width, before names that matplotlib would leave out of a legend: none, and those with a leading _."""


def legible(name: str) -> str:
    """A name as text for matplotlib: dollars are dollars, characters without a shape are seen, long lines are broken.

    :param name: whatever it is.
    """
    seen = "".join("\N{REPLACEMENT CHARACTER}" if _shapeless(one) else one for one in name)
    lines = [part for line in seen.split("\n") for part in _broken(line)]
    text = "\n".join(lines).replace("$", r"\$")
    return NOTHING + text if not text or text.startswith("_") else text


def with_every_name(legend: Legend) -> Legend:
    """The legend, its names without what has brought them in."""
    for text in legend.get_texts():
        text.set_text(text.get_text().removeprefix(NOTHING))
    return legend


def _shapeless(character: str) -> bool:
    return character != "\n" and unicodedata.category(character) in ("Cc", "Cs")


def _broken(line: str) -> list[str]:
    return textwrap.wrap(line, LONGEST, drop_whitespace=False, replace_whitespace=False, expand_tabs=False) or [""]
