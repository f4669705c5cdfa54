"""A whole analysis from one file: what it writes, what it computes again, and what it refuses."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import coulombfit as cf
from coulombfit.analysis import load, run
from coulombfit.analysis.folder import claim_folder, mark_owner
from coulombfit.analysis.store import digest, file_stem, recall
from coulombfit.cli.app import app
from coulombfit.cli.exit import Exit
from simulators import ensembles

SETTINGS = [(0.1, 16), (0.2, 16), (0.1, 64)]
PLAN = """
title = "Three <settings>"

[[data]]
files = ["runs/*.npz"]
eigenvalues = "x"
learning_rate = "lr"
batch_size = "bs"

[fit]
models = ["gaussian", "one-species"]
"""


def write_runs(folder: Path) -> None:
    (folder / "runs").mkdir()
    for seed, (rate, batch) in enumerate(SETTINGS):
        x = ensembles.one_species(centre=4.0, sigma=0.5 * np.sqrt(rate / batch), runs=150, seed=seed)
        np.savez(folder / "runs" / f"setting{seed}.npz", x=x, lr=rate, bs=batch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis that has been carried out once."""
    return carried_out(tmp_path_factory.mktemp("analysis"), PLAN)


def carried_out(path: Path, plan: str) -> Path:
    write_runs(path)
    (path / "analysis.toml").write_text(plan)
    invoke(path, "--json")
    return path


def invoke(folder: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["run", str(folder / "analysis.toml"), *arguments])
    assert result.exit_code == code, result.output
    return result


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
    assert abs(found["scaling"]["parameters"]["b_batch_size"]["mean"] - 1) < 0.5
    page = (out / "report.html").read_text()
    assert "Three &lt;settings&gt;" in page
    assert page.count("<h2") == 2 + 3 + 1
    assert "Do widths follow √(α/|B|)?" in page
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
        if not line.startswith(("eigenvalues", "burn_in", "targets", "factor", "name", "curvature", "out"))
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


@pytest.mark.parametrize(
    ("read", "out"),
    [
        ("scaling.nc", "."),
        ("other/link.nc", "."),
        ("hard.nc", "other/.."),
        ("fits/own.gaussian.nc", "."),
        ("recording", "recording"),
        ("recording", "recording/analysis"),
    ],
)
def test_b1_an_analysis_never_overwrites_what_it_reads(tmp_path: Path, read: str, out: str) -> None:
    """Refused before reading: what is not even a file of spectra is left as it was."""
    for name in ("other", "fits", "recording"):
        (tmp_path / name).mkdir()
    for name in ("scaling.nc", "fits/own.gaussian.nc", "recording/part.npz", "own.nc"):
        (tmp_path / name).write_text(name)
    (tmp_path / "other/link.nc").symlink_to(tmp_path / "scaling.nc")
    (tmp_path / "hard.nc").hardlink_to(tmp_path / "scaling.nc")
    (tmp_path / "analysis.toml").write_text(
        f'out = "{out}"\n[data]\nfiles = ["own.nc", "{read}"]\n[fit]\nmodels = ["gaussian"]\n'
    )
    before = sorted(tmp_path.rglob("*"))
    assert "which this analysis reads; name another folder" in invoke(tmp_path, code=2).stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "scaling.nc").read_text() == "scaling.nc"


TWO = PLAN.replace('files = ["runs/*.npz"]', 'files = ["runs/setting0.npz", "runs/setting1.npz"]').replace(
    '"gaussian", ', ""
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis of two files by one model, carried out once."""
    return carried_out(tmp_path_factory.mktemp("small"), TWO)


def test_a16_two_analyses_do_not_work_in_one_folder(small: Path) -> None:
    """Another process, which holds the lock, is waited for by nobody."""
    program = (
        "import sys, pathlib\n"
        "from coulombfit.analysis.folder import claim_folder\n"
        "with claim_folder(pathlib.Path(sys.argv[1]), 'analysis', overwrite=False):\n"
        "    print('at work', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(small / "analysis")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "at work\n"
        before = (small / "analysis" / "results.json").read_bytes()
        assert "another process is at work in" in invoke(small, code=2).stderr
        assert (small / "analysis" / "results.json").read_bytes() == before
        other.kill()
    invoke(small, "--quiet")


def test_a16_a_folder_without_locks_is_said_to_be_one(small: Path, monkeypatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr("filelock._unix.fcntl.flock", no_locks)
    with pytest.warns(UserWarning, match="has no locks"):
        run(load(small / "analysis.toml"))


@pytest.mark.parametrize("name", ["fits/setting0.one-species.nc", "scaling.nc", "report.html"])
def test_a16_what_is_kept_is_checked_by_digest(small: Path, name: str) -> None:
    """A file that another program has changed is made again; not one that is only as old."""
    changed = small / "analysis" / name
    before = changed.read_bytes()
    changed.write_bytes(before + b" ")
    again = json.loads(invoke(small, "--json").stdout)
    assert again["computed"] == (["setting0"] if "fits" in name else [])
    assert changed.read_bytes() == before


ODD = {
    "no JSON": "{",
    "too deep": "[" * 100_000,
    "a number": "5",
    "files that are a number": '{"key": KEY, "files": 5}',
    "a digest that is a number": '{"key": KEY, "files": {}, "digest": 5}',
    "results that are others": '{"key": KEY, "files": {}, "part": null, "results": {}}',
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_a16_damaged_results_count_as_none(small: Path, content: str) -> None:
    kept = small / "analysis" / "kept" / "sets" / "setting1.json"
    before = kept.read_bytes()
    key = json.dumps(json.loads(before)["key"])
    kept.write_bytes(content.replace("KEY", key).encode(errors="surrogateescape"))
    assert recall(kept, json.loads(key)) is None
    kept.write_bytes(before)
    assert recall(kept, json.loads(key)) is not None
    # a value changed by hand
    kept.write_bytes(before.replace(b'"runs": 150', b'"runs": 151'))
    assert recall(kept, json.loads(key)) is None
    kept.write_bytes(before)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"analysis": 5}', '{"analysis": "other"}'])
def test_a16_results_that_nobody_owns_are_refused_to_another(small: Path, content: str | None) -> None:
    """The name of the owner is gone or damaged, and the results are somebody's."""
    owner, results = small / "analysis" / ".analysis.json", small / "analysis" / "results.json"
    before = owner.read_bytes(), results.read_bytes()
    owner.unlink() if content is None else owner.write_text(content)
    said = invoke(small, code=2).stderr
    assert "say overwrite" in said
    assert results.read_bytes() == before[1]
    owner.write_bytes(before[0])
    invoke(small)


def test_a16_plans_of_one_name_do_not_share_a_folder(tmp_path: Path) -> None:
    plans = [tmp_path / name / "analysis.toml" for name in ("one", "two")]
    for plan in plans:
        plan.parent.mkdir()
        plan.write_text("")
    out = tmp_path / "out"
    out.mkdir()
    mark_owner(out, "analysis", plans[0])
    with claim_folder(out, "analysis", overwrite=False, plan=plans[0]):
        pass
    others = pytest.raises(cf.ArgumentError, match=r"results of another analysis, .*one.analysis\.toml")
    with others, claim_folder(out, "analysis", overwrite=False, plan=plans[1]):
        pass
    plans[0].unlink()  # moved
    with claim_folder(out, "analysis", overwrite=False, plan=plans[1]):
        pass


def test_two_analyses_in_one_place_have_folders_of_their_own(small: Path) -> None:
    (small / "other.toml").write_text(TWO.replace("[data]]", "[data]]\npair = 0"))
    assert load(small / "other.toml").out_folder == small / "other"
    (small / "third.toml").write_text('out = "analysis"\n' + TWO)
    result = CliRunner().invoke(app, ["run", str(small / "third.toml")])
    assert result.exit_code == Exit.USAGE
    assert "has the results of another analysis, analysis; name another folder" in result.stderr
    assert CliRunner().invoke(app, ["run", str(small / "third.toml"), "--overwrite", "--quiet"]).exit_code == 0
    assert "another analysis, third" in invoke(small, code=2).stderr
    invoke(small, "--overwrite", "--quiet")


def test_b1_an_analysis_spares_itself_and_what_others_have_written(tmp_path: Path) -> None:
    write_runs(tmp_path)
    plan = tmp_path / "results.json"
    plan.write_text('out = "."\n' + TWO)
    result = CliRunner().invoke(app, ["run", str(plan)])
    assert result.exit_code == Exit.USAGE
    assert "would overwrite" in result.stderr
    assert plan.read_text() == 'out = "."\n' + TWO
    (tmp_path / "plan.toml").write_text('out = "there"\n' + TWO)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "report.html").write_text("mine")
    result = CliRunner().invoke(app, ["run", str(tmp_path / "plan.toml")])
    assert result.exit_code == Exit.USAGE
    assert "report.html is there, and no .analysis.json says that plan has written it" in result.stderr
    assert [path.name for path in (tmp_path / "there").iterdir() if path.name != ".lock"] == ["report.html"]


def test_results_say_whether_laws_describe_the_data_and_training_was_over(small: Path) -> None:
    found = json.loads((small / "analysis" / "results.json").read_text())
    one = found["sets"]["setting0"]
    assert (found["described"], one["describes"], one["stationarity"], one["doubtful"]) == (True, "yes", None, [])
    assert one["fits"]["one-species"]["describes"] == "yes"
    assert found["scaling"]["answer"] in {"yes", "the data cannot tell"}


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


def test_what_is_kept_may_be_deleted(small: Path) -> None:
    shutil.rmtree(small / "analysis" / "kept")
    assert json.loads(invoke(small, "--json").stdout)["computed"] == ["setting0", "setting1"]
