"""What NumPyro asks of a distribution, law by law from one table, as NumPyro's own tests ask it.

Parameters that make no sense: ValueError where they are known, also inside a compiled function; NaN where they are
traced. NumPyro's laws of the same kind are in the table, so that it says what NumPyro does, not what we think it does.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to, constraints

from coulombfit import laws
from coulombfit.laws.gas.coulomb_gas import descending

pytestmark = pytest.mark.usefixtures("float64")


class T(NamedTuple):
    """A law, and good values of its parameters; sizes of clusters are no parameter but a fact."""

    law: type[dist.Distribution]
    parameters: dict[str, object]
    sizes: tuple[int, ...] | None = None

    def make(self, parameters: dict | None = None, **more) -> dist.Distribution:
        fixed = {} if self.sizes is None else {"sizes": self.sizes}
        return self.law(**{**self.parameters, **(parameters or {})}, **fixed, **more)


ONE = {"centre": 4.0, "sigma": 0.05}
TWO = {"centre": 4.0, "sigma_1": 0.05, "sigma_2": 0.03}
REAL = (constraints.real, constraints.real_vector)
LAWS = {
    "gaussian pair": T(laws.GaussianPair, ONE),
    "one-species pair": T(laws.OneSpeciesPair, ONE),
    "two-species pair": T(laws.TwoSpeciesPair, TWO),
    "anisotropic pair": T(laws.AnisotropicPair, TWO),
    "split pair": T(laws.SplitPair, {"centre": 4.0, "split": 0.07, "sigma": 0.05}),
    "split anisotropic pair": T(
        laws.SplitAnisotropicPair, {"centre": 4.0, "split": 0.07, "sigma_1": 0.03, "sigma_2": 0.05}
    ),
    "split spacing": T(laws.RiceSpacing, {"split": 0.07, "sigma": 0.05}),
    "one-species density": T(laws.OneSpeciesDensity, ONE),
    "two-species density": T(laws.TwoSpeciesDensity, TWO),
    "anisotropic density": T(laws.AnisotropicDensity, TWO),
    "surmise": T(laws.WignerSurmise, {"sigma_m": 0.05}),
    "gas of one cluster": T(
        laws.CoulombGas, {"centres": np.array([4.0]), "widths": np.array([0.05]), "beta": 1.5}, (3,)
    ),
    "gas of clusters": T(
        laws.CoulombGas, {"centres": np.array([4.0, 2.0, 1.0]), "widths": np.array([0.05, 0.04, 0.1])}, (2, 1, 1)
    ),
    "step of a level": T(laws.LevelTransition, {"centre": 4.0, "sigma": 0.05, "memory": 0.9, "previous": 4.1}),
    "step of a pair": T(
        laws.PairTransition,
        {"centre": 4.0, "sigma": 0.05, "memory": 0.9, "previous": np.array([4.1, 3.95]), "beta": 1.5},
    ),
    "NumPyro's normal": T(dist.Normal, {"loc": 4.0, "scale": 0.05}),
    "NumPyro's half normal": T(dist.HalfNormal, {"scale": 0.05}),
}
every = pytest.mark.parametrize("name", LAWS)
# What takes a program a law: one law of every kind at every change.
OF_EVERY_KIND = ("one-species pair", "split pair", "surmise", "gas of clusters", "step of a pair", "NumPyro's normal")
some = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OF_EVERY_KIND else pytest.mark.slow) for name in LAWS]
)


def traced(t: T) -> dict[str, object]:
    """Parameters as arrays; those of the gas of clusters are without β, which is a fact there."""
    return {name: jnp.asarray(value) for name, value in t.parameters.items()}


def bad(t: T) -> list[dict[str, object]]:
    """Each parameter out of its constraint; all widths negative at once too, which products of two do not show."""
    found = []
    for name, value in t.parameters.items():
        good = np.asarray(value, dtype=float)
        constraint = t.law.arg_constraints[name]
        signed = constraint in REAL
        found += [{name: good * np.nan}, *([] if signed else [{name: -good}])]
        # nothing is a memory, too
        least = good + 1.0 if constraint is constraints.unit_interval else 0.0 * good
        found += [{name: least}] if constraint not in (*REAL, constraints.nonnegative) else []
    widths = {
        name: -np.asarray(v, float)
        for name, v in t.parameters.items()
        if "centre" not in name and name not in ("loc", "split")
    }
    return [*found, widths]


def inside(t: T) -> np.ndarray:
    return np.asarray(t.make().sample(jax.random.key(0), (4,)))


@some
def test_support_and_shapes(name) -> None:
    t = LAWS[name]
    law, x = t.make(), inside(t)
    assert x.shape == (4, *law.event_shape)
    assert law.support.event_dim == law.event_dim == len(law.event_shape)
    assert np.asarray(law.support(x)).all()
    log_density = jax.jit(law.log_prob)(x)
    assert log_density.shape == (4,)
    assert np.isfinite(log_density).all()
    feasible = law.support.feasible_like(jnp.asarray(x[0]))
    assert np.shape(feasible) == law.event_shape
    assert law.support(feasible)
    if name.startswith("NumPyro"):
        return  # whose half normal warns, and has −∞ for the quantile of −1
    unknown = jax.jit(t.make(validate_args=False).log_prob)(jnp.full(law.event_shape, jnp.nan))
    assert np.isnan(unknown) or unknown == -np.inf


@every
def test_constraints_of_parameters_hold(name) -> None:
    t = LAWS[name]
    law = t.make(validate_args=True)
    assert set(law.get_args()) == set(law.arg_constraints)
    for parameter, value in law.get_args().items():
        assert np.asarray(law.arg_constraints[parameter](value)).all()


@every
def test_d_supports_are_equal_after_a_round_trip(name) -> None:
    """They are compared by NumPyro wherever laws go through a compiled function, and by users as keys."""
    support = LAWS[name].make().support
    leaves, structure = jax.tree.flatten(support)
    again = jax.tree.unflatten(structure, leaves)
    assert again == support
    assert (again != support) is False
    assert jax.tree.structure(again) == structure
    assert support != constraints.real_vector
    assert support != constraints.unit_interval
    inner = jax.jit(lambda x: x)(support)
    assert inner == support
    if type(support).__module__.startswith("coulombfit"):
        assert hash(again) == hash(support)
        assert len({again, support}) == 1


def test_d_the_two_supports_are_apart() -> None:
    assert laws.descending_pair != descending
    assert descending != laws.descending_pair


@pytest.mark.one_by_default
@every
def test_d_transforms_end_on_the_support(name) -> None:
    support = LAWS[name].make().support
    transform = biject_to(support)
    assert transform.codomain == support
    assert transform.domain.event_dim == support.event_dim
    z = jax.random.normal(jax.random.key(1), (6, *LAWS[name].make().event_shape))
    x = transform(z)
    assert np.asarray(support(x)).all()
    np.testing.assert_allclose(transform.inv(x), z, rtol=1e-9, atol=1e-9)
    assert transform.inv.domain == support
    leaves, structure = jax.tree.flatten(transform)
    assert jax.tree.unflatten(structure, leaves) == transform
    if support.event_dim and z.shape[-1] == 2:
        jacobian = jax.vmap(jax.jacfwd(transform))(z)
        expected = np.log(np.abs(np.linalg.det(jacobian)))
        np.testing.assert_allclose(transform.log_abs_det_jacobian(z, x), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.one_by_default
@every
def test_pytree_round_trip_jit_and_vmap(name) -> None:
    t = LAWS[name]
    law, x = t.make(), inside(t)
    leaves, structure = jax.tree.flatten(law)
    again = jax.tree.unflatten(structure, leaves)
    assert (again.batch_shape, again.event_shape, again.support) == (law.batch_shape, law.event_shape, law.support)
    expected = law.log_prob(x)
    np.testing.assert_array_equal(again.log_prob(x), expected)
    # one program for all three
    three = jax.jit(lambda one, y: (one.log_prob(y), jax.vmap(law.log_prob)(y), law.log_prob(x)))
    for got in three(law, x):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@every
def test_d_parameters_that_are_known_raise(name) -> None:
    """Outside a compiled function, and inside one."""
    t = LAWS[name]
    x = inside(t)[0]
    for wrong in bad(t):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            t.make(wrong, validate_args=True)
        with pytest.raises(ValueError, match=next(iter(wrong))):
            jax.jit(lambda y, wrong=wrong: t.make(wrong, validate_args=True).log_prob(y))(x)


@pytest.mark.one_by_default
@every
def test_d_parameters_that_are_traced_give_nan(name) -> None:
    t = LAWS[name]
    x = inside(t)
    good, expected = traced(t), t.make().log_prob(x)
    densities = jax.jit(lambda p, y: [t.make(p, validate_args=validate).log_prob(y) for validate in (True, False)])
    for got in densities(good, x):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    for wrong in bad(t):
        for got in densities({**good, **{key: jnp.asarray(value) for key, value in wrong.items()}}, x):
            assert np.isnan(got).all(), (wrong, got)


@pytest.mark.parametrize(
    "name", [name for name in LAWS if "density" in name or name in ("surmise", "split spacing", "NumPyro's normal")]
)
def test_d_quantiles_outside_zero_and_one_are_nan(name) -> None:
    t = LAWS[name]
    ends = (-np.inf, np.inf) if t.make().support is constraints.real else (0.0, np.inf)
    # one program for each function, whether parameters are good or bad; five values throughout
    icdf, cdf = (jax.jit(lambda p, v, what=what: getattr(t.make(p), what)(v)) for what in ("icdf", "cdf"))
    good = traced(t)
    assert np.isnan(icdf(good, np.array([-np.inf, -1.0, -1e-300, np.nan, -0.1]))).all()
    assert np.isnan(icdf(good, np.array([np.nextafter(1.0, 2.0), 1.1, np.inf, np.nan, 2.0]))).all()
    q = np.array([0.0, 0.01, 0.3, 0.99, 1.0])
    x = np.asarray(icdf(good, q))
    np.testing.assert_array_equal(x[[0, -1]], ends)
    again = np.asarray(cdf(good, x))
    np.testing.assert_array_equal(again[[0, -1]], [0.0, 1.0])
    np.testing.assert_allclose(again[1:-1], q[1:-1], rtol=1e-10)
    if not name.startswith("NumPyro"):
        bad_width = good | {next(reversed(good)): jnp.asarray(-0.05)}
        assert np.isnan(icdf(bad_width, np.full(5, 0.3))).all()
        assert np.isnan(cdf(bad_width, np.full(5, 4.0))).all()


OUTSIDE = {
    "surmise": [-1.0, 0.0],
    "split spacing": [-1.0, 0.0],
    "gas of one cluster": [[4.0, 4.1, 3.9], [4.1, 4.0, 4.0]],
    "gas of clusters": [[4.0, 4.1, 2.0, 1.0], [4.1, 4.0, 1.0, 2.0]],
    **{name: [[3.9, 4.1], [4.0, 4.0]] for name in LAWS if name.endswith("pair")},
}


@pytest.mark.one_by_default
@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_the_support_is_minus_infinity(name) -> None:
    """Validated, which warns, or not; compiled or not."""
    t, values = LAWS[name], jnp.asarray(OUTSIDE[name])
    assert not np.asarray(t.make().support(values)).any()
    np.testing.assert_array_equal(t.make(validate_args=False).log_prob(values), -np.inf)
    np.testing.assert_array_equal(jax.jit(t.make(validate_args=True).log_prob)(values), -np.inf)
    with pytest.warns(UserWarning, match="Out-of-support"):
        validated = t.make(validate_args=True).log_prob(values)
    np.testing.assert_array_equal(validated, -np.inf)
    x = inside(t)
    validated, plain = (t.make(validate_args=validate).log_prob(x) for validate in (True, False))
    np.testing.assert_array_equal(validated, plain)


def test_d_clusters_too_close_are_refused_inside_a_compiled_function() -> None:
    def density(x):
        return laws.CoulombGas(np.array([4.0, 3.9]), np.array([0.05, 0.05]), validate_args=True).log_prob(x)

    with pytest.raises(ValueError, match="centres: expected clusters, descending, at least"):
        jax.jit(density)(jnp.array([4.0, 3.9]))
    # traced, they have no probability: priors reach as far as the law
    close = jax.jit(lambda c, x: laws.CoulombGas(c, jnp.array([0.05, 0.05]), validate_args=True).log_prob(x))
    assert close(jnp.array([4.0, 3.9]), jnp.array([4.0, 3.9])) == -np.inf
