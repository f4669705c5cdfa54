"""Models: a law with priors, and the ways in which a run may be observed."""

import lazy_loader

# names are looked up in __init__.pyi and imported where they are first used: the command line lists models without JAX
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
