"""Trained models in replicas: FLUX's two tools in one, each with its own batches; and, where Ray is, all of `full`.

The weights are tiny checkpoints, written and read by the libraries' own classes. Those on Ray need both extras:
`pip install 'canvasagent[full,ray]'`, then `pytest -m slow tests/test_full_scale.py`.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from canvasagent import ToolBox
from canvasagent.backends.full._residents import residents
from canvasagent.backends.profile import load_profile
from canvasagent.canvas import Asset, Canvas
from canvasagent.execution.calls import Execution
from canvasagent.scale.replica import Replica
from canvasagent.scale.sharing import alone
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import Checked, check_call
from full_models import flux_options, tiny
from helpers import photo
from test_scale import on_ray
from test_serving_remote import run, told
from tools_server import ToolsServer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

FluxCall: TypeAlias = tuple[Checked, Mapping[str, Asset]]
BOTH = ("ImageEdit", "ImageGeneration")
IN_OPEN, IN_CLOSE = 0x20, 0x18
EVENT = struct.Struct("iIII")
"""An event of inotify that concerns a file alone: watch, what it was, and two numbers that are 0."""


def profile_file(folder: Path, **flux: Any) -> Path:
    """The profile `full` with tiny weights."""
    options = {
        "ImageGeneration": flux_options(size=[64, 64], **flux),
        "ImageEdit": flux_options(**flux),
        "Grounding": {"source": tiny("grounding_dino"), "threshold": 0.0, "text_threshold": 0.0},
        "SAM": {"source": tiny("sam")},
        "SR": {"source": tiny("esrgan")},
    }
    lines = ['name = "tiny-full"', 'extends = "full"']
    for tool, given in options.items():
        lines += [f"[options.{tool}]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())]
    path = folder / "tiny-full.toml"
    path.write_text("\n".join(lines))
    return path


def held() -> Canvas:
    canvas = Canvas()
    canvas.add_input(photo(size=64))
    return canvas


def checked(box: ToolBox, canvas: Canvas, name: str, **arguments: Any) -> FluxCall:
    call = check_call(box.tools[name], arguments, canvas_info(canvas), canvas.inputs)
    assert not call.faults, call.faults
    return call, {argument: canvas[one] for argument, one in call.assets.items()}


def flux_calls(box: ToolBox) -> list[FluxCall]:
    canvas, words = held(), ("a red circle", "a blue square", "a cat")
    made = [checked(box, canvas, "ImageGeneration", prompt=text) for text in words]
    return [*made, *(checked(box, canvas, "ImageEdit", image="img_1", edit_prompt=text) for text in words)]


def apart(one: Execution, other: Execution) -> int:
    """Levels of 255 between two pictures."""
    assert one.outcome is not None and other.outcome is not None, (one.fault, other.fault)
    pixels = [np.asarray(execution.outcome.picture).astype(int) for execution in (one, other)]
    return int(np.abs(pixels[0] - pixels[1]).max())


def at_once(there: ToolBox | Replica, calls: Sequence[FluxCall]) -> list[Execution]:
    async def together() -> list[Execution]:
        return list(await asyncio.gather(*(there.call(*call, seed=seed) for seed, call in enumerate(calls))))

    return asyncio.run(together())


def one_by_one(box: ToolBox, calls: Sequence[FluxCall]) -> list[Execution]:
    return [asyncio.run(box.call(*call, seed=seed)) for seed, call in enumerate(calls)]


def test_a_replica_of_both_tools_loads_once_and_makes_batches_of_each(tmp_path: Path) -> None:
    residents().clear()
    profile = load_profile(profile_file(tmp_path, batch=3, batch_wait=1.0))
    replica = Replica(alone(profile, *BOTH), 64, 10**8, 60.0)
    with ToolBox(load_profile(profile_file(tmp_path, batch=1))) as box:
        calls = flux_calls(box)
        there = at_once(replica, calls)
        here = one_by_one(box, calls)
    assert len(residents()) == 1
    assert {tool: dict(replica._box._executor.backends[tool]._batcher.sizes) for tool in BOTH} == {
        tool: {3: 1} for tool in BOTH
    }
    assert max(apart(*pair) for pair in zip(here, there, strict=True)) <= 1
    for tool in BOTH:
        assert not asyncio.run(replica.info(tool)).lacks
    replica._box.close()


# ── on Ray ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def openings(file: Path) -> Iterator[list[int]]:
    """How often any process opens a file in the block; the list has the number at its end. Linux only.

    Closings are watched as well: of events that are alike and follow one another the kernel keeps one.
    """
    system = ctypes.CDLL(None, use_errno=True)
    watch, counted = system.inotify_init1(os.O_NONBLOCK), [0]
    try:
        assert system.inotify_add_watch(watch, bytes(file), IN_OPEN | IN_CLOSE) >= 0, os.strerror(ctypes.get_errno())
        yield counted
        counted[0] = sum(what == IN_OPEN for _, what, *_ in EVENT.iter_unpack(os.read(watch, 2**16)))
    finally:
        os.close(watch)


@pytest.mark.slow
@on_ray
def test_the_full_profile_gives_the_same_on_ray_and_loads_flux_once_for_both_tools(tmp_path: Path) -> None:
    residents().clear()
    profile = str(profile_file(tmp_path, batch_wait=0.2))
    (file,) = Path(tiny("flux"), "transformer").glob("*.safetensors")
    asked: list[tuple[str, dict[str, Any]]] = [
        ("ImageGeneration", {"prompt": "a red circle"}),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "make it blue"}),
        ("Grounding", {"image": "img_1", "reference_text": "a cat"}),
        ("SAM", {"image": "img_1", "bbox": [100, 100, 700, 700]}),
        ("ImageEdit", {"image": "img_1", "edit_prompt": "make it green"}),
        ("ImageGeneration", {"prompt": "a dog"}),
    ]
    if find_spec("torchvision") is not None:  # spandrel does not work without
        asked.append(("SR", {"image": "img_1"}))
    with openings(file) as once, ToolBox(profile) as box:
        here = [told(run(box, held(), name, **arguments)) for name, arguments in asked]
        single = one_by_one(box, flux_calls(box))
    with openings(file) as on_the_cluster, ToolsServer(("--engine", "ray", "--profile", profile, "-q")) as server:
        with ToolBox(f"remote:{server.url}") as box:
            there = [told(run(box, held(), name, **arguments)) for name, arguments in asked]
            batched = at_once(box, flux_calls(box))
        assert server.stop() == 0
    assert all(answer[0] is None for answer in here) and here == there
    assert max(apart(*pair) for pair in zip(single, batched, strict=True)) <= 1
    assert on_the_cluster == once != [0], "one process read the weights, one time"
