"""Weights without a framework: catalogue, what is on this machine, whether it is whole, where it would fit."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from canvasagent.backends.missing_requirements import missing_requirements, require_complete
from canvasagent.backends.placement import GIB, Plan, as_profile, cards_of, plan
from canvasagent.backends.profile import Profile, load_profile
from canvasagent.cli import main
from canvasagent.errors import InputError, WeightsError
from canvasagent.weights.catalogue import catalogue, find
from canvasagent.weights.files import (
    check_file,
    check_folder,
    check_model,
    check_pipeline,
    check_safetensors,
    locate,
    size_words,
)


def safetensors(path: Path, values: int = 4) -> Path:
    """A file as the format's description has it: length, header, data."""
    told = {"weight": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}, "__metadata__": {"a": "b"}}
    header = json.dumps(told).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4 * values))
    return path


def model(folder: Path, kind: str = "sam") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    safetensors(folder / "model.safetensors")
    return folder


def test_the_catalogue_counts_what_is_published() -> None:
    flux, sam = find("flux"), find("facebook/sam-vit-huge")
    assert flux.tools == ("ImageGeneration", "ImageEdit") and flux.gigabytes() == pytest.approx(15.96, abs=0.01)
    assert sam.name == "sam" and sam.download_gb == pytest.approx(2.564, abs=0.001)
    assert all(entry.licence for entry in catalogue().values())
    with pytest.raises(InputError, match="there are flux, grounding-dino"):
        find("nothing")
    assert (size_words(16.04), size_words(0.067)) == ("16.0 GB", "67 MB")


def test_a_whole_file_passes_and_a_header_is_read(tmp_path: Path) -> None:
    assert set(check_safetensors(safetensors(tmp_path / "a.safetensors"))) == {"weight", "__metadata__"}
    check_file(tmp_path / "a.safetensors")


@pytest.mark.parametrize("cut", [0, 4, 8, 20, -1])
def test_a_file_that_was_cut_short_is_told(tmp_path: Path, cut: int) -> None:
    path = safetensors(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WeightsError, match="fetch it again"):
        check_safetensors(path)


@pytest.mark.parametrize(
    "content",
    [b"\xff" * 64, (2).to_bytes(8, "little") + b"[]", (4).to_bytes(8, "little") + b"null", b"<html>no</html>" * 9,
     (7).to_bytes(8, "little") + b'{"a":1}', (2**62).to_bytes(8, "little") + b"{}"],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        check_safetensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["a.pth", "a.bin", "a.ckpt", "a.pt", "a.pkl"])
def test_pickled_weights_are_refused_unless_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(WeightsError, match="allow_pickle"):
        check_file(tmp_path / name)
    check_file(tmp_path / name, allow_pickle=True)
    with pytest.raises(WeightsError, match="allow_pickle"):
        check_folder(tmp_path)


def test_a_folder_is_another_models_or_lacks_parts(tmp_path: Path) -> None:
    assert check_model(model(tmp_path / "sam"), {"sam", "sam2"}) == "sam"
    with pytest.raises(WeightsError, match="a checkpoint of 'sam', and grounding-dino is needed"):
        check_model(tmp_path / "sam", {"grounding-dino"})
    with pytest.raises(WeightsError, match=r"no config\.json"):
        check_model(tmp_path, {"sam"})
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "sam" / "model.safetensors.index.json").write_text(json.dumps(index))
    safetensors(tmp_path / "sam" / "model-1.safetensors")
    with pytest.raises(WeightsError, match=r"lacks model-2\.safetensors"):
        check_model(tmp_path / "sam", {"sam"})
    (tmp_path / "sam" / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match="not what a checkpoint has"):
        check_model(tmp_path / "sam", {"sam"})
    (tmp_path / "none").mkdir()
    with pytest.raises(WeightsError, match="holds no weights"):
        check_folder(tmp_path / "none")
    (tmp_path / "x.zip").touch()
    with pytest.raises(WeightsError, match="no file of weights"):
        check_file(tmp_path / "x.zip")


def test_a_pipeline_has_all_its_parts(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "P", "vae": ["diffusers", "V"], "safety": [None, None], "flag": True})
    )
    with pytest.raises(WeightsError, match="lacks the part 'vae'"):
        check_pipeline(tmp_path, {"P"})
    model(tmp_path / "vae")
    assert check_pipeline(tmp_path, {"P"}) == "P"
    safetensors(tmp_path / "vae" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="damaged"):
        check_pipeline(tmp_path, {"P"})
    with pytest.raises(WeightsError, match="Flux"):
        check_pipeline(tmp_path, {"Flux2KleinPipeline"})


def test_weights_that_are_not_here_say_how_to_get_them(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == tmp_path
    pytest.importorskip("huggingface_hub")
    with pytest.raises(WeightsError, match=r"canvasagent models pull flux \(16\.0 GB, Apache-2\.0\)"):
        locate("black-forest-labs/FLUX.2-klein-4B")
    with pytest.raises(WeightsError, match="hf download someone/something"):
        locate("someone/something")
    for source in ("./nothing", "/no/such/folder", "nothing", "a/b/c", "folder/file.safetensors"):
        with pytest.raises(WeightsError, match="give a folder, a file, or a hub id"):
            locate(source)


def test_the_full_profile_says_for_each_tool_what_is_missing() -> None:
    full = load_profile("full")
    assert {tool for tool, spec in full.backends.items() if spec.startswith("full/")} == {
        "ImageGeneration", "ImageEdit", "Grounding", "SAM", "SR",
    }  # fmt: skip
    assert full.backends["OCR"] == "lite/ocr"
    found = missing_requirements(full)
    assert set(found) == {"ImageGeneration", "ImageEdit", "Grounding", "SAM", "SR"}
    with pytest.raises(InputError) as told:
        require_complete(full)
    for words in ("SAM: ", "models pull sam (2.6 GB", "SR: ", "models pull real-esrgan (67 MB, BSD-3-Clause)"):
        assert words in str(told.value)


def test_an_agent_is_not_made_without_weights_and_the_command_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", "a cat", "--profile", "full", "--runs-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "models pull flux" in said and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("1x24GB", [24]), ("2x80gb, 1x24", [80, 80, 24]), ("48GiB", [48]), ("none", []), ("0", []),
     (" 1 x 11.5 GB ", [11.5])],
)  # fmt: skip
def test_cards_from_text(text: str, sizes: list[float]) -> None:
    assert [card.gigabytes for card in cards_of(text)] == [pytest.approx(size * GIB) for size in sizes]


@pytest.mark.parametrize("text", ["", "3x", "x24GB", "24TB", "-1x24GB", "0x24GB", "1x0GB", "1x24GB,", "nan"])
def test_cards_that_make_no_sense_are_told(text: str) -> None:
    with pytest.raises(InputError, match="write 1x24GB"):
        cards_of(text)


def planned(gpus: str) -> Plan:
    return plan(load_profile("full"), cards_of(gpus))


def test_plans_by_what_fits() -> None:
    ways = {gpus: {place.model: place.how for place in planned(gpus).places} for gpus in ("1x24GB", "1x16GB", "1x8GB")}
    assert set(ways["1x24GB"].values()) == {"whole"}
    assert ways["1x16GB"]["flux"] == "parts" and ways["1x8GB"]["flux"] == "layers"
    assert {place.how for place in planned("none").places} == {"processor"}
    shared = next(place for place in planned("1x24GB").places if place.model == "flux")
    assert set(shared.tools) == {"ImageGeneration", "ImageEdit"}  # one set of weights for both


@pytest.mark.parametrize("gpus", ["1x4GB", "1x6GB", "1x8GB", "1x12GB", "1x16GB", "1x24GB", "2x8GB", "1x80GB", "8x80GB"])
def test_no_plan_puts_more_on_a_card_than_it_has(gpus: str) -> None:
    made = planned(gpus)
    assert len(made.places) == 4 and all(card.used() <= card.gigabytes for card in made.cards)
    assert {place.device for place in made.places} <= {"cpu", *(card.device for card in made.cards)}


def test_models_spread_over_cards_and_what_is_not_known_is_told() -> None:
    assert len({place.device for place in planned("2x24GB").places}) == 2
    mine = Profile(name="mine", extends="full", options={"SAM": {"source": "me/mine"}, "SR": {"source": "a/b.pth"}})
    assert set(plan(load_profile(mine), cards_of("1x24GB")).unknown) == {"me/mine", "a/b.pth"}
    assert plan(load_profile("lite"), []).places == ()


def test_own_weights_are_planned_by_their_size_on_disk(tmp_path: Path) -> None:
    file = safetensors(tmp_path / "mine.safetensors", values=1_000_000)
    mine = Profile(name="mine", extends="full", options={"SR": {"source": str(file)}, "SAM": {"source": str(tmp_path)}})
    places = {place.source: place for place in plan(load_profile(mine), cards_of("1x24GB")).places}
    assert places[str(file)].weights == pytest.approx(0.004, rel=0.01) and places[str(tmp_path)].tools == ("SAM",)


def test_a_plan_is_a_profile(tmp_path: Path) -> None:
    written = tomllib.loads(as_profile("full", planned("1x16GB"), "mine"))
    assert written["options"]["ImageEdit"] == {"device": "cuda:0", "offload": "parts"}
    path = tmp_path / "mine.toml"
    assert main(["profile", "plan", "--gpus", "1x16GB", "--out", str(path)]) == 0
    assert load_profile(path).options["ImageGeneration"]["offload"] == "parts"
    assert main(["profile", "plan", "--gpus", "1x16GB", "--out", str(path)]) == 2
    assert main(["profile", "plan", "--gpus", "lots"]) == 2


def test_the_plan_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "plan", "--gpus", "1x24GB", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cards"][0]["used_gb"] < told["cards"][0]["gb"] and told["host_gb"] == 0
