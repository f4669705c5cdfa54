"""What is inferred: ensembles of pairs with known widths, and which law is fitted to what of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coulombfit.models.units import Standardisation
from simulators import ensembles

CENTRE = 4.0
WIDTHS = {"two widths": (0.04, 0.02), "equal widths": (0.04, 0.04)}


@dataclass(frozen=True)
class Case:
    """A model and a likelihood, on one of the ensembles."""

    model: str
    likelihood: str
    data: str
    runs: int = 3000

    @property
    def name(self) -> str:
        return f"{self.model} {self.likelihood}, {self.data}"

    @property
    def two_species(self) -> bool:
        return self.model != "one-species"

    @property
    def usual(self) -> str:
        """Data that the model describes best."""
        return "equal widths" if self.model == "one-species" else "two widths"

    @property
    def truth(self) -> dict[str, float]:
        first, second = WIDTHS[self.data]
        return {"centre": CENTRE, "width": float(np.sqrt((first**2 + second**2) / 2))}

    def pairs(self, seed: int = 1) -> np.ndarray:
        """Ordered pairs, shape (run, 2)."""
        first, second = WIDTHS[self.data]
        return ensembles.two_species(centre=CENTRE, sigma_1=first, sigma_2=second, runs=self.runs, seed=seed)

    def observed(self) -> np.ndarray:
        """What the likelihood looks at: pairs, or levels."""
        return self.pairs() if self.likelihood == "pair" else self.pairs().ravel()

    def standardised(self) -> tuple[np.ndarray, Standardisation]:
        """The same in the units in which priors are stated."""
        observed = self.observed()
        unit = Standardisation.of(observed)
        return unit.apply(observed), unit


CASES = (
    Case("one-species", "density", "equal widths"),
    Case("one-species", "pair", "equal widths"),
    Case("two-species", "density", "two widths"),
    Case("two-species", "pair", "two widths"),
    Case("two-species", "density", "equal widths"),
    Case("two-species", "pair", "equal widths"),
    Case("anisotropic", "density", "two widths"),
    Case("anisotropic", "pair", "two widths"),
)
