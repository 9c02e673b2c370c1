"""Every tool, backend and policy that is found keeps the contract; and the checker finds what breaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canvasagent import Agent
from canvasagent.backends.missing_requirements import missing_for
from canvasagent.backends.profile import Profile, load_profile, profile_names
from canvasagent.errors import InputError
from canvasagent.policies import load_policy, policy_names
from canvasagent.policies.base import Reply
from canvasagent.testing import ConformanceError, check_backend, check_policy, check_profile, check_tool
from canvasagent.tools import all_tools
from helpers import ListPolicy, call, end, photo

_EDIT = {"image": "img_1", "edit_prompt": "make it black and white"}
_MORE_CALLS: dict[str, list[dict[str, Any]]] = {
    "Overlayer": [
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "position": [20, 990]},
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "scale": 3.0},
        {
            "base_image": "img_1",
            "overlay_type": "object",
            "content": "Extract_0",
            "quad": [[100, 100], [900, 200], [800, 900], [50, 700]],
        },
        {"base_image": "img_1", "overlay_type": "object", "content": "Extract_0", "opacity": 0.5, "rotation": 30},
    ],
    "Rotate": [{"image": "img_1", "angle": 45}, {"image": "img_1", "angle": -270}, {"image": "img_1", "angle": 0}],
    "ImageEdit": [
        {**_EDIT, "masked_image": "SAM_0"},
        {**_EDIT, "references": '["img_2"]'},
        {"image": "img_1", "edit_prompt": "give it the colours of the second picture", "references": ["Extract_0"]},
        {**_EDIT, "masked_image": "SAM_0", "references": ["img_2", "Extract_0", "img_1"]},
        {"image": "img_1", "edit_prompt": "put them side by side", "references": ["Extract_0", "img_2"]},
        {"image": "img_1", "edit_prompt": "pad it to a square, make it twice as large and add a thin red frame"},
        {"image": "img_1", "edit_prompt": "add a white border", "masked_image": "SAM_0"},
    ],
    "Crop": [{"image": "img_1", "bbox": "[999, 999, 1000, 1000]"}],
}
"""Calls beside the example that are worth a look."""


def _backends() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every backend of every profile there is, with the options and the tool that it has there."""
    found = {}
    for name in profile_names():
        profile = load_profile(name)
        for tool, spec in profile.backends.items():
            found[spec] = (tool, profile.options.get(tool, {}))
    return found


@pytest.mark.parametrize("name", all_tools())
def test_tool(name: str) -> None:
    check_tool(all_tools()[name])


@pytest.mark.parametrize("spec", _backends())
def test_backend(spec: str) -> None:
    tool, options = _backends()[spec]
    if lacks := missing_for(
        Profile(name="one", backends={tool: spec}, options={tool: options} if options else {}), tool
    ):
        pytest.skip(f"its own tests run it on tiny weights or a local server; here it lacks: {' '.join(lacks)}")
    check_backend(spec, options, _MORE_CALLS.get(tool, []))


@pytest.mark.parametrize("name", policy_names())
def test_policy(name: str, tmp_path: Path) -> None:
    recorded = Agent(ListPolicy([call("Flip"), end()]), "lite").run("flip", [photo(size=32)], run_dir=tmp_path / "run")
    argument = f":{recorded.folder}" if name == "replay" else ""
    try:
        policy = load_policy(name + argument)
    except InputError as error:
        pytest.skip(f"cannot be made without a network or a model: {error}")
    if getattr(policy, "needs_network", name == "openai"):
        pytest.skip("answers through a network; its own tests run it against a local server")
    check_policy(policy)


_BROKEN = {
    "Undetermined": "different results",
    "Racing": "two threads",
    "Impure": "changes its inputs",
    "Grey": "mode L",
    "Opaque": "alpha survives",
    "Fragile": "ZeroDivisionError",
    "Growing": "output_pixels",
    "Seeded": "stochastic",
    "Promising": "TypeError.*references",
    "Boasting": "`references` is True",
    "Styled": "`styles` is .*glow",
    "Enormous": "`large` is 200",
    "Undocumented": "docstring",
    "Nameless": "name one of",
    "Versionless": "version",
    "Crashing": "RuntimeError",
    "Missing": "no backend",
}


@pytest.mark.parametrize(("name", "told"), _BROKEN.items())
def test_the_checker_finds_a_backend_that_breaks_the_contract(name: str, told: str) -> None:
    with pytest.raises(ConformanceError, match=told):
        check_backend(f"backends_for_tests:{name}")


def test_the_checker_passes_backends_of_a_plugin_by_class_and_by_name() -> None:
    from backends_for_tests import Echo

    check_backend(Echo)
    check_backend("backends_for_tests:Refusing")
    check_backend("backends_for_tests:Random", {"seconds": 0.0})
    check_backend("backends_for_tests:Own")
    check_backend("backends_for_tests:Large")
    check_backend("backends_for_tests:Mixing", calls=[{**_EDIT, "references": ["Extract_0", "img_2"]}])


def test_the_checker_runs_a_whole_profile() -> None:
    check_profile(Profile(name="mine", backends={"Flip": "backends_for_tests:Echo"}))
    with pytest.raises(ConformanceError, match="mode L"):
        check_profile(Profile(name="mine", backends={"Flip": "backends_for_tests:Grey"}))
    with pytest.raises(ConformanceError, match="no profile 'nowhere'"):
        check_profile("nowhere")


def test_the_checker_finds_a_tool_that_breaks_the_contract() -> None:
    flip, crop, ocr = (all_tools()[name] for name in ("Flip", "Crop", "OCR"))
    broken = {
        "letters and digits": replace(flip, name="My Flip", aliases=()),
        "belong to Flip": replace(crop, aliases=("ImageFlip",)),
        "summary": replace(flip, summary=" "),
        "its example breaks its own schema": replace(flip, example={"image": 3}),
        "its example does not pass": replace(flip, example={"image": "img_7"}),
        "pickled": replace(flip, run=lambda call: flip.run(call)),
        "default_image": replace(flip, default_image="picture"),
        "raises OverflowError": replace(ocr, check=lambda arguments, assets: [str(float(arguments.page))][1:]),
    }
    for told, tool in broken.items():
        with pytest.raises(ConformanceError, match=told):
            check_tool(tool)


class _Counting:
    """A policy with a memory, which it must not have."""

    name = "counting"

    def __init__(self) -> None:
        self.turns = 0

    async def act(self, messages: object, on_text: object = None) -> Reply:
        self.turns += 1
        return Reply(call("Flip") if self.turns % 2 else end())


class _Raising:
    """A policy that lets an error through."""

    name = "raising"

    async def act(self, messages: object, on_text: object = None) -> Reply:
        raise KeyError("choices")


def test_the_checker_finds_a_policy_that_breaks_the_contract() -> None:
    with pytest.raises(ConformanceError, match="memory"):
        check_policy(_Counting())
    with pytest.raises(ConformanceError, match="KeyError"):
        check_policy(_Raising())
    with pytest.raises(ConformanceError, match="missing_reason"):
        check_policy(ListPolicy(["<Terminate>"]))
    check_policy(ListPolicy(["<Terminate>"]), faultless=False)
