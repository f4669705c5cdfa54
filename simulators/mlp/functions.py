"""What theory says of a setting, as functions of its arguments."""

from __future__ import annotations

from typing import Unpack

import numpy as np
from jaxtyping import Float

from simulators.engine.signatures import with_arguments
from simulators.mlp.arguments import ResponseArguments
from simulators.mlp.setting import MLP

__all__ = ["level_widths", "steps_to_stationarity"]


@with_arguments(ResponseArguments, MLP)
def level_widths(**setting: Unpack[ResponseArguments]) -> tuple[Float[np.ndarray, " level"], ...]:
    """Linear-response widths of the levels by layer, as :meth:`MLP.level_widths`.

    :raises ValueError: for an argument outside its range, or where widths are not known.
    """
    return MLP(**setting).level_widths()


@with_arguments(ResponseArguments, MLP)
def steps_to_stationarity(**setting: Unpack[ResponseArguments]) -> tuple[Float[np.ndarray, " level"], ...]:
    """Steps from the minimum on in which levels reach their widths, by layer, as :meth:`MLP.steps_to_stationarity`.

    :raises ValueError: for an argument outside its range, or where that is not known.
    """
    return MLP(**setting).steps_to_stationarity()
