"""The funnel of a build: how many attempts there were and which rule rejected how many, with examples.

Made from the dataset alone, so that it is the same for a build that was interrupted.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from canvasagent.craft.quality import RULES, STAGES
from canvasagent.craft.rl.filters import stages as task_stages
from canvasagent.craft.store import Dataset, Rejection
from canvasagent.craft.store.thumbnails import thumbnail
from canvasagent.craft.tally import asked_counts, group_of
from canvasagent.pages import render, write_page
from canvasagent.storage.files import write_atomically
from canvasagent.storage.foreign_json import dig, list_in

FUNNEL, PAGE = "funnel.json", "funnel.html"
EXAMPLES = 4
"""Examples of each stage."""
_SIDE = 192
"""Longest side of a picture on the page, in pixels."""

MEANING = {
    "picture": "A source has a picture that fits the chain.",
    "writer": "The writer returned an instruction.",
    "instruction": "The instruction has no tags of the wire contract, and a sensible length.",
    "duplicate": "No other record has the same request or nearly the same picture.",
    "infrastructure": "No backend or worker failed.",
    "consistent references": "Every picture that a call names exists.",
    "valid parameters": "Every call fits its tool's schema and specification.",
    "execution": "Every call was executed.",
}


def funnel(folder: Path) -> dict[str, Any]:
    """The funnel as data: stages with counts and examples, chains, shares of recoveries and checks."""
    rejected: Counter[str] = Counter()
    of_chain: dict[str, Counter[str]] = defaultdict(Counter)
    marks: Counter[str] = Counter()
    examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with Dataset.open(folder) as dataset:
        columns = ["chain", "meta", *(["gold_steps", "difficulty"] if dataset.kind == "rl" else [])]
        for row in dataset.columns(columns):
            meta = json.loads(row["meta"])
            of_chain[group_of(row)]["records"] += 1
            marks.update(_marks(meta))
        for index, rejection in dataset.rejected():
            rejected[rejection.stage] += 1
            details = rejection.record or {}
            of_chain[str(details.get("chain"))][rejection.stage] += 1
            if len(examples[rejection.stage]) < EXAMPLES:
                examples[rejection.stage].append(_example(index, rejection, details))
        meanings = task_stages() if dataset.kind == "rl" else {stage: meaning(stage) for stage in STAGES}
        settings, complete = dataset.settings, dataset.complete
    records = sum(counts["records"] for counts in of_chain.values())
    left = records + sum(rejected.values())
    stages = []
    for stage, asks in meanings.items():
        stages.append(
            {
                "stage": stage,
                "meaning": asks,
                "entered": left,
                "fell": rejected[stage],
                "examples": examples[stage],
            }
        )
        left -= rejected[stage]
    chains = {chain: dict(counts) for chain, counts in sorted(of_chain.items())}
    wanted = asked_counts(settings) or asked_counts(settings, "cells") or {}
    short = {chain: n - of_chain[chain]["records"] for chain, n in wanted.items() if n > of_chain[chain]["records"]}
    return {
        "complete": complete,
        "asked": settings.get("n"),
        "tries": records + sum(rejected.values()),
        "records": records,
        "rejected": sum(rejected.values()),
        "missing": short,
        "marks": dict(sorted(marks.items())),
        "stages": stages,
        "chains": chains,
        "wanted": wanted,
        "settings": settings,
    }


def _marks(meta: Mapping[str, Any]) -> Iterator[str]:
    """Further counts of a record, beside its chain."""
    if meta.get("extra_turns"):
        yield "checked"
    if meta.get("mishap"):
        yield f"mishap: {meta['mishap']}"
    if meta.get("verified"):
        yield "verified by a gold run"


def meaning(stage: str) -> str:
    """What a stage requires, in a sentence."""
    return MEANING.get(stage) or " ".join((RULES[stage].__doc__ or "").split())


def _example(index: int, rejection: Rejection, details: dict[str, Any]) -> dict[str, Any]:
    messages = list_in(details, "record", "messages")
    turns = [dig(message, "content") for message in messages if dig(message, "role") in ("assistant", "tool")]
    return {
        "item": index,
        "slot": details.get("slot"),
        "attempt": details.get("attempt"),
        "chain": details.get("chain"),
        "why": rejection.reason,
        "instruction": details.get("instruction") or dig(details, "record", "instruction"),
        "turns": turns,
        "images": rejection.images,
    }


def write_funnel(folder: Path) -> dict[str, Any]:
    """Write `funnel.json` and `funnel.html` into a dataset's folder. Raises `StorageError`."""
    data = funnel(folder)
    write_atomically(folder / FUNNEL, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    with Dataset.open(folder) as dataset:
        shown = {**data, "thumbnail": lambda key: thumbnail(dataset, key, _SIDE), "widest": max(data["tries"], 1)}
        write_page(folder / PAGE, render(Path(__file__).with_name("funnel.html"), **shown))
    return data
