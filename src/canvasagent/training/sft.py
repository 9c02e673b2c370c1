"""SFT: the policy learns to write the turns of executed trajectories.

The paper's first stage (section 3.2.1): next-token prediction on CanvasCraft-SFT. TRL's `SFTTrainer` trains; the tokens
and their labels are ours, and the same as those that a policy reads and writes at run time (`sft_data.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from canvasagent.errors import InputError, MissingExtra
from canvasagent.language_models.load import LanguageModel
from canvasagent.storage.files import write_atomically
from canvasagent.training.checkpoints import is_first_process, last_checkpoint, training_folder
from canvasagent.training.outcome import MODEL, Trained, disk_errors, diverged, load_trainee, save_model, write_outcome
from canvasagent.training.parameters import check_adapters, freeze_vision, lora_config
from canvasagent.training.sft_config import SftSettings
from canvasagent.training.sft_data import Collator, Trajectories

USABLE = "usable.json"
"""File with the numbers of the trajectories that are trained on, so that a resumed training need not count again."""


def train_sft(
    source: str,
    data: Path,
    out: Path,
    settings: SftSettings,
    *,
    on_step: Callable[[int, int, Any], None] = lambda step, steps, figures: None,
    on_read: Callable[[int, int], None] = lambda done, total: None,
) -> Trained:
    """Train the checkpoint `source` on the trajectories of a dataset; everything is written below `out`.

    In a folder that holds this training, it goes on from the last whole checkpoint. `on_read` is called while the
    trajectories are read for the first time. Raises as `train_grpo` does.
    """
    if missing := [name for name in ("torch", "trl", "datasets") if find_spec(name) is None]:
        raise MissingExtra(f"SFT ({', '.join(missing)})", "train")
    check_adapters(settings.lora_rank, settings.deepspeed)
    record = {"kind": "sft", "model": source, "data": str(data), **settings.model_dump(mode="json")}
    train = Trajectories(data, "train")
    with training_folder(out, record):
        model = load_trainee(
            source, settings.device, settings.lora_rank, settings.deepspeed, settings.system_prompt, "sft"
        )
        numbers, left_out = _usable(train, model, out, settings, on_read)
        trainer, watch = _trainer(model, train, numbers, data, out, settings, on_step)
        checkpoint = last_checkpoint(out)
        with disk_errors(out):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
            save_model(trainer, model, out / MODEL, "sft")
        outcome = Trained(
            out, out / MODEL, trainer.state.global_step, len(numbers), tuple(left_out), None, dict(watch.warnings)
        )
        if is_first_process():
            write_outcome(outcome)
    train.close()
    return outcome


def _usable(
    train: Trajectories, model: LanguageModel, out: Path, settings: SftSettings, on_read: Callable[[int, int], None]
) -> tuple[list[int], list[str]]:
    """The numbers of the trajectories that are trained on, and those left out, each with the reason."""
    file = out / USABLE
    if file.is_file():
        known = json.loads(file.read_text("utf-8"))
        return known["numbers"], known["left_out"]
    numbers = []
    checked = train.usable(model, settings.view_pixels, settings.max_tokens, settings.empty_thought)
    for done, number in enumerate(checked, 1):
        on_read(done, len(train))
        if number is not None:
            numbers.append(number)
    if not numbers:
        raise InputError(f"none of the {len(train)} trajectories can be trained on; the first: {train.left_out[0]}")
    if is_first_process():
        write_atomically(file, json.dumps({"numbers": numbers, "left_out": train.left_out}).encode())
    return numbers, train.left_out


def _trainer(
    model: LanguageModel,
    train: Trajectories,
    numbers: list[int],
    data: Path,
    out: Path,
    settings: SftSettings,
    on_step: Callable[[int, int, Any], None],
) -> tuple[Any, Any]:
    import torch
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTTrainer

    from canvasagent.training.watch import Watch

    class Trainer(SFTTrainer):  # type: ignore[misc]
        """`SFTTrainer` that stops at a loss that is no number, before it changes weights."""

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            loss = super().training_step(model, inputs, num_items_in_batch)
            if not torch.isfinite(loss):
                file = out / "diverged.pt"
                torch.save({name: value.cpu() for name, value in inputs.items() if torch.is_tensor(value)}, file)
                raise diverged(self.state.global_step + 1, float(loss), f"its batch is in '{file}'")
            return loss

    splits = [train]
    evaluated: list[int] = []
    if settings.eval_records and "validation" in train.splits:
        validation = Trajectories(data, "validation")
        splits.append(validation)
        checked = validation.usable(model, settings.view_pixels, settings.max_tokens, settings.empty_thought)
        evaluated = list(islice((number for number in checked if number is not None), settings.eval_records))
    if not settings.train_vision and not settings.lora_rank:
        freeze_vision(model.model)
    watch = Watch(out, f"SFT of {model.source}", on_step)
    trainer = Trainer(
        model=model.model,
        args=_arguments(model, out, settings, bool(evaluated)),
        processing_class=model.processing_class,
        train_dataset=Dataset.from_dict({"split": [0] * len(numbers), "number": numbers}),
        eval_dataset=Dataset.from_dict({"split": [1] * len(evaluated), "number": evaluated}) if evaluated else None,
        data_collator=Collator(model, splits, settings.view_pixels, settings.empty_thought),
        peft_config=lora_config(settings.lora_rank),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, watch


def _arguments(model: LanguageModel, out: Path, settings: SftSettings, evaluates: bool) -> Any:
    """The settings as TRL names them. Raises `InputError` where a step cannot be divided among the devices."""
    import torch
    from accelerate import PartialState
    from trl import SFTConfig

    processes = PartialState().num_processes
    if settings.batch_size % (settings.micro_batch * processes):
        raise InputError(
            f"a step has {settings.batch_size} trajectories, which cannot be divided among {processes} process(es) "
            f"with {settings.micro_batch} at a time; change --batch-size or --micro-batch."
        )
    on_gpu = torch.cuda.is_available() and model.model.device.type != "cpu"
    return SFTConfig(
        output_dir=str(out),
        per_device_train_batch_size=settings.micro_batch,
        per_device_eval_batch_size=settings.micro_batch,
        gradient_accumulation_steps=settings.batch_size // (settings.micro_batch * processes),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        gradient_checkpointing=settings.recompute,
        deepspeed=str(settings.deepspeed) if settings.deepspeed is not None else None,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=settings.eval_steps,
        save_steps=settings.save_steps,
        save_total_limit=2,
        report_to=settings.report_to,
        seed=settings.seed,
        disable_tqdm=True,
    )
