"""Reading and writing files."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.files import replacing, write_text


@pytest.fixture
def weights() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 3, 2, 2))


def refused(path: Path, message: str, **options) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.read(path, **options)


def test_npz_with_snapshots_and_named_settings(tmp_path: Path, weights) -> None:
    path = tmp_path / "runs.npz"
    np.savez(path, W=weights, lr=0.1, bs=16, other=np.arange(3))
    last = cf.read(path, weights="W", learning_rate="lr", batch_size="bs")
    np.testing.assert_array_equal(last.eigenvalues, cf.Spectra.from_weights(weights[:, -1]).eigenvalues)
    assert (last.learning_rate, last.batch_size, last.name) == (0.1, 16.0, "runs")
    first = cf.read(path, weights="W", snapshot=0, learning_rate=0.2, name="mine", targets=[1.0, 1.0])
    np.testing.assert_array_equal(first.eigenvalues, cf.Spectra.from_weights(weights[:, 0]).eigenvalues)
    assert (first.learning_rate, first.batch_size, first.name) == (0.2, None, "mine")
    assert first.provenance == {"file": "runs.npz", "array": "W", "snapshot": 0}


def test_npy_of_eigenvalues_or_of_weights(tmp_path: Path, weights) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.abs(weights[:, 0]))
    expected = cf.Spectra.from_weights(np.abs(weights[:, 0]))
    assert cf.read(path, weights=True).fingerprint == expected.fingerprint
    assert cf.read(path, weights="any").fingerprint == expected.fingerprint
    refused(path, "may be weights .* or eigenvalues .*; say weights=True or which snapshot")
    assert cf.read(path, snapshot=0).levels == 2
    np.save(path, expected.eigenvalues)
    assert cf.read(path).fingerprint == expected.fingerprint


@pytest.mark.parametrize("header", ["", "upper,lower\n", "\ufeff", "\ufeffupper,lower\n"])
def test_csv_with_and_without_a_header(tmp_path: Path, header) -> None:
    path = tmp_path / "x.csv"
    path.write_text(header + "4.1,4\n4.2,3.9\n", encoding="utf-8")
    np.testing.assert_array_equal(cf.read(path).eigenvalues, [[4.1, 4.0], [4.2, 3.9]])


def test_save_and_read_back(tmp_path: Path) -> None:
    spectra = cf.Spectra(
        np.random.default_rng(0).uniform(size=(5, 3)), 0.1, 16, [3.0, 2.0, 1.0], "mine", {"by": "hand", "n": [1, 2]}
    )
    spectra.save(tmp_path / "x.nc")
    back = cf.read(tmp_path / "x.nc")
    assert back.fingerprint == spectra.fingerprint
    assert (back.learning_rate, back.batch_size, back.name) == (0.1, 16.0, "mine")
    np.testing.assert_array_equal(back.targets, spectra.targets)
    assert back.provenance["by"] == "hand"


def test_netcdf_with_snapshots(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(size=(5, 4, 2))
    xr.Dataset({"eigenvalues": (("run", "snapshot", "level"), x)}).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    assert cf.read(tmp_path / "x.nc").fingerprint == cf.Spectra(x[:, -1]).fingerprint
    assert cf.read(tmp_path / "x.nc", snapshot=1).fingerprint == cf.Spectra(x[:, 1]).fingerprint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nowhere.npz"):
        cf.read(tmp_path / "nowhere.npz")


def test_wrong_names_show_what_is_there(tmp_path: Path, weights) -> None:
    path = tmp_path / "runs.npz"
    np.savez(path, W=weights, lr=0.1)
    refused(path, "weights: no array named 'V' in runs.npz, which has W, lr", weights="V")
    refused(path, "eigenvalues: no array named 'eigenvalues'")
    refused(path, "learning_rate: no array named 'rate'", weights="W", learning_rate="rate")
    refused(path, "weights: runs.npz has arrays W, lr; say which", weights=True)
    with pytest.raises(ValueError, match="give the name of one of them, got both"):
        cf.read(path, weights="W", eigenvalues="x")
    refused(path, "snapshot: expected -3 to 2, got 3", weights="W", snapshot=3)
    refused(path, r"weights: expected shape \(run, M, N\), got \(\)", weights="lr")


def test_snapshot_without_a_snapshot_axis(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    refused(tmp_path / "x.npy", "snapshot: eigenvalues has no snapshot axis", snapshot=0)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1 2")
    refused(tmp_path / "x.txt", "path: expected a file ending in .npz, .npy, .csv, .nc, got x.txt")
    for name in ("x.npz", "x.npy", "x.nc", "x.csv"):
        (tmp_path / name).write_bytes(b"not,what\nit,says\x00")
        refused(tmp_path / name, f"path: cannot read .*{name}")


def test_objects_in_files_are_never_loaded(tmp_path: Path) -> None:
    objects = np.array([[1.0, None], [2.0, 3.0]], dtype=object)
    np.save(tmp_path / "x.npy", objects)
    refused(tmp_path / "x.npy", "path: cannot read .*allow_pickle")
    np.savez(tmp_path / "x.npz", meta=objects, eigenvalues=np.ones((3, 2)))
    refused(tmp_path / "x.npz", "path: cannot read .*allow_pickle", eigenvalues="meta")
    assert cf.read(tmp_path / "x.npz").runs == 3


def test_a_first_line_that_is_half_numbers_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("4.1,n/a\n4.2,3.9\n4.3,3.8\n")
    refused(path, "path: cannot read .*n/a")
    path.write_text(",upper,lower\n0,4.2,3.9\n1,4.3,3.8\n")
    refused(path, "its first column has no name and looks like an index")
    path.write_text("")
    refused(path, "path: cannot read .*: it is empty")


def test_endings_that_lie(tmp_path: Path) -> None:
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.ones((3, 2)))
    refused(tmp_path / "x.npz", "it holds a single array")
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, a=np.ones((3, 2)))
    refused(tmp_path / "x.npy", "it is an archive of arrays")


@pytest.mark.parametrize("provenance", ["[1]", "from the cluster"])
def test_netcdf_of_other_making(tmp_path: Path, provenance: str) -> None:
    dataset = xr.Dataset({"x": (("run", "level"), np.ones((3, 2)))}, attrs={"provenance": provenance})
    dataset.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    assert "provenance" in cf.read(tmp_path / "x.nc", eigenvalues="x").provenance


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_text("first", path)

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        fail()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist"):
        write_text("x", tmp_path / "nowhere" / "x.html")
