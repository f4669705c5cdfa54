"""The command ``coulombfit`` as a process: what it writes to, and how it ends."""

from __future__ import annotations

import sys

from coulombfit.cli.exit import Exit
from coulombfit.cli.signals import Ending

__all__ = ["carry_out"]


def carry_out() -> None:
    """Carry out the command of this process's arguments, and exit."""
    ending = Ending()
    ending.watch()
    for stream in (sys.stdout, sys.stderr):
        # what a stream's encoding lacks is written as \\u03c3: an answer is not lost for a letter
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _status_of_command(ending)
        _flush()
    except BrokenPipeError:
        # whoever read has seen enough
        ending.quit(Exit.UNREAD)
    except OSError as error:  # a full disk, as all other errors of the system are told by the commands
        ending.quit(Exit.USAGE, f"error: cannot write what this command prints: {error}\n")
    except BaseException:
        if ending.asked:
            ending.end()
        raise
    sys.exit(status)


def _status_of_command(ending: Ending) -> int | str | None:
    """The exit status of the command."""
    from coulombfit.cli.app import app

    try:
        app()
    except SystemExit as end:
        if ending.asked:  # typer has made an exit of an interrupt
            ending.end()
        # typer and rich make an exit of a broken pipe, too
        if end.code == 1 and isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        return end.code
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
