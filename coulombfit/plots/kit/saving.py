"""Figures for journals: at the width of a column or a page, text as text, letters of a size that can be read."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text

from coulombfit.plots.kit.axes import LETTERING
from coulombfit.runtime.atomic_files import replacing, require_writable

__all__ = ["WIDTHS", "figure_of", "require_figure", "savefig"]

WIDTHS = {"column": 3.375, "page": 7.0}
"""Inches, of the American Physical Society's journals."""
LETTERS = 8.0
"""Points of the text of a figure, where its style has more."""
COLLAPSED = "axes sizes collapsed to zero"
"""What matplotlib says where labels leave no room for panels."""
EMBEDDED = {"svg.fonttype": "none", "svg.hashsalt": "coulombfit", "pdf.fonttype": 42, "ps.fonttype": 42}
WHOLE = {"savefig.bbox": "standard"}
"""The width that was asked for, though the style would cut what is empty."""
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def savefig(
    drawn: Axes | Figure | Iterable[Axes], path: str | Path, width: str | float = "column", dpi: float = 300
) -> None:
    """Write a figure at the width of a journal's column, its proportions kept, and leave it as it was.

    Letters of more than 8 points are made smaller, all by one factor. Text stays text in vector formats, and the same
    figure gives the same bytes.

    :param drawn: axes, several axes of one figure as the functions of this package return them, or a figure.
    :param path: the ending says which format: png, pdf, svg or another of matplotlib's; none is png.
    :param width: "column" (3.375 in), "page" (7 in), or inches.
    :param dpi: of pixels in png, and in what a vector format holds as pixels.
    :raises ValueError: for axes of several figures, another width, one too narrow for the panels, an unknown ending, or
        a resolution of 0 or less.
    :raises OSError: where the file cannot be written.
    """
    figure = figure_of(drawn)
    inches = _inches(width)
    ending = require_figure(path)
    if isinstance(dpi, bool) or not isinstance(dpi, int | float | np.number) or not 0 < dpi < np.inf:
        raise ValueError(f"dpi: expected a number above 0, got {dpi!r}")
    with replacing(path) as temporary, mpl.rc_context({**EMBEDDED, **LETTERING, **WHOLE}), _resize(figure, inches):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", f".*{COLLAPSED}")
                figure.savefig(temporary, format=ending, dpi=dpi, metadata=UNDATED.get(ending))
        except UserWarning as warning:
            if COLLAPSED not in str(warning):
                raise
            count = len(figure.get_axes())
            raise ValueError(
                f"width: {inches:g} in is too narrow for {count} panels as they are laid out; take more, or draw on "
                "axes= that stand on top of each other"
            ) from None


def require_figure(path: str | Path) -> str:
    """The format of a figure by the ending of its file.

    :param path: where the figure is to be written.
    :raises ValueError: for an ending that matplotlib does not know.
    :raises OSError: where the file cannot be written.
    """
    ending = Path(path).suffix.lower()[1:] or "png"
    known = FigureCanvasAgg.get_supported_filetypes()
    if ending not in known:
        raise ValueError(f"path: expected a figure's ending, {', '.join(sorted(known))}, got {str(path)!r}")
    require_writable(path)
    return ending


def figure_of(drawn: Axes | Figure | Iterable[Axes]) -> Figure:
    """The figure that axes are in, also where they are in a part of it.

    :param drawn: axes, several axes, or a figure.
    :raises ValueError: for axes of several figures, or what is none.
    """
    if isinstance(drawn, Figure):
        return drawn
    axes = [drawn] if isinstance(drawn, Axes) else list(np.ravel(np.asarray(drawn, dtype=object)))
    figures = {_root(ax.figure) if isinstance(ax, Axes) else None for ax in axes}
    found = figures.pop() if len(figures) == 1 else None
    if found is None:
        raise ValueError(f"drawn: expected axes of one figure, or a figure, got {type(drawn).__name__}")
    return found


def _root(figure: Figure | SubFigure | None) -> Figure | None:
    while isinstance(figure, SubFigure):
        figure = figure.figure
    return figure


def _inches(width: str | float) -> float:
    if isinstance(width, str) and width in WIDTHS:
        return WIDTHS[width]
    if isinstance(width, bool) or not isinstance(width, int | float | np.number) or not 0.5 <= width <= 100:
        names = " or ".join(f'"{name}"' for name in WIDTHS)
        raise ValueError(f"width: expected {names}, or inches from 0.5 to 100, got {width!r}")
    return float(width)


@contextmanager
def _resize(figure: Figure, inches: float) -> Iterator[None]:
    """The figure at another width, letters at most 8 points."""
    size = figure.get_size_inches()
    factor = min(1.0, LETTERS / mpl.rcParams["font.size"])
    axes = figure.get_axes()
    # ticks that are not there yet take the size of their axis
    ticks: list[tuple[Any, Any]] = [
        (axis, tick.label1.get_fontsize())
        for ax in axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.majorTicks[:1]
    ]
    letters: list[tuple[Any, Any]] = [(text, text.get_fontsize()) for text in figure.findobj(Text)]
    try:
        figure.set_size_inches(inches, inches * size[1] / size[0], forward=False)
        for axis, points in ticks:
            axis.set_tick_params(which="both", labelsize=factor * points)
        for text, points in letters:
            text.set_fontsize(factor * points)
        yield
    finally:
        figure.set_size_inches(float(size[0]), float(size[1]), forward=False)
        for axis, points in ticks:
            axis.set_tick_params(which="both", labelsize=points)
        for text, points in letters:
            text.set_fontsize(points)
