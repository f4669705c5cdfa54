"""One grouping for all settings of a study."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.data.one_grouping import one_grouping

CENTRES = np.array([5.0, 3.0, 2.8])


def setting(seed: int, sigma: float, **options) -> cf.Spectra:
    """Levels 1 and 2 are resolved at σ = 0.02 and not at 0.1."""
    x = np.random.default_rng(seed).normal(CENTRES, sigma, (60, 3))
    return cf.Spectra(x, learning_rate=0.1, batch_size=16 / sigma, name=f"sigma {sigma}", **options)


def test_guesses_that_agree_are_taken() -> None:
    assert one_grouping([setting(0, 0.1), setting(1, 0.1)]) == ([[0], [1, 2]], ())
    assert one_grouping([setting(0, 0.02), setting(1, 0.02)]) == ([[0], [1], [2]], ())


def test_guesses_that_differ_are_refused_with_the_way_on() -> None:
    expected = (
        r"levels 1,2 together, level 0 single in 'sigma 0\.1', grouped by the gaps.*, and levels 0–2 single in "
        r"'sigma 0\.02', grouped by the gaps.*state one grouping for all settings: clusters="
    )
    several = [setting(0, 0.1), setting(1, 0.02), setting(2, 0.1)]
    for function in (one_grouping, cf.scaling, cf.displacement):
        with pytest.raises(cf.DataError, match=expected):
            function(several)


def test_who_knows_goes_before_who_guesses() -> None:
    guessed, stated = setting(0, 0.1), setting(1, 0.02, clusters="single")
    clusters, notes = one_grouping([guessed, stated])
    assert clusters == [[0], [1], [2]]
    assert len(notes) == 1
    assert "levels of 'sigma 0.1' are grouped as stated in 'sigma 0.02', where its own gaps would say" in notes[0]
    aimed = setting(1, 0.02, targets=[5.0, 2.9, 2.9])
    clusters, notes = one_grouping([setting(0, 0.02), aimed])
    assert clusters == [[0], [1, 2]]
    assert "by their targets in" in notes[0]


def test_a_study_names_the_settings_whose_guess_is_overruled() -> None:
    several = [setting(seed, sigma) for seed, sigma in enumerate((0.02, 0.05, 0.1))]
    several[1] = setting(1, 0.05, clusters="single")
    verdict = cf.displacement(several, quadratic=False).verdict
    assert verdict.endswith(
        "levels of 'sigma 0.1' are grouped as stated in 'sigma 0.05', where its own gaps would say levels 1,2 "
        "together, level 0 single."
    )


def test_those_who_know_have_to_agree() -> None:
    pair = setting(0, 0.1, clusters=[[0], [1, 2]])
    for other in (setting(1, 0.02, clusters="single"), setting(1, 0.02, targets=CENTRES)):
        with pytest.raises(cf.DataError, match=r"levels 1,2 together.*as stated, and levels 0–2 single in"):
            one_grouping([pair, other])


def test_levels_have_to_be_the_same() -> None:
    one = setting(0, 0.1)
    with pytest.raises(cf.DataError, match=r"expected the same degenerate levels.*3 levels in .* and 2 in .*levels="):
        one_grouping([one, setting(1, 0.1, levels=[1, 2])])
    with pytest.raises(cf.DataError, match=r"the same levels of the matrix in every setting, got levels 0 .*and 2 in"):
        one_grouping([one.level(0), setting(1, 0.02).level(2)])
    # nothing is known of where levels of a plain array stand
    plain = cf.Spectra(setting(1, 0.1).eigenvalues[:, 1:])
    assert one_grouping([one.pair(0), plain])[0] == [[0, 1]]
