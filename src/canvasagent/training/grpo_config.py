"""Settings of a GRPO training. The defaults are the research release's figures, where it has one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.policies.base import VIEW_PIXELS
from canvasagent.training.tasks import Curriculum


class GrpoSettings(BaseModel):
    """What a GRPO training depends on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = "paper"
    """Preset of the reward: paper, no-outcome, no-process, hardened, release."""
    judge: str = "local-2"
    """Judge of the reward's judged parts: local-2, endpoint:MODEL, or none for a preset of rules alone."""
    profile: str = "lite"
    """Profile of the tools."""
    group: int = Field(default=8, ge=2)
    """Rollouts of each task that are compared (release: 8)."""
    tasks_per_step: int = Field(default=6, ge=1)
    """Tasks of each step (release: 6)."""
    iterations: int = Field(default=1, ge=1)
    """Updates of the weights by each batch of rollouts (release: 1)."""
    micro_batch: int = Field(default=1, ge=1)
    """Rollouts of one forward and backward pass on one device."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Constant learning rate (release: 1e-6)."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Weight decay (release: 0.01)."""
    clip: float = Field(default=0.2, gt=0)
    """Clip range of the probability ratio (release: 0.2)."""
    kl: float = Field(default=0.001, ge=0)
    """Weight of the divergence from the untrained policy, by the low-variance estimator (release: 0.001)."""
    entropy: float = Field(default=0.0, ge=0)
    """Weight of the entropy bonus (release: 0)."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """Which deviation divides the advantages."""
    turn_credit: bool = False
    """Give each turn an advantage of its own, from the process terms of equations 4 and 7."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of rollouts (release: 1)."""
    max_turns: int = Field(default=12, ge=1)
    """Turns of an episode at most (release: 12)."""
    max_prompt_tokens: int = Field(default=50_000, ge=1)
    """Tokens of a prompt at most; tasks with a longer one are left out (release: 50,000)."""
    max_completion_tokens: int = Field(default=12_288, ge=1)
    """Tokens of turns and observations at most; a longer episode is truncated (release: 12,288)."""
    max_turn_tokens: int = Field(default=2048, ge=1)
    """Tokens of one turn at most."""
    view_pixels: int = Field(default=VIEW_PIXELS, ge=1024)
    """Pixels of the copy that the policy sees of each picture."""
    system_prompt: Path | None = None
    """File with a system prompt in place of the one made from the tool definitions, for small models."""
    curriculum: Curriculum = "none"
    """Order of the tasks: none (shuffled), or solvability (what a reference policy solves most often first)."""
    epochs: int = Field(default=1, ge=1)
    """How often each task is trained on (release: 1)."""
    max_steps: int | None = Field(default=None, ge=1)
    """Steps at most; all tasks if left out."""
    lora_rank: int = Field(default=0, ge=0)
    """Rank of LoRA adapters; 0: train all weights."""
    recompute: bool = False
    """Compute activations again in the backward pass (gradient checkpointing), to save memory."""
    deepspeed: Path | None = None
    """File with a configuration for DeepSpeed, as in recipes/."""
    device: str = "auto"
    """Device in torch's notation."""
    vllm: Literal["none", "colocate", "server"] = "none"
    """Generate with vLLM, in this process or in a server, in place of transformers."""
    unscored_steps: int = Field(default=3, ge=1)
    """Steps in a row without a single scored rollout after which the training stops."""
    save_steps: int = Field(default=50, ge=1)
    """Steps from one checkpoint to the next."""
    keep_rollouts: int = Field(default=25, ge=0)
    """Steps from one kept group of rollouts to the next, for the report; 0: none are kept."""
    report_to: str = "none"
    """Where the trainer logs beside its own file: none, tensorboard, wandb."""
    seed: int = 0
    """Seed of the order of tasks, sampling and tools."""
