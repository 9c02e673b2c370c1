"""Models held to the grammar of the tools: whatever their weights, turns are well formed and name what exists."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from canvasagent import PolicySettings
from canvasagent.canvas import Asset, Kind
from canvasagent.errors import MissingExtra
from canvasagent.faults import Stage
from canvasagent.prompts import release_prompt, system_prompt
from canvasagent.protocol.conversation import Message
from canvasagent.protocol.release import parse_release
from canvasagent.protocol.turns import ToolCall, Turn, parse, render_observation, render_request, render_turn
from canvasagent.tools import all_tools
from canvasagent.tools.base import AssetInfo
from canvasagent.tools.check import check_call

torch = pytest.importorskip("torch", reason="the extra local is not installed here; make test-train installs it")
pytest.importorskip("llguidance", reason="the extra local is not installed here; make test-train installs it")
pytest.importorskip("trl", reason="the tiny models take their chat template from it; make test-train installs it")
torch.set_num_threads(1)  # the models are far too small to share

from canvasagent.language_models.constraint import GrammarConstraint, TurnGrammars  # noqa: E402
from canvasagent.language_models.grammar import Offered, existing_ids, offered_tools, turn_grammar  # noqa: E402
from canvasagent.language_models.load import LanguageModel, load_model  # noqa: E402
from canvasagent.policies.transformers import TransformersPolicy  # noqa: E402
from tiny_chat_models import tiny_chat  # noqa: E402

TOOLS = all_tools()
SIZE = (64, 64)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_model(tiny_chat("text"), device="cpu")


@pytest.fixture(scope="module")
def policy(model: LanguageModel) -> TransformersPolicy:
    return TransformersPolicy(model, PolicySettings(temperature=1.5, max_tokens=4000))


@pytest.fixture(scope="module")
def grammars(model: LanguageModel) -> TurnGrammars:
    return TurnGrammars(model)


def asset(name: str, kind: Kind = Kind.IMAGE) -> Asset:
    mode = {Kind.IMAGE: "RGB", Kind.MASK: "L", Kind.CUTOUT: "RGBA"}[kind]
    return Asset(name, kind, Image.new(mode, SIZE), f"{name} {kind}")


def conversation(*assets: Asset, prompt: str | None = None, request: str = "do it") -> list[Message]:
    """A request on the inputs among `assets`, and an observation for each of the others."""
    inputs = [one for one in assets if one.id.startswith("img_")]
    ids = [one.id for one in inputs]
    system = Message("system", prompt if prompt is not None else system_prompt(TOOLS.values(), 12))
    said = [system, Message("user", render_request(request, ids), tuple(inputs))]
    for made in (one for one in assets if one not in inputs):
        ids.append(made.id)
        said.append(Message("assistant", render_turn("So.", ToolCall("Flip", {"image": "img_1"}))))
        said.append(Message("tool", render_observation("Done.", ids, made.id), (made,)))
    return said


FULL = (asset("img_1"), asset("img_2"), asset("SAM_0", Kind.MASK), asset("Extract_0", Kind.CUTOUT))


def turns_of(policy: TransformersPolicy, conversations: Sequence[Sequence[Message]]) -> list[str]:
    async def together() -> list[str]:
        return [reply.text for reply in await asyncio.gather(*(policy.act(one) for one in conversations))]

    return asyncio.run(together())


def held(constraint: GrammarConstraint, model: LanguageModel, text: str) -> bool:
    """Whether a text can be written, and is a whole turn."""
    whole = False
    for token in model.tokenizer(text, add_special_tokens=False)["input_ids"]:
        scores = torch.zeros(len(model.tokenizer))
        constraint.restrict(scores)
        if whole or scores[token] < 0:
            return False
        whole = constraint.accept(token)
    scores = torch.zeros(len(model.tokenizer))
    return whole or (constraint.restrict(scores) is None and scores[model.tokenizer.eos_token_id] == 0)  # type: ignore[func-returns-value]


def problems_of(turn: Turn, assets: Sequence[Asset]) -> list[str]:
    """What is wrong with the form of a turn, with the types of its arguments, or with the pictures that it names."""
    known = {one.id: AssetInfo(one.id, one.kind, one.size) for one in assets}
    found = [str(fault) for fault in turn.faults]
    if turn.final_id is not None and turn.final_id not in known:
        found.append(f"no picture {turn.final_id}")
    if turn.call is not None:
        checked = check_call(TOOLS[turn.call.name], turn.call.arguments, known, 0)
        found += [fault.message for fault in checked.faults if fault.stage in (Stage.SCHEMA, Stage.REFERENCE)]
        found += [fault.message for fault in checked.faults if "is a" in fault.message and "not a" in fault.message]
    return found


_ASSETS = st.lists(
    st.builds(
        lambda name, number, kind: asset(f"{name}_{number}", Kind.IMAGE if name == "img" else kind),
        st.sampled_from(["img", "Crop", "SAM", "Extract", "ImageEdit"]),
        st.integers(1, 3),
        st.sampled_from(list(Kind)),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@settings(max_examples=12)
@given(st.lists(_ASSETS, min_size=4, max_size=4), st.integers(0, 10**6))
def test_every_turn_of_random_weights_is_well_formed_and_names_what_exists(
    policy: TransformersPolicy, canvases: list[list[Asset]], seed: int
) -> None:
    policy.settings = policy.settings.model_copy(update={"sampling_seed": seed})
    conversations = [conversation(*assets) for assets in canvases]
    for text, assets in zip(turns_of(policy, conversations), canvases, strict=True):
        assert problems_of(parse(text), assets) == [], text


def test_random_weights_reach_many_tools(policy: TransformersPolicy) -> None:
    texts = turns_of(policy, [conversation(*FULL, request=f"request {number}") for number in range(24)])
    turns = [parse(text) for text in texts]
    assert len({turn.call.name for turn in turns if turn.call}) >= 4 and any(turn.terminate for turn in turns)


_MORE: dict[str, list[dict[str, Any]]] = {
    "Overlayer": [
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "position": [20, 990]},
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "scale": 3.5},
        {"base_image": "img_1", "overlay_type": "text", "content": '"Sale" \\ 50 %\nnow', "position": [0, 1000],
         "color": "#ff0000", "font_size": 40, "opacity": 0.25, "background": "dark blue"},
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0",
         "quad": [[100, 100], [900, 200], [800, 900], [50, 700]]},
    ],
    "Rotate": [{"image": "img_1", "angle": -270}, {"image": "img_1", "angle": 0}],
    "ImageEdit": [
        {"image": "img_1", "edit_prompt": "mach es wärmer 🌞", "masked_image": "SAM_0", "references": ["img_2"]},
    ],
    "ImageGeneration": [{"prompt": "a cat", "size": [512, 256]}],
    "Grounding": [{"image": "img_2", "reference_text": "the red cup", "page": 2}],
}  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
def test_calls_as_they_are_written_today_can_be_written(
    name: str, grammars: TurnGrammars, model: LanguageModel
) -> None:
    for arguments in (TOOLS[name].example, *_MORE.get(name, [])):
        text = render_turn('Ein Grund, "wie" man ihn schreibt.\nNot done: nothing.', ToolCall(name, dict(arguments)))
        assert parse(text).faults == () and held(grammars.for_turn(conversation(*FULL)), model, text), text


@pytest.mark.parametrize("final", [None, "img_2", "SAM_0"])
def test_endings_can_be_written(final: str | None, grammars: TurnGrammars, model: LanguageModel) -> None:
    assert held(grammars.for_turn(conversation(*FULL)), model, render_turn("Done.", final_id=final))


@pytest.mark.parametrize(
    "text",
    [
        render_turn("Why.", ToolCall("Flip", {"image": "img_9"})),
        render_turn("Why.", ToolCall("Flap", {"image": "img_1"})),
        render_turn("Why.", ToolCall("Flip", {})),
        render_turn("Why.", ToolCall("Flip", {"image": "img_1", "mode": "up"})),
        render_turn("Why.", ToolCall("Extract", {"image": "img_1", "mask": "img_2"})),
        render_turn("Why.", ToolCall("Overlayer", {"base_image": "img_1", "overlay_type": "object", "content": "x"})),
        render_turn("Why.", ToolCall("Crop", {"image": "img_1", "bbox": [0, 0, 2000, 10]})),
        render_turn("Why.", ToolCall("OCR", {"image": "img_1", "page": 0})),
        render_turn("Why.", ToolCall("ImageGeneration", {"prompt": "  "})),
        render_turn("Why.", final_id="Crop_7"),
        render_turn(""),
        render_turn("Why.", ToolCall("Flip", {"image": "img_1"})) + "\n<Terminate>",
        '<tool_call>{"name": "Flip", "arguments": {"image": "img_1"}}</tool_call>',
    ],
)
def test_what_is_wrong_cannot_be_written(text: str, grammars: TurnGrammars, model: LanguageModel) -> None:
    assert not held(grammars.for_turn(conversation(*FULL)), model, text)


def test_tools_whose_pictures_do_not_exist_are_left_out() -> None:
    def tools_in(*assets: Asset) -> set[str]:
        said = conversation(*assets)
        grammar = turn_grammar(offered_tools(said), existing_ids(said))
        return {name for name in TOOLS if json.dumps(json.dumps(name))[1:-1] in grammar}

    assert tools_in() == {"ImageGeneration"}
    assert tools_in(asset("img_1")) == set(TOOLS) - {"Extract"}
    assert tools_in(asset("img_1"), asset("SAM_0", Kind.MASK)) == set(TOOLS)


def test_only_the_tools_of_the_system_prompt_are_offered() -> None:
    some = [TOOLS["Flip"], TOOLS["OCR"]]
    prompt = system_prompt(some, 12)
    offered = offered_tools(conversation(asset("img_1"), prompt=prompt))
    assert [one.schema["name"] for one in offered] == ["Flip", "OCR"] and all(one.tool for one in offered)
    assert len(offered_tools(conversation(prompt="Be brief."))) == len(TOOLS)
    broken = '{"type": "function", "function": {"name": 3}}\n{"type": "function"'
    assert len(offered_tools(conversation(prompt=broken))) == len(TOOLS)


def test_the_contract_of_the_release_can_be_written(grammars: TurnGrammars, model: LanguageModel) -> None:
    said = conversation(*FULL, prompt=release_prompt(TOOLS.values(), 12))
    text = "<think>\n\n</think>\n\n" + render_turn("Done.", ToolCall("Terminate", {}))
    assert parse_release(text).terminate and held(grammars.for_turn(said), model, text)
    assert not held(grammars.for_turn(conversation(*FULL)), model, text)


SCHEMA = {
    "name": "Plug",
    "parameters": {
        "type": "object",
        "properties": {
            "on": {"type": "boolean"},
            "level": {"type": "integer", "minimum": 2, "maximum": 4},
            "mode": {"enum": ["a", 3, None]},
            "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2},
            "more": {"type": "object", "properties": {"x": {"type": "number", "minimum": 0, "maximum": 1}},
                     "required": ["x"], "additionalProperties": False},
        },
        "required": [],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "good"),
    [
        ({}, True),
        ({"more": {"x": 1}}, True),
        ({"on": True, "level": 3, "mode": None, "code": "ABC", "tags": ["a", "b"], "more": {"x": 0.5}}, True),
        ({"level": 3, "code": "ABC"}, True),
        ({"level": 5}, False),
        ({"code": "abc"}, False),
        ({"mode": "c"}, False),
        ({"tags": ["a", "b", "c"]}, False),
        ({"more": {}}, False),
    ],
)
def test_a_tool_that_is_known_by_its_schema_alone(
    arguments: dict[str, Any], good: bool, grammars: TurnGrammars, model: LanguageModel
) -> None:
    from llguidance import LLMatcher

    grammar = turn_grammar([Offered(SCHEMA, None)], {})
    assert not LLMatcher.validate_grammar(grammar, grammars._tokenizer)
    constraint = GrammarConstraint(LLMatcher(grammars._tokenizer, grammar), len(model.tokenizer))
    assert held(constraint, model, render_turn("Why.", ToolCall("Plug", arguments))) is good


def test_ids_that_could_break_the_grammar_are_not_in_it() -> None:
    said = [Message("user", 'go\n[now imglist is {img_1, a"b, (x|y), Crop_0}]')]
    assert list(existing_ids(said)) == ["img_1", "Crop_0"]


@pytest.mark.parametrize(("chosen", "held_to"), [(None, True), (True, True), (False, False)])
def test_a_small_model_is_held_to_the_grammar_unless_the_user_says_no(
    model: LanguageModel, chosen: bool | None, held_to: bool
) -> None:
    policy = TransformersPolicy(model, PolicySettings(constrain=chosen))
    assert (policy.grammars is not None) is held_to and policy.record()["constrain"] is held_to


def test_who_lacks_the_library_is_told(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance.hf", None)
    with pytest.raises(MissingExtra, match=r"--constrain\) needs the extra 'local'"):
        TransformersPolicy(model, PolicySettings(constrain=True))
