"""Models by name, or as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pkgutil import resolve_name

from coulombfit.models.base import Model
from coulombfit.models.likelihoods import LIKELIHOODS, Likelihood
from coulombfit.models.names import BUILT_IN
from coulombfit.runtime.errors import ArgumentError

__all__ = ["MODELS", "find_model", "find_models", "pair_models"]

MODELS: dict[str, Model] = {name: resolve_name(where)() for name, where in BUILT_IN.items()}
"""Every model by its name: "gaussian", "one-species", "two-species", "anisotropic", "split-pair",
"split-pair-two-widths", "gas", "gas-beta", "levels", "dyson" and "dyson-beta"."""


def find_model(model: str | Model, likelihood: str | Likelihood | None = None) -> tuple[Model, Likelihood]:
    """The model, and the likelihood: the model's own default where None.

    :param model: a key of ``MODELS``, or a model.
    :param likelihood: a key of ``LIKELIHOODS``, the name of one of the model's own, a likelihood, or None.
    :raises ArgumentError: for an unknown name or likelihood, or a combination that does not exist.
    """
    if isinstance(model, str) and model not in MODELS:
        raise ArgumentError(f"model: expected one of {', '.join(map(repr, MODELS))}, got {model!r}")
    chosen = MODELS[model] if isinstance(model, str) else model
    if not isinstance(chosen, Model):
        raise ArgumentError(f"model: expected a name or a coulombfit.Model, got {model!r}")
    own = {one.name for one in chosen.likelihoods}
    if isinstance(likelihood, str) and likelihood not in LIKELIHOODS.keys() | own:
        raise ArgumentError(f"likelihood: expected one of {', '.join(map(repr, LIKELIHOODS))}, got {likelihood!r}")
    if chosen is not MODELS.get(getattr(chosen, "name", "")):
        _require_sound(chosen)
    found = chosen.likelihood(likelihood)
    missing = [law for law in found.asks_for if not chosen.offers(law)]
    if missing and type(chosen).law is Model.law:
        raise ArgumentError(
            f"model: {chosen.name} takes likelihood {found.name!r}, which asks for {' and '.join(found.asks_for)}, and "
            f"has no method {missing[0]}"
        )
    return chosen, found


def pair_models() -> list[str]:
    """Names of the models of a degenerate pair, all that are asked where none is named."""
    return [name for name, model in MODELS.items() if model.of_pairs and model.needs_degenerate]


def _require_sound(model: Model) -> None:
    """Refuse a model of the user's own that cannot be told from others, or does not say what it has to.

    :raises ArgumentError: saying what is missing.
    """
    kind = type(model).__name__
    if type(model).__eq__ is not Model.__eq__ or type(model).__hash__ is not Model.__hash__:
        raise ArgumentError(
            f"model: {kind} has an equality of its own, as dataclasses do; write @dataclass(frozen=True, eq=False)"
        )
    for name in ("name", "description"):
        if not isinstance(getattr(model, name, None), str):
            raise ArgumentError(f"model: expected {kind} to have a {name}, text, got {getattr(model, name, None)!r}")
    likelihoods = getattr(model, "likelihoods", None)
    if (
        not isinstance(likelihoods, tuple)
        or not likelihoods
        or not all(isinstance(one, Likelihood) for one in likelihoods)
    ):
        raise ArgumentError(f"model: expected {kind} to have likelihoods, a tuple as (Pair(),), got {likelihoods!r}")
    try:
        hash(model)
    except TypeError as error:
        raise ArgumentError(
            f"model: expected attributes of {kind} that can be compared, tuples not arrays: {error}"
        ) from None


def find_models(models: Sequence[str | Model], likelihood: str | Likelihood | None = None) -> dict[str, Likelihood]:
    """The likelihood of each of several models that are to be compared, by the model's name.

    :param models: names or models, different ones.
    :param likelihood: as :func:`find_model` takes it, or None for each model's default.
    :raises ArgumentError: for none, for one named twice, for models of different data, a pair and all levels, and as
        :func:`find_model`.
    """
    found = [find_model(model, likelihood) for model in models]
    names = [model.name for model, _ in found]
    if not names or len(set(names)) < len(names):
        raise ArgumentError(f"models: expected different models, got {', '.join(names) or 'none'}")
    if len({(chosen.of_pairs, chosen.over_time) for _, chosen in found}) > 1:
        apart = "of levels over training" if any(one.over_time for _, one in found) else "of a pair, some of all levels"
        raise ArgumentError(f"models: expected models of the same data, got {', '.join(names)}: some are {apart}")
    return {model.name: chosen for model, chosen in found}
