"""The command ``coulombfit``: slow imports come after the signal handlers, so that it can be ended at any time."""

import os
import signal

__all__ = ["main"]


def main() -> None:
    """Carry out the command of this process's arguments, and exit."""
    for name, begun_with in (("SIGINT", signal.default_int_handler), ("SIGTERM", signal.SIG_DFL)):
        number = getattr(signal, name)
        if signal.getsignal(number) == begun_with:
            signal.signal(number, _end)
    from coulombfit.cli.process import carry_out

    carry_out()


def _end(number: int, _: object) -> None:
    """End the process at once; nothing has begun."""
    word = b"interrupted" if number == signal.SIGINT else b"terminated"
    os.write(2, word + b": nothing had begun\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
