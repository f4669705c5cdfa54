"""Sums over quadrature nodes for many points at once, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

__all__ = ["sum_over_nodes"]

Arrays = tuple[Array, ...]
Term = Callable[[Arrays, Arrays, Arrays], Array]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def sum_over_nodes(
    term: Term,
    nodes: tuple[Float[Array, " node"], ...],
    placed: tuple[Float[Array, "*shape"], ...],
    variables: tuple[Float[Array, "*shape"], ...],
) -> Float[Array, "*shape"]:
    """``Σ_k term(nodes[k], placed, variables)``, elementwise over arrays of one shape.

    Derivatives are taken in ``variables`` alone: ``placed`` says where the nodes lie, which does not change the
    integral. They are summed beside the value, node by node, so that nothing of shape (*shape, node) is ever stored;
    reverse mode through a dense sum takes four times as long.
    """

    def add(total: Array, node: Arrays) -> tuple[Array, None]:
        return total + term(node, placed, variables), None

    return lax.scan(add, jnp.zeros_like(variables[0]), nodes, unroll=4)[0]


@sum_over_nodes.defjvp
def _with_derivatives(
    term: Term, primals: tuple[Arrays, Arrays, Arrays], tangents: tuple[Arrays, Arrays, Arrays]
) -> tuple[Array, Array]:
    nodes, placed, variables = primals
    zero, one = jnp.zeros_like(variables[0]), jnp.ones_like(variables[0])

    def add(totals: Arrays, node: Arrays) -> tuple[Arrays, None]:
        value, derivative = jax.linearize(lambda *moved: term(node, placed, moved), *variables)
        partials = [
            derivative(*(one if j == i else zero for j in range(len(variables)))) for i in range(len(variables))
        ]
        return tuple(total + more for total, more in zip(totals, (value, *partials), strict=True)), None

    (value, *partials), _ = lax.scan(add, (zero,) * (1 + len(variables)), nodes, unroll=4)
    return value, sum((d * tangent for d, tangent in zip(partials, tangents[2], strict=True)), start=zero)
