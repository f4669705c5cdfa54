"""Reading and writing files."""

import pickle
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save_file

import coulombfit as cf
from coulombfit.runtime.atomic_files import replacing, write_text
from tests.data.refusing import refused

LEVELS = np.array([[4.2, 4.0], [4.1, 3.9], [4.3, 3.8]])


def test_npz_with_snapshots_and_named_settings(tmp_path: Path, weights) -> None:
    path = tmp_path / "runs.npz"
    np.savez(path, W=weights, lr=0.1, bs=16, other=np.arange(3))
    last = cf.read(path, weights="W", learning_rate="lr", batch_size="bs")
    np.testing.assert_array_equal(last.eigenvalues, cf.Spectra.from_weights(weights[:, -1]).eigenvalues)
    assert (last.learning_rate, last.batch_size, last.name) == (0.1, 16.0, "runs")
    first = cf.read(path, weights="W", snapshot=0, learning_rate=0.2, name="mine", targets=[1.0, 1.0])
    np.testing.assert_array_equal(first.eigenvalues, cf.Spectra.from_weights(weights[:, 0]).eigenvalues)
    assert (first.learning_rate, first.batch_size, first.name) == (0.2, None, "mine")
    stationarity = first.provenance["stationarity"]
    assert stationarity["answer"] == "not run"
    assert first.provenance == {
        "file": "runs.npz",
        "array": "W",
        "snapshot": 0,
        "runs": 6,
        "stationarity": stationarity,
    }
    assert last.provenance["snapshot"] == 2


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
    refused(tmp_path / "x.txt", "path: expected a file ending in .npz, .npy, .csv, .nc, .safetensors, got x.txt")
    for name in ("x.npz", "x.npy", "x.nc", "x.csv", "x.safetensors"):
        (tmp_path / name).write_bytes(b"not,what\nit,says\x00")
        refused(tmp_path / name, f"path: cannot read .*{name}")


def test_objects_in_files_are_never_loaded(tmp_path: Path) -> None:
    objects = np.array([[1.0, None], [2.0, 3.0]], dtype=object)
    np.save(tmp_path / "x.npy", objects)
    refused(tmp_path / "x.npy", "path: .*x.npy holds Python objects, and nothing is unpickled here")
    np.savez(tmp_path / "x.npz", meta=objects, eigenvalues=LEVELS)
    refused(tmp_path / "x.npz", "path: 'meta' in .*x.npz holds Python objects", eigenvalues="meta")
    assert cf.read(tmp_path / "x.npz").runs == 3


def test_a_first_line_that_is_half_numbers_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("4.1,n/a\n4.2,3.9\n4.3,3.8\n")
    refused(path, "path: cannot read .*n/a")
    path.write_text(",upper,lower\n0,4.2,3.9\n1,4.3,3.8\n")
    refused(path, "its column 0 has no name and looks like an index")
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
    dataset = xr.Dataset({"x": (("run", "level"), LEVELS)}, attrs={"provenance": provenance})
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


def test_only_what_is_wanted_is_loaded(tmp_path: Path, weights) -> None:
    """The other tensor's place in the file is a hole of two gigabytes."""
    path = tmp_path / "x.safetensors"
    size, ours = 2 * 2**30, np.ascontiguousarray(weights[:, 0]).tobytes()
    head = f'{{"w":{{"dtype":"F64","shape":[6,2,2],"data_offsets":[0,{len(ours)}]}},'
    head += f'"x":{{"dtype":"F32","shape":[{size // 4}],"data_offsets":[{len(ours)},{len(ours) + size}]}}}}'
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head.encode() + ours)
        file.truncate(8 + len(head) + len(ours) + size)
    assert cf.read(path, weights="w").fingerprint == cf.Spectra.from_weights(weights[:, 0]).fingerprint


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_low_precision(tmp_path: Path, weights, kind: str) -> None:
    w = np.ascontiguousarray(weights[:, 0]).astype(ml_dtypes.finfo(kind).dtype)
    save_file({"w": w}, tmp_path / "x.safetensors")
    expected = cf.Spectra.from_weights(w.astype(np.float64))
    assert cf.read(tmp_path / "x.safetensors", weights="w").fingerprint == expected.fingerprint


def test_float8_is_refused(tmp_path: Path) -> None:
    save_file({"w": np.ones((3, 2, 2), ml_dtypes.float8_e5m2)}, tmp_path / "x.safetensors")
    refused(tmp_path / "x.safetensors", "cannot read .*: 'w' is of type F8_E5M2; save it as float32", weights="w")


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("ending", ["pt", "pth", "bin", "ckpt", "pkl", "pickle", "h5", "keras", "npy", "safetensors"])
def test_nothing_is_unpickled(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"model.{ending}"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    told = {"h5": "as safetensors", "keras": "as safetensors", "npy": "cannot read", "safetensors": "cannot read"}
    for read in (cf.read, cf.read_layers):
        with pytest.raises(cf.DataError, match=told.get(ending, "nothing is unpickled here; convert it")):
            read(path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "sprung").exists()


def test_a_grouping_and_levels_are_stated_at_the_door(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([5.0, 3.0, 2.9, 0.0], [0.05, 0.05, 0.05, 0.0], (40, 3, 4))
    np.savez(tmp_path / "runs.npz", eigenvalues=x)
    found = cf.read(tmp_path / "runs.npz", clusters="single", levels="nonzero")
    assert (found.clusters, found.provenance["levels"]) == ([[0], [1], [2]], [0, 1, 2])
    # a level that is always zero would have made it impossible to tell
    assert "changes most" in found.provenance["stationarity"]["verdict"]
    assert "constant levels" in cf.read(tmp_path / "runs.npz").provenance["stationarity"]["verdict"]
    some = cf.read(tmp_path / "runs.npz", levels=[1, 2], clusters=[[1, 2]])
    assert some.pair(0).provenance["levels"] == [1, 2]
    quantity = some.provenance["stationarity"]["quantity"]
    assert not set("03") & set(quantity), quantity
    # what is saved states it, until something else is stated
    some.save(tmp_path / "some.nc")
    assert cf.read(tmp_path / "some.nc").grouped_by == "stated"
    assert cf.read(tmp_path / "some.nc", clusters="single").clusters == [[0], [1]]
    assert cf.read(tmp_path / "some.nc", levels=[1]).provenance["levels"] == [2]
    with pytest.raises(cf.DataError, match="clusters: expected 'auto', 'single' or lists"):
        cf.read(tmp_path / "runs.npz", clusters="pairs")
