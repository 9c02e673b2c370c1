"""The checks of `doctor`: packages, profiles, policies, fonts, terminal, folders."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from canvasagent.errors import CanvasAgentError, MissingExtra
from canvasagent.extras import install_command

if TYPE_CHECKING:
    from rich.console import Console

    from canvasagent.canvas import Canvas
    from canvasagent.execution.toolbox import ToolBox

VARIABLES = (
    "CANVASAGENT_API_KEY", "CANVASAGENT_TOOLS_KEY", "CANVASAGENT_IMAGES_API_KEY", "CANVASAGENT_IMAGES_BASE_URL",
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "CANVASAGENT_FONTS", "CANVASAGENT_MODELS", "HF_HOME", "HF_ENDPOINT",
    "HF_TOKEN", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NO_COLOR",
    "FORCE_COLOR",
)  # fmt: skip
"""Environment variables that canvasagent reads. Only whether they are set is shown, since some hold keys."""

SAMPLES = {
    "Latin": "Aß", "Greek": "Ωλ", "Cyrillic": "Жя", "Arabic": "سلام", "Hebrew": "שלום", "Devanagari": "नमस्ते",
    "Thai": "สวัสดี", "Chinese": "中文", "Japanese": "日本ごカナ", "Korean": "한글", "emoji": "😀",
}  # fmt: skip
"""A few letters of each script, to look for a font."""


def packages() -> dict[str, list[dict[str, Any]]]:
    """The dependencies by extra (`core`: the required ones), with the installed versions."""
    by_extra: dict[str, list[dict[str, Any]]] = {"core": []}
    for line in requires("canvasagent") or []:
        need = Requirement(line)
        extra = _extra_of(need)
        if need.marker is not None and not need.marker.evaluate({"extra": extra or ""}):
            continue
        try:
            installed: str | None = version(need.name)
        except PackageNotFoundError:
            installed = None
        fits = installed is not None and need.specifier.contains(installed, prereleases=True)
        entry = {"package": need.name, "wanted": str(need.specifier), "installed": installed, "ok": fits}
        by_extra.setdefault(extra or "core", []).append(entry)
    return by_extra


def _extra_of(need: Requirement) -> str | None:
    marker = str(need.marker or "")
    return marker.partition('extra == "')[2].partition('"')[0] or None


def profiles(deep: bool) -> dict[str, dict[str, Any]]:
    """Each built-in profile, and for each of its tools whether the backend can be made (`deep`: whether it works)."""
    from canvasagent.backends.profile import profile_names
    from canvasagent.execution.toolbox import ToolBox

    entries: dict[str, dict[str, Any]] = {}
    for name in profile_names():
        try:
            with ToolBox(name) as toolbox:
                entries[name] = {tool: _backend(toolbox, tool, deep) for tool in toolbox.tools}
        except (CanvasAgentError, ImportError) as error:
            entries[name] = {"*": {"ok": False, "why": str(error), "advice": _advice(error)}}
    return entries


def _backend(toolbox: ToolBox, tool: str, deep: bool) -> dict[str, Any]:
    """Load one backend, and with `deep` run its tool's example."""
    from canvasagent.backends.missing_requirements import missing_for
    from canvasagent.backends.profile import make_backend

    spec, options = toolbox.profile.backends[tool], toolbox.profile.options.get(tool, {})
    entry: dict[str, Any] = {"backend": spec, "ok": True, "why": None, "advice": None}
    started = time.perf_counter()
    try:
        lacks = missing_for(toolbox.profile, tool)
        if not lacks:
            make_backend(spec, options)
        problem = "; ".join(lacks) or (_try_example(toolbox, tool) if deep else None)
    except Exception as error:  # whatever a backend does wrong is what the user wants to know here
        problem = str(error) if isinstance(error, CanvasAgentError) else f"{type(error).__name__}: {error}"
        entry["advice"] = _advice(error)
    return {**entry, "ok": problem is None, "why": problem, "seconds": round(time.perf_counter() - started, 2)}


def _advice(error: Exception) -> str | None:
    return install_command(error.extra) if isinstance(error, MissingExtra) else None


def _try_example(toolbox: ToolBox, name: str) -> str | None:
    """Run a tool's example on a small picture. Returns the error, if any."""
    from canvasagent.tools.base import canvas_info
    from canvasagent.tools.check import check_call

    tool, canvas = toolbox.tools[name], sample_canvas()
    checked = check_call(tool, tool.example, canvas_info(canvas), canvas.inputs)
    if checked.faults:
        return checked.faults[0].message
    assets = {argument: canvas[asset] for argument, asset in checked.assets.items()}
    execution = asyncio.run(toolbox.call(checked, assets))
    return execution.fault.message if execution.fault is not None else None


def sample_canvas() -> Canvas:
    """A small picture with a red circle and a word, a mask of the circle, and the circle cut out."""
    from PIL import Image, ImageDraw

    from canvasagent.canvas import Asset, Canvas, Kind
    from canvasagent.imaging.fonts import font_for

    picture = Image.linear_gradient("L").resize((256, 192))
    picture = Image.merge(
        "RGB", (picture, picture.point(lambda value: 200 - value // 2), Image.new("L", (256, 192), 220))
    )
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((90, 30, 170, 110), fill=255)
    picture.paste((220, 20, 30), mask=mask)
    ImageDraw.Draw(picture).text((80, 130), "SALE", fill="black", font=font_for("SALE", 36))
    cutout = picture.crop((90, 30, 171, 111)).convert("RGBA")
    cutout.putalpha(mask.crop((90, 30, 171, 111)))
    canvas = Canvas()
    canvas.add_input(picture)
    canvas.add(Asset("SAM_0", Kind.MASK, mask, "sample mask"))
    canvas.add(Asset("Extract_0", Kind.CUTOUT, cutout, "sample cut-out"))
    return canvas


def policies() -> dict[str, dict[str, Any]]:
    """Each policy, and whether it can be loaded now."""
    from canvasagent.language_models.load import require_framework
    from canvasagent.policies import load_policy, policy_names

    examples = {"openai": "openai:MODEL", "replay": "replay:RUN", "transformers": "transformers:MODEL"}
    entries: dict[str, dict[str, Any]] = {}
    for name in policy_names():
        use = examples.get(name, name)
        entry: dict[str, Any] = {"use": f"--policy {use}", "ok": True, "why": None, "advice": None}
        try:
            if name == "transformers":  # which models there are is not known
                require_framework()
            elif name != "replay":  # needs nothing but a recorded run
                load_policy(use)
        except (CanvasAgentError, ImportError) as error:
            entry |= {"ok": False, "why": str(error), "advice": _advice(error)}
        entries[name] = entry
    return entries


def fonts() -> dict[str, dict[str, Any]]:
    """For each script, the font for it, or how to get one."""
    from canvasagent.errors import ToolRefusal
    from canvasagent.imaging.fonts import font_for

    entries: dict[str, dict[str, Any]] = {}
    for script, letters in SAMPLES.items():
        try:
            entries[script] = {"ok": True, "font": " ".join(filter(None, font_for(letters, 24).getname())), "why": None}
        except ToolRefusal as error:
            entries[script] = {"ok": False, "font": None, "why": str(error)}
    return entries


def models() -> dict[str, dict[str, Any]]:
    """For each set of small networks whether it is here and whole, or what is wrong and what to do."""
    from canvasagent.weights.sets import file_sets, how_to_pull, models_folder, verify_set

    entries: dict[str, dict[str, Any]] = {}
    for group in file_sets().values():
        bad = [f"{item.file} ({item.why})" for item in verify_set(group) if item.verdict == "damaged"]
        why = f"{group.gives} does without {', '.join(bad)} → {how_to_pull(group)}" if bad else None
        entries[group.name] = {"ok": not bad, "gives": group.gives, "folder": str(models_folder()), "why": why}
    return entries


def terminal(console: Console) -> dict[str, Any]:
    """What the terminal can show."""
    from canvasagent.cli.thumbnails import can_show

    return {
        "terminal": console.is_terminal,
        "colours": console.color_system,
        "size": [console.width, console.height],
        "encoding": console.encoding,
        "pictures": can_show(console),
    }


def runs_folder(path: Path) -> dict[str, Any]:
    """Whether runs can be written there, tested by writing a file."""
    from canvasagent.errors import StorageError
    from canvasagent.storage.files import write_atomically
    from canvasagent.storage.folders import OWN_FILES

    made = next((parent for parent in (path, *path.parents) if parent.exists()), path)
    probe = made / f"{OWN_FILES}probe-{secrets.token_hex(8)}"
    try:
        write_atomically(probe, b"")
        probe.unlink()
    except (StorageError, OSError) as error:
        return {"path": str(path), "ok": False, "why": str(error)}
    return {"path": str(path), "ok": True, "why": None}


def machine() -> dict[str, Any]:
    """Python, system, processors."""
    from canvasagent.version import __version__

    return {
        "canvasagent": __version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "cores": os.cpu_count(),
    }


def checkup(console: Console, runs_dir: Path, deep: bool) -> dict[str, Any]:
    """All checks."""
    return {
        **machine(),
        "packages": packages(),
        "profiles": profiles(deep),
        "policies": policies(),
        "fonts": fonts(),
        "models": models(),
        "terminal": terminal(console),
        "runs_dir": runs_folder(runs_dir),
        "environment": [name for name in VARIABLES if os.environ.get(name)],
    }
