"""The environment: reset, step, terminated and truncated apart, and what each kind of turn leads to."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from canvasagent import Agent, Environment, Limits, Task, ToolBox, Trajectory
from canvasagent.backends.profile import Profile
from canvasagent.environment import Step
from canvasagent.errors import InputError
from canvasagent.faults import FormatFault, Stage
from canvasagent.task import question_in
from helpers import ListPolicy, call, end, photo

TOOLBOX = ToolBox("lite")
SIGN = Image.new("RGB", (40, 30), "white")


def environment(inputs: int = 1, **limits: Any) -> Environment:
    made = Environment(TOOLBOX, Limits(**limits))
    made.reset(Task("flip it", [SIGN] * inputs))
    return made


def steps(made: Environment, *texts: str) -> list[Step]:
    async def all_of_them() -> list[Step]:
        return [await made.step(text) for text in texts]

    return asyncio.run(all_of_them())


def run(*texts: str, images: int = 1, **limits: Any) -> Trajectory:
    return Agent(ListPolicy(texts), TOOLBOX, limits=Limits(**limits)).run("flip it", [SIGN] * images)


def test_reset_gives_the_contract_and_the_request_with_its_pictures() -> None:
    made = Environment(TOOLBOX, Limits(max_turns=7))
    system, user = made.reset(Task("flip it", [SIGN, SIGN]))
    assert (system.role, user.role) == ("system", "user")
    assert "You have 7 turns" in system.text
    assert user.text == "flip it\n[now imglist is {img_1, img_2}]"
    assert [asset.id for asset in user.assets] == ["img_1", "img_2"]
    made.reset(Task("flip it", [SIGN]))
    assert made.canvas.imglist == ["img_1"], "an episode starts afresh"


def test_reset_refuses_what_is_no_picture() -> None:
    with pytest.raises(InputError, match="not a picture"):
        Environment(TOOLBOX).reset(Task("flip it", [b"no picture"]))
    with pytest.raises(InputError, match="empty"):
        Task(" ")


def test_a_call_makes_an_asset_and_an_observation() -> None:
    made = environment()
    (step,) = steps(made, call("Flip", image="img_1"))
    assert (step.terminated, step.truncated, step.faults) == (False, None, ())
    assert step.asset is not None and step.asset.id == "Flip_0"
    assert step.asset.lineage is not None and step.asset.lineage.parents == ("img_1",)
    assert step.message is not None and step.message.role == "tool" and step.message.assets == (step.asset,)
    assert (
        step.message.text
        == "Flipped image horizontally\n[Output image saved as: Flip_0. now imglist is {img_1, Flip_0}]"
    )


def test_ids_count_per_tool_and_lineage_names_every_parent() -> None:
    made = environment(2)
    steps(
        made,
        call("Flip", image="img_1"),
        call("Crop", image="Flip_0", bbox=[0, 0, 500, 500]),
        call("Flip", image="Crop_0"),
        call("Overlayer", base_image="img_2", overlay_type="object", content="Flip_1"),
    )
    assert made.canvas.imglist == ["img_1", "img_2", "Flip_0", "Crop_0", "Flip_1", "Overlayer_0"]
    lineage = made.canvas["Overlayer_0"].lineage
    assert lineage is not None and lineage.parents == ("img_2", "Flip_1")


@pytest.mark.parametrize(
    ("text", "stage", "told"),
    [
        (call("Mirror", image="img_1"), Stage.NAME, "no tool 'Mirror'; there are"),
        (call("Crop", image="img_1"), Stage.SCHEMA, "'bbox' is missing"),
        (call("Flip", image="img_4"), Stage.REFERENCE, "There are {img_1}."),
        (call("Crop", image="img_1", bbox=[5, 5, 5, 5]), Stage.SPECIFICATION, "no area"),
        (call("Grounding", image="img_1", reference_text="a giraffe in love"), Stage.EXECUTION, "giraffe"),
    ],
)
def test_a_bad_call_is_an_observation_and_the_episode_goes_on(text: str, stage: Stage, told: str) -> None:
    step, after = steps(environment(), text, call("Flip"))
    assert step.executed is not None and [fault.stage for fault in step.executed.faults] == [stage]
    assert step.message is not None and step.message.text.startswith("Error: ") and told in step.message.text
    assert step.message.text.endswith("[now imglist is {img_1}]") and step.asset is None
    assert after.asset is not None


def test_a_failure_of_ours_says_so() -> None:
    toolbox = ToolBox(Profile(name="test", backends={"Flip": "backends_for_tests:Crashing"}))
    made = Environment(toolbox)
    made.reset(Task("flip it", [SIGN]))
    (step,) = steps(made, call("Flip"))
    assert step.executed is not None and step.executed.infrastructure and not step.executed.executed
    assert step.message is not None and step.message.text.startswith("Error (infrastructure): ")
    toolbox.close()


def test_format_faults_are_told_and_the_first_call_runs() -> None:
    (step,) = steps(environment(), call("Flip") + call("Flip") + " and more")
    assert set(step.faults) == {FormatFault.SEVERAL_CALLS, FormatFault.TEXT_OUTSIDE}
    assert step.message is not None and step.message.text.count("Format fault: ") == 2
    assert step.asset is not None and step.asset.id == "Flip_0"


def test_words_without_an_action_are_told() -> None:
    (step,) = steps(environment(), "I would flip it.")
    assert step.message is not None and "neither a tool call nor <Terminate>" in step.message.text
    assert step.executed is None and not step.terminated


@pytest.mark.parametrize(
    ("ending", "final", "faults"),
    [
        (end(), "Flip_0", []),
        (end("img_1"), "img_1", []),
        (end("base"), "img_1", []),
        (end("Flip_0"), "Flip_0", []),
        (end("Flip_7"), "Flip_0", [FormatFault.BAD_FINAL_ID]),
        (end("the flipped one"), "Flip_0", [FormatFault.BAD_FINAL_ID]),
    ],
)
def test_the_result_that_an_ending_names(ending: str, final: str, faults: list[FormatFault]) -> None:
    trajectory = run(call("Flip"), ending)
    assert (trajectory.status, trajectory.final) == ("met", final)
    assert trajectory.turns[-1].format_faults == faults and trajectory.turns[-1].observation is None


def test_without_a_named_result_it_is_the_last_picture_made_else_the_last_mask_else_none() -> None:
    canvas_with_shape = Image.new("RGB", (60, 60), "white")
    canvas_with_shape.paste((220, 20, 20), (15, 15, 45, 45))
    sam = call("SAM", image="img_1", bbox=[200, 200, 800, 800])

    def final(*texts: str) -> str | None:
        return Agent(ListPolicy(texts), TOOLBOX).run("do it", [canvas_with_shape]).final

    assert final(sam, end()) == "SAM_0"
    assert final(call("Flip"), sam, end()) == "Flip_0"
    assert final(sam, call("Extract", image="img_1", mask="SAM_0"), call("Flip", image="SAM_0"), end()) == "Extract_0"
    assert final(sam, end("SAM_0")) == "SAM_0"
    assert final(end()) is None


def test_terminated_on_the_last_turn_is_not_truncated() -> None:
    trajectory = run(call("Flip"), end(), max_turns=2)
    assert (trajectory.status, trajectory.why) == ("met", None)


def test_the_limit_on_turns_truncates() -> None:
    trajectory = run(*[call("Flip")] * 9, max_turns=3)
    assert trajectory.status == "truncated" and trajectory.why == "the limit of 3 turns was reached."
    assert len(trajectory.turns) == 3 and trajectory.final == "Flip_2"


def test_the_limit_on_seconds_truncates() -> None:
    made = environment(max_seconds=0.05)
    assert made.limit_reached() is None
    time.sleep(0.06)
    (step,) = steps(made, call("Flip"))
    assert step.truncated == "the limit of 0.05 seconds was reached." and not step.terminated


def test_the_limit_on_cost_truncates() -> None:
    made = environment(max_cost=1.0)

    async def spend() -> list[Step]:
        return [await made.step(call("Flip"), cost) for cost in (0.6, None, 0.4)]

    assert [step.truncated for step in asyncio.run(spend())] == [None, None, "the limit of 1 on cost was reached."]


@pytest.mark.parametrize("wrong", [{"max_turns": 0}, {"max_seconds": 0}, {"max_cost": -1}, {"turns": 3}])
def test_limits_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Limits(**wrong)


def test_words_are_the_answer_where_words_are_asked_for() -> None:
    texts = [call("Grounding", image="img_1", reference_text="a face"), end()]
    asked = Agent(ListPolicy(texts), TOOLBOX).run("where is the face?", [photo(size=256)])
    assert asked.answer is not None and asked.answer.turns == [0] and "face" in asked.answer.text
    assert asked.final is None and asked.status == "met"
    edited = Agent(ListPolicy([*texts[:1], call("Flip"), end()]), TOOLBOX).run("flip the face", [photo(size=256)])
    assert edited.answer is None and edited.final == "Flip_0"


@pytest.mark.parametrize(
    "request_",
    [
        "what does it say?", "read the sign", "mirror it, then make out the lettering for me",
        "make it blue, then transcribe the text", "turn it upside down and get me the wording",
        "if it is blue, quote the text", "Steps:\n1. mirror it\n2. note down all the words in the picture",
    ],
)  # fmt: skip
def test_requests_for_words_that_are_written(request_: str) -> None:
    question = question_in(request_)
    assert question is not None and question.reading


@pytest.mark.parametrize(
    "request_", ["make the lettering bigger", "write the words 'OPEN' on it", "copy the text to the left",
                 "make it bright so that people can read the text", "give the writing a shadow", "extract the dog"],
)  # fmt: skip
def test_orders_that_ask_for_no_words(request_: str) -> None:
    assert question_in(request_) is None


def test_what_was_not_done_is_told_apart() -> None:
    trajectory = run(call("Flip"), end(reason="Mirrored.\nNot done: add a giraffe."))
    assert (trajectory.status, trajectory.unmet, trajectory.final) == ("unmet", ["add a giraffe"], "Flip_0")


def test_the_same_call_again_draws_anew_and_another_episode_repeats_it() -> None:
    toolbox = ToolBox(Profile(name="test", backends={"ImageGeneration": "backends_for_tests:Random"}))
    texts = [call("ImageGeneration", prompt="noise")] * 3 + [end()]

    def pictures(seed: int) -> list[bytes]:
        trajectory = Agent(ListPolicy(texts), toolbox).run("draw", seed=seed)
        return [trajectory.picture(f"ImageGeneration_{number}").tobytes() for number in range(3)]

    first, again, other = pictures(1), pictures(1), pictures(2)
    assert len(set(first)) == 3 and first == again and not set(first) & set(other)
    toolbox.close()


def test_an_asset_never_changes() -> None:
    made = environment()
    before = made.canvas["img_1"].picture.tobytes()
    steps(made, call("ImageEdit", edit_prompt="make it black and white"), call("Flip"), call("Rotate", angle=33))
    assert made.canvas["img_1"].picture.tobytes() == before
    with pytest.raises(ValueError, match="exists already"):
        made.canvas.add(made.canvas["img_1"])


_TURNS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([call("Flip"), call("Flip", image="Flip_0"), call("Nope"), call("Crop", bbox=7), call("Crop") * 2]),
    st.sampled_from([end(), end("img_1"), end("x"), '<tool_call>{"name": "Flip"}', call("Rotate", angle=90) + end()]),
)


@settings(max_examples=60)
@given(st.lists(_TURNS, max_size=6))
def test_no_episode_raises_and_every_record_holds_together(texts: list[str]) -> None:
    trajectory = run(*texts)
    assert trajectory.status == "met"
    assert all(turn.imglist[0] == "img_1" for turn in trajectory.turns)
    assert trajectory.contradiction() is None
    again = Trajectory.model_validate_json(trajectory.model_dump_json())
    assert again.model_dump() == trajectory.model_dump()
