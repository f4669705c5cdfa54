"""Levels of AR(1) matrices, drawn without the laws that are tested: the oracle of steps."""

import numpy as np


def levels_over_time(
    steps: np.ndarray,
    *,
    rate: float,
    runs: int = 1,
    size: int = 2,
    centre: float = 4.0,
    sigma: float = 0.05,
    seed: int = 0,
    beta: int = 1,
) -> np.ndarray:
    """Eigenvalues (run, snapshot, level), descending, of c·1 plus an Ornstein–Uhlenbeck process of GOE, or GUE, noise.

    Standard deviations σ on the diagonal and σ/√2 off it; a step leaves exp(−rate); from the stationary law on.
    """
    rng = np.random.default_rng(seed)

    def noise() -> np.ndarray:
        found = rng.normal(size=(runs, size, size)) * sigma
        if beta == 2:
            found = found + 1j * rng.normal(size=(runs, size, size)) * sigma
        upper = np.triu(found, 1) / np.sqrt(2.0)
        diagonal = np.real(found[:, range(size), range(size)])
        return upper + np.conj(upper.swapaxes(1, 2)) + diagonal[:, :, None] * np.eye(size)

    matrix, found = noise(), []
    for apart in [0.0, *np.diff(steps)]:
        left = np.exp(-rate * apart)
        matrix = left * matrix + np.sqrt(1.0 - left**2) * noise() if apart else matrix
        found.append(matrix)
    return centre + np.linalg.eigvalsh(np.stack(found, axis=1))[..., ::-1]
