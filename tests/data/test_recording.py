"""Recordings as they are read: snapshots, layers and runs, spectra from them, and what is no recording."""

import json
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from tests.data.recordings import near, record


def test_layers_and_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "run"
    with cf.Recorder(path, learning_rate=0.1, targets={"b/kernel": [4, 4]}) as recorder:
        for step in range(5):
            recorder.log(step, {"a/kernel": (a := rng.normal(size=(7, 4, 3))), "b/kernel": near(rng, 7)})
    assert cf.recording(path, "a/*")["eigenvalues"].dims == ("snapshot", "run", "level")
    layers = cf.read_layers(path)
    assert {name: one.eigenvalues.shape for name, one in layers.items()} == {"a/kernel": (7, 3), "b/kernel": (7, 2)}
    np.testing.assert_array_equal(layers["a/kernel"].eigenvalues, np.linalg.svd(a, compute_uv=False) ** 2)
    np.testing.assert_array_equal(layers["b/kernel"].targets, [4.0, 4.0])
    assert layers["a/kernel"].name == "run, a/kernel"
    first = cf.read(path, weights="b/*", snapshot=0)
    kept = {name: value for name, value in first.provenance.items() if name != "stationarity"}
    assert kept == {"recording": "run", "layer": "b/kernel", "snapshot": 0, "step": 0, "runs": 7}
    assert (first.learning_rate, first.batch_size) == (0.1, None)
    for options in ({}, {"weights": "*"}, {"eigenvalues": "c"}):
        with pytest.raises(cf.DataError, match="the recording has a/kernel, b/kernel"):
            cf.read(path, **options)
    with pytest.raises(cf.DataError, match="snapshot: expected -5 to 4"):
        cf.read(path, weights="a/*", snapshot=5)


def test_one_run_becomes_snapshots_that_are_independent(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(0, 4000, 10), learning_rate=0.1, batch_size=16, name="run 1")
    spectra = cf.read(tmp_path / "run", burn_in=995, factor=0.1)
    expected = cf.Spectra.from_trajectory(x[100:], np.arange(1000, 4000, 10))
    assert spectra.fingerprint == expected.fingerprint
    assert (spectra.learning_rate, spectra.batch_size, spectra.name) == (0.1, 16.0, "run 1")
    kept = spectra.provenance
    assert kept["trajectory"] == expected.provenance["trajectory"]
    assert (kept["burn_in"], kept["first_step"], kept["last_step"], kept["factor"]) == (995, 1000, 3990, 0.1)
    given = cf.read(tmp_path / "run", learning_rate=0.2, name="mine", targets=[4, 4])
    assert (given.learning_rate, given.name, given.provenance["burn_in"]) == (0.2, "mine", 0)
    with pytest.raises(cf.DataError, match=r"burn_in: .* ends before step 4000"):
        cf.read(tmp_path / "run", burn_in=4000)
    with pytest.raises(cf.DataError, match=r"snapshot: .*its snapshots are the observations"):
        cf.read(tmp_path / "run", snapshot=-1)
    with pytest.raises(cf.DataError, match="learning_rate: a recording knows its own"):
        cf.read(tmp_path / "run", learning_rate="lr")


def test_few_runs_and_their_snapshots(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(200), runs=(3,))
    assert cf.read(tmp_path / "run").fingerprint == cf.Spectra(x[-1]).fingerprint
    pooled = cf.read(tmp_path / "run", burn_in=50)
    assert pooled.fingerprint == cf.Spectra.from_trajectory(x[50:].swapaxes(0, 1)).fingerprint


def test_recordings_of_one_run_each_are_an_ensemble(tmp_path: Path) -> None:
    paths = [tmp_path / f"run{k}" for k in range(5)]
    x = np.array([record(path, range(4), seed=k, learning_rate=0.1) for k, path in enumerate(paths)])
    spectra = cf.read(paths)
    assert spectra.fingerprint == cf.Spectra(x[:, -1]).fingerprint
    assert (spectra.learning_rate, spectra.runs) == (0.1, 5)
    assert spectra.provenance["files"] == [f"run{k}" for k in range(5)]
    assert cf.read(paths, snapshot=0).fingerprint == cf.Spectra(x[:, 0]).fingerprint
    record(tmp_path / "other", range(4), seed=9, learning_rate=0.2)
    with pytest.raises(cf.DataError, match=r"learning_rate: .*run0 has 0.1, .*other has 0.2"):
        cf.read([*paths, tmp_path / "other"])
    with pytest.raises(ValueError, match="burn_in: it is of a single recording"):
        cf.read(paths, burn_in=3)


def test_settings_that_change(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "run", batch_size=8) as recorder:
        for step in range(300):
            # warming up from zero, then one drop
            recorder.log(step, near(rng), learning_rate=0.01 * min(step, 10) if step < 100 else 0.05)
    with pytest.raises(cf.DataError, match=r"changes it from 0.1 to 0.05 at step 100; .*: burn_in=100"):
        cf.read(tmp_path / "run")
    assert cf.read(tmp_path / "run", burn_in=100).learning_rate == 0.05
    assert cf.read(tmp_path / "run", learning_rate=0.07).learning_rate == 0.07


def test_gaps_in_the_steps(tmp_path: Path) -> None:
    record(tmp_path / "run", [*range(0, 100, 5), *range(200, 1000, 10)])
    with pytest.raises(cf.DataError, match=r"snapshots 105 and then 10 steps apart; .*: burn_in=200"):
        cf.read(tmp_path / "run")
    assert cf.read(tmp_path / "run", burn_in=200).provenance["first_step"] == 200


def test_training_that_diverges_goes_on_and_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "many") as many, cf.Recorder(tmp_path / "one") as one:
        for step in range(100):
            runs = near(rng, 4)
            runs[1, 0, 0] = np.nan if step == 99 else 1e200 if step == 98 else 2.0
            many.log(step, runs)
            one.log(step, np.full((2, 2), np.inf) if step >= 90 else near(rng))
    x = cf.recording(tmp_path / "many")["eigenvalues"].to_numpy()
    assert np.isnan(x[99, 1]).all()
    assert np.isfinite(x[:, [0, 2, 3]]).all()
    with pytest.raises(cf.DataError, match="not finite at step 99 in 1 of 4 runs: training has diverged"):
        cf.read(tmp_path / "many")
    with pytest.raises(cf.DataError, match=r"not finite at 10 snapshot\(s\) from step 90 on"):
        cf.read(tmp_path / "one")


def test_folders_that_are_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        cf.recording(tmp_path / "run")
    with pytest.raises(cf.DataError, match=r"no recording, it has no recording.json"):
        cf.recording(tmp_path)
    with pytest.raises(cf.DataError, match="a folder that is no recording"):
        cf.read(tmp_path)
    record(tmp_path / "run", range(3))
    segment = next((tmp_path / "run").glob("*.nc"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(cf.DataError, match=f"path: cannot read .*{segment.name}"):
        cf.recording(tmp_path / "run")
    segment.unlink()
    with pytest.raises(cf.DataError, match="has no snapshot yet"):
        cf.read(tmp_path / "run")
    header = tmp_path / "run" / "recording.json"
    for text in ("{", "[]", json.dumps({**json.loads(header.read_text()), "version": 2})):
        header.write_text(text)
        with pytest.raises(cf.DataError, match=r"recording\.json"):
            cf.read(tmp_path / "run")


@pytest.mark.slow
def test_the_command_line_takes_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from coulombfit.cli.app import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", __import__("warnings").showwarning)
    record(tmp_path / "run", range(600), learning_rate=0.1, batch_size=16)
    arguments = ["fit", "run", "--burn-in", "100", "--model", "one-species", "--sampler", "laplace", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    fit = cf.Fit.load(tmp_path / "run.burn-in100.one-species.nc")
    assert fit.record["data"]["provenance"]["burn_in"] == 100
    assert CliRunner().invoke(app, [*arguments[:2], "--burn-in", "600"]).exit_code == 4
    np.save("x.npy", np.ones((3, 2)))
    assert CliRunner().invoke(app, ["fit", "x.npy", "--burn-in", "1"]).exit_code == 2


def test_files_beside_segments_are_left_alone(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(3))
    (tmp_path / "run" / "0000x-1.nc").write_text("mine")
    np.testing.assert_array_equal(cf.recording(tmp_path / "run")["eigenvalues"], x)


def test_a_grouping_and_levels_of_recordings(tmp_path: Path) -> None:
    record(tmp_path / "one", range(400))
    one = cf.read(tmp_path / "one", clusters="single")
    assert (one.clusters, one.grouped_by) == ([[0], [1]], "stated")
    assert cf.read(tmp_path / "one", levels=[1]).provenance["levels"] == [1]
    record(tmp_path / "many", range(20), runs=(12,))
    many = cf.read(tmp_path / "many", clusters=[[0, 1]], levels="nonzero")
    assert (many.clusters, many.grouped_by, many.runs) == ([[0, 1]], "stated", 12)
    assert many.provenance["stationarity"]["answer"] != "not run"
    assert cf.read_layers(tmp_path / "many", clusters="single")["weights"].clusters == [[0], [1]]
    with pytest.raises(cf.DataError, match="levels: expected numbers from 0, the topmost, to 1, got 2"):
        cf.read(tmp_path / "many", levels=[2])


def test_the_grouping_that_a_recorder_was_told_is_read(tmp_path: Path) -> None:
    """Two levels far apart that gaps would never join; what reads it may choose levels or state another grouping."""
    rng = np.random.default_rng(0)
    path = tmp_path / "run"
    with cf.Recorder(path, clusters={"a": [[0, 1], "single"]}) as recorder:
        for step in range(3):
            layer = np.diag([2.0, 1.5, 1.0]) + 0.01 * rng.normal(size=(30, 3, 3))
            recorder.log(step, {"a": layer, "b": layer + 0.001 * rng.normal(size=(30, 3, 3))})
    told, guessed = cf.read(path, weights="a"), cf.read(path, weights="b")
    assert (told.clusters, told.grouped_by) == ([[0, 1], [2]], "stated")
    assert (guessed.clusters, guessed.grouped_by) == ([[0], [1], [2]], "gaps")
    assert cf.read(path, weights="a", levels=[0, 1]).clusters == [[0, 1]]
    assert cf.read(path, weights="a", clusters="single").clusters == [[0], [1], [2]]
    assert cf.read_layers(path)["a"].clusters == [[0, 1], [2]]
    assert json.loads((path / "recording.json").read_text())["clusters"] == {"a": [[0, 1], [2]]}


def test_a_trajectory_has_the_grouping_of_its_recorder(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "run"
    with cf.Recorder(path, learning_rate=0.1, batch_size=16, clusters="single") as recorder:
        for step in range(400):
            recorder.log(step, 2.0 * np.eye(2) + 0.03 * rng.normal(size=(2, 2)))
    found = cf.read_trajectories(path)
    assert tuple(map(tuple, found.clusters)) == ((0,), (1,))
    assert "as stated" in found.provenance["trajectories"]["described"]
    assert tuple(map(tuple, cf.read_trajectories(path, clusters=[[0, 1]]).clusters)) == ((0, 1),)
    assert cf.read(path).clusters == [[0], [1]]


@pytest.mark.parametrize(
    ("clusters", "error", "message"),
    [
        ("pairs", cf.DataError, "clusters: expected 'auto', 'single' or lists of levels, got 'pairs'"),
        ([[0]], cf.DataError, "clusters: expected every level once, got none with level 1"),
        ({"b": "single"}, cf.ArgumentError, "clusters: expected layers among weights, got b"),
    ],
)
def test_what_is_no_grouping_of_the_layers_is_refused(tmp_path: Path, clusters, error, message: str) -> None:
    with pytest.raises(error, match=message), cf.Recorder(tmp_path / "run", clusters=clusters) as recorder:
        recorder.log(0, np.eye(2))


def test_a_recording_is_not_continued_with_another_grouping(tmp_path: Path) -> None:
    for clusters in ([[0, 1]], "auto", [[0, 1]]):  # who states nothing goes on
        with cf.Recorder(tmp_path / "run", clusters=clusters) as recorder:
            recorder.log(0, np.eye(2))
    with (
        pytest.raises(cf.DataError, match=r"clusters: .* has {.*\[\[0, 1\]\]}, got {.*\[\[0\], \[1\]\]}"),
        cf.Recorder(tmp_path / "run", clusters="single") as recorder,
    ):
        recorder.log(1, np.eye(2))


def test_recordings_of_one_setting_have_one_grouping(tmp_path: Path) -> None:
    for name, clusters in (("one", "single"), ("other", [[0, 1]])):
        with cf.Recorder(tmp_path / name, clusters=clusters) as recorder:
            recorder.log(0, np.eye(2) * (1.0 + len(name)))
    with pytest.raises(cf.DataError, match=r"clusters: expected files of one setting, .*one states \[\[0\], \[1\]\], "):
        cf.read([tmp_path / "one", tmp_path / "other"])


@pytest.mark.parametrize("clusters", ['"single"', '{"weights": "single"}', '{"weights": [[0]]}', '{"b": [[0, 1]]}'])
def test_a_header_with_another_grouping_is_damaged(tmp_path: Path, clusters: str) -> None:
    with cf.Recorder(tmp_path / "run", clusters=[[0, 1]]) as recorder:
        recorder.log(0, np.eye(2))
    header = tmp_path / "run" / "recording.json"
    content = json.loads(header.read_text())
    header.write_text(json.dumps(content | {"clusters": json.loads(clusters)}))
    with pytest.raises(cf.DataError, match=r"recording\.json.*clusters: "):
        cf.recording(tmp_path / "run")
