"""The data card of a dataset: its README.md, whose head tells `datasets.load_dataset` where things are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from canvasagent.craft.store.layout import PICTURES, RECORDS, REJECTED, Manifest
from canvasagent.craft.store.reader import Dataset
from canvasagent.craft.tally import tally
from canvasagent.storage.foreign_json import dig, list_in, read_json

SHOWN = 60
"""Most rows of a table of chains or sources."""


def card(folder: Path) -> str:
    """The text of the card of the dataset in `folder`. It has no date, so equal datasets have equal cards."""
    with Dataset.open(folder) as dataset:
        counts, origins = tally(dataset), _origins(dataset)
    manifest = dataset.manifest
    head = f"---\n{_configs(manifest)}tags:\n- canvascraft\n- tool-use\n- synthetic\n---\n"
    parts = [
        _what(manifest),
        _how(manifest, origins),
        _statistics(manifest, counts),
        _licence(origins),
        _uses(manifest),
    ]
    return head + "\n".join(part.strip() + "\n" for part in parts)


def _configs(manifest: Manifest) -> str:
    """The files of each configuration and split, in YAML."""
    splits = [split for split in ("train", "validation", "test") if manifest.counts.get(split)]
    configs = [("records", [(split, f"{RECORDS}/{split}-*.parquet") for split in splits])]
    configs += [(name, [("train", f"{name}/*.parquet")]) for name in (PICTURES, REJECTED) if manifest.below(name)]
    lines = ["configs:"]
    for name, files in configs:
        if files:
            lines += [f"- config_name: {name}", *(["  default: true"] if name == RECORDS else []), "  data_files:"]
            lines += [line for split, path in files for line in (f"  - split: {split}", f"    path: {path}")]
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def _what(manifest: Manifest) -> str:
    what = {
        "sft": "trajectories: a request, its pictures, every turn of an agent that carries\nit out with tools (reason, "
        "call, observation, picture), the result",
        "rl": "tasks: a request, its pictures, the tools that are expected, difficulty, checks\nand success criteria",
    }[manifest.kind]
    return f"""
# CanvasCraft dataset ({manifest.kind})

A dataset of {what}. Records are in `records/`, pictures in `pictures/` (PNG, keyed by the SHA-256 of mode, size and
decoded pixels, each kept once), what fell out of the build in `rejected/` with the reason. `trajectory`, `plan`,
`checks`, `difficulty` and `meta` are JSON in strings. `dataset.json` has the settings and a checksum of every file.

    from datasets import load_dataset
    records = load_dataset("PATH")
    pictures = load_dataset("PATH", "pictures", split="train")
"""


def _how(manifest: Manifest, origins: Counter[tuple[str, str]]) -> str:
    settings = manifest.settings
    if "imported" in settings:
        made = "Imported from files; what is known of how those were made is in their own data card."
    elif any(source.startswith("sketch") for source, _ in origins) and len({name for name, _ in origins}) == 1:
        made = (
            "Made by rules: the pictures are of a drawn world (vector sprites put together by a program), not "
            "photographs, and what they show is known because it was drawn."
        )
    else:
        made = "Made by rules from the pictures listed below; what they show was found by tools or known beforehand."
    writer = str(settings.get("writer", ""))
    words = {
        "": "",
        "grammar": " Requests and reasons were written by a grammar, by no person and no language model.",
    }.get(writer, f" Requests and reasons were written by a model ({writer}), not by people.")
    executed = {
        "sft": " Every call was executed; observations and pictures are what the tools gave. Some runs contain a wrong "
        "turn on purpose, and its repair; `meta` marks them.",
        "rl": " Difficulty is measured on the task by rules (Table 2 of the paper), not judged by people.",
    }[manifest.kind]
    executed = "" if "imported" in settings else executed
    shown = json.dumps({name: value for name, value in settings.items() if name != "counts"}, ensure_ascii=False)
    return f"""
## How it was made

{made}{words}{executed} Package canvasagent {manifest.canvasagent}; settings `{shown[:3000]}`.
"""


def _statistics(manifest: Manifest, counts: Any) -> str:
    size = sum(shard.bytes for shard in manifest.shards) / 1e6
    rows = [
        ("records", ", ".join(f"{name} {number:,}" for name, number in sorted(counts.splits.items())) or "none"),
        ("rejected in the build", f"{manifest.counts.get('rejected', 0):,}"),
        ("pictures", f"{manifest.counts.get('pictures', 0):,}; {size:,.1f} MB on disk in all"),
        ("tool calls", ", ".join(f"{name} {number:,}" for name, number in counts.calls.most_common()) or "none"),
        ("calls a record", _numbers(counts.lengths)),
        ("input pictures a record", _numbers(counts.inputs)),
        *(
            (name, ", ".join(f"{level} {number:,}" for level, number in sorted(counts.levels[axis].items())) or "none")
            for axis, name in (("R", "reasoning (R)"), ("L", "length (L)"), ("D", "diversity (D)"))
        ),
    ]
    chains = counts.names.most_common()
    table = [f"| {name} | {value} |" for name, value in rows]
    listed = [f"| {name} | {number:,} |" for name, number in chains[:SHOWN]]
    more = [f"| … {len(chains) - SHOWN} more | |"] if len(chains) > SHOWN else []
    return "\n".join(
        ["## Statistics\n", "| | |", "|---|---|", *table, "", "| chain | records |", "|---|---|", *listed, *more]
    )


def _numbers(counter: Counter[int]) -> str:
    return ", ".join(f"{number}: {count:,}" for number, count in sorted(counter.items())) or "none"


def _licence(origins: Counter[tuple[str, str]]) -> str:
    rows = [f"| {source} | {licence} | {number:,} |" for (source, licence), number in origins.most_common(SHOWN)]
    table = (
        ["", "| source | licence as the source states it | input pictures |", "|---|---|---|", *rows] if rows else []
    )
    return "\n".join(
        [
            "## Licence and sources\n",
            "Requests, reasons and records are made by this software and are under Apache-2.0. A picture made from another one keeps the terms of its source; where the table says "  # noqa: E501
            "`not stated`, nobody has said so far: find out before you pass the data on. Data imported from a release "
            "is under that release's terms.",
            *table,
        ]
    )


def _uses(manifest: Manifest) -> str:
    drawn = manifest.settings.get("images") in (["sketch"], ("sketch",))
    world = (
        "- The drawn world has few kinds of things, flat colours and no people's faces that are anybody's. What is "
        "learned from it has to be measured on photographs before it is claimed for them.\n"
        if drawn
        else "- Pictures of people may be among the sources. Nothing was done to find or blur them: look before you "
        "publish, and honour requests to take a picture out (its hash is its key).\n"
    )
    return f"""
## Intended uses

Training and evaluating agents that edit and make pictures by calling tools: choice of tools, arguments, order,
reading of observations, repair of mistakes. Research on rewards and on planning.

Not intended: as facts about the world or about people; to train systems that deceive with altered pictures, imitate
signatures, documents or persons, or remove marks of ownership; as a measure of how real users speak.

## Limits

- Machine-made throughout. Requests follow patterns; a model can learn these instead of the task.
{world}- Checks and difficulty are computed. They miss what they do not measure, such as taste.
- Language is English unless the writer was told otherwise.
- Bias: what is drawn, named and asked for follows the lists of this software and of the sources, and their gaps.
- Safety: requests can be filtered on export (`craft export --filter`); pictures are not looked at for content.
- Pictures that a tool made are marked as such in the run's record; keep that mark where they are shown to people.
"""


def _origins(dataset: Dataset) -> Counter[tuple[str, str]]:
    """Sources and licences of the input pictures, from the plans."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in dataset.columns(["plan"], skip=lambda _: None):
        try:
            plan = read_json(row["plan"] or "{}")
        except ValueError:
            continue
        for picture in list_in(plan, "pictures"):
            if isinstance(picture, dict):
                licence = dig(picture, "origin", "licence") or dig(picture, "origin", "license") or "not stated"
                if str(picture.get("source", "")).startswith("sketch"):
                    licence = "drawn by this package (Apache-2.0)"
                counts[(str(picture.get("source")), str(licence))] += 1
    return counts
