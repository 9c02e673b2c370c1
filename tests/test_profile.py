"""Profiles: by name, from TOML, merged; and errors that say what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasagent import ToolBox
from canvasagent.backends.profile import (
    Profile,
    backend_class,
    fingerprint,
    load_profile,
    make_backend,
    profile_names,
)
from canvasagent.errors import InputError
from canvasagent.tools import all_tools

ECHO = "backends_for_tests:Echo"


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_lite_has_a_backend_for_each_of_the_photo_tools() -> None:
    assert {"lite", "release"} <= set(profile_names())
    lite = load_profile("lite")
    assert set(lite.backends) >= {"Crop", "Rotate", "Flip", "Extract", "Overlayer", "SAM", "Grounding", "OCR", "SR"}
    for tool, spec in lite.backends.items():
        assert spec == f"lite/{all_tools()[tool].slug}" and backend_class(spec).tool == tool


def test_release_replaces_what_changes_pixels_and_writes_boxes_in_pixels() -> None:
    release, lite = load_profile("release"), load_profile("lite")
    assert release.name == "release" and release.pixel_boxes and not lite.pixel_boxes
    assert release.backends["Rotate"] == "release/rotate"
    assert release.backends["SAM"] == lite.backends["SAM"]
    assert set(release.backends) >= set(lite.backends)


def test_a_file_extends_a_profile(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"""
        extends = "lite"
        isolate = ["SR"]
        [backends]
        Flip = "{ECHO}"
        [options.Flip]
        seconds = 0.5
        """,
    )
    profile, lite = load_profile(path), load_profile("lite")
    assert profile.name == "mine"
    assert profile.backends == {**lite.backends, "Flip": ECHO}
    assert profile.options["Flip"] == {"seconds": 0.5} and profile.isolate == ["SR"]
    assert make_backend(ECHO, profile.options["Flip"]).config.seconds == 0.5  # type: ignore[attr-defined]
    ToolBox(str(path)).close()


def test_files_extend_files_beside_them_and_replaced_backends_lose_their_options(tmp_path: Path) -> None:
    write(tmp_path, f'[backends]\nFlip = "{ECHO}"\n[options.Flip]\nseconds = 1.0\n', "base.toml")
    above = load_profile(write(tmp_path, 'extends = "base.toml"\n[options.Flip]\nflag = "x"\n'))
    assert above.options == {"Flip": {"seconds": 1.0, "flag": "x"}}
    other = 'extends = "base.toml"\n[backends]\nFlip = "backends_for_tests:Refusing"\n'
    assert load_profile(write(tmp_path, other)).options == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("backends = [", "not valid TOML"),
        ("colour = 1", r"colour.*A profile has name, extends, backends, options, isolate, pixel_boxes"),
        ("backends = 3", "backends"),
        ('[backends]\nMirror = "lite/flip"', "no tool 'Mirror'; there are ImageGeneration, ImageEdit"),
        ('isolate = ["mirror"]', "no tool 'mirror'"),
        ("[options.Flip]\nseconds = 1", "settings for Flip but no backend"),
        ('extends = "heavy"', "no profile 'heavy'; there are .*lite, release"),
        ('extends = "mine.toml"', "extends itself"),
        ('extends = "../{folder}/mine.toml"', "extends itself"),
        ('extends = "nowhere.toml"', "cannot be read"),
    ],
)
def test_errors_of_a_file_say_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_profile(write(tmp_path, text.replace("{folder}", tmp_path.name)))


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not valid TOML"):
        load_profile(path)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("lite/mirror", "there is no backend 'lite/mirror'"),
        ("nowhere:Backend", "there is no backend 'nowhere:Backend'"),
        ("backends_for_tests:Nowhere", "Nowhere"),
        ("lite", "there is no backend 'lite'"),
        ("", "backend ''"),
        (":", "backend ':'"),
        (".x:Y", "backend '.x:Y'"),
        ("lite/../x", "backend"),
    ],
)
def test_backends_that_are_not_there(spec: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        backend_class(spec)
    assert told in str(caught.value)


def test_a_backend_whose_module_is_broken_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path, "import not_installed_here\n", "needs_more.py")
    write(tmp_path, "def broken(:\n", "with_a_slip.py")
    with pytest.raises(InputError, match="needs a module that is not installed"):
        backend_class("needs_more:Backend")
    with pytest.raises(InputError, match="cannot be imported: SyntaxError"):
        backend_class("with_a_slip:Backend")


def test_fingerprints_tell_name_version_and_settings_apart() -> None:
    prints = {
        fingerprint(ECHO, {}),
        fingerprint(ECHO, {"seconds": 0.0}),
        fingerprint(ECHO, {"seconds": 1.0}),
        fingerprint("backends_for_tests:Refusing", {}),
    }
    assert len(prints) == 3, "a default that is spelled out is the same setting"


def test_a_profile_made_in_code() -> None:
    profile = load_profile(Profile(name="mine", extends="lite", backends={"Flip": ECHO}))
    assert profile.backends["Flip"] == ECHO and "OCR" in profile.backends
