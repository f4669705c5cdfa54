"""Models by name."""

from coulombfit.models.base import OBSERVED, REDUNDANT, Compression, Model, Parameters
from coulombfit.models.gas import FreeGas, Gas
from coulombfit.models.pairs import Anisotropic, Gaussian, OneSpecies, PairModel, TwoSpecies
from coulombfit.models.standardisation import Standardisation

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
