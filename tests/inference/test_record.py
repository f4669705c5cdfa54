"""The record of a fit: frozen, read by attribute or item, and of every format there has been."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.inference.record import FORMAT, Record
from coulombfit.runtime.atomic_files import write_netcdf

ADDED = ("format", "priors", "fixed", "known", "nominal_from")
"""What files of format 1 are without."""


@pytest.fixture(scope="module")
def fit(few: np.ndarray) -> cf.Fit:
    return cf.fit(cf.Spectra(few, 0.1, 16, name="few"), "two-species", seed=1)


def written(fit: cf.Fit, path: Path, **changes: object) -> Path:
    """The file of a fit whose record is changed: a value of None leaves that part out."""
    tree = fit.tree.copy()
    record = json.loads(tree.attrs["coulombfit"]) | changes
    tree.attrs["coulombfit"] = json.dumps({name: value for name, value in record.items() if value is not None})
    write_netcdf(tree, path)
    return path


def test_it_is_frozen_and_reads_as_a_dict_does(fit: cf.Fit) -> None:
    record = fit.record
    assert record.data.runs == record["data"]["runs"] == fit.observations.shape[0]
    assert record["integral"]["log_evidence"] == fit.log_evidence
    assert dict(record)["model"] == "two-species"
    assert record.data.get("nothing") is None
    with pytest.raises(KeyError):
        record["to_json"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.seed = 2
    assert Record.from_json(record.to_json()) == record


def test_files_of_format_1_are_read(fit: cf.Fit, tmp_path: Path) -> None:
    old = cf.Fit.load(written(fit, tmp_path / "old.nc", **dict.fromkeys(ADDED)))
    assert old.record.format == 1
    assert old.record.nominal_from == {"pair": 30}
    assert old.model == fit.model
    assert str(old.summary()) == str(fit.summary())
    # before levels and doubts were recorded
    data = {name: value for name, value in fit.record.data.items() if name not in ("levels", "doubt", "pooled")}
    older = cf.Fit.load(written(fit, tmp_path / "older.nc", data=data, **dict.fromkeys(ADDED)))
    assert older.table().equals(fit.table())


def test_a_format_of_the_future_is_refused(fit: cf.Fit, tmp_path: Path) -> None:
    path = written(fit, tmp_path / "new.nc", format=FORMAT + 1)
    with pytest.raises(
        cf.DataError, match=f"it is of format {FORMAT + 1}, and this version reads formats up to {FORMAT}"
    ):
        cf.Fit.load(path)
