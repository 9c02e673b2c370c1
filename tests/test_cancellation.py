"""A call that nobody waits for any more ends between two steps of its backend, not when its work is done."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from canvasagent import ToolBox
from canvasagent.backends.lite import image_edit, ocr, sr
from canvasagent.backends.lite.edits import Pixels
from canvasagent.backends.lite.tiling import in_tiles
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset, Canvas
from canvasagent.concurrency.cancellation import cancellable, check_cancelled
from canvasagent.errors import Cancelled
from canvasagent.execution.calls import Execution
from canvasagent.imaging.fonts import font_for
from canvasagent.tools import all_tools
from canvasagent.tools.base import canvas_info
from canvasagent.tools.check import Checked, check_call
from waiting import wait_until

SECONDS = 60
"""Longest that anything here is waited for; work that cannot be cancelled goes on for ever."""


@pytest.fixture
def flag(tmp_path: Path) -> Iterator[Path]:
    """The file that lets the work come to an end; it does at the end of a test in any case."""
    yield tmp_path / "flag"
    (tmp_path / "flag").touch()


def _box(flag: Path, log: Path, **limits: Any) -> ToolBox:
    options = {"flag": str(flag), "log": str(log)}
    profile = Profile(name="test", backends={"Flip": "backends_for_tests:Stepping"}, options={"Flip": options})
    return ToolBox(profile, **limits)


def _flip(red: int = 0) -> tuple[Checked, dict[str, Asset]]:
    canvas = Canvas()
    canvas.add_input(Image.new("RGB", (8, 6), (red, 0, 0)))
    checked = check_call(all_tools()["Flip"], {"image": "img_1"}, canvas_info(canvas), 1)
    return checked, {slot: canvas[name] for slot, name in checked.assets.items()}


def _begun(log: Path, times: int = 1) -> bool:
    return log.exists() and len(log.read_text().splitlines()) >= times


def _ended(work: list[Future[Any]]) -> list[type[BaseException]]:
    return [type(future.exception(timeout=SECONDS)) for future in work]


def test_a_caller_that_gives_up_ends_the_work(tmp_path: Path, flag: Path) -> None:
    log, abandoned = tmp_path / "log", list[Future[Any]]()

    async def give_up(toolbox: ToolBox) -> None:
        waiting = asyncio.create_task(toolbox.call(*_flip(), abandoned=abandoned.append))
        await asyncio.to_thread(wait_until, lambda: _begun(log), "the call")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    with _box(flag, log) as toolbox:
        asyncio.run(give_up(toolbox))
        assert _ended(abandoned) == [Cancelled]


def test_a_call_whose_time_is_over_ends(tmp_path: Path, flag: Path) -> None:
    abandoned: list[Future[Any]] = []
    with _box(flag, tmp_path / "log", call_seconds=0.1) as toolbox:
        execution = asyncio.run(toolbox.call(*_flip(), abandoned=abandoned.append))
        assert execution.timed_out and _ended(abandoned) == [Cancelled]


def test_closing_the_tool_box_ends_calls_under_way(tmp_path: Path, flag: Path) -> None:
    log = tmp_path / "log"

    async def closed(toolbox: ToolBox) -> Execution:
        waiting = asyncio.create_task(toolbox.call(*_flip()))
        await asyncio.to_thread(wait_until, lambda: _begun(log), "the call")
        toolbox.close()
        return await waiting

    fault = asyncio.run(closed(_box(flag, log))).fault
    assert fault is not None and "the tool box was closed" in fault.message


def test_who_asks_as_a_call_is_given_up_gets_the_result(tmp_path: Path, flag: Path) -> None:
    """Whether the work has seen that it was cancelled or not: it goes on, or is begun anew."""
    log = tmp_path / "log"

    async def pairs(toolbox: ToolBox) -> list[Execution]:
        later = []
        for number in range(20):
            first = asyncio.create_task(toolbox.call(*_flip(number)))
            await asyncio.sleep(0.002 * number)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await asyncio.sleep(0.0005 * number)
            later.append(asyncio.create_task(toolbox.call(*_flip(number))))
        await asyncio.sleep(0.05)
        flag.touch()
        return await asyncio.gather(*later)

    with _box(flag, log, workers=32) as toolbox:
        assert [execution.fault for execution in asyncio.run(pairs(toolbox))] == [None] * 20


def test_giving_up_leaves_the_work_to_those_who_still_wait(tmp_path: Path, flag: Path) -> None:
    log = tmp_path / "log"

    async def one_gives_up(toolbox: ToolBox) -> Execution:
        first, second = (asyncio.create_task(toolbox.call(*_flip())) for _ in range(2))
        await asyncio.to_thread(wait_until, lambda: _begun(log), "the call")
        first.cancel()
        await asyncio.sleep(0.05)
        flag.touch()
        return await second

    with _box(flag, log) as toolbox:
        assert asyncio.run(one_gives_up(toolbox)).fault is None
    assert not _begun(log, times=2)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.usefixtures("stoppable")
def test_an_interrupt_ends_a_process_in_the_middle_of_a_call(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "import test_cancellation as here\n"
        "with here._box(Path('flag'), Path('log')) as toolbox:\n"
        "    asyncio.run(toolbox.call(*here._flip()))\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: _begun(tmp_path / "log"), "the call")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert b"KeyboardInterrupt" in errors


# --- the lite backends ----------------------------------------------------------------------------------------------


def test_a_tiled_change_ends_after_the_tile_in_which_it_was_cancelled() -> None:
    flag, done = threading.Event(), list[Pixels]()

    def change(part: Pixels) -> Pixels:
        done.append(part)
        flag.set()
        return part

    with cancellable(flag), pytest.raises(Cancelled):
        in_tiles(np.zeros((64, 64, 3), np.uint8), change, margin=2, side=16)
    assert len(done) == 1


def _text() -> Image.Image:
    picture = Image.new("RGB", (300, 120), "white")
    ImageDraw.Draw(picture).text((150, 60), "OPEN", font=font_for("OPEN", 60, True), fill="black", anchor="mm")
    return picture


PHOTO = Image.fromarray(data.coffee()).resize((160, 120))
WORK: dict[str, Callable[[], object]] = {
    "SR": lambda: sr.Backend(sr.Config(tile=32))(image=PHOTO),
    "OCR": lambda: ocr.Backend(ocr.Config())(image=_text()),
    "ImageEdit": lambda: image_edit.Backend(image_edit.Config())(image=PHOTO, prompt="make it brighter"),
    "oil painting": lambda: image_edit.Backend(image_edit.Config())(image=PHOTO, prompt="oil painting style"),
    "denoise": lambda: image_edit.Backend(image_edit.Config())(image=PHOTO, prompt="denoise it"),
    "fill": lambda: image_edit.Backend(image_edit.Config())(image=PHOTO, prompt="remove it", mask=_spot()),
}


def _spot() -> Image.Image:
    mask = Image.new("L", PHOTO.size)
    ImageDraw.Draw(mask).ellipse([40, 30, 110, 90], fill=255)
    return mask


@pytest.mark.parametrize("name", WORK)
def test_lite_backends_check_whether_they_are_cancelled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled after any number of checks, the work ends at the next one; and there is one."""
    flag, checks = threading.Event(), 0

    def counted() -> None:
        nonlocal checks
        checks += 1
        if checks == least[name]:
            flag.set()
        check_cancelled()

    least = {"SR": 4, "OCR": 1, "ImageEdit": 1, "oil painting": 5, "denoise": 2, "fill": 4}
    for module in (image_edit, ocr, *_others()):
        monkeypatch.setattr(module, "check_cancelled", counted)
    with cancellable(flag), pytest.raises(Cancelled):
        WORK[name]()
    assert checks == least[name]


def _others() -> list[Any]:
    from canvasagent.backends.lite import tiling
    from canvasagent.backends.lite.edits import _fill, _working, oil_painting

    return [tiling, _fill, _working, oil_painting]


def test_without_a_flag_nothing_is_cancelled() -> None:
    check_cancelled()
    with cancellable(threading.Event()):
        check_cancelled()
