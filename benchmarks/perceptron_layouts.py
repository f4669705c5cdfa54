"""Layouts of an ensemble of perceptrons: microseconds of CPU time for a step of one run, 64–16–10, float32.

    python -m benchmarks.perceptron_layouts [--runs 64] [--steps 100]

The same update in each: inputs chosen at random, cross-entropy of a tanh network, weight decay. What simulators.mlp
does is "run first, einsum". Compilation is not counted; the best of four.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from rich.console import Console
from rich.table import Table

from simulators.linalg.small_matrices import product

SAMPLES, WIDTHS = 1797, (64, 16, 10)
Weights = tuple[Array, Array]
Step = Callable[[Weights, Array], tuple[Weights, None]]


def moved(weights: Weights, slopes: Weights) -> tuple[Weights, None]:
    first, last = (0.999 * w - 0.05 * g for w, g in zip(weights, slopes, strict=True))
    return (first, last), None


def run_last(multiply: Callable[[Array, Array], Array], x: Array, y: Array, size: int, runs: int) -> Step:
    def step(weights: Weights, key: Array) -> tuple[Weights, None]:
        first, last = weights
        chosen = jax.random.randint(key, (size, runs), 0, SAMPLES)
        inputs, targets = x.T[:, chosen], y.T[:, chosen]
        hidden = jnp.tanh(multiply(first, inputs))
        error = (jax.nn.softmax(multiply(last, hidden), 0) - targets) / size
        back = multiply(jnp.swapaxes(last, 0, 1), error) * (1 - hidden**2)
        slopes = multiply(back, jnp.swapaxes(inputs, 0, 1)), multiply(error, jnp.swapaxes(hidden, 0, 1))
        return moved(weights, slopes)

    return step


def run_first(x: Array, y: Array, size: int, runs: int) -> Step:
    def step(weights: Weights, key: Array) -> tuple[Weights, None]:
        first, last = weights
        chosen = jax.random.randint(key, (runs, size), 0, SAMPLES)
        inputs, targets = x[chosen], y[chosen]
        hidden = jnp.tanh(jnp.einsum("rbi,roi->rbo", inputs, first))
        error = (jax.nn.softmax(jnp.einsum("rbi,roi->rbo", hidden, last), -1) - targets) / size
        back = jnp.einsum("rbo,roi->rbi", error, last) * (1 - hidden**2)
        slopes = jnp.einsum("rbo,rbi->roi", back, inputs), jnp.einsum("rbo,rbi->roi", error, hidden)
        return moved(weights, slopes)

    return step


def one_by_one(x: Array, y: Array, size: int, runs: int) -> Step:
    def step(weights: Weights, key: Array) -> tuple[Weights, None]:
        def one(_: None, its: tuple[Array, Array, Array]) -> tuple[None, Weights]:
            first, last, chosen = its
            hidden = jnp.tanh(x[chosen] @ first.T)
            error = (jax.nn.softmax(hidden @ last.T, -1) - y[chosen]) / size
            back = error @ last * (1 - hidden**2)
            return None, moved((first, last), (back.T @ x[chosen], error.T @ hidden))[0]

        chosen = jax.random.randint(key, (runs, size), 0, SAMPLES)
        return jax.lax.scan(one, None, (*weights, chosen))[1], None

    return step


def einsum_last(a: Array, b: Array) -> Array:
    return jnp.einsum("okr,kbr->obr", a, b)


LAYOUTS: dict[str, tuple[bool, Callable[..., Step]]] = {
    "run last, loops over rows": (False, partial(run_last, product)),
    "run last, einsum": (False, partial(run_last, einsum_last)),
    "run first, einsum": (True, run_first),
    "one run after the other": (True, one_by_one),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    runs, key = arguments.runs, jax.random.key(0)
    x, y = jax.random.normal(key, (SAMPLES, WIDTHS[0])), jax.nn.one_hot(jnp.arange(SAMPLES) % WIDTHS[2], WIDTHS[2])
    table = Table(title=f"µs of CPU time a step of one run, {runs} runs")
    for column in ("samples a step", *LAYOUTS):
        table.add_column(column, justify="right")
    for size in (16, 64):
        row = [str(size)]
        for first, make in LAYOUTS.values():
            step = make(x, y, size, runs)
            go = jax.jit(lambda w, keys, step=step: jax.lax.scan(step, w, keys)[0])
            shapes = [(WIDTHS[1], WIDTHS[0]), (WIDTHS[2], WIDTHS[1])]
            weights = tuple(0.1 * jax.random.normal(key, (runs, *s) if first else (*s, runs)) for s in shapes)
            keys = jax.random.split(key, arguments.steps)
            times = []
            for _ in range(5):
                begin = time.process_time()
                jax.block_until_ready(go(weights, keys))
                times.append(time.process_time() - begin)
            row.append(f"{1e6 * min(times[1:]) / arguments.steps / runs:.1f}")
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
