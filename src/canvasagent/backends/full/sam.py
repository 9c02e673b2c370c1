"""SAM: Segment Anything (ViT-H) or SAM 2 by transformers; which of them is read from the checkpoint.

Sources: A. Kirillov et al., "Segment Anything", 2023; N. Ravi et al., "SAM 2: Segment Anything in Images and
Videos", 2024. Pictures are prepared here, so that neither needs torchvision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.backends.full._loading import CALLS, Loading, missing_requirements
from canvasagent.backends.full._vision import Loaded, use
from canvasagent.concurrency.batching import MicroBatcher
from canvasagent.imaging.geometry import PixelBox, Size
from canvasagent.imaging.masks import opaque
from canvasagent.weights.framework import framework

KINDS = {"sam": "SamModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""SAM 2 is published as a video model, of which the part for single pictures is used."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Config(Loading):
    """The model, and how its output becomes a mask."""

    source: str = "facebook/sam-vit-huge"
    """SAM, or SAM 2: facebook/sam2.1-hiera-large."""
    several: bool = False
    """Predict three masks and take the one with the highest predicted IoU, instead of a single mask."""
    threshold: float = Field(default=0.0)
    """The logit above which a pixel is in the mask."""


@dataclass(frozen=True)
class _Request:
    """One call: a picture and the box of an object in it."""

    picture: Image.Image
    box: PixelBox


class Backend:
    """Segments the object in a box; concurrent calls share a batch."""

    tool = "SAM"
    version = "1"
    stochastic = False
    may_hang = False
    waits = CALLS

    def __init__(self, config: Config) -> None:
        self.config = config
        self._batcher: MicroBatcher[_Request, Image.Image] = MicroBatcher(self._masks, config.batch, config.batch_wait)

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What is missing on this machine for this backend, each with how to get it."""
        return missing_requirements(config, "transformers")

    def __call__(self, *, image: Image.Image, box: PixelBox) -> Image.Image:
        """The mask (L, 0 or 255, size of `image`) of the object in `box`; transparent pixels are never in it."""
        mask = self._batcher(_Request(opaque(image), box))
        if image.mode == "RGBA":
            seen = image.getchannel("A").point([0] * 128 + [255] * 128)
            mask = Image.composite(mask, Image.new("L", mask.size), seen)
        return mask

    def _masks(self, requests: Sequence[_Request]) -> list[Image.Image]:
        def work(loaded: Loaded, level: int) -> list[Image.Image]:
            size = max(1, len(requests) >> (2 * level))
            parts = [requests[start : start + size] for start in range(0, len(requests), size)]
            return [mask for part in parts for mask in self._batch(loaded, part)]

        return use(self.config, KINDS, work, 1, "a mask", _normalisation)

    def _batch(self, loaded: Loaded, requests: Sequence[_Request]) -> list[Image.Image]:
        torch = framework()
        side, square = _side(loaded), loaded.kind != "sam"
        mean, std = loaded.beside
        shown = [_shown(request.picture.size, side, square) for request in requests]
        pixels = np.zeros((len(requests), 3, side, side), np.float32)
        boxes = np.zeros((len(requests), 1, 4), np.float32)
        for index, (request, (width, height)) in enumerate(zip(requests, shown, strict=True)):
            small = np.asarray(request.picture.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
            pixels[index, :, :height, :width] = ((small - mean) / std).transpose(2, 0, 1)
            across, down = width / request.picture.width, height / request.picture.height
            boxes[index, 0] = np.multiply(request.box, (across, down, across, down))
        inputs = {
            "pixel_values": torch.from_numpy(pixels).to(loaded.device, loaded.dtype),
            "input_boxes": torch.from_numpy(boxes).to(loaded.device, loaded.dtype),
        }
        output = loaded.model(**inputs, multimask_output=self.config.several)
        logits, scores = output.pred_masks[:, 0].float(), output.iou_scores[:, 0].float()
        return [
            self._mask(logits[index, int(scores[index].argmax())], side, shown[index], request.picture.size)
            for index, request in enumerate(requests)
        ]

    def _mask(self, logits: Any, side: int, shown: Size, size: Size) -> Image.Image:
        """The mask at the picture's size, from the model's low-resolution logits."""
        torch = framework()
        resize = torch.nn.functional.interpolate
        large = resize(logits[None, None], (side, side), mode="bilinear", align_corners=False)
        cut = large[..., : shown[1], : shown[0]]
        whole = resize(cut, (size[1], size[0]), mode="bilinear", align_corners=False)[0, 0]
        inside = (whole > self.config.threshold).cpu().numpy()
        return Image.fromarray(inside.astype(np.uint8) * np.uint8(255))


def _side(loaded: Loaded) -> int:
    """The side of the model's square input, in pixels."""
    if loaded.kind == "sam":
        return int(loaded.model.config.vision_config.image_size)
    return int(loaded.model.config.prompt_encoder_config.image_size)


def _shown(size: Size, side: int, square: bool) -> Size:
    """The size of a picture in the model's square input: SAM 2 stretches it, SAM keeps the aspect ratio."""
    if square:
        return side, side
    scale = side / max(size)
    return max(1, math.floor(size[0] * scale + 0.5)), max(1, math.floor(size[1] * scale + 0.5))


def _normalisation(folder: Path) -> tuple[Any, Any]:
    """Mean and standard deviation of the colours, from the processor's file in `folder`, else ImageNet's."""
    config: dict[str, Any] = {}
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).exists():
            config = json.loads((folder / name).read_text("utf-8"))
            config = config.get("image_processor", config)
            break
    mean, std = config.get("image_mean") or _MEAN, config.get("image_std") or _STD
    return np.array(mean, np.float32), np.array(std, np.float32)
