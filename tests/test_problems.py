"""The table of exact answers is itself right: densities integrate to one, and levels are marginals of pairs."""

import mpmath as mp
import pytest

from tests.problems import DENSITIES, PAIR_LAWS, Problem, one_species_density, two_species_density, two_species_pair


def _breaks(problem: Problem) -> list[mp.mpf]:
    """Where quadrature is cut: out to 12 of each width, so that a narrow peak inside a wide one is seen."""
    widths = sorted(value for name, value in problem.parameters.items() if name.startswith("sigma"))
    offsets = sorted({sign * k * width for width in widths for k in (1, 4, 12) for sign in (-1, 1)} | {0.0})
    return [mp.mpf(problem.centre) + offset for offset in offsets if problem.centre or offset >= 0]


@pytest.mark.parametrize("problem", DENSITIES, ids=lambda p: p.name)
def test_densities_integrate_to_one_with_the_stated_moments(problem: Problem) -> None:
    parameters = {name: mp.mpf(value) for name, value in problem.parameters.items()}

    def moment(k: int, about: mp.mpf) -> mp.mpf:
        return mp.quad(lambda x: (x - about) ** k * problem.density(x, **parameters), _breaks(problem))

    assert moment(0, mp.mpf(0)) == pytest.approx(1, abs=1e-12)
    mean = moment(1, mp.mpf(0))
    assert problem.variance is not None
    assert moment(2, mean) == pytest.approx(problem.variance, rel=1e-11)
    if problem.fourth_moment is not None:
        fourth = moment(4, mean)
        assert fourth == pytest.approx(problem.fourth_moment, rel=1e-11)
        assert fourth / (3 * problem.variance**2) - 1 == pytest.approx(-4 / 27, rel=1e-10)  # Binder cumulant, Eq. 12


@pytest.mark.parametrize(
    ("density", "widths"), [(one_species_density, ("0.04",)), (two_species_density, ("0.04", "0.01"))]
)
@pytest.mark.parametrize("offset", ["0.001", "-0.03", "0.11"])
def test_densities_are_the_marginals_of_the_pair(density, widths, offset) -> None:
    """½∫ p(max, min) over the other level: half because the pair is ordered."""
    centre = mp.mpf(4)
    widths = [mp.mpf(w) for w in widths]
    pair_widths = widths * 2 if len(widths) == 1 else widths
    x = centre + mp.mpf(offset)

    def other(y):
        return two_species_pair(max(x, y), min(x, y), centre, *pair_widths)

    reach = 14 * widths[0]
    whole = mp.quad(
        other, sorted([centre - reach, centre - widths[-1], x, centre, centre + widths[-1], centre + reach])
    )
    assert whole / 2 == pytest.approx(density(x, centre, *widths), rel=1e-11)


@pytest.mark.parametrize("problem", [PAIR_LAWS[0], PAIR_LAWS[1], PAIR_LAWS[3]], ids=lambda p: p.name)
def test_pair_laws_integrate_to_one(problem: Problem) -> None:
    """Over R = x₁ + x₂ − 2c and S = x₁ − x₂, dx₁dx₂ = ½ dR dS."""
    parameters = {name: mp.mpf(value) for name, value in problem.parameters.items()}
    centre = parameters["centre"]
    with mp.workdps(12):
        whole = mp.quad(
            lambda r, s: problem.density(centre + (r + s) / 2, centre + (r - s) / 2, **parameters) / 2,
            [-0.6, -0.1, 0, 0.1, 0.6],
            [0, 0.1, 0.6],
        )
    assert whole == pytest.approx(1, abs=1e-9)
