"""Models by name."""

from collections.abc import Sequence

from coulombfit.models.base import OBSERVED, REDUNDANT, Compression, Model, Parameters
from coulombfit.models.gas import FreeGas, Gas
from coulombfit.models.pairs import Anisotropic, Gaussian, OneSpecies, PairModel, TwoSpecies
from coulombfit.models.units import Standardisation
from coulombfit.runtime.errors import ArgumentError

__all__ = [
    "MODELS",
    "OBSERVED",
    "REDUNDANT",
    "Compression",
    "Gas",
    "Model",
    "PairModel",
    "Parameters",
    "Standardisation",
    "find_model",
    "find_models",
]

MODELS: dict[str, Model] = {
    model.name: model for model in (Gaussian(), OneSpecies(), TwoSpecies(), Anisotropic(), Gas(), FreeGas())
}
"""Every model by its name: "gaussian", "one-species", "two-species", "anisotropic", "gas" and "gas-beta"."""


def find_model(name: str, likelihood: str | None = None) -> tuple[Model, str]:
    """The model of this name, and the likelihood: the model's own default where None.

    :param name: a key of ``MODELS``.
    :param likelihood: a key of ``OBSERVED``, or None.
    :raises ValueError: for an unknown name or likelihood, or a combination that does not exist.
    """
    for argument, value, known in (("model", name, MODELS), ("likelihood", likelihood, OBSERVED)):
        if value is not None and value not in known:
            raise ValueError(f"{argument}: expected one of {', '.join(map(repr, known))}, got {value!r}")
    model = MODELS[name]
    chosen = likelihood or model.likelihoods[0]
    if chosen not in model.likelihoods:
        reason = ""
        if chosen == "spacing":
            reason = "; spacings depend on sigma_m alone and cannot tell two species apart (Eq. 31)"
        raise ValueError(
            f"likelihood: model {name!r} takes {', '.join(map(repr, model.likelihoods))}, got {chosen!r}{reason}"
        )
    return model, chosen


def find_models(names: Sequence[str], likelihood: str | None = None) -> dict[str, str]:
    """The likelihood of each of several models that are to be compared.

    :param names: keys of ``MODELS``, different ones.
    :param likelihood: a key of ``OBSERVED``, or None for each model's default.
    :raises ArgumentError: for none, for one named twice, and for models of different data, a pair and all levels.
    :raises ValueError: as :func:`find_model`.
    """
    found = {name: find_model(name, likelihood) for name in names}
    if not names or len(found) < len(names):
        raise ArgumentError(f"models: expected different models, got {', '.join(names) or 'none'}")
    if len({isinstance(model, PairModel) for model, _ in found.values()}) > 1:
        raise ArgumentError(
            f"models: expected models of the same data, got {', '.join(names)}: some are of a pair, some of all levels"
        )
    return {name: chosen for name, (_, chosen) in found.items()}
