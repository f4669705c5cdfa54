"""What a command's process needs before JAX and matplotlib are imported."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from coulombfit.cli.exit import Exit
from coulombfit.runtime.compile_cache import cache_trouble, use_cache

__all__ = ["start"]

WITHOUT_DEVICE = ("--help", "-h", "--template", "--version")
"""Options of commands that compute nothing."""


def start(words: Sequence[str], cache: bool) -> None:
    """Settings of this process.

    :param words: of the command line.
    :param cache: whether to keep compiled programs.
    """
    # whatever a notebook has left in it: commands draw files
    os.environ["MPLBACKEND"] = "agg"
    warnings.showwarning = _tell
    command = next((word for word in words if not word.startswith("-")), "")
    if command == "version" or any(option in words for option in WITHOUT_DEVICE):
        return
    if cache:
        use_cache()
    _require_device()


def _tell(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning, in one line."""
    mended = cache_trouble(str(message))
    if mended != "":
        typer.echo(f"warning: {message if mended is None else mended}", err=True)


def _require_device() -> None:
    """Refuse a choice of device that JAX cannot follow; without one, it takes what is there."""
    chosen = os.environ.get("JAX_PLATFORMS", "")
    if chosen in ("", "cpu"):
        return
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter of a known kind of device that is not there
        reason = str(error).split("\n", 1)[0].rstrip(".") or "there is none"
        typer.echo(
            f"error: JAX_PLATFORMS: expected devices that JAX finds here, got {chosen!r} ({reason}); "
            "unset it, or set it to cpu",
            err=True,
        )
        raise typer.Exit(Exit.USAGE) from None
