"""Laws of the table at their points, compiled once for all cases of a law, and the cases a test is asked for."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.laws.problems import PROBLEMS, Problem

EPS = np.finfo(np.float64).eps

# Compiling is most of the time of what is called once.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

# One case of every law, of unequal widths.
REPRESENTATIVES = [p for p in PROBLEMS if ", " not in p.name or p.name.endswith("unequal")]

TAKE_LONGEST = [f"anisotropic density, {case}" for case in ("equal", "extreme", "exchanged")]


def every(problems):
    return pytest.mark.parametrize("problem", problems, ids=lambda p: p.name)


def against_mpmath(problems):
    """Every law; of the anisotropic density, whose exact values take longest, one case at every change."""
    cases = [pytest.param(p, id=p.name, marks=pytest.mark.slow if p.name in TAKE_LONGEST else ()) for p in problems]
    return pytest.mark.parametrize("problem", cases)


# What is the same for all laws: a pair and a density are asked at every change, the others in the slow tests.
some = pytest.mark.parametrize(
    "problem",
    [
        pytest.param(
            p, marks=() if p.name in ("one-species pair", "two-species density, unequal") else pytest.mark.slow
        )
        for p in REPRESENTATIVES
    ],
    ids=lambda p: p.name,
)


def parameters_of(problem: Problem) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value) for name, value in problem.parameters.items()}


FUNCTIONS = {
    "log_prob": lambda law: lambda parameters, x: law(**parameters).log_prob(x),
    "cdf": lambda law: lambda parameters, x: law(**parameters).cdf(x),
    "icdf": lambda law: lambda parameters, q: law(**parameters).icdf(q),
    "moments": lambda law: lambda parameters: (law(**parameters).mean, law(**parameters).variance),
}


@cache
def compiled(law: type, what: str, order: int = 0):
    """A function of parameters and values, or its derivatives in both; compiled once for all cases of a law."""
    function = FUNCTIONS[what](law)
    if order:
        derivative = jax.grad if order == 1 else jax.hessian
        function = jax.vmap(derivative(function, argnums=(1, 0)), in_axes=(None, 0))
    function = jax.jit(function, compiler_options=QUICKLY if order == 2 else None)

    def of_twenty(parameters, *values):
        """Fewer values are repeated, so that one shape is compiled."""
        if not values or len(values[0]) >= 20:
            return function(parameters, *values)
        shape = np.shape(values[0])
        result = function(parameters, np.resize(values[0], (20, *shape[1:])))
        return jax.tree.map(lambda leaf: leaf[: shape[0]], result)

    return of_twenty


@cache
def sampler(law: type, shape: tuple[int, ...]):
    return jax.jit(lambda parameters, seed: law(**parameters).sample(jax.random.key(seed), shape))


def log_prob(problem: Problem, points) -> np.ndarray:
    return np.asarray(compiled(problem.law, "log_prob")(parameters_of(problem), jnp.asarray(points, float)))


def derivatives(problem: Problem, points, what: str = "log_prob") -> np.ndarray:
    """Of every point, in its coordinates and in the parameters."""
    value, parameters = compiled(problem.law, what, 1)(parameters_of(problem), jnp.asarray(points, float))
    columns = [np.asarray(parameters[name])[:, None] for name in problem.parameters]
    return np.concatenate([np.asarray(value).reshape(len(points), -1), *columns], axis=1)
