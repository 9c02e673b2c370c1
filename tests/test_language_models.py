"""Language models of this process: loading, refusals, conversations as tokens. Tiny models of the real classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent.canvas import Asset, Kind
from canvasagent.errors import WeightsError
from canvasagent.protocol.conversation import Message

pytest.importorskip("torch")
pytest.importorskip("trl")

from canvasagent.language_models.load import LanguageModel, load_model
from canvasagent.language_models.tokens import observation_tokens, prompt_tokens, seen, turn_text
from tiny_chat_models import tiny_chat

KINDS = ("text", "vision")
PIXELS = 64 * 64


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return load_model(tiny_chat(request.param), device="cpu")


def asset(width: int = 100, height: int = 60) -> Asset:
    return Asset("img_1", Kind.IMAGE, Image.new("RGB", (width, height), "red"), "key", None)


def opening() -> list[Message]:
    return [Message("system", "You act."), Message("user", "mirror it", (asset(),))]


def test_a_conversation_piece_by_piece_is_the_rendered_whole(model: LanguageModel) -> None:
    """Prompt, turn with its end, and observation are the tokens of the conversation as the template has it."""
    turn = "<reason>mirror</reason>\n<Terminate>"
    seen = Message("tool", "Flipped. <b>\n[now imglist is {img_1}]", (asset(40, 40),))
    ids, pictures = prompt_tokens(model, opening(), PIXELS)
    written = model.tokenizer(turn + model.tokenizer.eos_token, add_special_tokens=False)["input_ids"]
    more, later = observation_tokens(model, seen, True, PIXELS)
    whole, every = prompt_tokens(model, [*opening(), Message("assistant", turn), seen], PIXELS)
    assert ids + written + more == whole
    assert [one.size for one in pictures + later] == [one.size for one in every] == ([] if not model.vision else
                                                                                     [(82, 49), (40, 40)])  # fmt: skip


def test_a_turn_that_was_cut_off_is_ended_before_the_observation(model: LanguageModel) -> None:
    seen = Message("tool", "Flipped.")
    ended, _ = observation_tokens(model, seen, True, PIXELS)
    cut, _ = observation_tokens(model, seen, False, PIXELS)
    assert cut == [model.tokenizer.eos_token_id, *ended]


def test_the_end_of_a_turn_is_no_part_of_its_text(model: LanguageModel) -> None:
    ids = model.tokenizer("done <Terminate>", add_special_tokens=False)["input_ids"]
    assert turn_text(model, [*ids, model.tokenizer.eos_token_id]) == turn_text(model, ids) == "done <Terminate>"


def test_each_picture_has_the_tokens_of_its_size(model: LanguageModel) -> None:
    if not model.vision:
        pytest.skip("the model reads no pictures")
    ids, pictures = prompt_tokens(model, opening(), PIXELS)
    grid = model.processor.image_processor(images=pictures, return_tensors="pt")["image_grid_thw"]
    merged = model.processor.image_processor.merge_size**2
    assert ids.count(model.processor.image_token_id) == int(grid.prod(dim=1).sum()) // merged


def test_what_is_transparent_is_white_to_the_model() -> None:
    """The colours that hide behind transparency are not shown."""
    cutout = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    cutout.paste((0, 0, 255, 255), (0, 0, 20, 20))
    view = seen(Asset("Extract_0", Kind.CUTOUT, cutout, "key"), PIXELS)
    assert view.mode == "RGB" and view.getpixel((10, 10)) == (0, 0, 255) and view.getpixel((30, 10)) == (255,) * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 900), (2000, 2000)])
def test_a_picture_of_any_shape_can_be_read(model: LanguageModel, size: tuple[int, int]) -> None:
    message = Message("user", "look", (asset(*size),))
    ids, pictures = prompt_tokens(model, [message], PIXELS)
    assert ids and len(pictures) == (1 if model.vision else 0)


def test_a_saved_processor_is_one_that_the_library_knows(tmp_path: Path) -> None:
    """Its name is the library's, and the part for videos, which is not needed here, is handed on."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_chat("vision"), folder)
    (folder / "video_preprocessor_config.json").write_text('{"video_processor_type": "Qwen3VLVideoProcessor"}', "utf-8")
    load_model(folder, device="cpu").processor.save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "processor_config.json").read_text("utf-8"))
    assert written["processor_class"] == "Qwen3VLProcessor"
    videos = json.loads((tmp_path / "saved" / "video_preprocessor_config.json").read_text("utf-8"))
    assert videos == {"video_processor_type": "Qwen3VLVideoProcessor"}


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _edit(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        data = json.loads((folder / name).read_text("utf-8"))
        change(data)
        (folder / name).write_text(json.dumps(data), "utf-8")

    return spoil


def _without_picture_token(folder: Path) -> None:
    for file in folder.glob("*.json"):
        file.write_text(file.read_text("utf-8").replace("<|image_pad|>", "<|other|>"), "utf-8")


def _adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}", "utf-8")


def _without_a_weight(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def _with_more_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<one more>"])
    tokenizer.save_pretrained(folder)


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("kind", "spoil", "message"),
    [
        ("text", _drop("config.json"), "no config.json"),
        ("text", _drop("model.safetensors"), "holds no weights"),
        ("text", _cut, "cut short or damaged"),
        ("text", _adapter, "holds an adapter alone"),
        ("text", _without_a_weight, "lacks 1 of the model's weights"),
        ("text", _with_more_tokens, "do not belong together"),
        ("text", _drop("chat_template.jinja"), "no chat template"),
        ("text", _edit("config.json", lambda data: data.pop("model_type")), "not a model's config"),
        ("vision", _without_picture_token, r"has no <\|image_pad\|>"),
    ],
)
def test_what_is_no_chat_model_is_refused_in_words(
    tmp_path: Path, kind: str, spoil: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_chat(kind), folder)
    spoil(folder)
    with pytest.raises(WeightsError, match=message):
        load_model(folder, device="cpu")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there are no weights at"):
        load_model(tmp_path / "nothing")
