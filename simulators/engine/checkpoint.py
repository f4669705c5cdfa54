"""Unfinished work on disk: what an ensemble needs to go on after an interruption, to the same bits."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from filelock import FileLock, Timeout

from simulators.engine.atomic_files import replacing
from simulators.engine.callers import warn

__all__ = ["Checkpoint", "open_checkpoint"]

SECONDS = 10.0
"""Least time between two files of one group."""
SETTING = "setting.json"
LOCK = ".lock"
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What file systems without locks say, as some network ones."""


@contextmanager
def open_checkpoint(folder: str | Path | None, setting: Mapping[str, Any]) -> Iterator[Checkpoint | None]:
    """The checkpoint of a folder, made where it does not exist, for this process alone; None where none is asked for.

    :param setting: what the work is done with.
    :raises ValueError: where the folder holds files of another kind, unfinished work of another setting or what cannot
        be read, or where another process is at work in it.
    """
    if folder is None:
        yield None
        return
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"checkpoint: expected a folder, got the file {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    others = [path.name for path in folder.iterdir() if path.name != LOCK and not path.name.endswith(".part")]
    if others and SETTING not in others:
        raise ValueError(f"checkpoint: expected an empty folder or unfinished work, got {folder} with other files")
    with ExitStack() as held:
        try:
            # the system takes the lock back when a process ends, however it ends
            held.enter_context(FileLock(folder / LOCK, timeout=0).acquire())
        except Timeout:
            raise ValueError(f"checkpoint: {folder} is in use by another process") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warn(
                f"checkpoint: the file system of {folder} has no locks ({error.strerror}): see to it that no other "
                "process works there"
            )
        yield Checkpoint(folder, setting)


class Checkpoint:
    """A folder with one file a group of chunks, and the setting they belong to.

    :param folder: where; locked by :func:`open_checkpoint`.
    :param setting: what the work was done with; versions and platform are added, because bits depend on them.
    :raises ValueError: where the folder holds work of another setting.
    """

    def __init__(self, folder: Path, setting: Mapping[str, Any]) -> None:
        self.folder = folder
        self.written: dict[int, float] = {}
        versions = {name: version(name) for name in ("coulombfit", "jax", "jaxlib", "numpy")}
        mine = {**setting, **versions, "platform": jax.default_backend()}
        mine = json.loads(json.dumps(mine))
        path = folder / SETTING
        if not path.exists():
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(mine, indent=1), encoding="utf-8")
            return
        with _refusing_damage(path):
            theirs = json.loads(path.read_text(encoding="utf-8"))
            unlike = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
        if unlike:
            lines = ", ".join(f"{n} = {theirs.get(n)!r}, not {mine.get(n)!r}" for n in sorted(unlike))
            raise ValueError(f"checkpoint: {folder} holds unfinished work with {lines}")

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
        path = self._path(group)
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, step=t, **arrays)
        except OSError as error:
            raise OSError(error.errno, f"checkpoint: cannot write {path}: {error.strerror or error}") from error
        self.written[group] = time.monotonic()

    def load(
        self, group: int, like: Any, observed: Mapping[str, np.ndarray], kept: np.ndarray
    ) -> tuple[Any, list[dict[str, np.ndarray]], int] | None:
        """State, observations and step of a group, or None where nothing was kept.

        :param like: a state, and ``observed``, an observation: those in the file are like them.
        :param kept: the steps that are observed, of which the file has the first.
        :raises ValueError: for a damaged file.
        """
        path = self._path(group)
        if not path.exists():
            return None
        with _refusing_damage(path), path.open("rb") as opened_file, np.load(opened_file, allow_pickle=False) as file:
            leaves, structure = jax.tree.flatten(like)
            state = jax.tree.unflatten(structure, [np.asarray(file[f"state{i}"]) for i in range(len(leaves))])
            names = [name.removeprefix("seen:") for name in file.files if name.startswith("seen:")]
            stacked = {name: file[f"seen:{name}"] for name in names}
            count = len(stacked[names[0]]) if names else 0
            seen = [{name: stacked[name][i] for name in names} for i in range(count)]
            step = int(file["step"].item())
            low, high = (int(kept[min(max(k, 0), len(kept) - 1)]) for k in (count - 1, count))
            fits = [_same_layout(state, like), *(_same_layout(each, dict(observed)) for each in seen)]
            if not all(fits) or count > len(kept) or not (low if count else 0) <= step <= high:
                raise ValueError("not what was kept of this work")
            return jax.tree.map(jax.numpy.asarray, state), seen, step

    def remove(self) -> None:
        """Remove the files and, where nothing else is in it, the folder."""
        for path in (*self.folder.glob("group-*.npz"), *self.folder.glob(".*.part"), self.folder / SETTING):
            path.unlink(missing_ok=True)
        if {path.name for path in self.folder.iterdir()} <= {LOCK}:
            with suppress(PermissionError):  # where a file in use cannot be removed
                (self.folder / LOCK).unlink(missing_ok=True)
                self.folder.rmdir()

    def _path(self, group: int) -> Path:
        return self.folder / f"group-{group:06d}.npz"


def _same_layout(one: Any, other: Any) -> bool:
    """Whether two trees of arrays have the same names, shapes and types."""

    def described(tree: Any) -> list[tuple]:
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        return [(path, tuple(leaf.shape), np.dtype(leaf.dtype)) for path, leaf in leaves]

    return described(one) == described(other)


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    """One error for whatever is wrong with a file: writing is atomic, so somebody else did it."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError(f"checkpoint: expected a regular file, got {path}")
    try:
        yield
    except Exception as error:  # of whatever kind: NumPy and zipfile raise a dozen
        raise ValueError(f"checkpoint: {path} is damaged; remove its folder to start anew") from error
