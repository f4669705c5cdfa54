"""How a tool is timed: in a process of its own, first once for what comes before the first answer, then repeatedly."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import xarray as xr


@dataclass
class Estimate:
    """What one fit says."""

    centre: float
    centre_error: float
    width: float
    width_error: float
    """``width`` and ``width_error`` are those of σ, or of σ_m where the law has two widths."""
    ess: float | None = None
    remark: str = ""
    seconds: float | None = None
    """Its time, where that is not the time of the call."""


@dataclass
class Measured:
    """One tool on one case."""

    preparation: float
    """Seconds before the first answer that later fits of data of the same shape do without."""
    seconds: list[float]
    estimates: list[Estimate] = field(default_factory=list)

    @property
    def ess_per_second(self) -> list[float]:
        return [e.ess / s for e, s in zip(self.estimates, self.seconds, strict=True) if e.ess is not None]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"ess_per_second": self.ess_per_second}


def repeat(fit: Callable[[int], Estimate], *, repeats: int, budget: float, preparation: float = 0.0) -> Measured:
    """Time ``fit(seed)`` for seeds 1, 2, …: ``repeats`` of them, fewer where the budget in seconds is spent.

    The fit of seed 0 comes first and does not count; what it takes longer than the others is preparation, added to
    what has been timed already.
    """
    first, _ = _timed(fit, 0)
    seconds: list[float] = []
    estimates = []
    for seed in range(1, repeats + 1):
        took, estimate = _timed(fit, seed)
        seconds.append(took)
        estimates.append(estimate)
        if sum(seconds) > budget:
            break
    return Measured(preparation + max(first - float(np.median(seconds)), 0.0), seconds, estimates)


def _timed(fit: Callable[[int], Estimate], seed: int) -> tuple[float, Estimate]:
    begin = time.perf_counter()
    estimate = fit(seed)
    took = time.perf_counter() - begin
    return took if estimate.seconds is None else estimate.seconds, estimate


def from_draws(posterior: xr.Dataset, remark: str = "") -> Estimate:
    """Means, standard deviations, and the least bulk ESS over ``centre``, ``width`` and, where there is one, ``r``."""
    import arviz_stats as azs

    names = [name for name in ("centre", "width", "r") if name in posterior]
    ess = azs.ess(posterior[names], method="bulk")
    mean, sd = posterior[names].mean(), posterior[names].std()
    return Estimate(
        float(mean["centre"]),
        float(sd["centre"]),
        float(mean["width"]),
        float(sd["width"]),
        ess=min(float(ess[name]) for name in names),
        remark=remark,
    )


def in_child(function: Callable[..., Any], *arguments: Any, limit: float) -> Any:
    """The result of ``function`` in a fresh process, or a line that says why there is none."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(there, function, arguments))
    process.start()
    there.close()
    try:
        if not here.poll(limit):
            return f"failed: not done after {limit:g} s"
        return here.recv()
    except EOFError:
        process.join()
        return f"failed: died with exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


def _child(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    warnings.simplefilter("ignore")
    try:
        connection.send(function(*arguments))
    except ModuleNotFoundError as missing:
        connection.send(f"not installed: {missing.name}")
    except Exception as error:  # shown in the table, and the next tool goes on
        reason = str(error).strip().split("\n")[0]
        connection.send(f"failed: {type(error).__name__}: {reason[:100]}")
