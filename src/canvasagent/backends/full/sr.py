"""SR: Real-ESRGAN x4plus, or any other network for four-fold enlargement that spandrel can read.

A large picture is enlarged in tiles, which bounds the memory. Each tile is computed with a margin and blended into its
neighbours, so that no seam shows.

Source: X. Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from canvasagent.backends.full._loading import Loading, device_of, dtype_of, missing_requirements, with_less
from canvasagent.backends.full._residents import residents
from canvasagent.backends.lite.sr import continued
from canvasagent.errors import WeightsError
from canvasagent.weights.files import check_file, locate
from canvasagent.weights.framework import framework, loading

SCALE = 4
"""The factor of the SR tool, for width and height."""

Array = np.ndarray[Any, Any]
Span = tuple[int, int]


class Config(Loading):
    """The network, and how a picture is divided into tiles."""

    source: str = "Comfy-Org/Real-ESRGAN_repackaged"
    """Real-ESRGAN x4plus as safetensors; or a file of weights."""
    tile: int = Field(default=384, ge=32)
    """Side of a tile in pixels of the picture."""
    overlap: int = Field(default=32, ge=0)
    """Margin of a tile in pixels; neighbours are blended over half of it on either side of their border."""
    batch: int = Field(default=1, ge=1, le=64)
    """Tiles per batch."""


class Backend:
    """Enlarges four times; see `Config`."""

    tool = "SR"
    version = "1"
    stochastic = False
    may_hang = False

    def __init__(self, config: Config) -> None:
        self.config = config

    @classmethod
    def lacks(cls, config: Config) -> list[str]:
        """What is missing on this machine for this backend, each with how to get it."""
        return missing_requirements(config, "spandrel")

    def __call__(self, *, image: Image.Image) -> Image.Image:
        """`image` (RGB or RGBA) at four times its width and height. Transparency is enlarged smoothly by itself.

        The colours of fully transparent pixels have no influence.
        """
        colours = np.asarray(image.convert("RGB"))
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        if alpha is not None:
            colours = continued(colours, np.asarray(alpha) > 0)
        result = Image.fromarray(self._enlarged(colours))
        if alpha is not None:
            result.putalpha(alpha.resize(result.size, Image.Resampling.BICUBIC))
        return result

    def _enlarged(self, colours: Array) -> Array:
        config = self.config
        key = ("SR", config.source, config.revision, config.device, config.dtype)
        device = residents().device_for(key, lambda: device_of(config))

        def work(level: int) -> Array:
            side = max(32, config.tile >> level)
            return tiled(colours, side, min(config.overlap, side // 2), lambda tiles: _run(network, tiles), batch)

        with residents().hold(key, device, lambda: _load(config, device)) as network, framework().inference_mode():
            batch = config.batch
            what = f"a picture of {colours.shape[1]} × {colours.shape[0]}"
            return with_less(work, 3, lambda: residents().relieve(device), what)


def _run(network: Any, tiles: Array) -> Array:
    """Enlarge tiles of uint8: (tiles, height, width, 3) to (tiles, 4 height, 4 width, 3)."""
    torch = framework()
    inputs = torch.from_numpy(np.ascontiguousarray(tiles.transpose(0, 3, 1, 2)))
    inputs = inputs.to(network.device, network.dtype) / 255
    least = network.size_requirements.minimum or 1
    short = [max(0, least - side) for side in inputs.shape[2:]]
    grown = torch.nn.functional.pad(inputs, (0, short[1], 0, short[0]), mode="replicate") if any(short) else inputs
    made = network(grown)[..., : inputs.shape[2] * SCALE, : inputs.shape[3] * SCALE]
    made = (made.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(made.cpu().numpy().transpose(0, 2, 3, 1))


def tiled(colours: Array, side: int, overlap: int, run: Any, batch: int = 1) -> Array:
    """`colours` (height, width, 3) enlarged by `run`, in tiles of `side`, up to `batch` of equal size at once."""
    height, width = colours.shape[:2]
    result = np.empty((height * SCALE, width * SCALE, 3), np.uint8)
    waiting: list[tuple[Span, Span]] = []
    for rows in _spans(height, side):
        for columns in _spans(width, side):
            if waiting and _seen_size(waiting[0], colours, overlap) != _seen_size((rows, columns), colours, overlap):
                _flush(waiting, colours, overlap, run, result)
            waiting.append((rows, columns))
            if len(waiting) == batch:
                _flush(waiting, colours, overlap, run, result)
    _flush(waiting, colours, overlap, run, result)
    return result


def _spans(length: int, side: int) -> Iterator[Span]:
    """Equal parts of a length, at most `side` each."""
    parts = -(-length // side)
    edges = [round(index * length / parts) for index in range(parts + 1)]
    return pairwise(edges)


def _grown(span: Span, more: int, length: int) -> Span:
    return max(0, span[0] - more), min(length, span[1] + more)


def _seen(tile: tuple[Span, Span], colours: Array, overlap: int) -> tuple[Span, Span]:
    """A tile with its margins, cut off at the picture's edges."""
    return _grown(tile[0], overlap, colours.shape[0]), _grown(tile[1], overlap, colours.shape[1])


def _seen_size(tile: tuple[Span, Span], colours: Array, overlap: int) -> Span:
    rows, columns = _seen(tile, colours, overlap)
    return rows[1] - rows[0], columns[1] - columns[0]


def _flush(waiting: list[tuple[Span, Span]], colours: Array, overlap: int, run: Any, result: Array) -> None:
    """Enlarge the waiting tiles and blend each into the result."""
    if not waiting:
        return
    seen = [_seen(tile, colours, overlap) for tile in waiting]
    made = run(np.stack([colours[rows[0] : rows[1], columns[0] : columns[1]] for rows, columns in seen]))
    for tile, (rows, columns), pixels in zip(waiting, seen, made, strict=True):
        keep_rows = _grown(tile[0], overlap // 2, colours.shape[0])
        keep_columns = _grown(tile[1], overlap // 2, colours.shape[1])
        part = pixels[_scaled(keep_rows, rows[0]), _scaled(keep_columns, columns[0])]
        _fade_in(result[_scaled(keep_rows, 0), _scaled(keep_columns, 0)], part, tile, overlap // 2)
    waiting.clear()


def _scaled(span: Span, origin: int) -> slice:
    return slice((span[0] - origin) * SCALE, (span[1] - origin) * SCALE)


def _fade_in(place: Array, part: Array, tile: tuple[Span, Span], shared: int) -> None:
    """Write `part` into `place`, blended with what the tiles above and to the left have written."""
    zone = 2 * shared * SCALE
    ramp = (np.arange(zone, dtype=np.float32) + 0.5) / max(zone, 1)
    down, across = np.ones(len(part), np.float32), np.ones(part.shape[1], np.float32)
    if tile[0][0]:
        down[: min(zone, len(down))] = ramp[: len(down)]
    if tile[1][0]:
        across[: min(zone, len(across))] = ramp[: len(across)]
    solid_rows, solid_columns = int(down[0] < 1) * zone, int(across[0] < 1) * zone
    weight = (down[:, None] * across[None, :])[..., None]
    for band in (np.s_[:solid_rows], np.s_[solid_rows:, :solid_columns]):
        mixed = place[band] + (part[band].astype(np.float32) - place[band]) * weight[band]
        part = part.copy() if not part.flags.writeable else part
        part[band] = np.rint(mixed).astype(np.uint8)
    place[:] = part


def _load(config: Config, device: str) -> Any:
    torch = framework("spandrel")
    import spandrel

    path = locate(config.source, config.revision)
    if path.is_dir():
        files = sorted(path.glob("*.safetensors")) or sorted(path.glob("*.pth"))
        if len(files) != 1:
            raise WeightsError(f"'{path}' holds {len(files)} files of weights; name the one to use.")
        path = files[0]
    check_file(path, config.allow_pickle)
    with loading(config.source):
        network = spandrel.ModelLoader(device=torch.device("cpu")).load_from_file(path)
        if not isinstance(network, spandrel.ImageModelDescriptor) or network.scale != SCALE:
            raise WeightsError(f"'{path}' is a {network.architecture.name} that does not enlarge {SCALE} times.")
        if (network.input_channels, network.output_channels) != (3, 3):
            raise WeightsError(f"'{path}' does not work on colours (3 channels).")
        return network.to(device, _precision(network, dtype_of(config, device), torch)).eval()


def _precision(network: Any, wanted: Any, torch: Any) -> Any:
    """The wanted precision, if the network can run in it."""
    if (wanted is torch.bfloat16 and not network.supports_bfloat16) or (
        wanted is torch.float16 and not network.supports_half
    ):
        return torch.float32
    return wanted
