"""The table of exact answers is itself right: normalisers, moments, CDFs, and levels that are marginals of pairs.

Most of these are slow: of this package they run nothing.
"""

from itertools import product

import mpmath as mp
import pytest

from tests.laws import exact
from tests.laws.problems import DENSITIES, DIGITS, PAIR_LAWS, Problem, named


def every(problems):
    return pytest.mark.parametrize("problem", problems, ids=lambda p: p.name)


def panels(problem: Problem) -> list[mp.mpf]:
    """From the centre out to 14 of the wider width, so that a narrow peak inside a wide one is seen."""
    narrow, wide = min(problem.widths), max(problem.widths)
    sizes = {wide * k for k in (0, 1, 2, 4, 7, 14)} | {narrow * 3**k for k in range(8) if narrow * 3**k < wide}
    return [problem.centre + mp.mpf(size) for size in sorted(sizes)]


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(
            p, id=p.name, marks=pytest.mark.long if p.name == "anisotropic density, extreme" else pytest.mark.slow
        )
        for p in DENSITIES
        if "exchanged" not in p.name
    ],
)
def test_densities_integrate_to_one_with_the_stated_moments(problem: Problem) -> None:
    """By the symmetry of all but the surmise, which is zero below its centre."""
    sides = 1 if problem.name == "surmise" else 2
    with mp.workdps(25):
        parameters, centre = [mp.mpf(value) for value in problem.parameters.values()], mp.mpf(problem.centre)
        masses = [(x - centre, w * problem.density(x, *parameters)) for x, w in exact.rule(panels(problem), 3)]
        zeroth, first, second, fourth = (sides * mp.fsum(m * dx**k for dx, m in masses) for k in (0, 1, 2, 4))
    assert float(zeroth) == pytest.approx(1, abs=1e-11)
    variance = second - first**2 if sides == 1 else second
    assert float(variance) == pytest.approx(problem.variance, rel=1e-11)
    if problem.fourth_moment is not None:
        assert float(fourth) == pytest.approx(problem.fourth_moment, rel=1e-11)
        point = problem.centre + 0.3 * problem.scale
        mirrored = 2 * mp.mpf(problem.centre) - mp.mpf(point)
        assert mp.almosteq(problem.density(mirrored, *parameters), problem.density(mp.mpf(point), *parameters), 1e-10)


def test_binder_cumulant() -> None:
    """U₄ = −4/27 of one species (Eq. 12), and of either law of two at σ₁ = σ₂; another where they differ."""
    for name in ("one-species density", "two-species density, equal", "anisotropic density, equal"):
        problem = named(name)
        assert problem.fourth_moment / (3 * problem.variance**2) - 1 == pytest.approx(-4 / 27, rel=1e-14)
    problem = named("anisotropic density, unequal")
    assert problem.fourth_moment / (3 * problem.variance**2) - 1 == pytest.approx(-4 / 27 + 4 / 9 * 0.6**2, rel=1e-14)


@pytest.mark.slow
@every([p for p in DENSITIES if "exchanged" not in p.name])
def test_cdfs_are_the_integrals_of_the_densities(problem: Problem) -> None:
    """By the derivative, which holds everywhere if at a few points, and the limit in the far tail."""
    below = (0.7, 0.02) if problem.name == "surmise" else (-38, -9, -0.8, -0.03)
    for offset in below:
        point = problem.centre + offset * problem.scale
        with mp.workdps(DIGITS):
            slope = problem.slopes(point, "cdf")[0]
        assert float(slope / problem.exact(point)) == pytest.approx(1, abs=1e-12)
    if problem.name == "surmise":
        assert problem.exact_cdf(0.0) == 0
    else:
        assert float(problem.exact_cdf(problem.centre)) == pytest.approx(0.5, abs=1e-15)
        assert 0 < problem.exact_cdf(problem.centre - 60 * problem.scale) < mp.mpf(10) ** -700


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "offset"),
    [
        *product(
            ("one-species", "two-species, unequal", "anisotropic, unequal", "anisotropic, extreme"),
            ("0.001", "-0.03", "0.11"),
        ),
    ],
)
def test_densities_are_the_marginals_of_the_pair(case: str, offset: str) -> None:
    """½∫ p(max, min) over the other level: half because the pair is ordered.

    The anisotropic density is Kac and Rice's, the pair an integral over the angle: nothing is shared.
    """
    kind, _, widths = case.partition(", ")
    density, pair = (named(f"{kind} {what}" + (f", {widths}" if widths else "")) for what in ("density", "pair"))
    with mp.workdps(25):
        centre, *sigmas = (mp.mpf(value) for value in density.parameters.values())
        x = centre + mp.mpf(offset)
        wide, narrow = max(sigmas), min(sigmas)
        # where δx₁/δx₂ is positive or negative, and about the level itself
        sizes = [wide * k for k in (1, 3, 6, 14)] + [narrow * 3**k for k in range(8) if narrow * 3**k < wide]
        cuts = {y for about in (x, centre) for size in sizes for y in (about - size, about + size)} | {x, centre}

        def other(y):
            return pair.density(max(x, y), min(x, y), centre, *sigmas)

        whole = exact.integral(other, sorted(cuts), 3) / 2
        assert float(whole / density.density(x, centre, *sigmas)) == pytest.approx(1, abs=1e-11)


@pytest.mark.slow
@every([p for p in PAIR_LAWS if "extreme" not in p.name and "exchanged" not in p.name])
def test_pairs_integrate_to_one_with_the_stated_moments(problem: Problem) -> None:
    """Over R = x₁ + x₂ − 2c and S = x₁ − x₂, dx₁dx₂ = ½ dR dS, even in R."""
    with mp.workdps(20):
        centre, *sigmas = (mp.mpf(value) for value in problem.parameters.values())
        sizes = [max(sigmas) * k for k in (0, 4, 13)]
        masses = [
            (r, s, w * v * problem.density(centre + (r + s) / 2, centre + (r - s) / 2, centre, *sigmas))
            for r, w in exact.rule(sizes, 3)
            for s, v in exact.rule(sizes, 3)
        ]

        def mean(function):
            return float(mp.fsum(mass * function(r, s) for r, s, mass in masses))

        assert mean(lambda r, s: 1) == pytest.approx(1, abs=1e-8)
        mean_spacing, mean_square_spacing = mean(lambda r, s: s), mean(lambda r, s: s**2)
        variance = mean(lambda r, s: (r**2 + s**2) / 4)
        fourth = mean(lambda r, s: (r**4 + 6 * r**2 * s**2 + s**4) / 16)
    assert mean_spacing == pytest.approx(problem.mean_spacing, rel=1e-8)
    assert mean_square_spacing == pytest.approx(problem.mean_square_spacing, rel=1e-8)
    assert variance == pytest.approx(problem.variance, rel=1e-8)
    assert fourth == pytest.approx(problem.fourth_moment, rel=1e-8)


@every(PAIR_LAWS)
def test_variance_over_the_mean_square_spacing(problem: Problem) -> None:
    """3/8, whatever the widths, unless levels carry labels."""
    expected = {"gaussian": 0.5}.get(problem.name.split()[0], 3 / 8)
    if problem.name.startswith("two-species"):
        _, r = exact.mean_square_and_r(*problem.widths)
        expected += r**2 / 8
    assert problem.variance / problem.mean_square_spacing == pytest.approx(expected, rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("widths", [("0.04", "0.04"), ("0.04", "0.02"), ("0.04", "4e-5")])
def test_anisotropic_pair_is_the_spectrum_of_a_gaussian_matrix(widths: tuple[str, str]) -> None:
    """δX₁₁, δX₂₂ = (R ± S cos θ)/2, δX₁₂ = S sin θ/2, volume ¼ S dR dS dθ, θ over the circle; twice, as x₁ > x₂."""
    with mp.workdps(25):
        sigma_1, sigma_2 = map(mp.mpf, widths)
        sd_off = mp.sqrt((sigma_1**2 + sigma_2**2) / 4)
        for total, spacing in (("0.03", "0.07"), ("-0.01", "0.002"), ("0.1", "0.09")):
            r, s = mp.mpf(total), mp.mpf(spacing)

            def density(theta, r=r, s=s):
                d = s * mp.cos(theta)
                diagonal = mp.npdf((r + d) / 2, 0, sigma_1) * mp.npdf((r - d) / 2, 0, sigma_2)
                return s / 4 * diagonal * mp.npdf(s * mp.sin(theta) / 2, 0, sd_off)

            # the narrower entry vanishes where R = S cos θ
            peak = mp.acos(max(min(r / s, 1), -1))
            cuts = {peak + sign * k * sigma_2 / s for sign in (-1, 1) for k in (0, *(3**j for j in range(8)))}
            half = exact.integral(density, sorted({0, +mp.pi} | {cut for cut in cuts if 0 < cut < mp.pi}))
            got = exact.anisotropic_pair((r + s) / 2, (r - s) / 2, 0, sigma_1, sigma_2)
            assert float(got / (2 * 2 * half)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("case", ["density", "pair"])
def test_anisotropic_laws_reduce_to_one_species(case: str) -> None:
    one, two = named(f"one-species {case}"), named(f"anisotropic {case}, equal")
    for point in one.points[:4]:
        assert mp.almosteq(one.exact(point), two.exact(point), 1e-30)
