"""The folder of an analysis: whose it is, what it never overwrites, what is kept in it and what its results say."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import coulombfit as cf
from coulombfit.analysis import load, run
from coulombfit.analysis.folder import claim_folder, mark_owner
from coulombfit.analysis.store import recall
from coulombfit.cli.app import app
from coulombfit.cli.exit import Exit
from tests.analysis.plans import PLAN, carried_out, invoke, write_runs


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
TWO += "[checks]\ndegeneracy = false\n"  # costs more than all that these tests look at


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysis of two files by one model, carried out once."""
    return carried_out(tmp_path_factory.mktemp("small"), TWO)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a16_a_folder_without_locks_is_said_to_be_one(small: Path, monkeypatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr("filelock._unix.fcntl.flock", no_locks)
    with pytest.warns(UserWarning, match="has no locks"):
        run(load(small / "analysis.toml"))


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_results_say_whether_laws_describe_the_data_and_training_was_over(small: Path) -> None:
    found = json.loads((small / "analysis" / "results.json").read_text())
    one = found["sets"]["setting0"]
    assert (found["described"], one["describes"], one["stationarity"], one["doubtful"]) == (True, "yes", None, [])
    assert one["fits"]["one-species"]["describes"] == "yes"
    assert found["scaling"]["answer"] in {"yes", "the data cannot tell"}


@pytest.mark.slow
def test_what_is_kept_may_be_deleted(small: Path) -> None:
    shutil.rmtree(small / "analysis" / "kept")
    assert json.loads(invoke(small, "--json").stdout)["computed"] == ["setting0", "setting1"]
