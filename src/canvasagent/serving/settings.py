"""Settings of the tool server, and the quotas of a key."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.imaging.geometry import MAX_PIXELS, MOST_PIXELS

MEGA = 1_000_000


class Quota(BaseModel):
    """The quotas of a key. None: no limit but the server's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    requests_per_minute: float | None = Field(default=None, gt=0)
    """Requests of any kind."""
    bytes_per_minute: float | None = Field(default=None, gt=0)
    """Bytes uploaded."""
    pixels_per_minute: float | None = Field(default=None, gt=0)
    """Pixels of the inputs and results of calls."""
    calls_at_once: int | None = Field(default=None, ge=1)
    """Calls that run or wait."""
    stored_bytes: int | None = Field(default=None, ge=MEGA)
    """Memory for its pictures; the least recently used are dropped first."""
    metrics: bool = False
    """Whether it may read `/metrics`, which cover all keys."""


class ServerSettings(BaseModel):
    """Limits of the whole server."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    concurrency: int = Field(default=os.cpu_count() or 1, ge=1)
    """Calls that run at once; backends that batch need at least a batch's worth."""
    waiting: int = Field(default=256, ge=0)
    """Calls that may wait for their turn; further ones get 429."""
    call_timeout: float = Field(default=600.0, gt=0, le=1_000_000)
    """Seconds that a call may run, including the loading of a model; then it fails with 504."""
    upload_bytes: int = Field(default=100 * MEGA, ge=1)
    """Most bytes of one uploaded file."""
    uploads_bytes: int = Field(default=400 * MEGA, ge=1)
    """Most bytes of all concurrent uploads."""
    answers_bytes: int = Field(default=400 * MEGA, ge=1)
    """Most bytes of large pictures (above 0.4 megapixels) that are being sent."""
    max_pixels: int = Field(default=MAX_PIXELS, ge=1, le=MOST_PIXELS)
    """Most pixels of a picture, checked before it is decoded."""
    stored_bytes: int = Field(default=1024 * MEGA, ge=MEGA)
    """Most bytes of stored pictures of all keys; the least recently used are dropped first."""
    connections: int = Field(default=4000, ge=1)
    """Most open connections."""
    header_seconds: float = Field(default=10.0, gt=0)
    """Seconds in which a request's head must arrive."""
    body_seconds: float = Field(default=10.0, gt=0)
    """Most seconds between two pieces of a body."""
    body_bytes_per_second: float = Field(default=20_000, gt=0)
    """Least speed of a body after the first `body_seconds`."""
    idle_seconds: float = Field(default=60.0, gt=0)
    """Seconds after which an idle connection is closed, or one whose client reads nothing of its answer."""
    progress_seconds: float = Field(default=1.0, gt=0)
    """Seconds between two progress events of a streamed answer."""
    grace_seconds: float = Field(default=60.0, ge=0)
    """Seconds that running calls have to finish when the server stops."""
