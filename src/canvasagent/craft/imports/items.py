"""The items of a file one after the other, however large it is. A bad item does not hide those behind it."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from canvasagent.craft.imports.unusable import UnusableItem
from canvasagent.errors import InputError
from canvasagent.storage.foreign_json import TooDeep, check_depth, excerpt, read_json, type_word

CHUNK = 1 << 20
KEPT = 2000
"""Characters that are kept of an item that cannot be read."""

_UNDECODED = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8, as the error handler `surrogateescape` leaves them."""
_BETWEEN = re.compile(r"[\s,]*")
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|["\[{\]},]', re.DOTALL)
"""Strings, brackets and commas; a quotation mark alone begins a string whose end is not at hand."""


@dataclass(frozen=True)
class RawItem:
    """An item as it was read: an object, or why it is none."""

    data: dict[str, Any]
    """Empty where the item cannot be read."""
    trouble: UnusableItem | None = None
    text: str = ""
    """The beginning of an item that cannot be read."""


def read_items(file: Path) -> Iterator[RawItem]:
    """The items of a JSON list (`.json`), of JSON lines (`.jsonl`) or of a Parquet file, bad ones with their trouble.

    Raises `InputError` where the file cannot be opened.
    """
    try:
        yield from {".parquet": _parquet_items, ".jsonl": _lines}.get(file.suffix, _values)(file)
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror or error}.") from error


def _item(value: Any, text: str) -> RawItem:
    """A value of a file as an item. `text` is how it was written."""
    try:
        check_depth(value)
    except TooDeep as error:
        return _bad("nested too deep", error, text)
    if not isinstance(value, dict):
        return _bad("not an object", f"it is of type {type_word(value)}, not an object", text)
    return RawItem(value)


def _bad(reason: str, why: object, text: str) -> RawItem:
    return RawItem({}, UnusableItem(reason, f"{why}: {excerpt(text, 40)}"), excerpt(text, KEPT))


def _bad_json(error: Exception, text: str) -> RawItem:
    if isinstance(error, RecursionError | TooDeep):
        return _bad("nested too deep", TooDeep(), text)
    if isinstance(error, UnicodeDecodeError):
        return _bad("not UTF-8", error, text)
    if isinstance(error, json.JSONDecodeError):
        return _bad("not JSON", error.msg, text)
    return _bad("not JSON", error, text)


def _lines(file: Path) -> Iterator[RawItem]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
            if not line.strip():
                continue
            text = line[: 4 * KEPT].decode("utf-8", "replace")
            try:
                value = read_json(line)
            except ValueError as error:
                yield _bad_json(error, text)
            else:
                yield _item(value, text)


def _values(file: Path) -> Iterator[RawItem]:
    """Top-level values, or those of a top-level list, decoded one by one."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        window, in_list = _Window(stream), False
        while window.skip():
            if window.char == ("]" if in_list else "["):
                in_list = not in_list
                window.at += 1
            else:
                yield window.value()
        if in_list and not window.broken:
            yield _bad("not JSON", "the file ends inside of its list", "")


class _Window:
    """The part of a file that is at hand: it grows until it holds the next value."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._decoder = stream, json.JSONDecoder()
        self.text, self.at = "", 0
        self.broken = False
        """The file ended in a value that could not be read."""
        self._chunk = CHUNK
        self._indent: str | None = None

    @property
    def char(self) -> str:
        """The next character."""
        return self.text[self.at]

    def skip(self) -> bool:
        """Skip spaces and commas; whether anything comes after them. Notes whether a line begins with a value."""
        while True:
            match = _BETWEEN.match(self.text, self.at)
            assert match is not None
            if match.end() < len(self.text):
                line = match[0].rpartition("\n")
                self._indent = line[2] if line[1] else self._indent
                self.at = match.end()
                return True
            if not self._more():
                return False

    def _more(self) -> bool:
        more = self._stream.read(self._chunk)
        # What lies before a value says how it is indented, so one chunk of white space is kept.
        self.text, self.at, self._chunk = self.text[self.at :] + more, 0, 2 * self._chunk
        return bool(more)

    def value(self) -> RawItem:
        """The next value, which is passed over."""
        self._chunk = CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self.text, self.at)
            except (ValueError, RecursionError) as error:
                found = self._end_of_bad()
                if found is None and self._more():
                    continue
                self.broken = found is None
                item = _bad_json(error, self._pass(len(self.text) if found is None else found))
            else:
                if end == len(self.text) and self._more():  # a number may go on
                    continue
                undecoded = _UNDECODED.search(self.text, self.at, end)
                text = self._pass(end)
                item = _bad("not UTF-8", "it has bytes that are not UTF-8", text) if undecoded else _item(value, text)
            return item

    def _pass(self, end: int) -> str:
        text = self.text[self.at : min(end, self.at + 4 * KEPT)]
        self.at = end
        return text

    def _end_of_bad(self) -> int | None:
        """Where a value that cannot be decoded ends: at the next line that begins as items do in this file, else
        where its brackets are closed. None where that is not at hand.
        """
        if self._indent is not None:
            found = self.text.find(f"\n{self._indent}{{", self.at)
            return None if found < 0 else found
        depth = 0
        for match in _TOKEN.finditer(self.text, self.at):
            if match[0] == '"':
                return None
            if depth == 0 and match[0] in ("]", "}", ","):
                return max(match.start(), self.at + 1)
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
            if depth == 0 and match[0] in ("]", "}"):
                return match.end()
        return None


def _parquet_items(file: Path) -> Iterator[RawItem]:
    """The rows, a row group at a time: one that is damaged is one bad item."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"'{file}' is no Parquet file, or damaged: {error}.") from error
    with opened:
        for group in range(opened.num_row_groups):
            try:
                for batch in opened.iter_batches(batch_size=32, row_groups=[group]):
                    yield from _rows(batch)
            except (OSError, pa.ArrowException) as error:
                yield _bad("damaged", f"row group {group} cannot be read further: {error}", "")


def _rows(batch: Any) -> Iterator[RawItem]:
    try:
        yield from [_item(row, "") for row in batch.to_pylist()]
    except (ValueError, OverflowError) as error:  # text that is not UTF-8, a date that Python does not have
        if batch.num_rows == 1:
            yield _bad("not UTF-8" if isinstance(error, UnicodeDecodeError) else "damaged", error, "")
        else:
            for at in range(batch.num_rows):
                yield from _rows(batch.slice(at, 1))
