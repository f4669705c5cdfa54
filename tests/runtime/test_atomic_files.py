"""Files are written whole or not at all, and never by a library that cannot stand a full disk."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.runtime.atomic_files import write_netcdf, write_text
from simulators.engine.atomic_files import replacing


def test_c11_what_is_flushed_to_disk_is_open_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    flags, folders = [], []

    def watched(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            folders.append(handle)
        else:
            flags.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE)

    monkeypatch.setattr(os, "fsync", watched)
    write_text("x", tmp_path / "x.txt")
    write_netcdf(xr.Dataset({"x": ("run", np.ones(3))}), tmp_path / "x.nc")
    with replacing(tmp_path / "y.txt") as temporary:
        temporary.write_text("x")
    assert len(flags) == 3
    assert os.O_RDONLY not in flags
    assert len(folders) == 3  # the new name, too, outlives a power cut


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no such thing here")

    monkeypatch.setattr(os, "fsync", refusing)
    write_text("x", tmp_path / "x.txt")
    with replacing(tmp_path / "y.txt") as temporary:
        temporary.write_text("y")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.txt": "x", "y.txt": "y"}


SAVE_TRAJECTORY = """
import resource, signal
import numpy as np
from simulators.engine.trajectory import Trajectory

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    Trajectory(np.random.default_rng(0).uniform(1, 2, (1000, 5, 3)), np.arange(5), {}, 0, None).save("y.nc")
except OSError as error:
    print("refused", error)
"""
SAVE = """
import resource, signal
import numpy as np, coulombfit as cf

# files end at 20 kB, as on a disk with that much room: writing beyond raises OSError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
spectra = cf.Spectra(np.random.default_rng(0).uniform(1, 2, (10_000, 3)))
try:
    spectra.save("x.nc")
except OSError as error:
    print("refused", error)
"""


@pytest.mark.one_by_default
@pytest.mark.parametrize("script", ["SAVE", "SAVE_TRAJECTORY"])
def test_b4_no_room_for_a_file_is_an_error_and_leaves_what_was_there(tmp_path: Path, script: str) -> None:
    few = cf.Spectra(np.random.default_rng(0).uniform(1, 2, (5, 3)))
    few.save(tmp_path / "x.nc")
    command = [sys.executable, "-c", globals()[script]]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("refused [Errno 27] File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["x.nc"]
    assert cf.read(tmp_path / "x.nc").fingerprint == few.fingerprint
