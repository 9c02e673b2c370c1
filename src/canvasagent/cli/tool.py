"""`canvasagent tool NAME`: one tool by itself; its options are made from its definition, its checks are the same."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from PIL import Image

from canvasagent.canvas import Canvas, Kind
from canvasagent.cli.common import (
    CODES,
    FAILED,
    Ending,
    err,
    failure,
    max_pixels_option,
    out,
    print_error,
    verbose_option,
)
from canvasagent.cli.completion import profiles
from canvasagent.cli.options import flag, with_options
from canvasagent.cli.stdin import STDIN, read_stdin
from canvasagent.cli.terminal import harmless
from canvasagent.cli.tool_values import form_words, metavar, read_value
from canvasagent.defaults import PROFILE
from canvasagent.errors import InputError
from canvasagent.faults import Stage
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.imaging.pictures import Opened, check_output_path, open_picture, save_picture
from canvasagent.tools import all_tools
from canvasagent.tools.base import Tool, canvas_info
from canvasagent.tools.check import check_call
from canvasagent.tools.slots import in_slots

if TYPE_CHECKING:
    from canvasagent.execution.calls import Execution
    from canvasagent.execution.toolbox import ToolBox

MASK_LIMIT = 128
"""Grey value from which on a mask's pixel counts as inside."""
_OWN = ("out", "seed", "profile", "max_pixels", "json", "verbose")


def register(app: typer.Typer, summary: str) -> None:
    """Add a command for every tool, under its slug; its other names work too, in upper or lower case."""
    group = typer.Typer(
        no_args_is_help=True,
        help=f"{summary} Pictures are given as paths (-: standard input), places on a grid of 0 to 1000 over the "
        "picture.",
        context_settings={"token_normalize_func": str.lower},
    )
    for tool in all_tools().values():
        if not tool.command_line:
            continue
        command = with_options(_command(tool), _parameters(tool), first=True)
        group.command(tool.slug, help=tool.summary)(command)
        for name in {name.lower() for name in tool.names} - {tool.slug}:
            group.command(name, help=tool.summary, hidden=True)(command)
    app.add_typer(group, name="tool")


def _parameters(tool: Tool) -> list[inspect.Parameter]:
    """An option for each of the tool's arguments."""
    paths, lists = tool.references({}), tool.lists
    options = []
    for name, info in tool.arguments.model_fields.items():
        if name in _OWN:
            raise InputError(f"{tool.name} cannot be used by itself: its argument '{name}' is an option already.")
        required = info.is_required() or name == tool.default_image
        words = _description(info.description or "", name in paths)
        words += " The option may be given several times." if name in lists else ""
        words += f" {form}" if (form := form_words(tool, name)) else ""
        names = (flag(name), "-i") if name == "image" else (flag(name),)
        option = typer.Option(*names, help=words, show_default=False, metavar=metavar(tool, name))
        one: Any = list[str] if name in lists else str
        annotation: Any = Annotated[one, option] if required else Annotated[one | None, option]
        options.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if required else None,
                annotation=annotation,
            )
        )
    if tool.makes != "text":
        out = Annotated[Path, typer.Option("--out", "-o", help="File for the result.", metavar="FILE")]
        options.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, annotation=out))
    return options


def _description(text: str, is_path: bool) -> str:
    """An argument's description for the command line, where assets are files."""
    text = re.sub(r"^ids? of ", "", text) if is_path else text.replace("the id of", "the path of")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _command(tool: Tool) -> Any:
    """The function behind a tool's command."""

    def use(
        seed: Annotated[int, typer.Option(help="Seed of a tool that draws at random.")] = 0,
        profile: Annotated[
            str | None, typer.Option(help="A profile or a .toml file.", metavar="NAME", autocompletion=profiles)
        ] = None,
        max_pixels: Annotated[int, max_pixels_option()] = MAX_PIXELS,
        json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
        verbose: Annotated[bool, verbose_option()] = False,
        **options: Any,
    ) -> Ending:
        from canvasagent.execution.toolbox import ToolBox

        output: Path | None = options.pop("out", None)
        if output is not None:
            check_output_path(output)
        arguments = {name: read_value(tool, name, value) for name, value in options.items() if value is not None}
        with ToolBox(profile or PROFILE, max_pixels=max_pixels) as toolbox:
            return _use(toolbox, tool, arguments, output, seed, json)

    use.__name__, use.__doc__ = tool.slug, tool.summary
    return use


def _use(
    toolbox: ToolBox, tool: Tool, arguments: dict[str, Any], output: Path | None, seed: int, as_json: bool
) -> Ending:
    if tool.name not in toolbox.tools:
        names = ", ".join(toolbox.tools)
        raise InputError(f"profile '{toolbox.profile.name}' has nothing that does {tool.name}; it has {names}.")
    canvas, paths = _load(tool, arguments, toolbox.max_pixels)
    checked = check_call(tool, arguments, canvas_info(canvas), canvas.inputs)
    if checked.faults:
        raise InputError(" ".join(_with_paths(fault.message, paths) for fault in checked.faults))
    assets = {argument: canvas[name] for argument, name in checked.assets.items()}
    execution = asyncio.run(toolbox.call(checked, assets, run_seed=seed))
    if execution.fault is not None:
        message = _with_paths(execution.fault.message, paths)
        code = FAILED if execution.fault.stage is Stage.INFRASTRUCTURE else CODES["unmet"]
        print_error(message)
        return Ending(code, failure(message), at_once=code == FAILED)
    return _report(execution, output, as_json)


def _load(tool: Tool, arguments: dict[str, Any], max_pixels: int) -> tuple[Canvas, dict[str, str]]:
    """Put the pictures that options name on a canvas; in `given` their ids take the place of the paths."""
    canvas = Canvas()
    paths: dict[str, str] = {}
    ids: dict[tuple[str, Kind], str] = {}
    slots: dict[str, str] = {}
    piped: bytes | None = None
    for one in tool.named(arguments):
        path = str(one.value)
        if path == STDIN and piped is None:
            piped = read_stdin("a picture")
        picture, kind, notes = load_asset(piped if path == STDIN and piped is not None else path, one.kinds, max_pixels)
        for note in notes:
            err().print(f"Note: {note}", markup=False)
        if (path, kind) not in ids:
            ids[path, kind] = canvas.add_input(picture, kind).id
        slots[one.slot] = ids[path, kind]
        paths[slots[one.slot]] = path
    arguments.update(in_slots(arguments, slots))
    return canvas, paths


def load_asset(
    source: str | bytes, kinds: tuple[str, ...], max_pixels: int
) -> tuple[Image.Image, Kind, tuple[str, ...]]:
    """A file, or what it holds, as an asset of one of `kinds`: a mask where only that will do or it holds nothing but
    black and white in one channel, a cut-out where it is transparent. Raises `InputError` if it is no picture."""
    opened = open_picture(source, max_pixels, raised_by="--max-pixels")
    picture = opened.picture
    if kinds == (Kind.MASK.value,):
        return _as_mask(picture), Kind.MASK, opened.notes
    if Kind.MASK.value in kinds and _holds_mask(opened):
        return _as_mask(picture), Kind.MASK, opened.notes
    cutout = "A" in picture.getbands() and Kind.CUTOUT.value in kinds
    return picture, Kind.CUTOUT if cutout else Kind.IMAGE, opened.notes


def _holds_mask(opened: Opened) -> bool:
    return opened.mode in ("L", "1") and not any(opened.picture.convert("L").histogram()[1:255])


def _as_mask(picture: Image.Image) -> Image.Image:
    if "A" in picture.getbands():
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture.convert("RGBA"))
    return picture.convert("L").point([0] * MASK_LIMIT + [255] * (256 - MASK_LIMIT))


def _with_paths(message: str, paths: Mapping[str, str]) -> str:
    """A tool's message with the files that the user named in place of ids."""
    return re.sub(r"\bimg_\d+\b", lambda match: paths.get(match[0], match[0]), message)


def _report(execution: Execution, output: Path | None, as_json: bool) -> Ending:
    outcome = execution.outcome
    assert outcome is not None
    payload: dict[str, Any] = {"status": "met", "final": None, "text": outcome.text}
    if outcome.picture is not None and output is not None:
        save_picture(outcome.picture, output)
        payload |= {"final": str(output), "kind": outcome.kind.value, "size": list(outcome.picture.size)}
    else:
        payload |= {"words": outcome.words, "data": outcome.data}
    payload |= {"seconds": round(execution.seconds, 4), "seed": execution.seed, "backend": execution.backend}
    if not as_json and output is None:
        out().print(harmless(outcome.words or outcome.text), markup=False)
    elif not as_json:
        err().print(f"{harmless(outcome.text)} ({execution.seconds:.2f} s)", markup=False)
        out().print(str(output), markup=False)
    return Ending(payload=payload)
