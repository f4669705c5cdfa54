"""One palette for every figure: a colour and a line style for each model, a scale of levels, greys of the style in use.

Models bring their colours, those here are of Okabe and Ito, which the colour-blind tell apart. Levels, which are no
models, have a scale of their own. Data and reference lines are greys between text and background, so that dark styles
work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba

from coulombfit.inference.fit_result import Fit
from coulombfit.models import MODELS, Model

__all__ = ["Style", "grey", "level_style", "model_style", "styles", "text_colour", "zorder_of"]

Style = dict[str, Any]
"""Keyword arguments of matplotlib."""

# Broken lines lie above full ones, so that curves that coincide are all seen.
LINES = ("-", "-.", "--", ":")
SHADES = (("black", 0.0), ("black", 0.45), ("white", 0.45))
"""What the colours of the first, second and third fit of one model are mixed with, and how much."""
MARKERS = ("o", "s", "^", "D", "v", "P")
LEVEL_RANGES = ((0.1, 0.8), (0.4, 1.0))
"""The parts of viridis that are seen on a bright and on a dark background."""


def styles(fits: Mapping[str, Fit]) -> dict[str, Style]:
    """Colour and line style of every fit by name: those of its model, darker and lighter where a model comes again.

    :param fits: by the name to show.
    """
    seen: Counter[str] = Counter()
    found = {}
    for name, fit in fits.items():
        model = fit.model
        found[name] = model_style(model, seen[model.name])
        seen[model.name] += 1
    return found


def model_style(model: str | Model, again: int = 0) -> Style:
    """Colour and line style of a model; one that has none, or is not known, is drawn like text.

    :param model: a model, or the name of one.
    :param again: how many fits of the same model come before.
    """
    found = MODELS.get(model) if isinstance(model, str) else model
    colour, line = (found.colour or text_colour(), found.line) if found is not None else (text_colour(), "-")
    with_what, share = SHADES[again % len(SHADES)]
    shifted = LINES[(LINES.index(line) + again) % len(LINES)]
    return {"color": _mix(colour, with_what, share), "linestyle": shifted}


def level_style(k: int, count: int) -> Style:
    """Colour and marker of the k-th level of so many, from the top.

    :param k: which, from 0.
    :param count: how many there are.
    """
    red, green, blue = to_rgb(mpl.rcParams["axes.facecolor"])
    low, high = LEVEL_RANGES[0.3 * red + 0.6 * green + 0.1 * blue < 0.5]
    at = low + (high - low) * (k / (count - 1) if count > 1 else 0.25)
    return {"color": to_hex(mpl.colormaps["viridis"](at)), "marker": MARKERS[k % len(MARKERS)]}


def zorder_of(style: Style) -> float:
    """The zorder of a line: the more broken, the higher."""
    return 2 + 0.1 * LINES.index(style["linestyle"])


def text_colour() -> str:
    """The colour of text."""
    return to_hex(mpl.rcParams["text.color"])


def grey(ax: Axes, share: float) -> str:
    """The background of the axes with so much of the colour of text in it."""
    face = to_rgba(ax.get_facecolor())
    behind = face if face[3] > 0 else to_rgba(mpl.rcParams["figure.facecolor"])
    return _mix(to_hex(behind), text_colour(), share)


def _mix(one: str, other: str, share: float) -> str:
    (r, g, b), (red, green, blue) = to_rgb(one), to_rgb(other)
    rest = 1 - share
    return to_hex((rest * r + share * red, rest * g + share * green, rest * b + share * blue))
