"""Every part that is found keeps the contract of its kind; and the checker finds what breaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canvasagent import Agent
from canvasagent.backends.lite.edits import all_edits
from canvasagent.backends.missing_requirements import missing_for
from canvasagent.backends.profile import Profile, load_profile, profile_names
from canvasagent.craft.acts import all_acts
from canvasagent.craft.chains import load_chains
from canvasagent.craft.exports import format_names, load_format
from canvasagent.craft.pictures import Need
from canvasagent.craft.sources import load_source, source_names
from canvasagent.craft.writers import load_writer, writer_names
from canvasagent.errors import InputError
from canvasagent.plugins import using_plugin_files
from canvasagent.policies import load_policy, policy_names
from canvasagent.policies.base import Reply
from canvasagent.rewards.checks import Finding, all_checks
from canvasagent.rewards.judges import ASPECTS, Verdict, judge_names, load_judge
from canvasagent.testing import (
    ConformanceError,
    check_act,
    check_backend,
    check_chain,
    check_check,
    check_edit,
    check_export,
    check_judge,
    check_policy,
    check_profile,
    check_source,
    check_tool,
    check_writer,
)
from canvasagent.tools import all_tools
from craft_data import build, build_tasks
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


@pytest.mark.parametrize("name", all_checks())
def test_check(name: str) -> None:
    check_check(all_checks()[name])


@pytest.mark.parametrize("name", judge_names())
def test_judge(name: str) -> None:
    try:
        judge = load_judge(name)
    except InputError as error:
        pytest.skip(f"cannot be made without a network or a model: {error}")
    check_judge(judge)


@pytest.mark.parametrize("name", all_edits())
def test_edit(name: str) -> None:
    check_edit(name)


@pytest.mark.parametrize("name", source_names())
def test_source(name: str, tmp_path: Path) -> None:
    if name == "dir":
        for number, sample in enumerate(("astronaut", "coffee", "chelsea", "rocket")):
            photo(sample, 200).save(tmp_path / f"{number}.png")
        name = f"dir:{tmp_path}"
    try:
        source = load_source(name)
    except InputError as error:
        pytest.skip(f"needs an argument; its own tests give it one: {error}")
    check_source(source, [Need(), Need(things=2), Need(texts=1, small=True)])


@pytest.mark.parametrize("name", writer_names())
def test_writer(name: str) -> None:
    try:
        writer = load_writer(name)
    except InputError as error:
        pytest.skip(f"cannot be made without a network or a model: {error}")
    check_writer(writer)


@pytest.mark.parametrize("name", format_names())
def test_export(name: str, tmp_path: Path) -> None:
    form = load_format(name)
    for kind, make in (("sft", build), ("rl", build_tasks)):
        if kind in form.KINDS:
            check_export(form, make(tmp_path / kind, 4))


@pytest.mark.parametrize("name", all_acts())
def test_act(name: str) -> None:
    check_act(all_acts()[name])


@pytest.mark.parametrize("name", load_chains())
def test_chain(name: str) -> None:
    check_chain(load_chains()[name])


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


class _Careless:
    """A judge with one slip."""

    def __init__(self, slip: str) -> None:
        self.name, self._slip, self._asked = "careless", slip, 0

    async def judge(self, trajectory: Any) -> Any:
        self._asked += 1
        if self._slip == "raises":
            raise KeyError("score")
        over = trajectory.status not in ("running", "failed") or self._slip == "judges what failed"
        score = (0.01 * self._asked if self._slip == "has a memory" else 0.5) if over else None
        error = None if over or self._slip == "gives no reason" else "it is not finished"
        if self._slip == "changes the run":
            trajectory.why = "judged"
        judge = "another" if self._slip == "names another" else self.name
        aspects = ASPECTS[:2] if self._slip == "forgets an aspect" else ASPECTS
        return {
            aspect: Verdict(aspect=aspect, score=score, judge=judge, model="careless-1", error=error)
            for aspect in aspects
        }


def test_the_checker_finds_a_judge_that_breaks_the_contract() -> None:
    slips = {
        "raises": "KeyError",
        "judges what failed": "not to be judged",
        "has a memory": "second time",
        "gives no reason": "neither a score nor",
        "changes the run": "changes the run",
        "names another": "names the judge 'another'",
        "forgets an aspect": "must give verdicts on",
    }
    for slip, told in slips.items():
        with pytest.raises(ConformanceError, match=told):
            check_judge(_Careless(slip))
    check_judge(_Careless("none"))
    check_judge(_Careless("has a memory"), deterministic=False)


def test_the_checker_finds_a_check_that_breaks_the_contract() -> None:
    sound = all_checks()["size_ratio"]

    def always(parameters: Any, result: Any) -> Finding:
        """Never looks."""
        return Finding(1.0, True, "it looks fine")

    def fragile(parameters: Any, result: Any) -> Finding:
        """Takes it that there is a picture."""
        return sound.measure(parameters, result) if result.final.width else always(parameters, result)

    broken = {
        "lower-case": replace(sound, name="Size Ratio"),
        "full stop": replace(sound, means="pixels"),
        "of each": replace(sound, examples=lambda seed: list(sound.examples(seed))[:3]),
        "must not hold": replace(sound, measure=always),
        "AttributeError": replace(sound, measure=fragile),
        "one severity": replace(
            sound, examples=lambda seed: [replace(example, severity=1.0) for example in sound.examples(seed)]
        ),
    }
    for told, check in broken.items():
        with pytest.raises(ConformanceError, match=told):
            check_check(check)


class _Shuffled:
    """A source with another picture each time."""

    name = "sketch"

    def __init__(self) -> None:
        self.source, self.asked = load_source("sketch"), 0

    def pick(self, need: Any, split: Any, key: str) -> Any:
        self.asked += 1
        return self.source.pick(need, split, f"{key}{self.asked}")

    def open(self, picture: Any) -> Any:
        return self.source.open(picture)


class _Wordy:
    """A writer whose reasons are too long."""

    name = "wordy"

    async def instruction(self, plan: Any, key: str) -> str:
        return "Do it."

    async def reason(self, plan: Any, step: Any, seen: Any, key: str) -> str:
        return "word " * 61

    async def farewell(self, plan: Any, seen: Any, key: str) -> str:
        return "It is done."


def test_the_checker_finds_sources_writers_and_chains_that_break_the_contract() -> None:
    with pytest.raises(ConformanceError, match="another picture for the same key"):
        check_source(_Shuffled())
    with pytest.raises(ConformanceError, match="more than 60 words"):
        check_writer(_Wordy())
    chain = next(iter(load_chains().values()))
    greedy = [way.model_copy(update={"pictures": (Need(things=1000),)}) for way in chain.ways]
    with pytest.raises(ConformanceError, match="no plan can be made"):
        check_chain(chain.model_copy(update={"ways": tuple(greedy)}))


def test_the_checker_finds_an_edit_that_breaks_the_contract(tmp_path: Path) -> None:
    with pytest.raises(ConformanceError, match="no such edit"):
        check_edit("unheard_of")
    source = """
from canvasagent.backends.lite.edits import Edit
from canvasagent.backends.lite.edits import Words

EDIT = Edit(summary="x", words=(Words(verbs=("xyzzy",)),), examples=("xyzzy it", "blur it"), apply=lambda p, job: p)
"""
    (tmp_path / "xyzzy.py").write_text(source, "utf-8")
    with (
        using_plugin_files([tmp_path / "xyzzy.py"]),
        pytest.raises(ConformanceError, match="'blur it' is understood as"),
    ):
        check_edit("xyzzy")
