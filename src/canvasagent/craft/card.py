"""The data card of a dataset: its README.md, whose head tells `datasets.load_dataset` where things are."""

from __future__ import annotations

from pathlib import Path

from canvasagent.craft.store.layout import PICTURES, RECORDS, REJECTED, Manifest, read_manifest


def card(folder: Path) -> str:
    """The text of the card of the dataset in `folder`."""
    manifest = read_manifest(folder)
    return f"---\n{_configs(manifest)}---\n"


def _configs(manifest: Manifest) -> str:
    """Which files are which configuration and split, in YAML."""
    splits = [split for split in ("train", "validation", "test") if manifest.counts.get(split)]
    configs = [("records", [(split, f"{RECORDS}/{split}-*.parquet") for split in splits])]
    configs += [(name, [("train", f"{name}/*.parquet")]) for name in (PICTURES, REJECTED) if manifest.below(name)]
    lines = ["configs:"]
    for name, files in configs:
        if files:
            lines += [f"- config_name: {name}", *(["  default: true"] if name == RECORDS else []), "  data_files:"]
            lines += [line for split, path in files for line in (f"  - split: {split}", f"    path: {path}")]
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""
