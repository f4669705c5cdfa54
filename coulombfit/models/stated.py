"""What the user states of parameters: other priors, and values that are known, both in units of the data."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import numpyro.distributions as dist

from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.models.site_priors import Even, KnownSite, SitePrior, StatedPrior
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["Stated"]


@dataclass(frozen=True, eq=False)
class Stated:
    """Priors and known values, by the name of the parameter."""

    priors: tuple[tuple[str, dist.Distribution], ...] = ()
    fixed: tuple[tuple[str, float | tuple[float, ...]], ...] = ()

    # laws are compared by class and numbers: compiled programs are kept by model, and by what is stated of it
    def _key(self) -> tuple[Any, ...]:
        return tuple((name, _identity(prior)) for name, prior in self.priors), self.fixed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stated) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __bool__(self) -> bool:
        return bool(self.priors or self.fixed)

    def updated(self, priors: Mapping[str, dist.Distribution], fixed: Mapping[str, Any]) -> Stated:
        """These and others.

        :raises ArgumentError: for what is no law, no finite number, or both for one parameter.
        """
        for argument, value in (("priors", priors), ("fixed", fixed)):
            if not isinstance(value, Mapping):
                raise ArgumentError(f"{argument}: expected values by the name of a parameter, got {value!r}")
        for name, prior in priors.items():
            if not isinstance(prior, dist.Distribution):
                raise ArgumentError(
                    f"priors: expected a law of numpyro.distributions for {name}, as LogNormal(-3, 1), got {prior!r}"
                )
        checked = {name: _of_real_numbers(name, prior) for name, prior in priors.items()}
        all_priors, all_fixed = dict(self.priors) | checked, dict(self.fixed)
        for name, value in fixed.items():
            all_fixed[name] = _as_finite(name, value)
        if both := all_priors.keys() & all_fixed.keys():
            raise ArgumentError(f"fixed: expected parameters without a prior, got {', '.join(sorted(both))} in both")
        return Stated(tuple(sorted(all_priors.items())), tuple(sorted(all_fixed.items())))

    def require_sampled(self, model: str, sites: Collection[str], sampled_as: Mapping[str, str]) -> None:
        """Refuse what is stated of other parameters than those that are sampled.

        :raises ArgumentError: naming those that are.
        """
        parameters = {site: parameter for parameter, site in sampled_as.items()}
        for argument, stated in (("priors", self.priors), ("fixed", self.fixed)):
            for name, _ in stated:
                if name in parameters or sampled_as.get(name, name) not in sites:
                    known = ", ".join(parameters.get(one, one) for one in sites)
                    raise ArgumentError(
                        f"{argument}: expected parameters that {model} samples with this likelihood, {known}, "
                        f"got {name!r}"
                    )

    def applied(
        self,
        model: str,
        sites: Mapping[str, dist.Distribution],
        reports: Collection[Parameter],
        sampled_as: Mapping[str, str],
        even_in: str | None,
    ) -> dict[str, SitePrior]:
        """How every site is sampled: as the model says, but for those of which something is stated.

        :param sites: priors of the model.
        :raises ArgumentError: for parameters that are not sampled, and values that no law allows.
        """
        found = {name: SitePrior(prior) for name, prior in sites.items()}
        self.require_sampled(model, sites, sampled_as)
        for name, value in (*self.priors, *self.fixed):
            site = sampled_as.get(name, name)
            default = sites[site]
            unitless, even = find_parameter(name, reports).unit == "1", site == even_in
            if isinstance(value, dist.Distribution):
                law = _even(name, value, default) if even else _shape_prior(name, value, default)
                found[site] = StatedPrior(law, default, unitless, about_zero=even)
            else:
                _require_allowed(name, value, default, even=even)
                found[site] = KnownSite(default, default, unitless, value, about_zero=even)
        if sites and not any(prior.size for prior in found.values()):
            raise ArgumentError(f"fixed: expected something left to infer, got all that {model} samples")
        return found

    def to_json(self) -> dict[str, Any]:
        """For the record of a fit."""
        return {
            "priors": {
                name: {"law": type(prior).__name__, "numbers": _arguments(prior)} for name, prior in self.priors
            },
            "fixed": dict(self.fixed),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Stated:
        """What :meth:`to_json` wrote.

        :raises DataError: for a law that is not one of numpyro.distributions.
        """
        priors = {}
        for name, stated in record.get("priors", {}).items():
            law, numbers = getattr(dist, stated["law"], None), stated["numbers"]
            if not inspect.isclass(law) or numbers is None:
                raise DataError(
                    f"its prior of {name}, a {stated['law']}, cannot be made again from the file: give priors="
                )
            priors[name] = law(**{key: np.asarray(value)[()] for key, value in numbers.items()})
        return cls().updated(priors, record.get("fixed", {}))


def _identity(prior: dist.Distribution) -> tuple[Any, ...]:
    """What two equal laws have in common; a law that is not NumPyro's equals itself alone."""
    inner = [value for value in vars(prior).values() if isinstance(value, dist.Distribution)]
    if not _is_of_numpyro(prior):
        return (id(prior),)
    leaves, structure = jax.tree.flatten(prior)
    numbers = tuple((np.shape(leaf), np.asarray(leaf).tobytes()) for leaf in leaves)
    return type(prior), str(structure), numbers, *map(_identity, inner)


def _is_of_numpyro(prior: dist.Distribution) -> bool:
    """Whether its numbers are all known to JAX: a law of one's own may keep them where JAX does not look."""
    return type(prior).__module__.startswith("numpyro.")


def _of_real_numbers(name: str, prior: dist.Distribution) -> dist.Distribution:
    """The law with its numbers in double precision.

    :raises ArgumentError: for one that has no density of real numbers.
    """
    try:
        if prior.is_discrete or isinstance(prior, dist.Delta):
            raise TypeError("its values are isolated; a value that is known goes to fixed=")
        ends = [
            np.asarray(getattr(prior.support, end, inf))
            for end, inf in (("lower_bound", -np.inf), ("upper_bound", np.inf))
        ]
        if not (ends[0] < ends[1]).all():
            raise ValueError("its support is empty")
        double = (
            prior
            if not _is_of_numpyro(prior)
            else jax.tree.map(lambda leaf: np.asarray(leaf, float) if isinstance(leaf, jax.Array) else leaf, prior)
        )
        density = np.asarray(double.log_prob(double.sample(jax.random.key(0))))
        if not np.isfinite(density).all():
            raise ValueError("its density is not finite where it draws")
    except Exception as error:  # whatever a law of any kind may raise
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArgumentError(f"priors: expected a law with a density of real numbers for {name}: {why}") from None
    return double


def _arguments(prior: dist.Distribution) -> dict[str, Any] | None:
    """What the law is made with again; None where its class does not say."""
    names = [name for name in inspect.signature(type(prior)).parameters if name != "validate_args"]
    if any(not hasattr(prior, name) for name in names):
        return None
    values = {name: getattr(prior, name) for name in names}
    numeric = all(np.issubdtype(np.asarray(value).dtype, np.number) for value in values.values())
    return {name: np.asarray(value).tolist() for name, value in values.items()} if numeric else None


def _as_finite(name: str, value: Any) -> float | tuple[float, ...]:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ArgumentError(f"fixed: expected a finite number for {name}, got {value!r}") from None
    if array.dtype.kind not in "iuf" or array.ndim > 1 or not array.size or not np.isfinite(array).all():
        raise ArgumentError(f"fixed: expected a finite number for {name}, got {value!r}")
    return float(array) if array.ndim == 0 else tuple(float(one) for one in array)


def _highest(law: dist.Distribution) -> float:
    """Where its support ends."""
    return float(getattr(law.support, "upper_bound", np.inf))


def _even(name: str, prior: dist.Distribution, default: dist.Distribution) -> dist.Distribution:
    lowest, highest, most = float(getattr(prior.support, "lower_bound", np.nan)), _highest(prior), _highest(default)
    if lowest != 0 or not 0 < highest <= most or prior.batch_shape:
        expected = (
            f"between 0 and at most {most:g}, as Beta(1, 3)" if most < np.inf else "from 0 on, as HalfNormal(0.1)"
        )
        raise ArgumentError(f"priors: expected a law of {name} {expected}, got {_said(prior)}")
    return Even(prior)


def _shape_prior(name: str, prior: dist.Distribution, default: dist.Distribution) -> dist.Distribution:
    """The law as one event of the shape of the site."""
    shape = default.event_shape
    lowest = np.asarray(getattr(prior.support, "lower_bound", -np.inf))
    if getattr(default.support, "base_constraint", default.support) == dist.constraints.positive and (lowest < 0).any():
        raise ArgumentError(
            f"priors: expected a law of positive numbers for {name}, as LogNormal(-3, 1), got {_said(prior)}"
        )
    if prior.event_shape != () or prior.batch_shape not in ((), shape):
        raise ArgumentError(f"priors: expected a law of {shape or 'one number'} for {name}, got {_said(prior)}")
    return prior.expand(shape).to_event(1) if shape else prior


def _require_allowed(name: str, value: float | Iterable[float], default: dist.Distribution, *, even: bool) -> None:
    numbers = np.asarray(value)
    if numbers.shape not in ((), default.event_shape):
        raise ArgumentError(f"fixed: expected {default.event_shape or 'one number'} for {name}, got {value!r}")
    allowed = (
        (numbers >= 0) & (numbers < _highest(default))
        if even
        else np.asarray(default.support(np.broadcast_to(numbers, default.event_shape)))
    )
    if not allowed.all():
        most = _highest(default)
        below = f"from 0 to below {most:g}" if most < np.inf else "from 0 on"
        where = below if even else f"in {default.support}"
        raise ArgumentError(f"fixed: expected {name} {where}, got {value!r}")


def _said(prior: dist.Distribution) -> str:
    return f"a {type(prior).__name__} of {prior.support} and shape {prior.batch_shape or 'one number'}"
