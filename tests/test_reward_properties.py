"""Properties of the reward: bounds, failing never pays, order of arguments, live equals offline, edits are seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasagent import Score, ToolBox, Trajectory, score
from canvasagent.errors import InputError
from canvasagent.protocol.turns import parse
from canvasagent.record.model import CallRecord, TurnRecord
from canvasagent.rewards.config import PRESETS
from canvasagent.rewards.format import read_text
from canvasagent.rewards.judges.base import Verdict
from helpers import call, end
from reward_runs import played, verdicts

CROP = call("Crop", image="img_1", bbox=[0, 0, 500, 500])
FLIP = call("Flip", image="Crop_0")
READ = call("Grounding", image="img_1", reference_text="red square")
FAILING = (
    call("Teleport", image="img_1"),
    call("Flip", image="Crop_99"),
    call("Crop", image="img_1", bbox=[0, 0, 5000, 10]),
    call("Crop", image="img_1"),
    call("Flip", image="img_1", sideways=True),
    call("Grounding", image="img_1", reference_text=""),
)
WORKING = (
    CROP,
    call("Crop", image="img_1", bbox=[100, 100, 900, 900]),
    call("Flip", image="img_1"),
    call("Rotate", image="img_1", angle=90),
    READ,
)
SLOPPY = (
    "I cannot do that.",
    "<reason>let me think</reason>",
    call("Flip", reason="", image="img_1"),
    call("Flip", image="img_1") + " and so on",
    call("Flip", reason="word " * 400, image="img_1"),
    "<reason>a</reason><tool_call>{'name': 'Flip'}</tool_call>",
)
EXPECTED = st.none() | st.lists(st.sampled_from(["Crop", "Flip", "SAM", "ImageEdit", "Unheard"]), max_size=6).map(tuple)
UNIT = st.floats(0, 1)


@pytest.fixture(scope="module")
def toolbox() -> Iterator[ToolBox]:
    with ToolBox("lite") as box:
        yield box


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=25)
@given(
    texts=st.lists(st.sampled_from(WORKING + FAILING + SLOPPY), max_size=8),
    expected=EXPECTED,
    judged=st.tuples(UNIT, UNIT, UNIT),
    limit=st.integers(1, 9),
)
def test_bounds(
    name: str, texts: list[str], expected: Any, judged: tuple[float, float, float], limit: int, toolbox: ToolBox
) -> None:
    found = score(played(toolbox, texts, expected, max_turns=limit), name, verdicts(*judged))
    assert found.total is not None and 0 <= found.total <= 1
    assert 0 <= found.parts.format <= 1 and 0 <= found.parts.action <= 1 and 0 <= found.parts.coverage <= 1
    assert -0.915 - 1e-9 <= found.parts.rule <= 1 + 1e-9
    assert min(found.penalties.error, found.penalties.repeat, found.penalties.length) >= 0
    assert min(found.penalties.cost, found.penalties.miss) >= 0
    assert found.efficiency == pytest.approx(found.penalties.total)
    assert all(0 <= one.q <= 1 for one in found.calls) and all(0 <= one <= 1 + 1e-9 for one in found.turns)
    assert found.counts.executed + found.counts.failed == found.counts.calls == len(found.calls)


@pytest.mark.parametrize("name", ["paper", "hardened"])
@settings(max_examples=60)
@given(
    texts=st.lists(st.sampled_from(WORKING + FAILING), min_size=1, max_size=7),
    failing=st.sampled_from(FAILING),
    where=st.integers(0, 7),
    expected=EXPECTED,
    judged=st.tuples(UNIT, UNIT, UNIT),
)
def test_a_failing_call_never_raises_the_reward(
    name: str,
    texts: list[str],
    failing: str,
    where: int,
    expected: Any,
    judged: tuple[float, float, float],
    toolbox: ToolBox,
) -> None:
    """As issue 4 says: one whose q is at most the mean and that covers no new expected tool, all else being equal."""
    before = score(played(toolbox, [*texts, end()], expected), name, verdicts(*judged))
    place = min(where, len(texts))
    after = score(played(toolbox, [*texts[:place], failing, *texts[place:], end()], expected), name, verdicts(*judged))
    added = after.calls[place]
    if added.q <= before.parts.action and after.missing == before.missing:
        assert after.total is not None and before.total is not None
        assert after.total <= before.total + 1e-12
        assert after.parts.rule <= before.parts.rule + 1e-12


@settings(max_examples=40)
@given(
    texts=st.lists(st.sampled_from(WORKING + FAILING + SLOPPY), min_size=1, max_size=6),
    failing=st.sampled_from(FAILING),
    where=st.integers(0, 6),
    expected=EXPECTED,
)
def test_under_hardened_no_failing_call_ever_pays(
    texts: list[str], failing: str, where: int, expected: Any, toolbox: ToolBox
) -> None:
    """Whatever its q, and however badly the other turns are written."""
    place = min(where, len(texts))
    judged = verdicts(0.5, 0.5, 0.9)
    before = score(played(toolbox, [*texts, end()], expected), "hardened", judged)
    after = score(played(toolbox, [*texts[:place], failing, *texts[place:], end()], expected), "hardened", judged)
    assert after.parts.rule <= before.parts.rule + 1e-12
    assert after.total is not None and before.total is not None and after.total <= before.total + 1e-12


@settings(max_examples=30)
@given(order=st.permutations(["base_image", "overlay_type", "content", "position"]), bad=st.booleans())
def test_the_order_of_arguments_is_irrelevant(order: list[str], bad: bool, toolbox: ToolBox) -> None:
    arguments = {
        "base_image": "img_1",
        "overlay_type": "text",
        "content": "HI",
        "position": [500, 5000 if bad else 500],
    }
    usual = call("Overlayer", **arguments)
    turned = call("Overlayer", **{name: arguments[name] for name in order})
    once, other = (score(played(toolbox, [usual, text, end()], ("Overlayer",))) for text in (usual, turned))
    assert once.parts == other.parts and once.penalties == other.penalties and once.calls == other.calls
    assert other.counts.exact_repeats == 1


@settings(max_examples=12)
@given(
    texts=st.lists(st.sampled_from(WORKING + FAILING + SLOPPY), max_size=6), expected=EXPECTED, limit=st.integers(1, 7)
)
def test_live_equals_offline(
    texts: list[str], expected: Any, limit: int, toolbox: ToolBox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    live = played(toolbox, texts, expected, limit, tmp_path_factory.mktemp("run") / "run")
    assert live.folder is not None
    loaded = Trajectory.load(live.folder)
    for name in PRESETS:
        assert score(live, name, verdicts(1, 1, 1)) == score(loaded, name, verdicts(1, 1, 1))


@settings(max_examples=40)
@given(texts=st.lists(st.sampled_from(WORKING + FAILING + SLOPPY), max_size=8))
def test_what_is_recomputed_is_what_the_environment_found(texts: list[str], toolbox: ToolBox) -> None:
    run = played(toolbox, texts)
    calls = [turn.call.scores for turn in run.turns if turn.call is not None]
    parts = ("name", "schema", "reference", "specification", "execution")
    found = [{part: getattr(one, part) for part in parts} for one in score(run).calls]
    assert found == calls
    assert [tuple(turn.format_faults) for turn in run.turns] == [read_text(turn).faults for turn in run.turns]


TAGS = ["<reason>", "</reason>", "<tool_call>", "</tool_call>", "<Terminate>", "</Terminate>", "```json", "```"]
PIECES = [
    *TAGS,
    '{"name": "Flip", "arguments": {"image": "img_1"}}',
    '{"name": "Flip", "arguments": {}}',
    " ",
    "a",
    "{}",
]


@settings(max_examples=600)
@given(
    st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
    | st.lists(st.sampled_from(PIECES[8:]), max_size=3)
    .map("".join)
    .map(lambda middle: f"<reason>a{middle}</reason>\n<tool_call>{middle}</tool_call>"),
    st.booleans(),
)
def test_the_quick_look_at_a_text_sees_what_the_parser_sees(text: str, as_written: bool) -> None:
    parsed = parse(text)
    made = parsed.call if as_written else None
    record = CallRecord(name=made.name, tool="Flip", arguments=dict(made.arguments), scores={}) if made else None
    seen = read_text(TurnRecord(index=0, text=text, reason=None, call=record))
    assert seen.faults == parsed.faults
    assert seen.agrees == ((record is None) == (parsed.call is None))
    assert (seen.reason or "").strip() == (parsed.reason or "")


def _edited(folder: Path, edit: Any) -> Score:
    file = folder / "trajectory.json"
    record = json.loads(file.read_text("utf-8"))
    edit(record)
    file.write_text(json.dumps(record), "utf-8")
    return score(Trajectory.load(folder))


def test_an_edited_record_is_scored_by_what_it_says(toolbox: ToolBox, tmp_path: Path) -> None:
    bad = call("Crop", image="img_1", bbox=[0, 0, 5000, 10])
    played(toolbox, [CROP, bad, FLIP, end()], folder=tmp_path / "run")

    def raise_scores(record: Any) -> None:
        record["turns"][1]["call"]["scores"] = dict.fromkeys(record["turns"][1]["call"]["scores"], 1.0)
        record["turns"][1]["call"]["faults"] = []

    assert [one.q for one in _edited(tmp_path / "run", raise_scores).calls] == pytest.approx([1, 0.7, 1])

    def break_first(record: Any) -> None:
        record["turns"][0]["call"]["arguments"]["bbox"] = [9, 9, 9, 9]

    found = _edited(tmp_path / "run", break_first)
    assert [one.q for one in found.calls] == pytest.approx([0.7, 0.7, 0.7])  # Crop_0 was never made
    assert any("turn 1: the recorded call is not the one" in note for note in found.notes)

    def unwrite(record: Any) -> None:
        record["turns"][3]["text"] = "All done <Terminate>"
        record["turns"][3]["format_faults"] = []

    assert _edited(tmp_path / "run", unwrite).turns[3] == pytest.approx(0.65)


def test_infrastructure_is_not_believed_of_a_wrong_call(toolbox: ToolBox, tmp_path: Path) -> None:
    played(toolbox, [call("Flip", image="Crop_99"), end()], folder=tmp_path / "run")

    def blame(record: Any) -> None:
        record["turns"][0]["call"]["faults"] = [{"stage": "infrastructure", "message": "it was the server"}]

    found = _edited(tmp_path / "run", blame)
    assert found.counts.infrastructure == 0 and found.counts.failed == 1


def test_missing_verdicts_leave_the_total_missing(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, end()])
    bare = score(run)
    assert bare.total is None and bare.parts.align is None and bare.parts.rule == 1
    assert [line.split(":")[0] for line in bare.unscored] == ["align", "aesthetics", "trajectory"]
    given_ = verdicts(1, 1, 1)
    given_["align"] = Verdict(aspect="align", score=None, judge="endpoint:x", model="x", error="a time-out")
    failed = score(run, verdicts=given_)
    assert failed.total is None and failed.unscored == ("align: endpoint:x gave no score: a time-out",)
    assert score(run, "no-outcome", given_).total == pytest.approx(0.6)
    assert score(
        run, "no-process", {k: v for k, v in verdicts(1, 0, 0).items() if k != "trajectory"}
    ).total == pytest.approx(0.3)


def test_unfinished_runs_and_mixed_judges_are_unscored(toolbox: ToolBox) -> None:
    run = played(toolbox, [CROP, end()])
    mixed = verdicts(1, 1, 1) | {"align": verdicts(1, 1, 1, "local")["align"]}
    assert "different judges (local, test)" in score(run, verdicts=mixed).unscored[0]
    for status in ("running", "failed"):
        found = score(run.model_copy(update={"status": status}), verdicts=verdicts(1, 1, 1))
        assert found.total is None and len(found.unscored) == 1 and found.parts.rule == 1


def test_wrong_use_is_told(toolbox: ToolBox) -> None:
    run = played(toolbox, [end()])
    with pytest.raises(InputError, match="there is no preset 'best'; there are paper"):
        score(run, "best")
    with pytest.raises(InputError, match="'align' is about 'aesthetics'"):
        score(run, verdicts={"align": verdicts(1, 1, 1)["aesthetics"]})


def test_a_score_survives_json(toolbox: ToolBox) -> None:
    found = score(played(toolbox, [CROP, FAILING[0], end()], ("Crop",)), verdicts=verdicts(0.1, 0.2, 0.3))
    assert Score.model_validate_json(found.model_dump_json()) == found
