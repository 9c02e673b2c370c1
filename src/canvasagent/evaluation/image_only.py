"""Image models without an agent as reference rows: one call, scored on alignment and aesthetics only."""

from __future__ import annotations

import asyncio
from pathlib import Path

from canvasagent.canvas import Asset, Kind, Lineage, input_key
from canvasagent.defaults import Limits
from canvasagent.endpoints.images import ImagesEndpoint, ImagesSettings
from canvasagent.environment import Environment
from canvasagent.errors import InputError
from canvasagent.evaluation.tasks import EvalTask
from canvasagent.execution.toolbox import ToolBox
from canvasagent.record.run_folder import RunFolder, refuse_used
from canvasagent.record.trajectory import Trajectory

PREFIX = "images:"


class ImageOnly:
    """Sends a request and its pictures to an images endpoint; the answer is the result."""

    def __init__(self, spec: str, settings: ImagesSettings | None = None) -> None:
        """`spec` is `images:MODEL`. Raises `InputError` for another form, and as `ImagesEndpoint`."""
        if not spec.startswith(PREFIX):
            raise InputError(f"an image-only model is named images:MODEL, not '{spec}'.")
        self.name = spec
        self._model = ImagesEndpoint(spec.removeprefix(PREFIX), settings)

    async def run(
        self, item: EvalTask, toolbox: ToolBox, seed: int, path: Path, limits: Limits | None = None
    ) -> Trajectory:
        """The record of the one call, in `path`. Raises `BackendFailure` if the endpoint returns no picture."""
        refuse_used(path)  # before anything is paid for
        environment = Environment(toolbox, limits)
        messages = await asyncio.to_thread(environment.reset, item.task, seed)
        inputs = list(environment.canvas)
        record = Trajectory.begin(path.name, item.task, environment, messages, policy=self.name, seed=seed)
        pictures = [asset.picture for asset in inputs]
        words = item.task.instruction
        picture = await (self._model.edit(words, pictures) if pictures else self._model.generate(words))
        tool = "ImageEdit" if pictures else "ImageGeneration"
        lineage = Lineage(tool, {"prompt": words}, tuple(asset.id for asset in inputs), seed, self.name)
        made = Asset(environment.canvas.next_id(tool), Kind.IMAGE, picture, input_key(picture), lineage)
        folder = RunFolder(path)
        try:
            for asset in (*inputs, made):
                folder.put(asset, record.attach(asset, "tool" if asset is made else "input"))
            record.notes.append("An image model alone: one call with the whole request, no agent.")
            record.conclude("met")
            folder.save(record)
            folder.report(record)
        finally:
            await asyncio.to_thread(folder.close)
        return record
