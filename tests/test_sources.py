"""Sources of pictures: every one of them keeps its promises; near-duplicates; folders with bad pictures in them."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from canvasagent.backends.lite import grounding, ocr
from canvasagent.craft.drawings.scenes import casts
from canvasagent.craft.drawings.turning import Change
from canvasagent.craft.pictures import Contents, Need, NoPicture, Picture, Source, Split
from canvasagent.craft.sources import load_source, source_names
from canvasagent.craft.sources._pool import Pool
from canvasagent.craft.sources.duplicates import NEAR, distance, fingerprint, groups, is_near
from canvasagent.english.colors import drawn_colors
from canvasagent.errors import InputError, ToolRefusal
from canvasagent.imaging.geometry import box_to_pixels, overlap
from canvasagent.sketch.background import all_backgrounds
from canvasagent.sketch.sprite import all_sprites
from helpers import photo

FIND = grounding.Backend(grounding.Config())
READ = ocr.Backend(ocr.Config())
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SKETCH = load_source("sketch")


def plain(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def upright(picture: Picture, pixels: Image.Image) -> Image.Image:
    """The picture put right, as its contents say that it is wrong."""
    back = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    if picture.contents.turned:
        pixels = pixels.transpose(back[picture.contents.turned])
    return pixels.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if picture.contents.mirrored else pixels


def found_and_asked(source: Source, picture: Picture) -> tuple[int, int]:
    """How many of its phrases Grounding finds, in their boxes where the picture stands upright."""
    pixels = upright(picture, source.open(picture))
    right = not (picture.contents.turned or picture.contents.mirrored)
    found = 0
    for thing in picture.contents.things:
        with contextlib.suppress(ToolRefusal):  # a blurred drawing may not be known as one
            boxes = [item.box for item in FIND(image=pixels, phrase=thing.phrase)]
            found += bool(boxes) and (not right or overlap(boxes[0], box_to_pixels(thing.box, pixels.size)) >= 0.7)
    return found, len(picture.contents.things)


def read_and_written(source: Source, picture: Picture) -> tuple[int, int]:
    pixels = upright(picture, source.open(picture))
    said = plain(" ".join(line.text for line in READ(image=pixels)))
    return sum(plain(text.words) in said for text in picture.contents.texts), len(picture.contents.texts)


# ---------------------------------------------------------------- every source

SCENES = ["two dogs and a red car on a street", "a cup and a vase in a kitchen", "a sheep in a field"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as users have them: drawings, pages, photographs, doubles, and what cannot be used."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "inner").mkdir()
    for number in range(7):
        need = Need(things=2, steady=True, small=True) if number % 3 else Need(texts=2, drawn=False)
        SKETCH.open(SKETCH.pick(need, "train", f"gallery {number}")).save(folder / f"{number}.png")
    photo("astronaut", 512).save(folder / "inner" / "astronaut.jpg", quality=90)
    photo("astronaut", 400).save(folder / "inner" / "again.jpg", quality=70)
    photo("coffee", 300).save(folder / "coffee.webp")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "cut.jpg").write_bytes((folder / "inner" / "astronaut.jpg").read_bytes()[:2000])
    Image.new("RGB", (20, 20)).save(folder / "tiny.png")
    Image.new("1", (9000, 8000)).save(folder / "huge.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANVASAGENT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def _sketch(folder: Path, place: Path) -> str:
    return "sketch"


def _dir(folder: Path, place: Path) -> str:
    return f"dir:{folder}"


def _usable(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*.*")) if file.stem.isdigit() or file.suffix in (".webp", ".jpg")]


def _hf(folder: Path, place: Path) -> str:
    datasets = pytest.importorskip("datasets")
    files = [str(file) for file in _usable(folder)]
    columns = {"edited_image": files, "input_image": files, "text": ["edit"] * len(files)}
    features = datasets.Features(
        {"edited_image": datasets.Image(), "input_image": datasets.Image(), "text": datasets.Value("string")}
    )
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(place / "saved"))
    return f"hf:{place / 'saved'}"


def _pico(folder: Path, place: Path) -> str:
    shutil.copytree(folder, place / "pico")
    rest = {"text": "Make it blue.", "output_image": "images/1.png", "edit_type": "Change color"}
    lines = [
        {"open_image_input_url": "https://example.org/1.jpg", **rest, "local_input_image": str(f.relative_to(folder))}
        for f in [*_usable(folder), folder / "never_fetched.jpg"]
    ]
    (place / "pico" / "sft.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"hf:{place / 'pico'}"


def _released(folder: Path, place: Path) -> str:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    files = _usable(folder)
    table = pa.table({"image": [file.read_bytes() for file in files], "path": [f"images/{f.name}" for f in files]})
    pq.write_table(table, place / "images-00000.parquet", row_group_size=4)
    return f"released:{place}"


KINDS: dict[str, Callable[[Path, Path], str]] = {
    "sketch": _sketch, "dir": _dir, "hf": _hf, "pico": _pico, "released": _released,
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def source(request: pytest.FixtureRequest, gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANVASAGENT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        name = KINDS[request.param](gallery, tmp_path_factory.mktemp("place"))
        return load_source(name)


NEEDS = [
    Need(),
    Need(things=1),
    Need(texts=2),
    Need(things=1, turned=True),
    Need(texts=1, mirrored=True),
    Need(things=1, small=True),
    Need(texts=1, blurred=True, turned=True),
]


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.model_dump_json(exclude_defaults=True))
def test_a_pick_is_pure_and_fits(source: Source, need: Need) -> None:
    picture = source.pick(need, "train", "7:1")
    other = pickle.loads(pickle.dumps(source))
    assert other.pick(need, "train", "7:1") == picture
    held = picture.contents
    assert len(held.things) >= need.things and len(held.texts) >= need.texts
    for flag in ("mirrored", "small", "blurred", "drawn"):
        assert getattr(need, flag) in (None, getattr(held, flag))
    assert need.turned is None or (held.turned != 0) == need.turned
    first, again = source.open(picture), other.open(Picture.model_validate_json(picture.model_dump_json()))
    assert first.size == picture.size and first.mode in ("RGB", "RGBA")
    assert np.array_equal(np.asarray(first), np.asarray(again))
    assert not need.small or max(first.size) <= 320


def test_splits_share_no_picture(source: Source) -> None:
    hashes: dict[Split, set[int]] = {}
    for split in SPLITS:
        hashes[split] = set()
        for number in range(8):
            if picture := _maybe(source, split, Need(), str(number)):
                hashes[split].add(fingerprint(source.open(picture)))
    assert len(hashes["train"]) > 1
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        near = [1 for a in hashes[one] for b in hashes[other] if is_near(a, b)]  # type: ignore[index]
        assert not near


def test_what_cannot_be_had_is_told(source: Source) -> None:
    with pytest.raises(NoPicture, match="things"):
        source.pick(Need(things=90), "train", "1")


def test_contents_of_pictures_of_the_user_are_true(gallery: Path) -> None:
    source = load_source(f"dir:{gallery}")
    picture = next(
        found
        for split in SPLITS
        for number in range(30)
        if (found := _maybe(source, split, Need(things=1), str(number))) and found.contents.things[0].name == "face"
    )
    assert picture.contents.known_by == "tools" and not picture.contents.drawn
    found, asked = found_and_asked(source, picture)
    assert found == asked >= 1


# ---------------------------------------------------------------- the drawn source


@pytest.mark.parametrize(
    "need",
    [Need(things=3), Need(things=1, texts=2), Need(things=2, mirrored=True, turned=True), Need(things=1, small=True)],
    ids=str,
)
def test_contents_of_drawn_pictures_are_true(need: Need) -> None:
    pictures = [SKETCH.pick(need, "validation", f"true {number}") for number in range(2)]
    found, asked = map(sum, zip(*(found_and_asked(SKETCH, picture) for picture in pictures), strict=True))
    read, written = map(sum, zip(*(read_and_written(SKETCH, picture) for picture in pictures), strict=True))
    assert found >= 0.9 * asked and read >= 0.95 * written


def test_pages_are_read() -> None:
    pictures = [SKETCH.pick(Need(texts=3, drawn=False), "train", str(number)) for number in range(5)]
    read, written = map(sum, zip(*(read_and_written(SKETCH, picture) for picture in pictures), strict=True))
    assert written >= 15 and read >= 0.95 * written


@pytest.mark.slow
def test_contents_are_true_over_many_pictures() -> None:
    found = asked = read = written = 0
    for number in range(200):
        need = Need(things=1 + number % 4, texts=number % 3, blurred=number % 10 == 0, small=number % 14 == 7)
        try:
            picture = SKETCH.pick(need, "train", f"many {number}")
        except NoPicture:
            continue
        one, two = found_and_asked(SKETCH, picture), read_and_written(SKETCH, picture)
        found, asked, read, written = found + one[0], asked + one[1], read + two[0], written + two[1]
    assert asked > 300 and found >= 0.95 * asked
    assert written > 150 and read >= 0.97 * written


def test_boxes_are_where_the_drawing_is() -> None:
    """A ball of a colour of its own is found where the box says, after every turn."""
    from canvasagent.craft.drawings.scenes import compose
    from canvasagent.sketch.render import render
    from canvasagent.sketch.scene import Group, Scene

    scene = Scene(groups=(Group(sprite="ball", color="#cf3a9a"),), ground="#f6f6f4")
    composed = compose(scene, ("magenta",), (400, 300), 3)
    assert composed is not None
    thing = composed.placements[0]
    drawn = render(scene, [thing], None, (400, 300), 3)
    for code in ("-", "90", "180m", "270", "m"):
        change = Change.of(code)
        turned = np.asarray(change.apply(drawn)).astype(int)
        rows, columns = np.nonzero((turned[..., 0] - turned[..., 1] > 60) & (turned[..., 2] - turned[..., 1] > 30))
        seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        told = box_to_pixels(
            change.box((thing.left, thing.top, thing.right, thing.bottom), (400, 300)), turned.shape[1::-1]
        )
        assert overlap(tuple(map(float, seen)), told) > 0.9, code  # type: ignore[arg-type]


def test_steady_phrases_name_no_side() -> None:
    for number in range(60):
        picture = SKETCH.pick(Need(things=2, steady=True), "train", f"steady {number}")
        words = " ".join(thing.phrase for thing in picture.contents.things).split()
        assert not {"left", "right", "leftmost", "rightmost"} & set(words)


def test_phrases_are_different_and_pictures_varied() -> None:
    pictures = [SKETCH.pick(Need(things=2), "train", f"varied {number}") for number in range(80)]
    for picture in pictures:
        phrases = [thing.phrase for thing in picture.contents.things]
        assert len(set(phrases)) == len(phrases)
    assert len({picture.contents.setting for picture in pictures}) >= 12
    assert len({thing.name for picture in pictures for thing in picture.contents.things}) >= 50
    assert any(thing.count > 1 for picture in pictures for thing in picture.contents.things)


def test_casts_name_what_there_is() -> None:
    told, sprites, colors = casts(), all_sprites(), drawn_colors()
    assert set(told["casts"]) == set(all_backgrounds()) and set(told["carriers"]) <= set(all_backgrounds())
    named = [name for part in ("casts", "carriers", "paint") for names in told[part].values() for name in names]
    assert set(named) | set(told["plain"]["things"]) | set(told["usual"]) <= set(sprites)
    assert {color for names in told["colors"].values() for color in names} | set(told["usual"].values()) <= set(colors)


def test_keys_of_other_versions_are_refused() -> None:
    picture = Picture(source="sketch", key="0/train/scene/1/0/-/-/abc", size=(8, 8), contents=Contents())
    with pytest.raises(InputError, match="no key"):
        SKETCH.open(picture)


# ---------------------------------------------------------------- folders


def test_a_folder_tells_what_it_leaves_out_and_is_not_written_to(gallery: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in gallery.rglob("*")}
    source = load_source(f"dir:{gallery}")
    left_out = source.left_out  # type: ignore[attr-defined]
    assert {"broken.png", "cut.jpg", "tiny.png", "huge.png"} <= set(left_out)
    assert "too small" in left_out["tiny.png"] and "too large" in left_out["huge.png"]
    doubles = {"inner/astronaut.jpg", "inner/again.jpg"} & set(left_out)
    assert len(doubles) == 1 and "near-duplicate" in left_out[doubles.pop()]
    assert {file: file.stat().st_mtime_ns for file in gallery.rglob("*")} == before


def test_a_folder_is_scanned_once(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_source(f"dir:{gallery}")
    monkeypatch.setattr("canvasagent.craft.sources.dir.opened", lambda path: pytest.fail(f"{path} was opened again"))
    load_source(f"dir:{gallery}")


def test_a_picture_that_changed_is_told(tmp_path: Path) -> None:
    for number in range(3):
        SKETCH.open(SKETCH.pick(Need(things=1), "train", str(number))).save(tmp_path / f"{number}.png")
    source = load_source(f"dir:{tmp_path}")
    picture = next(filter(None, (_maybe(source, split, Need()) for split in SPLITS)))
    Image.new("RGB", (90, 90)).save(tmp_path / picture.key.rpartition("@")[0])
    with pytest.raises(InputError, match="not the picture any more"):
        source.open(picture)


def _maybe(source: Source, split: Split, need: Need, key: str = "1") -> Picture | None:
    try:
        return source.pick(need, split, key)
    except NoPicture:
        return None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", f"there are {', '.join(source_names())}"),
        ("sketch:x", "takes nothing"),
        ("dir", "which folder"),
        ("dir:/no/such/place", "no folder"),
        ("hf", "which dataset"),
        ("released:/no/such/place", "does not exist"),
    ],
)
def test_wrong_names_are_refused_in_words(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_source(name)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture that can be used"):
        load_source(f"dir:{tmp_path}")


def test_every_file_is_a_source() -> None:
    assert {"dir", "hf", "released", "sketch"} <= set(source_names()) and "duplicates" not in source_names()


# ---------------------------------------------------------------- near-duplicates


def copies(picture: Image.Image) -> list[Image.Image]:
    made = [
        picture.resize((picture.width // 2, picture.height // 2)),
        picture.resize((700, 700 * picture.height // picture.width)),
    ]
    for format, quality in (("JPEG", 30), ("JPEG", 80), ("WEBP", 40)):
        buffer = io.BytesIO()
        picture.save(buffer, format, quality=quality)
        made.append(Image.open(buffer))
    return [*made, picture.point([min(255, round(level * 1.08)) for level in range(256)] * 3)]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "page"])
def test_copies_of_photographs_are_near(name: str) -> None:
    picture = photo(name, 480)
    assert all(is_near(fingerprint(picture), fingerprint(copy)) for copy in copies(picture))


def test_copies_of_drawings_are_near_and_other_drawings_are_not() -> None:
    pictures = [SKETCH.open(SKETCH.pick(Need(things=1 + n % 3), "train", f"near {n}")) for n in range(60)]
    prints = [fingerprint(picture) for picture in pictures]
    assert all(is_near(prints[at], fingerprint(copy)) for at in range(0, 60, 10) for copy in copies(pictures[at]))
    assert min(distance(a, b) for at, a in enumerate(prints) for b in prints[:at]) > NEAR


@pytest.mark.slow
def test_no_two_of_500_scenes_are_near() -> None:
    prints = [fingerprint(SKETCH.open(SKETCH.pick(Need(things=1 + n % 4), "train", f"far {n}"))) for n in range(500)]
    assert groups(prints) == list(range(500))


def test_groups_are_those_of_comparing_all() -> None:
    random = np.random.default_rng(5)
    seeds = [int.from_bytes(random.bytes(32), "big") for _ in range(6)]
    prints = [
        seeds[int(random.integers(6))] ^ sum(1 << int(bit) for bit in random.integers(0, 256, 7)) for _ in range(60)
    ]
    found = groups(prints)
    for one, a in enumerate(prints):
        for other, b in enumerate(prints):
            assert not is_near(a, b) or found[one] == found[other]
    assert len(set(found)) == len({found[at] for at in range(60)}) <= 6


def test_transparent_pictures_have_a_fingerprint() -> None:
    cut = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(cut).ellipse((20, 20, 80, 80), fill=(200, 30, 30, 255))
    white = Image.alpha_composite(Image.new("RGBA", cut.size, "white"), cut).convert("RGB")
    assert fingerprint(cut) == fingerprint(white)


def test_bad_lines_cost_their_pictures_alone(gallery: Path, tmp_path: Path) -> None:
    shutil.copy(gallery / "coffee.webp", tmp_path)
    good = json.dumps({"open_image_input_url": "x", "local_input_image": "coffee.webp"}).encode()
    bad = [b"5", b"{", b"[" * 100_000, b'"\xff"', b'{"files": [5]}', b'{"path": 5}', b'{"path": "\\ud800"}']
    bad += [b'{"path": "' + b"x" * 5000 + b'"}', b'{"path": "a\\u0000b"}', b'{"open_image_input_url": "x"}']
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good, *bad, good]))
    pool = load_source(f"hf:{tmp_path / 'a.jsonl'}")
    assert isinstance(pool, Pool) and len(pool.left_out) == len(bad)
    assert sum("line 6 of" in why for why in pool.left_out.values()) == 1


def test_a_damaged_shard_costs_its_pictures_alone(gallery: Path, tmp_path: Path) -> None:
    name = _released(gallery, tmp_path)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    data = bytearray((tmp_path / "images-00000.parquet").read_bytes())
    data[4:100] = bytes(96)
    (tmp_path / "c.parquet").write_bytes(bytes(data))
    pool = load_source(name)
    assert isinstance(pool, Pool) and any("b.parquet" in key for key in pool.left_out)
    with pytest.raises(InputError, match="damaged"):
        load_source(f"released:{tmp_path / 'b.parquet'}")
