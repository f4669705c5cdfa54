"""Examples and the README's Python run as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: object, folder: Path) -> str:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_fit_public_data(tmp_path: Path) -> None:
    output = run(ROOT / "examples" / "fit_public_data.py", folder=tmp_path)
    assert "one-species is preferred over gaussian" in output
    assert (tmp_path / "public_data.png").stat().st_size > 10_000


def run_page(path: Path, folder: Path) -> str:
    """Run all Python of a page, its blocks one after the other."""
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    (folder / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    return run("page.py", folder=folder)


def test_readme_python(tmp_path: Path) -> None:
    run_page(ROOT / "README.md", tmp_path)
    assert (tmp_path / "report.html").exists()


PAGES = [path for path in sorted((ROOT / "docs").glob("**/*.md")) if "```python" in path.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_python_of_the_documentation(path: Path, tmp_path: Path) -> None:
    run_page(path, tmp_path)


@pytest.mark.slow
def test_hidden_layer(tmp_path: Path) -> None:
    output = run(ROOT / "examples" / "hidden_layer.py", "--runs", 300, folder=tmp_path)
    assert "linear response: sigma_1 0.10609, sigma_2 0.00975, sigma_m 0.07533" in output
    assert "anisotropic is preferred over two-species" in output
    assert (tmp_path / "hidden_layer.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figure", "runs", "printed"),
    [
        (2, 200, "target 3.6180"),
        (3, 100, "10 settings of 100 machines"),
        (4, 200, "Eq. 27: relaxation times 1.9 and 453.8 steps"),
        (5, 500, "Eq. 26, anisotropic pair: Kolmogorov-Smirnov p = 0."),
    ],
)
def test_figures_of_the_source(tmp_path: Path, figure: int, runs: int, printed: str) -> None:
    output = run(ROOT / "examples" / f"figure_{figure}.py", "--runs", runs, folder=tmp_path)
    assert printed in output
    assert (tmp_path / f"figure_{figure}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "runs", "printed", "figure"),
    [
        pytest.param("scaling_rule", 200, "without scatter b_batch_size would be", True, marks=pytest.mark.long),
        pytest.param("displacement", 150, "repulsion alone", True, marks=pytest.mark.long),
        pytest.param("width_from_gradients", 64, "the width predicted by Eq. 9", False, marks=pytest.mark.slow),
    ],
)
def test_checks(tmp_path: Path, name: str, runs: int, printed: str, figure: bool) -> None:
    assert printed in run(ROOT / "examples" / f"{name}.py", "--runs", runs, folder=tmp_path)
    assert not figure or (tmp_path / f"{name}.png").stat().st_size > 10_000
