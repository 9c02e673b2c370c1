"""Image models alone, over a real images server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from canvasagent.cli import main
from canvasagent.endpoints.images import ImagesEndpoint, ImagesSettings
from canvasagent.errors import BackendFailure, InputError
from canvasagent.evaluation.image_only import ImageOnly
from canvasagent.evaluation.runner import Evaluation, Setup
from canvasagent.evaluation.tables import make_tables
from canvasagent.evaluation.tasks import Bench, load_bench
from canvasagent.execution.toolbox import ToolBox
from canvasagent.rewards.judges import load_judge
from helpers import photo
from images_server import ImagesServer, draws, picture_reply


def settings(server: ImagesServer) -> ImagesSettings:
    return ImagesSettings(base_url=server.url, api_key="k", retries=1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    photo(size=96).save(tmp_path / "a.png")
    tasks = [
        {"id": "edit", "instruction": "mirror it", "images": ["a.png", "a.png"], "checks": [{"check": "mirrored"}]},
        {"id": "new", "instruction": "a teal picture", "checks": [{"check": "not_blank"}]},
    ]
    (tmp_path / "bench.jsonl").write_text("\n".join(json.dumps(task) for task in tasks))
    return load_bench(str(tmp_path / "bench.jsonl"))


def evaluate(folder: Path, bench: Bench, server: ImagesServer) -> list[object]:
    setup = Setup(
        bench="b", bench_version=bench.version, tasks=2, profile="lite", judge="local", preset="paper", seed=0
    )
    evaluation = Evaluation(folder, setup, bench, ToolBox("lite"), load_judge("local"))
    return list(asyncio.run(evaluation.run({"images:m": ImageOnly("images:m", settings(server))})))


def test_a_row_has_alignment_and_aesthetic_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    with ImagesServer() as server:
        rows = evaluate(tmp_path / "out", bench, server)
    edit = next(row for row in rows if row.task == "edit")  # type: ignore[attr-defined]
    assert edit.alignment is not None and edit.alignment > 0.9 and edit.aesthetic is not None
    assert (edit.overall, edit.trajectory, edit.rule, edit.kind) == (None, None, None, "image-only")
    line = make_tables(rows, ["images:m"]).policies[0]  # type: ignore[arg-type]
    assert line.unscored == 0 and line.figures["overall"] is None and line.figures["alignment"] is not None
    sent = next(request for request in server.requests if request.path.endswith("edits"))
    assert sent.fields["prompt"] == "mirror it" and len(sent.pictures()) == 2
    assert (tmp_path / "out" / edit.folder / "report.html").is_file()


def test_what_is_done_is_not_asked_for_again_and_what_failed_is(bench: Bench, tmp_path: Path) -> None:
    refused = 400, {"error": {"message": "no"}}
    with ImagesServer(draws, lambda request: refused) as server:
        rows = evaluate(tmp_path / "out", bench, server)
    assert sorted(row.status for row in rows) == ["failed", "met"]  # type: ignore[attr-defined]
    with ImagesServer() as server:
        again = evaluate(tmp_path / "out", bench, server)
        assert len(server.requests) == 1
    assert all(row.status == "met" for row in again)  # type: ignore[attr-defined]


def test_a_mask_is_sent_as_the_api_has_it() -> None:
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (0, 0, 32, 48))
    with ImagesServer() as server:
        made = asyncio.run(ImagesEndpoint("m", settings(server)).edit("x", [Image.new("RGB", (64, 48), "red")], mask))
    alpha = np.asarray(server.requests[0].pictures("mask")[0])[..., 3]
    assert made.size == (64, 48) and (alpha[:, :32] == 0).all() and (alpha[:, 32:] == 255).all()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((200, {"created": 1, "data": []}), "no picture in its answer"),
        ((200, {"created": 1, "data": [{"url": "http://x/y.png"}]}), "not an address"),
        ((200, {"created": 1, "data": [{"b64_json": "AAAA"}]}), "no picture"),
        ((401, {"error": {"message": "wrong key k"}}), "failed"),
    ],
)
def test_bad_answers_are_told(reply: tuple[int, dict[str, object]], why: str) -> None:
    with ImagesServer(lambda request: reply) as server, pytest.raises(BackendFailure, match=why):
        asyncio.run(ImagesEndpoint("m", settings(server)).generate("x"))


def test_a_passing_failure_is_tried_again() -> None:
    with ImagesServer(lambda request: (500, {}), lambda request: picture_reply(Image.new("RGB", (8, 8)))) as server:
        assert asyncio.run(ImagesEndpoint("m", settings(server)).generate("x", (8, 8))).size == (8, 8)
        assert len(server.requests) == 2 and server.requests[1].fields["size"] == "8x8"


def test_the_command_and_wrong_names(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_IMAGES_API_KEY", "k")
    with pytest.raises(InputError, match="images:MODEL"):
        ImageOnly("flux")
    with ImagesServer() as server:
        given = ["--image-only", "images:m", "--images-base-url", server.url, "--out", str(tmp_path / "out")]
        assert main(["eval", "--bench", str(tmp_path / "bench.jsonl"), *given]) == 0
    assert main(["eval", "--bench", str(tmp_path / "bench.jsonl"), "--out", str(tmp_path / "x")]) == 2
