"""Bad items among good ones: each is rejected with its reason, and the rest is imported."""

from __future__ import annotations

import copy
import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasagent import Agent, Trajectory
from canvasagent.cli import main
from canvasagent.craft.exports import export
from canvasagent.craft.imports import import_dataset
from canvasagent.craft.imports.items import CHUNK, read_items
from canvasagent.craft.imports.pictures import PictureFinder
from canvasagent.craft.imports.rl import task_of
from canvasagent.craft.imports.sft import trajectory_of
from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.craft.store import Dataset
from canvasagent.craft.store.layout import row_of
from canvasagent.errors import InputError
from canvasagent.evaluation.tasks import load_bench
from canvasagent.policies.base import Reply
from canvasagent.protocol.conversation import Message
from craft_data import build, build_tasks
from helpers import ListPolicy, call, end, photo

ASK = {"role": "user", "content": "<image>Mirror it."}
GOOD = {"messages": [ASK], "images": ["a.png"]}


def text(item: object) -> bytes:
    return json.dumps(item).encode()


def good(**fields: Any) -> bytes:
    return text({**GOOD, **fields})


def nested(levels: int) -> bytes:
    return b'{"messages": ' + b"[" * levels + b"]" * levels + b"}"


BAD: dict[str, tuple[bytes, str]] = {
    "a message that is a number": (good(messages=[1, 2]), "odd message"),
    "a message that is null": (good(messages=[None]), "odd message"),
    "messages in an object": (good(messages={"a": 1}), "no messages"),
    "a role that is a list": (good(messages=[{"role": ["user"], "content": "<image>"}]), "odd message"),
    "ours without an id": (good(canvascraft={"chain": "Flip", "instruction": "x"}), "cannot be kept"),
    "ours with a number of pictures": (good(canvascraft={"other_images": 5}), "odd fields"),
    "a count that no column holds": (
        good(id="1", canvascraft={"chain": "Flip", "instruction": "x", "inputs": 2**40}),
        "cannot be kept",
    ),
    "a picture that is null": (good(images=[None]), "odd picture path"),
    "a picture with a name of 5,000 characters": (good(images=["x" * 5000]), "picture not found"),
    "a picture with half a character in its name": (good(images=["\ud800.png"]), "picture not found"),
    "a picture that is damaged": (good(images=["half.png"]), "picture unusable"),
    "a picture of 176,890,000 pixels": (good(images=["huge.png"]), "picture unusable"),
    "half a character in a message": (good(messages=[{**ASK, "content": "<image>\ud800"}]), "cannot be kept"),
    "a number": (b"5", "not an object"),
    "a list": (b"[1]", "not an object"),
    "100,000 levels": (nested(100_000), "nested too deep"),
    "500 levels": (nested(500), "nested too deep"),
    "a byte that is not UTF-8": (good().replace(b"Mirror", b"Mirr\xffr"), "not UTF-8"),
    "an object without its end": (b'{"messages": [', "not JSON"),
    "a quotation mark without its end": (b'{"messages": "x, "images": []}', "not JSON"),
    "a closing bracket": (b"}", "not JSON"),
    "no JSON": (b"(1; 2)", "not JSON"),
    "a number of 5,000 digits": (good(n=1)[:-2] + b"9" * 5000 + b"}", "not JSON"),
}
NEED_LINES = {"an object without its end", "a quotation mark without its end"}
"""Where these end in a list cannot be told unless each item begins on a line of its own."""


def blank(width: int, height: int) -> bytes:
    """A black PNG, made without holding its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packed = zlib.compress(bytes(width * 3 + 1) * 8)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    photo("coffee", 48).save(folder / "a.png")
    (folder / "half.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (folder / "huge.png").write_bytes(blank(13_300, 13_300))
    return folder


@pytest.mark.parametrize("form", ["lines", "list, an item a line", "list in one line", "indented list"])
def test_each_bad_item_is_rejected_and_the_rest_goes_on(pictures: Path, tmp_path: Path, form: str) -> None:
    kinds = {name: bad for name, bad in BAD.items() if form != "list in one line" or name not in NEED_LINES}
    items = [good(id="first")]
    for bad, _ in kinds.values():
        items += [bad, good()]
    if form == "lines":
        (pictures / "train.jsonl").write_bytes(b"\n".join(items))
    elif form == "indented list":
        written = [json.dumps(json.loads(item), indent=2).encode() if item == good() else item for item in items]
        lines = [b"\n  ".join(item.splitlines()) for item in written]
        (pictures / "train.json").write_bytes(b"[\n  " + b",\n  ".join(lines) + b"\n]\n")
    else:
        join = b",\n" if "line" in form and "one" not in form else b", "
        (pictures / "train.json").write_bytes(b"[" + join.join(items) + b"]")
    said = import_dataset(pictures, tmp_path / "out")
    with Dataset.open(tmp_path / "out") as dataset:
        rejected = dict(dataset.rejected())
    found = {index: rejection.reason.partition(":")[0] for index, rejection in rejected.items()}
    assert found == {2 * at + 1: reason for at, (_, reason) in enumerate(kinds.values())}
    assert said.counts == {"pictures": 1, "train": len(kinds) + 1, "rejected": len(kinds)}
    assert sum(said.rejected.values()) == len(kinds)
    assert all(record.record["source"].endswith(f"item {index + 1}") for index, record in rejected.items())  # type: ignore[index]
    assert all(len(rejection.reason) <= 500 for rejection in rejected.values())


@pytest.mark.parametrize(("message", "word"), [(1, "number"), ("x", "text"), (None, "null"), (True, "true/false")])
def test_a_reason_names_types_as_json_does(pictures: Path, tmp_path: Path, message: object, word: str) -> None:
    (pictures / "train.jsonl").write_bytes(good(messages=[message]) + b"\n" + good())
    import_dataset(pictures, tmp_path / "out")
    with Dataset.open(tmp_path / "out") as dataset:
        (rejection,) = dict(dataset.rejected()).values()
    assert f"this is {word}." in rejection.reason


def test_items_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    long = {"messages": [{"role": "user", "content": "[{" * CHUNK}]}
    file = tmp_path / "a.json"
    for join in (b",", b",\n"):
        file.write_bytes(b"[" + join.join([text(long), b"nonsense", text(long), nested(50_000), text(long)]) + b"]")
        assert [item.data == long for item in read_items(file)] == [True, False, True, False, True]


@pytest.mark.parametrize(("end", "troubles"), [(b'{"messages": [1', 1), (b"", 1), (b"]", 0), (b"]]", 1)])
def test_a_list_that_was_cut_off_is_noticed(tmp_path: Path, end: bytes, troubles: int) -> None:
    (tmp_path / "a.json").write_bytes(b"[" + good() + b"," + end)
    items = list(read_items(tmp_path / "a.json"))
    assert items[0].data == GOOD and [item.trouble is not None for item in items[1:]] == [True] * troubles


def test_nothing_but_bad_items(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "train.jsonl").write_bytes(good(images=["huge.png"]) + b"\n" + good(messages=[1]))
    assert main(["craft", "import", str(pictures), "--out", str(tmp_path / "out")]) == 3
    told = capsys.readouterr().out
    assert "Rejected: 2 (picture unusable 1, odd message 1)" in told and str(tmp_path / "out" / "rejected") in told


def test_the_limit_on_pixels_is_an_option(pictures: Path, tmp_path: Path) -> None:
    (pictures / "train.jsonl").write_bytes(good())
    width, height = photo("coffee", 48).size
    for name, less, counts in (("a", 1, {"rejected": 1}), ("b", 0, {"pictures": 1, "train": 1})):
        limit = str(width * height - less)
        main(["craft", "import", str(pictures), "--out", str(tmp_path / name), "--max-pixels", limit])
        with Dataset.open(tmp_path / name) as dataset:
            assert dataset.manifest.counts == counts
            for _, rejected in dataset.rejected():
                assert f"the limit is {int(limit):,}" in rejected.reason and "--max-pixels" in rejected.reason


def test_damaged_files_are_rejected_and_the_others_imported(pictures: Path, tmp_path: Path) -> None:
    (pictures / "train.jsonl").write_bytes(good())
    (pictures / "images.parquet").write_bytes(b"PAR1 no Parquet")
    (pictures / "test.json").write_bytes(b'[{"messages": [')
    said = import_dataset(pictures, tmp_path / "out")
    assert said.counts == {"pictures": 1, "train": 1, "rejected": 2} and said.rejected == {"damaged file": 2}
    with Dataset.open(tmp_path / "out") as dataset:
        assert {rejected.record["source"] for _, rejected in dataset.rejected()} == {"images.parquet", "test.json"}  # type: ignore[index]


def test_a_damaged_group_of_a_picture_shard_costs_its_items_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    photo("coffee", 48).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    rows = [{"image": data, "path": f"x/{at}.png"} for at in range(2)]
    shard = tmp_path / "in" / "s.parquet"
    pq.write_table(pa.Table.from_pylist(rows), shard, row_group_size=1, compression="none", use_dictionary=False)
    written = shard.read_bytes()
    shard.write_bytes(written.replace(b"x/0.png", b"\xff/0.png"))
    lines = [good(images=[f"x/{at}.png"]) for at in range(2)]
    (tmp_path / "in" / "train.jsonl").write_bytes(b"\n".join(lines))
    said = import_dataset(tmp_path / "in", tmp_path / "out")
    assert said.counts == {"pictures": 1, "train": 1, "rejected": 1}


def task(at: int, **fields: Any) -> dict[str, Any]:
    """A released row about `a.png`."""
    row = {
        "prompt": [{"role": "user", "content": f"<image>Write SALE on it. {at}"}],
        "reward_model": {"ground_truth": ["Overlay"]},
        "extra_info": {"index": at, "canvascraft": None, "checks": None},
        "images": [{"image": "a.png"}],
    }
    return {**row, **fields}


def test_bad_rows_of_parquet(pictures: Path, tmp_path: Path) -> None:
    rows = [
        task(0),
        task(1, prompt=None),
        task(2, extra_info={"index": 2, "canvascraft": "[" * 100_000, "checks": "[]"}),
        task(3, extra_info={"index": 3, "canvascraft": "{}", "checks": None}),
        task(4, images=[{"image": "huge.png"}]),
        task(5, prompt=[{"role": "user", "content": "<image>NOTUTF8 5"}]),
        task(6, extra_info={"index": 6, "canvascraft": '{"kind": "rl", "gold_steps": 99999999999}', "checks": "[]"}),
        task(7, prompt=[{"role": None, "content": None}]),
        task(8),
    ]
    file = pictures / "train.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file, compression="none", use_dictionary=False)
    file.write_bytes(file.read_bytes().replace(b"NOTUTF8", b"NOTUTF\xff"))
    said = import_dataset(pictures, tmp_path / "out")
    assert said.counts == {"pictures": 1, "train": 2, "rejected": 7}
    with Dataset.open(tmp_path / "out") as dataset:
        found = {index: rejection.reason.partition(":")[0] for index, rejection in dataset.rejected()}
    assert list(found) == [1, 2, 3, 4, 5, 6, 7] and found[5] == "not UTF-8" and found[4] == "picture unusable"
    bench = load_bench(str(file))  # bad rows are named, and do not end an evaluation of the others
    assert [item.task.instruction for item in bench.tasks] == ["Write SALE on it. 0", "Write SALE on it. 8"]
    assert [line.partition(":")[0] for line in bench.left_out] == [f"row {at}" for at in range(2, 9)]


def test_a_file_without_a_good_row_is_no_benchmark(pictures: Path) -> None:
    pq.write_table(pa.Table.from_pylist([task(0, prompt=None)]), pictures / "train.parquet")
    with pytest.raises(InputError, match="row 1: "):
        load_bench(str(pictures / "train.parquet"))


@pytest.mark.parametrize(
    ("labels", "tools"),
    [
        (["Grounding->Crop"], ("Grounding", "Crop")),
        (["Segmentation", "Super-Resolution"], ("SAM", "SR")),
        ("Grounding->Segmentation->Extract", ("Grounding", "SAM", "Extract")),
        ("Edit, OCR", ("ImageEdit", "OCR")),
    ],
)
def test_labels_of_the_release(labels: object, tools: tuple[str, ...], pictures: Path) -> None:
    rows = [task(0, reward_model={"ground_truth": labels})]
    pq.write_table(pa.Table.from_pylist(rows), pictures / "train.parquet")
    (item,) = load_bench(str(pictures / "train.parquet")).tasks
    assert item.task.expected_tools == tools


class Listening(ListPolicy):
    """Keeps the system prompts that it was shown."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(texts)
        self.prompts: list[str] = []

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        self.prompts.append(messages[0].text)
        return await super().act(messages, on_text)


def test_a_row_brings_its_own_system_prompt(pictures: Path, tmp_path: Path) -> None:
    system = {"role": "system", "content": "You are the agent. <tools>{}</tools>"}
    ask = {"role": "user", "content": "<image>Mirror it."}
    rows = [task(0, prompt=[system, ask]), task(1, prompt=[ask])]
    pq.write_table(pa.Table.from_pylist(rows), pictures / "test.parquet")
    own, plain = load_bench(str(pictures / "test.parquet")).tasks
    assert own.task.system_prompt == system["content"] and plain.task.system_prompt is None
    policy = Listening([call("Flip", image="img_1"), end()])
    run = Agent(policy, "lite").run(own.task, run_dir=tmp_path / "run")
    assert run.system_prompt == system["content"] and run.instruction == "Mirror it."
    assert policy.prompts == [system["content"]] * 2
    assert Trajectory.load(tmp_path / "run").task().system_prompt == system["content"]
    assert Agent(ListPolicy([end()]), "lite").run(plain.task).task().system_prompt is None


# ── any damage to an item ────────────────────────────────────────────────────────────────────────────────

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["<image>", "a.png"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], list[dict[str, Any]]]:
    """A folder with an export of trajectories, its items, and rows of exported tasks."""
    folder = tmp_path_factory.mktemp("exported")
    with Dataset.open(build(folder / "runs", 4)) as dataset:
        export(dataset, "sharegpt", folder / "sharegpt")
        export(dataset, "verl", folder / "of-runs")
    with Dataset.open(build_tasks(folder / "tasks", 3)) as dataset:
        export(dataset, "verl", folder / "verl")
    photo("coffee", 48).save(folder / "sharegpt" / "a.png")
    items = [item for file in (folder / "sharegpt").glob("*.json") for item in json.loads(file.read_text())]
    rows = [
        row for part in ("verl", "of-runs") for row in pq.read_table(folder / part / "train-00000.parquet").to_pylist()
    ]
    return folder / "sharegpt", [*items, GOOD], [*rows, task(0)]


def damaged(whole: dict[str, Any], random: random.Random, value: Any) -> dict[str, Any]:
    """A copy with `value` in the place of something in it, JSON in strings included."""
    changed = copy.deepcopy(whole)
    at: Any = changed
    while True:
        key = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
        inner = at[key]
        if isinstance(inner, dict | list) and inner and random.random() < 0.8:
            at = inner
            continue
        if key in ("canvascraft", "checks") and isinstance(inner, str) and random.random() < 0.8:
            held = json.loads(inner)
            at[key] = json.dumps(damaged(held, random, value) if isinstance(held, dict) and held else value)
        elif random.random() < 0.2 and isinstance(at, dict):
            del at[key]
        else:
            at[key] = value
        return changed


@settings(max_examples=60)
@given(data=st.data(), seed=st.randoms(use_true_random=False), value=json_values)
def test_a_damaged_item_is_a_record_or_is_rejected(
    exported: tuple[Path, list[dict[str, Any]], list[dict[str, Any]]],
    data: st.DataObject,
    seed: random.Random,
    value: Any,
) -> None:
    folder, items, rows = exported
    make, kind = data.draw(st.sampled_from([(trajectory_of, items), (task_of, rows)]))
    item = damaged(data.draw(st.sampled_from(kind)), seed, value)
    with PictureFinder([folder], [], []) as finder:
        try:
            record, pictures = make(item, "000000", "train", finder)
            row_of(0, record)
        except (UnusableItem, ValueError):
            return
    assert set(record.images) <= set(pictures)


@pytest.mark.parametrize("falling", [False, True])
def test_of_samples_that_are_prefixes_of_one_conversation_the_longest_counts(
    falling: bool, pictures: Path, tmp_path: Path
) -> None:
    chat = [ASK, {"role": "assistant", "content": call("OCR")}, {"role": "tool", "content": "OCR Results"}]
    chat += [{"role": "assistant", "content": call("Flip")}, {"role": "tool", "content": "Flipped"}]
    chat += [{"role": "assistant", "content": end()}]
    turns = [text({**GOOD, "messages": chat[: 2 * n], "extra_info": {"turn": n}}) for n in (1, 2, 3)]
    turns = turns[::-1] if falling else turns
    alone = text({**GOOD, "messages": chat[:2]})  # it does not tell a turn, so it is a sample of its own
    (pictures / "train.jsonl").write_bytes(b"\n".join([*turns, alone, *turns]))
    said = import_dataset(pictures, tmp_path / "out")
    assert said.counts == {"pictures": 1, "train": 3, "rejected": 4}
    assert said.rejected == {"prefix of another sample": 4}
    with Dataset.open(tmp_path / "out") as dataset:
        assert [record.tools for record in dataset.sft()] == [["OCR", "Flip"], ["OCR"], ["OCR", "Flip"]]
