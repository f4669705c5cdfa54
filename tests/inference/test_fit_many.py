"""fit_many(): what it returns, that it is fit() of each, and how often it compiles."""

import numpy as np
import pytest

import coulombfit as cf
from simulators import ensembles
from tests.compilations import compilations


def data_sets(count: int, runs: int = 60) -> list[np.ndarray]:
    return [
        ensembles.two_species(centre=1.0 + k, sigma_1=0.04 + 0.01 * k, sigma_2=0.02, runs=runs, seed=k)
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def many() -> cf.ManyFits:
    return cf.fit_many(data_sets(10), "two-species", sampling=cf.Sampling(chains=2, draws=600))


def test_each_is_the_fit_of_itself(many: cf.ManyFits) -> None:
    for k, data in list(enumerate(data_sets(10)))[::4]:
        alone = cf.fit(data, "two-species", sampler="laplace", seed=50 + k)
        table = alone.table()
        together = many.table.loc[f"spectrum {k}"]
        assert list(together.index) == list(table.index)
        # 2048 points and 1200 draws against 4096 points and 4000 draws
        assert (np.abs(together["mean"] - table["mean"]) < 0.2 * table["sd"]).all()
        np.testing.assert_allclose(together["sd"], table["sd"], rtol=0.15)
        evidence = alone.record["integral"]["log_evidence"]
        assert many.fits.loc[f"spectrum {k}", "log_evidence"] == pytest.approx(evidence, abs=0.1)


def test_tables_and_tree_belong_together(many: cf.ManyFits) -> None:
    posterior = many.tree["posterior"]
    assert dict(posterior.sizes) == {"spectrum": 10, "chain": 2, "draw": 600}
    assert posterior["sigma_1"].dims == ("spectrum", "chain", "draw")
    mean = posterior["centre"].mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(many.table.xs("centre", level="parameter")["mean"], mean, rtol=1e-12)
    assert list(many.fits["sampler"].unique()) == ["laplace"]
    assert many.fits["converged"].all()
    assert (many.fits["pareto_k"] < 0.7).all()
    assert many.verdict == "all 10 fits have converged."
    assert "spectrum 9" in many.summary()


@pytest.mark.slow
def test_a_grid_of_different_sizes_and_names() -> None:
    spectra = [cf.Spectra(data, name=name) for data, name in zip(data_sets(3, 20), "aab", strict=True)]
    spectra.append(cf.Spectra(data_sets(1, 700)[0], name="long"))
    found = cf.fit_many(spectra, "one-species", sampling=cf.Sampling(chains=1, draws=200))
    assert list(found.fits.index) == ["a (0)", "a (1)", "b (2)", "long (3)"]
    assert found.table.loc[("long (3)", "sigma"), "sd"] < 0.3 * found.table.loc[("a (0)", "sigma"), "sd"]


@pytest.mark.slow
def test_composite_likelihoods_have_no_evidence() -> None:
    found = cf.fit_many(data_sets(2, 100), "one-species", "density", sampling=cf.Sampling(draws=300))
    assert found.fits["log_evidence"].isna().all()
    raw = cf.fit_many(data_sets(2, 100), "one-species", "density-raw", sampling=cf.Sampling(draws=300))
    # levels that repel say more about their width than as many that are independent
    wider = raw.table["sd"] / found.table["sd"]
    assert (wider.xs("sigma", level="parameter") > 1.05).all()


@pytest.mark.slow
def test_a_gas_of_one_structure() -> None:
    found = cf.fit_many(data_sets(2, 50), "gas", sampling=cf.Sampling(chains=1, draws=200))
    assert list(found.table.loc["spectrum 0"].index) == ["centre[0]", "sigma[0]"]


def test_b5_one_refused_set_does_not_lose_the_others() -> None:
    good = data_sets(2, 20)
    tied = np.sqrt(np.arange(2.0, 22.0))[:, None] * np.ones(2)
    found = cf.fit_many([good[0], tied, "none", good[1]], "one-species")
    assert list(found.fits["converged"]) == [True, False, False, True]
    assert found.fits["refused"].iloc[[0, 3]].tolist() == ["", ""]
    assert found.fits["refused"].iloc[1].startswith("data: expected pairs of distinct levels, got 20 tied")
    assert found.fits["refused"].iloc[2] == "data: expected real numbers, got dtype <U4"
    assert list(found.tree["posterior"]["spectrum"].to_numpy()) == ["spectrum 0", "spectrum 3"]
    assert "all 2 fits have converged; 2 of 4 spectra were REFUSED: spectrum 1: data: expected pairs" in found.verdict
    alone = cf.fit_many(good, "one-species")
    assert found.table.loc["spectrum 3", "mean"].tolist() == alone.table.loc["spectrum 1", "mean"].tolist()
    three = np.concatenate([good[1], 0.1 * good[0][:, :1]], axis=1)
    gas = cf.fit_many([good[0], three], "gas", sampling=cf.Sampling(chains=1, draws=200))
    assert (
        "expected levels that form the clusters of the first, got levels 0,1 together in 'spectrum 0'"
        in gas.fits["refused"].iloc[1]
    )
    with pytest.raises(cf.DataError, match=r"spectrum 0: data: expected pairs of distinct levels, got 20 tied"):
        cf.fit_many([tied] * 2, "one-species")


@pytest.mark.parametrize("data", [[], "a.nc", None, 3, cf.Spectra([[2.0, 1.0], [3.0, 1.5]])])
@pytest.mark.usefixtures("unchecked")
def test_data_that_are_not_several_are_refused(data) -> None:
    with pytest.raises(ValueError, match="data: expected"):
        cf.fit_many(data, "one-species")


@pytest.mark.slow
@pytest.mark.parametrize(("model", "likelihood"), [("one-species", "pair"), ("two-species", "density")])
def test_a10_a_set_does_not_depend_on_its_neighbours(model: str, likelihood: str) -> None:
    """Bit for bit: alone, among seven or eight, in another order, on one core, and as fit has it."""
    sets = data_sets(8, 50)
    numbers = cf.fit(sets[0], model, likelihood, sampler="laplace", seed=5).tree["posterior"]
    alone = cf.fit_many(sets[:1], model, likelihood, seed=5)
    several = [cf.fit_many(some, model, likelihood, seed=5) for some in (sets[:7], sets, sets[::-1])]
    for found, name in zip([alone, *several], [*["spectrum 0"] * 3, "spectrum 7"], strict=True):
        posterior = found.tree["posterior"].sel(spectrum=name)
        for parameter in numbers.data_vars:
            assert posterior[parameter].to_numpy().tobytes() == numbers[parameter].to_numpy().tobytes(), parameter
        assert found.fits.loc[name, "log_evidence"] == alone.fits.loc["spectrum 0", "log_evidence"] or (
            likelihood == "density"
        )


@pytest.mark.slow
def test_a10_chains_do_not_depend_on_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    sets, short = data_sets(3, 50), cf.Sampling(chains=2, warmup=50, draws=100)
    numbers = (
        cf.fit(sets[1], "one-species", seed=5, sampler="nuts", sampling=short).tree["posterior"]["sigma"].to_numpy()
    )
    monkeypatch.setattr("coulombfit.runtime.parallel.CORES", 1)
    found = cf.fit_many(sets, "one-species", sampler="nuts", seed=5, sampling=short)
    assert found.tree["posterior"]["sigma"].sel(spectrum="spectrum 1").to_numpy().tobytes() == numbers.tobytes()


@pytest.mark.slow
def test_a9_evidence_depends_on_the_seed_as_its_error_says() -> None:
    """Streams of the proposal's turn and of its points were one and the same, and cancelled."""
    sets = data_sets(20, 10)
    values = np.array([cf.fit_many(sets[:2], "two-species", seed=seed).fits["log_evidence"] for seed in range(5)])
    errors = cf.fit_many(sets[:2], "two-species").fits["se"].to_numpy()
    assert (values.std(axis=0, ddof=1) > 0.2 * errors).all()
    assert (values.std(axis=0, ddof=1) < 4.0 * errors).all()


@pytest.mark.long
def test_sixteen_spectra_of_one_shape_compile_no_more_than_one() -> None:
    """Each program once: the number of compilations does not grow with the number of spectra, whatever they hold."""
    sampling = cf.Sampling(warmup=60, draws=120)
    for model in ("one-species", "two-species"):
        spectra = data_sets(16, 50)
        with compilations() as first:
            cf.fit(spectra[0], model, sampler="nuts", sampling=sampling)
        with compilations() as others:
            for seed, one in enumerate(spectra[1:]):
                cf.fit(one, model, sampler="nuts", sampling=sampling, seed=seed)
        assert first
        assert others == []
        cf.fit_many(spectra, model, sampling=sampling)
        with compilations() as again:
            cf.fit_many([one + 0.3 for one in spectra], model, sampling=sampling, seed=1)
        assert again == []
