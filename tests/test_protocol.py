"""The wire contract: every fault on its own and together, never an exception, never more than linear time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canvasagent.faults import FAULT_TEXT, FormatFault, Stage, ToolFault
from canvasagent.protocol.turns import (
    MAX_DEPTH,
    ToolCall,
    parse,
    render_error,
    render_observation,
    render_request,
    render_turn,
)

CALL = '<tool_call>{"name": "Crop", "arguments": {"image": "img_1", "bbox": "[120, 80, 640, 900]"}}</tool_call>'
GOOD = f"<reason>Only the sign matters.</reason>\n{CALL}"
R = "<reason>r</reason>"


def test_a_call_of_the_released_data() -> None:
    turn = parse(GOOD)
    assert turn.reason == "Only the sign matters."
    assert turn.call == ToolCall("Crop", {"image": "img_1", "bbox": "[120, 80, 640, 900]"})
    assert (turn.terminate, turn.final_id, turn.faults) == (False, None, ())


@pytest.mark.parametrize(
    ("ending", "final"),
    [
        ("<Terminate>", None),
        ("<Terminate></Terminate>", None),
        ("<Terminate>ImageEdit_1</Terminate>", "ImageEdit_1"),
        ("<Terminate> img_1\n</Terminate>", "img_1"),
    ],
)
def test_endings(ending: str, final: str | None) -> None:
    turn = parse(f"{R}\n{ending}\n")
    assert (turn.terminate, turn.final_id, turn.call, turn.faults) == (True, final, None, ())


F = FormatFault


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (CALL, {F.MISSING_REASON}),
        (f"{CALL}{R}", {F.MISSING_REASON, F.TEXT_OUTSIDE}),
        (f"<reason>not closed {CALL}", {F.UNCLOSED_REASON}),
        ("<reason>not closed <Terminate>", {F.UNCLOSED_REASON}),
        (f"<reason> \n</reason>{CALL}", {F.EMPTY_REASON}),
        (f"{R}<tool_call>{{'name': 'Flip'}}</tool_call>", {F.INVALID_JSON}),
        (f'{R}<tool_call>{{"name": "Flip", "arguments": {{}}</tool_call>', {F.INVALID_JSON}),
        (f"{R}<tool_call></tool_call>", {F.INVALID_JSON}),
        (f'{R}<tool_call>["Flip"]</tool_call>', {F.INVALID_CALL}),
        (f'{R}<tool_call>{{"arguments": {{}}}}</tool_call>', {F.INVALID_CALL}),
        (f'{R}<tool_call>{{"name": " ", "arguments": {{}}}}</tool_call>', {F.INVALID_CALL}),
        (f'{R}<tool_call>{{"name": "Flip", "arguments": [1]}}</tool_call>', {F.INVALID_CALL}),
        (f'{R}<tool_call>{{"name": "Flip", "arguments": "no JSON"}}</tool_call>', {F.INVALID_CALL}),
        (f'{R}<tool_call>{{"name": "Flip", "arguments": {{}}}}', {F.UNCLOSED_CALL}),
        (f"{R}{CALL}\n{CALL}", {F.SEVERAL_CALLS}),
        (f"{R}{CALL}<Terminate>", {F.TERMINATE_WITH_CALL}),
        (f"{R}<Terminate>{CALL}", {F.TERMINATE_WITH_CALL}),
        (f"{R}<tool_call>oh</tool_call><Terminate>", {F.INVALID_JSON, F.TERMINATE_WITH_CALL}),
        (R, {F.NO_ACTION}),
        ("", {F.MISSING_REASON, F.NO_ACTION}),
        ("I flip it.", {F.MISSING_REASON, F.NO_ACTION, F.TEXT_OUTSIDE}),
        (f"{R}Here you are: {CALL}", {F.TEXT_OUTSIDE}),
        (f"{R}{CALL} done", {F.TEXT_OUTSIDE}),
        (f"{R}<Terminate>img_1", {F.TEXT_OUTSIDE}),
        (f"{R}{R}{CALL}", {F.TEXT_OUTSIDE}),
        (f"{R}```json\n{CALL}\n```", {F.CODE_FENCE}),
        (f'{R}<tool_call>```json\n{{"name": "Flip", "arguments": {{}}}}\n```</tool_call>', {F.CODE_FENCE}),
        (f'{R}<tool_call>{{"name": "Flip", "arguments": {{}}}} and so on</tool_call>', {F.INVALID_JSON}),
        (f'{R}<tool_call>{{"name": "A"}}, {{"name": "B"}}</tool_call>', {F.SEVERAL_CALLS}),
        (
            f"so: {CALL}{CALL}<Terminate>img_9</Terminate>",
            {F.MISSING_REASON, F.TEXT_OUTSIDE, F.SEVERAL_CALLS, F.TERMINATE_WITH_CALL},
        ),
    ],
)
def test_faults(text: str, faults: set[FormatFault]) -> None:
    turn = parse(text)
    assert set(turn.faults) == faults
    assert len(turn.faults) == len(faults), "each fault is told once"


def test_a_call_is_run_and_the_episode_goes_on_where_a_call_stands_beside_the_end() -> None:
    turn = parse(f"{R}{CALL}<Terminate>img_1</Terminate>")
    assert turn.call is not None and not turn.terminate and turn.final_id is None


def test_the_first_of_several_calls_is_run() -> None:
    turn = parse(f'{R}{CALL}<tool_call>{{"name": "Flip", "arguments": {{}}}}</tool_call>')
    assert turn.call is not None and turn.call.name == "Crop"


def test_arguments_may_be_left_out_or_come_as_a_string() -> None:
    assert parse(f'{R}<tool_call>{{"name": "Flip"}}</tool_call>').call == ToolCall("Flip", {})
    text = json.dumps({"name": "Flip", "arguments": json.dumps({"image": "img_1"})})
    assert parse(f"{R}<tool_call>{text}</tool_call>").call == ToolCall("Flip", {"image": "img_1"})


@pytest.mark.parametrize("content", ["</tool_call>", "<Terminate>", "<tool_call>", "<reason>x</reason>", "```", "a<b"])
def test_tags_in_strings_stay_what_they_are(content: str) -> None:
    written = json.dumps({"name": "Overlayer", "arguments": {"content": content}})
    turn = parse(f"{R}<tool_call>{written}</tool_call>")
    assert turn.call == ToolCall("Overlayer", {"content": content})
    assert turn.faults == ()
    unreasoned = parse(f"<tool_call>{written}</tool_call>")
    assert unreasoned.call == ToolCall("Overlayer", {"content": content})
    assert unreasoned.reason is None


def test_a_reason_may_speak_of_the_tags() -> None:
    turn = parse(f"<reason>I write <tool_call> and then <Terminate>.</reason>{CALL}")
    assert turn.faults == () and turn.reason == "I write <tool_call> and then <Terminate>."


def test_deep_json_is_a_fault_and_shallow_is_not() -> None:
    def nested(depth: int) -> str:
        return f'{R}<tool_call>{{"name": "A", "arguments": {{"x": {"[" * depth}{"]" * depth}}}}}</tool_call>'

    assert parse(nested(MAX_DEPTH - 2)).faults == ()
    for depth in (MAX_DEPTH + 1, 500, 1000, 100_000):
        assert parse(nested(depth)).faults == (F.INVALID_JSON,)


def test_what_no_file_can_hold_is_replaced() -> None:
    arguments = '{"\\udfff": [NaN, Infinity, 1e999, "\\ud800"]}'
    text = f'{R}<tool_call>{{"name": "A\\ud800", "arguments": {arguments}}}</tool_call>'
    turn = parse(text + "\udc80")
    assert turn.call is not None
    stored = json.dumps([turn.text, turn.call.name, dict(turn.call.arguments)], ensure_ascii=False, allow_nan=False)
    stored.encode("utf-8")


def test_numbers_of_thousands_of_digits() -> None:
    assert parse(f'{R}<tool_call>{{"name": "A", "arguments": {{"x": {"9" * 5000}}}}}</tool_call>').faults == (
        F.INVALID_JSON,
    )


def test_the_parts_that_are_not_done() -> None:
    reason = "The cat is gone.\nNot done: write the date; add a  giraffe.\nnot done: sing."
    assert parse(render_turn(reason)).not_done == ("write the date", "add a  giraffe", "sing")
    assert parse(f"<reason>{reason}</reason>{CALL}").not_done == (), "only the last turn says so"
    assert parse(render_turn("What is not done yet is done.")).not_done == ()


_UNITS = """<tool_call>|<reason>|<Terminate>|<tool_call>{}|<tool_call>{}</tool_call>|<tool_call>["|```
<tool_call>          |<Terminate>x|Not done: |<reason>Not done:|</tool_call>|<tool_call>```|<reason>a</reason>"""


@pytest.mark.parametrize("unit", [CALL, *_UNITS.replace("\n", "|").split("|")])
def test_a_megabyte_takes_linear_time(unit: str) -> None:
    """If it took quadratic time, it would not end within a test's limit: a megabyte squared is 10¹² steps."""
    for start in ("", R):
        turn = parse(start + unit * (2**20 // len(unit)))
        assert turn.faults or turn.terminate


_TAGS = ("<reason>", "</reason>", "<tool_call>", "</tool_call>", "<Terminate>", "</Terminate>", "```json", "```")
_BITS = (
    "{",
    "}",
    '"name"',
    '"arguments"',
    ":",
    ",",
    '"',
    "\\",
    "[",
    "]",
    "img_1",
    "Not done: x",
    "\ud800",
    "\x00",
    "\n",
)
_PIECES = st.sampled_from([*_TAGS, *_BITS, CALL, GOOD])


@given(st.one_of(st.text(st.characters()), st.lists(st.one_of(_PIECES, st.text(max_size=5))).map("".join)))
@example("\ud800")
def test_parse_never_raises(text: str) -> None:
    turn = parse(text)
    assert not (turn.terminate and turn.call is not None)
    assert turn.final_id is None or turn.terminate
    assert turn.call is not None or turn.terminate or turn.faults
    assert all(fault in FAULT_TEXT for fault in turn.faults)
    json.dumps([turn.text, turn.reason, turn.call and dict(turn.call.arguments)], ensure_ascii=False).encode()


@given(st.data())
def test_parse_never_raises_on_a_mutated_turn(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GOOD, f"{R}\n<Terminate>Crop_0</Terminate>", GOOD + GOOD]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.one_of(st.text(max_size=3), _PIECES)) + text[end:]
    parse(text)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_REASONS = _TEXT.filter(lambda text: text.strip() and not any(tag in text for tag in ("<reason>", "</reason>")))
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=8,
)
_NAMES = _TEXT.filter(lambda name: bool(name.strip())).map(str.strip)


@given(_REASONS, _NAMES, st.dictionaries(_TEXT, _VALUES, max_size=4))
def test_a_rendered_call_is_parsed_as_it_was(reason: str, name: str, arguments: dict[str, Any]) -> None:
    turn = parse(render_turn(reason, ToolCall(name, arguments)))
    assert turn.faults == ()
    assert turn.reason == reason.strip()
    assert turn.call == ToolCall(name, arguments)


@given(_REASONS, st.one_of(st.none(), st.from_regex(r"[A-Za-z]{1,8}_[0-9]{1,3}", fullmatch=True)))
def test_a_rendered_ending_is_parsed_as_it_was(reason: str, final: str | None) -> None:
    turn = parse(render_turn(reason, final_id=final))
    assert (turn.faults, turn.terminate, turn.final_id, turn.reason) == ((), True, final, reason.strip())


def test_observations_end_with_the_asset_state() -> None:
    made = render_observation("Flipped image horizontally", ["img_1", "Flip_0"], "Flip_0")
    assert made == "Flipped image horizontally\n[Output image saved as: Flip_0. now imglist is {img_1, Flip_0}]"
    assert render_observation("No text was found.", ["img_1"]) == "No text was found.\n[now imglist is {img_1}]"
    assert render_observation("", []) == "[now imglist is {}]"
    told = render_observation("", ["img_1"], faults=[F.NO_ACTION, F.CODE_FENCE])
    assert told.splitlines()[0] == f"Format fault: {FAULT_TEXT[F.NO_ACTION]}."
    assert told.splitlines()[1:] == [f"Format fault: {FAULT_TEXT[F.CODE_FENCE]}.", "[now imglist is {img_1}]"]


def test_every_fault_has_words() -> None:
    assert set(FAULT_TEXT) == set(FormatFault)


def test_errors_tell_whose_they_are() -> None:
    fault = ToolFault(Stage.REFERENCE, "there is no picture 'img_9'.")
    assert render_error([fault]) == "Error: there is no picture 'img_9'."
    assert render_error([fault], infrastructure=True).startswith("Error (infrastructure): ")


def test_a_request_names_what_it_continues() -> None:
    assert render_request("flip it", ["img_1"]) == "flip it\n[now imglist is {img_1}]"
    assert "Flip_0" in render_request("flip it", ["img_1", "Flip_0"], "Flip_0").splitlines()[0]
