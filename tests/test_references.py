"""`references` of ImageEdit: how they are written, what they mean, and that nothing changes for calls without them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from canvasagent import Agent, Task, ToolBox, score
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.canvas import Canvas
from canvasagent.craft.audit import audit
from canvasagent.craft.exports import export, format_names
from canvasagent.craft.imports import import_dataset
from canvasagent.craft.records import SftRecord
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.writer import DatasetWriter
from canvasagent.craft.trajectories import messages_of, pictures_of, timeless
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.record.provenance import xmp_packet
from canvasagent.record.replay import replay
from canvasagent.record.trajectory import Trajectory
from canvasagent.rewards.action import feeding, play
from canvasagent.rewards.config import PRESETS
from canvasagent.testing.samples import canvas
from canvasagent.tools import find_tool
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import Checked, check_call
from canvasagent.tools.slots import in_slots, listed
from cli_helpers import Shell
from helpers import ListPolicy, call, end, photo

INFO = canvas_info(canvas(2))
IDS = list(INFO)


def held(**arguments: Any) -> Checked:
    tool = find_tool("ImageEdit")
    assert tool is not None
    return check_call(tool, {"image": "img_1", "edit_prompt": "mix", **arguments}, INFO, 2)


def told(checked: Checked) -> str:
    return " ".join(fault.message for fault in checked.faults)


def mixing(backend: str = "Mixing", isolate: bool = False, **options: Any) -> Profile:
    """The lite profile with an ImageEdit of the tests."""
    given = load_profile("lite")
    return given.model_copy(
        update={
            "name": "mine",
            "backends": {**given.backends, "ImageEdit": f"backends_for_tests:{backend}"},
            "options": {**given.options, "ImageEdit": options} if options else given.options,
            "isolate": ["ImageEdit"] if isolate else [],
        }
    )


# ── how they are written ─────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.text(max_size=12), max_size=6))
def test_a_list_of_ids_and_its_string_form_are_the_same(ids: list[str]) -> None:
    assert listed(json.dumps(ids)) == listed(ids) == ids


@given(st.text(max_size=30))
def test_what_is_no_list_in_string_form_stays_as_it_is(text: str) -> None:
    value = listed(text)
    assert value == text or (isinstance(value, list) and json.loads(text) == value)


@given(st.lists(st.sampled_from([*IDS, "base", " img_2 ", "img_9", "Crop_0", ""]), max_size=5), st.booleans())
def test_each_picture_counts_and_is_looked_up(ids: list[str], as_text: bool) -> None:
    checked = held(references=json.dumps(ids) if as_text else ids)
    meant = ["img_1" if name == "base" else name.strip() for name in ids]
    there = [name for name in meant if name in INFO]
    assert checked.reference == pytest.approx((1 + len(there)) / (1 + len(ids)))
    assert checked.schema == 1.0
    expected = {f"references.{place}": name for place, name in enumerate(meant) if name in INFO}
    assert checked.assets == {"image": "img_1", **expected}
    if len(there) < len(ids):
        missing = next(repr(name) for name, known in zip(ids, meant, strict=True) if known not in INFO)
        assert missing in told(checked) and "There are {" + ", ".join(INFO) + "}" in told(checked)
    good = len(ids) <= 3 and len(there) == len(ids) and "SAM_0" not in there
    assert (checked.faults == ()) == good and checked.specification == (1.0 if good else 0.0)


@pytest.mark.parametrize(
    ("value", "stages", "words"),
    [
        ("img_2", {Stage.SCHEMA}, "give a list of ids, as [\"img_2\"] (got 'img_2')"),
        ({"first": "img_2"}, {Stage.SCHEMA, Stage.REFERENCE}, "give a list of ids"),
        (2, {Stage.SCHEMA, Stage.REFERENCE}, "give a list of ids"),
        ([2], {Stage.SCHEMA, Stage.REFERENCE}, "'references.0'"),
        ([["img_2"]], {Stage.SCHEMA, Stage.REFERENCE}, "'references.0'"),
        (["img_2"] * 4, {Stage.SCHEMA}, "at most 3"),
        (["img_2", "Crop_0"], {Stage.REFERENCE}, "there is no picture 'Crop_0'"),
        (["a", "b", "c", "d"], {Stage.SCHEMA, Stage.REFERENCE}, "there are no pictures 'a', 'b', 'c' and 1 more."),
        (["SAM_0"], {Stage.SPECIFICATION}, "'references': SAM_0 is a mask, not a image or cutout."),
    ],
)
def test_what_is_wrong_is_told(value: Any, stages: set[Stage], words: str) -> None:
    checked = held(references=value)
    assert {fault.stage for fault in checked.faults} == stages and words in told(checked)


def test_it_is_in_the_schema_and_optional() -> None:
    tool = find_tool("ImageEdit")
    assert tool is not None
    spec = tool.schema()["function"]["parameters"]["properties"]["references"]
    assert spec.pop("description")
    assert spec == {"type": "array", "items": {"type": "string"}, "maxItems": 3, "default": []}
    assert tool.required == ("image", "edit_prompt")


def test_a_value_goes_into_its_slot_and_nothing_is_changed_in_place() -> None:
    given = {"image": "a", "references": ["b", "c"]}
    assert in_slots(given, {"image": 1, "references.1": 2}) == {"image": 1, "references": ("b", 2)}
    assert given == {"image": "a", "references": ["b", "c"]}


# ── calls without them ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("without", [{}, {"references": []}, {"references": "[]"}, {"references": None}])
def test_a_call_without_them_is_what_it_was(without: dict[str, Any]) -> None:
    """Key, seed and what is written down, by the formula of before there were references."""
    drawn, checked = canvas(2), held(masked_image="SAM_0", **without)
    assets = {slot: drawn[name] for slot, name in checked.assets.items()}
    assert list(assets) == ["image", "masked_image"]
    with ToolBox("lite") as box:
        arguments = {
            "image": f"image:{drawn['img_1'].key}",
            "edit_prompt": "mix",
            "masked_image": f"mask:{drawn['SAM_0'].key}",
        }
        parts = ["ImageEdit", arguments, box.fingerprint(box.tools["ImageEdit"]), False]
        assert box.base_key(checked, assets) == hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    assert "references" not in checked.arguments.model_dump(mode="json", exclude_unset=True)


# ── calls with them ──────────────────────────────────────────────────────────────────────────────────────────


TURNS = [
    call("Crop", image="img_2", bbox=[0, 0, 500, 500]),
    call("ImageEdit", image="img_1", edit_prompt="like the second picture", references=["img_2"]),
    call("ImageEdit", image="img_1", edit_prompt="like both", references='["base", "Crop_0"]'),
    call("ImageEdit", image="img_1", edit_prompt="like that", references=["img_2", "img_7"]),
    end("ImageEdit_1"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "mixed"
    Agent(ListPolicy(TURNS), ToolBox(mixing())).run("mix", [photo(size=64), photo("coffee", 80)], run_dir=path)
    return path


@pytest.fixture
def run(folder: Path) -> Trajectory:
    return Trajectory.load(folder)


def test_an_edit_sees_them_in_their_order(run: Trajectory) -> None:
    first, other = run.picture("img_1"), run.picture("img_2")
    assert run.picture("ImageEdit_0").tobytes() == Image.blend(first, other.resize(first.size), 0.5).tobytes()
    both = Image.blend(first, run.picture("Crop_0").resize(first.size), 1 / 3)  # first with itself, then the crop
    assert run.picture("ImageEdit_1").tobytes() == both.tobytes()


def test_the_record_knows_where_a_picture_came_from(run: Trajectory, folder: Path) -> None:
    made = run.record_of("ImageEdit_1").lineage
    assert made is not None and made.parents == ["img_1", "Crop_0"]
    assert made.arguments["references"] == ["base", "Crop_0"]
    asked = run.turns[2].call
    assert asked is not None and asked.assets == {
        "image": "img_1", "references.0": "img_1", "references.1": "Crop_0",
    }  # fmt: skip
    html = (folder / "report.html").read_text("utf-8")
    assert "references" in html and "img_2" in html
    assert b"ImageEdit_1 by ImageEdit from img_1, Crop_0" in xmp_packet(run, "ImageEdit_1")


def test_it_is_replayed(folder: Path) -> None:
    report = replay(folder, mixing())
    assert report.identical, report.drifts


def test_the_reward_counts_each_of_them(run: Trajectory) -> None:
    played, _ = play(run, PRESETS["paper"])
    assert [one.score.reference for one in played] == [1.0, 1.0, 1.0, pytest.approx(2 / 3)]
    assert [one.score.q == 1.0 for one in played] == [True, True, True, False]
    assert [one.score.execution for one in played] == [1, 1, 1, 0]
    assert feeding(played, "ImageEdit_1") == {"ImageEdit_1", "img_1", "Crop_0", "img_2"}
    assert score(run, "paper", {}).counts.infrastructure == 0
    recorded = [turn.call.scores["reference"] for turn in run.turns if turn.call is not None]
    assert recorded == [one.score.reference for one in played]


def test_the_same_pictures_are_the_same_call_however_they_are_written(tmp_path: Path) -> None:
    texts = [
        call("ImageEdit", image="img_1", edit_prompt="mix", references=value)
        for value in (["img_2"], '["img_2"]', ["img_1"], "[]")
    ]
    turns = [*texts, call("ImageEdit", image="img_1", edit_prompt="mix"), end()]
    with ToolBox(mixing(log=str(tmp_path / "calls"))) as box:
        done = Agent(ListPolicy(turns), box).run(Task("mix", (photo(size=32), photo("coffee", 32))))
    keys = [turn.call.key for turn in done.turns if turn.call is not None]
    assert keys[0] == keys[1] and keys[3] == keys[4] and len(set(keys)) == 3
    assert len((tmp_path / "calls").read_text().split()) == 3
    played, _ = play(done, PRESETS["paper"])
    identities = [one.identity for one in played]
    assert identities[0] == identities[1] and identities[3] == identities[4] and len(set(identities)) == 3


def test_a_reference_may_be_larger_than_what_may_be_made() -> None:
    with ToolBox(mixing(), max_pixels=40 * 40) as box:
        done = execute(box, Image.new("RGB", (8, 8)), [Image.new("RGB", (300, 300))])
    assert done.fault is None and done.outcome is not None


@pytest.mark.parametrize("broken", [False, True])
def test_a_dataset_of_such_calls_is_exported_audited_and_read_back(tmp_path: Path, broken: bool) -> None:
    given = (photo(size=64), photo("coffee", 80))
    done = Agent(ListPolicy([TURNS[0], TURNS[2], end()]), ToolBox(mixing())).run("Mix them.", given)
    hashes = {asset.id: done.asset(asset.id).pixel_hash for asset in done.assets}
    item = SftRecord(
        id="000000", split="train", chain="Crop+ImageEdit", instruction=done.instruction, messages=messages_of(done),
        images=list(hashes.values()), inputs=2, final=hashes["ImageEdit_0"], tools=["Crop", "ImageEdit"],
        difficulty=dict.fromkeys("RLD", "easy"), trajectory=None if broken else timeless(done, "000000"),
    )  # fmt: skip
    if broken:
        item.messages[4].content = item.messages[4].content.replace("Crop_0", "Crop_7")
    with DatasetWriter(tmp_path / "data", "sft", {"n": 1}) as writer:
        writer.add(0, item, pictures_of(done))
    report = audit(tmp_path / "data", trust_record=True)  # its backend is a class of these tests
    assert bool(report.examples["reference"]) == broken and (report.clean or broken)
    assert broken or report.drift["ImageEdit"].same == 1
    with Dataset.open(tmp_path / "data") as dataset:
        for name in format_names():
            assert export(dataset, name, tmp_path / name).records == {"train": 1}
        import_dataset(tmp_path / "sharegpt", tmp_path / "back")
        with Dataset.open(tmp_path / "back") as back:
            assert list(back.rows("train")) == list(dataset.rows("train"))


# ── backends ─────────────────────────────────────────────────────────────────────────────────────────────────


def execute(box: ToolBox, image: Image.Image, others: list[Image.Image]) -> Execution:
    drawn = Canvas()
    for one in (image, *others):
        drawn.add_input(one)
    raw = {"image": "img_1", "edit_prompt": "make it brighter", "references": drawn.imglist[1:]}
    checked = check_call(box.tools["ImageEdit"], raw, canvas_info(drawn), drawn.inputs)
    assert not checked.faults
    return asyncio.run(box.call(checked, {slot: drawn[name] for slot, name in checked.assets.items()}))


@pytest.fixture(scope="module")
def boxes() -> Iterator[dict[str, ToolBox]]:
    found = {
        "lite": ToolBox("lite"),
        "release": ToolBox("release"),
        "own": ToolBox(mixing("Own")),
        "own, isolated": ToolBox(mixing("Own", isolate=True)),
        "mixing, isolated": ToolBox(mixing(isolate=True)),
    }
    yield found
    for box in found.values():
        box.close()


@pytest.mark.parametrize("name", ["lite", "release", "own", "own, isolated"])
def test_a_backend_that_takes_none_refuses_them_and_works_without(boxes: dict[str, ToolBox], name: str) -> None:
    picture, other = photo(size=48), photo("coffee", 48)
    refused = execute(boxes[name], picture, [other])
    assert refused.fault is not None and refused.fault.stage is Stage.EXECUTION and refused.outcome is None
    assert "Extract" in refused.fault.message and "Overlayer" in refused.fault.message
    assert "references" in refused.fault.message and "nothing was changed" in refused.fault.message
    without = execute(boxes[name], picture, [])
    assert without.fault is None and without.outcome is not None and without.outcome.picture is not None
    assert without.outcome.picture.tobytes() != picture.tobytes()


def test_a_process_of_its_own_gets_them(boxes: dict[str, ToolBox]) -> None:
    picture, others = photo(size=48), [photo("coffee", 60), photo("chelsea", 20)]
    with ToolBox(mixing()) as box:
        here = execute(box, picture, others)
    alone = execute(boxes["mixing, isolated"], picture, others)
    assert here.outcome is not None and alone.outcome is not None and here.key == alone.key
    assert np.array_equal(np.asarray(here.outcome.picture), np.asarray(alone.outcome.picture))
    many = execute(boxes["mixing, isolated"], picture, [*others, picture])
    assert many.fault is not None and "no more than 2 of the 3 references" in many.fault.message


# ── command line ─────────────────────────────────────────────────────────────────────────────────────────────


def test_they_are_files_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, capsys)
    for name, shot in (("one.png", photo(size=64)), ("two.png", photo("coffee", 64))):
        shot.save(name)
    Path("mine.toml").write_text('name = "mine"\n[backends]\nImageEdit = "backends_for_tests:Mixing"\n')
    asked = ("tool", "edit", "--image", "one.png", "--edit-prompt", "mix", "-o", "out.png")
    more = ("--references", "two.png", "--references", "one.png")
    assert shell(*asked, *more, "--profile", "mine.toml").code == 0
    first, other = Image.open("one.png"), Image.open("two.png")
    mixed = Image.blend(Image.blend(first, other.resize(first.size), 0.5), first, 1 / 3)
    assert Image.open("out.png").tobytes() == mixed.tobytes()
    assert shell(*asked, "--references", "three.png").code == 2
    said = shell(*asked, *more[:2], "--profile", "lite")
    assert said.code == 3 and "Overlayer" in said.err
    assert shell(*asked, *more[:2] * 4, "--profile", "mine.toml").code == 2
