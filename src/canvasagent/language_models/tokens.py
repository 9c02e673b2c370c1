"""Conversations as the tokens and pictures that a model reads, piece by piece.

A prompt is rendered once. Later observations are rendered alone and their tokens are added to those that the model
generated, so that no turn is ever tokenised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from canvasagent.canvas import Asset
from canvasagent.errors import WeightsError
from canvasagent.imaging.masks import opaque
from canvasagent.imaging.pictures import to_profile
from canvasagent.language_models.roles import readable
from canvasagent.protocol.conversation import Message

if TYPE_CHECKING:
    from canvasagent.language_models.load import LanguageModel

MAX_ASPECT = 100
"""Longest side of a picture over its shortest, as the model sees it; the image processor refuses more than 200."""

_TURN = "\u2402turn\u2403"
"""Stands for a turn in a rendered conversation; no template and no text of ours holds it."""


def chat_message(message: Message, vision: bool, view_pixels: int) -> dict[str, Any]:
    """A message in the form of chat templates: its pictures first, each of at most `view_pixels` pixels, then its text.

    Without vision the pictures are left out.
    """
    if not vision:
        return {"role": message.role, "content": message.text}
    pictures = [{"type": "image", "image": seen(asset, view_pixels)} for asset in message.assets]
    return {"role": message.role, "content": [*pictures, {"type": "text", "text": message.text}]}


def seen(asset: Asset, view_pixels: int) -> Image.Image:
    """The copy that a model sees of an asset: RGB in sRGB, at most `view_pixels` pixels, white where it is transparent.

    A picture longer than `MAX_ASPECT` times its other side gets white margins.
    """
    picture = opaque(to_profile(asset.view(view_pixels), None))
    width, height = picture.size
    least = -(-max(width, height) // MAX_ASPECT)
    if min(width, height) >= least:
        return picture
    return ImageOps.pad(picture, (max(width, least), max(height, least)), color="white")


def prompt_tokens(
    model: LanguageModel, messages: Sequence[Message], view_pixels: int
) -> tuple[list[int], list[Image.Image]]:
    """The tokens up to the model's first turn, and the pictures in the order of their placeholders.

    A model that was trained on a system prompt of its own reads that one.
    """
    own = model.contract.system_prompt if model.contract is not None else None
    if own is not None and messages and messages[0].role == "system":
        messages = [Message("system", own), *messages[1:]]
    chat = [chat_message(message, model.vision, view_pixels) for message in readable(model, messages)]
    return _tokens(model, _render(model, chat, True), _pictures(chat))


def observation_tokens(
    model: LanguageModel, message: Message, after_end: bool, view_pixels: int
) -> tuple[list[int], list[Image.Image]]:
    """The tokens between a turn and the next one: the end of the turn, the observation, the head of the next turn.

    `after_end`: the turn was generated with the token that ends it, which is then not repeated.
    """
    return between_tokens(model, [message], after_end, view_pixels)


def between_tokens(
    model: LanguageModel, messages: Sequence[Message], after_end: bool, view_pixels: int
) -> tuple[list[int], list[Image.Image]]:
    """As `observation_tokens`, for all the messages between two turns."""
    observed = [chat_message(message, model.vision, view_pixels) for message in readable(model, messages)]
    before = [
        chat_message(Message("user", "…"), model.vision, view_pixels),
        chat_message(Message("assistant", _TURN), model.vision, view_pixels),
    ]
    text = _render(model, [*before, *observed], True)
    _, found, rest = text.partition(_TURN)
    if not found:
        raise WeightsError(f"the chat template of '{model.source}' leaves out an assistant's turn.")
    end = model.tokenizer.eos_token
    if after_end and rest.startswith(end):
        rest = rest[len(end) :]
    return _tokens(model, rest, _pictures(observed))


def turn_text(model: LanguageModel, ids: Sequence[int]) -> str:
    """The text of a generated turn, without the tokens that end it."""
    kept = list(ids)
    while kept and kept[-1] in (*model.end_ids, model.tokenizer.pad_token_id):
        kept.pop()
    return str(model.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _render(model: LanguageModel, chat: list[dict[str, Any]], prompt: bool) -> str:
    # Templates of text models that think before they answer read `enable_thinking`; others do not know it.
    more = {} if model.vision else {"enable_thinking": False}
    text = model.processing_class.apply_chat_template(chat, add_generation_prompt=prompt, tokenize=False, **more)
    return str(text)


def _pictures(chat: Sequence[dict[str, Any]]) -> list[Image.Image]:
    return [
        part["image"]
        for message in chat
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image"
    ]


def _tokens(model: LanguageModel, text: str, pictures: list[Image.Image]) -> tuple[list[int], list[Image.Image]]:
    """Tokens of a rendered text; each picture's placeholder becomes as many tokens as the picture has."""
    if model.processor is None or not pictures:
        return list(model.tokenizer(text, add_special_tokens=False)["input_ids"]), pictures
    encoded = model.processor(text=[text], images=pictures)
    return [int(token) for token in encoded["input_ids"][0]], pictures
