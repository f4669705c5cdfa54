"""The table of laws with exact answers: densities in mpmath, from the definitions and not from the code under test.

Densities are written as the source prints them; in arbitrary precision nothing overflows. Ordered pairs x₁ > x₂.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

from coulombfit import laws

DIGITS = 60


@dataclass(frozen=True)
class Problem:
    """A law at given parameters, its exact density, and where it is hard."""

    name: str
    law: type
    parameters: dict[str, float]
    density: Callable[..., mp.mpf]
    points: tuple[Any, ...]
    variance: float | None = None
    fourth_moment: float | None = None

    def make(self) -> Any:
        return self.law(**self.parameters)

    def exact(self, point: Any) -> mp.mpf:
        """Density at a float or a pair of floats, exactly as given."""
        with mp.workdps(DIGITS):
            coordinates = [mp.mpf(float(value)) for value in np.atleast_1d(point)]
            return self.density(*coordinates, **{name: mp.mpf(value) for name, value in self.parameters.items()})

    @property
    def scale(self) -> float:
        """The widest width."""
        return max(value for name, value in self.parameters.items() if name.startswith("sigma"))

    @property
    def centre(self) -> float:
        return self.parameters.get("centre", 0.0)


def one_species_density(x, centre, sigma):
    """Eq. 11."""
    u = (x - centre) / sigma
    bracket = 2 * mp.exp(-(u**2) / 2) + mp.sqrt(2 * mp.pi) * u * mp.erf(u / mp.sqrt(2))
    return mp.exp(-(u**2) / 2) / (4 * mp.sqrt(mp.pi) * sigma) * bracket


def two_species_density(x, centre, sigma_1, sigma_2):
    """Eq. 32 as printed."""
    dx, mean_square = x - centre, (sigma_1**2 + sigma_2**2) / 2
    front = mp.exp(-mean_square * dx**2 / (sigma_1 * sigma_2) ** 2)
    front /= 8 * mp.sqrt(mp.pi) * sigma_1 * sigma_2 * mp.sqrt(mean_square)
    return front * mp.fsum(
        2 * s**2 + mp.exp(dx**2 / (2 * s**2)) * mp.sqrt(2 * mp.pi) * dx * s * mp.erf(dx / (mp.sqrt(2) * s))
        for s in (sigma_1, sigma_2)
    )


def gaussian_pair(x1, x2, centre, sigma):
    return 2 * mp.npdf(x1, centre, sigma) * mp.npdf(x2, centre, sigma)


def two_species_pair(x1, x2, centre, sigma_1, sigma_2):
    """Eq. 29 with N₀ of the text, summed over the two labellings."""
    norm = 4 * mp.sqrt(mp.pi) * sigma_1 * sigma_2 * mp.sqrt((sigma_1**2 + sigma_2**2) / 2)
    d1, d2 = x1 - centre, x2 - centre
    labelled = mp.exp(-(d1**2) / (2 * sigma_1**2) - d2**2 / (2 * sigma_2**2))
    exchanged = mp.exp(-(d1**2) / (2 * sigma_2**2) - d2**2 / (2 * sigma_1**2))
    return (x1 - x2) / norm * (labelled + exchanged)


def one_species_pair(x1, x2, centre, sigma):
    """Eq. 7 with N = 2."""
    return two_species_pair(x1, x2, centre, sigma, sigma)


def surmise(s, sigma_m):
    """Eq. 31."""
    return s / (2 * sigma_m**2) * mp.exp(-(s**2) / (4 * sigma_m**2))


LEVELS = (-40.0, -8.0, -1.3, -1e-3, 0.0, 1e-8, 0.02, 0.7, 3.0, 40.0)
PAIRS = ((1.0, -1.0), (0.5, 0.49), (40.0, -40.0), (40.0, 39.0), (1e-7, 0.0), (0.3, -1e-3), (-5.0, -40.0), (2.0, -1e-9))


def _around(centre: float, scale: float, points: tuple) -> tuple:
    return tuple(tuple(centre + scale * np.array(p)) if isinstance(p, tuple) else centre + scale * p for p in points)


def _two(sigma_1: float, sigma_2: float) -> dict[str, float]:
    return {"centre": 4.0, "sigma_1": sigma_1, "sigma_2": sigma_2}


def _two_species_variance(sigma_1: float, sigma_2: float) -> float:
    mean_square = (sigma_1**2 + sigma_2**2) / 2
    r = (sigma_1**2 - sigma_2**2) / (sigma_1**2 + sigma_2**2)
    return mean_square * (1.5 + 0.5 * r**2)


ONE = {"centre": 4.0, "sigma": 0.04}
WIDTHS = {"equal": (0.04, 0.04), "unequal": (0.04, 0.02), "exchanged": (0.02, 0.04), "extreme": (0.04, 4e-5)}

DENSITIES = [
    Problem(
        "one-species density",
        laws.OneSpeciesDensity,
        ONE,
        one_species_density,
        _around(4.0, 0.04, LEVELS),
        variance=1.5 * 0.04**2,
        fourth_moment=23 / 4 * 0.04**4,
    ),
    *(
        Problem(
            f"two-species density, {name}",
            laws.TwoSpeciesDensity,
            _two(*widths),
            two_species_density,
            _around(4.0, 0.04, LEVELS),
            variance=_two_species_variance(*widths),
        )
        for name, widths in WIDTHS.items()
    ),
    Problem(
        "surmise",
        laws.WignerSurmise,
        {"sigma_m": 0.03},
        surmise,
        tuple(0.03 * s for s in (1e-9, 1e-3, 0.5, 2.0, 40.0)),
        variance=(4 - np.pi) * 0.03**2,
    ),
]
PAIR_LAWS = [
    Problem("gaussian pair", laws.GaussianPair, ONE, gaussian_pair, _around(4.0, 0.04, PAIRS)),
    Problem("one-species pair", laws.OneSpeciesPair, ONE, one_species_pair, _around(4.0, 0.04, PAIRS)),
    *(
        Problem(f"two-species pair, {name}", laws.TwoSpeciesPair, _two(*w), two_species_pair, _around(4.0, 0.04, PAIRS))
        for name, w in WIDTHS.items()
    ),
]
PROBLEMS = DENSITIES + PAIR_LAWS
