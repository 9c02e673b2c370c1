"""How the public objects show themselves at a prompt and in a notebook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import canvasagent
from canvasagent import Agent, Asset, Canvas, Task, ToolBox, Trajectory
from canvasagent.backends.profile import Profile
from canvasagent.canvas import Kind
from canvasagent.notebook import ALONE_SIDE, MOST_TILES, TILE_SIDE
from helpers import ListPolicy, call, end, photo

HOSTILE = "<script>alert(1)</script> & \"quotes\" <img src=x onerror='x'>"
REPR_CHARACTERS = 200


class _Seen(HTMLParser):
    """Tags, texts and pictures of a piece of HTML; fails where tags do not pair."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "img":
            self.sources.append(dict(attrs)["src"] or "")
        else:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _sizes(sources: list[str]) -> Iterator[tuple[int, int]]:
    from base64 import b64decode

    for source in sources:
        head, _, data = source.partition(";base64,")
        assert head in ("data:image/png", "data:image/jpeg")
        yield Image.open(io.BytesIO(b64decode(data))).size


@pytest.fixture
def canvas() -> Canvas:
    canvas = Canvas()
    canvas.add_input(photo(size=1200))
    canvas.add(Asset("SAM_0", Kind.MASK, Image.new("L", (1200, 900), 255), "mask"))
    canvas.add(Asset("Extract_0", Kind.CUTOUT, Image.new("RGBA", (50, 40), (1, 2, 3, 4)), "cutout"))
    return canvas


@pytest.mark.parametrize("name", ["img_1", "SAM_0", "Extract_0"])
def test_an_asset_shows_a_small_copy(canvas: Canvas, name: str) -> None:
    asset = canvas[name]
    shown = Image.open(io.BytesIO(asset._repr_png_()))
    assert shown.format == "PNG" and max(shown.size) == min(ALONE_SIDE, max(asset.size))
    assert shown.mode == {"img_1": "RGB", "SAM_0": "L", "Extract_0": "RGBA"}[name]
    assert repr(asset) == f"Asset({name}: {asset.kind}, {asset.size[0]}x{asset.size[1]})"


def test_a_small_copy_leaves_the_asset_as_it_is(canvas: Canvas) -> None:
    asset = canvas["img_1"]
    asset.picture.info["icc_profile"] = b"not a profile"
    before = asset.pixel_hash, dict(asset.picture.info)
    asset._repr_png_()
    canvas._repr_html_()
    assert (canvasagent.canvas.pixel_hash(asset.picture), asset.picture.info) == before


def test_a_canvas_shows_its_assets(canvas: Canvas) -> None:
    seen = _Seen(canvas._repr_html_())
    assert all(asset.described() in seen.text for asset in canvas)
    assert [max(size) for size in _sizes(seen.sources)] == [TILE_SIDE, TILE_SIDE, 50]
    assert repr(canvas) == "Canvas(img_1, SAM_0, Extract_0)" and repr(Canvas()) == "Canvas()"
    assert _Seen(Canvas()._repr_html_()).sources == []


def test_a_large_canvas_stays_small_on_the_page() -> None:
    canvas = Canvas()
    for number in range(20):
        canvas.add(Asset(f"Crop_{number}", Kind.IMAGE, Image.effect_noise((200, 200), 90).convert("RGB"), str(number)))
    html = canvas._repr_html_()
    seen = _Seen(html)
    assert len(seen.sources) == MOST_TILES and len(html) < 400_000
    assert "Crop_19" in seen.text and f"not shown: {20 - MOST_TILES}" in seen.text
    assert len(repr(canvas)) < REPR_CHARACTERS and "Crop_19" in repr(canvas)


@pytest.fixture
def run(tmp_path: Path) -> Trajectory:
    policy = ListPolicy([call("Crop", image="img_1", bbox=[0, 0, 500, 500]), end(reason=f"Not done: {HOSTILE}")])
    return Agent(policy).run(HOSTILE + "x" * 10_000, [photo(size=900)], run_dir=tmp_path / "run<b>")


def test_a_run_shows_request_status_and_result(run: Trajectory) -> None:
    html = run._repr_html_()
    seen = _Seen(html)
    assert HOSTILE in seen.text and set(seen.tags) <= {
        "div",
        "b",
        "table",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "img",
    }
    assert "Crop_0: image, 450x450" in seen.text and list(_sizes(seen.sources)) == [(ALONE_SIDE, ALONE_SIDE)]
    assert run.status in seen.text and "Crop" in seen.text and "x" * 1000 not in html
    for text in (repr(run), str(run)):
        assert len(text) < REPR_CHARACTERS and run.id in text and run.status in text


def test_a_run_without_its_pictures_says_so(run: Trajectory) -> None:
    assert run.folder is not None
    (run.folder / "assets/Crop_0.png").write_bytes(b"")
    seen = _Seen(Trajectory.load(run.folder)._repr_html_())
    assert not seen.sources and "Crop_0 cannot be shown" in seen.text


def test_a_run_without_a_result_shows_what_there_is() -> None:
    seen = _Seen(Agent(ListPolicy([end()])).run("do <b>nothing</b>")._repr_html_())
    assert "do <b>nothing</b>" in seen.text and not seen.sources


def test_a_toolbox_shows_who_does_what_and_no_secrets() -> None:
    options = {"ImageGeneration": {"api_key": "sk-secret", "base_url": "http://u:pw@localhost:1/v1"}}
    with ToolBox(Profile(name="<i>mine</i>", extends="hosted", options=options)) as toolbox:
        seen = _Seen(toolbox._repr_html_())
        assert "<i>mine</i>" in seen.text and "hosted/image_generation" in seen.text
        for text in (seen.text, repr(toolbox)):
            assert "sk-secret" not in text and "pw" not in text
        assert all(tool in seen.text for tool in toolbox.tools) and len(repr(toolbox)) < REPR_CHARACTERS


def test_a_task_does_not_print_its_pictures() -> None:
    task = Task("mirror " + "it " * 3000, [b"\x89PNG" * 100_000])
    assert len(repr(task)) < REPR_CHARACTERS and "mirror it" in repr(task) and "images=1" in repr(task)


def test_dir_lists_the_public_names() -> None:
    assert dir(canvasagent) == sorted(canvasagent.__all__) == sorted(canvasagent._WHERE)
    for name in dir(canvasagent):
        assert getattr(canvasagent, name) is not None
