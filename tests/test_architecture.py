"""Imports run one way, and importing changes nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A file imports only from files above it.
COULOMBFIT = [
    "errors",
    "seeds",
    "answers",
    "tables",
    "intervals",
    "seals",
    "ending",
    "files",
    "locks",
    "precision",
    "progress",
    "degeneracy",
    "dimensions",
    "arrays",
    "weights",
    "coincidences",
    "drift",
    "trajectories",
    "spectra",
    "opening",
    "hdf5_reader",
    "netcdf",
    "csv_tables",
    "numpy_files",
    "file_formats",
    "recordings",
    "recorder",
    "choosing",
    "recorded",
    "joining",
    "reading",
    "small_algebra",
    "laws.parameters",
    "laws.pair",
    "laws.quantile",
    "laws.quadrature",
    "laws.density",
    "laws.gas_normaliser",
    "laws.gas",
    "laws.anisotropic",
    "laws.spacing",
    "laws",
    "models.standardisation",
    "models.base",
    "models.gas",
    "models.pairs",
    "models",
    "models.unconstrained",
    "cores",
    "mode",
    "spherical",
    "importance",
    "compression",
    "posterior",
    "diagnostics",
    "outputs",
    "description",
    "given",
    "result",
    "composite",
    "sampler",
    "preparation",
    "draws",
    "groups",
    "inference",
    "many",
    "checks.calibration",
    "checks.evidence",
    "checks.smoothing",
    "checks.comparison",
    "checks.inferred",
    "checks.consistency",
    "checks.settings",
    "checks.scaling_model",
    "checks.finite_steps",
    "checks.scaling_result",
    "checks.scaling",
    "checks.displacement",
    "checks.gradients",
    "checks.noise",
    "checks.learning",
    "checks.moments",
    "checks.predictive",
    "checks.snapshots",
    "checks",
    "plots.palette",
    "plots.names",
    "plots.symbols",
    "plots.canvas",
    "plots.saving",
    "plots.fits",
    "plots.posterior",
    "plots.comparison",
    "plots.uniform",
    "plots.predictive",
    "plots.settings",
    "plots.training",
    "plots",
    "report.pictures",
    "report.words",
    "report.part",
    "report.write",
    "report",
    "",
    "compile_cache",
    "cli_exit",
    "cli_start",
    "cli_output",
    "cli_options",
    "cli_simulate",
    "cli_checks",
    "analysis.folder",
    "analysis.kept",
    "analysis.plan",
    "analysis.one_set",
    "analysis.run",
    "analysis",
    "cli_run",
    "cli",
    "cli_process",
    "__main__",
]
SIMULATORS = [
    "forks",
    "arguments",
    "isolation",
    "streams",
    "replacing",
    "checkpoint",
    "schedule",
    "training",
    "trajectory",
    "small_matrices",
    "wishart",
    "ensembles",
    "dyson",
    "gaussian_rbm_theory",
    "gaussian_rbm_dynamics",
    "gaussian_rbm",
    "activations",
    "teacher_student_response",
    "teacher_student_theory",
    "teacher_student_dynamics",
    "teacher_student",
    "",
]


def module_of(path: Path, package: str) -> str:
    parts = path.relative_to(ROOT / package).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path, order: list[str] | None = None) -> set[str]:
    """Full names of what a file imports; ``from package import name`` is its front unless name is a module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = {name for name in inner if name.partition(".")[2] in (order or [])}
            found |= modules if len(modules) == len(inner) else modules | {str(node.module)}
    return found


@pytest.mark.parametrize(("package", "order"), [("coulombfit", COULOMBFIT), ("simulators", SIMULATORS)])
def test_imports_run_one_way(package: str, order: list[str]) -> None:
    files = {module_of(path, package): path for path in (ROOT / package).rglob("*.py")}
    assert set(files) == set(order), "a new file needs its place in the order"
    for module, path in files.items():
        used = {name.partition(".")[2] for name in imports(path, order) if name.split(".")[0] == package} - {module}
        assert used <= set(order)
        later = {name for name in used if order.index(name) > order.index(module)}
        assert not later, f"{package}.{module} imports {later}, which stand below it"


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("import coulombfit as cf", {"coulombfit"}),
        ("from coulombfit import fit, laws", {"coulombfit", "coulombfit.laws"}),
        ("from coulombfit import plots", {"coulombfit.plots"}),
        ("from coulombfit.laws.pair import OneSpeciesPair", {"coulombfit.laws.pair"}),
    ],
)
def test_the_front_door_is_told_from_the_rooms(tmp_path: Path, line: str, seen: set[str]) -> None:
    (tmp_path / "module.py").write_text(line)
    assert imports(tmp_path / "module.py", COULOMBFIT) == seen


def test_the_packages_are_apart() -> None:
    for path in (ROOT / "simulators").rglob("*.py"):
        assert not any(name.split(".")[0] == "coulombfit" for name in imports(path)), path
    users = [
        path.name
        for path in (ROOT / "coulombfit").rglob("*.py")
        if any(name.split(".")[0] == "simulators" for name in imports(path))
    ]
    assert sorted(users) == ["__init__.py", "cli.py", "cli_simulate.py", "precision.py"]


def test_only_inference_uses_the_samplers() -> None:
    users = [p for p in (ROOT / "coulombfit").rglob("*.py") if any(n.startswith("numpyro.infer") for n in imports(p))]
    assert [path.name for path in users] == ["sampler.py"]


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
