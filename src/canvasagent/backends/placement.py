"""Which model goes where: a plan of devices and memory, from published parameter counts.

A card holds the weights of all its models, and what calls of two tools at once need beside them. A model that does
not fit whole keeps the parts that are not at work in the computer's memory, then all but the layer at work; small
ones take turns; what fits nowhere runs on the processor.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from canvasagent.backends.profile import Profile, backend_class, make_config
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.weights.catalogue import Entry, catalogue, entry_of

RESERVED = 0.8
"""Memory of a card that the framework itself takes, in GB."""
LAYER = 0.6
"""Memory of a card that a model takes with its layers offloaded, in GB."""
GIB = 1.073741824
"""A card sold with 24 GB has 24 GiB."""

How = Literal["whole", "parts", "layers", "turns", "processor"]
WORDS: dict[How, str] = {
    "whole": "stays on the card",
    "parts": "parts not at work wait in the computer's memory",
    "layers": "all but the layer at work waits in the computer's memory: slow",
    "turns": "loaded when needed, in place of what is used least",
    "processor": "runs on the processor: very slow",
}


@dataclass
class Card:
    """A graphics card, and what is on it."""

    device: str
    gigabytes: float
    weights: float = 0.0
    working: list[float] = field(default_factory=list)

    def used(self, weights: float = 0.0, working: float = 0.0) -> float:
        """The used memory, with one more model."""
        return RESERVED + self.weights + weights + sum(sorted([*self.working, working])[-2:])

    def fits(self, weights: float, working: float) -> bool:
        """Whether one more model fits."""
        return self.used(weights, working) <= self.gigabytes

    def take(self, weights: float, working: float) -> None:
        """Put one more model here."""
        self.weights += weights
        self.working.append(working)


@dataclass(frozen=True)
class Place:
    """Where one model goes."""

    model: str
    source: str
    tools: tuple[str, ...]
    device: str
    how: How
    weights: float
    """GB of weights on the device."""
    waiting: float
    """GB of weights in the computer's memory."""
    working: float
    """GB that a call takes beside them."""

    @property
    def offload(self) -> str:
        """The setting `offload` of a backend that has it."""
        return self.how if self.how in ("parts", "layers") else "none"


@dataclass(frozen=True)
class Plan:
    """Where all models of a profile go."""

    places: tuple[Place, ...]
    cards: tuple[Card, ...]
    unknown: tuple[str, ...]
    """Sources of which no size is known."""

    @property
    def host(self) -> float:
        """GB of the computer's memory that weights take."""
        return sum(place.waiting for place in self.places)


def cards_of(text: str) -> list[Card]:
    """`1x24GB`, `2x80GB,1x24GB`, `48` or `none` as cards. Raises `InputError` for anything else."""
    cards: list[Card] = []
    if text.strip().lower() in ("none", "cpu", "0"):
        return cards
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:(\d{1,3})\s*x\s*)?(\d{1,4}(?:\.\d+)?)\s*(?:gi?b?)?\s*", part, re.IGNORECASE)
        if match is None or float(match[2]) <= 0 or match[1] == "0":
            raise InputError(f"'{text}' is no list of cards; write 1x24GB, or 2x80GB,1x24GB, or none.")
        for _ in range(int(match[1] or 1)):
            cards.append(Card(f"cuda:{len(cards)}", float(match[2]) * GIB))
    return cards


def cards_here() -> list[Card]:
    """The GPUs of this machine by its driver; none without a driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        sizes = [float(line) for line in output.split()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    return [Card(f"cuda:{number}", size * 2**20 / 1e9) for number, size in enumerate(sizes)]


def models_of(profile: Profile) -> tuple[dict[str, tuple[str, ...]], dict[str, Any]]:
    """The weights that a profile's backends load, each with the tools that share it; and settings by tool."""
    tools: dict[str, tuple[str, ...]] = {}
    configs: dict[str, Any] = {}
    for tool, spec in profile.backends.items():
        if spec.startswith(("lite/", "release/")):
            continue
        try:
            config = make_config(backend_class(spec), profile.options.get(tool, {}), spec)
        except CanvasAgentError:
            continue
        source = getattr(config, "source", None)
        if isinstance(source, str):
            tools[source] = (*tools.get(source, ()), tool)
            configs[tool] = config
    return tools, configs


def plan(profile: Profile, cards: Sequence[Card], dtype: str = "bfloat16") -> Plan:
    """Where each model of `profile` goes; the largest are placed first."""
    tools, _ = models_of(profile)
    known = [(entry, used) for source, used in tools.items() if (entry := _sized(source, used)) is not None]
    known.sort(key=lambda item: -item[0].gigabytes(dtype))
    places = [_place(entry, used, list(cards), dtype) for entry, used in known]
    unknown = tuple(source for source, used in tools.items() if _sized(source, used) is None)
    return Plan(tuple(places), tuple(cards), unknown)


def _sized(source: str, tools: Sequence[str]) -> Entry | None:
    """The model at `source`, with its size: as published, or of one's own folder or file by the bytes on disk."""
    path = Path(source).expanduser()
    if (entry := entry_of(source)) is not None or not path.exists():
        return entry
    usual = next((item for item in catalogue().values() if item.default and tools[0] in item.tools), None)
    files = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    if usual is None or not size:
        return None
    share = size / 2 / usual.parameters  # as if it were stored in 16 bits: of one in 32 it plans twice as much
    parts = {name: round(count * share) for name, count in usual.parts.items()}
    return usual.model_copy(update={"name": path.name, "source": source, "parts": parts})


def _place(entry: Entry, tools: tuple[str, ...], cards: list[Card], dtype: str) -> Place:
    whole, working = entry.gigabytes(dtype), entry.working_gb
    part = whole * max(entry.parts.values()) / entry.parameters
    ways: list[tuple[How, float]] = [("whole", whole)]
    if len(entry.parts) > 1:
        ways += [("parts", part), ("layers", LAYER)]
    for how, weights in ways:
        free = sorted((card for card in cards if card.fits(weights, working)), key=Card.used)
        if free:
            free[0].take(weights, working)
            waiting = whole if how in ("parts", "layers") else 0.0
            return Place(entry.name, entry.source, tools, free[0].device, how, weights, waiting, working)
    alone = [card for card in cards if RESERVED + whole + working <= card.gigabytes]
    if alone:
        return Place(entry.name, entry.source, tools, alone[0].device, "turns", whole, 0.0, working)
    full = entry.gigabytes("float32")
    return Place(entry.name, entry.source, tools, "cpu", "processor", 0.0, full, working * 2)


def as_profile(extends: str, planned: Plan, name: str) -> str:
    """A profile file with the plan's devices, starting from the profile (or .toml file) `extends`."""
    start = str(Path(extends).resolve()) if extends.endswith(".toml") else extends
    lines = [f"name = {json.dumps(name)}", f"extends = {json.dumps(start)}"]
    for place in planned.places:
        for tool in place.tools:
            lines += ["", f"[options.{tool}]", f'device = "{place.device}"']
            if tool in ("ImageGeneration", "ImageEdit") and place.device != "cpu":
                lines.append(f'offload = "{place.offload}"')
    return "\n".join(lines) + "\n"
