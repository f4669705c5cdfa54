"""The command ``coulombfit``: files in, files out. How it ends is in :class:`coulombfit.cli.exit.Exit`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from coulombfit.cli.checks import check, scaling
from coulombfit.cli.demo import demo
from coulombfit.cli.exit import Exit
from coulombfit.cli.fits import calibrate, compare, fit, report
from coulombfit.cli.run import run, tell_version, version
from coulombfit.cli.simulate import simulate
from coulombfit.cli.start import start
from coulombfit.runtime.compile_cache import FOLDER

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices.",
    epilog=Exit.table(),
)
for command in (fit, compare, check, scaling, calibrate, report, run, demo, version):
    app.command()(command)
app.add_typer(simulate, name="simulate")


@app.callback()
def prepare(
    cache: Annotated[
        bool, typer.Option(help=f"Keep compiled programs on disk, in {FOLDER} or the user's cache folder.")
    ] = True,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit; `version` has those of libraries, too.",
            callback=tell_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Settings of this process, made before JAX and matplotlib are imported."""
    start(sys.argv[1:], cache)
