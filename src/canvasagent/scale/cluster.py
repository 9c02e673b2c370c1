"""Ray: the cluster that `RAY_ADDRESS` names is joined, otherwise one is started on this machine."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from canvasagent.concurrency.stop_signals import handlers_kept
from canvasagent.errors import BackendFailure, InputError, MissingExtra

ENGINES = ("local", "ray")
"""What `--engine` takes."""
ADDRESS = "RAY_ADDRESS"


def check_engine(name: str) -> str:
    """Raise `InputError` for an unknown engine."""
    if name not in ENGINES:
        raise InputError(f"there is no engine '{name}'; there are {', '.join(ENGINES)}.")
    return name


class Cluster:
    """A Ray cluster that this process is connected to. `close` disconnects, and ends a cluster that was started here.

    Raises `MissingExtra` without Ray, `BackendFailure` if the cluster does not respond.
    """

    def __init__(self, what: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtra(what, "ray") from error
        self.ray: Any = ray
        self._ours = not ray.is_initialized()
        if not self._ours:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # or a token is written into the home folder
        address = os.environ.get(ADDRESS) or "local"
        try:
            with handlers_kept():
                ray.init(address=address, include_dashboard=None, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise BackendFailure(f"Ray at {address} cannot be joined: {str(error).splitlines()[0]}") from error

    def amount(self, resource: str) -> float:
        """Total amount of `CPU` or `GPU` of all nodes."""
        return float(self.ray.cluster_resources().get(resource, 0.0))

    def free(self, resource: str) -> float:
        """Unreserved amount of `CPU` or `GPU`."""
        return float(self.ray.available_resources().get(resource, 0.0))

    def close(self) -> None:
        """Disconnect; a cluster that was started here ends."""
        if self._ours:
            with contextlib.suppress(Exception):  # what cannot be told to a cluster that is gone
                self.ray.shutdown()
