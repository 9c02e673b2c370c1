"""Advantages: of rollouts within their group, and of turns within a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from canvasagent.rewards.config import Preset
from canvasagent.rewards.hybrid import Score

SMALL = 1e-4
"""Added to a group's deviation before it divides, as in TRL."""

VARIANCE = 1e-6
"""A group whose rewards differ by no more than this has nothing to learn from."""


def usable(rewards: Sequence[float | None]) -> list[bool]:
    """Which rollouts of a group can be learned from: the scored ones, where at least two are and these differ."""
    scored = [reward for reward in rewards if reward is not None]
    learns = len(scored) >= 2 and max(scored) - min(scored) > VARIANCE
    return [learns and reward is not None for reward in rewards]


def process_terms(score: Score, preset: Preset, turns: int) -> list[float]:
    """What each turn adds to R by the terms of equations 4 and 7 that belong to one turn.

    A turn's call adds its share of R_action, weight · 0.6 · q / N, and costs its share of the error penalty. The other
    terms (judges, format, repeats, length, cost, missing tools) belong to the whole rollout and are not divided.
    Where `counting` is not the mean over calls, or the sum is not equation 1's, a turn has no share of its own: all 0.
    """
    terms = [0.0] * turns
    if preset.combine != "sum" or preset.counting != "mean":
        return terms
    own = [call for call in score.calls if not call.infrastructure]
    failed = [call for call in own if call.execution == 0]
    for call in own:
        terms[call.turn] += preset.weights.rule * preset.rule_action * call.q / len(own)
    for call in failed:
        terms[call.turn] -= preset.weights.rule * preset.efficiency * score.penalties.error / len(failed)
    return terms


def turn_advantages(advantage: float, deviation: float, terms: Sequence[float]) -> list[float]:
    """A rollout's advantage divided among its turns: (T · (term − mean term)) / (deviation + 0.0001) more than it.

    The mean over the turns is the rollout's own advantage, so that what one turn gains another loses. `deviation` is
    the group's. The idea of redistributing a return over its steps is RUDDER's; the terms are equations 4 and 7.
    """
    if not terms:
        return []
    middle = fmean(terms)
    return [advantage + len(terms) * (term - middle) / (deviation + SMALL) for term in terms]
