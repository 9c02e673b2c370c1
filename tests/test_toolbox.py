"""The toolbox: exact cache, single-flight, seeds, budgets, backends that hang, die, crash or give nonsense."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from canvasagent import Canvas, ToolBox
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset, Kind, input_key
from canvasagent.errors import InputError
from canvasagent.execution.cache import Cache, Refused, entry_bytes
from canvasagent.execution.calls import Execution
from canvasagent.faults import Stage
from canvasagent.imaging.pictures import profile_of
from canvasagent.testing.samples import mask, picture, profile
from canvasagent.tools import all_tools
from canvasagent.tools.base import Outcome, canvas_info
from canvasagent.tools.check import Checked, check_call
from waiting import wait_until


def box(backend: str, tool: str = "Flip", **options: Any) -> ToolBox:
    """A toolbox with one backend of the tests."""
    limits = {name: options.pop(name) for name in ("cache", "workers", "max_pixels", "call_seconds") if name in options}
    isolate = [tool] if options.pop("isolate", False) else []
    spec = {tool: f"backends_for_tests:{backend}"}
    return ToolBox(Profile(name="test", backends=spec, options={tool: options}, isolate=isolate), **limits)


def drawn(pixels: Image.Image | None = None, kind: Kind = Kind.IMAGE) -> Canvas:
    canvas = Canvas()
    canvas.add_input(pixels if pixels is not None else Image.new("RGB", (16, 12), (200, 10, 10)), kind)
    return canvas


DARK = drawn(Image.new("RGB", (16, 12)))


def checked(canvas: Canvas, tool: str, **arguments: Any) -> tuple[Checked, dict[str, Asset]]:
    held = check_call(all_tools()[tool], arguments, canvas_info(canvas), canvas.inputs)
    assert not held.faults
    return held, {name: canvas[asset] for name, asset in held.assets.items()}


def flip(toolbox: ToolBox, canvas: Canvas | None = None, **kwargs: Any) -> Coroutine[Any, Any, Execution]:
    return toolbox.call(*checked(canvas or drawn(), "Flip", image="img_1"), **kwargs)


def generate(toolbox: ToolBox, prompt: str = "noise", **kwargs: Any) -> Coroutine[Any, Any, Execution]:
    return toolbox.call(*checked(Canvas(), "ImageGeneration", prompt=prompt), **kwargs)


def calls(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def pixels(execution: Execution) -> bytes:
    assert execution.outcome is not None and execution.outcome.picture is not None
    return execution.outcome.picture.tobytes()


def test_the_same_call_is_done_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with box("Echo", log=str(log)) as toolbox:
        first, second = asyncio.run(flip(toolbox)), asyncio.run(flip(toolbox))
        other = asyncio.run(flip(toolbox, DARK))
    assert (first.cached, second.cached, other.cached) == (False, True, False)
    assert first.key == second.key != other.key and pixels(first) == pixels(second)
    assert calls(log) == 2 and (toolbox.cache.hits, toolbox.cache.misses) == (1, 2)


def test_refusals_are_remembered_and_failures_are_not(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with box("Refusing", log=str(log)) as toolbox:
        executions = [asyncio.run(flip(toolbox)) for _ in range(3)]
    assert calls(log) == 1
    assert [execution.cached for execution in executions] == [False, True, True]
    for execution in executions:
        assert execution.fault is not None and execution.fault.stage is Stage.EXECUTION
        assert execution.fault.message == "this cannot be mirrored; another profile can."
    with box("Crashing", flag=str(tmp_path / "flag")) as toolbox:
        first, second = asyncio.run(flip(toolbox)), asyncio.run(flip(toolbox))
    assert first.fault is not None and first.fault.stage is Stage.INFRASTRUCTURE
    assert "RuntimeError: a bug in the backend" in first.fault.message
    assert second.fault is None and not second.cached


def test_identical_calls_at_once_run_once(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def many(toolbox: ToolBox) -> list[Execution]:
        return await asyncio.gather(*(flip(toolbox) for _ in range(16)))

    with box("Echo", log=str(log), seconds=0.2) as toolbox:
        executions = asyncio.run(many(toolbox))
    assert calls(log) == 1 and len({pixels(execution) for execution in executions}) == 1


def test_the_same_call_from_several_event_loops_runs_once(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    log = tmp_path / "log"
    with box("Echo", log=str(log), seconds=0.2) as toolbox, ThreadPoolExecutor(4) as pool:
        done = [pool.submit(asyncio.run, flip(toolbox)) for _ in range(4)]
        assert len({pixels(future.result()) for future in done}) == 1
    assert calls(log) == 1


def test_memory_is_bounded_in_bytes_and_the_longest_unused_goes_first() -> None:
    def entry(side: int = 100) -> Outcome:
        return Outcome("made", Image.new("RGB", (side, side)))

    each = entry_bytes(entry())
    cache = Cache(memory_bytes=3 * each)
    for key in "abc":
        cache.put(key, entry())
    assert cache.in_memory("a") is not None
    cache.put("d", entry())
    assert [key for key in "abcd" if cache.in_memory(key)] == ["a", "c", "d"]
    cache.put("huge", entry(1000))
    assert cache.in_memory("huge") is None and cache.in_memory("d") is not None, "what never fits drives nothing out"
    assert cache._bytes <= 3 * each


def test_the_disk_outlives_the_process_and_damage_is_replaced(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "cache"
    coloured = drawn(picture(mode="RGBA"), Kind.CUTOUT)

    def once() -> Execution:
        with box("Echo", log=str(log), cache=Cache(folder=folder)) as toolbox:
            return asyncio.run(flip(toolbox, coloured))

    first, second = once(), once()
    assert (first.cached, second.cached, calls(log)) == (False, True, 1)
    assert pixels(first) == pixels(second)
    assert second.outcome is not None and second.outcome.kind is Kind.CUTOUT
    assert second.outcome.picture is not None and profile_of(second.outcome.picture) == profile()
    (file,) = folder.glob("*/*.entry")
    whole = file.read_bytes()
    bits = bytes([whole[100] ^ 1])
    damaged = (b"", b"[]\n", b"1", whole[: len(whole) // 2], whole[:100] + bits + whole[101:], whole.split(b"PNG")[0])
    for count, damage in enumerate(damaged, 2):
        file.write_bytes(damage)
        assert pixels(once()) == pixels(first) and calls(log) == count
        assert file.read_bytes() == whole


def test_findings_come_from_the_disk_as_they_were(tmp_path: Path) -> None:
    outcome = Outcome("Found 1", None, Kind.IMAGE, "a cat", [{"label": "cat ✓", "bbox": [1, 2, 3, 4]}])
    Cache(folder=tmp_path).put("ab12", outcome)
    assert Cache(folder=tmp_path).on_disk("ab12") == outcome
    Cache(folder=tmp_path).put("cd34", Refused("no font"))
    assert Cache(folder=tmp_path).on_disk("cd34") is None, "a refusal may end with the process"


def test_the_disk_is_bounded_too(tmp_path: Path) -> None:
    cache = Cache(memory_bytes=0, folder=tmp_path, disk_bytes=20_000)
    for number in range(60):
        cache.put(f"{number:064x}", Outcome("x" * 1000))
    held = sum(file.stat().st_size for file in tmp_path.glob("*/*"))
    assert 0 < held <= 20_000
    assert cache.on_disk(f"{59:064x}") is not None and cache.on_disk(f"{0:064x}") is None


def test_a_cache_folder_that_cannot_be_written_costs_nothing_but_the_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with box("Echo", cache=Cache(folder=blocked / "cache")) as toolbox:
        assert asyncio.run(flip(toolbox)).fault is None


def test_seeds_depend_on_run_call_and_repetition() -> None:
    with box("Random", "ImageGeneration") as toolbox:
        drawn_once = asyncio.run(generate(toolbox))
        again = asyncio.run(generate(toolbox, repeat=lambda _: 1))
        other_run = asyncio.run(generate(toolbox, run_seed=1))
        other_call = asyncio.run(generate(toolbox, "other noise"))
        repeated = asyncio.run(generate(toolbox))
    different = {pixels(execution) for execution in (drawn_once, again, other_run, other_call)}
    assert len(different) == 4 and pixels(repeated) == pixels(drawn_once) and repeated.cached


def test_what_depends_on_no_seed_is_shared_by_all_runs() -> None:
    with box("Echo") as toolbox:
        first, second = asyncio.run(flip(toolbox)), asyncio.run(flip(toolbox, run_seed=5, repeat=lambda _: 2))
    assert first.seed == second.seed == 0 and second.cached


def test_keys_are_the_same_in_another_toolbox_and_differ_with_the_settings() -> None:
    boxes = [box("Echo"), box("Echo"), box("Echo", flag="other"), box("Refusing")]
    keys = [asyncio.run(flip(toolbox)).key for toolbox in boxes]
    assert keys[0] == keys[1] and len(set(keys)) == 3
    for toolbox in boxes:
        toolbox.close()


def test_large_pictures_have_keys_and_seeds_of_their_own_where_a_backend_works_another_way_on_them() -> None:
    small, large = drawn(), drawn(Image.new("RGB", (16, 13)))
    with box("Large") as other, box("Echo") as usual:
        made = [asyncio.run(flip(toolbox, canvas)) for canvas in (small, large) for toolbox in (other, usual)]
        names = [execution.backend.partition("+")[2].partition("+")[2] for execution in made]
        assert names == ["", "", "large7", ""]
        known = other._known["Flip"]
        other._known["Flip"] = replace(known, large=(200, "8"))
        again = [asyncio.run(flip(other, canvas)) for canvas in (small, large)]
    assert [one.cached for one in again] == [True, False]
    assert again[0].key == made[0].key and again[1].key != made[2].key


def test_too_many_pixels_are_refused_before_anything_runs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with box("Echo", log=str(log), max_pixels=100) as toolbox:
        execution = asyncio.run(flip(toolbox))
    assert execution.fault is not None and execution.fault.stage is Stage.EXECUTION
    assert "192 pixels; the limit is 100" in execution.fault.message and calls(log) == 0


@pytest.mark.parametrize(("backend", "words"), [("Hanging", "took longer than"), ("Dying", "died")])
def test_a_process_that_hangs_or_dies_is_replaced(backend: str, words: str) -> None:
    with box(backend, call_seconds=30.0) as toolbox:
        assert asyncio.run(flip(toolbox)).fault is None
        if backend == "Hanging":
            toolbox._executor.backends["Flip"]._seconds = 0.5
        failed = asyncio.run(flip(toolbox, DARK))
        assert failed.fault is not None and failed.fault.stage is Stage.INFRASTRUCTURE
        assert words in failed.fault.message
        toolbox._executor.backends["Flip"]._seconds = 30.0
        bright = drawn(Image.new("RGB", (9, 9), "white"))
        assert asyncio.run(flip(toolbox, bright)).fault is None


def test_a_backend_of_a_process_gives_the_same_and_refuses_the_same() -> None:
    with box("Echo") as inside, box("Echo", isolate=True) as alone, box("Refusing", isolate=True) as refusing:
        pixels_inside = pixels(asyncio.run(flip(inside, drawn(picture(mode="RGBA"), Kind.CUTOUT))))
        outcome = asyncio.run(flip(alone, drawn(picture(mode="RGBA"), Kind.CUTOUT)))
        assert pixels(outcome) == pixels_inside
        refused = asyncio.run(flip(refusing)).fault
    assert refused is not None and refused.stage is Stage.EXECUTION and "another profile can" in refused.message


def test_closing_ends_a_call_that_hangs() -> None:
    async def close_in_between(toolbox: ToolBox) -> Execution:
        running = asyncio.create_task(flip(toolbox, DARK))
        await asyncio.sleep(0.7)
        toolbox.close()
        return await running

    execution = asyncio.run(close_in_between(box("Hanging")))
    assert execution.fault is not None and execution.fault.stage is Stage.INFRASTRUCTURE
    closed = box("Echo")
    closed.close()
    fault = asyncio.run(flip(closed)).fault
    assert fault is not None and fault.stage is Stage.INFRASTRUCTURE


@pytest.mark.parametrize(
    ("backend", "tool", "words"),
    [
        ("Quitting", "Flip", "SystemExit"),
        ("Grey", "Flip", "kind image have mode RGB or RGBA"),
        ("Nowhere", "Flip", "no backend"),
        ("Random", "Flip", "serves ImageGeneration"),
    ],
)
def test_a_backend_that_is_wrong_is_our_fault_and_not_the_policys(backend: str, tool: str, words: str) -> None:
    with ToolBox(Profile(name="test", backends={tool: f"backends_for_tests:{backend}"})) as toolbox:
        execution = asyncio.run(flip(toolbox))
    assert execution.fault is not None and execution.fault.stage is Stage.INFRASTRUCTURE
    assert words in execution.fault.message


def test_what_is_read_can_be_written_to_a_record() -> None:
    with box("Numbers", "OCR") as toolbox:
        execution = asyncio.run(toolbox.call(*checked(drawn(), "OCR", image="img_1")))
    assert execution.outcome is not None
    execution.outcome.text.encode("utf-8")
    assert execution.outcome.data[0]["confidence"] == 0.5


def test_a_slow_call_never_blocks_the_event_loop(tmp_path: Path) -> None:
    log, flag = tmp_path / "log", tmp_path / "flag"

    async def let_go(toolbox: ToolBox) -> Execution:
        running = asyncio.create_task(flip(toolbox, DARK))
        while not calls(log):
            await asyncio.sleep(0.001)
        flag.touch()  # the call waits for it
        return await running

    with box("Stalling", log=str(log), flag=str(flag)) as toolbox:
        assert asyncio.run(let_go(toolbox)).fault is None


@pytest.mark.parametrize("brief", [False, True])
def test_partitions_share_neither_what_is_cached_nor_what_is_under_way(tmp_path: Path, brief: bool) -> None:
    log, flag = tmp_path / "log", tmp_path / "flag"
    flag.touch()

    async def each(toolbox: ToolBox, *partitions: str) -> list[Execution]:
        call = checked(drawn(), "Flip", image="img_1")
        if brief:
            made = [toolbox.call_here(*call, partition=partition) for partition in partitions]
            return [one for one in made if one is not None]
        return await asyncio.gather(*(toolbox.call(*call, partition=partition) for partition in partitions))

    backend = "Brief" if brief else "Echo"
    with box(backend, log=str(log), flag=str(flag), seconds=0.1) as toolbox:
        first = asyncio.run(each(toolbox, "a", "b", "a"))
        assert calls(log) == 2, "once for each partition"
        again = asyncio.run(each(toolbox, "a", "b", "c", ""))
    assert [one.cached for one in again] == [True, True, False, False] and calls(log) == 4
    assert len({one.key for one in [*first, *again]}) == 1 and len({str(pixels(one)) for one in [*first, *again]}) == 1


def test_a_result_is_freed_when_nobody_holds_it_any_more() -> None:
    with box("Echo", cache=Cache(0)) as toolbox:
        gc.collect()
        gc.disable()  # pictures are large and few: the collector, which counts objects, comes late
        try:
            outcome = asyncio.run(flip(toolbox)).outcome
            assert outcome is not None
            kept = weakref.ref(outcome.picture)
            del outcome
            wait_until(lambda: kept() is None, "the worker's thread, too, to let go of it")
        finally:
            gc.enable()


def test_waiting_for_a_worker_is_no_time_out() -> None:
    async def many(toolbox: ToolBox) -> list[Execution]:
        canvases = [drawn(Image.new("RGB", (4, 4), (number, 0, 0))) for number in range(8)]
        return await asyncio.gather(*(flip(toolbox, canvas) for canvas in canvases))

    with box("Echo", seconds=0.15, call_seconds=0.6, workers=1) as toolbox:
        assert all(execution.fault is None for execution in asyncio.run(many(toolbox)))


def test_a_call_that_takes_too_long_is_given_up() -> None:
    with box("Echo", seconds=1.0, call_seconds=0.2) as toolbox:
        fault = asyncio.run(flip(toolbox)).fault
    assert fault is not None and fault.stage is Stage.INFRASTRUCTURE and "longer than 0.2 s" in fault.message


def test_giving_up_on_a_call_leaves_it_to_the_others(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def one_gives_up(toolbox: ToolBox) -> Execution:
        first = asyncio.create_task(flip(toolbox))
        second = asyncio.create_task(flip(toolbox))
        await asyncio.sleep(0.1)
        first.cancel()
        return await second

    with box("Echo", seconds=0.3, log=str(log)) as toolbox:
        assert asyncio.run(one_gives_up(toolbox)).fault is None
    assert calls(log) == 1


def test_a_call_that_nobody_waits_for_any_more_is_ended_or_not_begun(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def give_up(toolbox: ToolBox) -> Execution:
        slow = asyncio.create_task(flip(toolbox, DARK))
        queued = asyncio.create_task(flip(toolbox, drawn(picture())))
        await asyncio.sleep(0.7)
        slow.cancel()
        queued.cancel()
        await asyncio.gather(slow, queued, return_exceptions=True)
        return await flip(toolbox)

    with box("Hanging") as toolbox:
        assert asyncio.run(give_up(toolbox)).fault is None
    with box("Echo", seconds=1.0, workers=1, log=str(log)) as toolbox:
        assert asyncio.run(give_up(toolbox)).fault is None
    assert calls(log) == 2


def test_a_loop_that_ends_in_the_middle_of_a_call_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    async def leave(toolbox: ToolBox) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flip(toolbox), 0.1)

    with box("Echo", seconds=0.3) as toolbox:
        asyncio.run(leave(toolbox))
        time.sleep(0.5)
        assert asyncio.run(flip(toolbox)).cached
    assert not caplog.records


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [(picture(), Kind.IMAGE), (picture(mode="RGBA"), Kind.IMAGE), (mask(), Kind.MASK)],
)
def test_colour_profile_and_alpha_are_kept(pixels: Image.Image, kind: Kind) -> None:
    canvas = drawn(pixels, kind)
    assert canvas["img_1"].key == input_key(pixels)
    with ToolBox("lite") as toolbox:
        for tool, arguments in (
            ("Flip", {}),
            ("Crop", {"bbox": [0, 0, 500, 500]}),
            ("Rotate", {"angle": 90}),
            ("Rotate", {"angle": 33}),
        ):
            outcome = asyncio.run(toolbox.call(*checked(canvas, tool, image="img_1", **arguments))).outcome
            assert outcome is not None and outcome.picture is not None
            assert (outcome.picture.mode, outcome.kind) == (pixels.mode, kind)
            assert profile_of(outcome.picture) == profile_of(pixels)


def test_wrong_settings_are_told_before_anything_runs() -> None:
    with pytest.raises(InputError, match="no setting 'colour'; it has seconds, log, flag"):
        box("Echo", colour="red")
    with pytest.raises(InputError, match="seconds"):
        box("Echo", seconds="long")


def test_a_brief_call_made_on_the_spot_is_the_call(tmp_path: Path) -> None:
    canvas = drawn(picture((64, 48)))
    words = {"overlay_type": "text", "position": [500, 500]}
    brief = [
        checked(canvas, "Flip", image="img_1"),
        checked(canvas, "Crop", image="img_1", bbox=[100, 100, 900, 900]),
        checked(canvas, "Overlayer", base_image="img_1", content="SALE", **words),
    ]
    long = checked(canvas, "Overlayer", base_image="img_1", content="word " * 30, **words)
    with ToolBox("lite", cache=Cache(0)) as here, ToolBox("lite", cache=Cache(0)) as pooled:
        for call in brief:
            assert not here.is_brief(*call), "what is not loaded yet is not loaded on the spot"
            there = asyncio.run(pooled.call(*call))
            asyncio.run(here.call(*call))
            spot = here.call_here(*call)
            assert here.is_brief(*call) and spot is not None and spot.outcome is not None and there.outcome is not None
            assert spot.outcome.picture is not None and there.outcome.picture is not None
            assert spot.outcome.picture.tobytes() == there.outcome.picture.tobytes()
            assert (spot.key, spot.backend, spot.outcome.text) == (there.key, there.backend, there.outcome.text)
        assert not here.is_brief(*long)
        assert not here.is_brief(*checked(canvas, "Rotate", image="img_1", angle=30))
    with ToolBox("lite", cache=Cache(folder=tmp_path)) as filed:
        asyncio.run(filed.call(*brief[0]))
        assert not filed.is_brief(*brief[0]), "files are read and written in threads"


def test_a_call_on_the_spot_takes_what_the_cache_holds_and_a_crash_is_a_fault() -> None:
    call = checked(drawn(), "Flip", image="img_1")
    with ToolBox("lite") as toolbox:
        first = asyncio.run(toolbox.call(*call))
        again = toolbox.call_here(*call)
        assert again is not None and again.cached and again.outcome is first.outcome
    with box("Brief") as toolbox:
        asyncio.run(toolbox.call(*call))
        crashed = toolbox.call_here(*call)
        assert crashed is not None and crashed.fault is not None and crashed.fault.stage is Stage.INFRASTRUCTURE
