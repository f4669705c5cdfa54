"""Names of fits, models and predictions are text on every figure, whatever they are; labels need no LaTeX."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import coulombfit as cf
from coulombfit import plots
from coulombfit.plots.kit import saving
from coulombfit.plots.kit.axes import legend_on_top
from coulombfit.plots.kit.names import LONGEST, legible
from coulombfit.plots.kit.symbols import symbol
from tests.plots.made_up import a_comparison, an_evidence, of_pairs, settings

NAMES = {
    "underscore": "_orig_mod.fc1",
    "mathematics": r"$\frac{1}$",
    "good mathematics": r"$\alpha$ and $\beta$",
    "one dollar": "5 $",
    "escaped": r"\$ and \\",
    "per cent": "100%",
    "scripts": "a_b^c",
    "nothing": "",
    "blank": " ",
    "long": "layer." * 40,
    "two lines": "first\nsecond",
    "unicode": "σ₁ é ∑ —",
    "braces": "{0} %s {name!r} <b>&amp;",
    "null": "a\x00b\tc",
}
every = pytest.mark.parametrize("kind", NAMES)
# Names go through one function to every figure: all kinds to one of them, and the hardest to the others.
HARDEST = ("underscore", "mathematics", "nothing")


def drawn_text(text: Text) -> str:
    """What is drawn of a text: outside mathematics, matplotlib makes a dollar of an escaped one."""
    shown, mathematics = text._preprocess_math(text.get_text())
    assert mathematics is False
    return shown


def same(shown: str, name: str) -> bool:
    """Up to where lines are broken; characters without a shape are seen as such."""
    expected = name.replace("\x00", "\N{REPLACEMENT CHARACTER}").replace("\t", "\N{REPLACEMENT CHARACTER}")
    return shown.replace("\n", "") == expected.replace("\n", "")


def legends(figure: Figure) -> list[str]:
    found = [ax.get_legend() for ax in figure.get_axes()] + list(figure.legends)
    return [drawn_text(text) for legend in found if legend is not None for text in legend.get_texts()]


def draw(figure: Figure) -> None:
    """All of it, warnings being errors."""
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("kind", "figure"),
    [
        pytest.param(kind, figure, marks=() if figure == "density" or kind in HARDEST else pytest.mark.slow)
        for figure in ("density", "spacing", "laws", "corner")
        for kind in NAMES
    ],
)
def test_c9_names_are_in_every_legend(kind: str, figure: str) -> None:
    name = NAMES[kind]
    fits = {name: of_pairs("one-species"), "other": of_pairs("gaussian")}
    made = getattr(plots, figure)(fits)
    root = saving.figure_of(made)
    found = legends(root)
    assert sum(same(text, name) for text in found) == 1, found
    assert "other" in found
    if kind != "long":
        draw(root)


@every
def test_c9_residuals_bring_every_name_into_a_legend(kind: str) -> None:
    """One that a user makes, too."""
    ax = plots.residuals({NAMES[kind]: of_pairs("one-species")})
    ax.legend()
    (text,) = [drawn_text(text) for text in ax.get_legend().get_texts()]
    assert same(text.removeprefix("\u200b"), NAMES[kind])


@every
@pytest.mark.parametrize(("figure", "result"), [(plots.comparison, a_comparison), (plots.evidence, an_evidence)])
def test_c9_names_are_beside_every_bar(kind: str, figure, result) -> None:
    ax = figure(result([NAMES[kind], "other"]), fits={NAMES[kind]: of_pairs("gaussian"), "other": of_pairs("gaussian")})
    first, second = (drawn_text(text) for text in ax.get_yticklabels())
    assert same(first.removeprefix("\u200b"), NAMES[kind])
    assert second == "other"
    draw(ax.figure)


@every
def test_c9_names_of_models_parameters_and_predictions(kind: str) -> None:
    name = NAMES[kind]
    assert same(drawn_text(Text(text=symbol(name))).removeprefix("\u200b"), name) or name.startswith("r[")
    ranks = xr.Dataset({"stiffness": ("dataset", np.random.default_rng(0).random(50))})
    table = pd.DataFrame({"p_value": [0.3]}, index=["stiffness"])
    (ax,) = plots.calibration(cf.Calibration(name, ranks, ranks, table, 0.0))
    (label,) = [line.get_label() for line in ax.lines if line.get_label() in (legible(name),)]
    assert same(drawn_text(Text(text=label)).removeprefix("\u200b"), name)


def test_c9_predictions_are_named() -> None:
    named = {"_theirs": np.zeros(3), r"$\frac$": np.ones(3)}
    ax = plots.displacement(cf.displacement(settings(), predictions=named))
    shown = {text._preprocess_math(text.get_text())[0] for text in ax.get_legend().get_texts()}
    assert set(named) <= shown


@every
def test_legible_keeps_every_character(kind: str) -> None:
    text = legible(NAMES[kind])
    assert all(len(line.replace(r"\$", "$").removeprefix("\u200b")) <= LONGEST for line in text.split("\n"))
    assert same(drawn_text(Text(text=text)).removeprefix("\u200b"), NAMES[kind])


def test_a_legend_on_top_hides_nothing() -> None:
    ax = Figure().subplots()
    for k, name in enumerate(NAMES.values()):
        ax.plot([0, k], label=legible(name))
    legend_on_top(ax)
    assert len(legends(ax.figure)) == len(NAMES)


@pytest.mark.parametrize("style", [{"text.usetex": True}, {"text.parse_math": False}, {"savefig.bbox": "tight"}])
def test_c8_figures_do_not_need_the_users_lettering(style, tmp_path) -> None:
    """LaTeX that is not there; mathematics that is not read; a width that is cut."""
    fits = {"_a_b %": of_pairs("one-species"), "$": of_pairs("gaussian")}
    with mpl.rc_context(style):
        before = dict(mpl.rcParams)
        for made in (plots.laws(fits), plots.corner(fits), plots.comparison(a_comparison(list(fits)), fits=fits)):
            ax: Axes = np.ravel(np.asarray(made, dtype=object))[0]
            assert not ax.xaxis.label.get_usetex()
            plots.savefig(made, tmp_path / "figure.png", dpi=100)
            width = mpl.image.imread(tmp_path / "figure.png").shape[1]
            assert width == pytest.approx(3.375 * 100, abs=1)
        assert dict(mpl.rcParams) == before
