"""Examples run, save their figures and open as notebooks."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]


EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LONG = {"scaling_rule", "digits", "transformer", "displacement", "split_students"}
PRINTED = {
    "digits": "layer 1: ",
    "displacement": "repulsion alone",
    "figure_2": "target 3.6180",
    "figure_3": "2 settings of 50 machines",
    "figure_4": "Eq. 27: relaxation times 1.9 and 453.8 steps",
    "figure_5": "Eq. 26, anisotropic pair: Kolmogorov-Smirnov p = 0.",
    "fit_public_data": "one-species is preferred over gaussian",
    "hidden_layer": "anisotropic is preferred over two-species",
    "jax_loop": "linear response",
    "own_law": "brody (spacing) is calibrated",
    "split_students": "matrix law        ",
    "scaling_rule": "without scatter b_batch_size would be",
    "torch_loop": "linear response",
    "transformer": "26944 parameters in 15 matrices",
    "width_from_gradients": "the width predicted by Eq. 9",
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.long if path.stem in LONG else pytest.mark.slow)
        for path in EXAMPLES
    ],
)
def test_examples_run_and_save_their_figure(path: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    """In this process, so that what is imported and compiled is so once."""
    if "import torch" in path.read_text(encoding="utf-8"):
        pytest.importorskip("torch")
    if '"data": "digits"' in path.read_text(encoding="utf-8"):
        pytest.importorskip("sklearn")
    monkeypatch.setenv("COULOMBFIT_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    before = dict(mpl.rcParams)
    runpy.run_path(str(path), run_name="__main__")
    plt.close("all")
    assert dict(mpl.rcParams) == before
    output = capsys.readouterr().out
    assert PRINTED.get(path.stem, "") in output
    (figure,) = tmp_path.glob("*.png")
    assert figure.stat().st_size > 10_000
    assert f"saved {figure.name}" in output


def cells(path: Path) -> list[tuple[str, str]]:
    """What stands behind each ``# %%``, and the cell."""
    parts = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts[0] == "", "a cell comes first"
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_open_as_notebooks(path: Path) -> None:
    """Cells compile one by one; the first is the text that --help prints; a notebook's command line is not read."""
    found = cells(path)
    assert {kind for kind, _ in found} == {"", " [markdown]"}
    assert found[0][0] == " [markdown]"
    assert ast.literal_eval(found[0][1].strip()) == ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False)
    for kind, text in found:
        compile(text, path.name, "exec")
        if kind and text != found[0][1]:
            assert all(line.startswith("# ") for line in text.splitlines() if line.strip())
    text = path.read_text(encoding="utf-8")
    assert '[] if "ipykernel" in sys.modules else None' in text or "argparse" not in text


@pytest.mark.slow
def test_an_example_takes_no_options_from_a_notebook(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COULOMBFIT_SMOKE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    runpy.run_path(str(ROOT / "examples" / "figure_4.py"))
    plt.close("all")
    assert (tmp_path / "figure_4.png").exists()


@pytest.mark.slow
def test_examples_refuse_unknown_options() -> None:
    command = [sys.executable, str(ROOT / "examples" / "figure_4.py"), "--run", "3", "--nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "unrecognized arguments: --nothing" in done.stderr
