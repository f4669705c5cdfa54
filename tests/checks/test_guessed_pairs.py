"""Pairs that gaps guess: which they are, and that each is asked."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.spectra import guessed_pairs as module
from coulombfit.checks.spectra.guessed_pairs import ask_guessed_pairs, guessed_pairs
from simulators import ensembles


def spectra(**more) -> cf.Spectra:
    """A pair, two levels 3.6 widths apart, and two that are far from all."""
    pair = ensembles.one_species(centre=8.0, sigma=0.1, runs=200, seed=1)
    rest = np.array([6.0, 3.36, 3.0, 1.0]) + 0.1 * np.random.default_rng(2).normal(size=(200, 4))
    return cf.Spectra(np.hstack([rest, pair]), **more)


def test_pairs_and_near_neighbours_are_guesses() -> None:
    assert guessed_pairs(spectra()) == [([0, 1], True), ([3, 4], False)]


def test_what_is_known_is_no_guess() -> None:
    assert guessed_pairs(spectra(clusters=[[0, 1], "single"])) == []
    assert guessed_pairs(spectra(targets=[8.0, 8.0, 6.0, 3.4, 3.0, 1.0])) == []
    assert guessed_pairs(spectra().pair(0)) == []


def test_pairs_above_the_number_that_is_asked_are_named(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 0)
    first, second = ask_guessed_pairs(spectra(), first=[3, 4])
    assert (first.levels, second.levels) == ((3, 4), (0, 1))
    assert first.found is None
    assert second.verdict == "levels 0 and 1, a pair by the gaps between levels: not asked, as there are 2 and 0 are."


def test_dead_levels_cannot_be_asked() -> None:
    x = np.hstack([4.0 + 0.1 * np.random.default_rng(0).normal(size=(20, 1)), np.zeros((20, 2))])
    found = [one for one in ask_guessed_pairs(cf.Spectra(x)) if one.found is None]
    assert all("not asked, as it cannot be: " in one.verdict for one in found)


@pytest.mark.long
def test_each_is_answered_by_its_split() -> None:
    """The pair is not split, and the neighbours are; places are those in the matrix."""
    chosen = spectra(levels=[0, 1, 3, 4, 5])
    pair, near = ask_guessed_pairs(chosen)
    assert (pair.levels, pair.taken, near.levels, near.taken) == ((0, 1), True, (3, 4), False)
    assert pair.found.answer is not Answer.NO
    assert near.found.answer is Answer.NO
    assert near.verdict.startswith(
        "levels 3 and 4, parted by the gaps, though by little: this pair is NOT degenerate, its levels are split"
    )
    again = cf.degeneracy(chosen.eigenvalues[:, [0, 1]])
    assert pair.found.log_bayes_factor == again.log_bayes_factor
