"""What a training begins with and leaves: the model's system prompt, the trained model, the outcome."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError, StorageError, TrainingDiverged
from canvasagent.language_models.contract import Contract, require_same_tools, tools_checksum, write_contract
from canvasagent.language_models.load import LanguageModel, load_model
from canvasagent.storage.files import write_atomically
from canvasagent.storage.input_files import regular_file
from canvasagent.training.parameters import training_dtype

MODEL = "model"
"""Folder of the trained model below the training's."""
OUTCOME = "outcome.json"


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    out: Path
    model: Path
    steps: int
    records: int
    """Tasks or trajectories that were trained on."""
    left_out: tuple[str, ...]
    """Those that cannot be used, each with the reason."""
    stopped: str | None
    """Why it stopped before its end; None where it did not."""
    warnings: dict[str, int]
    """What looked wrong, with the first step at which it did."""


def load_trainee(
    source: str, device: str, lora_rank: int, deepspeed: Path | None, system_prompt: Path | None, trained: str
) -> LanguageModel:
    """The checkpoint that is trained, with the system prompt that it learns to read.

    Raises `WeightsError` as `load_model` does, and for one that was trained here on other tool definitions;
    `InputError` where the prompt cannot be read.
    """
    model = load_model(source, device, training_dtype(lora_rank, deepspeed))
    require_same_tools(source, model.contract)
    return with_prompt(model, system_prompt, trained)


@contextlib.contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """Turn what a full disk raises into a `StorageError` that says how to go on."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"'{out}' could not be written: {error.strerror or error}. Make room, then run the same command again: it "
            "goes on from the last whole checkpoint."
        ) from error


def diverged(step: int, loss: float, about: str) -> TrainingDiverged:
    """The error for a loss that is no number, before it changes weights; `about` names the data."""
    return TrainingDiverged(
        f"the loss of step {step} is {loss}; {about}. Its weights were not changed by it. Train on from the last "
        "checkpoint with a lower --learning-rate, into another --out."
    )


def with_prompt(model: LanguageModel, file: Path | None, trained: str) -> LanguageModel:
    """`model` with the system prompt of a file in place of its own. Raises `InputError` where it cannot be read."""
    if file is None:
        return model
    try:
        text = regular_file(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the system prompt '{file}' cannot be read: {error}.") from error
    return replace(model, contract=Contract(trained=trained, tools=tools_checksum(), system_prompt=text))


def save_model(trainer: Any, model: LanguageModel, folder: Path, trained: str) -> None:
    """Save the trained model in the form that `load_model` reads, adapters merged into their weights."""
    weights = trainer.accelerator.unwrap_model(trainer.model)
    merge = getattr(weights, "merge_and_unload", None)
    if merge is None:
        trainer.save_model(str(folder))  # in all processes: the weights may be divided among them
    if trainer.accelerator.is_main_process:
        if merge is not None:
            merge().save_pretrained(folder)
        model.processing_class.save_pretrained(folder)
        prompt = model.contract.system_prompt if model.contract is not None else None
        write_contract(folder, Contract(trained=trained, tools=tools_checksum(), system_prompt=prompt))


def write_outcome(outcome: Trained) -> None:
    """Write the outcome beside the model. Raises `StorageError`."""
    data = {
        "steps": outcome.steps,
        "records": outcome.records,
        "left_out": list(outcome.left_out),
        "stopped": outcome.stopped,
        "warnings": outcome.warnings,
    }
    write_atomically(outcome.out / OUTCOME, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())
