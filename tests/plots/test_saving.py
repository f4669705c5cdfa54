"""Figures as files for journals: widths, letters, panels and formats."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from coulombfit import plots


def sizes_of_letters(figure: Figure) -> set[float]:
    return {text.get_fontsize() for text in figure.findobj(Text)}


@pytest.mark.parametrize(("width", "inches"), [("column", 3.375), ("page", 7.0), (12, 12.0)])
def test_a_saved_figure_has_the_width_asked_for_and_is_left_as_it_was(fits, tmp_path: Path, width, inches) -> None:
    axes = plots.density(fits) if width == "column" else plots.laws(fits)
    figure = np.atleast_1d(axes)[0].figure
    size, letters = figure.get_size_inches().tolist(), sizes_of_letters(figure)
    plots.savefig(axes, tmp_path / "figure.png", width, dpi=100)
    pixels = plt.imread(tmp_path / "figure.png").shape
    assert pixels[1] == pytest.approx(100 * inches, abs=1)
    assert pixels[0] / pixels[1] == pytest.approx(size[1] / size[0], abs=0.01)
    assert figure.get_size_inches().tolist() == size
    assert sizes_of_letters(figure) == letters
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_letters_are_at_most_eight_points_and_text_stays_text(fits, tmp_path: Path) -> None:
    ax = plots.density(fits)
    for name in ("one.svg", "two.svg", "one.pdf"):
        plots.savefig(ax, tmp_path / name)
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert ">one-species<" in svg
    assert 0 < max(float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", svg)) <= 8.01
    # matplotlib 3.11 names some clip paths by where they lie in memory
    one, two = (
        re.sub("p[0-9a-f]{10}", "", (tmp_path / f"{k}.svg").read_text(encoding="utf-8")) for k in ("one", "two")
    )
    assert one == two
    assert b"/Type3" not in (tmp_path / "one.pdf").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": "wide"}, ValueError, 'width: expected "column" or "page", or inches from 0.5 to 100, got .wide.'),
        ({"width": True}, ValueError, "width: expected .*, got True"),
        ({"width": -1.0}, ValueError, "width: expected .*, got -1.0"),
        ({"path": "figure.doc"}, ValueError, "path: expected a figure's ending, .*pdf, .*png, .*svg.*'figure.doc'"),
        ({"path": "nowhere/figure.png"}, OSError, "the folder nowhere does not exist"),
        ({"dpi": 0}, ValueError, "dpi: expected a number above 0, got 0"),
    ],
)
def test_files_that_cannot_be_are_refused(tmp_path: Path, monkeypatch, arguments, error, message) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"drawn": Figure().subplots(), "path": "figure.png"} | arguments
    with pytest.raises(error, match=message):
        plots.savefig(**given)
    assert list(tmp_path.iterdir()) == []


def test_panels_that_do_not_fit_are_refused(drawn, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"width: 3\.375 in is too narrow for 6 panels as they are laid out"):
        plots.savefig(drawn["predictive"][1](None), tmp_path / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_axes_of_two_figures_are_refused(tmp_path: Path) -> None:
    two = [Figure().subplots(), Figure().subplots()]
    assert all(isinstance(ax, Axes) for ax in two)
    with pytest.raises(ValueError, match="drawn: expected axes of one figure"):
        plots.savefig(two, tmp_path / "figure.png")
