"""Malformed .npy, .npz and .csv files: what is done with each, and what its refusal names."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import coulombfit as cf

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
