"""What a model is: a prior over the parameters of a law, and the ways in which a run may be observed.

Sites are standardised, so that one set of weak priors serves all data; parameters are reported in the units of x. The
unit of observation is the run.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import biject_to

from coulombfit.models.likelihoods import LIKELIHOODS, Likelihood
from coulombfit.models.model_laws import ModelLaws
from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.models.site_priors import SitePrior, coordinate_names
from coulombfit.models.stated import Stated
from coulombfit.models.units import Standardisation
from coulombfit.models.words import prior_in_words
from coulombfit.numerics.compression import Compression
from coulombfit.numerics.intervals import Edge
from coulombfit.runtime.errors import ArgumentError

__all__ = ["CENTRE_SD", "LOG_WIDTH_SD", "Factor", "Model", "Parameters"]

# Scales of the priors in units of the data: weak beside what a handful of runs says.
CENTRE_SD = 2.0
LOG_WIDTH_SD = 1.0

Parameters = dict[str, Array]


class Factor(NamedTuple):
    """A part of a model whose posterior is independent of the others': the model of it, the levels that it is of, their
    places in the unit, and the places of its coordinates among those of the whole."""

    model: Model
    levels: slice
    units: slice
    coordinates: tuple[int, ...]


class Model(ModelLaws, ABC):
    """One hypothesis about the levels of a run. Equal models are interchangeable: they hash alike and hold no data.

    A model of your own is a frozen dataclass with ``name``, ``description``, ``likelihoods`` and ``reports``, with
    :meth:`sites` and :meth:`parameters`, and with the laws that its likelihoods ask for: :meth:`pair`, :meth:`density`,
    :meth:`spacing`, :meth:`levels` or :meth:`conditionals`.

    To all methods ``likelihood`` is one of ``likelihoods``, what a run is observed by; ``parameters`` are those that it
    reports, by their names, in any units, as arrays of any common shape; ``sites`` what is sampled in their place, with
    units taken out, each with its ``prior``; ``coordinates`` the same without bounds. ``unit`` is location and scale of
    the data, ``spectra`` are the data, and ``observations`` what the likelihood sees of them, one entry a run.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    likelihoods: ClassVar[tuple[Likelihood, ...]]
    """What a run may be observed by; the first is the default. Names of known ones do, too."""
    reports: ClassVar[tuple[Parameter, ...]] = ()
    """What :meth:`parameters` gives, in the order of tables; those that are not here follow. Plain names do, too."""
    nominal_from: ClassVar[Mapping[str, int | None]] = {}
    """By likelihood, the number of runs from which 90 % intervals cover 87 to 93 % in simulations; None for none."""
    compressions: ClassVar[Mapping[str, Compression]] = {}
    """By likelihood, how observations may be compressed; the plain sum where there is none."""
    edge: ClassVar[Edge | None] = None
    """Where a parameter has a least value that it may well have."""
    at_edge: ClassVar[str | None] = None
    """The name of the model that it is at ``edge``, with the same priors of what is left: their evidence ratio is
    the posterior over the prior density there (:func:`coulombfit.savage_dickey`)."""
    needs_degenerate: ClassVar[bool] = True
    """Whether two levels have to be a degenerate pair: a fit then doubts those that do not look like one, and the
    model is among those that are asked where none is named."""
    even_in: ClassVar[str | None] = None
    """The site under whose change of sign the law is even."""
    turning_with: ClassVar[tuple[str, ...]] = ()
    """Sites that have to change their sign together with that of ``even_in``."""
    sampled_as: ClassVar[Mapping[str, str]] = {}
    """Sites of another name than the parameter that they stand for, by that parameter."""
    surmise: ClassVar[str | None] = None
    """The parameter whose Wigner surmise (Eq. 31) the spacing follows exactly, where it does."""
    dimension: ClassVar[str] = "cluster"
    """Dimension of parameters that are several numbers."""
    costly: ClassVar[bool] = False
    """Whether its law takes many times longer than others to evaluate."""
    colour: ClassVar[str | None] = None
    """Colour of its curves in figures; None: the colour of text."""
    line: ClassVar[str] = "-"
    """Line style of its curves in figures: "-", "-.", "--" or ":"."""
    stated: Stated = Stated()
    """Priors and values that the user has given, see :meth:`informed`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.reports = tuple(find_parameter(one) if isinstance(one, str) else one for one in cls.reports)
        if isinstance(given := cls.__dict__.get("likelihoods"), tuple):
            cls.likelihoods = tuple(
                LIKELIHOODS[one] if isinstance(one, str) and one in LIKELIHOODS else one for one in given
            )

    # by class and attributes, of subclasses with attributes of their own too: compiled programs are kept by model
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items(), key=lambda item: item[0])))

    @abstractmethod
    def sites(self, likelihood: Likelihood) -> dict[str, dist.Distribution]:
        """Priors of the standardised sites."""

    @abstractmethod
    def parameters(self, sites: Parameters, unit: Standardisation) -> Parameters:
        """The reported parameters in units of the data, from standardised sites of any common shape."""

    def law(self, likelihood: str | Likelihood, parameters: Parameters) -> dist.Distribution:
        """The law of what is observed of a run."""
        return self.likelihood(likelihood).law(self, parameters)

    def simulate(self, likelihood: str | Likelihood, parameters: Parameters) -> dist.Distribution:
        """The law of new observations: that of the likelihood, unless the likelihood is a composite."""
        return self.likelihood(likelihood).simulated(self, parameters)

    def simulates(self, likelihood: Likelihood) -> bool:
        """Whether new observations can be drawn."""
        return True

    def observe(self, spectra: Any, likelihood: str | Likelihood) -> Float[np.ndarray, "run ..."]:
        """What ``likelihood`` looks at, one entry a run.

        :raises DataError: for spectra that no law of this model can describe.
        """
        return self.likelihood(likelihood).observe(spectra)

    def unit(self, observations: Float[np.ndarray, "run ..."], likelihood: str | Likelihood) -> Standardisation:
        """The units of the priors for these observations."""
        return self.likelihood(likelihood).unit(observations)

    def terms(self, likelihood: str | Likelihood, observations: Any, unit: Standardisation) -> Any:
        """What the likelihood is a product over, in the frame in which it is inferred."""
        return self.likelihood(likelihood).terms(observations, unit)

    def factors(self, likelihood: Likelihood) -> tuple[Factor, ...]:
        """Parts whose posteriors are independent of each other; none where it is one."""
        return ()

    def scores(
        self, parameters: dict[str, Any], observations: Float[np.ndarray, "run ..."], first: int
    ) -> dict[str, Float[np.ndarray, "run step"]]:
        """Of levels over training, by name, numbers that are uniform and independent from step to step where it holds.

        :param first: place of the first of these snapshots among all.
        """
        raise NotImplementedError(f"{self.name} has no law of levels over training")

    def labels(self, parameter: str) -> tuple[str, tuple[int, ...] | None]:
        """The dimension along which a parameter has several numbers, and their labels where these are not 0, 1, ….

        :param parameter: by its name.
        """
        return self.dimension, None

    def with_free_beta(self) -> Model:
        """The model whose repulsion β is a parameter, too.

        :raises ArgumentError: where there is none.
        """
        raise ArgumentError(f"beta: {self.name} has no form with β free; 'dyson' and 'gas' have")

    @property
    def sampled(self) -> Model:
        """The same model without what its log posterior does not depend on: compiled programs are kept by it."""
        return self

    @property
    def coords(self) -> dict[str, Any]:
        """Coordinates of what is observed, as xarray takes them."""
        return {}

    @property
    def reference(self) -> Standardisation:
        """Units in which the model can be tried without data."""
        return Standardisation()

    def exists(self, parameters: Parameters) -> Array:
        """Whether the law is defined at these parameters; priors reach no further."""
        return jnp.array(True)

    def fitted_to(self, spectra: Any) -> Model:
        """The same model with the structure that the spectra show, where it has any."""
        return self

    @property
    def structure(self) -> dict[str, Any]:
        """What :meth:`fitted_to` found, as JSON values: ``type(model)(**structure)`` is this model."""
        return {}

    def moments(self, parameters: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """Var x/⟨S²⟩ and the Binder cumulant U₄ of a pair in closed form; None where they are not known."""
        return None

    @property
    def of_pairs(self) -> bool:
        """Whether it is a model of the two levels of a pair, else of all levels."""
        return all(likelihood.of_pairs for likelihood in self.likelihoods)

    def likelihood(self, chosen: str | Likelihood | None = None) -> Likelihood:
        """One of its likelihoods.

        :param chosen: its name, or itself; the default where None.
        :raises ArgumentError: for one that it does not take.
        """
        if chosen is None:
            return self.likelihoods[0]
        found = {one.name: one for one in self.likelihoods} | {one: one for one in self.likelihoods}
        if chosen not in found:
            name = chosen.name if isinstance(chosen, Likelihood) else chosen
            takes = ", ".join(repr(one.name) for one in self.likelihoods)
            reason = ""
            if name == "spacing" and self.surmise:
                reason = f"; spacings depend on {self.surmise} alone and cannot tell two species apart (Eq. 31)"
            raise ArgumentError(f"likelihood: model {self.name!r} takes {takes}, got {name!r}{reason}")
        return found[chosen]

    def informed(
        self, priors: Mapping[str, dist.Distribution] | None = None, fixed: Mapping[str, Any] | None = None
    ) -> Model:
        """The same model with other priors, or with parameters that are known.

        :param priors: by the name of the parameter, in units of the data; of r a law between 0 and 1.
        :param fixed: values of parameters, in units of the data.
        """
        return self if not priors and not fixed else self.with_stated(self.stated.updated(priors or {}, fixed or {}))

    def with_stated(self, stated: Stated) -> Model:
        """The same model with exactly these priors and values given.

        :param stated: as in the record of a fit.
        """
        if stated == self.stated:
            return self  # an attribute more would make another model of it
        found = copy.copy(self)
        object.__setattr__(found, "stated", stated)  # also of a frozen dataclass
        return found

    def with_structure_of(self, spectra: Any) -> Model:
        """:meth:`fitted_to`, with the priors and values that the user has given."""
        found = self.fitted_to(spectra)
        return found.with_stated(self.stated)

    def site_priors(self, likelihood: Likelihood) -> dict[str, SitePrior]:
        """How every site is sampled.

        :raises ArgumentError: where the user has given a prior or value of no parameter that is sampled.
        """
        sites = self.sites(likelihood)
        return self.stated.applied(self.name, sites, self.reports, self.sampled_as, self.even_in)

    def start(self, likelihood: Likelihood) -> tuple[Float[np.ndarray, " coordinate"], int | tuple[int, ...] | None]:
        """Where to begin a search, in coordinates, and the coordinate in which the density is even; or those in which
        it is even when all change their sign."""
        names = coordinate_names(self.site_priors(likelihood))
        mirrored: int | tuple[int, ...] | None = names.index(self.even_in) if self.even_in in names else None
        if isinstance(mirrored, int) and self.turning_with:
            known = not set(self.turning_with) <= set(names)
            mirrored = None if known else (mirrored, *(names.index(one) for one in self.turning_with))
        # off the mirror, on which every gradient vanishes
        return np.array([0.5 if name == self.even_in else 0.0 for name in names]), mirrored

    def coordinates(self, sites: Parameters, likelihood: Likelihood) -> Float[Array, "*shape coordinate"]:
        """Sites as unbounded coordinates in which posteriors are near Gaussian, those that are known left out."""
        priors, ways = self.sites(likelihood), self.site_priors(likelihood)
        free = [name for name in priors if ways[name].size]
        return jnp.stack([self.to_coordinate(name, priors[name], sites[name]) for name in free], axis=-1)

    def from_coordinates(
        self, coordinates: Float[Array, "*shape coordinate"], likelihood: Likelihood, unit: Standardisation
    ) -> Parameters:
        """The inverse of :meth:`coordinates`, with the sites that are known."""
        priors, sites, k = self.sites(likelihood), {}, 0
        ways = self.site_priors(likelihood)
        for name, prior in priors.items():
            if not ways[name].size:
                sites[name] = jnp.broadcast_to(ways[name].at(jnp.zeros(0), unit)[0], coordinates.shape[:-1])
                continue
            sites[name] = self.from_coordinate(name, prior, coordinates[..., k])
            k += 1
        return sites

    def to_coordinate(self, name: str, prior: dist.Distribution, site: Array) -> Array:
        """The coordinate of one site.

        :param name: of the site.
        :param site: its values.
        """
        return biject_to(prior.support).inv(site)

    def from_coordinate(self, name: str, prior: dist.Distribution, coordinate: Array) -> Array:
        """The inverse of :meth:`to_coordinate`.

        :param name: of the site.
        :param coordinate: values without bounds.
        """
        return biject_to(prior.support)(coordinate)

    def priors(self, unit: Standardisation, likelihood: str | Likelihood) -> dict[str, str]:
        """The priors in words: in units of the data where those of a site are known, else standardised as they are."""
        parameters = {site: parameter for parameter, site in self.sampled_as.items()}
        return {
            parameters.get(site, site): prior_in_words(
                prior, unit, site, find_parameter(parameters.get(site, site), self.reports), self.reports
            )
            for site, prior in self.site_priors(self.likelihood(likelihood)).items()
        }

    def in_order(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Reported parameters in the order of tables, none left out: JAX hands them back in alphabetical order."""
        first = [one.name for one in self.reports if one.name in parameters]
        return {name: parameters[name] for name in (*first, *(other for other in parameters if other not in first))}

    def free_parameters(self, likelihood: Likelihood) -> int:
        """How many parameters the data determine."""
        return sum(prior.size for prior in self.site_priors(likelihood).values())

    def program(self, likelihood: str | Likelihood) -> Callable[..., None]:
        """NumPyro program ``f(observations, unit)``: a plate over the runs. For NumPyro's own samplers."""
        chosen = self.likelihood(likelihood)

        def program(observations: Array, unit: Standardisation) -> None:
            sites = {name: prior.site(name, unit) for name, prior in self.site_priors(chosen).items()}
            seen = self.terms(chosen, observations, unit)
            with numpyro.plate("term", len(seen)):
                numpyro.sample(chosen.observed, chosen.term_law(self, sites, unit), obs=seen)

        return program
