"""The output folder of an analysis: it belongs to one analysis, and one process at a time works in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coulombfit.data.files.opening import open_regular
from coulombfit.runtime.atomic_files import write_text
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.locks import LOCK, take_lock

__all__ = ["claim_folder", "mark_owner"]

OWNER = ".analysis.json"
RESULTS = ("report.html", "results.json", "fits")


@contextmanager
def claim_folder(out: Path, name: str, *, overwrite: bool, plan: Path | None = None) -> Iterator[None]:
    """Have a folder for this analysis and this process alone, made where it is missing.

    A folder that was made here, and in which nothing was written, is removed again.

    :param name: of the analysis; a folder of another one is refused.
    :param plan: its file; so is a folder of a file of that name that still lies elsewhere.
    :raises ArgumentError: where the folder is that of another analysis or holds results of another origin, unless they
        may be overwritten; where another process is at work in it.
    :warns UserWarning: where the file system has no locks.
    """
    if out.exists() and not out.is_dir():
        raise ArgumentError(f"out: expected a folder, got the file {out}")
    if not overwrite:
        _require_own(out, name, plan)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    busy = ArgumentError(f"out: another process is at work in {out}; wait for it, or name another folder")
    lock = take_lock(out / LOCK, busy)
    try:
        if not overwrite:
            _require_own(out, name, plan)
        yield
    finally:
        _remove_empty(made)
        if lock is not None:
            lock.release()


def mark_owner(out: Path, name: str, plan: Path | None = None) -> None:
    """Say of a folder, before anything else is written to it, whose it is."""
    write_text(json.dumps({"analysis": name, "plan": None if plan is None else str(plan.resolve())}), out / OWNER)


def _require_own(out: Path, name: str, plan: Path | None) -> None:
    """Refuse the folder of another analysis, and one with a report or results that no analysis has written."""
    owner: object = None
    with suppress(OSError, DataError, ValueError, RecursionError), open_regular(out / OWNER) as file:
        owner = json.loads(file.read())
    other = owner.get("analysis") if isinstance(owner, dict) else None
    if isinstance(owner, dict) and other == name:
        theirs = owner.get("plan")
        # a plan that was moved, with or without its folder, is the same one
        if plan is None or not isinstance(theirs, str) or theirs == str(plan.resolve()) or not Path(theirs).is_file():
            return
        other = theirs
    if isinstance(other, str):
        raise ArgumentError(
            f"out: {out} has the results of another analysis, {other}; name another folder for {name}, or say overwrite"
        )
    there = [each for each in RESULTS if (out / each).exists()]
    if there:
        raise ArgumentError(
            f"out: {out / there[0]} is there, and no {OWNER} says that {name} has written it; name another folder, or "
            "say overwrite"
        )


def _remove_empty(made: list[Path]) -> None:
    """Folders made in vain."""
    if made and {each.name for each in made[0].iterdir()} <= {LOCK}:
        (made[0] / LOCK).unlink(missing_ok=True)
        for folder in made:
            folder.rmdir()
