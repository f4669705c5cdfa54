"""The linear scaling rule and the displacement of centres, on data that obey them or do not."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.scaling_model import log_scattered
from coulombfit.checks.settings.statistics import settings_of
from coulombfit.report.part import part_of_scaling
from simulators import gaussian_rbm

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "teacher_student"
SETTINGS = [(rate, batch) for rate in (0.05, 0.1, 0.2) for batch in (16, 64)]


def made(rng: np.random.Generator, b: float = 1.0, scatter: float = 0.0, runs: int = 200) -> list[cf.Spectra]:
    """A pair at 4 and a single level at 1 in each setting, σ = 0.5 √(α/|B|^b) and twice that."""
    spectra = []
    for rate, batch in SETTINGS:
        sigma = 0.5 * np.sqrt(rate / batch**b) * np.exp(scatter * rng.standard_normal())
        spacing, middle = (
            np.sqrt(2) * sigma * rng.rayleigh(size=runs),
            4 + sigma / np.sqrt(2) * rng.standard_normal(runs),
        )
        single = 1 + 2 * sigma * rng.standard_normal(runs)
        x = np.stack([middle + spacing / 2, middle - spacing / 2, single], axis=1)
        spectra.append(cf.Spectra(x, rate, batch, targets=[4.0, 4.0, 1.0], name=f"{rate} {batch}"))
    return spectra


def test_statistics_of_a_level_are_its_likelihood() -> None:
    """σ^(−ν) exp(−Q/2σ²) against the pair law integrated over a flat centre."""
    from coulombfit import laws

    spectra = made(np.random.default_rng(1), runs=20)
    found = settings_of(spectra)
    assert found.sizes == (2, 1)
    pair = spectra[0].eigenvalues[:, :2]

    def by_integral(sigma: float) -> float:
        centres = np.linspace(3.8, 4.2, 2001)
        with jax.enable_x64(True):
            law = laws.OneSpeciesPair(jnp.asarray(centres)[:, None], sigma)
            values = np.asarray(law.log_prob(jnp.asarray(pair)).sum(axis=1))
        return special.logsumexp(values)

    sigmas = np.array([0.02, 0.03, 0.04])
    mine = -found.nu[0, 0] * np.log(sigmas) - found.q[0, 0] / (2 * sigmas**2)
    exact = np.array([by_integral(sigma) for sigma in sigmas])
    np.testing.assert_allclose(np.diff(mine), np.diff(exact), rtol=1e-6)


@pytest.mark.parametrize("nu", [3.0, 100.0, 1e5])
@pytest.mark.parametrize("ratio", [0.2, 1.0, 30.0])
@pytest.mark.parametrize("scatter", [1e-4, 0.05, 1.0])
def test_scatter_is_integrated_exactly(nu, ratio, scatter) -> None:
    half_q = 0.5 * nu * ratio
    with jax.enable_x64(True):
        found = float(log_scattered(jnp.array([nu]), jnp.array([half_q]), jnp.array(scatter))[0])
    log_f = lambda e: -nu * e - half_q * np.exp(-2 * e) - 0.5 * (e / scatter) ** 2  # noqa: E731
    most = 0.5 * np.log(ratio)
    grid = np.linspace(min(0.0, most), max(0.0, most), 200_001)
    mode = grid[np.argmax(log_f(grid))]
    width = 1 / np.sqrt(4 * half_q * np.exp(-2 * mode) + scatter**-2)
    value = integrate.quad(
        lambda e: np.exp(log_f(e) - log_f(mode)), mode - 12 * width, mode + 12 * width, epsrel=1e-12, limit=200
    )[0]
    expected = np.log(value) + log_f(mode) - np.log(scatter * np.sqrt(2 * np.pi))
    assert found == pytest.approx(expected, abs=2e-5 if nu < 10 else 1e-8)


@pytest.mark.slow
def test_the_rule_is_confirmed_and_refuted() -> None:
    rng = np.random.default_rng(2)
    result = cf.scaling(made(rng, scatter=0.02))
    assert result.diagnosis.passed, result.diagnosis
    for name in ("b_learning_rate", "b_batch_size"):
        b = result.table.loc[name]
        assert abs(b["mean"] - 1) < 3 * b["sd"]
        assert result.rule.loc[name, "log_bayes_factor"] > 0
    assert result.answer is Answer.YES
    assert result.verdict.startswith("the widths follow √(α/|B|): exponent of the learning rate")
    amplitude = result.table.loc["amplitude[1]", "mean"] / result.table.loc["amplitude[0]", "mean"]
    assert amplitude == pytest.approx(2.0, rel=0.1)
    assert result.table.loc["scatter", "lower"] < 0.02 < result.table.loc["scatter", "upper"]
    wrong = cf.scaling(made(rng, b=1.6, scatter=0.02))
    assert wrong.table.loc["b_batch_size", "lower"] > 1.3
    assert wrong.rule.loc["b_batch_size", "log_bayes_factor"] < -3
    assert wrong.answers == {"b_learning_rate": wrong.answers["b_learning_rate"], "b_batch_size": Answer.NO}
    assert wrong.verdict.startswith("the widths do NOT follow √(α/|B|): ")


@pytest.mark.long
def test_without_scatter_the_interval_is_too_narrow() -> None:
    spectra = made(np.random.default_rng(3), scatter=0.1, runs=1000)
    honest, naive = (cf.scaling(spectra, scatter=scatter) for scatter in (True, False))
    assert naive.table.loc["b_batch_size", "sd"] < 0.3 * honest.table.loc["b_batch_size", "sd"]
    assert "scatter" not in naive.table.index


@pytest.mark.long
def test_finite_steps_are_told_from_small_ones() -> None:
    """σ² ∝ α/(1 − αΩ/2) at αΩ up to 1.6."""
    rng, spectra = np.random.default_rng(4), []
    for rate in (0.1, 0.4, 0.8, 1.6):
        x = 4 + 0.05 * np.sqrt(rate / (1 - rate / 2)) * rng.standard_normal((2000, 1))
        spectra.append(cf.Spectra(x, rate, 16))
    result = cf.scaling(spectra, curvature=1.0)
    assert result.finite_step > 3
    assert "the form for finite steps is the better one" in result.verdict
    assert list(result.rule.index) == ["b_learning_rate"], "batch sizes do not differ"
    assert result.table.loc["b_learning_rate", "mean"] == pytest.approx(1.0, abs=0.1)
    with pytest.raises(ValueError, match=r"curvature: expected αΩ from 0 to below 2, got 0\.2 to 3\.2"):
        cf.scaling(spectra, curvature=2.0)


QUICK = {"sampler": "laplace", "progress": False}


@pytest.mark.long
@pytest.mark.parametrize("scatter", [0.05, 0.2])
def test_intervals_of_the_exponents_hold_the_truth(scatter: float) -> None:
    """90 % intervals over 300 data sets, two each, which at worst are as good as 300.

    At least 0.85 of them: 2.9 sd below 0.9, and at a true 0.8 2.2 sd above it, so that a doubled rate of misses fails
    with a probability of 0.98. With six settings whose scatter is small beside its prior, intervals are cautious.
    """
    rng, held = np.random.default_rng(5), []
    for _ in range(300):
        table = cf.scaling(made(rng, scatter=scatter, runs=100), **QUICK).table
        held += [
            table.loc[name, "lower"] < 1 < table.loc[name, "upper"] for name in ("b_learning_rate", "b_batch_size")
        ]
    assert 0.85 <= np.mean(held) <= (0.95 if scatter > 0.1 else 1.0)


@pytest.mark.long
def test_a6_error_rates_of_the_answer() -> None:
    """100 data sets each: the rule is confirmed, and not refuted where it holds; exponents of 1/2 are refuted.

    A rate of false refutations of 2 % (twice what 1 % allows, in two exponents) passes 5 in 100 with probability 0.95.
    """
    rng = np.random.default_rng(11)
    answers = {b: [cf.scaling(made(rng, b=b, scatter=0.02), **QUICK).answers for _ in range(100)] for b in (1.0, 0.5)}
    holds = [one["b_batch_size"] for one in answers[1.0]]
    assert holds.count(Answer.YES) > 80
    assert holds.count(Answer.NO) <= 5
    broken = [one["b_batch_size"] for one in answers[0.5]]
    assert broken.count(Answer.NO) > 80
    assert broken.count(Answer.YES) == 0


def at(widths: list[float], settings: list[tuple[float, float]], seed: int = 0, runs: int = 60) -> list[cf.Spectra]:
    """Single levels at 4."""
    rng = np.random.default_rng(seed)
    return [
        cf.Spectra(4 + width * rng.standard_normal((runs, 1)), *setting, name=f"set {k}")
        for k, (width, setting) in enumerate(zip(widths, settings, strict=True))
    ]


def test_a6_three_settings_cannot_tell() -> None:
    """Widths 0.94, 1.04, 1.08 where the rule says a factor of 2, and an interval that holds 1 and much else."""
    rates = [(0.1, 16), (0.2, 16), (0.4, 16)]
    found = cf.scaling(at([0.094, 0.104, 0.108], rates), **QUICK)
    assert found.answer is Answer.CANNOT_TELL
    assert found.verdict.startswith(
        "the data cannot tell whether widths follow √(α/|B|): exponent of the learning rate "
    )
    wide = cf.scaling(at([0.1, 0.141, 0.2], rates, runs=12), **QUICK)
    assert wide.table.loc["b_learning_rate", "lower"] < 1 < wide.table.loc["b_learning_rate", "upper"]
    assert wide.answer is Answer.CANNOT_TELL
    assert cf.scaling(at([0.1, 0.141, 0.2], rates, runs=12), margin=5.0, **QUICK).answer is Answer.YES


FOUR = [(0.1, 4), (0.1, 16), (0.2, 16), (0.4, 16)]
WIDTHS = [0.05 * np.sqrt(rate / batch) for rate, batch in FOUR]


def test_a4_the_same_runs_are_seen_in_another_precision() -> None:
    spectra = at(WIDTHS, FOUR)
    x = np.random.default_rng(0).permutation(spectra[0].eigenvalues)
    for other in (x.astype(np.float32), np.round(x, 8), x * (1.0 + 4e-16)):
        with pytest.raises(cf.DataError, match="expected runs of its own in every setting"):
            settings_of([spectra[0], cf.Spectra(other, *FOUR[1]), *spectra[2:]])


@pytest.mark.parametrize("kind", ["reversed", "in another order", "in part"])
def test_a4_the_same_runs_are_seen_in_any_order_and_in_part(kind: str) -> None:
    spectra = at(WIDTHS, FOUR)
    x = spectra[0].eigenvalues
    rows = {
        "reversed": slice(None, None, -1),
        "in another order": np.random.default_rng(0).permutation(len(x)),
        "in part": slice(len(x) // 2, None),
    }[kind]
    other = cf.Spectra(x[rows], *FOUR[1], name="again")
    with pytest.raises(cf.DataError, match=r"expected runs of its own in every setting, got \d+ of \d+ the same"):
        cf.scaling([spectra[0], other, *spectra[2:]], **QUICK)
    again = cf.Spectra(x[rows], *FOUR[0], name="again")
    if kind == "in part":
        with pytest.raises(cf.DataError, match="spectra: expected runs of its own"):
            cf.scaling([*spectra, again], **QUICK)
    else:
        with pytest.warns(UserWarning, match="hold the same data, which count once"):
            cf.scaling([*spectra, again], **QUICK)


@pytest.mark.filterwarnings("ignore:eigenvalues. runs .* are equal")
def test_a4_rounded_runs_that_meet_by_chance_are_no_copies() -> None:
    exact = zip(at(WIDTHS, FOUR), FOUR, strict=True)
    spectra = [cf.Spectra(np.round(one.eigenvalues, 4), *setting) for one, setting in exact]
    shared = {tuple(row) for row in spectra[2].eigenvalues} & {tuple(row) for row in spectra[3].eigenvalues}
    assert shared
    cf.scaling(spectra, **QUICK)


def test_a4_runs_that_have_died_are_no_copies() -> None:
    x = [np.vstack([one.eigenvalues, np.zeros((1, one.levels))]) for one in at(WIDTHS, FOUR)]
    found = settings_of([cf.Spectra(one, *setting, targets=[4.0]) for one, setting in zip(x, FOUR, strict=True)])
    assert len(found.names) == 4


def test_a4_the_same_data_count_once_and_never_under_two_settings() -> None:
    spectra = at(WIDTHS, FOUR)
    with pytest.warns(UserWarning, match="spectra: 'set 1' and 'set 1' hold the same data, which count once"):
        found = cf.scaling([*spectra, spectra[1]], factors=[1.0] * 5, **QUICK)
    assert "hold the same data, which count once" in found.verdict
    assert found.table.equals(cf.scaling(spectra, **QUICK).table)
    again = cf.Spectra(spectra[1].eigenvalues, 0.3, 16, name="again")
    with pytest.raises(
        cf.DataError, match="expected runs of its own in every setting, got 60 of 60 the same in 'set 1'"
    ):
        cf.scaling([*spectra, again], **QUICK)
    with pytest.raises(cf.DataError, match="expected runs of its own in every setting"):
        cf.displacement([*spectra, again])


def test_a7_settings_that_still_drift_cannot_tell() -> None:
    spectra = at(WIDTHS, FOUR, runs=2000)
    drifting = replace(spectra[2], provenance={"stationarity": {"answer": "no"}})
    with pytest.warns(UserWarning, match="spectra: runs of set 2 still drift"):
        found = cf.scaling([*spectra[:2], drifting, spectra[3]], **QUICK)
    assert found.answer is Answer.CANNOT_TELL
    assert "(runs of set 2 still drift)" in found.verdict


def test_a13_settings_of_one_seed_cannot_tell() -> None:
    """The same noise at every setting confirms the rule whatever is true."""
    noise = np.random.default_rng(0).standard_normal((300, 1))
    spectra = [cf.Spectra(4 + width * noise, *setting) for width, setting in zip(WIDTHS[:3], FOUR[:3], strict=True)]
    found = cf.scaling(spectra, **QUICK)
    assert found.answer is Answer.CANNOT_TELL
    assert "fluctuate together, with a correlation of 1.00" in found.verdict
    assert cf.scaling(at(WIDTHS, FOUR, runs=300), **QUICK).doubt == ""


def test_a13_settings_of_one_seed_and_other_numbers_of_runs_cannot_tell() -> None:
    noise = np.random.default_rng(0).standard_normal((300, 1))
    runs = [300, 250, 200]
    spectra = [cf.Spectra(4 + w * noise[:n], *one) for w, one, n in zip(WIDTHS[:3], FOUR[:3], runs, strict=True)]
    assert "fluctuate together, with a correlation of 1.00" in settings_of(spectra).doubt


def test_settings_of_one_name_all_stand_in_the_table() -> None:
    found = cf.scaling([replace(one, name="W") for one in at(WIDTHS, FOUR)], **QUICK)
    assert [name for name, _ in found.levels.index] == ["W (0)", "W (1)", "W (2)", "W (3)"]


def test_a6_an_exponent_as_wide_as_its_prior_cannot_tell() -> None:
    """Two settings whose rates differ by 5 %, and a margin that would swallow anything."""
    found = cf.scaling(at([0.1, 0.1025], [(0.1, 16), (0.105, 16)]), margin=10.0, **QUICK)
    assert found.table.loc["b_learning_rate", "sd"] > 0.8
    assert found.answer is Answer.CANNOT_TELL
    assert "settings do not differ in batch size, whose exponent is not asked" in found.verdict


@pytest.mark.parametrize("rate", [1.0, 0.0])
def test_a6_the_report_has_the_answer(rate: float) -> None:
    """As the check has it, in each of its three states."""
    settings = [(0.1, batch) for batch in (4, 8, 16, 32, 64, 128)]
    widths = [0.05 * np.sqrt(0.1 / batch**rate) for _, batch in settings]
    found = cf.scaling(at(widths, settings, runs=2000), **QUICK)
    assert found.answer is (Answer.YES if rate else Answer.NO)
    assert part_of_scaling(found).verdicts[0].answer is found.answer
    assert part_of_scaling(replace(found, doubt="runs of a still drift")).verdicts[0].answer is Answer.CANNOT_TELL


@pytest.mark.slow
def test_a8_finite_steps_are_no_refutation() -> None:
    """αΩ up to 1.6 with an exponent of 1: yes once steps are finite; given Ω = 0, no."""
    rates = [(0.1, 16), (0.2, 16), (0.4, 16), (0.8, 16), (1.2, 16), (1.6, 16)]
    widths = [0.05 * np.sqrt(rate / (1 - rate / 2)) for rate, _ in rates]
    found = cf.scaling(at(widths, rates, runs=4000), **QUICK)
    assert found.table.loc["b_learning_rate", "lower"] > 1
    assert found.steps is not None
    low, high = found.steps.curvature.loc[0, ["lower", "upper"]]
    assert low < 1.0 < high
    assert found.answer is Answer.YES
    assert "the exponent is 1 once steps are finite, α/(1 − αΩ/2) with Ω = " in found.verdict
    assert "Finite steps" in part_of_scaling(found).body
    assert cf.scaling(at(widths, rates, runs=4000), curvature=0.0, **QUICK).steps is None
    # over a long range another exponent is refuted, curved or not: 58 of 60 with a scatter of 2 %
    steeper = [width * rate**0.25 for width, (rate, _) in zip(widths, rates, strict=True)]
    wrong = cf.scaling(at(steeper, rates, runs=4000), **QUICK)
    assert wrong.answer is Answer.NO
    assert wrong.steps is not None
    assert wrong.steps.over_both < -3
    # over a short range nothing tells them apart
    steep = [(0.05, 16), (0.1, 16), (0.2, 16), (0.4, 16)]
    either = cf.scaling(at([0.05 * rate**0.75 for rate, _ in steep], steep, runs=4000), **QUICK)
    assert either.table.loc["b_learning_rate", "lower"] > 1
    assert either.answer is Answer.CANNOT_TELL
    assert "would explain it with an exponent of 1 as well" in either.verdict


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": float("nan")}, "tolerance: expected a finite number above 0, got nan"),
        ({"tolerance": -0.1}, "tolerance: expected a finite number above 0"),
        ({"margin": float("inf")}, "margin: expected a finite number above 0, got inf"),
        ({"curvature": float("nan")}, "curvature: expected finite numbers, got 1 NaN"),
        ({"curvature": -1.0}, "curvature: expected αΩ from 0 to below 2"),
        ({"curvature": [1.0, 2.0]}, r"curvature: expected one number or 1, one a level, got shape \(2,\)"),
        ({"factors": [1.0, float("nan"), 1.0, 1.0]}, "factors: expected finite numbers"),
        ({"factors": [1.0, -1.0, 1.0, 1.0]}, r"factors: expected positive numbers, shape \(4,\)"),
        ({"sampler": "gibbs"}, "sampler: expected one of 'nuts', 'laplace', got 'gibbs'"),
        ({"seed": -1}, "seed: expected a whole number"),
    ],
)
def test_a17_numbers_that_make_no_sense_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        cf.scaling(at(WIDTHS, FOUR), progress=False, **options)


@pytest.mark.parametrize("spectra", ["ab", None, [np.ones((5, 2))] * 2, cf.Spectra([[2.0, 1.0], [3.0, 1.5]])])
@pytest.mark.usefixtures("unchecked")
def test_a17_what_are_no_spectra_is_refused(spectra) -> None:
    with pytest.raises(ValueError, match="spectra"):
        cf.scaling(spectra)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s[:1], ValueError, "spectra: expected two settings or more, got 1"),
        (
            lambda s: [s[0], replace(s[1], learning_rate=s[0].learning_rate, batch_size=s[0].batch_size)],
            ValueError,
            "spectra: expected settings that differ in learning_rate or batch_size",
        ),
        (lambda s: [s[0], cf.Spectra(s[1].eigenvalues, 0.1)], cf.DataError, "expected a batch_size of every setting"),
        (
            lambda s: [s[0], cf.Spectra(s[1].eigenvalues[:, :2], 0.1, 8, targets=[4.0, 4.0])],
            cf.DataError,
            r"expected the same degenerate levels in every setting, got clusters of \(2, 1\) levels",
        ),
        (
            lambda s: [
                s[0],
                cf.Spectra([[k**1.5, 2, 1] for k in range(3, 30, 3)], 0.1, 8, targets=[4.0, 4.0, 1.0]),
            ],
            cf.DataError,
            "fluctuate",
        ),
    ],
)
def test_spectra_that_cannot_be_scaled(change, error, message) -> None:
    with pytest.raises(error, match=message):
        cf.scaling(change(made(np.random.default_rng(6), runs=30)))


def test_factors_are_checked() -> None:
    with pytest.raises(ValueError, match=r"factors: expected positive numbers, shape \(6,\) or \(6, 2\), got \(2,\)"):
        cf.scaling(made(np.random.default_rng(6), runs=30), factors=[1.0, 2.0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*are copies of each other:UserWarning")
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public spectra are not here")
def test_public_spectra_scatter_and_follow_the_rule() -> None:
    files = sorted(PUBLIC.glob("*.npz"))
    spectra = [
        cf.read(file, weights="W", learning_rate="lr", batch_size="batch_size", factor="noise") for file in files
    ]
    result = cf.scaling(spectra)
    b = result.tree["posterior"]["b_batch_size"].to_numpy().ravel()
    lower, upper = np.quantile(b, [0.025, 0.975])
    assert lower < 1 < upper
    assert 0.03 < result.table.loc["scatter", "mean"] < 0.12
    naive = cf.scaling(spectra, scatter=False)
    assert naive.table.loc["b_batch_size", "lower"] > 1, "the interval is wrong without scatter"


def test_displacement_of_made_centres() -> None:
    """Y = t + d g + e g² with correlated levels: slopes, limits, and false alarms of all tests at once."""
    rng, alarms = np.random.default_rng(7), []
    slopes, mix = np.array([-3.0, 2.0]), np.array([[0.02, 0.0], [0.01, 0.02]])
    strengths = [(rate, batch) for rate in (0.1, 0.2, 0.4) for batch in (8, 16)]
    for _ in range(200):
        spectra = []
        for rate, batch in strengths:
            g = rate / batch
            x = np.array([4.0, 1.0]) + slopes * g - 10 * g**2 + rng.standard_normal((100, 2)) @ mix.T
            spectra.append(cf.Spectra(x, rate, batch, targets=[4.0, 1.0]))
        result = cf.displacement(spectra, predictions={"truth": slopes})
        alarms.append(result.tests["p_value"][["fit", "targets", "truth"]] < 0.05)
    assert (np.abs(np.mean(alarms, axis=0) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 200) + 0.02).all()
    assert result.tests["p_value"]["no displacement"] < 1e-3
    assert result.tests["p_value"]["repulsion alone"] < 1e-3
    assert "the data cannot tell whether slopes are those of truth" in result.verdict
    assert "NOT in agreement with repulsion alone" in result.verdict
    draws = result.tree["posterior"]["slope"].mean(("chain", "draw")).to_numpy()
    assert (np.abs(draws - result.table["slope"]) < 0.1 * result.table["slope sd"]).all()


def test_displacement_checks_its_arguments() -> None:
    spectra = made(np.random.default_rng(8), runs=30)
    with pytest.raises(ValueError, match=r"spectra: expected at least 3 values of α/\|B\|, got 2"):
        cf.displacement(spectra[:2])
    with pytest.raises(ValueError, match="predictions: expected 2 slopes of 'a', one a level, got shape"):
        cf.displacement(spectra, predictions={"a": [1.0]})
    with pytest.raises(ValueError, match="targets: expected 2, one a degenerate level"):
        cf.displacement(spectra, targets=[1.0])


@pytest.mark.long
def test_machines_follow_the_rule_and_perturbation_theory() -> None:
    """B = 1 and slopes of all six levels within 3 sd; repulsion alone is ruled out."""
    spectra, targets = [], gaussian_rbm.targets()
    for seed, (rate, batch) in enumerate([(0.05, 128), (0.05, 256), (0.025, 128), (0.025, 256)]):
        steps = int(np.ceil(gaussian_rbm.steps_to_stationarity(learning_rate=rate)))
        run = gaussian_rbm.simulate(
            learning_rate=rate, batch_size=batch, runs=600, steps=steps, dtype="float32", seed=seed
        )
        spectra.append(cf.Spectra(run.eigenvalues[:, -1], rate, batch, targets=targets))
    rule = cf.scaling(spectra)
    assert rule.diagnosis.passed
    for name in ("b_learning_rate", "b_batch_size"):
        assert abs(rule.table.loc[name, "mean"] - 1) < 3 * rule.table.loc[name, "sd"]
    levels = [0, 1, 3, 5, 7, 9]
    predicted = gaussian_rbm.displacements(learning_rate=0.05, batch_size=256)[levels] / (0.05 / 256)
    found = cf.displacement(spectra, predictions={"perturbation theory": predicted}, quadratic=False)
    assert (np.abs(found.table["slope"] - predicted) < 3 * found.table["slope sd"] + 0.15 * np.abs(predicted)).all()
    assert found.tests["p_value"]["repulsion alone"] < 1e-6
    np.testing.assert_allclose(
        found.table["repulsion alone"], [82.5, 10.8, 1.2, -0.8, -3.2, -16.5], rtol=0.05, atol=1.0
    )
