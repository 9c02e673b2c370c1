"""Equations 1 to 7, by hand-computed cases, and the odd cases of the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasagent import ToolBox, score
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Kind
from canvasagent.errors import InputError
from canvasagent.faults import FormatFault as F
from canvasagent.protocol.turns import parse
from canvasagent.rewards.action import action_score, call_score, next_state
from canvasagent.rewards.config import PAPER, PRESETS, ActionWeights, FormatWeights, Penalties, Weights
from canvasagent.rewards.efficiency import (
    Costs,
    cost_penalty,
    count_adjacent_repeats,
    count_all_repeats,
    efficiency,
    error_penalty,
    length_penalty,
    miss_penalty,
    repeat_penalty,
)
from canvasagent.rewards.format import BREAKS, format_score, prose, turn_format, undiluted, words
from canvasagent.rewards.hybrid import depth, hybrid_reward
from canvasagent.rewards.rule import rule_score, rules
from canvasagent.tools.base import AssetInfo
from helpers import call, end
from reward_runs import played, verdicts

CONSTANTS = Penalties()


@pytest.fixture(scope="module")
def toolbox() -> Iterator[ToolBox]:
    with ToolBox("lite") as box:
        yield box


def test_equation_1() -> None:
    """The rows of the data file, which says where each comes from: the paper's tables, or made by hand."""
    table = json.loads((Path(__file__).parent / "data" / "equation_1.json").read_text("utf-8"))
    assert table["columns"] == ["align", "aesthetics", "trajectory", "rule", "total"] and len(table["rows"]) >= 23
    assert sum(row["from"].startswith("Table ") for row in table["rows"]) == 8
    assert table["tolerance"]["printed"] == 0.0003
    for row in table["rows"]:
        *parts, total = row["values"]
        tolerance = table["tolerance"]["hand-made" if row["from"] == "hand-made" else "printed"]
        assert hybrid_reward(*parts, weights=PAPER) == pytest.approx(total, abs=tolerance), row


def test_equation_2() -> None:
    paper = PRESETS["paper"]
    assert rule_score(1, 1, 0, paper) == pytest.approx(1)
    assert rule_score(0.9, 0.75, 0.1, paper) == pytest.approx(0.36 + 0.45 - 0.1)
    assert rule_score(0, 0, 0.915, paper) == pytest.approx(-0.915)
    halved = paper.model_copy(update={"efficiency": 0.5})
    assert rule_score(0.9, 0.75, 0.1, halved) == pytest.approx(0.36 + 0.45 - 0.05)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (call("Flip", image="img_1"), 1.0),
        (end(), 1.0),
        (end("img_1"), 1.0),
        ("<reason>It is done, all of it.</reason>\n<Terminate>", 1.0),
        ("<Terminate>", 0.75),  # no reason
        ("<reason> </reason><Terminate>", 0.75),  # an empty one
        ("<reason>cut it<tool_call>{}</tool_call>", 0.45),  # unclosed reason, no call in the braces
        ('<reason>a</reason><tool_call>{"name": "Flip", "arguments": {}</tool_call>', 0.70),  # bad JSON
        ('<reason>a</reason><tool_call>{"name": "Flip", "arguments": {}}', 0.70),  # unclosed
        (call("Flip") + call("Flip").split("\n")[1], 0.80),  # two calls
        (call("Flip") + "<Terminate>", 0.85),  # acts and ends
        (call("Flip") + " and so on", 0.90),  # text outside
        ("<reason>a</reason>\n```json\n" + call("Flip").split("\n")[1] + "\n```", 0.90),  # fence
        ("<reason>let me think</reason>", 0.35),  # no action: reason tags and no extra text
        ("I cannot do that.", 0.0),
        ("", 0.10),  # no text, so no excess
    ],
)
def test_format_of_a_turn(text: str, expected: float) -> None:
    assert turn_format(parse(text).faults, FormatWeights()) == pytest.approx(expected)


def test_every_format_fault_costs_something_and_the_weights_sum_to_1() -> None:
    weights = FormatWeights()
    assert set().union(*BREAKS.values()) == set(F)
    assert all(turn_format([fault], weights) < 1 for fault in F)
    assert turn_format(list(F), weights) == pytest.approx(0)
    assert sum(weights.model_dump().values()) == pytest.approx(1)
    assert turn_format([], weights, cut_off=True) == pytest.approx(0.85)


def test_format_is_a_mean_and_0_without_turns() -> None:
    assert format_score([1, 0.5, 0.75]) == pytest.approx(0.75)
    assert format_score([]) == 0


def test_equation_3_is_a_mean_and_0_without_calls() -> None:
    assert action_score([1, 0.25]) == pytest.approx(0.625)
    assert action_score([]) == 0


@pytest.mark.parametrize(
    ("parts", "q"),
    [
        ((1, 1, 1, 1, 1), 1.0),
        ((0, 0, 0, 0, 0), 0.0),
        ((1, 1, 1, 1, 0), 0.9),
        ((1, 1, 1, 0, 0), 0.7),
        ((1, 1, 0.5, 0, 0), 0.6),
        ((1, 0, 1, 0, 0), 0.45),
        ((1, 0, 0, 0, 0), 0.25),
    ],
)
def test_equation_4(parts: tuple[float, float, float, float, float], q: float) -> None:
    assert call_score(ActionWeights(), *parts) == pytest.approx(q)


def test_equation_6_grows_by_what_was_made_alone() -> None:
    state: dict[str, AssetInfo] = {}
    next_state(state, None)
    assert not state
    next_state(state, AssetInfo("Flip_0", Kind.IMAGE, (4, 3)))
    assert list(state) == ["Flip_0"]


def test_equation_7_adds_its_five_terms() -> None:
    assert efficiency(Costs(0.1, 0.04, 0.03, 0.006, 0.15)) == pytest.approx(0.326)
    most = Costs(
        error_penalty(99, CONSTANTS),
        repeat_penalty(99, 99, CONSTANTS),
        length_penalty([10**6] * 99, CONSTANTS),
        cost_penalty(99, 1, CONSTANTS),
        miss_penalty(2, ("Flip", "Crop"), 2, CONSTANTS),
    )
    assert efficiency(most) == pytest.approx(0.5 + 0.12 + 0.10 + 0.03 + 0.15) == most.total


def test_error_and_repeat() -> None:
    assert [error_penalty(n, CONSTANTS) for n in (0, 1, 5, 6)] == pytest.approx([0, 0.1, 0.5, 0.5])
    assert repeat_penalty(1, 1, CONSTANTS) == pytest.approx(0.06)
    assert repeat_penalty(3, 1, CONSTANTS) == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("calls", "adjacent", "every"),
    [
        ("", (0, 0), (0, 0)),
        ("F1 F1", (1, 0), (1, 0)),
        ("F1 F2", (0, 1), (0, 1)),
        ("F1 C1 F2", (0, 0), (0, 0)),
        ("F1 C1 F1", (0, 0), (1, 0)),  # a call that ran lies between
        ("F1 C1! F1", (1, 0), (1, 0)),  # a failed call in between saves nothing
        ("F1 C1! F2", (0, 1), (0, 1)),
        ("C1! C1", (1, 0), (1, 0)),  # a failed call repeated unchanged
        ("C1! C1!", (1, 0), (1, 0)),
        ("C1! C2", (0, 0), (0, 0)),  # a failed call put right
        ("C1! F1! C1", (1, 0), (1, 0)),
        ("C1! F1 C1", (0, 0), (1, 0)),
        ("F1 C1! C2! F1 F1", (2, 0), (2, 0)),
    ],
)
def test_repeats(calls: str, adjacent: tuple[int, int], every: tuple[int, int]) -> None:
    """A letter is a tool, a digit its arguments, and a call marked with `!` failed."""
    identities = [(call[0], call[1]) for call in calls.split()]
    ran = [not call.endswith("!") for call in calls.split()]
    assert count_adjacent_repeats(identities, ran) == adjacent
    assert count_all_repeats(identities, ran) == every


@given(st.lists(st.tuples(st.sampled_from("FC"), st.integers(1, 2), st.booleans()), max_size=8), st.data())
def test_a_failed_call_in_between_never_saves_a_repeat(calls: list[tuple[str, int, bool]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(calls)))
    added = (*data.draw(st.tuples(st.sampled_from("FCS"), st.integers(1, 3))), False)
    longer = [*calls[:place], added, *calls[place:]]
    for count in (count_adjacent_repeats, count_all_repeats):
        before, after = (
            repeat_penalty(*count([one[:2] for one in run], [one[2] for one in run]), CONSTANTS)
            for run in (calls, longer)
        )
        assert after >= before - 1e-12


def test_length_is_per_turn_and_in_proportion() -> None:
    assert length_penalty([256, 0, 100], CONSTANTS) == 0
    assert length_penalty([384], CONSTANTS) == pytest.approx(0.015)
    assert length_penalty([512], CONSTANTS) == pytest.approx(0.03)
    assert length_penalty([5000], CONSTANTS) == pytest.approx(0.05)
    assert length_penalty([512, 5000, 384], CONSTANTS) == pytest.approx(0.095)
    assert length_penalty([5000] * 3, CONSTANTS) == pytest.approx(0.10)


@pytest.mark.parametrize(
    ("calls", "expected", "penalty"),
    [
        (50, None, 0.0),
        (4, 2, 0.0),
        (5, 2, 0.006),
        (6, 1, 0.018),
        (40, 2, 0.03),
        (6, 3, 0.0),
        (8, 4, 0.0045),
        (40, 4, 0.025),
        (9, 5, 0.0),
        (10, 5, 0.002),
        (15, 10, 0.0),
        (16, 10, 0.002),
        (40, 5, 0.015),
        (3, 0, 0.006),
    ],
)
def test_cost(calls: int, expected: int | None, penalty: float) -> None:
    assert cost_penalty(calls, expected, CONSTANTS) == pytest.approx(penalty)


def test_miss_is_a_share_of_the_set_scaled_by_the_sequence() -> None:
    assert miss_penalty(1, (), 0, CONSTANTS) == 0
    assert miss_penalty(1, ("Flip",), 1, CONSTANTS) == pytest.approx(0.15)
    assert miss_penalty(1, ("Flip", "Crop"), 3, CONSTANTS) == pytest.approx(0.15 * 0.5 * 0.85)
    assert miss_penalty(2, ("Flip", "Crop", "SR"), 5, CONSTANTS) == pytest.approx(0.15 * 2 / 3 * 0.65)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one two  three\n", 3),
        ("abcdefghijklmnop", 1),
        ("abcdefghijklmnopq", 2),
        ("x" * 4096, 256),
        ("把天空变成橙色", 7),
        ("天空 sky", 3),
        ("sky天空", 3),
    ],
)
def test_words_by_one_rule(text: str, count: int) -> None:
    assert words(text) == count


def test_what_is_said_is_all_but_the_call() -> None:
    assert prose("<reason>one</reason> two <tool_call>{three}</tool_call> four").split() == ["one", "two", "four"]
    assert prose("<tool_call>{never closed").strip() == ""


def test_undiluted_sums_what_was_lost() -> None:
    assert undiluted([1, 0.25, 1], 3) == action_score([1, 0.25, 1]) == pytest.approx(0.75)
    assert undiluted([1, 0.25, 1, 1, 1, 1], 3) == pytest.approx(0.75)
    assert action_score([1, 0.25, 1, 1, 1, 1]) == pytest.approx(0.875)
    assert undiluted([0, 0, 1], 1) == undiluted([1], 0) == 0


@pytest.mark.parametrize("name", PRESETS)
def test_weights_of_presets_sum_to_what_is_left(name: str) -> None:
    preset = PRESETS[name]
    total = {"no-outcome": 0.6, "no-process": 0.4}.get(name.removeprefix("release-"), 1.0)
    assert sum(preset.weights.model_dump().values()) == pytest.approx(total)
    assert preset.rule_format + preset.rule_action == pytest.approx(1)
    assert sum(preset.action_weights.model_dump().values()) == pytest.approx(1)
    assert preset.name == name and preset.summary


def test_preset_weights() -> None:
    for prefix in ("", "release-"):
        assert PRESETS[f"{prefix}no-outcome"].weights == Weights(align=0, aesthetics=0, trajectory=0.2, rule=0.4)
        assert PRESETS[f"{prefix}no-process"].weights == Weights(align=0.3, aesthetics=0.1, trajectory=0, rule=0)
    assert PRESETS["paper"].efficiency == 1
    with pytest.raises(ValueError, match="at most 1"):
        Weights(align=1, aesthetics=1, trajectory=0, rule=0)


def test_bands_are_in_order() -> None:
    edges = [band.up_to for band in CONSTANTS.bands]
    assert edges[-1] is None and all(a is not None and (b is None or a < b) for a, b in pairwise(edges))


CROP, FLIP = call("Crop", image="img_1", bbox=[0, 0, 500, 500]), call("Flip", image="Crop_0")


def test_a_whole_run_by_hand(toolbox: ToolBox) -> None:
    bad = call("Flip", image="Crop_7")  # name, schema and specification right: q = 0.7
    run = played(toolbox, [CROP, bad, FLIP, end()], expected=("Crop", "Flip", "Overlay"))
    found = score(run, verdicts=verdicts(0.8, 0.6, 0.5))
    assert [one.q for one in found.calls] == pytest.approx([1, 0.7, 1])
    assert found.parts.format == 1
    assert found.parts.action == pytest.approx(2.7 / 3)
    miss = 0.15 / 3 * 0.85
    assert found.penalties == Costs(0.1, 0, 0, 0, pytest.approx(miss))
    assert found.missing == ("Overlayer",)
    rule = 0.4 + 0.6 * 2.7 / 3 - 0.1 - miss
    assert found.parts.rule == pytest.approx(rule)
    assert found.total == pytest.approx(0.3 * 0.8 + 0.1 * 0.6 + 0.2 * 0.5 + 0.4 * rule)
    counts = found.counts
    assert (counts.turns, counts.calls, counts.executed, counts.failed, counts.expected) == (4, 3, 2, 1, 3)


def test_the_release_by_hand(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, FLIP, end()], expected=("Crop", "Flip", "SR"))
    found = score(run, "release", verdicts(0.8, 0.4, 0.5))
    deep = 0.15 + 0.35 + 0.5 * 2 / 3
    process = (0.3 * 0.5 + 0.15 + 0.15 + 0.10 * 2 / 3 + 0.22 * deep) / 0.92
    miss = 0.15 / 3 * 0.85
    assert found.total == pytest.approx(0.4 * (0.24 + 0.04) / 0.4 + 0.6 * process - miss)
    assert depth(rules(run, PRESETS["release"]), PRESETS["release"]) == pytest.approx(deep)


@pytest.mark.parametrize(
    ("texts", "expected", "deep"),
    [([FLIP, end()], ("Flip", "Crop"), 0.0), ([CROP, end()], ("Crop",), 0.0), ([CROP, end()], ("Crop", "Flip"), 0.4)],
)
def test_depth(texts: list[str], expected: tuple[str, ...], deep: float, toolbox: ToolBox) -> None:
    run = played(toolbox, texts, expected=expected)
    assert depth(rules(run, PRESETS["release"]), PRESETS["release"]) == pytest.approx(deep)


def test_the_release_gives_nothing_without_a_call_or_a_picture(toolbox: ToolBox) -> None:
    assert score(played(toolbox, [end()]), "release", verdicts(1, 1, 1)).total == 0
    assert score(played(toolbox, [FLIP, end()]), "release", verdicts(1, 1, 1)).total == 0
    read = played(toolbox, [call("Grounding", image="img_1", reference_text="red square"), end()])
    assert read.final is None
    assert score(read, "release", verdicts(1, 1, 1)).total == 0  # nothing is known to be expected
    assert score(read, "paper", verdicts(1, 1, 1)).total == pytest.approx(1)


def test_ablations_leave_terms_out_and_log_them(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, FLIP, end()], expected=("Crop", "Flip", "SR"))
    judged = verdicts(0.8, 0.4, 0.5)
    full, totals = score(run, "release", judged), {name: score(run, name, judged) for name in PRESETS}
    process = 0.6 * (0.3 * 0.5 + 0.15 + 0.15 + 0.10 * 2 / 3 + 0.22 * (0.5 + 1 / 3)) / 0.92
    rule = totals["paper"].parts.rule
    assert totals["no-outcome"].total == pytest.approx(0.2 * 0.5 + 0.4 * rule)
    assert totals["no-process"].total == pytest.approx(0.3 * 0.8 + 0.1 * 0.4)
    assert totals["release-no-outcome"].total == pytest.approx(process - full.efficiency)
    assert totals["release-no-process"].total == pytest.approx(0.28 - full.efficiency)
    for name in PRESETS:  # what is left out is computed and in the record all the same
        parts = totals[name].parts
        assert (parts.align, parts.aesthetics, parts.trajectory) == (0.8, 0.4, 0.5)
        assert parts.format == 1 and parts.action == 1
    nothing = played(toolbox, [end()])
    for name in ("release-no-outcome", "release-no-process"):
        assert score(nothing, name, judged).total == 0  # the gate stays


def test_no_call_at_all(toolbox: ToolBox) -> None:
    found = score(played(toolbox, [end()], expected=("Crop",)), verdicts=verdicts(0.5, 1, 0))
    assert (found.parts.action, found.parts.format, found.counts.calls) == (0, 1, 0)
    assert found.parts.rule == pytest.approx(0.4 - 0.15)
    assert found.total == pytest.approx(0.15 + 0.1 + 0.4 * 0.25)


def test_no_references_score_1_and_an_unknown_tool_0(toolbox: ToolBox) -> None:
    prompt = call("ImageGeneration", prompt="a red square on white")
    run = played(toolbox, [prompt, call("Teleport", image="img_1"), call("ImageGeneration"), end()])
    made, unknown, empty = score(run).calls
    assert (made.reference, made.q) == (1, 1)
    assert (unknown.q, unknown.name, unknown.schema, unknown.reference, unknown.specification) == (0, 0, 0, 0, 0)
    assert (empty.name, empty.schema, empty.reference, empty.specification) == (1, 0, 1, 0)


def test_a_second_call_is_a_format_fault_and_not_in_n(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP + call("Teleport").split("\n")[1], end()])
    found = score(run)
    assert found.counts.calls == 1 and found.parts.action == 1
    assert found.turns == pytest.approx((0.8, 1.0))


def test_an_ending_that_names_nothing_is_a_fault(toolbox: ToolBox) -> None:
    assert score(played(toolbox, [CROP, end("Crop_9")])).turns == pytest.approx((1, 0.85))
    assert score(played(toolbox, [CROP, end("base")])).turns == (1, 1)


def test_a_run_cut_off_did_not_end(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, FLIP], max_turns=2)
    assert run.status == "truncated"
    assert score(run).turns == pytest.approx((1, 0.85))


def test_the_state_does_not_grow_by_failed_calls(toolbox: ToolBox) -> None:
    outside = call("Crop", image="img_1", bbox=[0, 0, 5000, 10])
    run = played(toolbox, [outside, FLIP, end()])
    assert [one.q for one in score(run).calls] == pytest.approx([0.7, 0.7])


def test_a_tool_that_the_profile_lacks_is_unknown_and_one_not_installed_is_refused(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, end()])
    run.profile_settings["backends"].pop("Crop")
    assert score(run).calls[0].q == 0
    written = run.turns[0].call
    assert written is not None
    written.name = written.tool = "Gone"
    with pytest.raises(InputError, match="Gone, which is not installed"):
        score(run)


def test_coverage_is_a_set_and_takes_labels_of_the_released_data(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, FLIP, end()], expected=("ImageFlip", "ImageCrop", "ImageFlip"))
    found = score(run)
    assert found.parts.coverage == 1 and found.penalties.miss == 0 and found.counts.expected == 3


def test_infrastructure_failures_are_told_apart(toolbox: ToolBox) -> None:
    broken = Profile(
        name="broken",
        backends={"Flip": "backends_for_tests:Crashing", "Crop": toolbox.profile.backends["Crop"]},
    )
    with ToolBox(broken) as box:
        run = played(box, [call("Flip", image="img_1"), CROP, end()], expected=("Flip", "Crop"))
    flip, crop = score(run).calls
    assert (flip.infrastructure, crop.infrastructure) == (True, False)
    found = score(run)
    assert (found.counts.infrastructure, found.counts.calls, found.counts.failed) == (1, 1, 0)
    assert found.parts.action == 1 and found.efficiency == 0
    assert any("no fault of the policy" in note for note in found.notes)


def test_task_without_expected_tools_says_so(toolbox: ToolBox) -> None:
    found = score(played(toolbox, [CROP, end()]))
    assert found.counts.expected is None and found.penalties.miss == found.penalties.cost == 0
    assert any("expected" in note for note in found.notes)
