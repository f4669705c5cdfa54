"""What all tests share: compiled programs, checked types and a double-precision switch."""

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from coulombfit.runtime.compile_cache import FOLDER, use_cache

EMITTERS = "0.10.2"
"""The version of jaxlib whose compiler was seen to do without emitters of fusions; that of Python 3.12 on does not."""

# before JAX is imported; workers find what others have compiled, and the next run what this one has
os.environ.setdefault(FOLDER, str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))
use_cache()
# most programs of the tests run once, and take longer to be made fast than they would save; an XLA_FLAGS of one's own
# stays, also an empty one: gates for which programs run long give it
QUICK = ["--xla_backend_optimization_level=0"]
if version("jaxlib") == EMITTERS:
    # takes half the time of a small program; XLA ends the process over a flag that it does not know
    QUICK.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK))

import jax
import jaxtyping
import matplotlib as mpl
import numpy as np
import pytest
from jaxtyping import install_import_hook

# before each program is written, JAX adds up the sizes of all others, which for the thousands of a whole run takes
# longer than compiling them; its lock stays, and a folder of tests may grow
with suppress(ImportError):  # private to JAX, and only a saving of time
    from jax._src import lru_cache

    lru_cache.LRUCache._evict_if_needed = lambda *_, **__: None

MOST_MEMORY = 3 * 2**30
CHECK_TYPES = "COULOMBFIT_CHECK_TYPES"
"""Environment variable that has types checked while tests run, by 1: it takes as long as importing JAX does."""

if os.environ.get(CHECK_TYPES) == "1":
    import tests.typecheck  # noqa: F401  the hook looks it up by name

    install_import_hook(["coulombfit", "simulators"], "tests.typecheck.checked")
mpl.use("agg")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked ``one_by_default`` the first case is fast, and all others are slow; of one marked ``one_slow``
    the first is slow, and all others are long."""
    seen: set[str] = set()
    for item in items:
        name = item.nodeid.partition("[")[0]
        later = name in seen and not item.get_closest_marker("long")
        if later and item.get_closest_marker("one_by_default") and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.slow)
        if later and item.get_closest_marker("one_slow"):
            item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "slow"]
            item.add_marker(pytest.mark.long)
        seen.add(name)


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Of thousands of programs few are used again: after a module that leaves more than MOST_MEMORY they are
    dropped, and what is used again comes from the folder of compiled programs; where the system tells how much it is.
    """
    yield
    status = Path("/proc/self/statm")
    if status.exists() and int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Types as users meet them: not checked, so that what the package itself refuses is seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def pairs() -> np.ndarray:
    """3000 two-species pairs with σ₁ = 0.04, σ₂ = 0.02 about 4."""
    from simulators import ensembles

    return ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=3000, seed=1)


@pytest.fixture(scope="session")
def few() -> np.ndarray:
    """40 one-species pairs about 4."""
    from simulators import ensembles

    return ensembles.one_species(centre=4.0, sigma=0.04, runs=40, seed=2)


@pytest.fixture(scope="session")
def public_data() -> list[Path]:
    folder = Path(__file__).parents[2] / "shared" / "data" / "teacher_student"
    files = sorted(folder.glob("*.npz"))
    if not files:
        pytest.skip(f"the public data are not in {folder}")
    return files
