"""Three states of an answer, and how numbers are written."""

import math

import pytest

from coulombfit.answers.answer import Answer, all_of, judge_interval
from coulombfit.answers.numbers import format_interval, plus_minus, probability

YES, NO, CANNOT_TELL, NOT_RUN = Answer


@pytest.mark.parametrize(
    ("lower", "upper", "answer"),
    [
        (0.9, 1.1, YES),
        (0.75, 1.25, YES),
        (0.7, 1.1, CANNOT_TELL),
        (0.14, 2.01, CANNOT_TELL),
        (1.01, 1.1, NO),
        (-3.0, 0.99, NO),
        (math.nan, 1.1, CANNOT_TELL),
        (-math.inf, math.inf, CANNOT_TELL),
    ],
)
def test_an_interval_that_holds_one_and_much_else_cannot_tell(lower: float, upper: float, answer: Answer) -> None:
    assert judge_interval(lower, upper, 1.0, margin=0.25) is answer


def test_one_answer_for_many() -> None:
    assert all_of([YES, YES]) is YES
    assert all_of([YES, CANNOT_TELL, NOT_RUN]) is CANNOT_TELL
    assert all_of([YES, CANNOT_TELL, NO]) is NO
    assert all_of([NOT_RUN]) is NOT_RUN
    assert all_of([]) is NOT_RUN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "< 0.001"),
        (5e-122, "< 0.001"),
        (0.0314, "= 0.031"),
        (1.0, "> 0.999"),
        (0.9988, "> 0.99"),
        (0.994, "= 0.99"),
        (0.5, "= 0.5"),
        (math.nan, "unknown"),
    ],
)
def test_no_probability_is_nought_or_one(value: float, text: str) -> None:
    assert probability(value) == text


def test_two_digits_of_the_error() -> None:
    assert plus_minus(0.3979, 0.4603) == "0.40 ± 0.46"
    assert plus_minus(-0.02345, 0.0031) == "−0.0234 ± 0.0031"
    assert plus_minus(-3.27394e-10, 2.5e-12) == "−3.274e-10 ± 2.5e-12"
    assert format_interval(-0.11768, -0.14012, -0.09112, 0.9) == "−0.118 (90% interval −0.140 to −0.091)"
    assert format_interval(1.2345, 1.1, math.inf, 0.9) == "1.234 (90% interval 1.100 to ∞)"
