"""The checks of a backend: what its class says of itself, and what it does to small pictures of every form."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import pickle
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from PIL import Image
from pydantic import BaseModel

from canvasagent.backends.profile import Profile, backend_class, fingerprint, make_backend, make_config
from canvasagent.canvas import Asset, Canvas, Kind, input_key, pixel_hash
from canvasagent.concurrency.run_sync import run_sync
from canvasagent.errors import CanvasAgentError, ToolRefusal
from canvasagent.execution.toolbox import ToolBox
from canvasagent.execution.validate_outcome import validate_outcome
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import profile_of
from canvasagent.testing.errors import ConformanceError, require
from canvasagent.testing.samples import SIZE, mask, picture, profile
from canvasagent.tools import all_tools
from canvasagent.tools.base import Call, Outcome, Tool, canvas_info
from canvasagent.tools.check import Checked, check_call

STYLES: Mapping[str, object] = {"opacity": 0.5, "rotation": 30, "background": "navy", "outline": "#ffff00"}
"""A value for each style of Overlayer, with which a backend that names it in `styles` is called."""

ODD_SIZES: tuple[Size, ...] = ((1, 1), (1, 9), (9, 1), (33, 17))
"""Sizes at which a backend may refuse, and must not crash."""


def check_backend(
    backend: str | type[Any], options: Mapping[str, Any] | None = None, calls: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Hold a backend, by name or class, against the contract. Raises `ConformanceError` for the first thing wrong.

    It is called with its tool's example, with each list of pictures that the tool takes, with each style that its class
    names, and with `calls` where given: further arguments, on a canvas with one picture `img_1`, a mask `SAM_0` of its
    size and a cut-out `Extract_0`.
    """
    spec = backend if isinstance(backend, str) else f"{backend.__module__}:{backend.__qualname__}"
    settings = dict(options or {})
    subject = f"backend '{spec}'"
    try:
        cls = backend_class(spec)
    except CanvasAgentError as error:
        raise ConformanceError(f"{subject}: {error}") from error
    _check_class(cls, spec, settings, subject)
    tool = all_tools()[cls.tool]
    made = make_backend(spec, settings)
    lists = ({**tool.example, name: ["Extract_0"]} for name in sorted(tool.lists))
    styled = ({**tool.example, name: STYLES[name]} for name in getattr(cls, "styles", ()))
    calls = (tool.example, *lists, *styled, *calls)
    for raw in calls:
        for size, modes in _forms(tool, raw):
            _check_call(tool, made, raw, size, modes, subject)
    for raw in calls:
        _check_determinism(tool, (made, make_backend(spec, settings)), raw, subject, cls.stochastic)
    _check_through_toolbox(tool, spec, settings, subject)


def _check_class(cls: Any, spec: str, options: dict[str, Any], subject: str) -> None:
    tool = getattr(cls, "tool", None)
    require(tool in all_tools(), subject, f"its `tool` is {tool!r}; name one of {', '.join(all_tools())}.")
    version = getattr(cls, "version", None)
    require(isinstance(version, str) and bool(version), subject, f"its `version` is {version!r}; give a string.")
    for name in ("stochastic", "may_hang"):
        require(isinstance(getattr(cls, name, None), bool), subject, f"`{name}` must be True or False.")
    taken = getattr(cls, "references", 0)
    require(type(taken) is int and taken >= 0, subject, f"`references` is {taken!r}; say how many pictures it takes.")
    styles = getattr(cls, "styles", ())
    known = isinstance(styles, tuple) and set(styles) <= set(STYLES)
    require(known, subject, f"`styles` is {styles!r}; give a tuple with some of {', '.join(STYLES)}.")
    large = getattr(cls, "large", None)
    require(large is None or _is_large(large), subject, f"`large` is {large!r}; give (pixels, version).")
    require(bool(vars(cls).get("__doc__")), subject, "has no docstring; say what it does.")
    require(pickle.loads(pickle.dumps(cls)) is cls, subject, "its class cannot be pickled; define it in a module.")
    config = getattr(import_module(cls.__module__), "Config", None)
    if config is not None:
        require(issubclass(config, BaseModel), subject, "its Config must be a pydantic BaseModel.")
        require(bool(inspect.getdoc(config)), subject, "its Config has no docstring.")
        bare = [name for name, info in config.model_fields.items() if not info.description]
        bare = sorted(set(bare) - _documented(config))
        require(not bare, subject, f"the settings {', '.join(bare)} have no docstring under them.")
        written = make_config(cls, options, spec)
        require(pickle.loads(pickle.dumps(written)) == written, subject, "its Config changes when pickled.")
        again = config.model_validate(json.loads(written.model_dump_json()))
        require(again == written, subject, "its Config changes when dumped to JSON and read again.")
    require(fingerprint(spec, options) == fingerprint(spec, options), subject, "its fingerprint is not stable.")


def _is_large(value: Any) -> bool:
    """Whether a value says above how many pixels a backend works another way, and which version of that."""
    if not isinstance(value, tuple) or [type(part) for part in value] != [int, str]:
        return False
    return bool(value[0] > 0 and value[1])


def _documented(config: type[BaseModel]) -> set[str]:
    """The fields that have a docstring under them, read from the source."""
    try:
        source = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0]
    except (OSError, SyntaxError):
        return set(config.model_fields)
    body = source.body if isinstance(source, ast.ClassDef) else []
    return {
        field.target.id
        for field, after in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


def _forms(tool: Tool, raw: Mapping[str, Any]) -> Iterator[tuple[Size, Mapping[str, str]]]:
    """The sizes to try and the kinds that each asset argument may have: first one each, then all of them."""
    named = tool.named(raw)
    base = {one.slot: _kind_of(str(one.value), one.kinds) for one in named}
    yield SIZE, base
    for one in named:
        for kind in (*one.kinds, "image with alpha"):
            if kind == base[one.slot] == "mask":
                yield SIZE, {**base, one.slot: "empty mask"}
            elif kind != base[one.slot] and (kind in one.kinds or "image" in one.kinds):
                yield SIZE, {**base, one.slot: kind}
    for size in ODD_SIZES if base else ():
        for kind in dict.fromkeys((*base.values(), "image with alpha")):
            yield size, {name: kind if base[name] != "mask" and kind != "mask" else base[name] for name in base}


def _kind_of(name: str, kinds: Sequence[str]) -> str:
    usual = "mask" if name.startswith("SAM") else "cutout" if name.startswith("Extract") else "image"
    return usual if usual in kinds else kinds[0]


def _canvas(tool: Tool, raw: Mapping[str, Any], size: Size, kinds: Mapping[str, str]) -> Canvas:
    """A canvas on which every asset that `raw` names has the wanted size and kind."""
    drawn = Canvas(inputs=1)
    names = {one.slot: str(one.value) for one in tool.named(raw)}
    for slot, kind in kinds.items():
        pixels = picture(size, "L" if "mask" in kind else "RGB" if kind == "image" else "RGBA")
        if kind == "empty mask":
            pixels = Image.new("L", size)
        elif kind == "cutout":
            pixels.putalpha(mask(size))
        if names[slot] not in drawn:
            known = Kind.IMAGE if kind == "image with alpha" else Kind(kind.removeprefix("empty "))
            drawn.add(Asset(names[slot], known, pixels, input_key(pixels)))
    if "img_1" not in drawn:
        pixels = picture(size)
        drawn.add(Asset("img_1", Kind.IMAGE, pixels, input_key(pixels)))
    return drawn


def _checked(tool: Tool, raw: Mapping[str, Any], drawn: Canvas, subject: str) -> Checked:
    checked = check_call(tool, raw, canvas_info(drawn), drawn.inputs)
    require(not checked.faults, subject, f"{dict(raw)} is no valid call: {[fault.message for fault in checked.faults]}")
    return checked


def _run(tool: Tool, backend: Any, checked: Checked, drawn: Canvas, seed: int, about: str) -> Outcome | ToolRefusal:
    assets = {name: drawn[asset] for name, asset in checked.assets.items()}
    pictures = {name: asset.picture for name, asset in assets.items()}
    try:
        outcome = tool.run(
            Call(checked.arguments, pictures, {name: asset.kind for name, asset in assets.items()}, backend, seed)
        )
        return validate_outcome(tool, outcome, next(iter(assets.values()), None))
    except ToolRefusal as refusal:
        require(bool(str(refusal).strip()), about, "refuses without a word; say what cannot be done and what can.")
        return refusal
    except Exception as error:
        raised = f"raises {type(error).__name__}: {str(error).rstrip('.')}"
        raise ConformanceError(f"{about}: {raised}. What cannot be done is a ToolRefusal, in words.") from error


def _check_call(
    tool: Tool, backend: Any, raw: Mapping[str, Any], size: Size, kinds: Mapping[str, str], subject: str
) -> None:
    about = f"{subject}, called with {dict(raw)} on {kinds or 'nothing'} of {size[0]} × {size[1]}"
    drawn = _canvas(tool, raw, size, kinds)
    checked = _checked(tool, raw, drawn, subject)
    before = {asset.id: _state(asset.picture) for asset in drawn}
    outcome = _run(tool, backend, checked, drawn, 1, about)
    changed = [asset.id for asset in drawn if _state(asset.picture) != before[asset.id]]
    require(not changed, about, f"changes its inputs {changed}; work on a copy.")
    if isinstance(outcome, ToolRefusal):
        return
    require(bool(outcome.text.strip()), about, "gives an observation without a text.")
    made = outcome.picture
    require((made is None) == (tool.makes == "text"), about, f"the tool is declared to make {tool.makes}.")
    if made is None:
        return
    first = drawn[next(iter(checked.assets.values()))] if checked.assets else None
    wanted = first.kind if tool.makes == "same" and first is not None else Kind(tool.makes)
    if tool.makes == "same" and first is not None and first.picture.mode == "RGBA":
        require(made.mode == "RGBA", about, "drops the transparency of its input; alpha survives every tool.")
    require(outcome.kind is wanted, about, f"makes a {outcome.kind}, where the tool's definition says {wanted}.")
    if made.mode == "L":
        values = {value for value, count in enumerate(made.histogram()) if count}
        require(values <= {0, 255}, about, f"gives a mask with values beside 0 and 255: {sorted(values)[:5]}.")
    infos = canvas_info(drawn)
    foretold = (getattr(backend, "output_pixels", None) or tool.output_pixels)(
        checked.arguments, {name: infos[asset] for name, asset in checked.assets.items()}
    )
    real = made.width * made.height
    require(foretold >= real, about, f"makes {real} pixels, where output_pixels foretold {foretold}.")


def _state(pixels: Image.Image) -> tuple[str, object]:
    return pixel_hash(pixels), dict(pixels.info)


def _check_determinism(
    tool: Tool, backends: tuple[Any, Any], raw: Mapping[str, Any], subject: str, stochastic: bool
) -> None:
    """The same inputs and seed give the same bytes: twice, in two threads at once, from a second backend."""
    about = f"{subject}, called twice with {dict(raw)}"
    size, kinds = next(_forms(tool, raw))

    def once(backend: Any, seed: int = 7) -> str:
        drawn = _canvas(tool, raw, size, kinds)
        return _digest(_run(tool, backend, _checked(tool, raw, drawn, subject), drawn, seed, about))

    first = once(backends[0])
    require(once(backends[0]) == first, about, "gives different results; pin every source of chance to `seed`.")
    require(once(backends[1]) == first, about, "gives different results from a second backend of its class.")
    with ThreadPoolExecutor(2) as pool:
        together = {future.result() for future in [pool.submit(once, backends[0]) for _ in range(2)]}
    require(together == {first}, about, "gives different results from two threads at once; keep no state in calls.")
    if not stochastic:
        require(once(backends[0], 8) == first, about, "depends on `seed`; declare `stochastic = True`.")


def _digest(outcome: Outcome | ToolRefusal) -> str:
    if isinstance(outcome, ToolRefusal):
        return f"refused: {outcome}"
    pixels = pixel_hash(outcome.picture) if outcome.picture is not None else None
    return json.dumps([outcome.text, outcome.kind, outcome.words, outcome.data, pixels])


def _check_through_toolbox(tool: Tool, spec: str, options: dict[str, Any], subject: str) -> None:
    """In a toolbox its call is cached, and a picture made from pictures has the first one's colour profile."""
    size, kinds = next(_forms(tool, tool.example))
    drawn = _canvas(tool, tool.example, size, kinds)
    checked = _checked(tool, tool.example, drawn, subject)
    assets = {name: drawn[asset] for name, asset in checked.assets.items()}
    chosen = Profile(name="check", backends={tool.name: spec}, options={tool.name: options} if options else {})
    with ToolBox(chosen, workers=1) as toolbox:

        async def twice() -> list[Any]:
            return [await toolbox.call(checked, assets), await toolbox.call(checked, assets)]

        first, second = run_sync(twice())
    failed = first.fault is not None and first.fault.stage == "infrastructure"
    require(not failed, subject, f"fails in a toolbox: {first.fault}")
    require(second.cached and second.key == first.key, subject, "its call is not found in the cache again.")
    if first.outcome is not None and first.outcome.picture is not None and assets:
        kept = profile_of(first.outcome.picture) == profile()
        unprofiled = next(iter(assets.values())).kind is Kind.MASK
        require(kept or unprofiled, subject, "loses the colour profile of its first input.")
