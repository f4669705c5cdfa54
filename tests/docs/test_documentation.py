"""Every block of the documentation runs, the reference has every public name, the site asks nothing of other hosts."""

import ast
import dataclasses
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.page import agrees, blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if blocks_of(path.read_text(encoding="utf-8")))
LONG = {"analysis", "cluster", "one-long-run", "own-eigenvalues", "own-model", "scaling-study", "simulators"}
LONG |= {"tutorial", "two-species"}
PUBLIC_DATA = {"tutorial"}
CACHE_EVERYTHING = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs, which commands of all pages share."""
    return tmp_path_factory.mktemp("compiled")


def run_page(path: Path, folder: Path, compiled: Path, languages: tuple[str, ...] = ()) -> str:
    """Run the blocks of a page, or those in some languages, in a folder."""
    blocks = [one for one in blocks_of(path.read_text(encoding="utf-8")) if not languages or one.language in languages]
    assert blocks
    program = folder / "page.json"
    program.write_text(json.dumps([path.name, blocks]), encoding="utf-8")
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "MPLBACKEND": "agg", "COULOMBFIT_CACHE_DIR": str(compiled), "COLUMNS": "120"}
    environment["XLA_FLAGS"] = ""  # programs, and numbers, as readers have them
    environment |= {"JAX_COMPILATION_CACHE_DIR": str(compiled / "python"), **CACHE_EVERYTHING}
    environment["PATH"] = os.pathsep.join([here, environment["PATH"]])
    command = [sys.executable, "-W", "error", str(ROOT / "tests" / "docs" / "page.py"), str(program)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs_of_students(folder: Path) -> None:
    """Two files of weights, such as an analysis reads."""
    rng = np.random.default_rng(0)
    (folder / "runs").mkdir()
    for batch in (16, 32):
        weights = 2.0 * np.eye(2) + rng.normal(0.0, 0.02 * np.sqrt(16 / batch), (200, 2, 2))
        np.savez(folder / "runs" / f"batch{batch}.npz", W=weights, lr=0.1, batch_size=batch)


SUPPLIES: dict[str, Callable[[Path], None]] = {"analysis": runs_of_students}
"""What a reader of a page has beside it."""


@pytest.mark.slow
def test_readme_python(tmp_path: Path, compiled: Path) -> None:
    run_page(ROOT / "README.md", tmp_path, compiled, ("python",))
    assert (tmp_path / "report.html").exists()


@pytest.mark.long
def test_readme(tmp_path: Path, compiled: Path) -> None:
    runs_of_students(tmp_path)
    shutil.copy(tmp_path / "runs" / "batch16.npz", tmp_path / "runs.npz")
    run_page(ROOT / "README.md", tmp_path, compiled)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            p, id=p.relative_to(DOCS).as_posix(), marks=pytest.mark.long if p.stem in LONG else pytest.mark.slow
        )
        for p in PAGES
    ],
)
def test_blocks_of_the_documentation(
    path: Path, tmp_path: Path, compiled: Path, request: pytest.FixtureRequest
) -> None:
    if path.stem in PUBLIC_DATA:
        for file in request.getfixturevalue("public_data"):
            shutil.copy(file, tmp_path)
    SUPPLIES.get(path.stem, lambda _: None)(tmp_path)
    run_page(path, tmp_path, compiled)


def test_what_a_page_says_is_compared_with_what_it_prints() -> None:
    printed = "sigma  0.0403 ± 0.0012\nConverged: every check passed.\n"
    assert agrees("sigma 0.0401 ± 0.0012\nConverged: every check passed.", printed)
    assert agrees("sigma 0.0401 ± 0.0012\n…", printed)
    assert agrees("…\nConverged: every check passed.", printed)
    assert not agrees("sigma 0.0601 ± 0.0012\n…", printed)
    assert not agrees("sigma 0.0401 ± 0.0012", printed)
    assert not agrees("…\nNOT CONVERGED", printed)


def test_blocks_of_a_page() -> None:
    page = (
        "```python\na = 1\n```\n\n<!-- not run: needs your files -->\n```sh\nrm x\n```\n"
        '- item\n\n    ```python title="job.py"\n    b = 2\n    ```\n\n```sh\npip install x\n```\n'
    )
    found = [(one.language, one.title, one.text, one.line, one.run) for one in blocks_of(page)]
    assert found == [
        ("python", None, "a = 1\n", 2, True),
        ("sh", None, "rm x\n", 7, False),
        ("python", "job.py", "b = 2\n", 12, True),
        ("sh", None, "pip install x\n", 16, False),
    ]


# --- the reference


def public() -> dict[str, Any]:
    """Every public name, by its path."""
    found = {}
    for package in ("coulombfit", "coulombfit.laws", "coulombfit.plots", "simulators"):
        module = importlib.import_module(package)
        found |= {f"{package}.{name}": getattr(module, name) for name in module.__all__}
    for name, value in list(found.items()):
        if inspect.ismodule(value) and name.startswith("simulators."):
            found |= {f"{name}.{inner}": getattr(value, inner) for inner in value.__all__}
    return found


PUBLIC = public()
CALLABLE = {name: value for name, value in PUBLIC.items() if callable(value) and not inspect.isclass(value)}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


def referred() -> set[str]:
    """Paths that the reference pages ask for."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    return set(re.findall(r"^::: ([\w.]+)$", pages, flags=re.MULTILINE))


def paths(name: str) -> set[str]:
    """Where a public name may be found: wherever it is imported from, and where it is defined."""
    value = PUBLIC[name]
    same = {other for other, each in PUBLIC.items() if each is value}
    return {*same, f"{getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}"}


def test_every_public_name_is_in_the_reference() -> None:
    # a module of a simulator brings its public names with it
    whole = {name for name in referred() if name.startswith("simulators.")}
    assert not [name for name in PUBLIC if not paths(name) & referred() and name.rpartition(".")[0] not in whole]


def methods() -> Iterator[tuple[str, Any]]:
    """Public methods and properties of public classes, but for what other packages document."""
    for name, value in CLASSES.items():
        for inner, member in vars(value).items():
            plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if not inner.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
                yield f"{name}.{inner}", plain


METHODS = {
    name: member
    for name, member in methods()
    if not name.startswith("coulombfit.laws.")  # log_prob, sample, mean … are NumPyro's
}


def test_every_public_name_has_a_docstring() -> None:
    documented = {**CALLABLE, **CLASSES, **METHODS}
    assert not [name for name, value in documented.items() if not inspect.getdoc(value)]


def raised(function: Any) -> set[str]:
    """Exceptions that a function's own body raises by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None]
    return {one.func.id for one in calls if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}


def lacking(name: str, function: Any) -> list[str]:
    """What the docstring of a function does not say: parameters, errors. A class may speak for its methods."""
    text, of_class = inspect.getdoc(function) or "", inspect.getdoc(CLASSES.get(name.rpartition(".")[0])) or ""
    parameters = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    lost = [each for each in parameters if f":param {each}:" not in text and f"``{each}``" not in of_class]
    lost += [each for each in raised(function) - {"NotImplementedError"} if f":raises {each}:" not in text]
    return [f"{name}: {each}" for each in lost]


def test_public_functions_document_parameters_and_errors() -> None:
    functions = {name: one for name, one in {**CALLABLE, **METHODS}.items() if inspect.isfunction(one)}
    assert len(functions) > 60
    assert not [each for name, function in functions.items() for each in lacking(name, function)]


def test_public_classes_document_what_they_hold() -> None:
    missing = []
    for name, value in CLASSES.items():
        bases = [one for one in value.__mro__ if dataclasses.is_dataclass(one)]
        text = " ".join(inspect.getdoc(one) or "" for one in bases)
        fields = [each.name for each in dataclasses.fields(value)] if bases else []
        missing += [f"{name}.{each}" for each in fields if f"``{each}``" not in text and f":param {each}:" not in text]
    assert not missing


def test_every_block_of_the_documentation_is_of_a_kind_that_runs() -> None:
    for path in PAGES:
        for block in blocks_of(path.read_text(encoding="utf-8")):
            assert block.language in ("python", "sh", "toml", "text") or not block.run, f"{path.name}:{block.line}"


# --- the site


class Requests(HTMLParser):
    """What a page makes a browser load, and where its anchors are."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        loads = tag == "link" and values.get("rel") not in ("canonical", "prev", "next", "alternate")
        self.loaded += [values[name] for name in ("src", "srcset", "poster", "data") if name in values]
        self.loaded += [values["href"]] if loads and "href" in values else []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for needed in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(needed, reason="the site needs pip install coulombfit[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def read(page: Path) -> Requests:
    parsed = Requests()
    parsed.feed(page.read_text(encoding="utf-8"))
    return parsed


@pytest.mark.slow
def test_the_site_asks_nothing_of_other_hosts(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        outside = [each for each in read(page).loaded if re.match(r"(https?:)?//", each)]
        assert not outside, page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_the_site_has_every_public_name_and_every_example(site: Path) -> None:
    anchors = set().union(*(read(page).anchors for page in (site / "reference").glob("*.html")))
    missing = [name for name in PUBLIC if not paths(name) & anchors]
    assert not missing
    gallery = (site / "gallery.html").read_text(encoding="utf-8")
    for example in (ROOT / "examples").glob("*.py"):
        assert f"examples/{example.name}" in gallery
