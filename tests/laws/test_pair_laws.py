"""Laws against exact answers: values, derivatives, quantiles, moments, samplers, and the NumPyro contract."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import biject_to
from scipy import special, stats

from coulombfit import laws
from simulators import ensembles
from tests.laws.problems import DENSITIES, DIGITS, PAIR_LAWS, PROBLEMS, Problem, named

pytestmark = pytest.mark.usefixtures("float64")

EPS = np.finfo(np.float64).eps
# Chance that any one of the statistical tests here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3
LEVEL = FALSE_ALARM / 40  # there are fewer than 40 p-values
SIGMAS = stats.norm.isf(LEVEL / 2)

# Compiling is most of the time of what is called once.
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

MODERATE = [problem for problem in PROBLEMS if "extreme" not in problem.name]
# One case of every law, of unequal widths.
REPRESENTATIVES = [p for p in PROBLEMS if ", " not in p.name or p.name.endswith("unequal")]


def every(problems):
    return pytest.mark.parametrize("problem", problems, ids=lambda p: p.name)


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


def draw(problem: Problem, runs: int, seed: int) -> np.ndarray:
    return np.asarray(sampler(problem.law, (runs,))(parameters_of(problem), seed))


def log_prob(problem: Problem, points) -> np.ndarray:
    return np.asarray(compiled(problem.law, "log_prob")(parameters_of(problem), jnp.asarray(points, float)))


def derivatives(problem: Problem, points, what: str = "log_prob") -> np.ndarray:
    """Of every point, in its coordinates and in the parameters."""
    value, parameters = compiled(problem.law, what, 1)(parameters_of(problem), jnp.asarray(points, float))
    columns = [np.asarray(parameters[name])[:, None] for name in problem.parameters]
    return np.concatenate([np.asarray(value).reshape(len(points), -1), *columns], axis=1)


@every(PROBLEMS)
def test_density_agrees_with_mpmath(problem: Problem) -> None:
    """To 1e-12 relative wherever float64 can represent the density, and in the logarithm beyond."""
    got = log_prob(problem, problem.points)
    with mp.workdps(DIGITS):
        exact = [mp.log(problem.exact(point)) for point in problem.points]
        errors = np.array([float(abs(mp.mpf(float(g)) - e)) for g, e in zip(got, exact, strict=True)])
        size = np.array([float(abs(e)) for e in exact])
    representable = size < 745
    assert representable.sum() >= 7
    np.testing.assert_array_less(errors[representable], 1e-12)
    np.testing.assert_array_less(errors[~representable], 8 * EPS * size[~representable] + 1e-12)


def natural_units(problem: Problem, point) -> np.ndarray:
    """What a change of each argument is measured by: δx, the largest of them for the centre, and the widths."""
    offsets = np.abs(np.atleast_1d(point) - problem.centre)
    return np.array([*offsets, *([offsets.max()] if "centre" in problem.parameters else []), *problem.widths])


def rounding(problem: Problem, point) -> np.ndarray:
    """By how much the exact derivatives change as each δx and width is rounded."""
    slopes = np.array(problem.slopes(point))
    change = 0 * slopes
    with mp.workdps(DIGITS):
        for i, offset in enumerate(np.atleast_1d(point)):
            moved = list(np.atleast_1d(point).astype(object))
            moved[i] = mp.mpf(float(offset)) + EPS * (mp.mpf(float(offset)) - problem.centre)
            change += abs(np.array(problem.slopes(moved)) - slopes)
    return change.astype(float)


def check_gradients(problem: Problem, points) -> None:
    """To 1e-9, and to a much smaller part of the largest component, in natural units.

    The latter is for components that are small by cancellation: at the centre of a pair or of a flat density, or
    of the narrow width far out. It is 1e-13 but for the sums over an angle, whose remainder is below 1e-10.
    """
    small = 1e-10 if problem.name.startswith("anisotropic") else 1e-13
    got = derivatives(problem, problem.points)
    for point in points:
        exact = np.array([float(slope) for slope in problem.slopes(point)])
        units = natural_units(problem, point)
        error = np.abs(got[problem.points.index(point)] - exact)
        allowed = 1e-9 * np.abs(exact) + small * np.abs(exact * units).max() / np.maximum(units, 1e-300)
        if (error > allowed).any():
            # δx₁ = −δx₂ = 40σ₁: which labelling weighs more is the rounding of exponents up to 8e8
            assert problem.name.startswith("two-species pair")
            assert point == problem.points[2]
            allowed += 4 * rounding(problem, point) + EPS * 8e8 * np.abs(exact)
        np.testing.assert_array_less(error, allowed + 1e-300)


@every([problem for problem in PROBLEMS if problem.name != "anisotropic density, exchanged"])
def test_gradients_agree_with_mpmath(problem: Problem) -> None:
    """In every parameter and coordinate at 20 points of every case; the costly law has 5, and 20 below."""
    assert np.isfinite(derivatives(problem, problem.points)).all()
    check_gradients(problem, problem.points[1::4] if problem.law is laws.AnisotropicDensity else problem.points)


@pytest.mark.long
@every([problem for problem in PROBLEMS if problem.law is laws.AnisotropicDensity])
def test_gradients_of_the_anisotropic_density_agree_with_mpmath_everywhere(problem: Problem) -> None:
    check_gradients(problem, problem.points)


def curvature(problem: Problem, points) -> np.ndarray:
    names = list(problem.parameters)
    values, parameters = compiled(problem.law, "log_prob", 2)(parameters_of(problem), jnp.asarray(points, float))
    n = len(points)
    xx = np.asarray(values[0]).reshape(n, -1)
    d = round(np.sqrt(xx.shape[1]))
    xp = np.stack([np.asarray(values[1][name]).reshape(n, d) for name in names], axis=-1)
    pp = np.array([[parameters[a][1][b] for b in names] for a in names]).transpose(2, 0, 1)
    return np.block([[xx.reshape(n, d, d), xp], [xp.transpose(0, 2, 1), pp]])


@pytest.mark.slow
@every([*REPRESENTATIVES, named("anisotropic density, equal"), named("anisotropic pair, equal")])
def test_second_derivatives_agree_with_mpmath(problem: Problem) -> None:
    """All of them, mixed ones too, at a generic point and where |δx|, |R| or |σ₁ − σ₂| is exactly zero."""
    one_dimensional = problem in DENSITIES
    points = (problem.points[16], problem.points[10]) if one_dimensional else (problem.points[3], problem.points[0])
    points = (points[0], 4.0 if "density" in problem.name else points[1])
    if problem.law is laws.AnisotropicDensity:  # costly, and the tie with all of its zeros is the harder case
        points = points[:1] if problem.widths[0] > problem.widths[1] else points[1:]
    for point, got in zip(points, curvature(problem, points), strict=True):
        exact = np.array(problem.curvatures(point))
        units = np.maximum(natural_units(problem, point), 0.5 * min(problem.widths))
        scale = np.abs(exact * units[:, None] * units).max() / (units[:, None] * units)
        np.testing.assert_array_less(np.abs(got - exact), 1e-9 * np.abs(exact) + 1e-10 * scale)


@pytest.mark.parametrize("what", ["density", "pair"])
def test_anisotropic_laws_are_the_one_species_laws_where_widths_are_equal(what: str) -> None:
    """Value and gradient at the tie σ₁ = σ₂, where each width has half of the derivative in the one width."""
    one, two = named(f"one-species {what}"), named(f"anisotropic {what}, equal")
    np.testing.assert_allclose(log_prob(two, one.points), log_prob(one, one.points), rtol=1e-13, atol=1e-13)
    expected, got = derivatives(one, one.points), derivatives(two, one.points)
    scale = 1e-12 * np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_array_less(np.abs(got[:, :-2] - expected[:, :-1]), 1e-12 * np.abs(expected[:, :-1]) + scale)
    np.testing.assert_allclose(got[:, -2], expected[:, -1] / 2, rtol=1e-12)
    np.testing.assert_allclose(got[:, -1], expected[:, -1] / 2, rtol=1e-12)


TWO_WIDTHS = [laws.TwoSpeciesPair, laws.TwoSpeciesDensity, laws.AnisotropicPair, laws.AnisotropicDensity]


@pytest.mark.parametrize("law", TWO_WIDTHS)
def test_exchange_of_widths_changes_nothing(law: type) -> None:
    a, b = (next(p for p in PROBLEMS if p.law is law and p.name.endswith(name)) for name in ("unequal", "exchanged"))
    np.testing.assert_allclose(log_prob(a, a.points), log_prob(b, a.points), rtol=1e-14)


# Probabilities from the smallest float64 has with all its digits.
TAILS = (1e-300, 1e-20, 1e-3, 0.3)


@every(DENSITIES)
def test_cdf_and_quantiles_agree_with_mpmath(problem: Problem) -> None:
    """With relative precision in the lower tail; a quantile to what an ulp of x makes of its probability."""
    parameters = parameters_of(problem)
    quantiles = np.asarray(compiled(problem.law, "icdf")(parameters, jnp.array(TAILS)))
    upper = problem.centre + np.array([0.05, 0.9, 3, 40]) * problem.scale
    points = np.concatenate([quantiles, upper])
    got = np.asarray(compiled(problem.law, "cdf")(parameters, jnp.asarray(points)))
    exact = np.array([problem.exact_cdf(x) for x in points])
    np.testing.assert_allclose((got / exact).astype(float), 1, rtol=1e-11)
    ulp = np.array([problem.exact(x) * np.spacing(x) for x in quantiles]) / exact[:4]
    errors = np.abs(exact[:4] / np.array([mp.mpf(q) for q in TAILS]) - 1)
    np.testing.assert_array_less(errors.astype(float), 1e-11 + 2 * ulp.astype(float))


@every(DENSITIES)
def test_quantiles_invert_the_cdf_and_are_mirrored(problem: Problem) -> None:
    parameters = parameters_of(problem)
    q = jnp.array([1e-12, 0.02, 0.5, 0.9, 1 - 1e-9])
    x = compiled(problem.law, "icdf")(parameters, q)
    np.testing.assert_allclose(compiled(problem.law, "cdf")(parameters, x), q, rtol=1e-11)
    ends = np.asarray(compiled(problem.law, "icdf")(parameters, jnp.array([0.0, 1.0, 0.5, jnp.nan])))
    lowest, middle = (0.0, 2 * np.sqrt(np.log(2)) * 0.03) if problem.name == "surmise" else (-np.inf, 4.0)
    np.testing.assert_allclose(ends, [lowest, np.inf, middle, np.nan], rtol=1e-15)
    np.testing.assert_array_equal(compiled(problem.law, "cdf")(parameters, jnp.array([-jnp.inf, jnp.inf])), [0, 1])
    if problem.name != "surmise":
        np.testing.assert_allclose(x[1] + compiled(problem.law, "icdf")(parameters, 1 - q[1:2])[0], 8, rtol=1e-15)


@every([p for p in DENSITIES if "exchanged" not in p.name])
def test_derivatives_of_quantiles_are_those_of_the_implicit_function(problem: Problem) -> None:
    """∂x/∂q = 1/ρ, ∂x/∂p = −(∂F/∂p)/ρ; also in the upper tail and at q = ½."""
    q = (1e-20 if problem.name == "surmise" else 1e-300, 0.2, 0.5, 0.97)
    x = np.asarray(compiled(problem.law, "icdf")(parameters_of(problem), jnp.array(q)))
    got, of_cdf = derivatives(problem, q, "icdf"), derivatives(problem, x, "cdf")
    for i, point in enumerate(x):
        density, *slopes = problem.slopes(point, "cdf")
        expected = np.array([float(v) for v in (1 / density, *(-slope / density for slope in slopes))])
        # one ulp of x changes it by as much
        rtol = 1e-10 + 4 * float(np.spacing(point) / (abs(point - problem.centre) + problem.scale)) * 1400
        np.testing.assert_allclose(got[i], expected, rtol=rtol, atol=1e-10)
        np.testing.assert_allclose(of_cdf[i], [float(v) for v in (density, *slopes)], rtol=rtol, atol=1e-10)


@every(PROBLEMS)
def test_mean_and_variance(problem: Problem) -> None:
    mean, variance = compiled(problem.law, "moments")(parameters_of(problem))
    assert mean.shape == variance.shape == problem.make().event_shape
    if problem in PAIR_LAWS:
        expected = problem.centre + np.array([0.5, -0.5]) * problem.mean_spacing
        np.testing.assert_allclose(mean, expected, rtol=1e-15)
        # of each level; its distance from the centre adds to the variance of one picked at random
        np.testing.assert_allclose(variance, problem.variance - problem.mean_spacing**2 / 4, rtol=1e-13)
    else:
        expected = problem.centre if "density" in problem.name else np.sqrt(np.pi) * 0.03
        assert float(mean) == pytest.approx(expected, rel=1e-15)
        assert float(variance) == pytest.approx(problem.variance, rel=1e-13)


@every(DENSITIES)
def test_sampler_of_a_density_fits_it(problem: Problem) -> None:
    draws = draw(problem, 20_000, 11)
    cdf = np.asarray(compiled(problem.law, "cdf")(parameters_of(problem), jnp.asarray(np.sort(draws))))
    assert stats.kstest(cdf, "uniform").pvalue > LEVEL


def chi_square_of_pairs(problem: Problem, draws: np.ndarray) -> float:
    """P-value of counts in cells of (S, R) against the integral of exp(log_prob) over each cell."""
    centre, scale = problem.centre, problem.scale
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 2 * centre
    s_edges, r_edges = np.linspace(0, 4.5 * scale, 13), np.linspace(-4 * scale, 4 * scale, 17)
    counts, *_ = np.histogram2d(spacing, total, bins=(s_edges, r_edges))
    nodes, weights = np.polynomial.legendre.leggauss(12)

    def panel(edges):
        half = np.diff(edges) / 2
        return (edges[:-1] + half)[:, None] + half[:, None] * nodes, half[:, None] * weights

    (s, ws), (r, wr) = panel(s_edges), panel(r_edges)
    s4, r4 = s[:, None, :, None], r[None, :, None, :]
    x = np.stack(np.broadcast_arrays(centre + (r4 + s4) / 2, centre + (r4 - s4) / 2), axis=-1)
    mass = np.einsum("abij,ai,bj->ab", np.exp(log_prob(problem, x)) / 2, ws, wr)
    expected = mass * len(draws)
    used = expected > 10
    observed, predicted = counts[used], expected[used]
    observed = np.append(observed, len(draws) - observed.sum())
    predicted = np.append(predicted, len(draws) - predicted.sum())
    return stats.chisquare(observed, predicted).pvalue


@every([problem for problem in PAIR_LAWS if problem in MODERATE])
def test_sampler_of_a_pair_fits_its_density(problem: Problem) -> None:
    draws = draw(problem, 100_000, 5)
    assert (draws[:, 0] > draws[:, 1]).all()
    assert chi_square_of_pairs(problem, draws) > LEVEL


def test_goodness_of_fit_notices_a_width_wrong_by_two_percent() -> None:
    problem = named("two-species pair, unequal")
    draws = draw(problem, 100_000, 5)
    assert chi_square_of_pairs(problem, 4 + (draws - 4) / 1.02) < LEVEL


@pytest.mark.parametrize("kind", ["one-species pair", "two-species pair, unequal"])
def test_simulated_ensembles_follow_the_laws(kind: str) -> None:
    """The simulators' samplers were written apart from the laws; one diagonalises random matrices."""
    if kind.startswith("one"):
        draws = ensembles.one_species(centre=4.0, sigma=0.04, runs=100_000, seed=3)
    else:
        draws = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=100_000, seed=3)
    assert chi_square_of_pairs(named(kind), draws) > LEVEL


def test_extreme_widths_are_sampled() -> None:
    """σ₂/σ₁ = 1e-3: R given ±S is as narrow as σ₂; its standardised residual is a unit Gaussian."""
    problem = named("two-species pair, extreme")
    law, draws = problem.make(), draw(problem, 20_000, 7)
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 8.0
    r, sd = float(law.asymmetry), np.sqrt(2) * 0.04 * 4e-5 / float(law.sigma_m)
    either = np.stack([total - r * spacing, total + r * spacing])
    residual = np.take_along_axis(either, np.abs(either).argmin(axis=0)[None], axis=0)[0]
    assert stats.kstest(residual / sd, "norm").pvalue > LEVEL
    assert np.isfinite(log_prob(problem, draws)).all()


@every([problem for problem in PAIR_LAWS if problem.name.startswith("anisotropic")])
def test_anisotropic_sampler_follows_its_conditionals(problem: Problem) -> None:
    """Rosenblatt: S by the surmise, R given S by the angular average of Gaussian CDFs, down to σ₂/σ₁ = 1e-3."""
    law, draws = problem.make(), draw(problem, 2000, 13)
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 8.0
    sigma_m, r = float(law.sigma_m), float(law.asymmetry)
    angles = (np.arange(4000) + 0.5) * np.pi / 4000
    sd = np.sqrt(2) * np.prod(problem.widths) / sigma_m
    conditional = special.ndtr((total[:, None] - r * spacing[:, None] * np.cos(angles)) / sd).mean(axis=1)
    assert stats.kstest(-np.expm1(-((spacing / (2 * sigma_m)) ** 2)), "uniform").pvalue > LEVEL
    assert stats.kstest(conditional, "uniform").pvalue > LEVEL
    assert np.isfinite(log_prob(problem, draws)).all()


@some
def test_samples_are_differentiable_in_the_parameters(problem: Problem) -> None:
    """Draws are the centre plus what scales with the widths, and their squares have the variance's derivative."""
    law, parameters = problem.law, parameters_of(problem)
    assert law(**parameters).has_rsample

    def draws(parameters):
        return law(**parameters).rsample(jax.random.key(17), (20_000,))

    x, slopes = jax.jit(
        lambda parameters: (draws(parameters), jax.jacfwd(draws)(parameters)), compiler_options=QUICKLY
    )(parameters)
    x, slopes = np.asarray(x), {name: np.asarray(slope) for name, slope in slopes.items()}
    assert all(np.isfinite(slope).all() for slope in slopes.values())
    np.testing.assert_array_equal(slopes.get("centre", 1.0), 1.0)
    by_scale = sum(value * slopes[name] for name, value in problem.parameters.items() if name != "centre")
    np.testing.assert_allclose(by_scale, x - problem.centre, atol=1e-14)

    mean = np.asarray(law(**parameters).mean)
    expected = jax.jit(jax.jacfwd(lambda parameters: law(**parameters).variance.sum()))(parameters)
    for name in parameters.keys() - {"centre"}:
        terms = 2 * (x - mean) * slopes[name]
        terms = terms.sum(axis=tuple(range(1, terms.ndim)))
        assert terms.mean() == pytest.approx(float(expected[name]), abs=SIGMAS * terms.std() / np.sqrt(len(terms)))


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
