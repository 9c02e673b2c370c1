"""The record: written and read again, and every way in which a file on disk can be wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent import Agent, Task, ToolBox, Trajectory
from canvasagent.errors import StorageError
from canvasagent.imaging.pictures import profile_of
from canvasagent.testing.samples import picture, profile
from helpers import ListPolicy, call, end

TOOLBOX = ToolBox("lite")
TEXTS = [
    call("Flip"),
    call("Crop", image="Flip_0", bbox="[0, 0, 500, 500]"),
    call("Nope"),
    "no action </script><b>",
    end("Crop_0", reason="Done. ✓\nNot done: sing."),
]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    """A run with two inputs, one of them transparent, in a folder."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    task = Task(
        "flip and crop it",
        [picture(mode="RGBA"), picture()],
        id="t1",
        expected_tools=("Flip", "Crop"),
        difficulty={"R": "R1"},
        checks=({"text": "SALE"},),
    )
    texts = [call("Flip", image="img_1"), *TEXTS[1:]]
    return Agent(ListPolicy(texts), TOOLBOX).run(task, run_dir=folder, seed=7)


@pytest.fixture
def folder(recorded: Trajectory, tmp_path: Path) -> Path:
    """A copy of that run's folder, to be damaged."""
    assert recorded.folder is not None
    shutil.copytree(recorded.folder, tmp_path / "run")
    return tmp_path / "run"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "trajectory.json"
    data = json.loads(file.read_text("utf-8"))
    change(data)
    file.write_text(json.dumps(data), "utf-8")


def test_what_is_loaded_is_what_was_run(recorded: Trajectory, folder: Path) -> None:
    loaded = Trajectory.load(folder)
    assert loaded.model_dump() == recorded.model_dump()
    assert loaded.folder == folder and Trajectory.load(folder / "trajectory.json").id == recorded.id
    assert (loaded.status, loaded.final, loaded.unmet) == ("unmet", "Crop_0", ["sing"])
    assert loaded.tool_calls == ["Flip", "Crop", "Nope"]
    for name in ("img_1", "img_2", "Flip_0", "Crop_0"):
        assert loaded.picture(name).tobytes() == recorded.picture(name).tobytes()
        assert loaded.picture(name).mode == recorded.picture(name).mode
        assert profile_of(loaded.picture(name)) == profile()
        assert loaded.record_of(name).pixel_hash is not None
        assert loaded.asset(name).key == recorded.asset(name).key
    assert loaded.final_picture is not None and loaded.final_picture.size == recorded.picture("Crop_0").size


def test_the_record_tells_everything_of_a_call(recorded: Trajectory) -> None:
    made = recorded.turns[1].call
    assert made is not None and made.scores == dict.fromkeys(made.scores, 1.0)
    assert made.arguments == {"image": "Flip_0", "bbox": "[0, 0, 500, 500]"} and made.assets == {"image": "Flip_0"}
    assert made.backend is not None and made.backend.startswith("Crop@1:lite/crop@")
    wrong = recorded.turns[2].call
    assert wrong is not None and wrong.tool is None and set(wrong.scores.values()) == {0.0}
    lineage = recorded.record_of("Crop_0").lineage
    assert lineage is not None and lineage.parents == ["Flip_0"]


def test_the_task_comes_back_with_its_pictures(recorded: Trajectory, folder: Path) -> None:
    task = Trajectory.load(folder).task()
    assert (task.instruction, task.id, task.expected_tools) == ("flip and crop it", "t1", ("Flip", "Crop"))
    assert (task.difficulty, task.checks, task.carried) == ({"R": "R1"}, ({"text": "SALE"},), None)
    assert [image.mode for image in task.images if isinstance(image, Image.Image)] == ["RGBA", "RGB"]


def test_a_carried_canvas_keeps_everything(folder: Path) -> None:
    carried = Trajectory.load(folder).carry()
    assert [asset.id for asset in carried.assets] == ["img_1", "img_2", "Flip_0", "Crop_0"]
    assert (carried.inputs, carried.result) == (2, "Crop_0")


def test_only_pictures_that_are_asked_for_are_read(folder: Path) -> None:
    (folder / "assets" / "Flip_0.png").unlink()
    loaded = Trajectory.load(folder)
    assert loaded.final_picture is not None
    with pytest.raises(StorageError, match=r"Flip_0\.png' is missing or damaged"):
        loaded.picture("Flip_0")
    with pytest.raises(KeyError, match="no asset 'Flip_9'"):
        loaded.picture("Flip_9")


def test_a_picture_that_was_changed_or_damaged_is_told(folder: Path) -> None:
    path = folder / "assets" / "Crop_0.png"
    with Image.open(path) as opened:
        pixels = opened.copy()
    other = pixels.copy()
    other.putpixel((0, 0), (1, 2, 3, 4))
    other.save(path)
    with pytest.raises(StorageError, match="was changed since the run"):
        Trajectory.load(folder).picture("Crop_0")
    pixels.resize((9, 9)).save(path)
    with pytest.raises(StorageError, match="the record says"):
        Trajectory.load(folder).picture("Crop_0")
    pixels.convert("RGB").save(path)
    with pytest.raises(StorageError, match="is RGB, the record says RGBA"):
        Trajectory.load(folder).picture("Crop_0")
    whole = path.read_bytes()
    for damage in (b"", b"GIF89a", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(StorageError, match="missing or damaged"):
            Trajectory.load(folder).picture("Crop_0")


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no run at"):
        Trajectory.load(tmp_path)
    with pytest.raises(StorageError, match="there is no run at"):
        Trajectory.load(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format_version": 1'])
def test_json_that_is_damaged(folder: Path, damage: bytes) -> None:
    (folder / "trajectory.json").write_bytes(damage)
    with pytest.raises(StorageError, match="is damaged"):
        Trajectory.load(folder)


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"format_version": 99}', '{"format_version": "1"}'])
def test_another_format_version(folder: Path, text: str) -> None:
    (folder / "trajectory.json").write_text(text)
    with pytest.raises(StorageError, match=r"has format version .*; this version of canvasagent reads 1\."):
        Trajectory.load(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        "/etc/passwd",
        "img_1/../../x_1",
        "img_1\n",
        "img_1\x00",
        "C:\\x_1",
        "img 1",
        ".img_1",
        "",
    ],
)
def test_ids_never_lead_out_of_the_folder(folder: Path, name: str) -> None:
    edit(folder, lambda data: data["assets"][0].update(id=name))
    with pytest.raises(StorageError, match=r"is not a run's record: assets\.0\.id"):
        Trajectory.load(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(surprise=1), "surprise"),
        (lambda data: data.pop("instruction"), "instruction"),
        (lambda data: data.update(status="great"), "status"),
        (lambda data: data.update(turns={}), "turns"),
        (lambda data: data["turns"][0].pop("text"), r"turns\.0\.text"),
        (lambda data: data["turns"][0].update(format_faults=["ugly"]), "format_faults"),
        (lambda data: data["assets"][0].update(kind="video"), "kind"),
        (lambda data: data.update(final="Flip_9"), "contradicts itself: it names Flip_9"),
        (lambda data: data["turns"][0].update(asset="Flip_9"), "contradicts itself: it names Flip_9"),
        (lambda data: data["assets"].append(data["assets"][0]), "same id"),
        (lambda data: data["turns"].pop(0), "not numbered"),
        (lambda data: data.update(inputs=5), "5 inputs"),
        (lambda data: data["assets"].pop(0), "inputs"),
    ],
)
def test_a_record_edited_by_hand_says_where_it_is_wrong(
    folder: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    edit(folder, change)
    with pytest.raises(StorageError, match=told):
        Trajectory.load(folder)


def test_a_run_that_was_not_kept_has_its_pictures_in_memory() -> None:
    trajectory = Agent(ListPolicy([call("Flip"), end()]), TOOLBOX).run("flip it", [picture()])
    assert trajectory.folder is None and trajectory.final_picture is not None
    bare = Trajectory.model_validate_json(trajectory.model_dump_json())
    with pytest.raises(StorageError, match="were not kept"):
        bare.picture("Flip_0")
