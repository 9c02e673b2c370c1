"""Advantages: what of a group can be learned from, and a rollout's advantage divided among its turns."""

from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasagent import Trajectory
from canvasagent.rewards.config import find_preset
from canvasagent.rewards.hybrid import score
from canvasagent.training.credit import process_terms, turn_advantages, usable
from helpers import call, end
from judged import run

REWARD = st.one_of(st.none(), st.floats(0, 1))


@given(st.lists(REWARD, min_size=1, max_size=8))
def test_only_scored_rollouts_of_a_group_that_differs_are_used(rewards: list[float | None]) -> None:
    used = usable(rewards)
    kept = [reward for reward, one in zip(rewards, used, strict=True) if one]
    assert None not in kept and len(used) == len(rewards)
    assert not kept or (len(kept) >= 2 and max(kept) > min(kept))  # type: ignore[type-var]


@given(st.floats(-3, 3), st.floats(0, 1), st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=12))
def test_turns_share_the_advantage_of_their_rollout(advantage: float, deviation: float, terms: list[float]) -> None:
    """The mean over the turns is the rollout's advantage: what one turn gains another loses."""
    shares = turn_advantages(advantage, deviation, terms)
    scale = max(1.0, max(abs(share) for share in shares))
    assert fmean(shares) == pytest.approx(advantage, abs=1e-6 * scale)
    order = sorted(range(len(terms)), key=terms.__getitem__)
    assert [shares[place] for place in order] == sorted(shares)


def rollout() -> Trajectory:
    return run(call("Flip"), call("Crop", image="img_7", bbox="[0, 0, 500, 500]"), call("Flip"), end("Flip_0"))


def test_the_terms_of_the_turns_sum_to_their_part_of_equation_2() -> None:
    preset = find_preset("paper")
    scored = score(rollout(), preset)
    terms = process_terms(scored, preset, 4)
    process = preset.rule_action * scored.parts.action - preset.efficiency * scored.penalties.error
    assert sum(terms) == pytest.approx(preset.weights.rule * process)
    assert terms[1] == min(terms[:3]) and terms[3] == 0, "the failed call is worth least, the ending nothing"


@pytest.mark.parametrize("name", ["no-process", "release", "hardened"])
def test_where_a_turn_has_no_share_of_its_own_all_are_equal(name: str) -> None:
    preset = find_preset(name)
    assert process_terms(score(rollout(), preset), preset, 4) == [0.0] * 4
