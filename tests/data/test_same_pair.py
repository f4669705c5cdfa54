"""One pair at every setting: by one grouping, under names that differ."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.data.same_pair import same_pair


def spectra(gap: float, name: str = "", **more) -> cf.Spectra:
    rng = np.random.default_rng(len(name))
    return cf.Spectra(np.array([5.0, 4.0 + gap, 4.0]) + 0.01 * rng.normal(size=(60, 3)), name=name, **more)


def test_what_one_states_holds_for_all() -> None:
    """The second would group by gaps into levels of their own."""
    stated = spectra(0.0, "a", clusters=[[0], [1, 2]])
    found = same_pair([stated, spectra(0.2, "bb"), spectra(0.2, "bb")])
    assert list(found) == ["a", "bb (1)", "bb (2)"]
    np.testing.assert_allclose(found["bb (1)"].eigenvalues.mean(axis=0), [4.2, 4.0], atol=0.01)
    assert all(one.levels == 2 for one in found.values())


def test_no_such_pair_and_unlike_groupings_name_the_settings() -> None:
    with pytest.raises(cf.DataError, match="expected one of 1 degenerate pairs of a, bb, got 1; only pairs have spac"):
        same_pair([spectra(0.0, "a"), spectra(0.0, "bb")], 1)
    with pytest.raises(cf.DataError, match=r"expected the same degenerate levels.*'a'.*'bb'"):
        same_pair([spectra(0.0, "a"), spectra(0.5, "bb")])
    with pytest.raises(cf.ArgumentError, match=r"expected coulombfit\.Spectra, got int among them"):
        same_pair([spectra(0.0, "a"), 1])
    with pytest.raises(cf.ArgumentError, match="expected a list of spectra, at least one, got Spectra"):
        same_pair(spectra(0.0, "a"))
