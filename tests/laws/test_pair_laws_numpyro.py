"""Laws as NumPyro takes them: shapes, the contract, supports, arguments, and single precision."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to

from tests.laws.evaluation import (
    QUICKLY,
    REPRESENTATIVES,
    compiled,
    derivatives,
    every,
    log_prob,
    parameters_of,
    sampler,
    some,
)
from tests.laws.problems import DENSITIES, PAIR_LAWS, Problem

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.one_by_default
@every(REPRESENTATIVES)
def test_shapes(problem: Problem) -> None:
    """Of draws, densities and moments, for parameters of any shapes that broadcast."""
    names, key = list(problem.parameters), jax.random.key(0)
    for shapes in (((),) * 3, ((4, 1),) * 3, ((3, 1), (2,), ()), ((2,), (3, 1), (5, 1, 1)), ((), (0,), ())):
        law = problem.law(**{n: jnp.full(s, problem.parameters[n]) for n, s in zip(names, shapes, strict=False)})
        batch, event = np.broadcast_shapes(*shapes[: len(names)]), law.event_shape
        assert law.batch_shape == batch
        assert event == ((2,) if problem in PAIR_LAWS else ())
        for sample in ((), (7,), (3, 2)):
            full = (*sample, *batch, *event)
            draws = jax.eval_shape(lambda sample=sample, law=law: law.sample(key, sample))
            assert draws.shape == law.shape(sample) == full
            assert jax.eval_shape(law.log_prob, draws).shape == full[: len(full) - len(event)]
        assert jax.eval_shape(lambda law=law: law.mean).shape == (*batch, *event)
        assert jax.eval_shape(lambda law=law: law.variance).shape == (*batch, *event)
        if not event:
            values = jax.ShapeDtypeStruct((6, *(1 for _ in batch)), np.float64)
            assert jax.eval_shape(law.cdf, values).shape == jax.eval_shape(law.icdf, values).shape == (6, *batch)


@pytest.mark.one_by_default
@some
def test_numpyro_contract(problem: Problem) -> None:
    """What NumPyro does with a law, in one compiled function whose arguments are laws themselves."""
    law, mask = problem.make(), jnp.array([[True, False], [False, False], [True, True]])
    factors = jnp.array([1.0, 1.2, 0.7, 2.0])[:, None]
    scaled = {n: v * (1 if n == "centre" else factors) + 0 * factors for n, v in parameters_of(problem).items()}
    batch = problem.law(**scaled)

    @partial(jax.jit, compiler_options=QUICKLY)
    def run(law, batch, key):
        draws = law.sample(key, (3, 2))
        wide = law.expand((3, 2))
        return draws, {
            "plain": law.log_prob(draws),
            "inside": law.support(draws),
            "expand": wide.log_prob(draws),
            "mask": wide.mask(mask).log_prob(draws),
            "to_event": wide.to_event(1).log_prob(draws),
            "independent": dist.Independent(wide, 2).log_prob(draws),
            "batch": batch.log_prob(draws[0]),
            "vmap of laws": jax.vmap(lambda one, x: one.log_prob(x), in_axes=(0, None))(batch, draws[0]),
            "vmap of samples": jax.vmap(law.sample)(jax.random.split(key, 4)),
            "batch of samples": batch.sample(key, (5,)),
        }

    draws, got = jax.device_get(run(law, batch, jax.random.key(0)))
    plain = got["plain"]
    assert draws.shape == (3, 2, *law.event_shape)
    assert np.unique(draws).size == draws.size
    assert got["inside"].shape == (3, 2)
    assert got["inside"].all()
    np.testing.assert_allclose(plain, log_prob(problem, draws), rtol=1e-13)
    np.testing.assert_allclose(got["expand"], plain, rtol=1e-13)
    np.testing.assert_allclose(got["mask"], np.where(mask, plain, 0), rtol=1e-13)
    np.testing.assert_allclose(got["to_event"], plain.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(got["independent"], plain.sum(), rtol=1e-13)
    assert got["batch"].shape == (4, 2)
    np.testing.assert_allclose(got["batch"][0], plain[0], rtol=1e-13)
    np.testing.assert_allclose(got["vmap of laws"], got["batch"], rtol=1e-12)
    assert np.ptp(got["batch"][:, 0]) > 0.1
    assert np.unique(got["vmap of samples"]).size == got["vmap of samples"].size
    assert got["batch of samples"].shape == (5, 4, 1, *law.event_shape)
    assert np.unique(got["batch of samples"]).size == got["batch of samples"].size

    leaves, structure = jax.tree.flatten(batch)
    again = jax.tree.unflatten(structure, leaves)
    assert (type(again), again.batch_shape, again.event_shape) == (problem.law, (4, 1), law.event_shape)
    assert all(again.get_args()[name] is value for name, value in batch.get_args().items())


@every(REPRESENTATIVES)
def test_transforms_to_the_support_and_back(problem: Problem) -> None:
    law = problem.make()
    transform = biject_to(law.support)
    free = np.array([[0.3, -1.2], [4.0, 2.0]]) if law.event_shape else np.array([-1.2, 2.0])
    value = transform(jnp.asarray(free))
    assert law.support(value).all()
    np.testing.assert_allclose(transform.inv(value), free, rtol=1e-12)


@every(REPRESENTATIVES)
def test_arguments_are_validated(problem: Problem) -> None:
    for name, good in problem.parameters.items():
        for bad in (np.nan,) if name == "centre" else (np.nan, 0.0, -good, np.array([good, -good])):
            with pytest.raises(ValueError, match=name):
                problem.law(**{**problem.parameters, name: bad}, validate_args=True)
    outside = {"surmise": 0.0}.get(problem.name, np.nan)
    outside = jnp.array([3.9, 4.1]) if problem in PAIR_LAWS else jnp.asarray(outside)
    with pytest.warns(UserWarning, match="Out-of-support"):
        problem.law(**problem.parameters, validate_args=True).log_prob(outside)


@every([problem for problem in REPRESENTATIVES if "density" not in problem.name])
def test_outside_the_support(problem: Problem) -> None:
    """Minus infinity, and no NaN in its derivatives, nor beside a value inside."""
    outside = jnp.array([-1.0, 0.0]) if problem.name == "surmise" else jnp.array([[3.9, 4.1], [4.0, 4.0], [3.0, 9.0]])
    assert (log_prob(problem, outside) == -np.inf).all()
    assert not problem.make().support(outside).any()
    assert not np.isnan(derivatives(problem, outside)).any()


@every([problem for problem in REPRESENTATIVES if problem in DENSITIES])
def test_far_beyond_every_width(problem: Problem) -> None:
    """Where the density underflows to nothing, and at infinity."""
    points = problem.centre + np.array([1e3, 1e8, np.inf]) * problem.scale
    got = log_prob(problem, points)
    assert (got[:2] < -1e5).all()
    assert got[2] == -np.inf
    np.testing.assert_array_equal(compiled(problem.law, "cdf")(parameters_of(problem), jnp.asarray(points)), 1)


@pytest.mark.slow
@every(REPRESENTATIVES)
def test_float32_follows_the_input(problem: Problem) -> None:
    """About a centre of zero, where single precision can express the data at all; and float64 if anything is."""
    parameters = {name: np.float32(0 if name == "centre" else v) for name, v in problem.parameters.items()}
    double = {name: np.float64(v) for name, v in parameters.items()}
    centred = problem.law(**double)
    values = np.asarray(jax.jit(lambda law: law.sample(jax.random.key(2), (20,)))(centred), dtype=np.float32)

    def check(got, exact, tolerance):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, exact, rtol=0, atol=tolerance * (1 + np.abs(exact).max()))

    function = compiled(problem.law, "log_prob")
    exact = np.asarray(function(double, values.astype(np.float64)))
    assert exact.dtype == np.float64
    check(function(parameters, values), exact, 3e-6)
    for mixed in ((double, values), (parameters, values.astype(np.float64))):
        assert jax.eval_shape(function, *mixed).dtype == np.float64
    with jax.enable_x64(False):
        assert jax.eval_shape(function, parameters, values).dtype == np.float32
        assert jax.eval_shape(sampler(problem.law, (20,)), parameters, 2).dtype == np.float32
    if problem in DENSITIES:
        probabilities = np.asarray(compiled(problem.law, "cdf")(double, values.astype(np.float64)))
        check(compiled(problem.law, "cdf")(parameters, values), probabilities, 1e-6)
        check(compiled(problem.law, "icdf")(parameters, probabilities.astype(np.float32)), values, 3e-5)
