"""What tests of data share."""

import numpy as np
import pytest


@pytest.fixture
def weights() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(6, 3, 2, 2))
