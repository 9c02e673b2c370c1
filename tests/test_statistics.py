"""Statistics against values worked out by hand and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasagent.errors import InputError
from canvasagent.evaluation.statistics import estimate, kendall, krippendorff_alpha, paired_difference, spearman

DRAWN = np.random.default_rng(5).beta(5, 2, 80)


def test_the_mean_is_of_what_is_there() -> None:
    found = estimate([0.2, None, 0.4, 0.9, None])
    assert found is not None
    assert (found.n, found.mean) == (3, pytest.approx(0.5))
    assert 0.2 <= found.low < 0.5 < found.high <= 0.9


def test_nothing_has_no_mean_and_one_value_no_width() -> None:
    assert estimate([]) is None
    assert estimate([None, None]) is None
    alone = estimate([0.7])
    assert alone is not None and (alone.low, alone.mean, alone.high, alone.n) == (0.7, 0.7, 0.7, 1)


def test_the_interval_is_that_of_scipy() -> None:
    theirs = scipy.stats.bootstrap((DRAWN,), np.mean, method="percentile", n_resamples=10_000, rng=1)
    ours = estimate(list(DRAWN))
    assert ours is not None
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)


def test_the_same_values_give_the_same_interval() -> None:
    assert estimate(list(DRAWN)) == estimate(list(DRAWN))
    assert estimate(list(DRAWN)) != estimate(list(DRAWN), seed=1)


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for trial in range(300):
        found = estimate(list(generator.normal(0.5, 0.1, 40)), resamples=1000, seed=trial)
        assert found is not None
        held += found.low <= 0.5 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_a_paired_test_by_hand() -> None:
    """Three differences of one sign: 2 of 8 sign changes are as far from 0, so p = 1/4."""
    found = paired_difference([0.9, 0.8, 0.7], [0.5, 0.6, 0.4])
    assert found is not None
    assert (found.p, found.n) == (0.25, 3)
    assert found.mean == pytest.approx(0.3)


def test_only_pairs_count() -> None:
    found = paired_difference([0.9, None, 0.7, 0.1], [0.5, 0.6, None, 0.1])
    assert found is not None and found.n == 2
    assert paired_difference([None], [1.0]) is None
    with pytest.raises(InputError, match="one length"):
        paired_difference([1.0], [1.0, 2.0])


@pytest.mark.parametrize("n", [8, 60])
def test_the_paired_test_is_that_of_scipy(n: int) -> None:
    generator = np.random.default_rng(n)
    one = generator.normal(0.55, 0.2, n)
    other = generator.normal(0.5, 0.2, n)
    theirs = scipy.stats.permutation_test(
        (one - other,), np.mean, permutation_type="samples", n_resamples=20_000, rng=2
    )
    ours = paired_difference(list(one), list(other))
    assert ours is not None
    assert ours.p == pytest.approx(float(theirs.pvalue), abs=1e-9 if n == 8 else 0.02)


def test_equal_policies_differ_by_nothing() -> None:
    found = paired_difference([0.5] * 20, [0.5] * 20)
    assert found is not None and (found.mean, found.p) == (0.0, 1.0)


KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
"""The worked example of Krippendorff (2011): four raters, twelve units."""


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_worked_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(KRIPPENDORFF, level) == pytest.approx(alpha, abs=0.0005)  # type: ignore[arg-type]


def test_alpha_at_its_ends() -> None:
    assert krippendorff_alpha([[1, 2, 5], [1, 2, 5]]) == pytest.approx(1.0)
    assert krippendorff_alpha([[1, 2, 5], [None, None, None]]) is None
    assert krippendorff_alpha([[3, 3], [3, 3]]) is None
    worse = krippendorff_alpha([[1, 5, 1, 5], [5, 1, 5, 1]])
    assert worse is not None and worse < 0


few = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30)


@given(few)
@settings(max_examples=60)
def test_rank_correlations_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one, other = [float(pair[0]) for pair in pairs], [float(pair[1]) for pair in pairs]
    if len(set(one)) < 2 or len(set(other)) < 2:
        assert spearman(one, other) is None and kendall(one, other) is None
        return
    assert spearman(one, other) == pytest.approx(float(scipy.stats.spearmanr(one, other).statistic), abs=1e-9)
    tau = float(scipy.stats.kendalltau(one, other).statistic)
    assert not math.isnan(tau)
    assert kendall(one, other) == pytest.approx(tau, abs=1e-9)
