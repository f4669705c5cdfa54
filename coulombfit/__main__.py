"""The command ``coulombfit``: nothing is imported, which takes time, before the process can be ended in good order."""

import os
import signal

__all__ = ["main"]


def main() -> None:
    """Carry out the command of this process's arguments, and exit."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from coulombfit.cli_process import carry_out

    carry_out()


def _end(number: int, _: object) -> None:
    """End the process at once; nothing has begun."""
    os.write(2, b"interrupted: nothing had begun\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
