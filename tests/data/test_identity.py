"""How levels, rows, runs and snapshots are told apart: nothing is taken for a level, a run or a setting in silence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.data.tensors import LARGE, levels_of
from tests.data.levels import pairs


def table(path: Path, x: np.ndarray, **options) -> Path:
    pd.DataFrame(x).to_csv(path, **options)
    return path


# A1


def test_a1_a_header_of_numbers_is_no_run(tmp_path: Path) -> None:
    x = pairs(300)
    for labels in ([0, 1], [1, 2], [10, 20], [4.0, 3.9]):
        path = table(tmp_path / "x.csv", pd.DataFrame(x, columns=labels), index=False)
        with pytest.raises(
            cf.DataError, match=rf"cannot read .*x.csv: its first row, {labels[0]}, {labels[1]}, .*remove"
        ):
            cf.read(path)
    path = table(tmp_path / "x.csv", pd.DataFrame(x[:, :1]), index=False)
    with pytest.raises(cf.DataError, match="its first row, 0, looks like the numbers of its columns"):
        cf.read(path)
    for options in ({"header": ["upper", "lower"], "index": False}, {"header": False, "index": False}):
        spectra = cf.read(table(tmp_path / "x.csv", x, **options))
        assert spectra.runs == 300
        assert np.sqrt(np.mean(np.diff(spectra.eigenvalues) ** 2) / 4.0) == pytest.approx(0.0497, abs=0.003)


@pytest.mark.parametrize("start", [0, 1, 17])
@pytest.mark.parametrize("header", [["upper", "lower"], False, True])
@pytest.mark.parametrize("label", ["", "run", "kernel"])
def test_a1_an_index_is_no_level(tmp_path: Path, start: int, header, label: str) -> None:
    index = pd.RangeIndex(start, start + 30)
    path = table(tmp_path / "x.csv", pd.DataFrame(pairs(30), index), header=header, index_label=label)
    with pytest.raises(
        cf.DataError, match=r"index|half numbers|column 0, 'run', is no level by its name|whole numbers"
    ):
        cf.read(path)


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).permutation(30),  # runs in another order
        np.random.default_rng(0).choice(10_000, 30, replace=False),  # seeds
        np.arange(30.0),  # written with points
        np.full(30, 16),  # a batch size
        np.full(30, 0.1),  # a learning rate
    ],
)
def test_a1_what_is_no_level_by_what_it_holds(tmp_path: Path, column: np.ndarray) -> None:
    data = pd.DataFrame({"upper": pairs(30)[:, 0], "other": column, "lower": pairs(30)[:, 1]})
    for header in (True, False):
        with pytest.raises(cf.DataError, match="eigenvalues: column 1 "):
            cf.read(table(tmp_path / "x.csv", data, index=False, header=header))


@pytest.mark.parametrize(
    "ids",
    [
        1000.0 + 7.0 * np.arange(30),
        1000.0 - 5.0 * np.arange(30),
        np.random.default_rng(0).permutation(1000 + 7 * np.arange(30)),
        np.random.default_rng(0).choice(10_000, 30, replace=False),
    ],
    ids=["steps of 7", "falling", "in any order", "any"],
)
def test_a1_ids_of_runs_are_no_level_written_with_points_or_in_memory(tmp_path: Path, ids: np.ndarray) -> None:
    with_ids = np.column_stack([ids.astype(float), pairs(30)])
    np.savetxt(tmp_path / "x.csv", with_ids, delimiter=",")
    np.savez(tmp_path / "x.npz", eigenvalues=with_ids)
    for read in (
        lambda: cf.read(tmp_path / "x.csv"),
        lambda: cf.read(tmp_path / "x.npz"),
        lambda: cf.Spectra(with_ids),
    ):
        with pytest.raises(cf.DataError, match=r"eigenvalues: column 0 (counts the rows|is of whole numbers)"):
            read()


@pytest.mark.filterwarnings("ignore:eigenvalues. runs .* are equal")
def test_a1_large_levels_are_whole_by_rounding(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    exact = np.column_stack([1500.0 + 100.0 * rng.normal(size=40), 4.0 + 0.1 * rng.normal(size=(40, 2))])
    assert cf.Spectra(exact.astype(np.float16)).levels == 3
    assert cf.Spectra(exact * [1e4, 1, 1] + [1e8, 0, 0], 0.1, 4).levels == 3
    assert cf.Spectra((exact * [1e4, 1, 1] + [1e8, 0, 0]).astype(np.float32)).levels == 3
    np.save(tmp_path / "x.npy", np.array([[float(f"{value:.4g}") for value in row] for row in exact]))
    assert cf.read(tmp_path / "x.npy").levels == 3
    few = [np.round(100 + 1.5 * rng.normal(size=(6, 50)) - 7.0 * np.arange(50)) for _ in range(50)]
    assert all(cf.Spectra(x - x.min()).runs == 6 for x in few)


def test_a1_levels_that_may_be_whole_are_kept() -> None:
    rounded = np.round(2.0 * pairs(40)) / 2.0 + np.random.default_rng(0).choice(1000, 40, replace=False)[:, None]
    rounded[::3] += 0.5
    assert cf.Spectra(np.column_stack([rounded, np.full(40, 0.0)])).levels == 3  # halves, and a level at 0 always
    assert cf.Spectra([[4.0, 1.5], [3.0, 1.25], [7.0, 0.5]]).runs == 3  # three whole numbers by chance


def test_a1_decimal_commas_are_no_separators(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\n".join(f"{a:.4f},{b:.4f}".replace(".", ",") for a, b in pairs(30)))
    with pytest.raises(cf.DataError, match=r"number 0\d+, which begins as digits behind a decimal comma"):
        cf.read(tmp_path / "x.csv")


@pytest.mark.parametrize("decimals", [1, 2, 15])
@pytest.mark.parametrize("levels", [1, 2])
def test_a1_decimal_commas_of_any_number_of_digits(tmp_path: Path, decimals: int, levels: int) -> None:
    rows = [[f"{value:.{decimals}f}".replace(".", ",") for value in row[:levels]] for row in pairs(30)]
    (tmp_path / "x.csv").write_text("\n".join(",".join(row) for row in rows))
    # "4,0" and "4,1" alone look like a setting and a number
    with pytest.raises(cf.DataError, match=r"decimal comma|column 0 is 4 in every row"):
        cf.read(tmp_path / "x.csv")


def test_a1_a_level_that_is_zero_in_every_run_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\n".join(f"{a},{b},0" for a, b in pairs(30)))
    assert cf.read(tmp_path / "x.csv").levels == 3


def test_a1_an_index_in_memory_or_in_an_array(tmp_path: Path) -> None:
    with_index = np.column_stack([np.arange(30), pairs(30)])
    np.save(tmp_path / "x.npy", with_index)
    for read in (lambda: cf.read(tmp_path / "x.npy"), lambda: cf.Spectra(with_index)):
        with pytest.raises(
            cf.DataError, match="column 0 counts the rows, from 0 to 29, as an index does; leave it out"
        ):
            read()
    frame = pd.DataFrame(pairs(30)[::-1], columns=["upper", "lower"])
    assert cf.Spectra(frame).runs == 30
    with pytest.raises(cf.DataError, match="column 0, 'seed', is no level by its name"):
        cf.Spectra(frame.assign(seed=np.arange(30.0) ** 2)[["seed", "upper", "lower"]])


def test_a1_below_a_row_of_names_every_row_is_a_run(tmp_path: Path) -> None:
    for first in ("0,1", "1,2", "4,3", "4.5,3.5"):
        (tmp_path / "x.csv").write_text(f"upper,lower\n{first}\n" + "4.123456789,3.87654321\n4.23456789,3.987654321\n")
        assert cf.read(tmp_path / "x.csv").runs == 3


def test_a1_levels_that_are_whole_numbers_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("7,4\n9,3\n12,5\n")
    np.testing.assert_array_equal(cf.read(tmp_path / "x.csv").eigenvalues, [[7, 4], [9, 3], [12, 5]])
    (tmp_path / "x.csv").write_text('"upper", "lower"\n"4.1", 4\n 4.2 ,"3.9"\n\n\n')
    np.testing.assert_array_equal(cf.read(tmp_path / "x.csv").eigenvalues, [[4.1, 4.0], [4.2, 3.9]])


# A2


def test_a2_a_recording_of_several_runs_kept_as_netcdf(tmp_path: Path) -> None:
    """Dimensions (snapshot, run, level) used to be read by place, as the learning curve of one run."""
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "run", batch_size=16, targets=[4.0, 4.0]) as recorder:
        for step in range(4):
            recorder.log(10 * step, 2.0 * np.eye(2) + 0.05 * rng.normal(size=(200, 2, 2)), learning_rate=0.1 + step)
    cf.recording(tmp_path / "run").to_netcdf(tmp_path / "rec.nc")
    direct, kept = cf.read(tmp_path / "run"), cf.read(tmp_path / "rec.nc")
    assert (kept.fingerprint, kept.runs) == (direct.fingerprint, 200)
    assert (kept.learning_rate, kept.batch_size, kept.targets.tolist()) == (3.1, 16.0, [4.0, 4.0])
    assert (kept.provenance["snapshot"], kept.provenance["step"], kept.provenance["runs"]) == (3, 30.0, 200)
    first = cf.read(tmp_path / "rec.nc", snapshot=0)
    assert first.fingerprint == cf.read(tmp_path / "run", snapshot=0).fingerprint
    assert (first.learning_rate, first.provenance["step"]) == (0.1, 0.0)


def test_a2_one_run_kept_as_netcdf_is_no_ensemble(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        for step in range(40):
            recorder.log(step, np.diag([2.0 + 0.01 * step, 1.0]))
    cf.recording(tmp_path / "run").to_netcdf(tmp_path / "rec.nc")
    with pytest.raises(cf.DataError, match=r"rec.nc holds the 40 snapshots of one run, \(snapshot, level\)"):
        cf.read(tmp_path / "rec.nc")
    np.testing.assert_array_equal(cf.read([tmp_path / "rec.nc"] * 1 + [other(tmp_path)]).eigenvalues[0], [2.39**2, 1.0])


def other(folder: Path) -> Path:
    x = np.random.default_rng(0).uniform(1, 2, size=(40, 2))
    xr.Dataset({"eigenvalues": (("snapshot", "level"), x)}).to_netcdf(folder / "other.nc")
    return folder / "other.nc"


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    "dims", [("run", "snapshot", "level"), ("snapshot", "run", "level"), ("level", "run", "snapshot")]
)
@pytest.mark.parametrize("names", [{}, {"snapshot": "epoch", "run": "seed"}, {"level": "x"}])
def test_a2_axes_go_by_their_names(tmp_path: Path, dims, names) -> None:
    x = np.random.default_rng(0).uniform(1, 2, size=(12, 3, 2))
    array = xr.DataArray(x, dims=("run", "snapshot", "level")).transpose(*dims).rename(names)
    array.to_dataset(name="eigenvalues").to_netcdf(tmp_path / "x.nc")
    assert cf.read(tmp_path / "x.nc", snapshot=1).fingerprint == cf.Spectra(x[:, 1]).fingerprint
    w = np.random.default_rng(0).normal(size=(5, 3, 4, 2))
    array = xr.DataArray(w, dims=("run", "snapshot", "M", "N"))
    order = [*dims[: dims.index("level")], *dims[dims.index("level") + 1 :], "M", "N"]
    array.transpose(*order).to_dataset(name="W").to_netcdf(tmp_path / "w.nc")
    expected = cf.Spectra.from_weights(w[:, 1]).fingerprint
    assert cf.read(tmp_path / "w.nc", weights="W", snapshot=1).fingerprint == expected
    assert cf.read_layers(tmp_path / "w.nc", snapshot=1)["W"].fingerprint == expected


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        (("M", "level"), r"expected dimensions \(run, level\), got \(M, level\)"),
        (("run", "seed"), r"expected dimensions \(run, level\), got two of one meaning: \(run, seed\)"),
        (("run", "N"), r"expected dimensions \(run, level\), got \(run, N\)"),
    ],
)
def test_a2_names_that_contradict_are_refused(tmp_path: Path, dims, message: str) -> None:
    array = xr.DataArray(np.random.default_rng(0).uniform(1, 2, size=(5, 3)), dims=dims, name="eigenvalues")
    array.to_netcdf(tmp_path / "x.nc")
    for read in (lambda: cf.read(tmp_path / "x.nc"), lambda: cf.Spectra(array)):
        with pytest.raises(cf.DataError, match=f"eigenvalues: {message}"):
            read()


def test_a2_arrays_of_xarray_in_another_order() -> None:
    rng = np.random.default_rng(0)
    x = 4.0 + 0.1 * rng.normal(size=(30, 40, 2))
    named = xr.DataArray(x, dims=("run", "snapshot", "level"))
    turned = named.transpose("level", "snapshot", "run")
    first = named.isel(snapshot=0)
    assert cf.Spectra(first.transpose("level", "run")).fingerprint == cf.Spectra(x[:, 0]).fingerprint
    table = cf.stationarity(turned).table
    pd.testing.assert_frame_equal(table, cf.stationarity(x).table)
    expected = cf.Spectra.from_trajectory(x).fingerprint
    assert cf.Spectra.from_trajectory(turned).fingerprint == expected
    one = x.reshape(1200, 2)
    long = xr.DataArray(one, dims=("snapshot", "level")).transpose("level", "snapshot")
    assert cf.Spectra.from_trajectory(long).fingerprint == cf.Spectra.from_trajectory(one).fingerprint
    with pytest.raises(cf.DataError, match=r"eigenvalues: expected dimensions .*, got \(M, N, run\)"):
        cf.learning_curve(xr.DataArray(x, dims=("M", "N", "run")), np.arange(40.0))
    changes = xr.DataArray(0.01 * rng.normal(size=x.shape), dims=named.dims)
    setting = {"learning_rate": 0.1, "batch_size": 4.0}
    pd.testing.assert_frame_equal(
        cf.predict_width(turned, changes, **setting).table, cf.predict_width(x, changes.to_numpy(), **setting).table
    )
    w = xr.DataArray(rng.normal(size=(6, 3, 2)), dims=("run", "M", "N"))
    assert (
        cf.Spectra.from_weights(w.transpose("N", "run", "M")).fingerprint
        == cf.Spectra.from_weights(w.to_numpy()).fingerprint
    )
    with pytest.raises(cf.DataError, match=r"eigenvalues: expected dimensions \(run, level\), got \(snapshot, level\)"):
        cf.Spectra(named.isel(run=0))
    with pytest.raises(cf.DataError, match="eigenvalues: expected an array, got a dataset of x"):
        cf.Spectra(named.isel(run=0).to_dataset(name="x"))


# A15


@pytest.mark.parametrize("shape", [(80, 70), (70, 80), (LARGE, LARGE), (5, 4), (4, 5), (1, 3), (300, 2)])
def test_a15_one_way_from_weights_to_levels(tmp_path: Path, shape: tuple[int, int]) -> None:
    w = np.random.default_rng(0).normal(size=(3, *shape))
    np.savez(tmp_path / "all.npz", W=w)
    paths = [tmp_path / f"{k}.npz" for k in range(3)]
    for path, one in zip(paths, w, strict=True):
        np.savez(path, W=one)
    with cf.Recorder(tmp_path / "rec") as recorder:
        recorder.log(0, w)
    turned = np.ascontiguousarray(w.swapaxes(1, 2))
    found = {
        cf.read(tmp_path / "all.npz", weights="W").fingerprint,
        cf.read(paths, weights="W").fingerprint,
        cf.read(tmp_path / "rec").fingerprint,
        cf.Spectra.from_weights(w).fingerprint,
        cf.Spectra.from_weights(turned if shape[0] != shape[1] else w).fingerprint,
        cf.Spectra.from_weights(np.asfortranarray(w)).fingerprint,
        cf.Spectra.from_weights(np.repeat(w, 2, axis=0)[::2]).fingerprint,
    }
    assert len(found) == 1
    np.testing.assert_array_equal(levels_of(w)[1], levels_of(w[1]))


# A17


@pytest.mark.parametrize(
    "text", ["4.1,4\n#4.2,3.9\n4.3,3.8\n", "# 4.1,4\n4.2,3.9\n4.3,3.8\n", "4.1,4\n4.3,3.8\n# the end\n"]
)
def test_a17_a_row_that_begins_with_a_hash_is_not_skipped(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(cf.DataError, match=r"cannot read .*x.csv: line \d begins with #"):
        cf.read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("# made by hand\n# upper,lower\n4.1,4\n4.2,3.9\n")
    assert cf.read(tmp_path / "x.csv").runs == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: cf.Spectra(x, targets=[4.0, -4.0]), "targets: squared singular values cannot be negative, got -4"),
        (lambda x: cf.Spectra(x, np.nan), "learning_rate: expected finite numbers"),
        (lambda x: cf.Spectra(x, batch_size=np.inf), "batch_size: expected finite numbers"),
        (lambda x: cf.Spectra(x, True), "learning_rate: expected real numbers, got dtype bool"),
        (
            lambda x: cf.Spectra(x, np.array([0.1, 0.2])),
            r"learning_rate: expected one positive number, got shape \(2,\)",
        ),
        (lambda x: cf.Spectra([]), r"eigenvalues: expected shape \(run, level\), got \(0,\)"),
        (lambda x: cf.Spectra(x[:0]), "eigenvalues: expected at least 2 runs"),
        (lambda x: cf.Spectra(x > 4), "eigenvalues: expected real numbers, got dtype bool"),
        (lambda x: cf.Spectra(x.astype(str)), "eigenvalues: expected real numbers, got dtype <U"),
        (lambda x: cf.Spectra(x.astype(complex)), "eigenvalues: expected real numbers, got dtype complex128"),
        (lambda x: cf.Spectra(x.astype(object)), "eigenvalues: expected real numbers, got dtype object"),
        (lambda x: cf.Spectra(np.ma.masked_less(x, 4)), "eigenvalues: expected no masked entries"),
        (lambda x: cf.Spectra.from_weights(np.ma.masked_less(x[:, :, None], 4)), "weights: expected no masked entries"),
        (lambda x: cf.Spectra.from_weights(np.full((3, 2, 2), 1e200)), "weights: expected numbers whose squares"),
        (lambda x: cf.Spectra.from_weights([]), r"weights: expected shape \(run, M, N\), got \(0,\)"),
        (lambda x: cf.Spectra(x, provenance={"z": np.nan}), "provenance: expected JSON values"),
        (lambda x: cf.Spectra(x.astype("M8[s]")), "eigenvalues: expected real numbers, got dtype datetime64"),
    ],
)
def test_a17_what_makes_no_sense_is_refused_by_name(make, message: str) -> None:
    with pytest.raises(cf.DataError, match=message):
        make(pairs(5))


def test_positions_of_levels_are_kept() -> None:
    x = np.hstack([pairs(100) + 4.0, pairs(100, 1), pairs(100, 2)[:, :1] - 2.0])
    spectra = cf.Spectra(x)
    assert spectra.pair(1).provenance["levels"] == [2, 3]
    assert spectra.pair(1).pair(0).provenance["levels"] == [2, 3]
    assert cf.Spectra(x[:, 2:4]).pair(0).provenance["levels"] == [0, 1]
