"""A whole analysis from one file: what it writes, what it computes again, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import coulombfit as cf
from coulombfit.analysis import load, run
from coulombfit.analysis.store import digest, file_stem
from coulombfit.cli.app import app
from simulators import ensembles
from tests.analysis.plans import PLAN, SETTINGS, carried_out, invoke, write_runs

PREDICT = """
[scaling]
predict = [{ learning_rate = 0.1, batch_size = 32 }]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis that has been carried out once."""
    return carried_out(tmp_path_factory.mktemp("analysis"), PLAN + PREDICT)


@pytest.mark.slow
def test_everything_is_written(folder: Path) -> None:
    out = folder / "analysis"
    found = json.loads((out / "results.json").read_text())
    assert list(found["sets"]) == ["setting0", "setting1", "setting2"]
    assert found["converged"] is True
    for k, (rate, batch) in enumerate(SETTINGS):
        one = found["sets"][f"setting{k}"]
        assert one["winner"] == "one-species"
        sigma = one["fits"]["one-species"]["parameters"]["sigma"]
        assert abs(sigma["mean"] - 0.5 * np.sqrt(rate / batch)) < 4 * sigma["sd"]
        fit = cf.Fit.load(out / one["fits"]["one-species"]["file"])
        assert fit.table().loc["sigma", "mean"] == sigma["mean"]
        (pair,) = one["guessed_pairs"]
        assert (pair["levels"], pair["taken"]) == ([0, 1], True)
        assert pair["answer"] in ("yes", "the data cannot tell")
        assert pair["verdict"] in " ".join(one["verdicts"])
    assert abs(found["scaling"]["parameters"]["b_batch_size"]["mean"] - 1) < 0.5
    (predicted,) = found["scaling"]["predicted"]
    assert predicted["sigma"]["0"]["lower"] < 0.5 * np.sqrt(0.1 / 32) < predicted["sigma"]["0"]["upper"]
    assert found["scaling"]["chi_squared"]["freedom"] == 0
    said = invoke(folder).stdout
    assert "predicted σ of level 0 at α = 0.1, |B| = 32: 0.0" in said
    page = (out / "report.html").read_text()
    assert "Three &lt;settings&gt;" in page
    assert page.count("<h2") == 2 + 3 + 1
    assert "Do widths follow √(α/|B|)?" in page
    for part in (
        "Widths not yet seen: α = 0.1, |B| = 32",
        "All settings side by side",
        "Are guessed pairs degenerate?",
    ):
        assert part in page
    for figure in (
        "Spacings of all settings on the Wigner surmise",
        "Widths against mean spacings",
        "Densities of all",
    ):
        assert figure in page
    assert page.index("Which law?") < page.index("What was fitted") < page.index("SHA-256")


@pytest.mark.slow
def test_only_what_has_changed_is_computed_again(folder: Path) -> None:
    out = folder / "analysis"
    before = (out / "report.html").read_bytes()
    assert json.loads(invoke(folder, "--json").stdout)["computed"] == []
    assert (out / "report.html").read_bytes() == before
    # another file is another set of data, and a file by the same name another key
    x = ensembles.one_species(centre=4.0, sigma=0.5 * np.sqrt(0.2 / 16), runs=150, seed=7)
    np.savez(folder / "runs" / "setting1.npz", x=x, lr=0.2, bs=16)
    again = json.loads(invoke(folder, "--json").stdout)
    assert again["computed"] == ["setting1"]
    assert (out / "report.html").read_bytes() != before
    # a fit that is gone
    (out / "fits" / "setting0.gaussian.nc").unlink()
    assert json.loads(invoke(folder, "--json").stdout)["computed"] == ["setting0"]
    (out / "report.html").unlink()
    assert "setting2 (unchanged)" in invoke(folder).stdout
    assert (out / "report.html").exists()


@pytest.mark.slow
def test_files_of_one_setting_are_one_ensemble(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "runs").mkdir()
    for k in range(40):
        np.save(tmp_path / "runs" / f"run{k}.npy", 2.0 * np.eye(2)[None] + 0.01 * rng.standard_normal((1, 2, 2)))
    (tmp_path / "analysis.toml").write_text("""
[data]
files = "runs/*.npy"
weights = true
ensemble = true
name = "forty"
[fit]
models = ["one-species"]
[checks]
predictive = false
""")
    outcome = run(load(tmp_path / "analysis.toml"))
    assert outcome.sets["forty"]["runs"] == 40
    assert outcome.scaling["verdict"].startswith("not run: ")
    page = outcome.report.read_text()
    assert "Not run: comparison, predictions." in page
    assert "Linear scaling rule not run" in page


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (('"lr"', "nan"), 2, "data.0.learning_rate: input should be a finite number, got nan"),
        (('"bs"', "-16.0"), 2, "input should be greater than 0, got -16.0"),
        (
            ("[fit]", "[scaling]\ncurvature = nan\n[fit]"),
            2,
            "scaling.curvature: input should be a finite number, got nan",
        ),
        (
            ("[fit]", "[scaling]\npredict = [{ learning_rate = 0.1 }]\n[fit]"),
            2,
            "scaling.predict.0.batch_size: missing",
        ),
        (
            ("[fit]", "[scaling]\npredict = [{ learning_rate = 0.1, batch_size = 0 }]\n[fit]"),
            2,
            "scaling.predict.0.batch_size: input should be greater than 0, got 0",
        ),
        (
            ("[fit]", "[scaling]\npredict = [{ learning_rate = 0.1, batch_size = 8, factor = 2 }]\n[fit]"),
            2,
            "predict: expected no factor, as none that was run has, got α = 0.1, |B| = 8, factor = 2",
        ),
        (("[fit]", "[scaling]\nmargin = 0.0\n[fit]"), 2, "scaling.margin: input should be greater than 0, got 0.0"),
        (('[[data]]\nfiles = ["runs/*.npz"]', "data = []\nxx = 1"), 2, "data"),
        (("runs/*.npz", 'runs/*.npz", "./runs/setting1.npz'), 2, "files: expected each file once, got"),
        (('"gaussian", ', '"one-species", '), 2, "expected different models, got one-species, one-species"),
        (("title =", "source = 'a'\ntitle ="), 2, "source: not understood"),
        (("[fit]", "[fits]"), 2, "fits: not understood; expected one of data, title, out, seed, fit"),
        (("eigenvalues", "eigenvalue"), 2, "data.0.eigenvalue: not understood; expected one of files, weights"),
        (("runs/*.npz", "nothing/*.npz"), 2, "files: nothing is called"),
        (("runs/*.npz", "none.npz"), 2, "files: no such file"),
        (('"one-species"]', '"two"]'), 2, "model: expected one of"),
        (('"one-species"]', '"gas"]'), 2, "some are of a pair, some of all levels"),
        (('"x"', '"y"'), 4, "eigenvalues: no array named 'y'"),
        (("[[data]]", "[[data]]\npair = -1"), 2, "data.0.pair: input should be greater than or equal to 0, got -1"),
        (("[[data]]", "[[data]]\nclusters = 'pairs'"), 2, "clusters: expected auto, single, or clusters of levels"),
        (("[[data]]", "[[data]]\nclusters = [[0, 2]]"), 4, "clusters: expected neighbouring levels together"),
        (("[[data]]", "[[data]]\nlevels = '1-'"), 2, "levels: expected numbers and ranges from the top"),
        (("[[data]]", "[[data]]\nlevels = [0, 0.5]"), 2, "data.0.levels"),
        (("[[data]]", "[[data]]\nlevels = [2]"), 4, "levels: expected numbers from 0, the topmost, to 1, got 2"),
        (("[[data]]", "[[data]]\npair = 3"), 4, "pair: setting0 has 2 levels, got pair 3"),
        (("title =", "seed = 'a'\ntitle ="), 2, "seed: input should be a valid integer, got 'a'"),
        (("[fit]", "[fit"), 2, "not TOML"),
        (("files = [", "name = 'a'\nfiles = ["), 2, "name: each file has a name of its own unless ensemble = true"),
    ],
)
def test_what_is_wrong_is_told_before_any_compute(tmp_path: Path, change, code: int, message: str) -> None:
    write_runs(tmp_path)
    old, new = change
    assert old in PLAN
    (tmp_path / "analysis.toml").write_text(PLAN.replace(old, new))
    result = invoke(tmp_path, code=code)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not (tmp_path / "analysis").exists()


def test_a_plan_states_levels_and_their_grouping(tmp_path: Path) -> None:
    write_runs(tmp_path)
    said = {
        "": {"clusters": "auto", "levels": None},
        "clusters = 'single'\nlevels = 'nonzero'\n": {"clusters": "single", "levels": "nonzero"},
        "clusters = '0;1,2'\nlevels = '0-2'\n": {"clusters": [[0], [1, 2]], "levels": [0, 1, 2]},
        "clusters = [[1, 2], 'single']\nlevels = [1, 2]\n": {"clusters": [[1, 2], "single"], "levels": [1, 2]},
    }
    for text, expected in said.items():
        (tmp_path / "analysis.toml").write_text(PLAN.replace("[[data]]\n", f"[[data]]\n{text}"))
        reading = load(tmp_path / "analysis.toml").data[0].reading
        assert {name: reading[name] for name in ("clusters", "levels")} == expected
    (tmp_path / "analysis.toml").write_text(PLAN.replace("[[data]]\n", "[[data]]\nclusters = 'single'\n"))
    error = invoke(tmp_path, code=4).stderr
    assert "pair: no pair 0 among 0 pairs of levels grouped as stated" in error
    assert "(of setting0)" in error
    assert not (tmp_path / "analysis" / "fits").exists()


def test_sets_with_unlike_pairs_are_refused_by_name(tmp_path: Path) -> None:
    """Gaps would find the pair at the top of one and at the bottom of the other: widths of unlike levels."""
    rng = np.random.default_rng(0)
    (tmp_path / "runs").mkdir()
    for name, places, rate in (("top", [4.0, 4.0, 1.0], 0.1), ("bottom", [4.0, 1.0, 1.0], 0.2)):
        x = np.array(places) + 0.05 * rng.normal(size=(40, 3))
        np.savez(tmp_path / "runs" / f"{name}.npz", x=x, lr=rate, bs=16)
    (tmp_path / "analysis.toml").write_text(PLAN)
    error = invoke(tmp_path, code=4).stderr
    assert error.count("\n") == 1
    assert error.startswith("error: spectra: expected the same degenerate levels in every setting, got levels ")
    assert "in 'bottom', grouped by the gaps" in error
    assert "in 'top', grouped by the gaps" in error
    assert "enabled = false under [scaling] goes without the rule" in error
    assert not (tmp_path / "analysis").exists()


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in invoke(tmp_path, code=2).stderr


def test_the_template_is_a_plan(tmp_path: Path) -> None:
    text = CliRunner().invoke(app, ["run", "--template"]).stdout
    path = tmp_path / "analysis.toml"
    path.write_text(text)
    plain = load(path)
    # lines that are commented out show defaults
    shown = [line.removeprefix("# ") if line.startswith("# ") and " = " in line else line for line in text.splitlines()]
    chosen = [
        line
        for line in shown
        if not line.startswith(("eigenvalues", "burn_in", "targets", "factor", "levels", "name", "curvature", "out"))
    ]
    path.write_text("\n".join(chosen).replace('likelihood = "pair"', "").replace("snapshot = -1", ""))
    assert load(path) == plain


def test_names_of_files_are_safe_and_different() -> None:
    assert file_stem("lr0.1-bs16") == "lr0.1-bs16"
    names = ["a/b", "a b", "..", "/", "ä"]
    assert len({file_stem(name) for name in names}) == len(names)
    assert all("/" not in file_stem(name) and not file_stem(name).startswith(".") for name in names)


def test_a_folder_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("1")
    first = digest(tmp_path / "a")
    (tmp_path / "a" / "b" / "c").rename(tmp_path / "a" / "b" / "d")
    assert digest(tmp_path / "a") != first


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the command prints them
def test_an_analysis_whose_winner_does_not_describe_the_data_exits_with_7(tmp_path: Path) -> None:
    """Training that still drifts, seen at its first snapshot, by two levels that do not repel."""
    rng = np.random.default_rng(0)
    x = 4.0 + np.array([0.3, 0.0])[:, None] + 0.05 * rng.normal(size=(200, 2, 2))
    np.savez(tmp_path / "free.npz", x=x)
    (tmp_path / "analysis.toml").write_text(
        '[data]\nfiles = "free.npz"\neigenvalues = "x"\nsnapshot = 0\n[fit]\nmodels = ["one-species"]\n'
    )
    result = invoke(tmp_path, "--json", code=7)
    assert "NOT stationary" in result.stderr
    found = json.loads(result.stdout)
    assert (found["converged"], found["described"]) == (True, False)
    assert found["sets"]["free"]["stationarity"]["answer"] == "no"
    assert "free: one-species does not describe the data; see" in result.stderr
