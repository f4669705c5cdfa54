"""The gases that are tested, and draws of them."""

import jax
import numpy as np

from coulombfit.laws.gas.coulomb_gas import CoulombGas

# Chance that any one goodness-of-fit test here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3

# Closest where the law exists (6 √(σ_i² + σ_j²)), unlike widths, and spectra as of Eq. 10: centres, widths, sizes.
GASES = {
    "pair": ([4.0], [0.04], (2,)),
    "two singles": ([8.5, 0.0], [1.0, 1.0], (1, 1)),
    "pair over single": ([0.51, 0.0], [0.08, 0.02], (2, 1)),
    "single over pair": ([0.51, 0.0], [0.08, 0.02], (1, 2)),
    "three singles": ([9.0, 0.0, -13.0], [1.0, 1.0, 1.9], (1, 1, 1)),
    "two pairs": ([8.5, 0.0], [1.0, 1.0], (2, 2)),
    "unlike pairs": ([6.1, 0.0], [1.0, 1e-3], (2, 2)),
    "pair and two singles": ([9.0, 0.0, -15.0], [1.0, 1.0, 2.0], (1, 2, 1)),
}
TEN = (
    np.array([5.0, 4.618, 3.618, 2.382, 1.382, 1.0]),
    np.array([0.055, 0.02, 0.03, 0.04, 0.03, 0.02]),
    (1, 2, 2, 2, 2, 1),
)


def gas(name: str) -> CoulombGas:
    centres, widths, sizes = GASES[name]
    return CoulombGas(np.array(centres), np.array(widths), sizes, validate_args=True)


def sample(law: CoulombGas, seed: int, draws: int) -> np.ndarray:
    return np.asarray(law.sample(jax.random.key(seed), (draws,)))


def levels_of(centres, widths, sizes):
    """Centre and width of every level."""
    return np.repeat(centres, sizes), np.repeat(widths, sizes)
