"""Spectra from a recording: of many runs at one snapshot, or of the snapshots of one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombfit.data.drift import compared_with
from coulombfit.data.files.opening import LIMIT
from coulombfit.data.own_places import later_half
from coulombfit.data.reading.select import Others, Part
from coulombfit.data.recording.store import recording
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import DataError

__all__ = ["merge_settings", "one_snapshot", "trajectory_of"]


def trajectory_of(
    path: Path, layer: str | None, snapshot: int | None, burn_in: int | None, given: dict[str, Any], limit: int = LIMIT
) -> Spectra | None:
    """Spectra of the snapshots of one run, or with ``burn_in`` of a few; None of many, of which one snapshot counts.

    :param given: settings, which go before what was recorded.
    """
    data = recording(path, layer, limit)
    if "run" in data.dims and burn_in is None:
        return None
    if snapshot is not None:
        what = "burn_in takes all snapshots after it" if burn_in is not None else "its snapshots are the observations"
        raise DataError(f"snapshot: {path} is one recording and {what}; got {snapshot}")
    data = data.isel(snapshot=data["step"].to_numpy() >= (burn_in or 0))
    if not data.sizes["snapshot"]:
        raise DataError(f"burn_in: {path} ends before step {burn_in}")
    _require_constant(data, given, path)
    x = data["eigenvalues"].to_numpy()
    _require_finite(x, data, path)
    steps = data["step"].to_numpy()
    _require_even(steps, path)
    used = {"burn_in": burn_in or 0, "first_step": int(steps[0]), "last_step": int(steps[-1])}
    described = _describe(data, path, used)
    if "run" in data.dims:
        x = np.moveaxis(x, 1, 0)
    return Spectra.from_trajectory(x, steps, **merge_settings(described, given))


def one_snapshot(path: Path, layer: str | None, snapshot: int | None, limit: int = LIMIT) -> Part:
    """Levels (run, level) of a snapshot, of one run if there is no run axis, and what is known of them."""
    data = recording(path, layer, limit)
    count, index = data.sizes["snapshot"], -1 if snapshot is None else snapshot
    if not -count <= index < count:
        raise DataError(f"snapshot: expected -{count} to {count - 1} for {path}, got {snapshot}")
    index %= count
    chosen = data.isel(snapshot=[index])
    x = chosen["eigenvalues"].to_numpy()
    _require_finite(x, chosen, path)
    steps = [float(step) for step in data["step"].to_numpy()]
    described = _describe(chosen, path, {"snapshot": index, "step": int(steps[index])})
    places = compared_with(index, count, steps)
    others = None
    if count > 1:
        levels = data["eigenvalues"].to_numpy()[places]
        levels = levels.reshape(len(places), x.size // x.shape[-1], x.shape[-1]).swapaxes(0, 1)
        every = data["eigenvalues"].to_numpy()
        copies = [steps[k] for k in range(count) if k != index and np.array_equal(every[k], every[index])]
        others = Others(levels, steps[index], [steps[place] for place in places], copies)
        if later := later_half(index + 1):
            late = every.reshape(count, levels.shape[0], x.shape[-1])[later].swapaxes(0, 1)
            others = others._replace(late=late, late_steps=tuple(steps[place] for place in later))
    return Part(x.reshape(-1, x.shape[-1]), False, described, others)


def _describe(data: xr.Dataset, path: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {
        name: value for name in ("learning_rate", "batch_size") if np.isfinite(value := float(data[name][-1]))
    }
    provenance = {"recording": path.name, "layer": data.attrs["layer"], **provenance}
    if "clusters" in data.attrs:
        # as saved spectra state it: what reads them may choose levels, or state another grouping
        provenance |= {"levels": list(range(data.sizes["level"])), "clusters": json.loads(data.attrs["clusters"])}
    return known | {
        "targets": data.attrs.get("targets"),
        "name": data.attrs["name"] or path.resolve().name,
        "provenance": provenance,
    }


def merge_settings(described: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What was recorded, and before it what is given."""
    settled = described | {name: value for name, value in given.items() if value is not None}
    settled["provenance"] = {**described["provenance"], **given.get("provenance", {})}
    return settled


def _require_finite(x: np.ndarray, data: xr.Dataset, path: Path) -> None:
    bad = ~np.isfinite(x).all(axis=-1)
    if not bad.any():
        return
    steps = data["step"].to_numpy()[bad if bad.ndim == 1 else bad.any(axis=1)]
    where = f"at {len(steps)} snapshot(s) from step {steps[0]} on" if len(data["step"]) > 1 else f"at step {steps[0]}"
    runs = f" in {int(bad.any(axis=0).sum())} of {bad.shape[1]} runs" if bad.ndim == 2 else ""
    raise DataError(f"eigenvalues: {path}: weights were not finite {where}{runs}: training has diverged")


def _require_constant(data: xr.Dataset, given: dict[str, Any], path: Path) -> None:
    """Refuse a part over which a setting, other than what is given, has changed: widths would be those of none."""
    steps = data["step"].to_numpy()
    for name in ("learning_rate", "batch_size"):
        values = data[name].to_numpy()
        changes = np.flatnonzero(~((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))))
        if given.get(name) is None and changes.size:
            k = changes[-1] + 1
            raise DataError(
                f"{name}: {path} changes it from {values[k - 1]:g} to {values[k]:g} at step {steps[k]}; it is constant "
                f"from there on: burn_in={steps[k]}, or more, as widths need time to settle"
            )


def _require_even(steps: np.ndarray, path: Path) -> None:
    apart = np.diff(steps)
    uneven = np.flatnonzero(apart != apart[-1]) if apart.size else apart
    if uneven.size:
        k = uneven[-1] + 1
        raise DataError(
            f"steps: {path} has snapshots {apart[k - 1]} and then {apart[k]} steps apart; they are equally spaced from "
            f"step {steps[k]} on: burn_in={steps[k]}"
        )
