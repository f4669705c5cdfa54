"""The table of laws with exact answers: named cases, where they are hard, and their moments in closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import mpmath as mp
import numpy as np

from coulombfit import laws
from tests.laws import exact

DIGITS = 60


@dataclass(frozen=True)
class Problem:
    """A law at given parameters, its exact density, and where it is hard.

    Moments are those of a level picked at random, about the centre, and for pairs those of the spacing too.
    """

    name: str
    law: type
    parameters: dict[str, float]
    density: Callable[..., mp.mpf]
    points: tuple[Any, ...]
    variance: float
    fourth_moment: float | None = None
    mean_spacing: float | None = None
    mean_square_spacing: float | None = None
    cdf: Callable[..., mp.mpf] | None = None

    def make(self) -> Any:
        return self.law(**self.parameters)

    @property
    def scale(self) -> float:
        """The widest width."""
        return max(self.widths)

    @property
    def widths(self) -> list[float]:
        return [value for name, value in self.parameters.items() if name.startswith("sigma")]

    @property
    def centre(self) -> float:
        return self.parameters.get("centre", 0.0)

    def arguments(self, point: Any) -> list[mp.mpf]:
        """Coordinates of a float or of a pair of floats, then parameters, exactly as given."""
        return [
            v if isinstance(v, mp.mpf) else mp.mpf(float(v)) for v in (*np.atleast_1d(point), *self.parameters.values())
        ]

    def exact(self, point: Any) -> mp.mpf:
        with mp.workdps(DIGITS):
            return self.density(*self.arguments(point))

    def exact_cdf(self, point: float) -> mp.mpf:
        assert self.cdf is not None
        with mp.workdps(DIGITS):
            return self.cdf(*self.arguments(point))

    def slopes(self, point: Any, what: str = "log density") -> list[mp.mpf]:
        """Derivatives of ln ``density`` or of ``cdf`` in every coordinate and parameter."""
        with mp.workdps(DIGITS):
            at, step = self.arguments(point), mp.mpf(min(self.widths)) * mp.mpf(10) ** -20
            function = (lambda *a: mp.log(self.density(*a))) if what == "log density" else self.cdf
            return [
                mp.fsum(sign * function(*at[:i], at[i] + sign * step, *at[i + 1 :]) for sign in (-1, 1)) / (2 * step)
                for i in range(len(at))
            ]

    def curvatures(self, point: Any) -> list[list[float]]:
        """Second derivatives of ln ``density``, in the same order."""
        with mp.workdps(DIGITS):
            at, step = self.arguments(point), mp.mpf(min(self.widths)) * mp.mpf(10) ** -12
            logs: dict[tuple[int, ...], mp.mpf] = {}

            def log_density(*shift: int) -> mp.mpf:
                if shift not in logs:
                    logs[shift] = mp.log(self.density(*(a + step * k for a, k in zip(at, shift, strict=True))))
                return logs[shift]

            def second(i: int, j: int) -> float:
                one, other = ([int(k == axis) for k in range(len(at))] for axis in (i, j))
                terms = (
                    a * b * log_density(*(a * p + b * q for p, q in zip(one, other, strict=True)))
                    for a in (-1, 1)
                    for b in (-1, 1)
                )
                return float(mp.fsum(terms) / (2 * step) ** 2)

            return [[second(i, j) for j in range(len(at))] for i in range(len(at))]


# In units of the wider width, about the centre.
LEVELS = (-40, -25, -8, -3, -1.3, -0.4, -0.05, -4e-3, -1e-3, -1e-6, 0, 1e-8, 5e-4, 2e-3, 0.02, 0.2, 0.7, 1.8, 5, 40)
SPACINGS = (1e-12, 1e-9, 1e-6, 1e-3, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 1, 1.4, 2, 2.5, 3, 4, 6, 9, 20, 40)
PAIRS = (
    *((1, -1), (0.5, 0.49), (40, -40), (40, 39), (1e-7, 0), (0.3, -1e-3), (-5, -40), (2, -1e-9), (1e-12, 0), (3, -3)),
    *((0.7, 0.7 - 1e-12), (1e-3, -1e-3), (2e-3, 1e-3), (6, 2), (-0.02, -0.021), (1.5, 0.1), (0.1, -1.5), (20, -1)),
    *((8, 7.999), (0.05, -0.04)),
)


def _around(points: tuple) -> tuple:
    return tuple(tuple(4 + 0.04 * np.array(p)) if isinstance(p, tuple) else 4 + 0.04 * p for p in points)


def _one(sigma: float) -> tuple[float, float]:
    """Variance and fourth moment of one species."""
    return 1.5 * sigma**2, 23 / 4 * sigma**4


def _two(sigma_1: float, sigma_2: float) -> tuple[float, float]:
    """Labelled: R = rS + N(0, 2σ_m²(1 − r²)), S signed."""
    m2, r = exact.mean_square_and_r(sigma_1, sigma_2)
    return m2 * (1.5 + r**2 / 2), m2**2 * (23 / 4 + 21 / 2 * r**2 - r**4 / 4)


def _anisotropic(sigma_1: float, sigma_2: float) -> tuple[float, float]:
    """As labelled with r cos θ in place of r, averaged over θ."""
    m2, r = exact.mean_square_and_r(sigma_1, sigma_2)
    return m2 * 1.5, m2**2 * (23 / 4 + 3 * r**2)


def _spacing(m2: float) -> tuple[float, float]:
    """Mean and mean square of the surmise."""
    return sqrt(pi * m2), 4 * m2


ONE = {"centre": 4.0, "sigma": 0.04}
WIDTHS = {"equal": (0.04, 0.04), "unequal": (0.04, 0.02), "exchanged": (0.02, 0.04), "extreme": (0.04, 4e-5)}
TWO = {name: {"centre": 4.0, "sigma_1": s1, "sigma_2": s2} for name, (s1, s2) in WIDTHS.items()}

DENSITIES = [
    Problem(
        *("one-species density", laws.OneSpeciesDensity, ONE, exact.one_species_density, _around(LEVELS), *_one(0.04)),
        cdf=exact.one_species_cdf,
    ),
    *(
        Problem(
            *(f"{kind} density, {name}", law, TWO[name], density, _around(LEVELS), *moments(*widths)),
            cdf=cdf,
        )
        for kind, law, density, cdf, moments in (
            ("two-species", laws.TwoSpeciesDensity, exact.two_species_density, exact.two_species_cdf, _two),
            ("anisotropic", laws.AnisotropicDensity, exact.anisotropic_density, exact.anisotropic_cdf, _anisotropic),
        )
        for name, widths in WIDTHS.items()
    ),
    Problem(
        *("surmise", laws.WignerSurmise, {"sigma_m": 0.03}, exact.surmise, tuple(0.03 * s for s in SPACINGS)),
        variance=(4 - pi) * 0.03**2,
        cdf=exact.surmise_cdf,
    ),
]
PAIR_LAWS = [
    Problem(
        *("gaussian pair", laws.GaussianPair, ONE, exact.gaussian_pair, _around(PAIRS), 0.04**2, 3 * 0.04**4),
        *(2 / sqrt(pi) * 0.04, 2 * 0.04**2),
    ),
    Problem(
        *("one-species pair", laws.OneSpeciesPair, ONE, exact.one_species_pair, _around(PAIRS), *_one(0.04)),
        *_spacing(0.04**2),
    ),
    *(
        Problem(
            *(f"{kind} pair, {name}", law, TWO[name], density, _around(PAIRS), *moments(*widths)),
            *_spacing(exact.mean_square_and_r(*widths)[0]),
        )
        for kind, law, density, moments in (
            ("two-species", laws.TwoSpeciesPair, exact.two_species_pair, _two),
            ("anisotropic", laws.AnisotropicPair, exact.anisotropic_pair, _anisotropic),
        )
        for name, widths in WIDTHS.items()
    ),
]
PROBLEMS = DENSITIES + PAIR_LAWS


def named(name: str) -> Problem:
    return next(problem for problem in PROBLEMS if problem.name == name)
