"""Generation and editing through the real pipeline, on a tiny checkpoint written by the real classes."""

from __future__ import annotations

import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from canvasagent import Agent, ToolBox
from canvasagent.backends.full import image_edit, image_generation
from canvasagent.backends.full._residents import residents
from canvasagent.backends.profile import Profile
from canvasagent.errors import BackendFailure, ToolRefusal, WeightsError
from canvasagent.testing import check_backend
from full_models import flux_options, tiny
from helpers import ListPolicy, call, end, photo
from tiny_models import published_transformer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

TOLERANCE = 1
"""Levels out of 255 by which a picture made in a batch may differ from the same made by itself, in float32."""


def generation(**more: Any) -> image_generation.Backend:
    return image_generation.Backend(image_generation.Config(**flux_options(**more)))


def edit(**more: Any) -> image_edit.Backend:
    return image_edit.Backend(image_edit.Config(**flux_options(**more)))


def apart(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


def test_generation_keeps_the_contract() -> None:
    check_backend("full/image_generation", flux_options(size=(64, 64)), [{"prompt": "a cat", "size": [100, 30]}])


def test_editing_keeps_the_contract() -> None:
    masked = {"image": "img_1", "edit_prompt": "make it black and white", "masked_image": "SAM_0"}
    check_backend("full/image_edit", flux_options(steps=1), [masked, {**masked, "references": ["img_2", "Extract_0"]}])


def test_the_seed_decides_and_the_size_is_the_one_asked_for() -> None:
    backend = generation()
    first = backend(prompt="a red circle", size=(70, 90), seed=1)
    assert first.size == (70, 90) and first.mode == "RGB"
    assert backend(prompt="a red circle", size=(70, 90), seed=1).tobytes() == first.tobytes()
    assert apart(backend(prompt="a red circle", size=(70, 90), seed=2), first) > 0
    assert apart(backend(prompt="a blue square", size=(70, 90), seed=1), first) > 0
    with pytest.raises(ToolRefusal, match="8 times as long"):
        backend(prompt="x", size=(900, 100), seed=1)


def test_both_tools_share_one_set_of_weights() -> None:
    residents().clear()
    picture = generation()(prompt="a cat", size=(64, 64), seed=1)
    edit()(image=picture, prompt="a dog", mask=None, seed=1)
    assert len(residents()) == 1


def test_a_batch_gives_what_each_call_gives_by_itself() -> None:
    asks = [("a red circle", 1), ("a blue square on the sky", 2), ("a cat", 3), ("a cat", 4)]
    alone = [generation(batch=1)(prompt=prompt, size=(64, 64), seed=seed) for prompt, seed in asks]
    together = generation(batch=4, batch_wait=1.0)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda ask: together(prompt=ask[0], size=(64, 64), seed=ask[1]), asks))
    assert together._batcher.sizes == {4: 1}
    assert max(apart(one, other) for one, other in zip(alone, made, strict=True)) <= TOLERANCE
    assert apart(made[2], made[3]) > TOLERANCE


def test_where_memory_is_short_a_batch_is_done_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is played by a limit on the batch; the error is torch's own."""
    import torch

    from canvasagent.backends.full import _flux

    residents().clear()  # nothing idle that could make room
    call, sizes = _flux._call, []

    def limited(settings: Any, pipelines: Any, asks: Any) -> Any:
        sizes.append(len(asks))
        if len(asks) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return call(settings, pipelines, asks)

    backend = generation(batch=3, batch_wait=1.0)
    alone = [backend(prompt="a cat", size=(64, 64), seed=seed) for seed in range(3)]
    monkeypatch.setattr(_flux, "_call", limited)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda seed: backend(prompt="a cat", size=(64, 64), seed=seed), range(3)))
    residents().clear()  # this one saves memory from now on
    assert sizes == [3, 1, 1, 1] and max(apart(*pair) for pair in zip(alone, made, strict=True)) <= TOLERANCE


def test_edits_of_one_picture_share_a_batch_and_those_of_others_do_not() -> None:
    backend, picture = edit(batch=4, batch_wait=0.5), photo(size=64)
    asks = [(picture, "make it blue", 1), (picture, "make it green", 2), (picture.rotate(90), "make it blue", 1)]
    alone = [edit(batch=1)(image=image, prompt=prompt, mask=None, seed=seed) for image, prompt, seed in asks]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda ask: backend(image=ask[0], prompt=ask[1], mask=None, seed=ask[2]), asks))
    assert backend._batcher.sizes == {2: 1, 1: 1}
    assert max(apart(one, other) for one, other in zip(alone, made, strict=True)) <= TOLERANCE


@pytest.mark.parametrize("size", [(64, 64), (97, 61), (300, 30), (400, 300)])
def test_a_mask_changes_only_what_it_covers(size: tuple[int, int]) -> None:
    picture, mask = photo(size=400).resize(size), Image.new("L", size)
    box = (size[0] // 4, size[1] // 4, size[0] // 2, size[1] * 3 // 4)
    mask.paste(255, box)
    made = edit()(image=picture, prompt="make it blue", mask=mask, seed=1)
    before, after, inside = np.asarray(picture), np.asarray(made), np.asarray(mask) > 0
    assert made.size == size and (before[~inside] == after[~inside]).all()
    assert (before[inside] != after[inside]).any(axis=-1).mean() > 0.5
    assert edit()(image=picture, prompt="x", mask=Image.new("L", size), seed=1).tobytes() == picture.tobytes()


def test_references_are_seen() -> None:
    backend, picture, mask = edit(), photo(size=64), Image.new("L", (64, 64), 255)
    plain = backend(image=picture, prompt="make it blue", mask=None, seed=1)
    others = [photo("coffee", 40), photo("chelsea", 90).resize((200, 20))]
    for count in (1, 2):
        seen = backend(image=picture, prompt="make it blue", mask=None, seed=1, references=others[:count])
        assert seen.size == picture.size and apart(seen, plain) > 0
        masked = backend(image=picture, prompt="make it blue", mask=mask, seed=1, references=others[:count])
        assert masked.size == picture.size
    with pytest.raises(ToolRefusal, match="no more than 3 of the 4 references"):
        backend(image=picture, prompt="make it blue", mask=None, seed=1, references=others * 2)


def test_an_agent_gives_references_and_their_order_counts() -> None:
    given = [photo(size=64), photo("coffee", 40), photo("chelsea", 90)]
    asked = {"image": "img_1", "edit_prompt": "as the second picture"}
    turns = [
        call("ImageEdit", **asked),
        call("ImageEdit", **asked, references=["img_2", "img_3"]),
        call("ImageEdit", **asked, references='["img_3", "img_2"]'),
        call("ImageEdit", **asked, references=["img_2", "img_4"]),
        end(),
    ]
    profile = Profile(name="mine", backends={"ImageEdit": "full/image_edit"}, options={"ImageEdit": flux_options()})
    with ToolBox(profile) as box:
        run = Agent(ListPolicy(turns), box).run("mix", given)
    made = [run.picture(f"ImageEdit_{number}") for number in range(3)]
    assert all(apart(one, other) > TOLERANCE for one, other in itertools.combinations(made, 2))
    lineage = run.record_of("ImageEdit_1").lineage
    assert lineage is not None and lineage.parents == ["img_1", "img_2", "img_3"]
    direct = edit()(image=given[0], prompt="as the second picture", mask=None, seed=lineage.seed, references=given[1:])
    assert direct.tobytes() == made[1].tobytes()
    assert "'img_4'" in str(run.turns[3].observation)


def test_another_precision() -> None:
    made = generation(dtype="bfloat16")(prompt="a cat", size=(64, 64), seed=1)
    assert made.size == (64, 64) and np.asarray(made).std() > 0


def test_a_single_file_holds_the_transformer_and_a_folder_the_rest(tmp_path: Path) -> None:
    whole = generation()(prompt="a cat", size=(64, 64), seed=1)
    file = Path(tiny("flux")) / "transformer" / "diffusion_pytorch_model.safetensors"
    own = shutil.copy(file, tmp_path / "mine.safetensors")
    single = generation(source=str(own), base=tiny("flux"))
    assert single(prompt="a cat", size=(64, 64), seed=1).tobytes() == whole.tobytes()


def test_a_single_file_in_the_publishers_layout_is_the_same_model(tmp_path: Path) -> None:
    file = published_transformer(Path(tiny("flux")), tmp_path / "flux-2-klein-4b.safetensors")
    whole = generation()(prompt="a cat", size=(64, 64), seed=1)
    assert generation(source=str(file), base=tiny("flux"))(prompt="a cat", size=(64, 64), seed=1) == whole


def damaged(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny("flux"), tmp_path / "flux"))


def refused(source: Path | str, told: str, **more: Any) -> None:
    with pytest.raises(WeightsError, match=told):
        generation(source=str(source), **more)(prompt="a cat", size=(64, 64), seed=1)


def test_what_is_no_such_pipeline_is_told(tmp_path: Path) -> None:
    refused(tiny("sam"), "no model_index.json: it is no checkpoint")
    folder = damaged(tmp_path)
    index = (folder / "model_index.json").read_text()
    (folder / "model_index.json").write_text(index.replace('"Flux2KleinPipeline"', '"FluxPipeline"'))
    refused(folder, "a checkpoint of 'FluxPipeline', and Flux2KleinPipeline is needed")


def test_a_part_that_is_missing_or_cut_short_is_told(tmp_path: Path) -> None:
    folder = damaged(tmp_path)
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    refused(folder, "cut short")
    file.unlink()
    refused(folder, "holds no weights")
    shutil.rmtree(folder / "vae")
    shutil.rmtree(folder / "transformer")
    refused(folder, "lacks the part '(vae|transformer)'")


def test_weights_of_another_size_or_pickled_are_told(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = damaged(tmp_path)
    encoder = folder / "text_encoder"
    shutil.copy(Path(tiny("sam")) / "model.safetensors", encoder / "model.safetensors")
    refused(folder, "cannot be loaded|lacks")
    (encoder / "model.safetensors").unlink()
    shutil.copy(Path(tiny("flux")) / "text_encoder" / "model.safetensors", encoder)
    decoder = folder / "vae" / "diffusion_pytorch_model.safetensors"
    state = load_file(decoder)
    state.pop("decoder.conv_out.weight")
    save_file(state, decoder)
    refused(folder, "lacks|cannot be loaded")
    (encoder / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(1)}, encoder / "pytorch_model.bin")
    refused(folder, "allow_pickle")
    refused(Path(tiny("sam")) / "model.safetensors", "cannot be loaded|another size", base=tiny("flux"))


def test_a_device_that_is_not_here_is_told() -> None:
    with pytest.raises(BackendFailure, match="no device 'cuda:7' here"):
        generation(device="cuda:7")(prompt="a cat", size=(64, 64), seed=1)
