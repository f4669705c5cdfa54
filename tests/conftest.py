"""What all tests share: compiled programs, checked types and a double-precision switch."""

import os
from collections.abc import Iterator
from pathlib import Path

from coulombfit.runtime.compile_cache import FOLDER, use_cache

# before JAX is imported; workers find what others have compiled, where that took longer than looking it up
os.environ.setdefault(FOLDER, str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))
use_cache()
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"

import jax
import jaxtyping
import matplotlib as mpl
import numpy as np
import pytest
from jaxtyping import install_import_hook

import tests.typecheck  # noqa: F401  the hook looks it up by name

install_import_hook(["coulombfit", "simulators"], "tests.typecheck.checked")
mpl.use("agg")


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
