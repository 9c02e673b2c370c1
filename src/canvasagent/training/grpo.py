"""GRPO: the policy runs each task several times with real tools and learns from the rollouts' relative rewards.

The paper's second stage (sections 3.2.2 and 3.3): no value model, advantages within a group, the hybrid reward of
equation 1. TRL does the sampling, log-probabilities, loss, optimiser and checkpoints; ours are the episodes, the reward
and the choice of what can be learned from (`trainer.py`, `rollouts.py`, `reward.py`, `credit.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from canvasagent.environment import Limits
from canvasagent.errors import InputError, MissingExtra
from canvasagent.execution.toolbox import ToolBox
from canvasagent.language_models.load import LanguageModel
from canvasagent.language_models.processor import VISION_TOKENS
from canvasagent.rewards.config import find_preset
from canvasagent.rewards.hybrid import needed
from canvasagent.rewards.judges import JudgeSettings, load_judge
from canvasagent.training.checkpoints import is_first_process, last_checkpoint, training_folder
from canvasagent.training.grpo_config import GrpoSettings
from canvasagent.training.outcome import MODEL, Trained, disk_errors, load_trainee, save_model, write_outcome
from canvasagent.training.page import ROLLOUTS
from canvasagent.training.parameters import check_adapters, freeze_vision, lora_config
from canvasagent.training.reward import HybridReward
from canvasagent.training.rollouts import Rollouts
from canvasagent.training.tasks import TrainTask, load_tasks, ordered


def train_grpo(
    source: str,
    tasks: Path,
    out: Path,
    settings: GrpoSettings,
    judge_settings: JudgeSettings | None = None,
    *,
    on_step: Callable[[int, int, Any], None] = lambda step, steps, figures: None,
    on_turn: Callable[[int, int], None] = lambda running, turns: None,
) -> Trained:
    """Train the checkpoint `source` on the tasks of a dataset; everything is written below `out`.

    In a folder that holds this training, it goes on from the last whole checkpoint.

    Raises `MissingExtra`, `InputError` for settings or data that cannot be used, `WeightsError` for the checkpoint,
    `StorageError` where the disk is full (the last whole checkpoint is there to resume from), and `TrainingDiverged`.
    """
    if missing := [name for name in ("torch", "trl", "datasets") if find_spec(name) is None]:
        raise MissingExtra(f"GRPO ({', '.join(missing)})", "train")
    preset = find_preset(settings.preset)
    judge = None if settings.judge == "none" else load_judge(settings.judge, judge_settings)
    if judge is None and needed(preset):
        raise InputError(f"preset {preset.name} needs a judge of {', '.join(needed(preset))}; give --judge NAME.")
    check_adapters(settings.lora_rank, settings.deepspeed)
    loaded = load_tasks(tasks)
    record = {"kind": "grpo", "model": source, "tasks": str(tasks), **settings.model_dump(mode="json")}
    with training_folder(out, record):
        language_model = load_trainee(
            source, settings.device, settings.lora_rank, settings.deepspeed, settings.system_prompt, "grpo"
        )
        limits = Limits(max_turns=settings.max_turns)
        with ToolBox(settings.profile) as toolbox, Rollouts(toolbox, limits, f"in training: {source}") as rollouts:
            trainer, watch = _trainer(
                language_model, loaded.tasks, rollouts, HybridReward(preset, judge), out, settings, on_step, on_turn
            )
            checkpoint = last_checkpoint(out)
            with disk_errors(out):
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
                steps = trainer.state.global_step
                save_model(trainer, language_model, out / MODEL, "grpo")
        outcome = Trained(
            out, out / MODEL, steps, len(loaded.tasks), loaded.left_out, watch.stopped, dict(watch.warnings)
        )
        if is_first_process():
            write_outcome(outcome)
    return outcome


def _trainer(
    model: LanguageModel,
    tasks: tuple[TrainTask, ...],
    rollouts: Rollouts,
    reward: HybridReward,
    out: Path,
    settings: GrpoSettings,
    on_step: Callable[[int, int, Any], None],
    on_turn: Callable[[int, int], None],
) -> tuple[Any, Any]:
    from datasets import Dataset

    from canvasagent.training.trainer import RolloutSettings, ToolGRPOTrainer
    from canvasagent.training.watch import Watch

    numbers = {id(one): number for number, one in enumerate(tasks)}
    order = [
        one for epoch in range(settings.epochs) for one in ordered(tasks, settings.curriculum, settings.seed + epoch)
    ]
    rows = {
        "prompt": [[{"role": "user", "content": one.task.instruction}] for one in order],
        "task": [numbers[id(one)] for one in order],
    }
    if settings.lora_rank == 0:
        freeze_vision(model.model)
    watch = Watch(out, f"GRPO of {model.source}", on_step, settings.unscored_steps)
    trainer = ToolGRPOTrainer(
        model,
        tasks,
        rollouts,
        reward,
        RolloutSettings(
            view_pixels=settings.view_pixels,
            max_prompt_tokens=settings.max_prompt_tokens,
            max_turn_tokens=settings.max_turn_tokens,
            turn_credit=settings.turn_credit,
            seed=settings.seed,
            keep_dir=out / ROLLOUTS if settings.keep_rollouts else None,
            keep_every=max(1, settings.keep_rollouts),
        ),
        _arguments(model, out, settings),
        Dataset.from_dict(rows),
        lora_config(settings.lora_rank),
        watch,
        on_turn,
    )
    return trainer, watch


def _arguments(model: LanguageModel, out: Path, settings: GrpoSettings) -> Any:
    """The settings as TRL names them. Raises `InputError` where a step cannot be divided among the devices."""
    import torch
    from accelerate import PartialState
    from trl import GRPOConfig

    processes = PartialState().num_processes
    rollouts = settings.group * settings.tasks_per_step
    if rollouts % (settings.micro_batch * processes):
        raise InputError(
            f"a step has {settings.tasks_per_step} × {settings.group} rollouts, which cannot be divided among "
            f"{processes} process(es) with {settings.micro_batch} at a time; change --micro-batch or --tasks-per-step."
        )
    on_gpu = torch.cuda.is_available() and model.model.device.type != "cpu"
    vocabulary = model.tokenizer.get_vocab()
    return GRPOConfig(
        output_dir=str(out),
        per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=rollouts // (settings.micro_batch * processes),
        num_generations=settings.group,
        num_iterations=settings.iterations,
        num_train_epochs=1,  # the rows are those of all epochs, each in an order of its own
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=settings.weight_decay,
        epsilon=settings.clip,
        beta=settings.kl,
        entropy_coef=settings.entropy,
        scale_rewards=settings.scale_rewards,
        loss_type="dapo",  # the mean over all tokens of the step, as the release has it
        temperature=settings.temperature,
        max_completion_length=settings.max_completion_tokens,
        generation_kwargs={
            "max_new_tokens": settings.max_turn_tokens,
            "suppress_tokens": [vocabulary[token] for token in VISION_TOKENS if token in vocabulary] or None,
        },
        use_vllm=settings.vllm != "none",
        **({"vllm_mode": settings.vllm} if settings.vllm != "none" else {}),
        gradient_checkpointing=settings.recompute,
        deepspeed=str(settings.deepspeed) if settings.deepspeed is not None else None,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        shuffle_dataset=False,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_steps=settings.save_steps,
        save_total_limit=2,
        report_to=settings.report_to,
        seed=settings.seed,
        disable_tqdm=True,
        remove_unused_columns=False,
    )
