"""Axes to draw on: those that are given, checked, or new ones outside pyplot, which keeps and shows what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator

from coulombfit.plots.kit.names import with_every_name

__all__ = [
    "LETTERING",
    "Panels",
    "given_axes",
    "grid",
    "label_decades",
    "left_labels",
    "legend_on_top",
    "new_figure",
    "one_axes",
    "own_lettering",
]

Panels = np.ndarray[Any, np.dtype[np.object_]]
"""Axes, shape (panel,)."""

LETTERING = {"text.usetex": False, "text.parse_math": True}
"""What labels rely on, whatever the style: they are matplotlib's own mathematics, and LaTeX may not be there."""
ROW = 0.1
"""Height of a line of a legend in a figure of a column's width, in units of that of the axes."""
PANEL = 0.6
"""Size of one of several panels, in units of the figure size of the style."""
TALL = 1.3
"""How much higher panels are where there are many beside each other, which labels make narrow."""


P = ParamSpec("P")
R = TypeVar("R")


def own_lettering(function: Callable[P, R]) -> Callable[P, R]:
    """A figure's function, its labels written by matplotlib itself; all else is the style in use."""

    @wraps(function)
    def draw(*arguments: P.args, **named: P.kwargs) -> R:
        with mpl.rc_context(LETTERING):
            return function(*arguments, **named)

    return draw


def one_axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure of the style's size.

    :raises ValueError: for anything but axes.
    """
    if ax is None:
        return new_figure(1, 1, 1.0).subplots()
    if not isinstance(ax, Axes):
        raise ValueError(f"ax: expected one matplotlib Axes or None, got {type(ax).__name__}")
    return ax


def given_axes(axes: Iterable[Axes] | None, panels: Sequence[str]) -> Panels | None:
    """The axes given, as an array, or None.

    :param panels: what is drawn, one entry an axes.
    :raises ValueError: for anything but so many axes.
    """
    if axes is None:
        return None
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) != len(panels) or not all(isinstance(ax, Axes) for ax in given):
        names = ", ".join(panels)
        strange = {type(ax).__name__ for ax in given if not isinstance(ax, Axes)}
        got = f"{len(given)}" + (f", {', '.join(sorted(strange))} among them" if strange else "")
        raise ValueError(f"axes: expected {len(panels)} matplotlib Axes, for {names}; got {got}")
    return _array(given)


def grid(axes: Iterable[Axes] | None, panels: Sequence[str], columns: int, **sharing: Any) -> Panels:
    """The axes given, or those of a new figure with so many columns, row by row.

    :param sharing: sharex and sharey of new axes.
    :raises ValueError: for anything but an axes a panel.
    """
    given = given_axes(axes, panels)
    if given is not None:
        return given
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    made = (
        new_figure(rows, columns, tall=TALL if columns > 2 else 1.0)
        .subplots(rows, columns, squeeze=False, **sharing)
        .ravel()
    )
    for unused in made[len(panels) :]:
        unused.remove()
    return _array(list(made[: len(panels)]))


def new_figure(rows: int, columns: int, panel: float = PANEL, *, tall: float = 1.0) -> Figure:
    """An empty figure with room for so many panels, in units of the style's figure size.

    :param tall: what the height of a panel is multiplied with.
    """
    width, height = mpl.rcParams["figure.figsize"]
    return Figure(figsize=(panel * width * columns, tall * panel * height * rows), layout="constrained")


def legend_on_top(ax: Axes, columns: int = 2) -> None:
    """A legend inside the axes, with room above what is drawn."""
    rows = -(-len(ax.get_legend_handles_labels()[1]) // columns)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (high - low) * ROW * rows)
    with_every_name(ax.legend(frameon=False, fontsize="small", ncols=columns, loc="upper center"))


def left_labels(panels: Panels) -> Panels:
    """The same panels of one grid, the vertical axis labelled on the left only."""
    for ax in panels:
        place = ax.get_subplotspec()
        if place is not None and not place.is_first_col():
            ax.set_ylabel("")
    return panels


def label_decades(axis: Axis) -> None:
    """Numbers on a logarithmic axis that never overlap: powers of ten, and between them two, or one over more than a
    decade."""
    low, high = sorted(axis.axes.get_xlim() if axis is axis.axes.xaxis else axis.axes.get_ylim())
    axis.set_minor_locator(LogLocator(subs=[2.0, 5.0] if high < 10.0 * low else [3.0]))
    axis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2.0, 2.0)))


def _array(axes: Sequence[Axes]) -> Panels:
    found = np.empty(len(axes), dtype=object)
    found[:] = axes
    return found
