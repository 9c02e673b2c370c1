"""Settings of the tool server, and what one key may use of it."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field

from canvasagent.imaging.geometry import MAX_PIXELS, MOST_PIXELS

MEGA = 1_000_000


class Quota(BaseModel):
    """What the holder of a key may use. None: as much as there is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    requests_per_minute: float | None = Field(default=None, gt=0)
    """Requests of any sort."""
    bytes_per_minute: float | None = Field(default=None, gt=0)
    """Bytes uploaded."""
    pixels_per_minute: float | None = Field(default=None, gt=0)
    """Pixels that calls read and make."""
    calls_at_once: int | None = Field(default=None, ge=1)
    """Calls that run or wait."""
    stored_bytes: int | None = Field(default=None, ge=MEGA)
    """Memory that its pictures may take; the longest unused go first."""
    metrics: bool = False
    """Whether it may read `/metrics`, which count what all keys do."""


class ServerSettings(BaseModel):
    """Limits of the server as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    concurrency: int = Field(default=os.cpu_count() or 1, ge=1)
    """Calls that run at once; batching backends want as many as fill a batch."""
    waiting: int = Field(default=256, ge=0)
    """Calls that may wait for their turn; more are told to come back (429)."""
    call_timeout: float = Field(default=600.0, gt=0, le=1_000_000)
    """Seconds that a call may take once its turn came, the loading of a model included; then it fails with 504."""
    upload_bytes: int = Field(default=100 * MEGA, ge=1)
    """Size of one uploaded picture, as a file."""
    uploads_bytes: int = Field(default=400 * MEGA, ge=1)
    """Size of all uploads that are under way at the same time."""
    answers_bytes: int = Field(default=400 * MEGA, ge=1)
    """Memory of the large pictures (above 0.4 megapixels) that are being sent at the same time."""
    max_pixels: int = Field(default=MAX_PIXELS, ge=1, le=MOST_PIXELS)
    """Pixels of one picture, checked before it is decoded."""
    stored_bytes: int = Field(default=1024 * MEGA, ge=MEGA)
    """Memory for pictures, all keys together; the longest unused go first."""
    connections: int = Field(default=4000, ge=1)
    """Connections that may be open."""
    header_seconds: float = Field(default=10.0, gt=0)
    """Time in which a request's head must have come."""
    body_seconds: float = Field(default=10.0, gt=0)
    """Time that may pass between two pieces of a body."""
    body_bytes_per_second: float = Field(default=20_000, gt=0)
    """Slowest pace of a body, after the first `body_seconds`."""
    idle_seconds: float = Field(default=60.0, gt=0)
    """Time after which a connection without requests is closed, or one whose client reads nothing of its answer."""
    progress_seconds: float = Field(default=1.0, gt=0)
    """Time between two signs of life in an answer that is streamed."""
    grace_seconds: float = Field(default=60.0, ge=0)
    """Time that running calls have to finish after the server was asked to stop."""
