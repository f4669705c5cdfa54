"""The commands ``coulombfit run``, a whole analysis from one file, and ``coulombfit version``."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.cli.exit import Exit
from coulombfit.cli.output import AsJson, Quiet, exit_on_errors, to_json
from coulombfit.cli.signals import keeping

__all__ = ["run", "tell_version", "version"]


def run(
    analysis: Annotated[Path, typer.Argument(help="The analysis, a TOML file.", show_default=False)] = Path(
        "analysis.toml"
    ),
    template: Annotated[
        bool, typer.Option("--template", help="Print such a file with every choice, and stop.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Compute even what has not changed.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take over the folder of another analysis, or with other files in it.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Carry out a whole analysis: files, fits, comparison, checks, scaling rule, report.

    What has not changed since the last time is not computed again.

    Example: coulombfit run --template > analysis.toml; coulombfit run analysis.toml
    """
    if template:
        # bytes: TOML is UTF-8, whatever the encoding of the terminal or of the system
        typer.echo((files("coulombfit.analysis") / "template.toml").read_bytes(), nl=False)
        return
    from coulombfit.analysis import load
    from coulombfit.analysis import run as carry_out

    with exit_on_errors(), keeping("what is done of the analysis stays, the same command does the rest"):
        outcome = carry_out(load(analysis), again=again, overwrite=overwrite, progress=False if quiet else None)
    if as_json:
        typer.echo(to_json(outcome.to_json()))
    elif not quiet:
        for name, one in outcome.sets.items():
            typer.echo(f"{name}{'' if name in outcome.done else ' (unchanged)'}")
            for verdict in one["verdicts"]:
                typer.echo(f"  {verdict}")
        typer.echo(f"linear scaling rule: {outcome.scaling['verdict']}")
        for line in _predictions(outcome.scaling.get("predicted", [])):
            typer.echo(f"  {line}")
        typer.echo(f"saved {outcome.report.with_name('results.json')}, fits beside it")
        typer.echo(f"report: {outcome.report}")
    for name, one in [*outcome.sets.items(), ("scaling", outcome.scaling)]:
        if not one["converged"]:
            typer.echo(f"error: {name} has not converged, do not use; see {outcome.report}", err=True)
    if not outcome.converged:
        raise typer.Exit(Exit.NOT_CONVERGED)
    for name, one in outcome.sets.items():
        if one["describes"] == Answer.NO:
            typer.echo(f"error: {name}: {one['winner']} does not describe the data; see {outcome.report}", err=True)
    if not outcome.described:
        raise typer.Exit(Exit.NOT_DESCRIBED)


def _predictions(settings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line a setting not yet run and level."""
    from coulombfit.answers.numbers import format_interval
    from coulombfit.numerics.intervals import INTERVAL

    for one in settings:
        where = f"α = {one['learning_rate']:g}, |B| = {one['batch_size']:g}"
        where += "" if one["factor"] is None else f", factor = {one['factor']:g}"
        note = f"; this extrapolates: {one['beyond']}" if one["beyond"] else ""
        for level, sigma in one["sigma"].items():
            interval = format_interval(sigma["mean"], sigma["lower"], sigma["upper"], INTERVAL)
            yield f"predicted σ of level {level} at {where}: {interval}{note}"


def version(as_json: AsJson = False) -> None:
    """Print the versions of this package, of Python and of what results rest on.

    Example: coulombfit version --json
    """
    packages = ("coulombfit", "jax", "numpyro", "arviz-base", "arviz-stats", "arviz-plots", "numpy", "scipy")
    versions = {name: metadata.version(name) for name in packages} | {"python": platform.python_version()}
    typer.echo(to_json(versions) if as_json else "\n".join(f"{name} {each}" for name, each in versions.items()))


def tell_version(asked: bool) -> bool:
    """Print the version of this package and exit, where that is asked for."""
    if asked:
        typer.echo(f"coulombfit {cf.__version__}")
        raise typer.Exit
    return asked
