"""Settings that have not been run, as a user names them, and the widths that a scaling rule predicts there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from coulombfit.answers.tables import as_text
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.checks.settings.width_of_new_setting import predict_widths
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError

__all__ = ["NewSetting", "PredictedWidths", "new_setting_from_text", "predict_settings", "require_predictable"]

EXPECTED = "a setting as learning_rate=0.02,batch_size=64, factor= where widths have one, momentum= where it differs"
NAMES = ("learning_rate", "batch_size", "factor", "momentum")


@dataclass(frozen=True)
class NewSetting:
    """Learning rate, batch size, what widths are known to be proportional to besides, and momentum, None where not
    said."""

    learning_rate: float
    batch_size: float
    factor: float | None = None
    momentum: float | None = None

    def __str__(self) -> str:
        also = (("factor", self.factor), ("momentum", self.momentum))
        known = "".join(f", {name} = {value:g}" for name, value in also if value is not None)
        return f"α = {self.learning_rate:g}, |B| = {self.batch_size:g}{known}"


@dataclass(frozen=True)
class PredictedWidths:
    """Widths σ of a setting, ``table`` as :meth:`coulombfit.Scaling.predict` gives it; ``beyond`` says what of the
    setting lies outside those that the rule was inferred from, empty where nothing does."""

    setting: NewSetting
    table: pd.DataFrame
    beyond: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values; levels by their number."""
        widths = {str(level): {str(name): float(x) for name, x in row.items()} for level, row in self.table.iterrows()}
        return {
            "learning_rate": self.setting.learning_rate,
            "batch_size": self.setting.batch_size,
            "factor": self.setting.factor,
            "momentum": self.setting.momentum,
            "sigma": widths,
            "beyond": self.beyond,
        }

    def summary(self) -> str:
        """What is predicted, as text."""
        note = f"; this extrapolates: {self.beyond}, where the rule was inferred" if self.beyond else ""
        return f"predicted σ at {self.setting}{note}\n{as_text(self.table)}"


def new_setting_from_text(text: str) -> NewSetting:
    """A setting as text, ``learning_rate=0.02,batch_size=64`` and maybe ``factor=0.1`` and ``momentum=0.9``.

    :raises ArgumentError: for anything else.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, between, value = (piece.strip() for piece in part.partition("="))
        if name not in NAMES or not between:
            raise ArgumentError(f"predict: expected {EXPECTED}, got {text!r}")
        if name in found:
            raise ArgumentError(f"predict: expected one {name}, got two in {text!r}")
        try:
            found[name] = float(value)
        except ValueError:
            raise ArgumentError(f"predict: expected a number for {name}, got {value!r}") from None
        if name != "momentum":
            positive(f"predict: {name}", found[name])
        elif not 0.0 <= found[name] < 1.0:
            raise ArgumentError(f"predict: expected momentum from 0 to below 1, got {value!r}")
    if missing := [name for name in ("learning_rate", "batch_size") if name not in found]:
        raise ArgumentError(f"predict: expected {EXPECTED}, got no {missing[0]} in {text!r}")
    return NewSetting(**found)


def require_predictable(settings: Iterable[NewSetting], spectra: Iterable[Spectra], *, curvature: float | None) -> None:
    """Refuse settings that no rule could predict, before one is inferred.

    :param settings: any number.
    :param spectra: of the settings that were run.
    :param curvature: Ω where it is given.
    :raises ArgumentError: where αΩ ≥ 2, a setting has no factor where the others have, or one where they have none, or
        does not say its momentum where the others have different ones.
    """
    several = list(spectra)
    factors = any("factor" in one.provenance for one in several)
    momenta = {one.provenance.get("momentum", 0.0) for one in several}
    for one in settings:
        if one.momentum is None and len(momenta) > 1:
            raise ArgumentError(f"predict: expected momentum=, as settings that were run have unlike ones, got {one}")
        momentum = min(momenta) if one.momentum is None else one.momentum
        if curvature is not None and one.learning_rate * curvature >= 2.0 * (1.0 + momentum):
            raise ArgumentError(
                "predict: expected αΩ below 2, where training is stable, or 2(1 + μ) with momentum, got "
                f"{one.learning_rate * curvature:.3g} at {one}"
            )
        if factors != (one.factor is not None):
            kind = "a factor, as settings that were run have one" if factors else "no factor, as none that was run has"
            raise ArgumentError(f"predict: expected {kind}, got {one}")


def predict_settings(scaling: Scaling, settings: Iterable[NewSetting], *, seed: int = 0) -> tuple[PredictedWidths, ...]:
    """Widths of all these settings, as :meth:`coulombfit.Scaling.predict` finds them.

    :param scaling: what :func:`coulombfit.scaling` has found.
    :param settings: any number.
    :param seed: the same seed gives the same numbers.
    :raises ArgumentError: as :meth:`coulombfit.Scaling.predict`.
    """
    extent = scaling.extent
    if extent is None:
        raise ArgumentError("scaling: expected a result of coulombfit.scaling, got one without its extent")
    posterior = scaling.tree["posterior"].to_dataset()
    return tuple(
        PredictedWidths(
            one,
            predict_widths(posterior, extent, one.learning_rate, one.batch_size, one.factor or 1.0, one.momentum, seed),
            extent.beyond(one.learning_rate, one.batch_size),
        )
        for one in settings
    )
