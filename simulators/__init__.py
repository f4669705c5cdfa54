"""Simulators of weight-matrix dynamics in JAX, each producing eigenvalue samples of shape (run, snapshot, level)."""

import lazy_loader

from simulators.engine import forks  # noqa: F401 - it sees only forks after its import

# names are looked up in __init__.pyi and imported where they are first used
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
