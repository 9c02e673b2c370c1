"""Pictures from an OpenAI-compatible images endpoint: generations, and edits of one or several pictures.

Address and key are its own (CANVASAGENT_IMAGES_BASE_URL, CANVASAGENT_IMAGES_API_KEY), else the general ones.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from canvasagent.endpoints.address import LoopClients, endpoint_of
from canvasagent.endpoints.cost_meter import spend
from canvasagent.endpoints.settings import EndpointSettings
from canvasagent.errors import BackendFailure, InputError
from canvasagent.imaging.geometry import Size
from canvasagent.imaging.pictures import open_picture


class ImagesSettings(BaseModel):
    """How an images endpoint is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base_url: str | None = None
    """Base URL; else CANVASAGENT_IMAGES_BASE_URL, else OPENAI_BASE_URL."""
    api_key: str | None = Field(default=None, repr=False, exclude=True)
    """Key; else CANVASAGENT_IMAGES_API_KEY, else the general ones. Never written anywhere."""
    timeout: float = Field(default=180.0, gt=0)
    """Seconds that one request may take."""
    retries: int = Field(default=3, ge=0)
    """Retries of a request after a temporary failure."""
    price: float | None = Field(default=None, ge=0)
    """Price of one picture, for cost accounting."""
    price_in: float | None = Field(default=None, ge=0)
    """Price of a million input tokens, where the service bills tokens."""
    price_out: float | None = Field(default=None, ge=0)
    """Price of a million output tokens."""


class ImagesEndpoint:
    """One model behind an images endpoint. Serves any number of calls and event loops at once."""

    def __init__(self, model: str, settings: ImagesSettings | None = None) -> None:
        """Raises `InputError` where no model is named, or key or base URL is wrong."""
        if not model.strip():
            raise InputError("name the images model: images:MODEL.")
        self.model, self.settings = model.strip(), settings or ImagesSettings()
        asked = EndpointSettings(base_url=self.settings.base_url, api_key=self.settings.api_key)
        self.endpoint = endpoint_of(asked, "CANVASAGENT_IMAGES_BASE_URL", "CANVASAGENT_IMAGES_API_KEY")
        self._clients = LoopClients(self.endpoint, self.settings.timeout)

    async def generate(self, prompt: str, size: Size | None = None) -> Image.Image:
        """A new picture. `size` in pixels; the server's own where None. Raises `BackendFailure`."""
        more = {"size": f"{size[0]}x{size[1]}"} if size is not None else {}
        return await self._ask("generate", prompt=prompt, **more)

    async def edit(self, prompt: str, pictures: Sequence[Image.Image], mask: Image.Image | None = None) -> Image.Image:
        """The first picture changed as `prompt` says, the others being references. Raises `BackendFailure`.

        `mask` (L, not 0 where to work) is sent as the API has it: transparent where to work.
        """
        sent = [(f"image_{number}.png", _png(picture), "image/png") for number, picture in enumerate(pictures, 1)]
        more: dict[str, Any] = {}
        if mask is not None:
            clear = mask.convert("L").point([255] + [0] * 255)
            more["mask"] = ("mask.png", _png(Image.merge("RGBA", [clear] * 4)), "image/png")
        return await self._ask("edit", prompt=prompt, image=sent if len(sent) > 1 else sent[0], **more)

    async def _ask(self, what: str, **arguments: Any) -> Image.Image:
        import openai

        client = (await self._clients.get()).with_options(max_retries=self.settings.retries)
        try:
            reply = await getattr(client.images, what)(model=self.model, **arguments)
        except openai.OpenAIError as error:
            raise BackendFailure(self.endpoint.scrub(f"images:{self.model} failed: {error}")) from error
        self._bill(reply)
        data = reply.data[0].b64_json if reply.data else None
        if not data:
            raise BackendFailure(
                f"images:{self.model} sent no picture in its answer; it must send base64 (b64_json), not an address."
            )
        try:
            return open_picture(base64.b64decode(data, validate=True)).picture
        except (binascii.Error, InputError) as error:
            raise BackendFailure(f"images:{self.model} sent something that is no picture: {error}") from error

    def _bill(self, reply: Any) -> None:
        cost = _cost(self.settings, reply)
        if cost is not None:
            spend(cost)


def _cost(settings: ImagesSettings, reply: Any) -> float | None:
    """What an answer costs; None where no price is set that fits what the service tells."""
    costs = [settings.price * len(reply.data or ())] if settings.price is not None else []
    usage = getattr(reply, "usage", None)
    for price, tokens in ((settings.price_in, "input_tokens"), (settings.price_out, "output_tokens")):
        if price is not None and usage is not None:
            costs.append(price * (getattr(usage, tokens, 0) or 0) / 1e6)
    return sum(costs) if costs else None


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
