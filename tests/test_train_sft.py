"""SFT on tiny models of the real classes: labels, pictures, resuming, what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canvasagent.errors import InputError, StorageError, TrainingDiverged

pytest.importorskip("trl", reason="the extra train is not installed here; make test-train installs it")

from canvasagent.craft.store import Dataset
from canvasagent.language_models.load import LanguageModel, load_model
from canvasagent.training import sft_data
from canvasagent.training.page import PAGE, read_metrics
from canvasagent.training.sft import train_sft
from canvasagent.training.sft_config import SftSettings
from canvasagent.training.sft_data import EMPTY_THOUGHT, IGNORED, Collator, Trajectories, encode
from craft_data import build
from training_helpers import QUIET, model, root, short_prompt, torch

pytestmark = QUIET
KINDS = ("text", "vision")
PIXELS = 1024


@pytest.fixture(scope="module")
def data() -> Path:
    return build(root() / "trajectories")


@pytest.fixture(params=KINDS)
def language_model(request: pytest.FixtureRequest) -> LanguageModel:
    return load_model(model(request.param), device="cpu")


def settings(**more: Any) -> SftSettings:
    values: dict[str, Any] = {
        "epochs": 1,
        "batch_size": 2,
        "micro_batch": 2,
        "learning_rate": 1e-2,
        "view_pixels": PIXELS,
        "device": "cpu",
        "recompute": False,
        "system_prompt": short_prompt(),
        "warmup": 0.0,
    }
    return SftSettings(**{**values, **more})


def metrics(out: Path) -> list[dict[str, float]]:
    lines = [line for line in read_metrics(out) if "loss" in line]
    return [{name: value for name, value in line.items() if "time" not in name} for line in lines]


@pytest.mark.parametrize("empty_thought", [False, True])
def test_the_labels_are_the_turns_of_the_policy(data: Path, language_model: LanguageModel, empty_thought: bool) -> None:
    """Decoded, the tokens with loss are the recorded turns, each with its end, and nothing else."""
    with Dataset.open(data) as dataset:
        recorded = [one for one in dataset.sft("train")]
    train = Trajectories(data, "train")
    for number, one in enumerate(recorded):
        encoded = encode(language_model, train.read(number), PIXELS, empty_thought)
        learned = [token for token in encoded.labels if token != IGNORED]
        turns = [message.content for message in one.messages if message.role == "assistant"]
        start, end = EMPTY_THOUGHT if empty_thought else "", language_model.tokenizer.eos_token
        assert language_model.tokenizer.decode(learned) == "".join(f"{start}{turn}{end}" for turn in turns)
        assert all(label in (IGNORED, token) for token, label in zip(encoded.ids, encoded.labels, strict=True))


def test_a_trajectory_is_what_the_chat_template_makes_of_it(data: Path, language_model: LanguageModel) -> None:
    """Piece by piece or as a whole: the same tokens, up to what follows the last turn's end."""
    from canvasagent.language_models.tokens import prompt_tokens

    train = Trajectories(data, "train")
    messages = train.read(0)
    encoded = encode(language_model, messages, PIXELS)
    whole, pictures = prompt_tokens(language_model, messages, PIXELS)
    assert whole[: len(encoded.ids)] == encoded.ids
    assert len(pictures) == len(encoded.pictures) == (3 if language_model.vision else 0)


def test_a_batch_has_the_pictures_of_all_messages(data: Path) -> None:
    """Those of tools, too: as many placeholder tokens as the pixel values have merged patches."""
    seeing = load_model(model("vision"), device="cpu")
    train = Trajectories(data, "train")
    batch = Collator(seeing, [train], PIXELS, False)([{"split": 0, "number": number} for number in range(3)])
    merged = seeing.processor.image_processor.merge_size**2
    pictures = (batch["input_ids"] == seeing.processor.image_token_id).sum()
    assert int(batch["image_grid_thw"].prod(dim=1).sum()) // merged == int(pictures) == int(
        batch["mm_token_type_ids"].sum()
    )  # fmt: skip
    assert len(batch["image_grid_thw"]) == sum(len(train.read(number)[1].assets) for number in range(3)) + sum(
        len(message.assets) for number in range(3) for message in train.read(number)[2:]
    )
    assert batch["labels"].shape == batch["input_ids"].shape == batch["attention_mask"].shape


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls_and_the_model_is_loaded_again(tmp_path: Path, data: Path, kind: str) -> None:
    trained = train_sft(model(kind), data, tmp_path / "out", settings(epochs=4, eval_steps=4))
    lines = metrics(trained.out)
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"] and trained.steps == len(lines)
    assert any("eval_loss" in line for line in read_metrics(trained.out))
    assert "eval_loss" in (trained.out / PAGE).read_text("utf-8")
    again = load_model(trained.model, "cpu")
    assert again.contract is not None and again.contract.system_prompt == "You call tools."
    old = dict(load_model(model(kind), "cpu").model.named_parameters())
    changed = {name for name, value in again.model.named_parameters() if not torch.equal(value, old[name])}
    assert changed and not [name for name in changed if ".visual." in name], "the vision tower stays as it was"


def test_the_vision_tower_is_trained_where_that_is_asked_for(tmp_path: Path, data: Path) -> None:
    trained = train_sft(model("vision"), data, tmp_path / "out", settings(train_vision=True, max_steps=1))
    old = dict(load_model(model("vision"), "cpu").model.named_parameters())
    after = load_model(trained.model, "cpu").model
    assert [
        name for name, value in after.named_parameters() if ".visual." in name and not torch.equal(value, old[name])
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_goes_on_to_the_same_losses(
    tmp_path: Path, data: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(epochs=2, save_steps=2)
    train_sft(model(kind), data, tmp_path / "whole", chosen)
    calls, collate = [0], Collator.__call__

    def killed(collator: Collator, rows: Any) -> Any:
        calls[0] += 1
        if calls[0] > 4:
            raise KeyboardInterrupt
        return collate(collator, rows)

    monkeypatch.setattr(Collator, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        train_sft(model(kind), data, tmp_path / "parts", chosen)
    monkeypatch.undo()
    train_sft(model(kind), data, tmp_path / "parts", chosen)
    whole, parts = metrics(tmp_path / "whole"), metrics(tmp_path / "parts")
    resumed = {line["step"]: line["loss"] for line in parts}
    assert len(parts) > len(resumed) or len(parts) == len(whole)
    assert resumed == {line["step"]: line["loss"] for line in whole}


def test_what_is_too_long_is_left_out_whole_and_counted(tmp_path: Path, data: Path) -> None:
    train = Trajectories(data, "train")
    short = load_model(model("text"), "cpu")
    counts = [len(encode(short, train.read(number), PIXELS).ids) for number in range(len(train))]
    most = sorted(counts)[0]
    trained = train_sft(
        model("text"), data, tmp_path / "out", settings(max_tokens=most, max_steps=1, system_prompt=None, batch_size=1,
                                                        micro_batch=1)
    )  # fmt: skip
    assert trained.records == sum(count <= most for count in counts) < len(counts)
    assert f"more than {most:,}" in trained.left_out[0] and len(trained.left_out) == len(counts) - trained.records


def test_a_record_with_a_damaged_picture_is_left_out(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Dataset.open(data) as dataset:
        first = next(dataset.sft("train"))
    read = Dataset.picture

    def damaged(dataset: Dataset, key: str) -> Any:
        if key == first.images[-1]:
            raise StorageError(f"picture {key[:12]}… is damaged")
        return read(dataset, key)

    monkeypatch.setattr(Dataset, "picture", damaged)
    trained = train_sft(model("text"), data, tmp_path / "out", settings(max_steps=1, batch_size=1, micro_batch=1))
    assert trained.left_out[0].startswith(f"record {first.id}: picture {first.images[-1][:12]}")


def test_a_loss_that_is_no_number_stops_and_keeps_its_batch(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import SFTTrainer

    lose = SFTTrainer.compute_loss

    def spoiled(*arguments: Any, **options: Any) -> Any:
        return lose(*arguments, **options) * float("nan")

    monkeypatch.setattr(SFTTrainer, "compute_loss", spoiled)
    with pytest.raises(TrainingDiverged, match=r"the loss of step 1 is nan"):
        train_sft(model("text"), data, tmp_path / "out", settings())
    assert "labels" in torch.load(tmp_path / "out" / "diverged.pt")


def test_a_model_without_vision_reads_no_pictures(data: Path) -> None:
    blind = load_model(model("text"), "cpu")
    assert encode(blind, Trajectories(data, "train").read(0), PIXELS).pictures == []


def test_data_of_another_kind_is_refused(tmp_path: Path, data: Path) -> None:
    from training_helpers import tasks

    with pytest.raises(InputError, match="SFT trains on trajectories"):
        train_sft(model("text"), tasks(), tmp_path / "out", settings())
    with pytest.raises(InputError, match="no trajectory in its split nothing"):
        Trajectories(data, "nothing")
    with pytest.raises(InputError, match=r"holds another training .learning_rate"):
        train_sft(model("text"), data, tmp_path / "out", settings(max_steps=1))
        train_sft(model("text"), data, tmp_path / "out", settings(max_steps=1, learning_rate=0.5))


def test_placeholders_and_pictures_must_agree() -> None:
    from canvasagent.craft.records import ChatMessage

    one = [ChatMessage(role="user", content="<image>\nhello")]
    with pytest.raises(InputError, match="fewer pictures"):
        sft_data.conversation(one, [])


def test_the_record_says_what_was_run(tmp_path: Path, data: Path) -> None:
    trained = train_sft(model("text"), data, tmp_path / "out", settings(max_steps=1))
    kept = json.loads((trained.out / "training.json").read_text("utf-8"))
    assert kept["settings"]["data"] == str(data) and "CPU" in kept["device"] and kept["packages"]["trl"]
