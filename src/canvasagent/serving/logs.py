"""The server's log: one JSON object a line, without keys, pictures or any text of clients."""

from __future__ import annotations

import datetime
import json
import logging
import sys

access = logging.getLogger("canvasagent.serving.access")
FACTS = "facts"
"""The attribute of a log record that holds its fields."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, and its fields (`facts`)."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def start_logging(level: int = logging.INFO) -> None:
    """Send what the server and its tools log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("canvasagent", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
