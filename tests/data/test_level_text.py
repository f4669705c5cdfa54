"""Levels and clusters as they are written on a command line."""

import pytest

import coulombfit as cf
from coulombfit.data.level_text import clusters_from_text, levels_from_text


def test_levels_and_clusters_are_read() -> None:
    assert levels_from_text("0-2, 5") == [0, 1, 2, 5]
    assert levels_from_text("nonzero") == "nonzero"
    assert clusters_from_text("single") == "single"
    assert clusters_from_text("auto") == "auto"
    assert clusters_from_text("0;1,2;3-5") == [[0], [1, 2], [3, 4, 5]]
    assert clusters_from_text("3,4; single") == [[3, 4], "single"]


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "1;2", "1.5", "0-"])
def test_what_are_no_levels_is_refused(text) -> None:
    with pytest.raises(cf.ArgumentError, match="levels: expected numbers and ranges from the top"):
        levels_from_text(text)


@pytest.mark.parametrize("text", ["", "0;;1", "pairs", "single;0", "[[0]]"])
def test_what_are_no_clusters_is_refused(text) -> None:
    with pytest.raises(cf.ArgumentError, match="clusters: expected auto, single, or clusters of levels"):
        clusters_from_text(text)


@pytest.mark.parametrize("text", ["5-2", "0-99999999999"])
def test_ranges_ascend(text) -> None:
    with pytest.raises(cf.ArgumentError, match="levels: expected a range that ascends"):
        levels_from_text(text)
