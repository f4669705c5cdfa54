"""Training of Gaussian RBMs: network-steps per second of this package, of vectorised PyTorch and of NumPy.

    python -m benchmarks.simulators [--networks 256] [--seconds 3]

All three do the same update (Eq. 10, N = 10, exact model term, |B| samples of the target) in float32 on all cores;
PyTorch takes part where it is installed. Only steps are timed, not compilation, start or eigenvalues. One warm-up, then
the best of three.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from simulators import gaussian_rbm

ALPHA, MU2 = 0.02, 9.0
BATCH_SIZES = (16, 256, 4096)
KAPPA = np.linalg.eigvalsh(gaussian_rbm.lattice_kernel())


def ours(networks: int, batch_size: int) -> Callable[[int], None]:
    def go(steps: int) -> None:
        gaussian_rbm.simulate(
            learning_rate=ALPHA, batch_size=batch_size, runs=networks, steps=steps, dtype="float32", progress=False
        )

    return go


def in_numpy(networks: int, batch_size: int) -> Callable[[int], None]:
    rng = np.random.default_rng(0)
    eye, root = np.eye(10, dtype=np.float32), (1 / np.sqrt(KAPPA)).astype(np.float32)
    start = np.broadcast_to(np.diag(np.sqrt(MU2 - KAPPA)).astype(np.float32), (networks, 10, 10))

    def go(steps: int) -> None:
        w = start.copy()
        for _ in range(steps):
            phi = rng.standard_normal((networks, batch_size, 10), dtype=np.float32) * root
            data = phi.transpose(0, 2, 1) @ phi / batch_size
            model = np.linalg.inv(MU2 * eye - w @ w.transpose(0, 2, 1))
            w = w + ALPHA * (data - model) @ w

    return go


def in_torch(networks: int, batch_size: int) -> Callable[[int], None] | None:
    try:
        import torch
    except ImportError:
        return None
    eye, root = torch.eye(10), torch.tensor(1 / np.sqrt(KAPPA), dtype=torch.float32)
    start = torch.diag(torch.tensor(np.sqrt(MU2 - KAPPA), dtype=torch.float32)).expand(networks, 10, 10)

    @torch.no_grad()
    def go(steps: int) -> None:
        w = start.clone()
        for _ in range(steps):
            phi = torch.randn(networks, batch_size, 10) * root
            data = phi.transpose(1, 2) @ phi / batch_size
            model = torch.linalg.inv(MU2 * eye - w @ w.transpose(1, 2))
            w = w + ALPHA * (data - model) @ w

    return go


def rate(go: Callable[[int], None] | None, networks: int, seconds: float) -> float:
    """Network-steps per second: the time of many steps less that of few, which is what a call costs besides."""
    if go is None:
        return float("nan")
    few = 10
    go(few)
    begin = time.perf_counter()
    go(few)
    steps = few + max(50, int(seconds / max(time.perf_counter() - begin, 1e-4) * few))
    go(steps)
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        go(few)
        middle = time.perf_counter()
        go(steps)
        best = max(best, networks * (steps - few) / max(time.perf_counter() - middle - (middle - begin), 1e-9))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=3.0, help="roughly, for one measurement")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of runs too short to be stationary
    table = Table(
        title=f"network-steps/s, N = 10, {arguments.networks} networks, {os.cpu_count()} CPUs, "
        f"JAX on {jax.devices()[0].device_kind}"
    )
    for column in ("|B|", "coulombfit", "PyTorch", "NumPy", "over PyTorch", "over NumPy"):
        table.add_column(column, justify="right")
    for batch_size in BATCH_SIZES:
        rates = [
            rate(make(arguments.networks, batch_size), arguments.networks, arguments.seconds)
            for make in (ours, in_torch, in_numpy)
        ]
        shown = [f"{value:.2e}" if np.isfinite(value) else "not installed" for value in rates]
        table.add_row(str(batch_size), *shown, *(f"{rates[0] / other:.1f}" for other in rates[1:]))
    Console().print(table)


if __name__ == "__main__":
    main()
