"""Unfinished work on disk: what an ensemble needs to go on after an interruption, to the same bits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from simulators.replacing import replacing

__all__ = ["Checkpoint"]

SECONDS = 10.0
"""Least time between two files of one group."""
SETTING = "setting.json"


class Checkpoint:
    """A folder with one file a group of chunks, and the setting they belong to.

    :param folder: where; made where it does not exist.
    :param setting: what the work was done with; versions and platform are added, because bits depend on them.
    :raises ValueError: where the folder holds work of another setting, or files of another kind.
    """

    def __init__(self, folder: str | Path, setting: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.written: dict[int, float] = {}
        versions = {name: version(name) for name in ("coulombfit", "jax", "jaxlib", "numpy")}
        mine = {**setting, **versions, "platform": jax.default_backend()}
        mine = json.loads(json.dumps(mine))
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"checkpoint: expected a folder, got the file {folder}")
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / SETTING
        if path.exists():
            theirs = json.loads(path.read_text(encoding="utf-8"))
            unlike = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
            if unlike:
                lines = ", ".join(f"{n} = {theirs.get(n)!r}, not {mine.get(n)!r}" for n in sorted(unlike))
                raise ValueError(f"checkpoint: {self.folder} holds unfinished work with {lines}")
        elif any(not other.name.endswith(".part") for other in self.folder.iterdir()):
            raise ValueError(f"checkpoint: expected an empty folder or unfinished work, got {folder} with other files")
        else:
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(mine, indent=1), encoding="utf-8")

    def save(
        self, group: int, state: Any, seen: Sequence[Mapping[str, np.ndarray]], t: int, *, now: bool = False
    ) -> None:
        """Keep the state after step ``t`` and the observations so far, unless the last file is still fresh."""
        since = self.written.setdefault(group, time.monotonic())
        if not now and time.monotonic() - since < SECONDS:
            return
        arrays: dict[str, Any] = {f"state{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        if seen:
            arrays |= {f"seen:{name}": np.stack([one[name] for one in seen]) for name in seen[0]}
        with replacing(self._path(group)) as temporary, temporary.open("wb") as file:
            np.savez(file, step=t, **arrays)
        self.written[group] = time.monotonic()

    def load(self, group: int, like: Any) -> tuple[Any, list[dict[str, np.ndarray]], int] | None:
        """State, observations and step of a group, or None where nothing was kept."""
        path = self._path(group)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            leaves, structure = jax.tree.flatten(like)
            state = jax.tree.unflatten(structure, [jax.numpy.asarray(file[f"state{i}"]) for i in range(len(leaves))])
            names = [name.removeprefix("seen:") for name in file.files if name.startswith("seen:")]
            stacked = {name: file[f"seen:{name}"] for name in names}
            count = len(stacked[names[0]]) if names else 0
            return state, [{name: stacked[name][i] for name in names} for i in range(count)], int(file["step"])

    def remove(self) -> None:
        """Remove the files and, where nothing else is in it, the folder."""
        for path in (*self.folder.glob("group-*.npz"), *self.folder.glob(".*.part"), self.folder / SETTING):
            path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, group: int) -> Path:
        return self.folder / f"group-{group:06d}.npz"
