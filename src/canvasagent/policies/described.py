"""A policy without eyes: it reads a line about each picture in the picture's place, written by the profile's own tools.

The line has the picture's id, kind and size, the words that OCR reads in it, and what Grounding finds in it, with boxes
on the grid. What a tool cannot do is said, so that nothing found and not looked are told apart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from canvasagent.canvas import Asset, Kind
from canvasagent.errors import InputError
from canvasagent.execution.toolbox import ToolBox
from canvasagent.imaging.geometry import box_to_grid
from canvasagent.policies.base import Policy, Reply, settings_record
from canvasagent.protocol.conversation import Message, shown
from canvasagent.protocol.turns import said
from canvasagent.storage.foreign_json import shortened
from canvasagent.tools.base import AssetInfo
from canvasagent.tools.check import check_call
from canvasagent.tools.grounding import EVERYTHING

LISTED = 12
"""Lines of text, and things, that a description lists; of more it says how many."""
LONGEST = 80
"""Characters of a line of text, or of the reason for which a tool found nothing."""
KEPT = 4096
"""Descriptions that are kept."""


class Describer:
    """Describes pictures with the tools of a profile. What was described once is kept by the asset's key."""

    def __init__(self, toolbox: ToolBox) -> None:
        self._toolbox = toolbox
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def describe(self, asset: Asset) -> str:
        """One line about a picture."""
        key = f"{asset.kind} {asset.key}"
        if key not in self._kept:
            parts = [_mask(asset)] if asset.kind is Kind.MASK else await asyncio.gather(
                self._found(asset, "OCR", {}, "text", _line),
                self._found(asset, "Grounding", {"reference_text": EVERYTHING}, "things", _thing),
            )  # fmt: skip
            self._kept[key] = "; ".join(parts)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return f"[{asset.described()}; {self._kept[key]}]"

    async def _found(
        self, asset: Asset, name: str, more: Mapping[str, str], what: str, word: Callable[[Mapping[str, Any]], str]
    ) -> str:
        """What a tool finds in a picture, after the name of it."""
        tool = self._toolbox.find(name)
        if tool is None:
            return f"{what} not looked for"
        info = AssetInfo(asset.id, asset.kind, asset.size)
        checked = check_call(tool, {"image": asset.id, **more}, {asset.id: info}, 0)
        done = await self._toolbox.call(checked, {"image": asset})
        if done.outcome is None:
            why = done.fault.message if done.fault is not None else "it failed"
            return f"{what} not looked for ({shortened(said(why), LONGEST)})"
        found = [word(item) for item in done.outcome.data or ()]
        if not found:
            return f"no {what} found"
        rest = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        return f"{what}: {', '.join(found[:LISTED])}{rest}"


def _line(item: Mapping[str, Any]) -> str:
    turned = f", turned by {item['turned']} degrees" if item.get("turned") else ""
    return f"'{shortened(said(str(item['text'])), LONGEST)}' {item['bbox']}{turned}"


def _thing(item: Mapping[str, Any]) -> str:
    return f"{said(str(item['label']), LONGEST)} {item['bbox']} ({item['confidence']:.2f})"


def _mask(asset: Asset) -> str:
    """How much of the picture a mask covers, and where."""
    box = asset.picture.getbbox()
    if box is None:
        return "it covers nothing"
    share = float((np.asarray(asset.picture) > 0).mean())
    return f"it covers {share:.1%} within {box_to_grid(box, asset.size)}"


class DescribedPolicy:
    """A policy to which pictures are described. It answers once a toolbox is given to it (`reading_with`)."""

    def __init__(self, policy: Policy, describer: Describer | None = None) -> None:
        self.name = policy.name
        self.policy, self.describer = policy, describer
        self._describers: WeakKeyDictionary[ToolBox, Describer] = WeakKeyDictionary()

    def record(self) -> dict[str, Any]:
        """What a record keeps: the policy's own, and that pictures were described."""
        return {**settings_record(self.policy), "describe": True}

    def reading_with(self, toolbox: ToolBox) -> DescribedPolicy:
        """The policy whose descriptions come from the tools of `toolbox`; those of one toolbox share them."""
        if toolbox not in self._describers:
            self._describers[toolbox] = Describer(toolbox)
        return DescribedPolicy(self.policy, self._describers[toolbox])

    async def act(self, messages: Sequence[Message], on_text: Callable[[str], None] | None = None) -> Reply:
        """The policy's next turn on a conversation in which pictures are lines of text. Raises as the policy does."""
        if self.describer is None:
            raise InputError("--describe needs the tools of a profile: run the policy with an Agent.")
        return await self.policy.act(await described(messages, self.describer), on_text)


async def described(messages: Sequence[Message], describer: Describer) -> list[Message]:
    """A conversation in which each picture is a line of text."""
    return list(await asyncio.gather(*(_described(message, describer) for message in messages)))


async def _described(message: Message, describer: Describer) -> Message:
    """A message whose pictures are lines before its text; the line that says what it goes on from stays the first."""
    if not message.assets:
        return message
    lines = await asyncio.gather(*(describer.describe(asset) for asset in message.assets))
    first, rest = [], message.text
    if shown(message).continues is not None:
        head, _, rest = message.text.partition("\n")
        first = [head]
    return replace(message, text="\n".join([*first, *lines, rest]), assets=())
