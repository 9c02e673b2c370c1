"""What saved pictures say of themselves: the type follows from lineage and backends, and survives in the file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from canvasagent import Agent
from canvasagent.canvas import Kind
from canvasagent.errors import InputError
from canvasagent.record.model import AssetRecord, LineageRecord
from canvasagent.record.provenance import (
    VOCABULARY,
    SourceType,
    backend_name,
    is_generative,
    lineage,
    save_final,
    source_type,
    xmp_packet,
)
from canvasagent.record.trajectory import Trajectory
from helpers import ListPolicy, call, end, photo

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
OWN = "{https://github.com/canvasagent/canvasagent/ns/1.0/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
LITE, MODEL = "lite/x@1+00", "full/x@1+00"


def made(tool: str, parents: list[str], backend: str = LITE, kind: Kind = Kind.IMAGE, **arguments: str) -> AssetRecord:
    """The record of an asset `<tool>_0` that a tool made."""
    origin = LineageRecord(tool=tool, arguments=arguments, parents=parents, seed=0, backend=f"{tool}@1:{backend}")
    return AssetRecord(id=f"{tool}_0", origin="tool", kind=kind, mode="RGB", size=(8, 8), key=tool, lineage=origin)


def given(number: int) -> AssetRecord:
    """The record of an input picture."""
    return AssetRecord(id=f"img_{number}", origin="input", kind=Kind.IMAGE, mode="RGB", size=(8, 8), key=str(number))


def run_of(*records: AssetRecord) -> Trajectory:
    """A record with those assets, the last one being the result."""
    return Trajectory(
        canvasagent="1.2.3",
        id="run & <1>",
        created="2026-01-01T00:00:00+00:00",
        instruction="do",
        policy="list",
        profile="lite",
        seed=7,
        system_prompt="",
        request="do",
        assets=list(records),
        final=records[-1].id,
    )


TEXT = made("Overlayer", ["img_1"], overlay_type="text")
CASES = {
    "input unchanged": ([given(1)], None),
    "crop": ([given(1), made("Crop", ["img_1"])], SourceType.ALTERED),
    "edit without a model": ([given(1), made("ImageEdit", ["img_1"])], SourceType.ALTERED),
    "edit by a model": ([given(1), made("ImageEdit", ["img_1"], MODEL)], SourceType.EDITED_BY_MODEL),
    "edit by an unknown backend": (
        [given(1), made("ImageEdit", ["img_1"], "mine:Painter@1+00")],
        SourceType.EDITED_BY_MODEL,
    ),
    "enlarged by a model, then cropped": (
        [given(1), made("SR", ["img_1"], MODEL), made("Crop", ["SR_0"])],
        SourceType.EDITED_BY_MODEL,
    ),
    "drawn": ([made("ImageGeneration", [])], SourceType.ALGORITHMIC),
    "drawn, flipped": ([made("ImageGeneration", []), made("Flip", ["ImageGeneration_0"])], SourceType.ALGORITHMIC),
    "generated": ([made("ImageGeneration", [], MODEL)], SourceType.TRAINED),
    "generated, then edited by a model": (
        [made("ImageGeneration", [], MODEL), made("ImageEdit", ["ImageGeneration_0"], MODEL)],
        SourceType.TRAINED,
    ),
    "generated, with an input on it": (
        [
            given(1),
            made("ImageGeneration", [], MODEL),
            made("Overlayer", ["ImageGeneration_0", "img_1"], overlay_type="object"),
        ],
        SourceType.COMPOSITE_WITH_TRAINED,
    ),
    "drawn, with an input on it": (
        [given(1), made("ImageGeneration", []), made("Overlayer", ["ImageGeneration_0", "img_1"])],
        SourceType.COMPOSITE,
    ),
    "text on a photograph": ([given(1), TEXT], SourceType.COMPOSITE),
    "cut out with a mask from a model": (
        [
            given(1),
            made("SAM", ["img_1"], MODEL, Kind.MASK),
            made("Extract", ["img_1", "SAM_0"], MODEL, Kind.CUTOUT),
        ],
        SourceType.ALTERED,
    ),
    "cut out with a mask of a generated picture": (
        [
            given(1),
            made("ImageGeneration", [], MODEL),
            made("SAM", ["ImageGeneration_0"], MODEL, Kind.MASK),
            made("Extract", ["img_1", "SAM_0"], MODEL, Kind.CUTOUT),
        ],
        SourceType.ALTERED,
    ),
    "a mask": ([given(1), made("SAM", ["img_1"], MODEL, Kind.MASK)], SourceType.DATA),
    "a parent that is not there": ([made("Flip", ["Crop_9"])], SourceType.ALTERED),
}


@pytest.mark.parametrize("name", CASES)
def test_type_follows_from_lineage_and_backends(name: str) -> None:
    records, expected = CASES[name]
    assert source_type(run_of(*records), records[-1].id) == expected


def test_uri_is_the_vocabulary_one() -> None:
    assert SourceType.TRAINED.uri == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def test_what_counts_as_generative() -> None:
    assert not is_generative("OCR", "OCR@1:full/ocr@1+00")
    assert not is_generative("ImageEdit", "ImageEdit@1:lite/image_edit@3+00")
    assert is_generative("ImageEdit", "ImageEdit@1:full/image_edit@3+00")
    assert is_generative("SR", "no fingerprint at all")
    assert backend_name("Crop@1:lite/crop@1+44136fa355b3") == "lite/crop"
    assert backend_name("SR@2:my.module:Big@x@2+44136fa355b3") == "my.module:Big@x"


def test_lineage_leaves_out_what_took_no_part_and_survives_circles() -> None:
    circle = [made("Crop", ["Flip_0"]), made("Flip", ["Crop_0"]), given(1)]
    assert [record.id for record in lineage(circle, "Flip_0")] == ["Crop_0", "Flip_0"]


def properties(packet: bytes | str) -> dict[str, str]:
    """The simple properties of a packet."""
    root = ElementTree.fromstring(packet)
    description = root.find(f".//{RDF}Description")
    assert description is not None
    return {child.tag: child.text or "" for child in description if len(child) == 0}


def test_packet_escapes_and_is_xml() -> None:
    run = run_of(given(1), made("ImageEdit", ["img_1"], 'mine:<Painter>&\x00"{x}@1+00'))
    packet = xmp_packet(run, "ImageEdit_0")
    found = properties(packet)
    assert found[f"{OWN}Run"] == "run & <1>"
    assert found[f"{IPTC}AISystemUsed"] == 'mine:<Painter>&\ufffd"{x}'
    events = ElementTree.fromstring(packet).findall(f".//{EVENT}parameters")
    assert [event.text for event in events] == ["ImageEdit_0 by ImageEdit from img_1"]


def test_no_system_is_named_and_no_type_claimed_without_a_model() -> None:
    assert f"{IPTC}AISystemUsed" not in properties(xmp_packet(run_of(given(1), TEXT), "Overlayer_0"))
    assert f"{IPTC}DigitalSourceType" not in properties(xmp_packet(run_of(given(1)), "img_1"))


def test_packet_of_a_huge_run_fits_a_jpeg() -> None:
    steps = [given(1)]
    for number in range(300):
        step = made("Flip", [steps[-1].id], "x" * 500 + "@1+00")
        steps.append(step.model_copy(update={"id": f"Flip_{number}"}))
    packet = xmp_packet(run_of(*steps), steps[-1].id)
    ElementTree.fromstring(packet)
    assert len(packet) < 65_000


@pytest.fixture(scope="module")
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, profile: bytes) -> Trajectory:
    path = tmp_path_factory.mktemp("input") / "photo.png"
    photo(size=64).save(path, icc_profile=profile)
    texts = [
        call("Flip", image="img_1"),
        call("Crop", image="Flip_0", bbox=[0, 0, 500, 500]),
        call("Flip", image="img_1"),
        end("Crop_0"),
    ]
    return Agent(ListPolicy(texts)).run("Flip and crop", [path])


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_saved_picture_tells_it(run: Trajectory, profile: bytes, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    save_final(run, path)
    with Image.open(path) as saved:
        saved.load()
        packet = saved.info.get("xmp") or saved.info["XML:com.adobe.xmp"]
        assert saved.info["icc_profile"] == profile
        assert saved.size == (32, 32)
    found = properties(packet)
    assert found[f"{IPTC}DigitalSourceType"] == VOCABULARY + "algorithmicallyEnhanced"
    assert found["{http://ns.adobe.com/xap/1.0/}CreatorTool"] == f"CanvasAgent {run.canvasagent}"
    assert found[f"{OWN}Run"] == run.id
    assert (found[f"{OWN}Policy"], found[f"{OWN}Asset"]) == ("list", "Crop_0")
    steps = [event.text for event in ElementTree.fromstring(packet).findall(f".//{EVENT}parameters")]
    assert steps == ["Flip_0 by Flip from img_1", "Crop_0 by Crop from Flip_0"]


def test_transparent_result_is_not_flattened_in_silence(tmp_path: Path) -> None:
    picture = photo(size=32)
    picture.putalpha(100)
    run = Agent(ListPolicy([call("Flip", image="img_1"), end()])).run("Flip", [picture])
    with pytest.raises(InputError, match=r"transparent.*\.png"):
        save_final(run, tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()
    save_final(run, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as saved:
        assert saved.mode == "RGBA"


def test_run_without_a_picture_has_nothing_to_save(tmp_path: Path) -> None:
    run = Agent(ListPolicy([end()])).run("Do nothing", [photo(size=32)])
    with pytest.raises(InputError, match="nothing to save"):
        save_final(run, tmp_path / "out.png")
