"""coulombfit: Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices."""

import lazy_loader

import simulators.engine.forks  # noqa: F401 - it sees only forks after its import

__version__ = "0.1.0"

# names are looked up in __init__.pyi and imported where they are first used: JAX and ArviZ take seconds
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
