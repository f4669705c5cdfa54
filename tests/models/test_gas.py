"""Models of all levels at once, on spectra that Dyson's dynamics made."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

import coulombfit as cf
from coulombfit import plots
from coulombfit.models import MODELS, Gas
from simulators import dyson, ensembles

SIZES = (1, 2, 2, 2, 2, 1)
CENTRES = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
WIDTHS = np.array([0.10, 0.09, 0.10, 0.09, 0.10, 0.09])


def spectra(runs: int, seed: int) -> cf.Spectra:
    run = dyson.simulate(
        centres=np.repeat(CENTRES, SIZES), widths=np.repeat(WIDTHS, SIZES), runs=runs, steps=400, seed=seed
    )
    return cf.Spectra(run.eigenvalues[:, -1], name="dyson")


@pytest.fixture(scope="module")
def gas() -> cf.Fit:
    return cf.fit(spectra(200, seed=3), "gas", sampler="nuts", sampling=cf.Sampling(warmup=300, draws=500))


@pytest.mark.long
def test_every_cluster_is_reported(gas: cf.Fit) -> None:
    assert gas.model == Gas(SIZES)
    assert gas.likelihood == "levels"
    assert dict(gas.tree["posterior"]["centre"].sizes) == {"chain": 4, "draw": 500, "cluster": 6}
    assert dict(gas.tree["log_likelihood"].sizes) == {"chain": 4, "draw": 250, "run": 200}
    table = gas.table()
    assert list(table.index) == [f"{name}[{k}]" for name in ("centre", "sigma") for k in range(6)]
    for name, truth in (("centre", CENTRES), ("sigma", WIDTHS)):
        for k, value in enumerate(truth):
            row = table.loc[f"{name}[{k}]"]
            assert abs(row["mean"] - value) < 4 * row["sd"], (name, k)
    assert gas.diagnosis.passed, str(gas.diagnosis)
    assert "centre ~ Normal(mean [" in gas.summary()
    assert gas.model.free_parameters(gas.observed_by) == 12


@pytest.mark.long
def test_a_gas_is_kept_and_drawn(gas: cf.Fit, tmp_path) -> None:
    gas.save(tmp_path / "gas.nc")
    again = cf.Fit.load(tmp_path / "gas.nc")
    assert again.model == gas.model
    np.testing.assert_array_equal(again.unit.location, gas.unit.location)
    assert len(plots.levels({"gas": again}).patches) > 0
    cf.write_report(tmp_path / "gas.html", fits={"gas": again})
    page = (tmp_path / "gas.html").read_text(encoding="utf-8")
    assert "of cluster 5" in page
    with pytest.raises(ValueError, match="expected fits of pairs, got gas"):
        plots.density({"gas": gas})


@pytest.mark.long
def test_bare_centres_are_recovered_where_pairs_alone_are_displaced() -> None:
    """4000 runs: repulsion between clusters displaces pairs by many standard errors of their centre."""
    data = spectra(4000, seed=1)
    gas = cf.fit(data, "gas")
    assert gas.diagnosis.passed, str(gas.diagnosis)
    table = gas.table()
    for k, (centre, width) in enumerate(zip(CENTRES, WIDTHS, strict=True)):
        for name, value in ((f"centre[{k}]", centre), (f"sigma[{k}]", width)):
            assert abs(table.loc[name, "mean"] - value) < 3 * table.loc[name, "sd"], name
    for k in range(4):
        alone = cf.fit(data.pair(k), "one-species").table().loc["centre"]
        displaced = (alone["mean"] - CENTRES[1 + k]) / alone["sd"]
        assert abs(displaced) > 5, (k, displaced)


@pytest.mark.slow
def test_a_gas_of_one_pair_is_the_one_species_pair() -> None:
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=200, seed=5)
    gas, one = (cf.fit(pairs, model).table() for model in ("gas", "one-species"))
    for name in ("centre", "sigma"):
        assert gas.loc[f"{name}[0]", "mean"] == pytest.approx(one.loc[name, "mean"], abs=0.1 * one.loc[name, "sd"])
        assert gas.loc[f"{name}[0]", "sd"] == pytest.approx(one.loc[name, "sd"], rel=0.1)


def ordered_mehta(levels: int, sigma: float) -> float:
    """Ln ∫ Π|x_i − x_j| exp(−Σ x²/2σ²) over x_1 > … > x_N, by Mehta's integral."""
    j = np.arange(1, levels + 1)
    unordered = levels / 2 * np.log(2 * np.pi) + np.sum(gammaln(1 + j / 2) - gammaln(1.5))
    return unordered - gammaln(levels + 1) + (levels + levels * (levels - 1) / 2) * np.log(sigma)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [3, 4])
def test_a_cluster_of_three_and_more_is_a_gas(levels: int) -> None:
    """Eigenvalues of GOE matrices about one centre, a single level beside them: Eq. 7 with Mehta's normaliser."""
    rng, sigma, runs = np.random.default_rng(levels), 0.05, 300
    noise = rng.normal(0.0, sigma / np.sqrt(2), (runs, levels, levels))
    together = 4.0 + np.linalg.eigvalsh((noise + noise.swapaxes(1, 2)) / np.sqrt(2.0))
    x = np.column_stack([rng.normal(9.0, 0.1, runs), together])
    layer = cf.Spectra(x, clusters=[range(1, levels + 1), "single"], name="layer")
    with pytest.raises(cf.DataError, match=r"got clusters of \(1, \d\) levels.*spectra\.cluster\(k\)"):
        cf.fit(layer, "gas")
    found = cf.fit(layer.cluster(1), "gas")
    assert found.diagnosis.passed
    assert found.model == Gas((levels,))
    table = found.table()
    assert abs(table.loc["centre[0]", "mean"] - 4.0) < 4 * table.loc["centre[0]", "sd"]
    assert abs(table.loc["sigma[0]", "mean"] - sigma) < 4 * table.loc["sigma[0]", "sd"]
    law = found.model.levels({"centre": jnp.array([4.0]), "sigma": jnp.array([sigma])})
    assert float(law.log_normaliser) == pytest.approx(ordered_mehta(levels, sigma), rel=1e-5)
    assert f"grouping: levels {','.join(map(str, range(1, levels + 1)))} together, grouped as stated" in found.summary()


@pytest.mark.long
def test_the_repulsion_of_real_matrices_is_one() -> None:
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=2000, seed=5)
    free, fixed = cf.fit(pairs, "gas-beta"), cf.fit(pairs, "gas")
    beta = free.table().loc["beta"]
    assert abs(beta["mean"] - 1.0) < 3 * beta["sd"] < 0.2
    assert not cf.compare({"free": free, "fixed": fixed}).preferred("free", "fixed")


@pytest.mark.slow
def test_what_has_no_normaliser_is_refused() -> None:
    three = np.array([[5.0, 5.0, 5.0, 1.0]]) + np.random.default_rng(0).normal(0, 0.01, (50, 4))
    with pytest.raises(cf.DataError, match=r"clusters of one or two levels, or one cluster, got clusters of \(3, 1\)"):
        cf.fit(three, "gas")
    close = np.array([[5.0, 4.4]]) + np.random.default_rng(0).normal(0, 0.1, (500, 2))
    with pytest.raises(cf.DataError, match=r"at least 6 √.* got clusters 0 and 1 of \(1, 1\) levels at 4\.\d of it"):
        cf.fit(close, "gas")
    with pytest.raises(cf.DataError, match="one cluster of two or more levels"):
        cf.fit(spectra(20, seed=2), "gas-beta")
    tied = np.array([[2.0, 2.0], [2.1, 1.9], [2.2, 1.8]])
    with pytest.raises(cf.DataError, match="distinct levels, got tied"):
        cf.fit(tied, "gas")
    with pytest.raises(ValueError, match="model 'gas' takes 'levels', 'conditionals', got 'pair'"):
        cf.fit(spectra(20, seed=2), "gas", "pair")


def test_models_of_one_structure_are_one() -> None:
    assert Gas((1, 2)) == Gas([1, 2])
    assert hash(Gas((1, 2))) == hash(Gas([1, 2]))
    assert Gas((1, 2)) != MODELS["gas"]
