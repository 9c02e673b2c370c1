"""The full profile under agents: many episodes share models and batches; what is missing is told by tool."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from canvasagent import Agent, ToolBox
from canvasagent.backends.full._residents import residents
from canvasagent.backends.profile import Profile
from full_models import flux_options, spandrel, tiny
from helpers import ListPolicy, call, end, photo

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def profile() -> Profile:
    own: dict[str, dict[str, Any]] = {
        "ImageGeneration": flux_options(size=(64, 64), batch_wait=0.3, batch=4),
        "ImageEdit": flux_options(),
        "Grounding": {"source": tiny("grounding_dino"), "threshold": 0.0, "text_threshold": 0.0},
        "SAM": {"source": tiny("sam2")},
        "SR": {"source": tiny("esrgan")},
    }
    return Profile(name="mine", extends="full", options=own)


def test_an_episode_uses_every_model_and_says_that_a_model_made_it(tmp_path: Path) -> None:
    spandrel()
    texts = [
        call("Grounding", image="img_1", reference_text="a cat"),
        call("SAM", image="img_1", bbox=[100, 100, 700, 700]),
        call("ImageEdit", image="img_1", edit_prompt="make it blue", masked_image="SAM_0"),
        call("SR", image="ImageEdit_0"),
        call("ImageGeneration", prompt="a red circle"),
        end("SR_0"),
    ]
    with ToolBox(profile(), cache=None) as box:
        run = Agent(ListPolicy(texts), box).run("blue", [photo(size=64)], run_dir=tmp_path / "run")
        again = Agent(ListPolicy(texts), ToolBox(profile())).run("blue", [photo(size=64)])
    assert run.status == "met" and not [fault for turn in run.turns if turn.call for fault in turn.call.faults]
    assert run.assets[-2].size == (256, 256)
    assert [asset.key for asset in run.assets] == [asset.key for asset in again.assets]
    assert "edited by a generative model" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_calls_of_several_episodes_are_one_batch() -> None:
    prompts = ["a red circle", "a blue square", "a cat", "a dog"]
    with ToolBox(profile(), workers=1) as box:
        agents = [Agent(ListPolicy([call("ImageGeneration", prompt=prompt), end()]), box) for prompt in prompts]

        async def together() -> list[Any]:
            return list(await asyncio.gather(*(agent.arun("draw") for agent in agents)))

        runs = asyncio.run(together())
        backend = box._executor.backends["ImageGeneration"]
        assert backend._batcher.sizes == {4: 1}  # though the pool has one worker: models have lanes of their own
    assert all(run.status == "met" for run in runs)


def test_a_tool_without_weights_fails_as_ours_and_the_others_work() -> None:
    residents().clear()
    lost = profile().model_copy(update={"options": {**profile().options, "SAM": {"source": "nobody/nothing"}}})
    texts = [call("SAM", image="img_1", bbox=[100, 100, 700, 700]), call("Flip", image="img_1"), end()]
    with pytest.raises(Exception, match="SAM: the weights of nobody/nothing are not on this machine"):
        Agent(ListPolicy(texts), lost)
    with ToolBox(lost) as box:
        from canvasagent.canvas import Canvas
        from canvasagent.tools.base import canvas_info
        from canvasagent.tools.check import check_call

        canvas = Canvas()
        canvas.add_input(photo(size=64))
        executions = []
        for name, arguments in (("SAM", {"image": "img_1", "bbox": [1, 1, 900, 900]}), ("Flip", {"image": "img_1"})):
            checked = check_call(box.tools[name], arguments, canvas_info(canvas), canvas.inputs)
            executions.append(asyncio.run(box.call(checked, {"image": canvas["img_1"]})))
    assert executions[0].fault is not None and executions[0].fault.stage == "infrastructure"
    assert "hf download nobody/nothing" in executions[0].fault.message and executions[1].outcome is not None
