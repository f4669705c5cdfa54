"""Malformed .nc and .safetensors files: what is done with each, and what its refusal names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import xarray as xr
from safetensors.numpy import save

import coulombfit as cf
from tests.data.malformed_tables import Act, W, X, read_bytes

CASES: dict[str, tuple[Act, str]] = {}


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
