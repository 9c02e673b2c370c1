"""`--filter-model endpoint:MODEL`: a vision model that sees a task and its plan, and may object to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from PIL import Image

from canvasagent.craft.model_client import BadReply, ModelClient, WriterSettings, field_of, truth_of
from canvasagent.craft.plan_text import plan_text
from canvasagent.craft.rl.filters import TaskCandidate
from canvasagent.endpoints.fence import fence_name, fenced
from canvasagent.endpoints.messages import data_url
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import shrink

PREFIX = "endpoint:"


class ModelFilter:
    """A model behind an endpoint; address and key as for the writer `endpoint`."""

    def __init__(self, spec: str, settings: WriterSettings | None = None) -> None:
        """Raises `InputError` for what names no model, a missing key or a bad address."""
        model = spec.removeprefix(PREFIX)
        if not spec.startswith(PREFIX) or not model.strip():
            raise InputError(f"a filter model is given as endpoint:MODEL, not '{spec}'.")
        self.settings = settings or WriterSettings()
        self._model = ModelClient(spec, model.strip(), self.settings)

    async def objection(self, task: TaskCandidate, images: Sequence[Image.Image]) -> str | None:
        """Why a task should be rejected, or None. Raises `WriterFailure` if there is no answer."""
        content: list[dict[str, Any]] = []
        for number, image in enumerate(images, 1):
            url = await asyncio.to_thread(data_url, shrink(image, self.settings.view_pixels))
            content += [{"type": "text", "text": f"img_{number}:"}, {"type": "image_url", "image_url": {"url": url}}]
        sections = {"the request": task.instruction, "the plan": plan_text(task.plan), "the difficulty": task.seed.name}
        name = fence_name(sections.values())
        text = "\n\n".join(fenced(name, label, section, 8000) for label, section in sections.items())
        return await self._model.ask("task", [*content, {"type": "text", "text": text}], _read)


def _read(reply: str) -> str | None:
    if truth_of(reply, "keep"):
        return None
    try:
        return " ".join(str(field_of(reply, "why")).split())[:300] or "no reason was given"
    except BadReply:
        return "no reason was given"
