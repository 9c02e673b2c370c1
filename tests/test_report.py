"""The report: everything is in it, nothing in it acts, whatever the run was like."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image

from canvasagent import Agent, Limits, Task
from canvasagent.canvas import Kind
from canvasagent.endpoints.settings import Usage
from canvasagent.errors import PolicyFailure, StorageError
from canvasagent.policies.base import Reply
from canvasagent.record.model import AssetRecord, LineageRecord, TurnRecord
from canvasagent.record.report import render, write_report
from canvasagent.record.report.graph import NODE, layout
from canvasagent.record.trajectory import Trajectory
from helpers import ListPolicy, call, end, photo

EVIL = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> ' javascript:alert(3) {{ 7*7 }} &amp; \u202e"
VOID = {"meta", "img", "link", "br", "hr", "input"}


@dataclass
class Page(HTMLParser):
    """A page taken apart: tags with attributes, and text by the tags around it."""

    html: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    open: list[str] = field(default_factory=list)
    style: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += data

    def all(self, tag: str, class_: str | None = None) -> list[dict[str, str]]:
        """The attributes of all such tags."""
        return [
            attributes
            for name, attributes in self.tags
            if name == tag and (class_ is None or class_ in attributes.get("class", "").split())
        ]

    @property
    def sources(self) -> list[str]:
        """Every picture that is shown."""
        return [tag["src"] for tag in self.all("img")] + [tag["href"] for tag in self.all("image")]


def checked(html: str) -> Page:
    """The page, held against what every report must keep."""
    page = Page(html)
    assert page.open == []
    names = {name for name, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "form", "link", "base", "foreignobject", "use"}
    for name, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"], (name, attributes)
        for key in ("href", "src", "xlink:href", "action", "srcset"):
            if key in attributes:
                assert re.fullmatch(r"assets/[A-Za-z0-9]+_\d+\.png|data:image/(png|jpeg);base64,.*", attributes[key])
    assert "url(" not in page.style and "@import" not in page.style and "://" not in page.style
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-") and "unsafe" not in policy
    for source in page.sources:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2], validate=True))) as picture:
            picture.load()
            assert max(picture.size) <= 512
    assert all(tag.get("alt") for tag in page.all("img"))
    return page


class Counting(ListPolicy):
    """Says what its turns took."""

    async def act(self, messages: object, on_text: object = None) -> Reply:
        reply = await super().act(messages, None)  # type: ignore[arg-type]
        return Reply(reply.text, Usage(1200, 34, 0.0021))


TEXTS = (
    call("SAM", EVIL, image="img_1", bbox=[200, 100, 700, 900]),
    call("Extract", image="img_1", mask="SAM_0"),
    call("Flip", image="Extract_0"),
    call("Flip", image="Extract_0"),
    call("Overlayer", image=EVIL, base_image="img_9", overlay_type="object", content=EVIL),
    f"{EVIL} <tool_call>",
    call(EVIL, **{EVIL: EVIL}),
    call("Overlayer", base_image="img_2", overlay_type="object", content="Flip_0"),
    call("Overlay", base_image="Overlayer_0", overlay_type="text", content="<b>SALE</b>"),
    end("Overlayer_1", f"Nearly. Not done: a giraffe; {EVIL}"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "rich"
    pictures = [photo(size=160), photo("coffee", 700)]
    Agent(Counting(TEXTS), limits=Limits(max_turns=15)).run(EVIL, pictures, run_dir=path)
    return path


@pytest.fixture(scope="module")
def run(folder: Path) -> Trajectory:
    return Trajectory.load(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return checked((folder / "report.html").read_text("utf-8"))


def test_agent_writes_it_beside_the_record(folder: Path, run: Trajectory) -> None:
    assert (folder / "report.html").is_file()
    assert checked(render(run)).text == checked((folder / "report.html").read_text("utf-8")).text


def test_what_others_wrote_is_text(page: Page) -> None:
    assert page.text.count("<script>alert(1)</script>") >= 8
    assert page.text.count("{{ 7*7 }} &amp; \u202e") >= 8
    assert '"><img src=x onerror=alert(2)>' in page.text
    assert not any(tag.get("src") == "x" for tag in page.all("img"))


def test_every_turn_is_there(page: Page, run: Trajectory) -> None:
    assert [tag["id"] for tag in page.all("li", "turn")] == [f"turn-{n}" for n in range(1, len(run.turns) + 1)]
    for turn in run.turns:
        assert (turn.reason or "") in page.text
        assert turn.text in page.text
        assert (turn.observation or "") in page.text
        if turn.call is not None:
            assert all(page.text.count(fault.message) >= 2 for fault in turn.call.faults), "in words of its own"
    for words in ("format", "reference: unknown picture", "name: unknown tool", "schema: wrong arguments"):
        assert words in page.text
    assert page.text.count("from the cache") >= 1
    assert "1,200 tokens read, 34 written, cost 0.0021" in page.text
    assert "12,000 tokens read, 340 written, cost 0.021" in page.text


def test_status_result_and_what_is_not_done(page: Page) -> None:
    assert page.all("header", "status-unmet")
    assert re.search(r"Not done\s+a giraffe", page.text)
    assert "The policy ended the run and named Overlayer_1 as the result; not done: a giraffe;" in page.text
    assert len(page.all("a", "final")) == 1
    assert page.all("a", "final")[0]["href"] == "assets/Overlayer_1.png"


def test_pictures_are_what_they_are(page: Page) -> None:
    shown = {tag["alt"].split(":")[0]: tag for tag in page.all("img")}
    assert shown["img_1"]["src"].startswith("data:image/jpeg")
    assert shown["Extract_0"]["src"].startswith("data:image/png") and "see-through" in shown["Extract_0"]["class"]
    assert shown["SAM_0"]["src"].startswith("data:image/png") and "kind-mask" in shown["SAM_0"]["class"]
    assert re.search(
        r"mask, made by SAM from img_1, 160 × 160 pixels; white where the object is, \d+%", shown["SAM_0"]["alt"]
    )
    assert shown["img_2"]["width"] == "512" and "700 × " in shown["img_2"]["alt"]


def test_graph_has_every_asset_and_edge(page: Page, run: Trajectory) -> None:
    assert len(page.all("a", "node")) == len(run.assets)
    edges = sum(len(record.lineage.parents) for record in run.assets if record.lineage is not None)
    assert len(page.all("path", "edge")) == edges == 9 - 1
    assert "Flip_0 → Overlayer_0 by Overlayer" in page.text


def test_facts_are_there(page: Page, run: Trajectory) -> None:
    for words in (
        "texts given beforehand; no model",
        "classical algorithms and a drawn world in place of generative models",
        "15 turns, no limit on time, none on cost",
        "canvasagent replay rich",
        "put together of parts, without a generative model",
        f"run by canvasagent {run.canvasagent}",
    ):
        assert words in page.text
    for turn in run.turns:
        if turn.call is not None and turn.call.backend:
            assert turn.call.backend in page.text.partition("Backend of SAM")[2]


def test_policies_are_called_what_they_are(run: Trajectory) -> None:
    scripted = run.model_copy(update={"policy": "scripted", "policy_settings": {"x": "</code><script>"}})
    text = checked(render(scripted)).text
    assert "the embedded rule-based policy, no model" in text and '"</code><script>"' in text


def test_answer_in_words() -> None:
    texts = [call("Grounding", image="img_1", reference_text="face"), end()]
    run = Agent(ListPolicy(texts)).run("Where is the face?", [photo(size=256)])
    assert run.answer is not None and run.final is None
    page = checked(render(run))
    assert page.all("header", "status-met") and page.all("blockquote", "answer") and run.answer.text in page.text


def test_no_picture_no_turn_no_result() -> None:
    class Lost(ListPolicy):
        async def act(self, messages: object, on_text: object = None) -> Reply:
            raise PolicyFailure("the endpoint is gone: <b>503</b>")

    page = checked(render(Agent(Lost([])).run("Draw a cat")))
    assert page.all("header", "status-failed")
    for words in ("the endpoint is gone: <b>503</b>", "without a picture and without an answer", "No turn was taken"):
        assert words in page.text
    assert page.sources == [] and not page.all("svg")


def test_truncated_with_a_mask_as_its_result() -> None:
    texts = [call("SAM", image="img_1", bbox=[200, 100, 700, 900])] * 2
    run = Agent(ListPolicy(texts), limits=Limits(max_turns=1)).run("Mask it", [photo(size=64)])
    assert run.final == "SAM_0"
    page = checked(render(run))
    assert page.all("header", "status-truncated") and "the limit of 1 turns was reached" in page.text
    assert "tiny" in page.all("img", "kind-mask")[0]["class"]
    assert "dataDrivenMedia" in page.text


def test_running_record(run: Trajectory) -> None:
    page = checked(render(run.model_copy(update={"status": "running", "final": None, "answer": None, "unmet": []})))
    assert page.all("header", "status-running")


def test_carried_run(run: Trajectory, tmp_path: Path) -> None:
    task = Task("Go on", carried=run.carry())
    again = Agent(ListPolicy([call("Flip", image="Overlayer_1"), end()])).run(task, run_dir=tmp_path / "two")
    page = checked((tmp_path / "two" / "report.html").read_text("utf-8"))
    assert again.final == "Flip_2"
    assert f"Goes on from run {run.id}" in page.text and "result of the earlier run" in page.text
    assert len(page.all("a", "node")) == len(run.assets) + 1


@pytest.mark.parametrize("harm", ["missing", "damaged", "changed"])
def test_pictures_that_cannot_be_read_are_shown_as_such(folder: Path, tmp_path: Path, harm: str) -> None:
    (tmp_path / "assets").mkdir()
    for file in (folder / "assets").iterdir():
        data = file.read_bytes()
        if harm == "damaged":
            data = data[: len(data) // 2]
        if harm == "changed":
            buffer = io.BytesIO()
            with Image.open(file) as picture:
                Image.new(picture.mode, picture.size).save(buffer, "PNG")
            data = buffer.getvalue()
        if harm != "missing":
            (tmp_path / "assets" / file.name).write_bytes(data)
    (tmp_path / "trajectory.json").write_bytes((folder / "trajectory.json").read_bytes())
    write_report(Trajectory.load(tmp_path), tmp_path)
    page = checked((tmp_path / "report.html").read_text("utf-8"))
    assert page.sources == []
    assert len(page.all("div", "hole")) >= 8
    assert "missing, damaged or was changed since the run" in page.text


def test_colours_of_other_profiles_are_shown_as_srgb(tmp_path: Path) -> None:
    wide = Path("/usr/share/color/icc/ghostscript/a98.icc")
    profile = wide.read_bytes() if wide.is_file() else b"no profile at all" * 20
    path = tmp_path / "in.png"
    Image.new("RGB", (64, 64), (200, 60, 40)).save(path, icc_profile=profile)
    run = Agent(ListPolicy([call("Flip", image="img_1"), end()])).run("Flip", [path])
    for source in checked(render(run)).sources:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as picture:
            assert "icc_profile" not in picture.info


def test_hundred_turns_stay_small_and_whole() -> None:
    texts = [call("Flip", image="img_1" if turn == 0 else f"Flip_{turn - 1}") for turn in range(99)] + [end()]
    run = Agent(ListPolicy(texts), limits=Limits(max_turns=100)).run("Flip a lot", [photo(size=640)])
    html = render(run)
    page = checked(html)
    assert len(page.all("li", "turn")) == 100 and len(html) < 6_000_000
    assert max(int(tag["width"]) for tag in page.all("img")) == 512, "the first and the last picture stay large"


def test_a_folder_that_cannot_be_written_is_a_storage_error(run: Trajectory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_report(run, tmp_path / "file" / "report.html")


def asset(name: str, *parents: str, tool: str | None = None) -> AssetRecord:
    """An asset's record, an input without `tool`."""
    made = LineageRecord(tool=tool, arguments={}, parents=list(parents), seed=0, backend="x") if tool else None
    origin = "tool" if tool else "input"
    return AssetRecord(id=name, origin=origin, kind=Kind.IMAGE, mode="RGB", size=(1, 1), key=name, lineage=made)


def test_layout_goes_left_to_right_and_nothing_overlaps() -> None:
    records = [asset("img_1"), asset("img_2"), asset("Gen_0", tool="Gen")]
    for number in range(12):
        parents = ["img_1" if number % 3 else "img_2", f"Flip_{number - 2}" if number > 1 else "Gen_0"]
        records.append(asset(f"Flip_{number}", *parents, tool="Flip"))
    drawing = layout(records, "Flip_11")
    at = {node.record.id: node for node in drawing.nodes}
    assert at["img_1"].x == at["img_2"].x == min(node.x for node in drawing.nodes) < at["Gen_0"].x
    assert all(at[edge.source].x < at[edge.target].x for edge in drawing.edges)
    assert len(drawing.edges) == 24
    for one, other in combinations(drawing.nodes, 2):
        assert one.x != other.x or abs(one.y - other.y) >= NODE + 40
    assert all(node.y >= 0 and node.y + NODE + 40 <= drawing.height for node in drawing.nodes)
    assert [node.record.id for node in drawing.nodes if node.final] == ["Flip_11"]


def test_layout_survives_circles_and_unknown_parents() -> None:
    drawing = layout([asset("A_0", "B_0", "A_0", "Z_9", tool="T"), asset("B_0", "A_0", tool="T")], None)
    assert [(edge.source, edge.target) for edge in drawing.edges] == [("A_0", "B_0")]


def test_turn_that_names_an_unknown_picture(run: Trajectory) -> None:
    turn = TurnRecord(index=0, text="x", reason=None, asset="Crop_99")
    page = checked(render(run.model_copy(update={"turns": [turn], "final": "Crop_98"})))
    assert "not in the record" in page.text
