"""The labelled photographs of `tests/data/photographs/`: files, licences, labels, and that no two show the same."""

from __future__ import annotations

import hashlib
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from canvasagent.imaging.geometry import GRID, box_to_grid

FOLDER = Path(__file__).parent / "data" / "photographs"
LABELS: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / "labels.jsonl").read_text("utf-8").splitlines()]
FIELDS = {"file", "size", "sha256", "source", "licence", "author", "composed", "scene", "objects", "faces", "words"}
LICENCES = {
    "public domain",
    "no known copyright restrictions",
    "CC0-1.0",
    "CC-BY-2.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
}
MOST_BYTES, LONGEST_SIDE, FEWEST = 8_000_000, 1024, 60
SAME_BITS = 10
"""Two pictures whose difference hashes of 64 bits differ in no more than so many show the same."""


def difference_hash(image: Image.Image) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each of 8 × 8 patches is brighter than its right neighbour: (64,)."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.LANCZOS), int)
    return (small[:, :-1] > small[:, 1:]).ravel()


def test_the_folder_holds_what_the_labels_name_and_nothing_else() -> None:
    named = {label["file"] for label in LABELS} | {label["main"]["mask"] for label in LABELS if label["main"]}
    present = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert present - {"labels.jsonl", "README.md"} == named
    assert len({label["file"] for label in LABELS}) == len(LABELS) >= FEWEST
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= MOST_BYTES


@pytest.mark.parametrize("label", LABELS, ids=lambda label: Path(label["file"]).stem)
def test_a_photograph_is_the_one_that_was_labelled(label: dict[str, Any]) -> None:
    assert set(label) - {"page"} == FIELDS | {"main"}
    assert hashlib.sha256((FOLDER / label["file"]).read_bytes()).hexdigest() == label["sha256"]
    assert label["licence"] in LICENCES and label["author"] and label["source"] and label["scene"]
    with Image.open(FOLDER / label["file"]) as image:
        assert list(image.size) == label["size"] and max(image.size) <= LONGEST_SIDE


@pytest.mark.parametrize("label", LABELS, ids=lambda label: Path(label["file"]).stem)
def test_labels_lie_inside_their_photograph(label: dict[str, Any]) -> None:
    boxes = [each["box"] for each in (*label["objects"], *label["words"], *(label["faces"] or ()))]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= GRID and 0 <= top < bottom <= GRID
    assert all(each["name"] for each in label["objects"]) and all(each["text"] for each in label["words"])
    for face in label["faces"] or ():
        left, top, right, bottom = face["box"]
        for x, y in face["eyes"] or ():
            assert left < x < right and top < y < (top + bottom) / 2 + 0.2 * (bottom - top)
    if label["main"]:
        mask = np.asarray(Image.open(FOLDER / label["main"]["mask"]).convert("L")) > 127
        assert mask.shape == (label["size"][1], label["size"][0])
        rows, columns = np.nonzero(mask)
        box = box_to_grid((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), label["size"])
        assert np.abs(np.subtract(box, label["main"]["box"])).max() <= 1
        assert 0.005 < mask.mean() < 0.9


def test_no_two_photographs_show_the_same() -> None:
    hashes = {label["file"]: difference_hash(Image.open(FOLDER / label["file"])) for label in LABELS}
    same = [pair for pair in combinations(hashes, 2) if (hashes[pair[0]] != hashes[pair[1]]).sum() <= SAME_BITS]
    assert not same
