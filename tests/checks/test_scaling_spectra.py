"""Spectra that scaling takes, doubts or refuses: copies, drift, one seed, and what makes no sense."""

from dataclasses import replace

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.statistics import settings_of
from tests.checks.scaled import FOUR, QUICK, WIDTHS, at, made


def test_a4_the_same_runs_are_seen_in_another_precision() -> None:
    spectra = at(WIDTHS, FOUR)
    x = np.random.default_rng(0).permutation(spectra[0].eigenvalues)
    for other in (x.astype(np.float32), np.round(x, 8), x * (1.0 + 4e-16)):
        with pytest.raises(cf.DataError, match="expected runs of its own in every setting"):
            settings_of([spectra[0], cf.Spectra(other, *FOUR[1]), *spectra[2:]])


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "(runs of set 2 still drift, or are about places of their own)" in found.verdict


@pytest.mark.slow
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
            r"expected the same degenerate levels in every setting, got 3 levels in '.*' and 2 in 1",
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


def test_displacement_checks_its_arguments() -> None:
    spectra = made(np.random.default_rng(8), runs=30)
    with pytest.raises(ValueError, match=r"spectra: expected at least 3 values of α/\|B\|, got 2"):
        cf.displacement(spectra[:2])
    with pytest.raises(ValueError, match="predictions: expected 2 slopes of 'a', one a level, got shape"):
        cf.displacement(spectra, predictions={"a": [1.0]})
    with pytest.raises(ValueError, match="targets: expected 2, one a degenerate level"):
        cf.displacement(spectra, targets=[1.0])


def test_momentum_counts_where_every_setting_states_it() -> None:
    """σ² = α/((1 − μ)|B|) at μ of 0, 0.5 and 0.9: without μ the exponents would be of another rule."""
    settings, momenta = [(0.1, 8), (0.01, 8), (0.05, 32), (0.02, 64)], [0.0, 0.9, 0.5, 0.9]
    widths = [0.5 * np.sqrt(rate / batch / (1 - mu)) for (rate, batch), mu in zip(settings, momenta, strict=True)]
    plain = at(widths, settings, runs=200)
    stated = [replace(one, provenance={"momentum": mu}) for one, mu in zip(plain, momenta, strict=True)]
    found = settings_of(stated)
    sigma = np.sqrt(found.q / found.nu)[:, 0]
    np.testing.assert_allclose(sigma / np.sqrt(found.strength), 0.5, rtol=0.2)
    np.testing.assert_allclose(found.factor[:, 0] ** -2, 1 - np.array(momenta))
    np.testing.assert_allclose(found.step_rate, np.array([s[0] for s in settings]) / (1 + np.array(momenta)))
    assert found.notes[-1] == "learning rates count as α/(1 − μ) for momentum μ = 0 to 0.9"
    with pytest.raises(cf.DataError, match=r"momentum: expected it of every setting.* in 'set 1' and none in 'set 0'"):
        settings_of([plain[0], *stated[1:]])
    with pytest.raises(cf.DataError, match="momentum: expected a number from 0 to below 1, got 1"):
        settings_of([replace(plain[0], provenance={"momentum": 1.0}), *stated[1:]])
