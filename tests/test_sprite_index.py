"""The index of sprites as a file: the package's is that of its sprites, a folder's own is kept, damage is survived."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from canvasagent.sketch import stored
from canvasagent.sketch.index import Index
from canvasagent.sketch.sprite import FOLDER, all_sprites

FEW = ("ball", "dog", "ladder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sprites = tmp_path / "sprites"
    sprites.mkdir()
    for name in FEW:
        shutil.copy(FOLDER / f"{name}.svg", sprites)
    return sprites


def kept(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache").rglob("*.npz"))


def anew(folder: Path) -> Index:
    """The index as another process would have it."""
    stored.sprite_index.cache_clear()
    all_sprites.cache_clear()
    return stored.sprite_index(folder)


def assert_same(one: Index, other: Index) -> None:
    assert one.names == other.names
    for table in ("regions", "blobs"):
        for part in ("signatures", "sprite", "mirrored", "parts"):
            assert (getattr(getattr(one, table), part) == getattr(getattr(other, table), part)).all()
    assert all((mine == its).all() for mine, its in zip(one.classes, other.classes, strict=True))
    for part in vars(one.points):
        assert (getattr(one.points, part) == getattr(other.points, part)).all(), part


def test_the_file_of_the_package_is_of_these_sprites_and_this_code() -> None:
    with np.load(stored.SHIPPED) as archive:
        assert str(archive["fingerprint"]) == stored.fingerprint(), (
            "sprites or index code changed: run `python -m canvasagent.sketch.stored`"
        )
        assert archive["names"].tolist() == list(all_sprites())
    assert stored.SHIPPED.stat().st_size < 3 * 2**20


def test_the_file_of_the_package_holds_what_building_gives(folder: Path) -> None:
    few, whole = anew(folder), anew(FOLDER)
    for name in FEW:
        mine, its = few.names.index(name), whole.names.index(name)
        assert (few.classes[mine] == whole.classes[its]).all()
        assert few.aspects[mine] == whole.aspects[its]
        for one, other in ((few.regions, whole.regions), (few.blobs, whole.blobs)):
            difference = one.signatures[one.sprite == mine] - other.signatures[other.sprite == its]
            assert np.abs(difference).max() == 0
        assert (few.points.inner[mine] == whole.points.inner[its]).all()


def test_the_index_of_a_folder_is_kept_and_read_again(folder: Path) -> None:
    built = anew(folder)
    (file,) = kept(folder)
    before = file.stat().st_mtime_ns
    assert_same(built, anew(folder))
    assert kept(folder) == [file] and file.stat().st_mtime_ns == before


def test_a_changed_sprite_changes_the_index(folder: Path) -> None:
    first = anew(folder)
    path = folder / "ball.svg"
    path.write_text((FOLDER / "cup.svg").read_text("utf-8"), "utf-8")
    assert stored.fingerprint(folder) != stored.fingerprint(FOLDER)
    second = anew(folder)
    assert "cup" in second.names and "ball" in first.names
    assert len(kept(folder)) == 2


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_built_anew(folder: Path, damage: bytes | None) -> None:
    built = anew(folder)
    (file,) = kept(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert_same(built, anew(folder))
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = folder.parent / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert anew(folder).names == FEW
    assert "not kept" in caplog.text
