"""Imports run one way, and importing changes nothing.

The contracts are in ``pyproject.toml``: rooms from the ground up, and no circle between the files of a room.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, or imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
    return found


def users(package: str, of: str) -> list[str]:
    """The files of a package that import from a module."""
    files = (ROOT / package).rglob("*.py")
    using = [path for path in files if any(f"{name}.".startswith(f"{of}.") for name in imports(path))]
    return sorted(path.relative_to(ROOT / package).as_posix() for path in using)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_import_contracts_are_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("coulombfit/runtime/errors.py", "from coulombfit.data import spectra", "A room imports from rooms below"),
        ("coulombfit/laws/pair/common.py", "from coulombfit.laws.pair import spacing, gaussian", "No circle"),
        ("simulators/dyson.py", "from coulombfit.runtime import errors", "Simulators know nothing"),
        ("coulombfit/extra.py", "", "A room imports from rooms below"),
    ],
)
def test_a_planted_import_breaks_a_contract(file: str, line: str, broken: str, tmp_path: Path) -> None:
    for package in ("coulombfit", "simulators"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as opened:
        opened.write(f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(text.startswith(broken) and "BROKEN" in text for text in result.stdout.splitlines()), result.stdout


def test_the_packages_meet_in_few_places() -> None:
    known = ["__init__.py", "cli/demo.py", "cli/simulate.py", "runtime/atomic_files.py", "runtime/precision.py"]
    assert users("coulombfit", "simulators") == known


def test_only_one_file_knows_the_sampler() -> None:
    assert users("coulombfit", "numpyro.infer") == ["samplers/nuts.py"]


@pytest.mark.slow
def test_importing_changes_no_global_state() -> None:
    code = """
import logging, os, sys, warnings
import jax, matplotlib, numpy
before = (jax.config.jax_enable_x64, dict(matplotlib.rcParams), logging.root.handlers[:], warnings.showwarning,
          numpy.geterr(), dict(os.environ), sys.excepthook)
import coulombfit, simulators
after = (jax.config.jax_enable_x64, dict(matplotlib.rcParams), logging.root.handlers[:], warnings.showwarning,
         numpy.geterr(), dict(os.environ), sys.excepthook)
assert before == after
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
