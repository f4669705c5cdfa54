"""Figures and the report."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit import plots
from simulators import ensembles

QUICK = cf.Sampling(warmup=300, draws=300)
MODELS = ("gaussian", "one-species", "two-species")
NAME = "<runs & others>"


@pytest.fixture(scope="module")
def fits() -> dict[str, cf.Fit]:
    x = ensembles.one_species(centre=4.0, sigma=0.04, runs=500, seed=4)
    sampling, samplers = cf.Sampling(warmup=300, draws=600), {"one-species": "nuts"}
    spectra = cf.Spectra(x, 0.1, 16, name=NAME)
    return {
        model: cf.fit(spectra, model, sampler=samplers.get(model, "laplace"), sampling=sampling) for model in MODELS
    }


class Outline(HTMLParser):
    """Headings, images and references of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.images: list[dict] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.within = ""

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        self.within = tag
        if tag == "img":
            self.images.append(attributes)
        self.references += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_endtag(self, tag) -> None:
        self.within = ""

    def handle_data(self, data) -> None:
        if self.within in ("h1", "h2", "h3"):
            self.headings.append(data)
        if self.within != "style":
            self.text.append(data)


def outline(path: Path) -> Outline:
    page = Outline()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.mark.slow
def test_the_report_has_everything_in_one_file(tmp_path: Path, fits) -> None:
    comparison = cf.compare(fits)
    path = tmp_path / "report.html"
    before = dict(mpl.rcParams)
    cf.write_report(path, fits=fits, comparison=comparison, title="Report of <this>")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    page = outline(path)
    text = re.sub(r"\s+", " ", "".join(page.text))
    assert page.headings == [
        "Report of <this>",
        "Verdict",
        NAME,
        "What was fitted",
        "Parameters",
        "Data and laws",
        "Comparison",
        "Does the law describe the data?",
        "Did the sampler converge?",
        "Priors, seeds and versions",
        *(f"{NAME}: {model}" for model in fits),
    ]
    # only what was sampled by chains has ranks of chains
    assert len(page.images) == 2 + 1
    assert "Not run: consistency of σ_m, moments, predictions." in text
    assert all(image["alt"] for image in page.images)
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in page.references)
    assert "<script" not in path.read_text()
    for part in (comparison.verdict, NAME, "LogNormal", "Uniform(0, 1)", "seed 0", "SHA-256", "numpyro", "R-hat"):
        assert part in text
    table = fits["one-species"].formatted()
    assert f"{table.loc['sigma', 'lower']} to {table.loc['sigma', 'upper']}" in text
    again = tmp_path / "again.html"
    cf.write_report(path, fits={"one": fits["one-species"]})
    cf.write_report(again, fits={"one": fits["one-species"]})
    assert again.read_bytes() == path.read_bytes()


def test_the_page_may_use_its_own_style_and_nothing_else(tmp_path: Path, fits) -> None:
    cf.write_report(tmp_path / "report.html", fits={"<script>alert(1)</script>": fits["one-species"]})
    page = (tmp_path / "report.html").read_text()
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}';" in page
    assert "<script" not in page
    assert "style=" not in page.replace("style-src", "")


def test_answers_have_words_and_states_of_their_own(tmp_path: Path, fits) -> None:
    """A law that the data refute is not green though its sampler has converged; few runs cannot tell."""
    with jax.enable_x64(True):
        x = np.asarray(cf.laws.AnisotropicPair(4.0, 0.106, 0.0098).sample(jax.random.key(1), (600,)))
    wrong = cf.fit(x, "one-species", sampler="laplace")
    cf.write_report(tmp_path / "wrong.html", fits={"one-species": wrong})
    page = (tmp_path / "wrong.html").read_text()
    assert '<p class="verdict no"><b class="answer">no</b> Does the law hold? one-species: NO, the' in page
    assert '<p class="verdict yes"><b class="answer">yes</b> Did the sampler converge? Yes, every check passed' in page
    few = cf.fit(x[:20], "one-species", sampler="laplace")
    cf.write_report(tmp_path / "few.html", fits={"few": few})
    page = (tmp_path / "few.html").read_text()
    assert '<p class="verdict the-data-cannot-tell"><b class="answer">the data cannot tell</b> Does the law' in page


@pytest.mark.slow
def test_a_fit_that_has_not_converged_says_so_on_top(tmp_path: Path, fits) -> None:
    tree = fits["one-species"].tree.copy()
    tree["sample_stats"]["diverging"] = xr.ones_like(tree["sample_stats"]["diverging"])
    del tree["sample_stats"]["energy"]
    broken = cf.Fit(tree)
    cf.write_report(tmp_path / "report.html", fits={"broken": broken})
    page = outline(tmp_path / "report.html")
    text = "".join(page.text)
    assert "NOT CONVERGED, do not use: divergences failed" in text
    assert text.index("NOT CONVERGED") < text.index("Parameters")
    assert "not run" in text
    assert "Comparison" not in page.headings
    doubtful = cf.compare({"broken": broken, "gaussian": fits["gaussian"]})
    assert not doubtful.trustworthy
    with pytest.raises(ValueError, match="expected one of fits of one set of data, got broken, gaussian"):
        cf.write_report(tmp_path / "report.html", fits={"broken": broken}, comparison=doubtful)
    both = {"broken": broken, "gaussian": fits["gaussian"]}
    cf.write_report(tmp_path / "report.html", fits=both, comparison=doubtful)
    assert (tmp_path / "report.html").read_text().count('class="verdict no"') == 1
    assert "NOT CONVERGED" in broken.summary()


@pytest.mark.slow
def test_figures_stay_small(tmp_path: Path, fits) -> None:
    path = tmp_path / "report.html"
    cf.write_report(path, fits=fits)
    figures = [base64.b64decode(source.partition(",")[2]).decode() for source in outline(path).references]
    for svg in figures:
        assert len(svg) < 150_000
        assert "<text" in svg  # text is text
        paths = re.findall(r' d="([^"]*)"', svg)
        assert paths
        assert not re.search(r"\.\d{3}", "".join(paths))


@pytest.mark.long
def test_a_pair_that_gaps_have_guessed_is_asked_for_a_split(tmp_path: Path, fits) -> None:
    """And one that is stated is not: who states it knows."""
    x = fits["one-species"].observations
    for name, known, asked in (("guess", {}, True), ("stated", {"clusters": [[0, 1]]}, False)):
        fit = cf.fit(cf.Spectra(x, name=name, **known).pair(0), "one-species")
        cf.write_report(tmp_path / "report.html", fits={"one": fit})
        page = outline(tmp_path / "report.html")
        text = re.sub(r"\s+", " ", "".join(page.text))
        assert ("Are guessed pairs degenerate?" in page.headings) is asked
        verdict = f"levels 0 and 1, a pair by the gaps between levels: {cf.degeneracy(x).verdict}"
        assert (verdict in text) is asked


@pytest.mark.slow
def test_spacing_fits_are_reported_without_a_density(tmp_path: Path, fits) -> None:
    fit = cf.fit(fits["gaussian"].observations, "one-species", "spacing", sampler="nuts", sampling=QUICK)
    cf.write_report(tmp_path / "report.html", fits={"spacing": fit})
    alt = [image["alt"] for image in outline(tmp_path / "report.html").images]
    assert alt == ["Level spacing of spacing", "Ranks of the draws, spacing"]


def test_a_report_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one fit"):
        cf.write_report(tmp_path / "report.html", fits={})


def test_bands_lie_on_the_histogram_of_data_from_the_model(fits) -> None:
    """The drawn median is the density at the posterior: it integrates to one and follows the data."""
    ax = plots.density({"one": fits["one-species"]})
    line = next(line for line in ax.get_lines() if line.get_label() == "one")
    x, y = line.get_xdata(), line.get_ydata()
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
    levels = fits["one-species"].observations
    assert np.trapezoid((x - 4) ** 2 * y, x) == pytest.approx(levels.var(), rel=0.1)
    ax = plots.spacing(fits)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"spacings", *fits}


def test_figures_refuse_fits_that_share_no_histogram(fits) -> None:
    spacing = cf.fit(fits["gaussian"].observations, "one-species", "spacing", sampler="laplace", sampling=QUICK)
    with pytest.raises(ValueError, match="got spacings, which have no one-level density"):
        plots.density({"spacing": spacing})
    other = cf.fit(fits["gaussian"].observations + 1, "one-species", sampler="laplace", sampling=QUICK)
    with pytest.raises(ValueError, match="fits of the same data"):
        plots.spacing({"one": fits["one-species"], "other": other})


def test_figures_draw_on_the_axes_given(fits) -> None:
    figure, axes = plt.subplots(1, 2)
    assert plots.density(fits, axes[0]) is axes[0]
    assert plots.spacing(fits, axes[1]) is axes[1]
    plt.close(figure)
