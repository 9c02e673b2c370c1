"""Means with intervals, paired differences with a test, agreement of raters, rank correlation.

All of it is seeded: the same values give the same figures. Missing values are
left out, and n is the number of values; a figure that needs more values than there are is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from canvasagent.errors import InputError

LEVEL = 0.95
"""Confidence level of the intervals."""
RESAMPLES = 10_000
EXACT_UP_TO = 12
"""Up to this number of pairs the paired test enumerates all sign changes (2^12) instead of sampling them."""
_BLOCK = 1_000
"""Resamples drawn at once, so that memory does not grow with their number."""

Floats = NDArray[np.float64]


class Estimate(BaseModel):
    """A mean with its bootstrap interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float
    high: float
    n: int


class Difference(Estimate):
    """The mean of paired differences, with interval and p value of the null hypothesis that signs are arbitrary."""

    p: float


def estimate(
    values: Sequence[float | None], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate | None:
    """Mean and percentile bootstrap interval (Efron) of the known values; None if there are none.

    The interval of a single value is that value; n = 1 shows that it has no meaning.
    """
    known = _known(values)
    if not len(known):
        return None
    low, high = _interval(known, level, resamples, seed)
    return Estimate(mean=float(known.mean()), low=low, high=high, n=len(known))


def paired_difference(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference | None:
    """How much `first` exceeds `second`, over the positions where both have a value; None where there is none.

    The p value is that of the two-sided sign-flip permutation test of the mean (Fisher, Pitman): exact up to
    `EXACT_UP_TO` pairs, else from `resamples` drawn sign changes with (hits + 1) / (draws + 1).
    Raises `InputError` where the two are not of one length.
    """
    if len(first) != len(second):
        raise InputError(f"paired values must be of one length, not {len(first)} and {len(second)}.")
    pairs = [(one, other) for one, other in zip(first, second, strict=True) if one is not None and other is not None]
    if not pairs:
        return None
    apart = np.array([one - other for one, other in pairs], float)
    low, high = _interval(apart, level, resamples, seed)
    mean = float(apart.mean())
    return Difference(mean=mean, low=low, high=high, n=len(apart), p=_sign_flip(apart, resamples, seed))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """P values corrected for several comparisons (Holm's step-down method), in the given order; None stays None.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).
    """
    order = sorted((p, index) for index, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[index] = largest
    return corrected


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]], level: Literal["ordinal", "interval", "nominal"] = "ordinal"
) -> float | None:
    """Krippendorff's alpha: 1 = raters agree, 0 = as by chance, below 0 = worse. One row a rater, None for a hole.

    None where no unit was rated twice, or where all ratings are the same (there is nothing to disagree about).
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), canonical form with coincidences.
    """
    table = np.array([[np.nan if value is None else value for value in row] for row in ratings], float)
    if table.ndim != 2:
        raise InputError("every rater needs a place for every unit; use None for a rating that is missing.")
    # A unit with a single rating has no pair to compare.
    table = table[:, np.sum(~np.isnan(table), axis=0) >= 2]
    values = np.unique(table[~np.isnan(table)])
    if len(values) < 2:
        return None
    seen = np.array([[np.sum(unit == value) for value in values] for unit in table.T], float)  # units × values
    weights = 1 / (seen.sum(axis=1) - 1)
    coincidences = (seen * weights[:, None]).T @ seen - np.diag((seen * weights[:, None]).sum(axis=0))
    totals = coincidences.sum(axis=0)
    apart = _distances(values, totals, level)
    expected = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    return float(1 - (coincidences * apart).sum() / (expected * apart).sum())


def _distances(values: Floats, totals: Floats, level: str) -> Floats:
    """Squared distances of ratings, by level of measurement."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2, float)
    # Ordinal: the distance of two values is the number of ratings between them, half of their own included.
    ranks = np.cumsum(totals) - totals / 2
    return np.asarray((ranks[:, None] - ranks[None, :]) ** 2, float)


def spearman(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation over the positions where both have a value; ties share their mean rank.

    None for fewer than three pairs, or where one side is constant.
    """
    one, other = _paired(first, second)
    if len(one) < 3:
        return None
    left, right = _ranks(one), _ranks(other)
    if left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def kendall(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Kendall's tau-b over the positions where both have a value; None as for `spearman`."""
    one, other = _paired(first, second)
    if len(one) < 3:
        return None
    # Tau-b: ties on one side count in the denominator of the other side only.
    signs = np.sign(one[:, None] - one[None, :]), np.sign(other[:, None] - other[None, :])
    ordered = float(np.sqrt(np.sum(signs[0] ** 2) * np.sum(signs[1] ** 2)))
    return float(np.sum(signs[0] * signs[1])) / ordered if ordered else None


def _paired(first: Sequence[float | None], second: Sequence[float | None]) -> tuple[Floats, Floats]:
    if len(first) != len(second):
        raise InputError(f"paired values must be of one length, not {len(first)} and {len(second)}.")
    pairs = [(one, other) for one, other in zip(first, second, strict=True) if one is not None and other is not None]
    return np.array([one for one, _ in pairs], float), np.array([other for _, other in pairs], float)


def _known(values: Sequence[float | None]) -> Floats:
    return np.array([value for value in values if value is not None], float)


def _interval(values: Floats, level: float, resamples: int, seed: int) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - start)
        means.append(values[generator.integers(0, len(values), (rows, len(values)))].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _sign_flip(apart: Floats, draws: int, seed: int) -> float:
    observed = abs(apart.mean()) - 1e-12  # sums in another order must not count as smaller
    n = len(apart)
    if n <= EXACT_UP_TO:
        # The binary digits of 0 to 2^n - 1 are all combinations of signs.
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs((signs * apart).mean(axis=1)) >= observed))
    generator = np.random.default_rng(seed)
    hits = 0
    for start in range(0, draws, _BLOCK):
        signs = generator.choice((-1.0, 1.0), (min(_BLOCK, draws - start), n))
        hits += int(np.sum(np.abs((signs * apart).mean(axis=1)) >= observed))
    # The observed signs count as one draw, so that p is never 0 (Phipson and Smyth, 2010).
    return (hits + 1) / (draws + 1)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; ties share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], float)
