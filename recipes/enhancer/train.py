"""Train the enlargement network on the crops that data.py wrote, on a processor; goes on where it was stopped.

    python recipes/enhancer/train.py --crops crops.npy --out DIR [--steps 20000] [--minutes 40] [--threads 2]

Writes `checkpoint.pt` every 500 steps and `log.csv` (step, processor hours, loss, PSNR on 100 held-out crops, that of
Lanczos). The learning rate falls along a cosine; with `--minutes` the cosine follows the clock, so that it reaches its
end in time on a machine that is shared. The loss is Charbonnier's; weights are averaged (EMA) for export.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from network import SCALE, Enhancer
from PIL import Image
from torch import Tensor

Array = np.ndarray[Any, Any]
PATCH = 160
"""Side of a training patch in pixels of the large picture."""
EDGE = 4 * SCALE
"""Pixels along a patch's border that do not count: the network sees zeros beyond it."""
HELD_OUT = 100
EMA = 0.998


def shrunk(crop: Array, rng: np.random.Generator) -> Array:
    """A crop at a quarter of its size: by area, bicubic or Lanczos, seldom softened first or compressed after."""
    if rng.random() < 0.1:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.2))
    side = crop.shape[0] // SCALE
    kind = rng.random()
    if kind < 0.45:
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    else:
        how = Image.Resampling.BICUBIC if kind < 0.75 else Image.Resampling.LANCZOS
        small = np.asarray(Image.fromarray(crop).resize((side, side), how))
    if rng.random() < 0.08:
        stream = io.BytesIO()
        Image.fromarray(small).save(stream, "JPEG", quality=int(rng.integers(80, 96)), subsampling=0)
        small = np.asarray(Image.open(stream).convert("RGB"))
    return small


def batch(crops: Array, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Random patches, turned and mirrored: small (count, 3, PATCH / 4, …) and large, float32 in 0 to 1."""
    small, large = [], []
    for index in rng.integers(HELD_OUT, len(crops), count):
        crop = crops[order(len(crops))[index]]
        top, left = rng.integers(0, crop.shape[0] - PATCH + 1, 2)
        patch = np.rot90(crop[top : top + PATCH, left : left + PATCH], int(rng.integers(4)))
        patch = np.ascontiguousarray(patch[:, ::-1] if rng.random() < 0.5 else patch)
        if rng.random() < 0.2:
            patch = np.ascontiguousarray(patch[..., rng.permutation(3)])
        small.append(shrunk(patch, rng))
        large.append(patch)
    return tensor(np.stack(small)), tensor(np.stack(large))


_ORDERS: dict[int, Array] = {}


def order(count: int) -> Array:
    """A fixed random order of the crops, the first of which are held out."""
    if count not in _ORDERS:
        _ORDERS[count] = np.random.default_rng(0).permutation(count)
    return _ORDERS[count]


def tensor(pixels: Array) -> Tensor:
    """uint8 (count, height, width, 3) as float32 (count, 3, height, width) in 0 to 1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)


def psnr(one: Tensor, other: Tensor) -> float:
    """Mean over pictures, border left out."""
    inner = (..., slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    error = (one.clamp(0, 1)[inner] - other[inner]).square().mean((1, 2, 3))
    return float((-10 * torch.log10(error.clamp_min(1e-6))).mean())


def held_out(crops: Array) -> tuple[Tensor, Tensor, float]:
    """The held-out crops, small and large, and the PSNR of Lanczos on them."""
    rng = np.random.default_rng(1)
    large = np.stack([crops[index] for index in order(len(crops))[:HELD_OUT]])
    small = np.stack([shrunk(crop, rng) for crop in large])
    side = large.shape[1]
    lanczos = [np.asarray(Image.fromarray(item).resize((side, side), Image.Resampling.LANCZOS)) for item in small]
    return tensor(small), tensor(large), psnr(tensor(np.stack(lanczos)), tensor(large))


def charbonnier(one: Tensor, other: Tensor) -> Tensor:
    """Mean of the smoothed absolute error, border left out."""
    inner = (..., slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    return torch.sqrt((one[inner] - other[inner]).square() + 1e-6).mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train until the last step or the last minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float, help="end after so many minutes of this run instead of after --steps")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--channels", type=int, default=40)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=15)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    crops = np.load(options.crops, mmap_mode="r")
    network = Enhancer(options.channels, options.blocks).to(memory_format=torch.channels_last)
    average = Enhancer(options.channels, options.blocks)
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), options.rate, betas=(0.9, 0.99))
    step, spent, done = 0, 0.0, 0.0
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent, done = state["step"], state["hours"], state["done"]
    rng = np.random.default_rng(options.seed + step)
    small_held, large_held, lanczos = held_out(crops)
    started, processor, losses, first = time.monotonic(), time.process_time(), [], done
    while done < 1:
        now = (time.monotonic() - started) / 60
        done = min(1, first + (1 - first) * now / options.minutes) if options.minutes else (step + 1) / options.steps
        warm = min(1, (step + 1) / 200)
        for group in optimiser.param_groups:
            group["lr"] = options.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1))))
        small, large = batch(crops, options.batch, rng)
        with torch.autocast("cpu", torch.bfloat16):
            result = network(small.contiguous(memory_format=torch.channels_last))
        loss = charbonnier(result.float(), large)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimiser.step()
        step += 1
        keep = min(EMA, step / (step + 10))
        with torch.no_grad():
            for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        losses.append(loss.item())
        if step % 500 == 0 or done >= 1:
            hours = spent + (time.process_time() - processor) / 3600
            with torch.no_grad():
                score = psnr(average(small_held), large_held)
            state = {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
                "hours": hours,
                "done": done,
                "channels": options.channels,
                "blocks": options.blocks,
                "seed": options.seed,
            }
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            row = [step, round(hours, 4), round(float(np.mean(losses)), 5), round(score, 3), round(lanczos, 3)]
            with (options.out / "log.csv").open("a", newline="") as file:
                csv.writer(file).writerow(row)
            print(*row, round(done, 3), flush=True)
            losses = []


if __name__ == "__main__":
    main()
