"""Hosted generation and editing, over a real images server on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from canvasagent import Agent, ToolBox
from canvasagent.backends.hosted import image_edit, image_generation
from canvasagent.backends.hosted._hosting import nearest, room
from canvasagent.backends.missing_requirements import missing_requirements, require_complete
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.environment import Limits
from canvasagent.errors import BackendFailure, InputError, ToolRefusal
from canvasagent.testing import check_backend
from helpers import ListPolicy, call, end, photo
from images_server import ImagesRequest, ImagesServer, Reply, picture_reply

PROFILE = ("ImageGeneration", "ImageEdit")


def profile(server: ImagesServer, **options: Any) -> Profile:
    own = {"base_url": server.url, "retries": 0, **options}
    return Profile(name="mine", extends="hosted", options=dict.fromkeys(PROFILE, own))


def paints(request: ImagesRequest) -> Reply:
    """As gpt-image-1 does: the size asked for, or 1024 × 1024; a teal picture; tokens told."""
    size = tuple(int(side) for side in request.fields.get("size", "1024x1024").split("x"))
    status, told = picture_reply(Image.new("RGB", (size[0], size[1]), "teal"))
    return status, {**told, "usage": {"input_tokens": 50, "output_tokens": 4000, "total_tokens": 4050}}


def edit(server: ImagesServer, **options: Any) -> image_edit.Backend:
    return image_edit.Backend(image_edit.Config(base_url=server.url, api_key="k", retries=0, **options))


@pytest.mark.parametrize("spec", ["hosted/image_generation", "hosted/image_edit"])
def test_they_keep_the_contract(spec: str) -> None:
    masked = {"image": "img_1", "edit_prompt": "make it grey", "masked_image": "SAM_0"}
    with ImagesServer() as server:
        several = {**masked, "references": ["img_2", "Extract_0"]}
        check_backend(spec, {"base_url": server.url}, [masked, several] if spec.endswith("edit") else [])


def test_a_picture_has_the_size_that_was_asked_for_from_a_size_that_the_service_makes() -> None:
    with ImagesServer(paints) as server:
        backend = image_generation.Backend(image_generation.Config(base_url=server.url, model="m"))
        assert backend(prompt="x", size=(300, 200), seed=1).size == (300, 200)
        assert backend(prompt="x", size=None, seed=1).size == (1024, 1024)
        free = image_generation.Backend(image_generation.Config(base_url=server.url, sizes=()))
        assert free(prompt="x", size=(301, 200), seed=1).size == (301, 200)
        asked = [request.fields["size"] for request in server.requests]
    assert asked == ["1536x1024", "1024x1024", "301x200"] and server.requests[0].fields["model"] == "m"


def test_sizes_on_offer() -> None:
    offered = ((1024, 1024), (1536, 1024), (512, 512))
    assert nearest((500, 500), offered) == (512, 512)
    assert nearest((600, 600), offered) == (1024, 1024)
    assert nearest((3000, 3000), offered) == (1024, 1024)
    assert room((300, 200), (1024, 1024)) == ((300, 300), (0, 50, 300, 250))


def test_an_edit_keeps_size_shape_and_what_is_outside_of_the_mask() -> None:
    picture, mask = photo(size=200).resize((200, 90)), Image.new("L", (200, 90))
    mask.paste(255, (20, 20, 120, 80))
    with ImagesServer(paints) as server:
        made = edit(server, feather=6)(image=picture, prompt="teal", mask=mask, seed=1, references=[photo(size=32)])
        sent = server.requests[0]
    before, after, inside = (np.asarray(item) for item in (picture.convert("RGB"), made, mask))
    assert (before[inside == 0] == after[inside == 0]).all()
    assert (after[50, 70] == (0, 128, 128)).all()  # all new in the middle
    edge = np.abs(after[50, 20:28].astype(int) - before[50, 20:28]).sum(axis=1)
    assert edge[0] < edge[-1]  # and fading in from the edge
    given = sent.pictures()
    assert len(given) == 2 and given[0].width / given[0].height == pytest.approx(1.5, abs=0.01)
    assert sent.pictures("mask")[0].size == given[0].size


def test_an_agent_gives_references_as_further_pictures_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    given = [photo(size=64), photo("coffee", 40), photo("chelsea", 90)]
    turns = [
        call("Crop", image="img_3", bbox=[0, 0, 500, 500]),
        call("ImageEdit", image="img_1", edit_prompt="the cup of the second picture", references=["img_2", "Crop_0"]),
        call("ImageEdit", image="img_1", edit_prompt="the cup of the second picture"),
        end(),
    ]
    with ImagesServer() as server, ToolBox(profile(server)) as box:
        run = Agent(ListPolicy(turns), box).run("mix", given)
    several, one = server.requests
    assert [name for name, _ in several.files] == ["image[]"] * 3 and [name for name, _ in one.files] == ["image"]
    assert several.fields == {"model": "gpt-image-1", "prompt": "the cup of the second picture"} == one.fields
    sent = several.pictures()
    assert [each.tobytes() for each in sent[1:]] == [given[1].tobytes(), run.picture("Crop_0").tobytes()]
    assert sent[0].tobytes() == one.pictures()[0].tobytes()  # the picture to change comes first
    with pytest.raises(ToolRefusal, match="no more than 15"):
        edit(server)(image=given[0], prompt="x", mask=None, seed=1, references=[given[1]] * 16)


def test_a_service_that_takes_one_picture_is_not_sent_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    asked = {"image": "img_1", "edit_prompt": "make it grey"}
    turns = [call("ImageEdit", **asked, references=["img_1"]), call("ImageEdit", **asked), end()]
    with ImagesServer() as server:
        mine = profile(server)
        alone = {"ImageEdit": {**mine.options["ImageEdit"], "references": 0}}
        with ToolBox(mine) as usual, ToolBox(mine.model_copy(update={"options": mine.options | alone})) as box:
            run = Agent(ListPolicy(turns), box).run("mix", [photo(size=64)])
            assert box.fingerprint(box.tools["ImageEdit"]) == usual.fingerprint(usual.tools["ImageEdit"])
    assert "Overlayer" in str(run.turns[0].observation) and run.final == "ImageEdit_0" and len(server.requests) == 1


def test_a_cutout_keeps_its_transparency() -> None:
    cutout = photo(size=64).convert("RGBA")
    cutout.putalpha(Image.linear_gradient("L").resize((64, 64)))
    with ImagesServer(paints) as server:
        made = edit(server)(image=cutout, prompt="teal", mask=None, seed=1)
        untouched = edit(server)(image=cutout, prompt="teal", mask=Image.new("L", (64, 64)), seed=1)
    assert made.mode == "RGBA" and made.getchannel("A").tobytes() == cutout.getchannel("A").tobytes()
    assert untouched.tobytes() == cutout.tobytes() and len(server.requests) == 1  # an empty mask asks nobody


def test_cost_is_counted_once_and_a_cached_call_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    asked = call("ImageGeneration", prompt="a teal square", size=[64, 64])
    with ImagesServer(paints) as server, ToolBox(profile(server, price=0.04, price_out=10.0)) as box:
        runs = [Agent(ListPolicy([asked, asked, end()]), box).run("paint", run_dir=tmp_path / str(n)) for n in (1, 2)]
        assert len(server.requests) == 2  # the second drawing of a run is another one, the second run all cached
    assert runs[0].cost == pytest.approx(2 * (0.04 + 4000 * 10 / 1e6)) and runs[1].cost is None
    assert runs[0].turns[0].call.cost == pytest.approx(0.08)  # type: ignore[union-attr]
    assert "cost 0.16" in (tmp_path / "1" / "report.html").read_text("utf-8")


def test_a_limit_on_cost_counts_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    asked = call("ImageGeneration", prompt="a teal square", size=[64, 64])
    with ImagesServer(paints) as server, ToolBox(profile(server, price=1.0)) as box:
        run = Agent(ListPolicy([asked] * 5), box, limits=Limits(max_cost=1.5)).run("paint")
    assert run.status == "truncated" and len(run.turns) == 2


def test_callers_that_share_a_call_pay_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    from canvasagent.canvas import Canvas
    from canvasagent.tools import all_tools
    from canvasagent.tools.base import canvas_info
    from canvasagent.tools.check import check_call

    canvas = Canvas()
    checked = check_call(all_tools()["ImageGeneration"], {"prompt": "x", "size": [32, 32]}, canvas_info(canvas), 0)
    with ImagesServer(paints) as server, ToolBox(profile(server, price=1.0)) as box:

        async def together() -> list[Any]:
            return list(await asyncio.gather(*(box.call(checked, {}) for _ in range(4))))

        costs = [execution.cost for execution in asyncio.run(together())]
    assert sorted(costs, key=str) == [1.0, None, None, None] and len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_what_the_service_refuses_is_its_fault_and_not_the_policys(status: int) -> None:
    with (
        ImagesServer(lambda request: (status, {"error": {"message": "no k here"}})) as server,
        pytest.raises(BackendFailure, match="failed"),
    ):
        edit(server)(image=photo(size=32), prompt="x", mask=None, seed=1)


def test_without_a_key_all_that_is_missing_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CANVASAGENT_IMAGES_API_KEY", "CANVASAGENT_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("CANVASAGENT_IMAGES_BASE_URL", raising=False)
    found = missing_requirements(load_profile("hosted"))
    assert set(found) == set(PROFILE) and "CANVASAGENT_IMAGES_API_KEY" in found["ImageEdit"][0]
    with pytest.raises(InputError, match=r"ImageEdit: no key .*\n.*ImageGeneration: no key"):
        require_complete(load_profile("hosted"))
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    require_complete(load_profile("hosted"))
