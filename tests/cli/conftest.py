"""What tests of commands share."""

import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simulators import ensembles
from tests.cli.processes import ROOT


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # where the tests run in the background, their children would ignore Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield tmp_path
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def where_commands_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder; and warnings, which commands show in their own way, are shown as before afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    np.save(tmp_path / "pairs.npy", ensembles.one_species(centre=4.0, sigma=0.04, runs=50, seed=1))
    return tmp_path / "pairs.npy"
