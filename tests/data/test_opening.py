"""The door through which files are read: what is no file, what is too large, what leads elsewhere, what is damaged."""

import os
import resource
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.data.files import netcdf
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.seals import is_whole
from tests.time_limit import at_most

ENDINGS = ("npz", "npy", "csv", "nc", "safetensors")
SMALL = np.array([[4.2, 4.0], [4.1, 3.9], [4.3, 3.8]])


# C2


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link", "folder"])
def test_c2_only_regular_files_are_read(tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"x.{ending}"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                here = Path.cwd()
                os.chdir(tmp_path)  # its address is short
                try:
                    server.bind(path.name)
                finally:
                    os.chdir(here)
        case "device":
            path.symlink_to("/dev/zero")
        case "link":
            (tmp_path / "pipe").symlink_to(tmp_path / "real")
            os.mkfifo(tmp_path / "real")
            path.symlink_to(tmp_path / "pipe")
        case "folder":
            path.mkdir()
    with at_most(60), pytest.raises(cf.DataError, match=r"path: expected (a regular file, .*x\.|a file ending)"):
        cf.read(path)
    if ending == "nc":
        with at_most(60), pytest.raises(cf.DataError, match="expected a regular file"):
            cf.Fit.load(path)


def test_c2_parts_of_a_recording_are_regular_files(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, np.eye(2))
    segment = next((tmp_path / "run").glob("*.nc"))
    segment.unlink()
    os.mkfifo(segment)
    with at_most(60), pytest.raises(cf.DataError, match="expected a regular file"):
        cf.recording(tmp_path / "run")


# C3


def claim(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    """The beginning of an .npy file."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def bomb(path: Path, size: int) -> None:
    """An archive of one array of zeros, a thousandth of its size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("eigenvalues.npy", "w") as member:
        member.write(claim((size // 16, 2)))
        for _ in range(size // 2**20):
            member.write(bytes(2**20))


def sparse(path: Path, rows: int) -> None:
    """A netCDF file of so many rows, none of which is there."""
    with h5py.File(path, "w") as file:
        file.create_dataset("eigenvalues", (rows, 2), "f8", chunks=(1000, 2))


def peak() -> int:
    """Bytes that this process has taken at most."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_c3_sizes_are_known_from_headers(tmp_path: Path) -> None:
    """Nothing of what is claimed is ever taken."""
    bomb(tmp_path / "bomb.npz", 2**28)
    sparse(tmp_path / "rows.nc", 10**10)
    (tmp_path / "rows.npy").write_bytes(claim((10**12, 2)) + bytes(160))
    with zipfile.ZipFile(tmp_path / "rows.npz", "w") as archive:
        archive.writestr("eigenvalues.npy", claim((10**12, 2)) + bytes(160))
    with (tmp_path / "text.csv").open("wb") as file:
        file.truncate(5 * 2**30)
    before = peak()
    with at_most(20):
        for name in ("rows.nc", "rows.npy", "rows.npz", "text.csv"):
            with pytest.raises(
                cf.DataError, match=rf"{name} .*takes .* bytes, more than the limit of 4\.29e\+09; .*limit="
            ):
                cf.read(tmp_path / name)
        with pytest.raises(cf.DataError, match=r"'eigenvalues' in .*bomb.npz has shape .* limit of 1e\+08"):
            cf.read(tmp_path / "bomb.npz", limit=10**8)
    assert peak() - before < 10**8


def test_c3_a_limit_is_raised_by_an_argument(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(1, 2, size=(1000, 3))
    np.savez(tmp_path / "x.npz", eigenvalues=x)
    np.save(tmp_path / "x.npy", x)
    np.savetxt(tmp_path / "x.csv", x, delimiter=",")
    cf.Spectra(x).save(tmp_path / "x.nc")
    for ending in ("npz", "npy", "csv", "nc"):
        with pytest.raises(cf.DataError, match=f"x.{ending}.* more than the limit"):
            cf.read(tmp_path / f"x.{ending}", limit=1000)
        assert cf.read(tmp_path / f"x.{ending}", limit=10**6).runs == 1000
    for limit in (0, -1, True):
        with pytest.raises(ValueError, match="limit: expected a positive whole number of bytes"):
            cf.read(tmp_path / "x.npz", limit=limit)
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, np.random.default_rng(0).normal(size=(100, 3, 3)))
    with pytest.raises(cf.DataError, match="more than the limit"):
        cf.recording(tmp_path / "run", limit=1000)
    with pytest.raises(cf.DataError, match="more than the limit"):
        cf.read(tmp_path / "run", limit=1000)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (claim((3, 2)) + bytes(40), r"claims the shape \(3, 2\) of float64, 48 bytes, and has 40"),
        (claim((3, 2)) + bytes(80), r"claims the shape \(3, 2\) of float64, 48 bytes, and has 80"),
        (claim((-3, -2)) + bytes(48), r"claims the shape \(-3, -2\)"),
        (b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b"{", "its header claims 2147483648 bytes"),
    ],
)
def test_c3_a_header_that_claims_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("eigenvalues.npy", content)
    with pytest.raises(cf.DataError, match=message):
        cf.read(tmp_path / "x.npy")
    with pytest.raises(cf.DataError, match=message):
        cf.read(tmp_path / "x.npz")


def test_c3_a_safetensors_header_longer_than_its_file(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes((10**9).to_bytes(8, "little") + b"{}")
    with pytest.raises(cf.DataError, match="its header claims 1000000000 bytes, and the file has 10"):
        cf.read(tmp_path / "x.safetensors", weights="w")


# C4


def loop(path: Path) -> None:
    """A netCDF file whose dimension scales lead HDF5 round in a circle: free space of no length in a global heap."""
    dataset = xr.Dataset({"eigenvalues": (("run", "level"), SMALL)})
    content = bytearray(dataset.to_netcdf(engine="h5netcdf"))
    heap = content.index(b"GCOL")
    place = heap + 16
    while True:
        index, size = (int.from_bytes(content[place + i : place + i + n], "little") for i, n in ((0, 2), (8, 8)))
        if index == 0:
            break
        place += 16 + (size + 7) // 8 * 8
    content[place + 8 : place + 16] = bytes(8)
    path.write_bytes(content)


@pytest.mark.slow
def test_c4_a_loop_in_hdf5_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop(tmp_path / "x.nc")
    monkeypatch.setattr(netcdf, "SECONDS", 1.5)
    for read in (cf.read, cf.Fit.load):
        begin = time.monotonic()
        with at_most(10), pytest.raises(cf.DataError, match=r"cannot read .*x.nc: HDF5 came to no end"):
            read(tmp_path / "x.nc")
        assert time.monotonic() - begin < 6


def test_c4_a_crash_in_hdf5_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known that crashes it; the child is made to."""
    xr.Dataset({"eigenvalues": (("run", "level"), SMALL)}).to_netcdf(tmp_path / "x.nc")
    script = tmp_path / "crash.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(netcdf.hdf5_reader, "__file__", str(script))
    with pytest.raises(cf.DataError, match=r"cannot read .*x.nc: HDF5 came to no end, or ended its process"):
        cf.read(tmp_path / "x.nc")


# C5


def test_c5_what_was_sealed_is_known_to_be_whole(tmp_path: Path) -> None:
    """Of 400 single changed bytes, none is read."""
    cf.Spectra(SMALL, 0.1, 16, name="mine").save(tmp_path / "x.nc")
    content = (tmp_path / "x.nc").read_bytes()
    with (tmp_path / "x.nc").open("rb") as file:
        assert is_whole(file) is True
    xr.testing.assert_identical(
        xr.load_dataset(tmp_path / "x.nc"), cf.Spectra(SMALL, 0.1, 16, name="mine").to_dataset()
    )
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content) - 100, size=400):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "y.nc").write_bytes(damaged)
        with pytest.raises(cf.DataError, match=r"cannot read .*y.nc: it is damaged, and no longer what was written"):
            cf.read(tmp_path / "y.nc")


def test_c5_a_file_that_another_program_has_changed_is_read(tmp_path: Path) -> None:
    cf.Spectra(SMALL).save(tmp_path / "x.nc")
    with h5py.File(tmp_path / "x.nc", "r+") as file:
        file.attrs["learning_rate"] = 0.3
    with (tmp_path / "x.nc").open("rb") as file:
        assert is_whole(file) is None
    assert cf.read(tmp_path / "x.nc").learning_rate == 0.3


@pytest.mark.slow
def test_c5_a_fit_that_has_lost_a_part(tmp_path: Path, few: np.ndarray) -> None:
    fit = cf.fit(few, "gaussian", sampler="laplace", seed=0)
    fit.save(tmp_path / "x.nc")
    assert cf.Fit.load(tmp_path / "x.nc").tree.identical(fit.tree)
    for group in ("posterior", "sample_stats", "observed_data"):
        write_netcdf(fit.tree.filter(lambda node, group=group: node.name != group), tmp_path / "y.nc")
        with pytest.raises(cf.DataError, match=rf"cannot read a fit from .*y.nc: it lacks {group}"):
            cf.Fit.load(tmp_path / "y.nc")
    for record, message in [("{", "its record, which is no JSON"), ('{"model": "gaussian"}', "it lacks likelihood")]:
        tree = fit.tree.copy()
        tree.attrs["coulombfit"] = record
        write_netcdf(tree, tmp_path / "y.nc")
        with pytest.raises(cf.DataError, match=message):
            cf.Fit.load(tmp_path / "y.nc")


# D


def test_d_other_files_are_not_followed(tmp_path: Path) -> None:
    secret = np.arange(6.0).reshape(3, 2)
    (tmp_path / "secret.bin").write_bytes(secret.tobytes())
    with h5py.File(tmp_path / "secret.nc", "w") as file:
        file["eigenvalues"] = secret
    with h5py.File(tmp_path / "storage.nc", "w") as file:
        file.create_dataset("eigenvalues", (3, 2), "f8", external=[(str(tmp_path / "secret.bin"), 0, 48)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["eigenvalues"] = h5py.ExternalLink(str(tmp_path / "secret.nc"), "/eigenvalues")
    with h5py.File(tmp_path / "soft.nc", "w") as file:
        file["there"] = h5py.ExternalLink(str(tmp_path / "secret.nc"), "/")
        file["eigenvalues"] = h5py.SoftLink("/there/eigenvalues")
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.nc", "eigenvalues", (3, 2))
        file.create_virtual_dataset("eigenvalues", layout)
    for name in ("storage", "link", "soft", "virtual"):
        for read in (cf.read, cf.Fit.load):
            with pytest.raises(cf.DataError, match=rf"cannot read .*{name}.nc: .*which is not followed"):
                read(tmp_path / f"{name}.nc")


def test_d_groups_that_contain_themselves_end(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["inner"] = file["/"]
    with at_most(20), pytest.raises(cf.DataError, match="groups more than 8 deep"):
        cf.Fit.load(tmp_path / "x.nc")


LOADS_NOTHING = """
import sys, numpy as np, coulombfit as cf
spectra = cf.read("x.nc")
assert spectra.runs == 3 and "jaxlib" not in sys.modules  # ArviZ puts a lazy "jax" there
"""


@pytest.mark.slow
def test_files_of_other_programs_are_read_without_a_guard_for_the_main_module(tmp_path: Path) -> None:
    """The child process is no copy of the caller, whose script has no guard."""
    xr.Dataset({"eigenvalues": (("run", "level"), SMALL)}).to_netcdf(tmp_path / "x.nc")
    (tmp_path / "script.py").write_text(LOADS_NOTHING)
    subprocess.run([sys.executable, "-W", "error", "script.py"], cwd=tmp_path, check=True, timeout=60)
