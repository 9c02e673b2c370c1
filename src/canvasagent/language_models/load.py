"""Loads a language model of this machine: a Qwen3-VL checkpoint, or a causal language model without vision."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from canvasagent.errors import MissingExtra, WeightsError
from canvasagent.language_models.contract import Contract, read_contract
from canvasagent.weights.files import check_folder, locate
from canvasagent.weights.framework import framework, loading, pick_device, pick_dtype

_SAMPLE = "sample-text-7261"
"""Text that shows whether a template renders a message."""

VISION_KINDS = ("qwen3_vl", "qwen3_vl_moe")
"""Values of `model_type` whose models read pictures here."""


@dataclass(frozen=True)
class LanguageModel:
    """A loaded checkpoint."""

    source: str
    """The folder or hub id that it came from."""
    model: Any = field(repr=False)
    """A `PreTrainedModel` in evaluation mode."""
    tokenizer: Any = field(repr=False)
    processor: Any = field(repr=False)
    """What turns text and pictures into the model's inputs; None for a model without vision."""
    contract: Contract | None = None
    """What it was trained on, where it was trained here."""

    @property
    def vision(self) -> bool:
        """Whether the model reads pictures."""
        return self.processor is not None

    @property
    def processing_class(self) -> Any:
        """What a trainer of the Hugging Face family takes: the processor, or the tokenizer."""
        return self.processor if self.processor is not None else self.tokenizer

    @cached_property
    def control_tokens(self) -> dict[str, int]:
        """The special tokens of its tokenizer by their text: they structure a conversation, and no text has them."""
        added = {str(token): number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        named = self.tokenizer.all_special_tokens
        return {**added, **{token: int(self.tokenizer.convert_tokens_to_ids(token)) for token in named}}

    @cached_property
    def rendered_roles(self) -> frozenset[str]:
        """The roles beside user and assistant that its chat template renders; others it leaves out, or raises for."""
        chats = {
            "system": [("system", _SAMPLE), ("user", "…")],
            "tool": [("user", "…"), ("assistant", "…"), ("tool", _SAMPLE)],
        }
        return frozenset(role for role, chat in chats.items() if self._renders(chat))

    def _renders(self, chat: Sequence[tuple[str, str]]) -> bool:
        written: list[dict[str, Any]] = [
            {"role": role, "content": [{"type": "text", "text": text}] if self.vision else text} for role, text in chat
        ]
        try:
            return _SAMPLE in str(self.processing_class.apply_chat_template(written, tokenize=False))
        except (TemplateError, ValueError, TypeError, KeyError):
            return False

    @property
    def device(self) -> Any:
        """The `torch.device` that its inputs go to."""
        return self.model.device

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return int(self.model.num_parameters())

    @property
    def context(self) -> int | None:
        """Tokens that it reads and writes in all; None where its configuration names no limit."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(limit) if limit else None

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end a turn."""
        named = self.model.generation_config.eos_token_id
        ids = [named] if isinstance(named, int) else list(named or [])
        return frozenset([*ids, self.tokenizer.eos_token_id])


def load_model(source: str | Path, device: str = "auto", dtype: str = "auto") -> LanguageModel:
    """Load a checkpoint from a folder, or from a hub's cache by its id; nothing is downloaded.

    `device` in torch's notation, `dtype` by torch's name; `auto` as `pick_device` and `pick_dtype` say. Raises
    `MissingExtra`, and `WeightsError` for a folder that holds no checkpoint, a damaged one, or one whose tokenizer
    lacks a chat template or the tokens that stand for pictures.
    """
    require_framework()
    torch = framework("transformers")
    folder = locate(str(source))
    kind = model_type(folder)
    place = pick_device(device)
    with _quietly(), loading(str(source)):
        check_folder(folder)
        from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

        from canvasagent.language_models.processor import load_processor

        processor = load_processor(folder) if kind in VISION_KINDS else None
        tokenizer = processor.tokenizer if processor is not None else AutoTokenizer.from_pretrained(folder)
        _check_tokenizer(folder, tokenizer, processor)
        family = AutoModelForImageTextToText if processor is not None else AutoModelForCausalLM
        model, report = family.from_pretrained(folder, dtype=pick_dtype(dtype, place), output_loading_info=True)
        _check_state(folder, model)
        _check_weights(folder, model, tokenizer, report)
        model.to(torch.device(place)).eval()
    return LanguageModel(str(source), model, tokenizer, processor, read_contract(folder))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without progress bars and warnings of the library: what matters is checked here."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()


def require_framework() -> None:
    """Raise `MissingExtra` where the packages that run language models are not installed."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise MissingExtra("a language model in this process", "local")


def model_type(folder: Path) -> str:
    """The `model_type` of a checkpoint's config. Raises `WeightsError` where there is no readable config."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
        return str(config["model_type"])
    except FileNotFoundError as error:
        if (folder / "adapter_config.json").is_file():
            raise WeightsError(
                f"'{folder}' holds an adapter alone; merge it into its base model (merge_and_unload of peft) first."
            ) from error
        raise WeightsError(f"'{folder}' has no config.json: it is no checkpoint, or a part of one.") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"'{file}' is not a model's config: {error}.") from error


def _check_state(folder: Path, model: Any) -> None:
    """Raise `WeightsError` for a model whose state between tokens is more than the keys and values of its attention."""
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if getattr(model, "_is_stateful", False) or not all(kind.endswith("attention") and "linear" not in kind
                                                        for kind in kinds):  # fmt: skip
        raise WeightsError(
            f"'{folder}' is a model with recurrent or linear layers ({model.config.model_type}), which cannot go on "
            "from kept keys and values; take one with attention alone, or serve it and use openai:MODEL."
        )


def _check_weights(folder: Path, model: Any, tokenizer: Any, report: Any) -> None:
    """Raise `WeightsError` for weights that the files lack (they would be random), or tokens without an embedding."""
    absent = sorted(report.get("missing_keys", ()))
    if absent:
        raise WeightsError(
            f"'{folder}' lacks {len(absent)} of the model's weights ({absent[0]} and so on): it belongs to another "
            "model, or is incomplete; fetch it again."
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise WeightsError(
            f"the tokenizer in '{folder}' has {len(tokenizer):,} tokens and the model {rows:,}: they do not belong "
            "together; take both from one checkpoint."
        )


def _check_tokenizer(folder: Path, tokenizer: Any, processor: Any) -> None:
    """Raise `WeightsError` for a tokenizer that cannot write a conversation; a missing padding token is set."""
    if getattr(processor, "chat_template", None) is None and tokenizer.chat_template is None:
        raise WeightsError(
            f"the tokenizer in '{folder}' has no chat template, so it cannot write a conversation; take a checkpoint "
            "that was made for chats (its name often ends with Instruct)."
        )
    if tokenizer.eos_token_id is None:
        raise WeightsError(f"the tokenizer in '{folder}' has no token that ends a turn (eos_token).")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
