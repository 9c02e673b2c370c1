"""Samples that are prefixes of one conversation (`extra_info.turn` of released files): the longest counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from canvasagent.craft.imports.items import RawItem
from canvasagent.craft.imports.unusable import UnusableItem


def without_prefixes(items: Iterable[RawItem]) -> Iterator[RawItem]:
    """The same items in the same order; one whose conversation is the beginning of a neighbour's becomes unusable.

    Only items that tell their turn are compared. The samples of a conversation stand one after the other, with rising
    or falling turns, so only those behind the longest one are held.
    """
    held: list[RawItem] = []
    for item in items:
        if held and _is_prefix(item, held[0]):
            held.append(_marked(item))
            continue
        shorter = bool(held) and _is_prefix(held[0], item)
        yield from ([_marked(held[0]), *held[1:]] if shorter else held)
        held = [item]
    yield from held


def _is_prefix(one: RawItem, other: RawItem) -> bool:
    """Whether the conversation of `one` is the beginning of that of `other`, and shorter."""
    short, long = _conversation(one), _conversation(other)
    return bool(short) and len(short) < len(long) and long[: len(short)] == short


def _conversation(item: RawItem) -> list[object]:
    """The messages of an item that tells its turn; none of another one."""
    extra, messages = item.data.get("extra_info"), item.data.get("messages") or item.data.get("conversations")
    tells = isinstance(extra, dict) and extra.get("turn") is not None
    return messages if tells and isinstance(messages, list) else []


def _marked(item: RawItem) -> RawItem:
    why = "its conversation is the beginning of another sample's, which has all its turns."
    return RawItem(item.data, UnusableItem("prefix of another sample", why), item.text)
