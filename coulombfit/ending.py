"""How a command ends where it is asked to: one line, an exit status, nothing half-written, and soon.

Python runs a signal's handler between two steps of the main thread, and one call of XLA, such as a chain, is one step.
A thread that watches is told at once: it leaves the main thread a short time to come to an end by itself, and then ends
the process. Only the command does this; who imports the package keeps the handlers that they have.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

__all__ = ["Ending", "keeping"]

GRACE = 1.5
"""Seconds for the main thread; a simulation saves its unfinished work in that time."""
WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "terminated"}
"""What is said, by name, as not every system has every signal."""
WRITERS = ("coulombfit.files", "simulators.replacing")
"""Modules that write files, and know which of them are half-written."""
CLEAR_LINE, SHOW_CURSOR = "\r\x1b[K", "\x1b[?25h"

_kept = ["files that were saved stay, none is half-written"]


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """What the last line says that the user still has, where the block is interrupted."""
    _kept.append(what)
    yield
    # not after an error: the line is yet to be written
    _kept.remove(what)


class Ending:
    """The end of this process by a signal: from :meth:`watch` on it ends the process, whatever it is doing.

    ``asked`` is the signal that has come, 0 before.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._unwinding = False
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
        hook, thread_hook = sys.unraisablehook, threading.excepthook
        # an interrupt that is raised where nothing can be raised is lost, but for the words about it
        sys.unraisablehook = lambda lost: self.end() if self.asked else hook(lost)
        threading.excepthook = lambda lost: None if self.asked else thread_hook(lost)

    @contextmanager
    def unwinding(self) -> Iterator[None]:
        """A block that a first signal leaves by KeyboardInterrupt; outside of it, the process ends at once."""
        self._unwinding = True
        try:
            yield
        finally:
            self._unwinding = False

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
                for name in WRITERS:
                    if name in sys.modules:
                        sys.modules[name].remove_unfinished()
            else:
                time.sleep(0.2)  # another thread is at it
        finally:
            os._exit(status)

    def _words(self) -> str:
        text = f"{WORDS[signal.Signals(self.asked).name]}: {_kept[-1]}\n"
        if self._stderr is None or sys.platform == "win32" or os.environ.get("TERM") in (None, "dumb"):
            return text
        # a bar that is cut off leaves a line and no cursor
        return CLEAR_LINE + SHOW_CURSOR + text if os.isatty(self._stderr) else text

    def _handle(self, number: int, _: FrameType | None) -> None:
        """In the main thread, when it comes to it."""
        first, self.asked = not self.asked, self.asked or number
        if first and self._unwinding:
            raise KeyboardInterrupt
        self.end()

    def _wait(self) -> None:
        """In a thread of its own, which the system tells by a byte whatever the main thread is doing."""
        known = {getattr(signal, name, None) for name in WORDS}
        while (number := self._told.recv(1)[0]) not in known:
            pass
        self._told.settimeout(GRACE)
        with suppress(TimeoutError):
            self._told.recv(1)
        self.asked = self.asked or number
        self.end()
