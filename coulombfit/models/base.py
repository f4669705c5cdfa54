"""What a model is: a prior over the parameters of a law, as a NumPyro program over an ensemble of runs.

Sites are standardised, so that one set of weak priors serves all data; parameters are reported in the units of x. The
unit of observation is the run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.data.spectra import Spectra
from coulombfit.models.units import Standardisation
from coulombfit.numerics.intervals import Edge

__all__ = ["CENTRE_SD", "LOG_WIDTH_SD", "OBSERVED", "REDUNDANT", "Compression", "Model", "Parameters"]

OBSERVED = {
    "pair": "eigenvalues",
    "density": "eigenvalues",
    "density-raw": "eigenvalues",
    "spacing": "spacing",
    "levels": "eigenvalues",
}
"""The observed site of each likelihood."""

# Scales of the priors in units of the data: weak beside what a handful of runs says.
CENTRE_SD = 2.0
LOG_WIDTH_SD = 1.0

REDUNDANT = "mean_spacing"
"""A parameter that is a multiple of another, reported for convenience."""

Parameters = dict[str, Array]

Compression = Literal[
    "none", "moments", "moments of each level", "mean square", "levels", "sum and spacing", "both levels"
]
"""What ln p is a smooth function of, but for ln S of laws that repel: see :mod:`coulombfit.inference.compression`."""


class Model(ABC):
    """One hypothesis about the levels of a run. Equal models are interchangeable: they hash alike and hold no data.

    Laws take the parameters by their reported names, in any units, as arrays of any common shape. To all methods
    ``likelihood`` is one of ``likelihoods``, what a run is observed by; ``parameters`` are these parameters, and
    ``sites`` what is sampled in their place, with units taken out; ``unit`` is location and scale of the data;
    ``spectra`` are the data, and ``observations`` what the likelihood sees of them, one entry a run.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    likelihoods: ClassVar[tuple[str, ...]]
    """What a run may be observed by; the first is the default."""
    nominal_from: ClassVar[Mapping[str, int | None]] = {}
    """By likelihood, the number of runs from which 90 % intervals cover 87 to 93 % in simulations; None for none."""
    edge: ClassVar[Edge | None] = None
    """Where a parameter has a least value that it may well have."""
    reports: ClassVar[tuple[str, ...]] = ()
    """Names that :meth:`parameters` gives, in the order of tables; those that are not named here follow."""
    unitless: ClassVar[tuple[str, ...]] = ()
    """Those of them that are pure numbers."""

    # by class and attributes, of subclasses with attributes of their own too: compiled programs are kept by model
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    @abstractmethod
    def sites(self, likelihood: str) -> dict[str, dist.Distribution]:
        """Priors of the standardised sites."""

    @abstractmethod
    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        """The reported parameters in units of the data, from standardised sites of any common shape."""

    @abstractmethod
    def law(self, likelihood: str, parameters: Parameters) -> dist.Distribution:
        """The law of what is observed of a run."""

    @abstractmethod
    def observe(self, spectra: Spectra, likelihood: str) -> Float[np.ndarray, "run ..."]:
        """What ``likelihood`` looks at, one entry a run.

        :raises DataError: for spectra that no law of this model can describe.
        """

    @abstractmethod
    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str) -> Standardisation:
        """The units of the priors for these observations."""

    @property
    def reference(self) -> Standardisation:
        """Units in which the model can be tried without data."""
        return Standardisation()

    def exists(self, parameters: Parameters) -> Array:
        """Whether the law is defined at these parameters; priors reach no further."""
        return jnp.array(True)

    def simulate(self, likelihood: str, parameters: Parameters) -> dist.Distribution:
        """The law of new observations: that of the likelihood, unless the likelihood is a composite."""
        return self.law(likelihood, parameters)

    def fitted_to(self, spectra: Spectra) -> Model:
        """The same model with the structure that the spectra show, where it has any."""
        return self

    @property
    def structure(self) -> dict[str, Any]:
        """What :meth:`fitted_to` found, as JSON values: ``type(model)(**structure)`` is this model."""
        return {}

    def priors(self, unit: Standardisation, likelihood: str) -> dict[str, str]:
        """The priors in words: in units of the data where those of a site are known, else standardised as they are."""
        found = {}
        for site, prior in self.sites(likelihood).items():
            name = _reported(site)
            known = name in self.reports
            words = _in_words(prior, unit if known and name not in self.unitless else Standardisation(), site)
            found[name] = words if known else f"{words}, standardised"
        return found

    def in_order(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Reported parameters in the order of tables, none left out: JAX hands them back in alphabetical order."""
        first = [name for name in self.reports if name in parameters]
        return {name: parameters[name] for name in (*first, *(other for other in parameters if other not in first))}

    def free_parameters(self, likelihood: str) -> int:
        """How many parameters the data determine."""
        return sum(int(np.prod(prior.event_shape)) for prior in self.sites(likelihood).values())

    def program(self, likelihood: str) -> Callable[..., None]:
        """NumPyro program ``f(observations, unit)``: a plate over the runs. For NumPyro's own samplers."""

        def program(observations: Array, unit: Standardisation) -> None:
            sites = {name: numpyro.sample(name, prior) for name, prior in self.sites(likelihood).items()}
            seen = self.terms(likelihood, observations, unit)
            with numpyro.plate("term", len(seen)):
                numpyro.sample(OBSERVED[likelihood], self.term_law(likelihood, sites, unit), obs=seen)

        return program

    def terms(self, likelihood: str, observations: Any, unit: Standardisation) -> Any:
        """What the likelihood is a product over, in the frame in which it is inferred: standardised observations."""
        return unit.apply(observations)

    def term_law(self, likelihood: str, sites: Parameters, unit: Standardisation) -> dist.Distribution:
        """The law of one such term."""
        return self.law(likelihood, self.parameters(sites, Standardisation()))

    def log_frame(self, observations: Float[np.ndarray, "run ..."], unit: Standardisation) -> float:
        """What ln p of all observations is less in units of the data than in that frame."""
        return float(observations.size * np.log(unit.scale))

    def compression(self, likelihood: str) -> Compression:
        """How observations may be compressed."""
        return "none"

    def repels(self, likelihood: str) -> bool:
        """Whether ln p has a term ln S, which no parameter changes."""
        return False


def _reported(site: str) -> str:
    """The parameter that a site stands for: r = |q|."""
    return "r" if site == "q" else site


def _in_words(prior: dist.Distribution, unit: Standardisation, site: str) -> str:
    while isinstance(prior, dist.Independent | dist.ExpandedDistribution):
        prior = prior.base_dist  # one for every cluster
    match prior:
        case dist.LogNormal():
            median = _shown(unit.scale * np.exp(prior.loc))
            return f"LogNormal(median {median}, sd of its logarithm {_shown(prior.scale)})"
        case dist.Normal():
            mean, sd = unit.location + unit.scale * prior.loc, unit.scale * prior.scale
            return f"Normal(mean {_shown(mean, 6)}, sd {_shown(sd)})"
        case dist.Uniform():
            if site != _reported(site):
                return f"Uniform(0, {_shown(prior.high)})"  # of r = |q|, q being uniform about zero
            low, high = (unit.location + unit.scale * end for end in (prior.low, prior.high))
            return f"Uniform({_shown(low, 6)}, {_shown(high, 6)})"
    stated = ", ".join(f"{name} {_shown(getattr(prior, name, None))}" for name in prior.arg_constraints)
    return f"{type(prior).__name__}({stated}) of the standardised value"


def _shown(values: object, digits: int = 3) -> str:
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.number):
        return str(values)
    shown = [f"{value:.{digits}g}" for value in np.ravel(array)]
    return shown[0] if array.ndim == 0 else f"[{', '.join(shown)}]"
