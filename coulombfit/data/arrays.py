"""Numbers that are given, as arrays of float64: whatever cannot be numbers is refused by the argument's name."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from jaxtyping import Float

from coulombfit.data.dimensions import by_name
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["as_numbers", "from_zero", "positive", "precision_of", "real_array", "whole_number"]


def as_numbers(values: Any) -> np.ndarray:
    """A NumPy array of what may be a tensor of PyTorch, JAX or Keras, in whatever precision and on whatever device.

    bfloat16 and float8, which NumPy does not know, become float64.
    """
    array = _array_of(values)
    # ml_dtypes, which JAX brings, registers its types as void
    if array.dtype.kind == "V" and array.dtype.type is not np.void:
        array = array.astype(np.float64)
    return array


def real_array(values: object, argument: str, dims: Sequence[str] = ()) -> Float[np.ndarray, "..."]:
    """``values`` as finite float64, or one error that names ``argument``.

    :param dims: the axes meant, in order; of values that name theirs, as xarray's do, the names decide.
    :raises DataError: for masked, complex, logical or infinite values, text, objects, and what is no array.
    """
    if np.ma.is_masked(values):
        raise DataError(f"{argument}: expected no masked entries, got {np.ma.count_masked(values)}")
    values = by_name(values, dims, argument)
    try:
        array = as_numbers(values)
    except (ValueError, TypeError, RuntimeError, OverflowError, RecursionError) as error:
        raise DataError(f"{argument}: expected a rectangular numeric array ({error})") from None
    if array.dtype.kind not in "iuf":
        raise DataError(f"{argument}: expected real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # of a longer type; told as infinite
        array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{argument}: expected finite numbers, got {int(bad.sum())} NaN or infinite of {bad.size}, first at {where}"
        )
    return array


def precision_of(values: object) -> float:
    """Relative spacing of the numbers that ``values`` can be: 2⁻⁵² of double precision; half's, where coarser."""
    kind = _array_of(values).dtype
    if kind.kind == "V":
        import ml_dtypes

        return float(ml_dtypes.finfo(kind).eps)
    return float(np.finfo(np.result_type(kind, np.float16)).eps)


def positive(value: object, argument: str) -> float | None:
    """``value`` as one number above zero, None where it is None, or one error that names ``argument``."""
    if value is None:
        return None
    number = real_array(value, argument)
    if number.size != 1 or number.item() <= 0:
        got = f"{number.item():g}" if number.size == 1 else f"shape {number.shape}"
        raise DataError(f"{argument}: expected one positive number, got {got}")
    return float(number.item())


def whole_number(value: SupportsIndex | float, argument: str) -> int:
    """``value`` as an integer.

    :raises ArgumentError: for anything else, naming the argument.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(f"{argument}: expected a whole number, got {value!r}") from None


def from_zero(
    value: SupportsFloat | None, argument: str, default: float = math.nan, *, infinite: bool = False
) -> float:
    """``value`` as a number from 0, finite unless said; ``default`` where None.

    :raises ArgumentError: for anything else, naming the argument.
    """
    if value is None:
        return default
    kind = "number" if infinite else "finite number"
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{argument}: expected a {kind} from 0, got {value!r}") from None
    if not 0 <= number <= math.inf or (number == math.inf and not infinite):
        raise ArgumentError(f"{argument}: expected a {kind} from 0, got {number}")
    return number


def _array_of(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # PyTorch, which need not be there to be imported
        values = values.detach().cpu()
        if str(values.dtype).startswith(("torch.bfloat", "torch.float8")):
            values = values.double()
    return np.asarray(values)
