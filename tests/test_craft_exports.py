"""Exports in the forms of other projects, imports of released files, and the way there and back."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from canvasagent.canvas import pixel_hash
from canvasagent.craft.exports import export, format_names, load_format
from canvasagent.craft.imports import import_dataset
from canvasagent.craft.placeholders import PLACEHOLDER, content
from canvasagent.craft.store import Dataset
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import encode
from canvasagent.protocol.turns import parse
from craft_data import build, build_tasks
from helpers import call, end, photo


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("runs"), 8)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tasks(tmp_path_factory.mktemp("tasks"), 5)


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


def opened(path: Path, tmp_path: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(path), cache_dir=str(tmp_path / "cache"))


def test_sharegpt_there_and_back(runs: Path, tmp_path: Path) -> None:
    with Dataset.open(runs) as dataset:
        said = export(dataset, "sharegpt", tmp_path / "out")
        assert said.records == {"train": 3, "validation": 2, "test": 2} and said.loses == "" and not said.notes
        items = json.loads((tmp_path / "out" / "train.json").read_text())
        for item in items:
            assert sum(message["content"].count(PLACEHOLDER) for message in item["messages"]) == len(item["images"])
            assert all((tmp_path / "out" / path).is_file() for path in item["images"])
        imported = import_dataset(tmp_path / "out", tmp_path / "back")
        assert imported.counts["train"] == 3 and not imported.rejected
        with Dataset.open(tmp_path / "back") as back:
            for split in dataset.splits:
                assert list(back.rows(split)) == list(dataset.rows(split))
            assert {key: back.picture_bytes(key) for key in back.hashes()} == dict(dataset.pictures())


def test_verl_there_and_back(tasks: Path, tmp_path: Path) -> None:
    with Dataset.open(tasks) as dataset:
        export(dataset, "verl", tmp_path / "out")
        rows = pq.read_table(tmp_path / "out" / "train-00000.parquet").to_pylist()
        assert set(rows[0]) == {
            "data_source", "agent_name", "prompt", "ability", "reward_model", "extra_info", "images"
        }  # fmt: skip
        assert rows[0]["agent_name"] == "tool_agent" and rows[0]["ability"] == "vision"
        assert rows[0]["reward_model"] == {"ground_truth": ["Crop", "Flip"], "style": "rule"}
        assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
        for row in rows:
            assert "".join(message["content"] for message in row["prompt"]).count(PLACEHOLDER) == len(row["images"])
        import_dataset(tmp_path / "out", tmp_path / "back")
        with Dataset.open(tmp_path / "back") as back:
            for split in dataset.splits:
                assert list(back.rows(split)) == list(dataset.rows(split))
            assert sorted(back.hashes()) == sorted(dataset.hashes())


def test_verl_of_trajectories_are_tasks(runs: Path, tmp_path: Path) -> None:
    with Dataset.open(runs) as dataset:
        export(dataset, "verl", tmp_path / "out")
        import_dataset(tmp_path / "out", tmp_path / "back")
        with Dataset.open(tmp_path / "back") as back:
            made, first = list(dataset.sft("train")), list(back.rl("train"))
    assert [row.expected_tools for row in first] == [row.tools for row in made]
    assert [row.instruction for row in first] == [row.instruction for row in made]
    assert [row.images for row in first] == [row.images[:1] for row in made]


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_hf(runs: Path, tasks: Path, tmp_path: Path, kind: str) -> None:
    with Dataset.open(runs if kind == "sft" else tasks) as dataset:
        export(dataset, "hf", tmp_path / "out")
        loaded = opened(tmp_path / "out", tmp_path)
        for split in dataset.splits:
            for row, record in zip(loaded[split], dataset.rows(split), strict=True):
                assert [pixel_hash(picture) for picture in row["images"]] == record.images == row["image_hashes"]
                assert row["instruction"] == record.instruction and json.loads(row["checks"]) == record.checks


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_trl_has_its_pictures_inline(runs: Path, tasks: Path, tmp_path: Path, kind: str) -> None:
    with Dataset.open(runs if kind == "sft" else tasks) as dataset:
        export(dataset, "trl", tmp_path / "out")
        spec = importlib.util.spec_from_file_location("trl_loader", tmp_path / "out" / "load.py")
        assert spec is not None and spec.loader is not None
        loader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loader)
        rows = loader.load("train")
        record, row = next(dataset.rows("train")), rows[0]
        column = "messages" if kind == "sft" else "prompt"
        shown = [block["image"] for message in row[column] for block in message["content"] if block["type"] == "image"]
        assert [pixel_hash(picture) for picture in shown] == record.images and row["images"] == []
        assert all("text" not in block or block["text"] for message in row[column] for block in message["content"])
        assert {"role", "content"} == set(row[column][0]) and row[column][1]["content"][0]["type"] == "image"


def test_llamafactory(runs: Path, tmp_path: Path) -> None:
    with Dataset.open(runs) as dataset:
        said = export(dataset, "llamafactory", tmp_path / "out")
        assert not said.notes
        info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
        entry = info["canvascraft_train"]
        assert entry["formatting"] == "sharegpt" and entry["tags"]["observation_tag"] == "tool"
        items = json.loads((tmp_path / "out" / entry["file_name"]).read_text())
        assert len(items) == 3
        for item in items:
            roles = [message["role"] for message in item[entry["columns"]["messages"]]]
            assert roles[0] == "system" and set(roles[1::2]) <= {"user", "tool"} and set(roles[2::2]) == {"assistant"}
            assert all((tmp_path / "out" / path).is_file() for path in item["images"])
            assert len(json.loads(item["tools"])) >= 11


def test_what_llamafactory_would_skip_is_told(tmp_path: Path) -> None:
    released(tmp_path / "in", messages=[{"role": "user", "content": "Hello"}], images=[])
    import_dataset(tmp_path / "in", tmp_path / "data")
    with Dataset.open(tmp_path / "data") as dataset:
        said = export(dataset, "llamafactory", tmp_path / "out")
    assert said.records == {"train": 0} and "1 records were left out" in said.notes[0]


@pytest.mark.parametrize("kind", ["sft", "rl"])
def test_ms_swift(runs: Path, tasks: Path, tmp_path: Path, kind: str) -> None:
    with Dataset.open(runs if kind == "sft" else tasks) as dataset:
        export(dataset, "ms-swift", tmp_path / "out")
        items = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
        for item, record in zip(items, dataset.rows("train"), strict=True):
            assert [Path(path).stem for path in item["images"]] == record.images
            assert ("checks" in item) == (kind == "rl") and item["messages"][0]["role"] == "system"


def test_exports_are_whole_or_not_there(runs: Path, tasks: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with Dataset.open(tasks) as dataset:
        with pytest.raises(InputError, match="sharegpt has no form for a dataset of kind rl; hf, ms-swift, trl, verl"):
            export(dataset, "sharegpt", tmp_path / "out")
        with pytest.raises(InputError, match="holds something"):
            export(dataset, "hf", tmp_path / "full")
        with pytest.raises(InputError, match="no format 'csv'; there are hf, "):
            export(dataset, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists() and len(list(tmp_path.iterdir())) == 1
    assert {"hf", "llamafactory", "ms-swift", "sharegpt", "trl", "verl"} <= set(format_names())
    assert all(load_format(name).__doc__ for name in format_names())


def test_the_filter_says_how_many(runs: Path, tmp_path: Path) -> None:
    with Dataset.open(runs) as dataset:
        reject = lambda text: "on the list: mirror" if "mirror" in text.lower() else None  # noqa: E731
        said = export(dataset, "ms-swift", tmp_path / "out", reject)
    assert said.records == {"validation": 2, "test": 2} and said.filtered == {"on the list: mirror": 3}


def state(made: str, ids: str) -> str:
    """The end of an observation."""
    return f"[Output image saved as: {made}. now imglist is {{{ids}}}]"


def released(folder: Path, messages: list[dict[str, str]] | None = None, images: list[str] | None = None) -> list[Any]:
    """Files as the release has them: JSON, and pictures in a shard, one of them in a folder of its own."""
    (folder / "data").mkdir(parents=True)
    pictures = [photo("astronaut", 64), photo("coffee", 64), photo("rocket", 64)]
    mask = Image.new("L", (64, 64), 255)
    data = [encode(pictures[0], "JPEG"), encode(pictures[1], "PNG"), encode(mask, "PNG")]
    paths = ["images/edit/0001.jpg", "images/edit/0002.png", "images/sam/0002.png"]
    rows = [{"image": {"bytes": bytes_, "path": None}, "path": path} for bytes_, path in zip(data, paths, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
    (folder / "SR" / "sr_images").mkdir(parents=True)
    pictures[2].save(folder / "SR" / "sr_images" / "7.png")
    if messages is None:
        messages = [
            {"role": "system", "content": "You have tools."},
            {"role": "user", "content": "<image>\nErase the lamp.\n[now imglist is {img_1}]"},
            {"role": "assistant", "content": call("Edit", edit_prompt="x")},
            {"role": "tool", "content": f"<image>Edited.\n{state('ImageEdit_0', 'img_1, ImageEdit_0')}"},
            {"role": "assistant", "content": call("SAM", image="ImageEdit_0", bbox="[0, 0, 9, 9]")},
            {"role": "tool", "content": f"<image>Mask.\n{state('SAM_0', 'img_1, ImageEdit_0, SAM_0')}"},
            {"role": "assistant", "content": end()},
        ]
    prefix = "/somebody/else/work/"
    images = [prefix + path for path in paths] if images is None else images
    items = [{"id": "x9", "messages": messages, "images": images, "metadata": {"tool": "ImageEdit"}, "task_type": 3}]
    (folder / "manifest.json").write_text(json.dumps([{"shards": 1}]))
    (folder / "train_reason_imglist.json").write_text(json.dumps(items))
    return items


def test_released_trajectories(tmp_path: Path) -> None:
    (item,) = released(tmp_path / "in")
    said = import_dataset(tmp_path / "in", tmp_path / "out")
    assert said.kind == "sft" and said.counts == {"pictures": 3, "train": 1}
    with Dataset.open(tmp_path / "out") as dataset:
        (record,) = dataset.sft()
        assert record.instruction == "Erase the lamp." and record.tools == ["ImageEdit", "SAM"] and record.inputs == 1
        assert record.final == record.images[1]  # the last picture that is not a mask
        assert dataset.picture(record.images[2]).mode == "L" and dataset.picture(record.images[0]).mode == "RGB"
        assert record.meta["released"] == {"id": "x9", "metadata": {"tool": "ImageEdit"}, "task_type": 3}
        assert [message.model_dump() for message in record.messages] == item["messages"]
        export(dataset, "sharegpt", tmp_path / "again")
    import_dataset(tmp_path / "again", tmp_path / "back")
    with Dataset.open(tmp_path / "back") as back:
        assert list(back.rows()) == [record]


@pytest.mark.parametrize(
    "images", [["images/edit/0002.png"], ["/a/b/SR/sr_images/7.png"], ["/other/images/edit/0002.png"]]
)
def test_pictures_are_found_with_and_without_a_prefix(tmp_path: Path, images: list[str]) -> None:
    released(tmp_path / "in", [{"role": "user", "content": "<image>Mirror it."}], images)
    assert import_dataset(tmp_path / "in", tmp_path / "out").counts == {"pictures": 1, "train": 1}


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (["/a/b/images/edit/0009.png"], "picture not found"),
        (["../../etc/passwd"], "odd picture path"),
        (["images/edit/0002.png", "images/edit/0001.jpg"], "pictures and placeholders differ"),
    ],
)
def test_what_cannot_be_imported_is_kept_apart(tmp_path: Path, images: list[str], reason: str) -> None:
    released(tmp_path / "in", [{"role": "user", "content": "<image>Mirror it."}], images)
    said = import_dataset(tmp_path / "in", tmp_path / "out")
    assert said.counts == {"rejected": 1} and said.rejected == {reason: 1}
    with Dataset.open(tmp_path / "out") as dataset:
        ((_, rejected),) = dataset.rejected()
    assert rejected.record is not None and rejected.record["source"] == "train_reason_imglist.json, item 1"


def test_older_role_names_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photo("coffee", 48).save(tmp_path / "in" / "a.png")
    found = "Found 1 objects:\n- 'cup': [1, 2, 3, 4] (confidence: 0.83)"
    turns = [
        {"from": "human", "value": "<image>Where is the cup?"},
        {"from": "gpt", "value": call("ImageGrounding", reference_text="cup")},
        {"from": "observation", "value": f"{found}\n[now imglist is {{img_1}}]"},
        {"from": "gpt", "value": end()},
    ]
    line = json.dumps({"conversations": turns, "images": ["a.png"], "system": "Be good."})
    (tmp_path / "in" / "valid.jsonl").write_text(f"{line}\n\n{line}\n")
    assert import_dataset(tmp_path / "in" / "valid.jsonl", tmp_path / "out").counts["validation"] == 2
    with Dataset.open(tmp_path / "out") as dataset:
        record = next(dataset.sft())
    assert [message.role for message in record.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert record.tools == ["Grounding"] and record.final is None
    assert record.answer == found


def test_released_tasks(tmp_path: Path) -> None:
    (tmp_path / "in" / "pictures").mkdir(parents=True)
    photo("coffee", 48).save(tmp_path / "in" / "pictures" / "1.png")
    row = {
        "data_source": "rl10k-v2",
        "agent_name": "tool_agent",
        "prompt": [
            {"role": "system", "content": "## Role\nYou are an agent."},
            {"role": "user", "content": "<image>Write SALE on it.\n[now imglist is {img_1}]"},
        ],
        "ability": "vision",
        "reward_model": {"ground_truth": ["Generation", "Edit", "Overlay", "SR"], "style": "rule"},
        "extra_info": {"index": 0, "difficulty": "medium", "image_paths": ["pictures/1.png"], "required_tools": None},
        "images": [{"image": "pictures/1.png"}],
    }
    for name in ("train_nfsdata4_normalized.parquet", "test_nfsdata4_normalized.parquet"):
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "in" / name)
    said = import_dataset(tmp_path / "in", tmp_path / "out")
    assert said.kind == "rl" and said.counts == {"pictures": 1, "test": 1, "train": 1}
    with Dataset.open(tmp_path / "out") as dataset:
        record = next(dataset.rl("train"))
        assert record.expected_tools == ["ImageGeneration", "ImageEdit", "Overlayer", "SR"]
        assert record.instruction == "Write SALE on it." and record.chain == "released"
        assert record.meta["released"] == {
            **{k: v for k, v in row.items() if k != "images"},
            "images": ["pictures/1.png"],
        }
        export(dataset, "verl", tmp_path / "again")
        again = pq.read_table(tmp_path / "again" / "train-00000.parquet").to_pylist()[0]
        assert again["prompt"] == row["prompt"] and again["data_source"] == "rl10k-v2"
    import_dataset(tmp_path / "again", tmp_path / "back")
    with Dataset.open(tmp_path / "back") as back:
        assert next(back.rl("train")) == record


def test_nothing_to_import_is_told(runs: Path, tmp_path: Path) -> None:
    for make, words in (
        (lambda: None, "has nothing to import"),
        (lambda: (tmp_path / "a.json").write_text('[{"messages": [1, 2'), "a.json' cannot be read: Expecting"),
        (lambda: (tmp_path / "a.json").write_text("[1, 2]"), "has nothing to import"),
        (lambda: ((tmp_path / "a.json").unlink(), (tmp_path / "b.parquet").write_text("x")), "no Parquet file"),
    ):
        make()
        with pytest.raises(InputError, match=words):
            import_dataset(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="dataset already"):
        import_dataset(runs, tmp_path / "out")
    with pytest.raises(InputError, match="nothing at"):
        import_dataset(tmp_path / "nowhere", tmp_path / "out")


def test_text_that_looks_like_markup_stands_for_nothing() -> None:
    """An instruction, a reason or something that was read on a picture may hold any of our own words."""
    assert content("Write <image> & <Terminate> on it", 1) == "<image>\nWrite &lt;image&gt; & <Terminate> on it"
    turn = call("Overlayer", "It says <image>", content="<image>")
    told = content(turn)
    assert PLACEHOLDER not in told and "It says &lt;image&gt;" in told
    written = parse(told).call
    assert written is not None and written.arguments == {"content": "<image>"}
