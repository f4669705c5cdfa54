"""Locks of folders that one process at a time may work in."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["LOCK", "take_lock"]

LOCK = ".lock"
"""Name of the file. The system takes the lock back when a process ends, however it ends; the file stays."""
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What file systems without locks say, as some network ones."""


def take_lock(path: Path, busy: Exception) -> FileLock | None:
    """Lock a file, for all threads of this process; None where the file system has no locks.

    :param path: of the lock, in the folder that it is for.
    :param busy: what to raise where another process has it.
    :raises OSError: where the folder cannot be written to.
    :warns UserWarning: where there are no locks.
    """
    # the lock must not belong to the thread that opens the file: the process may end in another thread
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise busy from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"the file system of {path.parent} has no locks ({error.strerror}): see to it that nobody else works there",
            UserWarning,
            stacklevel=3,
        )
        return None
    return lock
