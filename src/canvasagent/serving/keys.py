"""Who may use the server: API keys in a TOML file, kept as hashes, each with its quotas.

[alice]                                # the holder's name, as logs and metrics show it
key = "sha256:9f86d08…"                # `canvasagent serve key alice` makes one; a plain key works too
requests_per_minute = 600
"""

from __future__ import annotations

import hashlib
import secrets
import time
import tomllib
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from canvasagent.errors import InputError
from canvasagent.execution.in_flight import done_in_loop
from canvasagent.serving.problems import Problem, too_many
from canvasagent.serving.settings import Quota
from canvasagent.storage.input_files import regular_file

OPEN = "anyone"
"""The holder's name on a server without keys."""
SHORTEST_KEY = 16


class Bucket:
    """A token bucket that refills evenly, up to a minute's worth. A larger amount leaves it in debt."""

    def __init__(self, per_minute: float | None) -> None:
        self._rate = None if per_minute is None else per_minute / 60
        self._full = per_minute or 0.0
        self._level, self._seen = self._full, time.monotonic()

    def take(self, amount: float) -> float:
        """Take `amount`. Returns 0 if it was available, else the seconds until it will be."""
        if self._rate is None:
            return 0.0
        now = time.monotonic()
        self._level = min(self._full, self._level + (now - self._seen) * self._rate)
        self._seen = now
        wanted = min(amount, self._full)
        if self._level < wanted:
            return (wanted - self._level) / self._rate
        self._level -= amount
        return 0.0


@dataclass
class Caller:
    """The holder of a key, and what is left of its quotas."""

    name: str
    quota: Quota = field(default_factory=Quota)
    partition: str = ""
    """Whose cached results it may get: its own; on a server without keys those of everybody."""
    calls: int = 0
    """Calls that run or wait, including abandoned ones."""

    def __post_init__(self) -> None:
        self._requests = Bucket(self.quota.requests_per_minute)
        self._bytes = Bucket(self.quota.bytes_per_minute)
        self._pixels = Bucket(self.quota.pixels_per_minute)

    def take_request(self) -> None:
        """Count a request. Raises `Problem` 429."""
        self._take(self._requests, 1, "requests")

    def take_bytes(self, count: int) -> None:
        """Count uploaded bytes. Raises `Problem` 429."""
        self._take(self._bytes, count, "bytes")

    def take_pixels(self, count: int) -> None:
        """Count the pixels of a call. Raises `Problem` 429."""
        self._take(self._pixels, count, "pixels")

    def take_call(self) -> None:
        """Check that one more call may run. Raises `Problem` 429."""
        if self.quota.calls_at_once is not None and self.calls >= self.quota.calls_at_once:
            raise too_many(f"this key may have {self.quota.calls_at_once} calls under way.", 1)

    def end_call(self, abandoned: Future[Any] | None) -> None:
        """Count a call as ended; if a thread still works on it (`abandoned`), once that is done."""
        if abandoned is None:
            self.calls -= 1
        else:
            done_in_loop(abandoned).add_done_callback(lambda _: self.end_call(None))

    def _take(self, bucket: Bucket, amount: float, what: str) -> None:
        if wait := bucket.take(amount):
            raise too_many(f"this key's {what} of this minute are used up.", wait)


class Keys:
    """The keys of a server; with None, anyone may use it."""

    def __init__(self, callers: dict[str, Caller] | None = None) -> None:
        self._callers = callers
        self._open = Caller(OPEN)

    @property
    def needed(self) -> bool:
        """Whether requests must carry a key."""
        return self._callers is not None

    def caller(self, authorization: str | None) -> Caller:
        """The holder of the key in an `Authorization: Bearer …` header. Raises `Problem` 401."""
        if self._callers is None:
            return self._open
        scheme, _, key = (authorization or "").partition(" ")
        caller = self._callers.get(_hash(key.strip())) if scheme.lower() == "bearer" else None
        if caller is None:
            problem = "this key is not known." if authorization else "this server needs a key: Authorization: Bearer …"
            raise Problem(401, "unauthorized", problem)
        return caller

    def known(self, authorization: str | None) -> bool:
        """Whether `caller` would find one."""
        try:
            self.caller(authorization)
        except Problem:
            return False
        return True

    @classmethod
    def load(cls, path: Path) -> Keys:
        """The keys in a TOML file. Raises `InputError` with what is wrong, never repeating a key."""
        try:
            tables = tomllib.loads(regular_file(path).read_text("utf-8"))
        except OSError as error:
            raise InputError(f"the keys '{path}' cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"the keys '{path}' are not valid TOML.") from error
        callers: dict[str, Caller] = {}
        for name, table in tables.items():
            digest = _digest(name, table, path)
            if digest in callers:
                raise InputError(f"the keys '{path}': {callers[digest].name} and {name} have the same key.")
            callers[digest] = Caller(name, _quota(name, table, path), partition=name)
        if not callers:
            raise InputError(f"the keys '{path}' hold none; `canvasagent serve key NAME` makes one.")
        return cls(callers)


def new_key() -> tuple[str, str]:
    """A fresh key, and its hash as the file has it."""
    key = "ca-" + secrets.token_urlsafe(32)
    return key, f"sha256:{_hash(key)}"


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _digest(name: str, table: object, path: Path) -> str:
    """The hash of a table's key."""
    written = table.get("key") if isinstance(table, dict) else None
    if not isinstance(written, str):
        raise InputError(f"the keys '{path}': [{name}] needs key = \"sha256:…\".")
    if not written.startswith("sha256:"):
        if len(written) < SHORTEST_KEY:
            raise InputError(f"the keys '{path}': the key of [{name}] is shorter than {SHORTEST_KEY} characters.")
        return _hash(written)
    digest = written.removeprefix("sha256:").lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InputError(f"the keys '{path}': the key of [{name}] is no SHA-256 (64 hexadecimal digits).")
    return digest


def _quota(name: str, table: dict[str, object], path: Path) -> Quota:
    try:
        return Quota(**{field: value for field, value in table.items() if field != "key"})  # type: ignore[arg-type]
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        fields = ", ".join(Quota.model_fields)
        raise InputError(f"the keys '{path}': [{name}] {where}: {problem['msg']}. There are {fields}.") from error
