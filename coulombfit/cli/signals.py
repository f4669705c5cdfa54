"""How a command ends where it is asked to: one line, an exit status, nothing half-written, and soon.

Python runs a signal's handler between two steps of the main thread, and one call of XLA, such as a chain, is one step.
A thread that watches is told at once, and ends the process if the main thread does not. An exception in its place would
be printed, lost, or crash the process wherever compiled code is at work, as while its modules are imported: only work
that has something to save, in Python, is left by one. Only the command does this; who imports the package keeps the
handlers that they have.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

__all__ = ["Ending", "keeping"]

GRACE = 1.5
"""Seconds for work that saves what is unfinished."""
WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "terminated"}
"""What is said, by name, as not every system has every signal."""
ABANDONING = ("simulators.engine.atomic_files", "coulombfit.data.files.netcdf")
"""Modules that know what to remove, or to end, where a process ends without unwinding."""
CLEAR_LINE, SHOW_CURSOR = "\r\x1b[K", "\x1b[?25h"


@dataclass
class _Kept:
    what: str = "files that were saved stay, none is half-written"
    saves: bool = False


_kept = _Kept()


@contextmanager
def keeping(what: str, *, saves: bool = False) -> Iterator[None]:
    """What the last line says that the user still has, where the block is interrupted.

    :param saves: whether the block is left by KeyboardInterrupt, as it saves unfinished work then.
    """
    before = _kept.what
    _kept.what, _kept.saves = what, saves
    try:
        yield
    finally:
        _kept.saves = False
    # not after an interrupt: the line is yet to be written
    _kept.what = before


class Ending:
    """The end of this process by a signal: from :meth:`watch` on it ends the process, whatever it is doing.

    ``asked`` is the signal that has come, 0 before.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._turn = threading.Lock()
        self._stderr: int | None = None
        if sys.stderr is not None:  # closed: its number may by now be that of a file
            with suppress(OSError):
                self._stderr = sys.stderr.fileno()

    def watch(self) -> None:
        """Install handlers, but of a signal that was ignored when the process began, as by ``nohup``."""
        for name in WORDS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)
        import socket

        self._told, teller = socket.socketpair()
        teller.setblocking(False)
        # kept, as the descriptor is closed with its object
        self._teller = teller
        signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._wait, name="ending", daemon=True).start()
        self._catch_lost()

    def _catch_lost(self) -> None:
        """Where an interrupt cannot be raised, it would be printed and lost."""
        unraisable, uncaught, of_thread = sys.unraisablehook, sys.excepthook, threading.excepthook
        sys.unraisablehook = lambda lost: self.end() if self.asked else unraisable(lost)
        sys.excepthook = lambda *error: self.end() if self.asked else uncaught(*error)
        # other threads may fail because the main one is leaving
        threading.excepthook = lambda lost: None if self.asked else of_thread(lost)

    def end(self) -> NoReturn:
        """End the process now, for the signal that has come."""
        self.quit(128 + self.asked, self._words())

    def quit(self, status: int, words: str = "") -> NoReturn:
        """End the process now: say so, remove what is half-written, and run nothing else."""
        try:
            if self._turn.acquire(blocking=False):
                if words and self._stderr is not None:
                    with suppress(OSError):
                        os.write(self._stderr, words.encode("ascii", "backslashreplace"))
                for name in ABANDONING:
                    if hasattr(sys.modules.get(name), "abandon"):  # it may be half imported
                        sys.modules[name].abandon()
            else:
                time.sleep(0.2)  # another thread is at it
        finally:
            os._exit(status)

    def _words(self) -> str:
        text = f"{WORDS[signal.Signals(self.asked).name]}: {_kept.what}\n"
        if self._stderr is None or sys.platform == "win32" or os.environ.get("TERM") in (None, "dumb"):
            return text
        # a bar that is cut off leaves a line and no cursor
        return CLEAR_LINE + SHOW_CURSOR + text if os.isatty(self._stderr) else text

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, when it comes to it."""
        first, self.asked = not self.asked, self.asked or number
        if first and _kept.saves and not _is_importing(frame):
            raise KeyboardInterrupt
        self.end()

    def _wait(self) -> None:
        """In a thread of its own, which the system tells by a byte whatever the main thread is doing."""
        known = {getattr(signal, name, None) for name in WORDS}
        while (number := self._told.recv(1)[0]) not in known:
            pass
        if _kept.saves:
            self._told.settimeout(GRACE)
            with suppress(TimeoutError):
                self._told.recv(1)
        self.asked = self.asked or number
        self.end()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
