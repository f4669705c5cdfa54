"""Which levels belong together where a user states it, and how they are taken."""

from dataclasses import replace

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.data.clusters import describe_clusters, list_levels, stated_clusters

CENTRES = np.array([5.0, 4.0, 3.0, 2.9, 1.0])


def spectra(**options) -> cf.Spectra:
    """Five levels, of which gaps say that 2 and 3 belong together."""
    return cf.Spectra(np.random.default_rng(0).normal(CENTRES, 0.05, (50, 5)), name="layer", **options)


@pytest.mark.parametrize(
    ("clusters", "expected"),
    [
        ("auto", None),
        (None, None),
        ("single", [[0], [1], [2]]),
        ([[1, 2], [0]], [[0], [1, 2]]),
        ([np.array([2, 1]), (0,)], [[0], [1, 2]]),
        ([range(3)], [[0, 1, 2]]),
        ([[1, 2], "single"], [[0], [1, 2]]),
        (["single"], [[0], [1], [2]]),
        ([[0], [1], [2], "single"], [[0], [1], [2]]),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_grouping_is_stated(clusters, expected) -> None:
    assert stated_clusters(clusters, 3) == expected


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ("pairs", "clusters: expected 'auto', 'single' or lists of levels, got 'pairs'"),
        (3, "clusters: expected 'auto', 'single' or lists of levels, got 3"),
        ([0, 1, 2], r"clusters: expected lists of whole numbers, as \[\[0\], \[1, 2\]\], got 0"),
        ([["0"], [1], [2]], "clusters: expected lists of whole numbers"),
        ([[True], [1], [2]], "clusters: expected lists of whole numbers"),
        ([[0.0], [1], [2]], "clusters: expected lists of whole numbers"),
        (["single", [0]], "clusters: expected lists of whole numbers.*got 'single'"),
        ([[0], [], [1, 2]], "clusters: expected levels in every list, got an empty one"),
        ([[0, 1], [1, 2]], "clusters: expected every level once, got level 1 more than once"),
        ([[0, 0], [1, 2]], "clusters: expected every level once, got level 0 more than once"),
        ([[0], [1]], "clusters: expected every level once, got none with level 2; a last entry 'single'"),
        ([], "clusters: expected every level once, got none with level 0–2"),
        ([[0, 2], [1]], "clusters: expected neighbouring levels together, got 0 and 2 without"),
        ([[0], [1, 2, 3]], "clusters: expected levels among 0–2, got 3"),
        ([[-1], [0], [1], [2]], "clusters: expected levels among 0–2, got -1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_grouping_is_refused(clusters, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        stated_clusters(clusters, 3)


def test_what_is_stated_goes_before_targets_and_gaps(tmp_path) -> None:
    assert (spectra().clusters, spectra().grouped_by) == ([[0], [1], [2, 3], [4]], "gaps")
    known = spectra(targets=CENTRES)
    assert (known.clusters, known.grouped_by) == ([[0], [1], [2], [3], [4]], "targets")
    stated = spectra(targets=CENTRES, clusters=[[3, 4], "single"])
    assert (stated.clusters, stated.grouped_by) == ([[0], [1], [2], [3, 4]], "stated")
    stated.save(tmp_path / "stated.nc")
    again = cf.read(tmp_path / "stated.nc")
    assert (again.clusters, again.grouped_by) == (stated.clusters, "stated")
    assert replace(again, name="other").clusters == stated.clusters
    assert replace(again, clusters="single").clusters == known.clusters
    with pytest.raises(cf.DataError, match=r"provenance: its clusters group levels 0–4.*got 2 levels"):
        replace(stated, eigenvalues=stated.eigenvalues[:, 3:], targets=None)
    # a provenance of other making may mean something else by these words
    foreign = spectra(provenance={"clusters": "k-means", "levels": 5, "parted": True, "grouping": [1]})
    assert foreign.clusters == spectra().clusters
    assert foreign.level(2).provenance["parted"] == [[2, 3]]


def test_levels_pairs_and_clusters_are_taken() -> None:
    x = spectra().eigenvalues
    stated = spectra(clusters=[[0, 1], [2, 3, 4]])
    for part, columns, name in (
        (stated.pair(0), [0, 1], "layer pair 0"),
        (stated.cluster(1), [2, 3, 4], "layer cluster 1"),
        (stated.level(3), [3], "layer level 3"),
    ):
        np.testing.assert_array_equal(part.eigenvalues, x[:, columns])
        assert (part.name, part.provenance["levels"], part.grouped_by) == (name, columns, "stated")
    # places are those in the whole matrix, numbers those of the spectra at hand
    assert stated.cluster(1).level(1).provenance["levels"] == [3]
    assert stated.cluster(1).clusters == [[0, 1, 2]]
    assert spectra().cluster(2).provenance["levels"] == [2, 3]
    np.testing.assert_array_equal(spectra(targets=CENTRES).level(1).targets, [4.0])


def test_a_part_of_a_cluster_is_remembered() -> None:
    assert "parted" not in spectra().level(0).provenance
    assert "parted" not in spectra().cluster(2).provenance
    assert spectra().level(2).provenance["parted"] == [[2, 3]]
    assert spectra(levels=[0, 1, 2]).provenance["parted"] == [[2, 3]]
    assert "parted" not in spectra(levels=[0, 1, 2], clusters="single").provenance
    assert "parted" not in replace(spectra().level(2), clusters="single").provenance


@pytest.mark.usefixtures("unchecked")
def test_errors_name_the_way_on() -> None:
    single = spectra(clusters="single")
    with pytest.raises(
        cf.DataError, match=r"no pair 0 among 0 pairs.*as stated.*single levels, 0–4: spectra\.level\(k"
    ):
        single.pair(0)
    with pytest.raises(cf.DataError, match=r"no pair 1.*cf\.fit\(spectra, 'levels'\).*clusters=\[\[0, 1\], 'single'\]"):
        spectra().pair(1)
    with pytest.raises(cf.DataError, match=r"no pair 0 among 0.*spectra\.cluster\(k\)"):
        spectra(clusters=[[0, 1, 2], "single"]).pair(0)
    with pytest.raises(cf.DataError, match="no cluster 4 among 4 clusters"):
        spectra().cluster(4)
    with pytest.raises(cf.DataError, match="level: expected 0, the topmost, to 4, got 5"):
        spectra().level(5)
    with pytest.raises(ValueError, match=r"level: expected a whole number, got 1\.0"):
        spectra().level(1.0)  # type: ignore[arg-type]
    many = cf.Spectra(np.random.default_rng(0).normal(np.arange(1, 301), 0.01, (20, 300)))
    with pytest.raises(cf.DataError, match=r"… 300 in all.*single levels, 0–299") as refused:
        many.pair(0)
    assert len(str(refused.value)) < 800


def test_groups_in_few_words() -> None:
    assert list_levels([0, 1, 2, 5]) == "0–2, 5"
    assert describe_clusters([[0], [1, 2], [3], [4]]) == "levels 1,2 together, levels 0, 3–4 single"
    assert describe_clusters([[7]]) == "level 7 single"
    assert describe_clusters([list(range(20))]) == "levels 0,1,2,3,4,5,… 20 in all together"
