"""A table of malformed inputs: each is refused within two seconds, by one error that names the argument or the file."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save, save_file

import coulombfit as cf
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError
from tests.data import malformed_tables, malformed_tensors
from tests.data.malformed_tables import ARCHIVE, WHOLE, Act, W, X, npy, npz, read_bytes
from tests.data.malformed_tensors import dataset, entry, sealed_then, tensors, with_h5py

CASES = malformed_tables.CASES | malformed_tensors.CASES


# recordings
def recorded(change: Callable[[Path], Any]) -> Act:
    def act(folder: Path) -> None:
        with cf.Recorder(folder / "run", targets=[4.0, 4.0]) as recorder:
            for step in range(3):
                recorder.log(step, W[:, :, :] + step)
        change(folder / "run")
        cf.read(folder / "run")

    return act


def header(**changes: Any) -> Act:
    def change(folder: Path) -> None:
        path = folder / "recording.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return recorded(change)


def segment(**variables: Any) -> Act:
    """The one segment, with other variables; None leaves one out."""

    def change(folder: Path) -> None:
        path = next(folder.glob("*.nc"))
        data = xr.load_dataset(path)
        kept = {name: variables.get(str(name), data[name]) for name in data if variables.get(str(name), 0) is not None}
        write_netcdf(xr.Dataset(kept), path)

    return recorded(change)


CASES |= {
    "recording: no header": (
        recorded(lambda folder: (folder / "recording.json").unlink()),
        "folder that is no recording",
    ),
    "recording: an empty header": (
        recorded(lambda folder: (folder / "recording.json").write_text("")),
        "recording.json",
    ),
    "recording: a header of brackets": (
        recorded(lambda folder: (folder / "recording.json").write_text("[" * 100_000)),
        "recording.json",
    ),
    "recording: a header of bytes": (
        recorded(lambda folder: (folder / "recording.json").write_bytes(b"\xff\xfe{")),
        "recording.json",
    ),
    "recording: another version": (header(version=2), "recording.json"),
    "recording: another format": (header(format="photographs"), "recording.json"),
    "recording: one part more": (header(more=1), "recording.json"),
    "recording: no layers": (header(layers={}), "recording.json: layers"),
    "recording: layers as a list": (header(layers=[[2, 2]]), "recording.json: layers"),
    "recording: a layer of three axes": (header(layers={"w": [2, 2, 2]}), "recording.json: layers"),
    "recording: a layer of text": (header(layers={"w": ["2", 2]}), "recording.json: layers"),
    "recording: a negative layer": (header(layers={"w": [-2, 2]}), "recording.json: layers"),
    "recording: other layers": (header(layers={"weights": [9, 9]}, targets={}), "expected snapshots of shape"),
    "recording: another number of runs": (header(runs=5), "expected snapshots of shape"),
    "recording: runs as text": (header(runs="3"), "recording.json: runs"),
    "recording: targets of no layer": (header(targets={"v": [1.0, 2.0]}), "recording.json: targets"),
    "recording: negative targets": (header(targets={"weights": [-1.0, 2.0]}), "recording.json: targets"),
    "recording: targets of text": (header(targets={"weights": ["a", "b"]}), "recording.json: targets"),
    "recording: a name that is none": (header(name=3), "recording.json: name"),
    "recording: no segment": (recorded(lambda folder: next(folder.glob("*.nc")).unlink()), "no snapshot yet"),
    "recording: an empty segment": (
        recorded(lambda folder: next(folder.glob("*.nc")).write_bytes(b"")),
        r"0000-000000\.nc",
    ),
    "recording: a segment without steps": (segment(step=None), r"0000-000000\.nc"),
    "recording: steps that fall": (segment(step=("snapshot", [2, 1, 0])), r"0000-000000\.nc: its steps"),
    "recording: steps that are no whole numbers": (segment(step=("snapshot", [0.5, 1, 2])), r"nc: its steps"),
    "recording: a segment without levels": (segment(eigenvalues_0=None), r"0000-000000\.nc"),
    "recording: levels of another shape": (
        segment(eigenvalues_0=(("snapshot", "x"), np.ones((3, 7)))),
        r"0000-000000\.nc: expected snapshots",
    ),
}

# arguments and arrays in memory
CASES |= {
    "path: nowhere": (lambda folder: cf.read(folder / "x.npz"), "path: no such file: .*x.npz"),
    "path: a zero byte": (lambda _: cf.read("x\0.npz"), "path"),
    "path: too long": (lambda _: cf.read("x" * 5000 + ".npz"), "path"),
    "path: none": (lambda _: cf.read([]), "path: expected at least one file"),
    "path: no ending": (read_bytes(b"", "x"), "path: expected a file ending in"),
    "path: a pickle": (read_bytes(b"", "x.pt"), "path: x.pt may hold Python objects"),
    "path: a fit nowhere": (lambda folder: cf.Fit.load(folder / "x.nc"), "path: no such file"),
    "path: a fit that is a folder": (cf.Fit.load, "path: .*a folder"),
    "path: a recording nowhere": (lambda folder: cf.recording(folder / "x"), "path: no such folder"),
    "weights and eigenvalues": (lambda _: cf.read("x.npz", weights="w", eigenvalues="x"), "weights, eigenvalues"),
    "burn_in of a file": (read_bytes(ARCHIVE, "x.npz", burn_in=3), "burn_in: it is of a single recording"),
    "snapshot of no series": (read_bytes(ARCHIVE, "x.npz", snapshot=1), "snapshot: eigenvalues has no snapshot axis"),
    "limit of nothing": (read_bytes(ARCHIVE, "x.npz", limit=0), "limit: expected a positive whole number"),
    "a factor of zero": (read_bytes(ARCHIVE, "x.npz", factor=0.0), "factor: expected one positive number"),
    "a key that is not there": (read_bytes(ARCHIVE, "x.npz", learning_rate="lr"), "learning_rate: no array named 'lr'"),
    "a key of an array": (
        read_bytes(npz(eigenvalues=WHOLE, lr=npy(X)), "x.npz", learning_rate="lr"),
        r"learning_rate: expected one positive number, got shape \(3, 2\)",
    ),
    "levels: nothing": (lambda _: cf.Spectra([]), "eigenvalues: expected shape"),
    "levels: one number": (lambda _: cf.Spectra(4.0), "eigenvalues: expected shape"),
    "levels: ragged": (lambda _: cf.Spectra([[1.0, 2.0], [1.0]]), "eigenvalues: expected a rectangular"),
    "levels: a mask": (lambda _: cf.Spectra(np.ma.masked_less(X, 4)), "eigenvalues: expected no masked"),
    "levels: a dataset": (
        lambda _: cf.Spectra(xr.Dataset({"x": ("run", [1.0, 2.0])})),
        "eigenvalues: expected an array",
    ),
    "levels: names of a matrix": (lambda _: cf.Spectra(xr.DataArray(X, dims=("M", "N"))), "eigenvalues: expected dim"),
    "levels: a huge number": (
        lambda _: cf.Spectra(X.astype(np.longdouble) * np.longdouble("1e999")),
        "eigenvalues: exp",
    ),
    "targets: negative": (lambda _: cf.Spectra(X, targets=[4.0, -1.0]), "targets: squared singular values"),
    "targets: NaN": (lambda _: cf.Spectra(X, targets=[4.0, np.nan]), "targets: expected finite"),
    "weights: no runs": (lambda _: cf.Spectra.from_weights(W[0]), r"weights: expected shape \(run, M, N\)"),
    "weights: no columns": (lambda _: cf.Spectra.from_weights(W[:, :, :0]), "weights: expected shape"),
    "trajectory: one axis": (lambda _: cf.Spectra.from_trajectory(X[0]), "eigenvalues: expected shape"),
    "trajectory: too short": (lambda _: cf.Spectra.from_trajectory(X), "eigenvalues: expected at least 16 snapshots"),
    "stationarity: two axes": (lambda _: cf.stationarity(X), r"eigenvalues: expected shape \(run, snapshot, level\)"),
}


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("name", CASES)
def test_malformed_input_is_refused(tmp_path: Path, name: str) -> None:
    act, named = CASES[name]
    begin = time.monotonic()
    with pytest.raises((cf.DataError, ArgumentError, FileNotFoundError), match=named) as caught:
        act(tmp_path)
    assert time.monotonic() - begin < 5.0  # two on a quiet machine
    assert "\n" not in str(caught.value)
    assert "ype-check" not in str(caught.value)  # of these tests, and not of the product
    assert len(str(caught.value)) < 1000 + len(str(tmp_path)) or "too long" in name


def test_what_the_cases_begin_with_is_read(tmp_path: Path) -> None:
    """They are refused for what is wrong with them, and not for what is right."""
    for content, name, options in [
        (WHOLE, "x.npy", {}),
        (ARCHIVE, "x.npz", {}),
        (b"4.25,4.0\n4.125,3.9\n4.375,3.8\n", "x.csv", {}),
        (save({"w": W}), "x.safetensors", {"weights": "w"}),
        (tensors(entry(), W.tobytes()), "y.safetensors", {"weights": "w"}),
    ]:
        read_bytes(content, name, **options)(tmp_path)
    dataset(("run", "level"))(tmp_path)
    with_h5py(lambda file: file.create_dataset("eigenvalues", data=X))(tmp_path)
    sealed_then(bytes)(tmp_path)
    (tmp_path / "rec").mkdir()
    recorded(lambda _: None)(tmp_path / "rec")
    save_file({"w": W}, tmp_path / "z.safetensors")
