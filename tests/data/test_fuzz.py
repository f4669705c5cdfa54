"""Mutations of files of every kind: whatever is read, an error that is documented comes, soon, and takes no memory.

A case is a valid file with some of its bytes changed, doubled, moved or cut, from a fixed seed. Those that are still
read are none the worse for it: a mutation may leave a file valid.
"""

import json
import random
import resource
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save_file

import coulombfit as cf
from coulombfit.analysis import plan
from coulombfit.analysis.store import recall, remember
from coulombfit.data.files import netcdf
from coulombfit.runtime.atomic_files import write_netcdf
from coulombfit.runtime.errors import ArgumentError
from simulators.engine.checkpoint import Checkpoint
from tests.time_limit import at_most

pytestmark = pytest.mark.slow

LIMIT = 2**24
GROWTH = 2**28
"""Bytes that this process may grow by over all cases of a reader: the limit, and what Python keeps."""
SECONDS = 4.5
"""Of each reader; all of them are a minute."""
PATIENCE = 5
"""Seconds for one case, on a machine that has other things to do."""
X = np.random.default_rng(0).uniform(1.0, 2.0, size=(30, 3))
W = np.random.default_rng(1).normal(size=(30, 3, 2))


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, a piece doubled or moved, the end cut; more often where headers are."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16, 64])):
        place = rng.randrange(min(len(changed), rng.choice([100, 400, len(changed)])))
        changed[place] = rng.choice([0, 255, 0x22, 0x7B, changed[place] ^ (1 << rng.randrange(8)), rng.randrange(256)])
    if rng.random() < 0.15:
        place, length = rng.randrange(len(changed)), rng.randrange(1, 64)
        there = rng.randrange(len(changed))
        changed[there : there + rng.choice([0, length])] = changed[place : place + length]
    if rng.random() < 0.1:
        del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


def write_npz(path: Path) -> None:
    np.savez_compressed(path, eigenvalues=X, lr=0.1)


def write_npy(path: Path) -> None:
    np.save(path, X)


def write_csv(path: Path) -> None:
    path.write_text("upper,middle,lower\n" + "\n".join(",".join(f"{x:.6f}" for x in row) for row in X) + "\n")


def write_safetensors(path: Path) -> None:
    save_file({"w": W, "b": W[:, 0]}, path, metadata={"learning_rate": "0.1"})


def write_nc(path: Path) -> None:
    named = {"eigenvalues": (("run", "level"), X), "targets": ("level", [3.0, 2.0, 1.0])}
    xr.Dataset(named, attrs={"learning_rate": 0.1, "provenance": "{}"}).to_netcdf(path, engine="h5netcdf")


def write_sealed(path: Path) -> None:
    cf.Spectra(X, 0.1, 16, [3.0, 2.0, 1.0], "mine").save(path)


def write_fit(path: Path) -> None:
    cf.fit(X[:, :2], "gaussian", sampler="laplace", seed=0).tree.to_netcdf(path, engine="h5netcdf")


def write_record(path: Path) -> None:
    """The JSON in a fit's file."""
    fit = cf.fit(X[:, :2], "gaussian", sampler="laplace", seed=0)
    fit.save(path.parent / "whole.nc")
    path.write_text(fit.tree.attrs["coulombfit"])


def read_record(path: Path) -> None:
    tree = cf.Fit.load(path.parent / "whole.nc").tree
    tree.attrs["coulombfit"] = path.read_bytes().decode("utf-8", "replace").replace("\0", " ")
    write_netcdf(tree, path.parent / "changed.nc")
    str(cf.Fit.load(path.parent / "changed.nc").summary())


def write_recording(path: Path) -> None:
    with cf.Recorder(path.parent / "run", learning_rate=0.1, targets=[3.0, 2.0]) as recorder:
        for step in range(3):
            recorder.log(step, W + step)
    (path.parent / "run" / "recording.json").rename(path)


def read_recording(path: Path) -> None:
    shutil.copy(path, path.parent / "run" / "recording.json")
    cf.read(path.parent / "run", limit=LIMIT)


def write_segment(path: Path) -> None:
    """One as an older version wrote it, without a seal."""
    write_recording(path)
    folder = path.parent / "run"
    shutil.copy(path, folder / "recording.json")
    xr.load_dataset(folder / "0000-000000.nc").to_netcdf(path, engine="h5netcdf")


def read_segment(path: Path) -> None:
    shutil.copy(path, path.parent / "run" / "0000-000000.nc")
    cf.read(path.parent / "run", limit=LIMIT)


STATE = (np.arange(6.0).reshape(3, 2), np.arange(3))


def write_checkpoint(path: Path) -> None:
    folder = path.parent / "checkpoint"
    folder.mkdir(exist_ok=True)
    checkpoint = Checkpoint(folder, {"seed": 0})
    checkpoint.save(0, STATE, [{"x": X}], 3, now=True)
    shutil.copy(folder / "group-000000.npz", path)


def read_checkpoint(path: Path) -> None:
    folder = path.parent / "checkpoint"
    shutil.copy(path, folder / "group-000000.npz")
    Checkpoint(folder, {"seed": 0}).load(0, STATE, {"x": X}, np.array([0, 6]))


def read_setting(path: Path) -> None:
    folder = path.parent / "checkpoint"
    shutil.copy(path, folder / "setting.json")
    Checkpoint(folder, {"seed": 0})


def write_setting(path: Path) -> None:
    write_checkpoint(path)
    shutil.copy(path.parent / "checkpoint" / "setting.json", path)


def write_kept(path: Path) -> None:
    remember(path, "key", {"fits": {"one-species": {"sigma": [1.0, 2.0]}}, "files": []})


def read_kept(path: Path) -> None:
    kept = recall(path, "key")
    assert kept is None or json.dumps(kept)


def write_plan(path: Path) -> None:
    path.write_text('title = "x"\nout = "results"\n[[data]]\nfiles = ["*.npz"]\nweights = "W"\nlearning_rate = 0.1\n')


READERS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], object]]] = {
    "npz": ("x.npz", write_npz, lambda path: cf.read(path, learning_rate="lr", limit=LIMIT)),
    "npy": ("x.npy", write_npy, lambda path: cf.read(path, limit=LIMIT)),
    "csv": ("x.csv", write_csv, lambda path: cf.read(path, limit=LIMIT)),
    "safetensors": ("x.safetensors", write_safetensors, lambda path: cf.read(path, weights="w", limit=LIMIT)),
    "nc": ("x.nc", write_nc, lambda path: cf.read(path, limit=LIMIT)),
    "sealed": ("x.nc", write_sealed, lambda path: cf.read(path, limit=LIMIT)),
    "fit": ("x.nc", write_fit, lambda path: str(cf.Fit.load(path).summary())),
    "record": ("record.json", write_record, read_record),
    "recording": ("header.json", write_recording, read_recording),
    "segment": ("segment.nc", write_segment, read_segment),
    "checkpoint": ("x.npz", write_checkpoint, read_checkpoint),
    "setting": ("x.json", write_setting, read_setting),
    "kept": ("x.json", write_kept, read_kept),
    "plan": ("x.toml", write_plan, plan.load),
}
DOCUMENTED = (cf.DataError, ArgumentError, FileNotFoundError)
ITS_OWN = {"checkpoint": (ValueError,), "setting": (ValueError,), "plan": (ValueError, FileNotFoundError)}
FEWEST = {"record": 20, "nc": 10, "fit": 5, "segment": 5, "recording": 50, "plan": 50, "setting": 50}
"""Cases that each reader gets through, at the least, however busy the machine is."""


@pytest.mark.parametrize("reader", READERS)
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    name, write, read = READERS[reader]
    write(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    monkeypatch.setattr(netcdf, "SECONDS", 4.0)
    rng = random.Random(reader)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read(tmp_path / name)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        end, cases, refused = time.monotonic() + SECONDS, 0, 0
        while time.monotonic() < end or cases < FEWEST.get(reader, 50):
            case = mutated(content, rng)
            (tmp_path / name).write_bytes(case)
            cases += 1
            try:
                with at_most(PATIENCE + 4):
                    read(tmp_path / name)
            except ITS_OWN.get(reader, DOCUMENTED) as error:
                refused += 1
                assert str(error)
            except BaseException as error:
                kept = tmp_path / f"case-{cases}-{name}"
                kept.write_bytes(case)
                raise AssertionError(f"case {cases}, kept as {kept}: {type(error).__name__}: {error}") from error
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < GROWTH
    assert refused > 0 or reader == "kept"
    print(f"{reader}: {cases} cases, {refused} refused, {grown / 2**20:.0f} MiB")
