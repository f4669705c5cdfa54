"""Integrals, marginal likelihoods and Bayes factors against quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import integrate as quadrature
from scipy import special, stats

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.inference.log_posterior import log_posterior
from coulombfit.inference.marginal import marginal_likelihood
from coulombfit.models import MODELS
from coulombfit.numerics.compression import uncompressed
from coulombfit.samplers.importance import integrate
from simulators import ensembles


def gaussian_mixture(z: jax.Array, apart: jax.Array) -> jax.Array:
    """Even in the last coordinate, of integral 3."""
    both = jnp.logaddexp(-0.5 * jnp.square(z[1] - apart), -0.5 * jnp.square(z[1] + apart))
    return both - 0.5 * jnp.square(z[0]) - jnp.log(4.0 * jnp.pi) + jnp.log(3.0)


def spiked(z: jax.Array) -> jax.Array:
    """A spike, which sets the proposal's width, on tails that are barely integrable."""
    return -1.05 * jnp.abs(jnp.arcsinh(20.0 * z)).sum()


@pytest.mark.parametrize("apart", [0.0, 1.0, 8.0])
def test_modes_and_their_mirror_images(apart) -> None:
    with jax.enable_x64(True):
        found = integrate(gaussian_mixture, np.array([0.3, 0.5]), jnp.asarray(apart), mirrored=1)
    assert found.log_value == pytest.approx(np.log(3.0), abs=max(5 * found.se, 1e-3))
    assert found.k_hat < 0.5
    assert found.se < 0.01
    draws = found.resample(4000, seed=1)
    assert draws[:, 1].std() == pytest.approx(np.hypot(1.0, apart), rel=0.05)
    assert draws[:, 1].mean() == pytest.approx(0.0, abs=0.1 * np.hypot(1.0, apart))


def test_tails_too_heavy_are_told() -> None:
    with jax.enable_x64(True):
        found = integrate(spiked, np.array([0.3]))
    assert not found.reliable


def pairs(runs: int, sigma_2: float) -> np.ndarray:
    return ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=sigma_2, runs=runs, seed=runs)


def by_quadrature(model, data: np.ndarray) -> float:
    """Ln ∫ L π on a grid of the unconstrained coordinates about the mode; spectrally exact for smooth peaks."""
    spectra = cf.Spectra(data)
    pair = model.likelihood("pair")
    seen = model.observe(spectra, pair)
    unit = model.unit(seen, "pair")
    with jax.enable_x64(True):
        density, names = log_posterior(model, pair)
        mean, sd = unit.apply(seen).mean(), 1.0 / np.sqrt(len(data))
        axes = [np.linspace(mean - 9 * sd, mean + 9 * sd, 41), np.linspace(-9 * sd - 0.8, 9 * sd + 0.4, 61)]
        if "q" in names:
            axes.append(0.025 * (np.arange(200) + 0.5))  # and its mirror image
        itself = uncompressed(np.asarray(pair.terms(seen, unit)))
        points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        one = jax.jit(lambda z: jax.lax.map(lambda p: density(p, itself, unit), z, batch_size=64))
        values = np.asarray(one(jnp.asarray(points)))
    steps = sum(np.log(axis[1] - axis[0]) for axis in axes)
    mirror = np.log(2.0) if "q" in names else 0.0
    return float(special.logsumexp(values) + steps + mirror - seen.size * np.log(unit.scale))


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("one-species", 50),
        ("one-species", 500),
        pytest.param("two-species", 50, marks=pytest.mark.slow),
        pytest.param("two-species", 500, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("sigma_2", [0.04, 0.02])
def test_evidence_against_quadrature(name, runs, sigma_2) -> None:
    model, data = MODELS[name], pairs(runs, sigma_2)
    observed = model.observe(cf.Spectra(data), "pair")
    found = marginal_likelihood(model, model.likelihood("pair"), observed, model.unit(observed, "pair"))
    assert found.log_value == pytest.approx(by_quadrature(model, data), abs=0.01)
    assert found.k_hat < 0.7


def test_evidence_of_one_species_in_one_dimension() -> None:
    """Centre and width separately: R | c, σ is Gaussian, so the centre is integrated in closed form."""
    data = pairs(50, 0.04)
    model = MODELS["one-species"]
    observed = model.observe(cf.Spectra(data), "pair")
    unit = model.unit(observed, "pair")
    z = np.asarray(unit.apply(observed))
    s, total, n = z[:, 0] - z[:, 1], z.sum(axis=1), len(z)

    def integrand(log_sigma: float) -> float:
        sigma = np.exp(log_sigma)
        spacings = stats.rayleigh(scale=np.sqrt(2) * sigma).logpdf(s).sum()
        # sums are N(2c, 2σ²) with c ~ N(0, 2²); R and S from x₁, x₂ have Jacobian 2
        centre = stats.multivariate_normal(np.zeros(n), 2 * sigma**2 * np.eye(n) + 16.0).logpdf(total)
        return np.exp(spacings + centre + n * np.log(2) + stats.norm.logpdf(log_sigma) - reference)

    reference = 0.0
    reference = np.log(integrand(np.log(0.8))) if np.isfinite(np.log(integrand(np.log(0.8)))) else 0.0
    value = np.log(quadrature.quad(integrand, -2, 1, epsrel=1e-10)[0]) + reference - z.size * np.log(unit.scale)
    assert marginal_likelihood(model, model.likelihood("pair"), observed, unit).log_value == pytest.approx(
        value, abs=0.003
    )


@pytest.mark.long
def test_a_gas_of_one_pair_is_one_species() -> None:
    """In the units of the gas, whose priors are one a cluster; and its other priors, by reweighting."""
    from coulombfit.checks.fits.evidence import _sensitivity
    from coulombfit.models import Gas, Standardisation

    data, gas, pairs_model = pairs(40, 0.04), Gas((2,)), MODELS["one-species"]
    unit = gas.unit(data, "levels")
    one = Standardisation(float(unit.location[0]), float(unit.scale[0]))
    mine = marginal_likelihood(gas, gas.likelihood("levels"), data, unit)
    other = marginal_likelihood(pairs_model, pairs_model.likelihood("pair"), data, one)
    assert mine.log_value == pytest.approx(other.log_value, abs=0.005)
    changes = _sensitivity(gas, gas.likelihood("levels"), unit, mine)
    for name, change in _sensitivity(pairs_model, pairs_model.likelihood("pair"), one, other).items():
        assert changes[name] == pytest.approx(change, abs=0.005)


@pytest.fixture(scope="module")
def fits() -> dict[str, cf.Fit]:
    data = cf.Spectra(pairs(60, 0.03))
    return {name: cf.fit(data, name) for name in ("one-species", "two-species")}


@pytest.mark.long
def test_bayes_factors_and_verdict(fits) -> None:
    found = cf.evidence(fits)
    factors = found.factors("one-species", "two-species")
    assert factors[0] == pytest.approx(cf.savage_dickey(fits["two-species"]), abs=0.2)
    assert found.table["probability"].sum() == pytest.approx(1.0)
    assert list(found.sensitivity.columns[-2:]) == ["r towards 0", "r towards 1"]
    # a prior of r towards 0 is one towards one species
    assert found.sensitivity.loc["one-species", "r towards 0"] == 0.0
    assert found.trustworthy
    assert found.verdict.startswith(("the evidence is for ", "the data cannot tell: the best by evidence is "))
    assert "log Bayes factor over" in found.verdict
    compared = cf.compare(fits, evidence=found)
    assert "the evidence" in compared.verdict
    assert "log_evidence" in compared.summary()


def weighed(lead: float, change: float = 0.0, pareto_k: float = 0.1) -> cf.Evidence:
    """Evidence for "a" over "b", and how another prior of "a" changes it."""
    table = pd.DataFrame({"log_evidence": [0.0, -lead], "se": 0.001, "pareto_k": pareto_k}, index=["a", "b"])
    table["log_bayes_factor"] = table["log_evidence"]
    table["probability"] = special.softmax(table["log_evidence"])
    return cf.Evidence(table, pd.DataFrame({"width sd × 2": [change, 0.0]}, index=table.index))


def test_evidence_is_for_a_model_from_20_to_1_on() -> None:
    sure = weighed(280.0)
    assert sure.answer is Answer.YES
    assert sure.verdict.startswith(
        "the evidence is for a, posterior probability > 0.999; log Bayes factor over b 280.0"
    )
    assert weighed(3.1).answer is Answer.YES
    for unsure in (
        weighed(2.9),
        weighed(5.0, change=-6.0),
        weighed(280.0, pareto_k=0.8),
        weighed(9.0, pareto_k=np.nan),
    ):
        assert unsure.answer is Answer.CANNOT_TELL
        assert unsure.verdict.startswith("the data cannot tell: the best by evidence is a, posterior probability")
    alone = cf.Evidence(sure.table.iloc[:1], sure.sensitivity.iloc[:1])
    assert alone.answer is Answer.NOT_RUN
    assert alone.verdict == "nothing to weigh a against: evidence tells models from each other."


@pytest.mark.long
def test_scaled_priors_move_the_evidence_as_integrated_anew(fits) -> None:
    """Reweighted, against the integral under the other prior of the width."""
    import numpyro.distributions as dist

    from coulombfit.models.pairs import OneSpecies

    class Wider(OneSpecies):
        def sites(self, likelihood) -> dict:
            return super().sites(likelihood) | {"sigma": dist.LogNormal(0.0, 2.0)}

    fit = fits["one-species"]
    change = cf.evidence({"one": fit}).sensitivity.loc["one", "width sd × 2"]
    values = [
        marginal_likelihood(m, m.likelihood("pair"), fit.observations, fit.unit).log_value
        for m in (Wider(), OneSpecies())
    ]
    assert change == pytest.approx(values[0] - values[1], abs=0.005)


@pytest.mark.long
def test_what_has_no_evidence_is_refused(fits) -> None:
    with pytest.raises(ValueError, match="fits: expected at least one, got none"):
        cf.evidence({})
    other = cf.fit(pairs(40, 0.04), "one-species", sampler="nuts", sampling=cf.Sampling(chains=1, warmup=50, draws=50))
    with pytest.raises(ValueError, match="fits: expected fits of the same observations, got different ones in 'b'"):
        cf.evidence({"a": fits["one-species"], "b": other})
    with pytest.raises(ValueError, match="fit: expected one with parameter r or split, got 'one-species'"):
        cf.savage_dickey(fits["one-species"])
    with pytest.raises(ValueError, match="evidence: expected that of one-species, two-species, got one"):
        cf.compare(fits, evidence=cf.evidence({"one": fits["one-species"]}))
