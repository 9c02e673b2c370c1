"""A file of requests, one JSON object a line, as a benchmark."""

from __future__ import annotations

import hashlib
from pathlib import Path

from canvasagent.batch import read_batch
from canvasagent.evaluation.tasks import MAX_TURNS, EvalTask, Loaded, checksum


def load(path: Path) -> Loaded:
    """Its tasks and the checksum of requests and pictures. Raises `InputError` that lists every bad line."""
    tasks, parts = [], []
    for item in read_batch(path):
        expected = item.task.expected_tools
        turns = 2 * len(expected) + 4 if expected else MAX_TURNS
        tasks.append(EvalTask(item.task, gold_steps=len(expected) if expected else None, max_turns=turns))
        pictures = [hashlib.sha256(Path(str(image)).read_bytes()).hexdigest() for image in item.task.images]
        parts.append([item.id, item.task.instruction, pictures, expected, item.task.difficulty, item.task.checks])
    return Loaded(tasks, checksum(parts))
