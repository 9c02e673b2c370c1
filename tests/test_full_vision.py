"""Detection, segmentation and enlargement through the real loaders, on tiny checkpoints written by the real classes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from canvasagent.backends.full import grounding, sam, sr
from canvasagent.backends.full._residents import residents
from canvasagent.backends.missing_requirements import missing_requirements
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.errors import BackendFailure, ToolRefusal, WeightsError
from canvasagent.testing import check_backend
from full_models import flux_options, spandrel, tiny
from helpers import photo
from tiny_models import esrgan

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

DINO: dict[str, Any] = {"threshold": 0.0, "text_threshold": 0.0}


@pytest.fixture(autouse=True)
def _with_spandrel() -> None:
    spandrel()


@pytest.mark.parametrize(
    ("spec", "name"),
    [("full/sam", "sam"), ("full/sam", "sam2"), ("full/grounding", "grounding_dino"), ("full/sr", "esrgan")],
)
def test_they_keep_the_contract(spec: str, name: str) -> None:
    options: dict[str, Any] = {"source": tiny(name)}
    check_backend(spec, {**options, "batch_wait": 0.0, **(DINO if name == "grounding_dino" else {})})


def segment(name: str, **more: Any) -> sam.Backend:
    return sam.Backend(sam.Config(source=tiny(name), **more))


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_masks_in_a_batch_are_those_made_one_by_one(name: str) -> None:
    """Pictures of any size share a batch: the model sees them all in one square."""
    asks = [(photo(size=size), (5.0, 5.0, size / 2, size / 2)) for size in (40, 64, 150)]
    alone = [segment(name, batch=1)(image=image, box=box) for image, box in asks]
    together = segment(name, batch=3, batch_wait=1.0)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda ask: together(image=ask[0], box=ask[1]), asks))
    assert together._batcher.sizes == {3: 1}
    for one, other in zip(alone, made, strict=True):
        assert one.size == other.size and (np.asarray(one) != np.asarray(other)).mean() < 0.002
    assert 0 < np.asarray(alone[0]).mean() < 255  # neither nothing nor everything


def test_sam_2_as_it_is_published_gives_the_library_s_masks() -> None:
    """The published checkpoint is the one for videos; the library's own way with it is `Sam2Model.from_pretrained`."""
    import torch
    from transformers import Sam2Model

    picture, box = photo(size=64).resize((64, 64)), (10.0, 10.0, 40.0, 50.0)
    ours = np.asarray(segment("sam2_video")(image=picture, box=box)) > 0
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = ((np.asarray(picture) / 255 - mean) / deviation).transpose(2, 0, 1).astype(np.float32)
    model = Sam2Model.from_pretrained(tiny("sam2_video"))
    with torch.inference_mode():
        told = model(torch.from_numpy(pixels)[None], input_boxes=torch.tensor([[list(box)]]), multimask_output=False)
        large = torch.nn.functional.interpolate(told.pred_masks[:, 0], (64, 64), mode="bilinear")
    assert ((large[0, 0] > 0).numpy() != ours).mean() < 0.001 and 0 < ours.mean() < 1


def test_masks_are_those_of_the_library_itself() -> None:
    """Against SamProcessor and SamModel used as their documentation shows."""
    import torch
    from transformers import SamModel, SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    picture, box = photo(size=100).resize((100, 70)), (10.0, 10.0, 60.0, 50.0)
    model = SamModel.from_pretrained(tiny("sam"))
    processor = SamProcessor(SamImageProcessorPil.from_pretrained(tiny("sam")))
    given = processor(picture, input_boxes=[[list(box)]], return_tensors="pt")
    with torch.inference_mode():
        told = model(**given, multimask_output=False)
    masks = processor.image_processor.post_process_masks(
        told.pred_masks, given["original_sizes"], given["reshaped_input_sizes"]
    )
    theirs = masks[0][0, 0].numpy()
    ours = np.asarray(segment("sam")(image=picture, box=box)) > 0
    assert (theirs != ours).mean() < 0.01


def test_what_is_transparent_is_never_in_a_mask() -> None:
    cutout = photo(size=64).convert("RGBA")
    cutout.putalpha(Image.new("L", (64, 64)))
    assert not segment("sam")(image=cutout, box=(5.0, 5.0, 50.0, 50.0)).getbbox()


def find(**more: Any) -> grounding.Backend:
    return grounding.Backend(grounding.Config(source=tiny("grounding_dino"), **{**DINO, **more}))


def test_boxes_belong_to_the_phrases_that_were_named() -> None:
    found = find()(image=photo(size=80), phrase="The red circle, a cat")
    assert {item.label for item in found} <= {"The red circle", "a cat"} and found
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert all(0 <= item.box[0] < item.box[2] <= 80 and 0 <= item.box[1] < item.box[3] <= 80 for item in found)
    assert find(threshold=1.0)(image=photo(size=80), phrase="a cat") == []
    assert len(find(most=2)(image=photo(size=80), phrase="a cat")) == 2
    with pytest.raises(ToolRefusal, match="no word to look for"):
        find()(image=photo(size=80), phrase=" ., ")
    with pytest.raises(ToolRefusal, match="too long"):
        find()(image=photo(size=80), phrase="cat " * 100)


def test_confidence_is_the_librarys_own() -> None:
    """For a single phrase: the boxes and scores that the processor's own reading of the output gives."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    picture = photo(size=80)
    processor = AutoProcessor.from_pretrained(tiny("grounding_dino"))
    model = AutoModelForZeroShotObjectDetection.from_pretrained(tiny("grounding_dino"))
    given = processor(images=picture, text="a cat .", return_tensors="pt")
    with torch.inference_mode():
        told = model(**given)
    theirs = processor.post_process_grounded_object_detection(
        told, given["input_ids"], threshold=0.0, text_threshold=0.0, target_sizes=[(80, 80)]
    )[0]
    ours = find(overlap=1.0)(image=picture, phrase="a cat")
    boxes = theirs["boxes"].clamp(0, 80).numpy()
    assert ours and all(np.abs(boxes - item.box).max(axis=1).min() < 0.01 for item in ours)
    assert ours[0].score <= float(theirs["scores"].max()) + 1e-5


def test_searches_in_a_batch_find_what_they_find_one_by_one() -> None:
    asks = [(photo(size=80), "a cat"), (photo("coffee", 80).resize((80, 80)), "the red circle, a dog")]
    alone = [find(batch=1)(image=image, phrase=phrase) for image, phrase in asks]
    together = find(batch=2, batch_wait=1.0)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda ask: together(image=ask[0], phrase=ask[1]), asks))
    assert together._batcher.sizes == {2: 1}
    for one, other in zip(alone, made, strict=True):
        assert len(one) == len(other)
        for item, same in zip(one, other, strict=True):
            assert item.label == same.label and item.score == pytest.approx(same.score, abs=1e-3)
            assert item.box == pytest.approx(same.box, abs=0.1)


@pytest.mark.parametrize("name", ["sam", "sam2", "grounding_dino"])
def test_a_single_file_with_its_config_beside_it_is_the_same_model(name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny(name), tmp_path / name))
    file = (folder / "model.safetensors").rename(folder / "mine.safetensors")
    picture = photo(size=64)
    if name == "grounding_dino":
        single = grounding.Backend(grounding.Config(source=str(file), **DINO))
        assert single(image=picture, phrase="a cat") == find()(image=picture, phrase="a cat")
    else:
        box = (5.0, 5.0, 40.0, 40.0)
        other = sam.Backend(sam.Config(source=str(file)))
        assert other(image=picture, box=box).tobytes() == segment(name)(image=picture, box=box).tobytes()
    (folder / "config.json").unlink()
    residents().clear()
    with pytest.raises(WeightsError, match=r"no config\.json"):
        sam.Backend(sam.Config(source=str(file)))(image=picture, box=(5.0, 5.0, 40.0, 40.0))


def refused(source: Path | str, told: str, backend: Any = sam, **more: Any) -> None:
    made = backend.Backend(backend.Config(source=str(source), **more))
    with pytest.raises(WeightsError, match=told):
        made(image=photo(size=64), **({"box": (5.0, 5.0, 40.0, 40.0)} if backend is sam else {}))


def test_checkpoints_of_others_and_damaged_ones_are_told(tmp_path: Path) -> None:
    import torch

    refused(tiny("grounding_dino"), "a checkpoint of 'grounding-dino', and sam or sam2 or sam2_video is needed")
    folder = Path(shutil.copytree(tiny("sam"), tmp_path / "sam"))
    shutil.copy(Path(tiny("sam2")) / "model.safetensors", folder / "model.safetensors")
    refused(folder, "lacks .* of the model's weights|cannot be loaded")
    data = (Path(tiny("sam")) / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    refused(folder, "cut short")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    refused(folder, "allow_pickle")
    refused(folder, "lacks|cannot be loaded", allow_pickle=True)


def enlarge(**more: Any) -> sr.Backend:
    return sr.Backend(sr.Config(**{"source": tiny("esrgan"), **more}))


def test_tiles_give_what_the_whole_picture_gives() -> None:
    """The network of the test sees 21 pixels far; with an overlap of 32 tiles differ by rounding at most."""
    picture = photo(size=150).resize((150, 90))
    whole = np.asarray(enlarge(tile=512)(image=picture)).astype(int)
    for tile, batch in ((48, 1), (64, 4)):
        tiled = np.asarray(enlarge(tile=tile, overlap=32 if tile == 64 else 24, batch=batch)(image=picture))
        assert np.abs(tiled - whole).max() <= 1
    assert whole.shape == (360, 600, 3) and whole.std() > 1


def test_where_memory_is_short_smaller_tiles_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is played by a limit on what the network is given; the error is torch's own."""
    import torch

    picture, run, sides = photo(size=150), sr._run, []

    def limited(network: Any, tiles: Any) -> Any:
        sides.append(max(tiles.shape[1:3]))
        if sides[-1] > 100:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return run(network, tiles)

    whole = np.asarray(enlarge()(image=picture)).astype(int)
    monkeypatch.setattr(sr, "_run", limited)
    less = np.asarray(enlarge(tile=256, overlap=16)(image=picture))
    assert sides[0] == 150 and max(sides[2:]) <= 100 and np.abs(less - whole).max() <= 1
    with pytest.raises(BackendFailure, match="memory does not suffice for a picture of 150 × 150"):
        enlarge(tile=1024, overlap=100)(image=picture)


def test_transparency_is_enlarged_and_hidden_colours_do_not_bleed() -> None:
    cutout = Image.new("RGBA", (48, 48), (0, 255, 0, 0))
    cutout.paste((200, 30, 30, 255), (12, 12, 36, 36))
    hidden = cutout.copy()
    hidden.paste((0, 0, 255, 0), (0, 0, 10, 48))
    made = enlarge()(image=cutout)
    assert made.mode == "RGBA" and made.size == (192, 192) and made.getchannel("A").getextrema() == (0, 255)
    assert made.tobytes() == enlarge()(image=hidden).tobytes()


def test_networks_that_do_not_fit_are_told(tmp_path: Path) -> None:
    refused(esrgan(tmp_path / "x2.safetensors", scale=2), "does not enlarge 4 times", sr)
    refused(Path(tiny("sam")) / "model.safetensors", "cannot be loaded: Unsupported", sr)
    pickled = esrgan(tmp_path / "x4.pth")
    refused(pickled, "allow_pickle", sr)
    picture = photo(size=40)
    trusted = enlarge(source=str(pickled), allow_pickle=True)
    assert trusted(image=picture).tobytes() == enlarge()(image=picture).tobytes()
    data = Path(tiny("esrgan")).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[:-100])
    refused(tmp_path / "cut.safetensors", "cut short", sr)


def test_a_profile_with_weights_lacks_nothing() -> None:
    own = {"ImageGeneration": flux_options(), "ImageEdit": flux_options(), "SR": {"source": tiny("esrgan")}}
    own |= {"SAM": {"source": tiny("sam")}, "Grounding": {"source": tiny("grounding_dino")}}
    assert missing_requirements(load_profile(Profile(name="mine", extends="full", options=own))) == {}
