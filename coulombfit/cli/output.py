"""Output that all commands share: options, text, JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.cli.exit import Exit
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["AsJson", "Quiet", "Seed", "exit_on_errors", "finish", "require_all_writable", "saved_lines", "to_json"]

Seed = Annotated[int, typer.Option(help="Random seed, a whole number from 0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and JSON, if asked for).")]


@contextmanager
def exit_on_errors() -> Iterator[None]:
    """Turn errors about arguments and data into one line and an exit code."""
    try:
        yield
    except DataError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(Exit.DATA_REFUSED) from None
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(Exit.USAGE) from None


def require_all_writable(*outputs: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Refuse, before anything is read, to write where nothing can be written, or over an input or another output.

    Names are the same file whatever their spelling, also by a link; what lies in an input's folder is part of it.

    :raises OSError: where a file cannot be written.
    :raises ArgumentError: where it would overwrite what the same command reads or writes.
    """
    from coulombfit.runtime.atomic_files import is_part_of, require_writable

    written: list[Path] = []
    for path in outputs:
        if path is None:
            continue
        require_writable(path)
        for kind, others in (("an input", inputs), ("another output", written)):
            if any(is_part_of(path, other) for other in others):
                raise ArgumentError(f"cannot write {path}: it is {kind} of this command; name another file")
        written.append(path)


def to_json(result: object) -> str:
    """JSON text; what is not a number in a table becomes null."""
    import numpy as np
    import pandas as pd

    def plain(item: object) -> object:
        match item:
            case pd.DataFrame():
                return item.astype(object).where(item.notna(), None).to_dict(orient="index")
            case np.generic():
                return item.item()
            case Path():
                return str(item)
        raise TypeError(f"no JSON for {type(item)}")

    return json.dumps(result, default=plain, indent=2, allow_nan=False)


def saved_lines(*paths: Path | None) -> str:
    """One line for each file that was written."""
    return "\n".join(f"saved {path}" for path in paths if path is not None)


def finish(
    fits: Mapping[str, cf.Fit], result: object, text: str, as_json: bool, quiet: bool, asked_for: str | None = None
) -> None:
    """Print the result; exit with 3 where a fit has not converged, with 7 where the law does not describe the data.

    :param asked_for: which of the fits has to describe them.
    """
    if as_json:
        typer.echo(to_json(result))
    elif not quiet:
        typer.echo(text)
    failed = {name: fit.diagnosis for name, fit in fits.items() if not fit.diagnosis.passed}
    for name, diagnosis in failed.items():
        typer.echo(f"error: {name}: {diagnosis.verdict}", err=True)
    if failed:
        raise typer.Exit(Exit.NOT_CONVERGED)
    if asked_for is not None and fits[asked_for].description.answer is Answer.NO:
        said = fits[asked_for].description.verdict.removeprefix("Describes the data: NO, ")
        typer.echo(f"error: {asked_for} does NOT describe the data: {said}", err=True)
        raise typer.Exit(Exit.NOT_DESCRIBED)
