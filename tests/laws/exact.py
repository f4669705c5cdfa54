"""Definitions of the laws in mpmath, as the source and shared derivations write them, not as the code does.

In arbitrary precision nothing overflows and no care is needed. Pairs are ordered, x₁ > x₂. Arguments are coordinates,
then parameters in the order of the law.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import mpmath as mp
from mpmath.calculus.quadrature import GaussLegendre


@cache
def _nodes(degree: int, precision: int) -> list[tuple[mp.mpf, mp.mpf]]:
    return GaussLegendre(mp.mp).calc_nodes(degree, precision)


def rule(breaks: list, degree: int = 4) -> Iterator[tuple[mp.mpf, mp.mpf]]:
    """Nodes and weights of Gauss-Legendre, 3·2^(degree − 1) on each panel between ``breaks``, which resolve peaks."""
    for a, b in pairwise(map(mp.mpf, breaks)):
        middle, half = (a + b) / 2, (b - a) / 2
        yield from ((middle + half * x, half * weight) for x, weight in _nodes(degree, mp.mp.prec))


def integral(f: Callable[[mp.mpf], mp.mpf], breaks: list, degree: int = 4) -> mp.mpf:
    return mp.fsum(weight * f(x) for x, weight in rule(breaks, degree))


def mean_square_and_r(sigma_1, sigma_2):
    """σ_m² and r."""
    return (sigma_1**2 + sigma_2**2) / 2, (sigma_1**2 - sigma_2**2) / (sigma_1**2 + sigma_2**2)


def folded(mean, variance):
    """⟨|z|⟩ for z ~ N(mean, variance)."""
    if variance == 0:
        return abs(mean)
    sd = mp.sqrt(variance)
    return sd * mp.sqrt(2 / mp.pi) * mp.exp(-(mean**2) / (2 * variance)) + mean * mp.erf(mean / (sd * mp.sqrt(2)))


def one_species_density(x, centre, sigma):
    """Eq. 11."""
    u = (x - centre) / sigma
    bracket = 2 * mp.exp(-(u**2) / 2) + mp.sqrt(2 * mp.pi) * u * mp.erf(u / mp.sqrt(2))
    return mp.exp(-(u**2) / 2) / (4 * mp.sqrt(mp.pi) * sigma) * bracket


def one_species_cdf(x, centre, sigma):
    u = (x - centre) / sigma
    return mp.erfc(-u) / 2 - mp.sqrt(2) / 4 * mp.exp(-(u**2) / 2) * mp.erf(u / mp.sqrt(2))


def two_species_density(x, centre, sigma_1, sigma_2):
    """Eq. 32 as printed."""
    dx, mean_square = x - centre, (sigma_1**2 + sigma_2**2) / 2
    front = mp.exp(-mean_square * dx**2 / (sigma_1 * sigma_2) ** 2)
    front /= 8 * mp.sqrt(mp.pi) * sigma_1 * sigma_2 * mp.sqrt(mean_square)
    return front * mp.fsum(
        2 * s**2 + mp.exp(dx**2 / (2 * s**2)) * mp.sqrt(2 * mp.pi) * dx * s * mp.erf(dx / (mp.sqrt(2) * s))
        for s in (sigma_1, sigma_2)
    )


def two_species_cdf(x, centre, sigma_1, sigma_2):
    dx, sigma_m = x - centre, mp.sqrt((sigma_1**2 + sigma_2**2) / 2)
    return mp.erfc(-dx * sigma_m / (sigma_1 * sigma_2)) / 2 - mp.sqrt(2) / 8 * mp.fsum(
        a / sigma_m * mp.exp(-(dx**2) / (2 * a**2)) * mp.erf(dx / (mp.sqrt(2) * b))
        for a, b in ((sigma_1, sigma_2), (sigma_2, sigma_1))
    )


def _quarter_circle(u: mp.mpf, ratio: mp.mpf) -> list[mp.mpf]:
    """Panels of [0, π/2] growing threefold from both ends, down to 1/(1 + |u|) and to the ratio of widths."""
    least, middle = min(mp.mpf(1) / (1 + abs(u)), ratio, 1 / ratio) / 2, mp.pi / 4
    sizes = [least * 3**k for k in range(40) if least * 3**k < middle]
    return [mp.mpf(0), *sizes, middle, *(mp.pi / 2 - size for size in reversed(sizes)), mp.pi / 2]


def anisotropic_density(x, centre, sigma_1, sigma_2):
    """½∫₀^π dθ p(uᵀAu = δx, u⊥ᵀAu = 0) ⟨|u⊥ᵀAu⊥ − δx|⟩; A has independent entries and u = (cos θ, sin θ).

    θ → π − θ changes the sign of A₁₂ alone: twice the integral to π/2.
    """
    dx, mean_square = x - centre, (sigma_1**2 + sigma_2**2) / 2
    variances = sigma_1**2, sigma_2**2, mean_square / 2

    def covariance(first, second):
        return sum(v * a * b for v, a, b in zip(variances, first, second, strict=True))

    def at_angle(theta):
        c, s = mp.cos_sin(theta)
        along, mixed, across = (c * c, s * s, 2 * c * s), (-c * s, c * s, c * c - s * s), (s * s, c * c, -2 * c * s)
        aa, ab, bb = covariance(along, along), covariance(along, mixed), covariance(mixed, mixed)
        da, db, dd = covariance(across, along), covariance(across, mixed), covariance(across, across)
        det = aa * bb - ab**2
        # of u⊥ᵀAu⊥, given that uᵀAu is dx and u⊥ᵀAu is 0
        mean, variance = (da * bb - db * ab) * dx / det, dd - (da**2 * bb - 2 * da * db * ab + db**2 * aa) / det
        return mp.exp(-bb * dx**2 / (2 * det)) / (2 * mp.pi * mp.sqrt(det)) * folded(mean - dx, variance)

    return integral(at_angle, _quarter_circle(dx / mp.sqrt(mean_square), sigma_2 / sigma_1))


def anisotropic_cdf(x, centre, sigma_1, sigma_2):
    """Mean over the angle of ½P(R + S < 2δx) + ½P(R − S < 2δx), R given S and θ Gaussian; S integrated by parts."""
    dx, (mean_square, r) = x - centre, mean_square_and_r(sigma_1, sigma_2)
    u, det = dx / mp.sqrt(mean_square), 1 - r**2

    def at_angle(half):
        k = 1 + r * mp.cos(2 * half)
        v = (k**2 + det) / 2
        return k / mp.sqrt(2 * v) * mp.exp(-(u**2) / (2 * v)) * mp.erf(u * k / mp.sqrt(2 * v * det))

    return mp.erfc(-u / mp.sqrt(det)) / 2 - integral(at_angle, _quarter_circle(u, sigma_2 / sigma_1)) / mp.pi


def surmise(s, sigma_m):
    """Eq. 31."""
    return s / (2 * sigma_m**2) * mp.exp(-(s**2) / (4 * sigma_m**2))


def surmise_cdf(s, sigma_m):
    return -mp.expm1(-(s**2) / (4 * sigma_m**2))


def gaussian_pair(x1, x2, centre, sigma):
    return 2 * mp.npdf(x1, centre, sigma) * mp.npdf(x2, centre, sigma)


def two_species_pair(x1, x2, centre, sigma_1, sigma_2):
    """Eq. 29 with N₀ of the text, summed over the two labellings."""
    norm = 4 * mp.sqrt(mp.pi) * sigma_1 * sigma_2 * mp.sqrt((sigma_1**2 + sigma_2**2) / 2)
    d1, d2 = x1 - centre, x2 - centre
    labelled = mp.exp(-(d1**2) / (2 * sigma_1**2) - d2**2 / (2 * sigma_2**2))
    exchanged = mp.exp(-(d1**2) / (2 * sigma_2**2) - d2**2 / (2 * sigma_1**2))
    return (x1 - x2) / norm * (labelled + exchanged)


def one_species_pair(x1, x2, centre, sigma):
    """Eq. 7 with N = 2."""
    return two_species_pair(x1, x2, centre, sigma, sigma)


def anisotropic_pair(x1, x2, centre, sigma_1, sigma_2):
    """2 Rayleigh(S) (1/π)∫₀^π N(R; rS cos θ, 2σ_m²(1 − r²)) dθ."""
    total, spacing = x1 + x2 - 2 * centre, x1 - x2
    mean_square, r = mean_square_and_r(sigma_1, sigma_2)
    sd, reach = mp.sqrt(2 * mean_square * (1 - r**2)), r * spacing
    peak, width = mp.mpf(0), mp.pi
    if reach:
        cosine = max(min(total / reach, 1), -1)
        peak = mp.acos(cosine)
        # where |R| ≤ |r|S the integrand is as wide as sd / |r|S sin θ, beyond it narrows with |R| − |r|S
        beyond = max(abs(total) - abs(reach), 0) + sd
        width = sd / mp.sqrt(abs(reach) * (beyond + abs(reach) * (1 - cosine**2)))
    cuts = {peak + sign * width * size for sign in (-1, 1) for size in (0, 1, 2, 4, 8, 16)}
    breaks = sorted({mp.mpf(0), +mp.pi} | {cut for cut in cuts if 0 < cut < mp.pi})

    def gaussian(theta):
        return mp.exp(-(((total - reach * mp.cos(theta)) / sd) ** 2) / 2)

    return 2 * surmise(spacing, mp.sqrt(mean_square)) * integral(gaussian, breaks) / (mp.pi * mp.sqrt(2 * mp.pi) * sd)


def split_pair(x1, x2, centre, split, sigma):
    """2 N(R; 2σ²) times Rice's law of S; twice, as the pair is ordered and dR dS = 2 dx₁dx₂."""
    total, spacing = x1 + x2 - 2 * centre, x1 - x2
    return 2 * mp.npdf(total, 0, mp.sqrt(2) * sigma) * rice(spacing, split, sigma)


def rice(s, split, sigma):
    bessel = mp.besseli(0, s * split / (2 * sigma**2))
    return s / (2 * sigma**2) * mp.exp(-(s**2 + split**2) / (4 * sigma**2)) * bessel


def split_anisotropic_pair(x1, x2, centre, split, sigma_1, sigma_2):
    """2S ∫₀^{2π} N₂(R, S cos θ − δ) N(S sin θ) dθ, with the bivariate normal by its precision matrix."""
    total, spacing = x1 + x2 - 2 * centre, x1 - x2
    mean_square, r = mean_square_and_r(sigma_1, sigma_2)
    variance, rest = 2 * mean_square, 1 - r**2

    def exponent(c):
        d = spacing * c - split
        both = (total**2 - 2 * r * total * d + d**2) / (2 * variance * rest)
        return both + spacing**2 * (1 - c**2) / (2 * variance)

    # quadratic in c: ½a²c² − bc; panels about its least value on [−1, 1], growing from its width in θ
    a2, b = spacing**2 * r**2 / (variance * rest), spacing * (split + r * total) / (variance * rest)
    best = max(min(b / a2, mp.mpf(1)), mp.mpf(-1)) if a2 else mp.sign(b)
    least, peak = exponent(best), mp.acos(best)
    width = 1 / mp.sqrt(a2 * (1 - best**2) + abs(b - a2 * best) + mp.sqrt(a2) + 1)
    sizes = [mp.mpf(0), *(width * mp.mpf(2) ** k / 2 for k in range(60) if width * 2**k < 2 * mp.pi)]
    cuts = {peak + sign * size for sign in (-1, 1) for size in sizes}
    breaks = sorted({mp.mpf(0), +mp.pi} | {cut for cut in cuts if 0 < cut < mp.pi})
    mass = integral(lambda theta: mp.exp(least - exponent(mp.cos(theta))), breaks)
    norm = 2 * mp.pi * variance * mp.sqrt(rest) * mp.sqrt(2 * mp.pi * variance)
    return 4 * spacing * mass * mp.exp(-least) / norm
