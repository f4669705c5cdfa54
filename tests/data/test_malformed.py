"""A table of malformed inputs: each is refused within two seconds, by one error that names the argument or the file."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save, save_file

import coulombfit as cf
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError

X = np.array([[4.25, 4.0], [4.125, 3.9], [4.375, 3.8]])
W = np.random.default_rng(0).normal(size=(3, 2, 2))
Act = Callable[[Path], Any]
CASES: dict[str, tuple[Act, str]] = {}


def read_bytes(content: bytes, name: str, **options: Any) -> Act:
    def act(folder: Path) -> None:
        (folder / name).write_bytes(content)
        cf.read(folder / name, **options)

    return act


def npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def headed(text: str, content: bytes = bytes(48), version: bytes = b"\x01\x00") -> bytes:
    """An .npy file whose header is that text."""
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode("latin1") + content


# .npy
WHOLE = npy(X)
NPY = {
    "empty": b"",
    "only the magic": WHOLE[:6],
    "cut in the header": WHOLE[:40],
    "cut in the data": WHOLE[:-1],
    "more than one array": WHOLE + WHOLE,
    "version 9": WHOLE[:6] + b"\x09\x00" + WHOLE[8:],
    "text": b"4.2 4.0\n",
    "a header that is no dictionary": headed("[1, 2]"),
    "a header without a shape": headed("{'descr': '<f8', 'fortran_order': False}"),
    "a header that calls": headed("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (3, 2)}"),
    "a header of brackets": headed("(" * 5000),
    "a header that ends within a string": headed("{'descr': '<f8"),
    "a shape of text": headed("{'descr': '<f8', 'fortran_order': False, 'shape': ('3', 2)}"),
    "a negative shape": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 2)}"),
    "a huge shape": headed(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10**30}, 2)}}"),
    "a type that is none": headed("{'descr': 'x9', 'fortran_order': False, 'shape': (3, 2)}"),
    "Python objects": npy(np.array([[1.0, None], [2.0, 3.0]], object), allow_pickle=True),
    "complex numbers": npy(X.astype(complex)),
    "truth values": npy(X > 4),
    "text in an array": npy(X.astype(str)),
    "a structured array": npy(np.zeros(3, [("x", "f8"), ("y", "f8")])),
    "one number": npy(np.float64(3.0)),
    "one run": npy(X[0]),
    "no runs": npy(X[:0]),
    "no levels": npy(X[:, :0]),
    "a single run in front": npy(X[:1]),
    "four axes": npy(np.zeros((3, 2, 2, 2))),
    "NaN": npy(np.where(X > 4.3, np.nan, X)),
    "infinity": npy(np.where(X > 4.3, np.inf, X)),
    "negative levels": npy(-X),
    "a copy of a run": npy(W[[0, 1, 0], 0] ** 2),
    "dates": npy(X.astype("M8[s]")),
}
CASES |= {f"npy: {name}": (read_bytes(content, "x.npy"), "x.npy|eigenvalues") for name, content in NPY.items()}

# .npz
ARCHIVE = npz(eigenvalues=WHOLE)


def flagged(content: bytes, offset: int, value: int) -> bytes:
    """Set a byte in the local and in the central header of a member."""
    changed = bytearray(content)
    changed[content.index(b"PK\x03\x04") + offset] = value
    changed[content.index(b"PK\x01\x02") + offset + 2] = value
    return bytes(changed)


NPZ = {
    "empty": b"",
    "no archive": b"PK",
    "text": b"4.2 4.0\n",
    "cut in half": ARCHIVE[: len(ARCHIVE) // 2],
    "without its directory": ARCHIVE[: ARCHIVE.index(b"PK\x01\x02")],
    "without members": npz(),
    "encrypted": flagged(ARCHIVE, 6, 1),
    "a method that is unknown": flagged(ARCHIVE, 8, 97),
    "a damaged byte": ARCHIVE[:200] + bytes([ARCHIVE[200] ^ 1]) + ARCHIVE[201:],
    "a member that is no array": npz(eigenvalues=b"hello"),
    "an empty member": npz(eigenvalues=b""),
    "a member of objects": npz(eigenvalues=NPY["Python objects"]),
    "a member cut in the data": npz(eigenvalues=WHOLE[:-1]),
    "another name": npz(other=WHOLE),
}
CASES |= {f"npz: {name}": (read_bytes(content, "x.npz"), "x.npz") for name, content in NPZ.items()}

# .csv
CSV = {
    "empty": "",
    "blank lines only": "\n\n\n",
    "a header only": "upper,lower\n",
    "labels 0, 1": "0,1\n4.2,4.1\n4.3,3.9\n",
    "labels 1, 2": "1,2\n4.2,4.1\n4.3,3.9\n",
    "an index without a name": ",upper,lower\n0,4.2,4.1\n1,4.3,3.9\n",
    "an index and labels": ",0,1\n0,4.2,4.1\n1,4.3,3.9\n",
    "an index by its name": "run,upper,lower\n0,4.2,4.1\n1,4.3,3.9\n",
    "an unnamed column of a spreadsheet": "Unnamed: 0,upper\n0,4.2\n1,4.3\n",
    "an index without a header": "0,4.2,4.1\n1,4.3,3.9\n2,4.1,3.8\n",
    "seeds beside levels": "upper,x\n4.2,71\n4.3,13\n4.1,99\n",
    "semicolons": "4.2;4.1\n4.3;3.9\n",
    "semicolons and decimal commas": "4,2;4,1\n4,3;3,9\n",
    "tabs": "4.2\t4.1\n4.3\t3.9\n",
    "bars": "4.2|4.1\n4.3|3.9\n",
    "spaces": "4.2 4.1\n4.3 3.9\n",
    "a row too long": "4.2,4.1\n4.3,3.9,3.8\n",
    "a row too short": "4.2,4.1\n4.3\n",
    "a header too short": "upper\n4.2,4.1\n4.3,3.9\n",
    "a comma at the end of each row": "4.2,4.1,\n4.3,3.9,\n",
    "a missing cell": "4.2,4.1\n4.3,\n",
    "a blank row": "4.2,4.1\n\n4.3,3.9\n",
    "a row of text": "4.2,4.1\nfailed,failed\n4.3,3.9\n",
    "n/a": "4.2,4.1\n4.3,n/a\n",
    "nan": "4.2,4.1\n4.3,nan\n",
    "inf": "4.2,4.1\n4.3,inf\n",
    "underscores": "4.2,4.1\n4_3.0,3.9\n",
    "a unit": "4.2 m,4.1 m\n4.3 m,3.9 m\n",
    "a quote that does not end": '4.2,"4.1\n4.3,3.9\n',
    "a hash before a row": "4.2,4.1\n#4.3,3.9\n4.1,3.8\n",
    "a hash in a row": "4.2,4.1\n4.3,3.9 # ?\n",
    "zero bytes": "4.2,4.1\n\0\0\0\n",
    "complex": "4.2+1j,4.1\n4.3,3.9\n",
    "a negative level": "4.2,-4.1\n4.3,3.9\n",
    "one run": "4.2,4.1\n",
    "the same run twice": "4.21,4.11\n4.21,4.11\n",
    "a setting": "4.2,16,4.1\n4.3,16,3.9\n4.4,16,3.8\n",
    "a cell too long": "4.2," + "1" * 200_000 + "x\n4.3,3.9\n",
    "a number too large": "4.2,1e999\n4.3,3.9\n",
}
CASES |= {f"csv: {name}": (read_bytes(text.encode(), "x.csv"), "x.csv|eigenvalues") for name, text in CSV.items()}
CASES |= {
    f"csv: {name}": (read_bytes(content, "x.csv"), "x.csv")
    for name, content in {
        "latin-1": "größe,x\n4.2,4.1\n".encode("latin1"),
        "UTF-16": "4.2,4.1\n4.3,3.9\n".encode("utf-16"),
        "random bytes": np.random.default_rng(0).bytes(1000),
    }.items()
}


# .nc
def with_h5py(make: Callable[[h5py.File], Any], **options: Any) -> Act:
    def act(folder: Path) -> None:
        with h5py.File(folder / "x.nc", "w", libver="latest") as file:
            make(file)
        cf.read(folder / "x.nc", **options)

    return act


def dataset(dims: tuple[str, ...], values: Any = X, name: str = "eigenvalues", **attributes: Any) -> Act:
    def act(folder: Path) -> None:
        xr.Dataset({name: (dims, values)}, attrs=attributes).to_netcdf(folder / "x.nc", engine="h5netcdf")
        cf.read(folder / "x.nc")

    return act


def sealed_then(change: Callable[[bytes], bytes]) -> Act:
    def act(folder: Path) -> None:
        cf.Spectra(X).save(folder / "x.nc")
        (folder / "x.nc").write_bytes(change((folder / "x.nc").read_bytes()))
        cf.read(folder / "x.nc")

    return act


CASES |= {
    "nc: empty": (read_bytes(b"", "x.nc"), "x.nc"),
    "nc: text": (read_bytes(b"4.2 4.0\n", "x.nc"), "x.nc"),
    "nc: netCDF-3": (read_bytes(b"CDF\x01" + bytes(100), "x.nc"), "x.nc"),
    "nc: only the signature": (read_bytes(b"\x89HDF\r\n\x1a\n", "x.nc"), "x.nc"),
    "nc: cut in half": (sealed_then(lambda content: content[: len(content) // 2]), "x.nc"),
    "nc: its seal cut": (sealed_then(lambda content: content[: len(content) // 2] + content[-100:]), "x.nc.*damaged"),
    "nc: a changed byte": (sealed_then(lambda content: content[:999] + b"!" + content[1000:]), "x.nc.*damaged"),
    "nc: more at its end": (sealed_then(lambda content: b"!" + content), "x.nc"),
    "nc: another name": (dataset(("run", "level"), name="x"), "eigenvalues: no array named 'eigenvalues' in x.nc"),
    "nc: wrong dimensions": (dataset(("run", "M")), r"eigenvalues: expected dimensions \(run, level\), got \(run, M\)"),
    "nc: two of runs": (dataset(("run", "seed")), "eigenvalues: .*two of one meaning"),
    "nc: snapshots of one run": (dataset(("snapshot", "level")), "eigenvalues: x.nc holds the 3 snapshots of one run"),
    "nc: one run": (dataset(("level",), X[0]), "eigenvalues: x.nc holds one run"),
    "nc: text in an array": (dataset(("run", "level"), X.astype(str)), "eigenvalues: expected real numbers"),
    "nc: missing values": (dataset(("run", "level"), np.where(X > 4.3, np.nan, X)), "eigenvalues: expected finite"),
    "nc: a learning rate of text": (dataset(("run", "level"), learning_rate="fast"), "learning_rate: expected real"),
    "nc: a negative learning rate": (
        dataset(("run", "level"), learning_rate=-0.1),
        "learning_rate: expected one positive",
    ),
    "nc: learning rates": (dataset(("run", "level"), learning_rate=[0.1, 0.2]), "learning_rate: expected one positive"),
    "nc: targets of another shape": (dataset(("run", "level"), targets=[1.0, 2.0, 3.0]), "targets: expected shape"),
    "nc: no values": (with_h5py(lambda file: file.create_dataset("eigenvalues", dtype="f8")), "x.nc.*has no values"),
    "nc: a group of that name": (
        with_h5py(lambda file: file.create_group("eigenvalues")),
        "no array named 'eigenvalues'",
    ),
    "nc: compound numbers": (
        with_h5py(lambda file: file.create_dataset("eigenvalues", data=np.zeros((3, 2), [("re", "f8"), ("im", "f8")]))),
        "eigenvalues: expected real numbers",
    ),
    "nc: ragged rows": (
        with_h5py(lambda file: file.create_dataset("eigenvalues", (3,), h5py.vlen_dtype(np.float64))),
        "x.nc",
    ),
    "nc: references": (
        with_h5py(lambda file: file.create_dataset("eigenvalues", (3, 2), h5py.ref_dtype)),
        "x.nc",
    ),
    "nc: 10¹² rows": (
        with_h5py(lambda file: file.create_dataset("eigenvalues", (10**12, 2), "f8", chunks=(9, 2))),
        "x.nc.*more than the limit",
    ),
    "nc: an attribute that is too large": (
        with_h5py(lambda file: file.attrs.create("x", np.zeros(2**22), dtype="f8")),
        "x.nc",
    ),
    "nc: a link that leads nowhere": (
        with_h5py(lambda file: file.__setitem__("eigenvalues", h5py.SoftLink("/nowhere"))),
        "x.nc.*not followed",
    ),
}


# .safetensors
def tensors(head: Any, content: bytes = b"", length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + content


def entry(**changes: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F64", "shape": [3, 2, 2], "data_offsets": [0, 96]} | changes}


SAFETENSORS = {
    "empty": b"",
    "seven bytes": bytes(7),
    "a header longer than the file": tensors({}, length=10**6),
    "a header longer than memory": tensors({}, length=2**63),
    "a header that is no JSON": tensors(b"{"),
    "a header that is no object": tensors([1, 2]),
    "a header of brackets": tensors(b"[" * 100_000),
    "data that end too soon": tensors(entry(), bytes(95)),
    "data that go on": tensors(entry(), bytes(97)),
    "a shape that does not fit": tensors(entry(shape=[3, 2, 3]), bytes(96)),
    "a negative shape": tensors(entry(shape=[-3, 2, 2]), bytes(96)),
    "a huge shape": tensors(entry(shape=[2**62, 2**62, 2]), bytes(96)),
    "an unknown type": tensors(entry(dtype="F65"), bytes(96)),
    "offsets the wrong way": tensors(entry(data_offsets=[96, 0]), bytes(96)),
    "offsets beyond": tensors(entry(data_offsets=[96, 192]), bytes(96)),
    "no offsets": tensors({"w": {"dtype": "F64", "shape": [3, 2, 2]}}, bytes(96)),
    "copies of one run": tensors(entry(), bytes(96)),
    "truth values": save({"w": W > 0}),
    "one matrix": save({"w": W[0]}),
    "a convolution": save({"w": W[None]}),
    "another name": save({"v": W}),
    "NaN": save({"w": W * np.nan}),
}
CASES |= {
    f"safetensors: {name}": (read_bytes(content, "x.safetensors", weights="w"), "x.safetensors|weights|eigenvalues")
    for name, content in SAFETENSORS.items()
}
FLOAT8 = save({"w": W.astype(ml_dtypes.float8_e5m2)})
CASES["safetensors: float8"] = (read_bytes(FLOAT8, "x.safetensors", weights="w"), "x.safetensors.*save it as float32")


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
