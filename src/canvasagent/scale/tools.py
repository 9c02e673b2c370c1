"""A tool box whose calls run in a Ray Serve application: one deployment a tool, replicas on any node.

Tools that share their weights are one deployment together.

It is used like any `ToolBox`: one cache, equal calls run once, the same keys and seeds. So the tool server can serve
it like any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from canvasagent.backends.profile import Profile
from canvasagent.canvas import Asset
from canvasagent.endpoints.cost_meter import spend
from canvasagent.errors import BackendFailure, CallTimeout, ToolRefusal
from canvasagent.execution.calls import Known
from canvasagent.execution.toolbox import CALL_SECONDS, ToolBox
from canvasagent.faults import Stage
from canvasagent.imaging.geometry import MAX_PIXELS
from canvasagent.scale.cluster import Cluster
from canvasagent.scale.replica import Directory, Replica, ReplicaInfo
from canvasagent.scale.sharing import Share, Sharing, alone, distinct, shares
from canvasagent.tools.base import Outcome, Tool
from canvasagent.tools.check import Checked
from canvasagent.version import __version__

log = logging.getLogger(__name__)

LOSSES = 3
"""How often a call is tried when replicas are lost."""
READY_SECONDS = 600.0
"""Time limit for the start of a replica."""
QUEUE_SECONDS = 600.0
"""Time that a call may wait for a replica, in addition to its own time limit."""


class ClusterToolBox(ToolBox):
    """The tools of a profile on a cluster. `close` removes the application.

    Raises `MissingExtra` without Ray, `InputError` if `sharing` exceeds the cluster, `BackendFailure`
    where the application cannot be started.
    """

    def __init__(
        self,
        profile: str | Profile,
        sharing: Sharing | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._cluster = Cluster("serving tools on a cluster")
        self._closing, self._closed = threading.Lock(), threading.Event()
        try:
            super().__init__(profile, workers=16, max_pixels=max_pixels, call_seconds=call_seconds)
            cpus, gpus = self._cluster.amount("CPU"), self._cluster.amount("GPU")
            self.shares = shares(self.profile, sharing or Sharing(), cpus, gpus)
            self.application = f"canvasagent-{self.profile.name}"
            self._handles = self._start()
        except BaseException:
            self._cluster.close()
            raise

    @property
    def capacity(self) -> int:
        """Most concurrent calls when all replicas run."""
        return sum(share.capacity for share in distinct(self.shares))

    def _start(self) -> dict[str, Any]:
        """Start the application and wait until each tool has its fewest replicas. Returns their handles."""
        from ray import serve

        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        teams = {share.name: self._deployment(serve, share) for share in distinct(self.shares)}
        root = serve.deployment(name="Directory", ray_actor_options={"num_cpus": 0})(Directory)
        try:
            serve.start(proxy_location="Disabled")  # HTTP is the tool server's
            serve.run(root.bind(**teams), name=self.application, route_prefix=None)
        except (RuntimeError, TimeoutError, self._cluster.ray.exceptions.RayError) as error:
            raise BackendFailure(f"the tools cannot be started on Ray: {_first_line(error)}") from error
        handles = {name: serve.get_deployment_handle(name, self.application) for name in teams}
        return {tool: handles[share.name] for tool, share in self.shares.items()}

    def _deployment(self, serve: Any, share: Share) -> Any:
        scaling: dict[str, Any] = {"num_replicas": share.replicas}
        if share.max_replicas > share.replicas:
            automatic = {
                "min_replicas": share.replicas,
                "max_replicas": share.max_replicas,
                "target_ongoing_requests": max(1.0, share.at_once * 0.75),
                "upscale_delay_s": 5.0,
                "downscale_delay_s": share.idle_seconds,
            }
            scaling = {"autoscaling_config": automatic}
        deployment = serve.deployment(
            name=share.name,
            max_ongoing_requests=share.at_once,
            ray_actor_options={"num_cpus": share.cpus, "num_gpus": share.gpus},
            health_check_period_s=2.0,
            health_check_timeout_s=60.0,
            **scaling,
        )(Replica)
        return deployment.bind(alone(self.profile, *share.tools), share.at_once, self.max_pixels, self.call_seconds)

    def _get_ready(self, tool: Tool) -> None:
        """Get fingerprint and state from a replica: its weights are on its node, not here."""
        report = self.ask(tool.name, "info", READY_SECONDS, tool.name)
        assert isinstance(report, ReplicaInfo)
        if report.version != __version__:
            raise BackendFailure(f"the nodes have canvasagent {report.version}, not {__version__}; install the same.")
        if report.lacks:
            raise BackendFailure(report.lacks)
        waits = self.shares[tool.name].capacity
        self._known[tool.name] = Known(report.fingerprint, report.stochastic, False, waits, large=report.large)

    def _make_backend(self, tool: Tool) -> Any:
        return _Elsewhere(self, tool.name)

    def ask(self, tool: str, method: str, seconds: float, *arguments: Any) -> Any:
        """A replica's answer. After the loss of a replica another one gets the call, since calls have no side effects.

        Raises `BackendFailure` after `LOSSES` lost replicas, or without an answer in `seconds`.
        """
        errors = self._cluster.ray.exceptions
        until = time.monotonic() + seconds
        for loss in range(1, LOSSES + 1):
            try:
                response = getattr(self._handles[tool], method).remote(*arguments)
                return response.result(timeout_s=max(0.1, until - time.monotonic()))
            except TimeoutError as error:
                response.cancel()
                raise CallTimeout(f"no replica of {tool} answered in {seconds:g} s.") from error
            except errors.RayTaskError as error:
                raise BackendFailure(f"a replica of {tool} failed: {_first_line(error.cause or error)}") from error
            except errors.RayError as error:
                log.warning("a replica of %s was lost: %s", tool, _first_line(error))
                if loss == LOSSES:
                    raise BackendFailure(f"{LOSSES} replicas of {tool} were lost in the middle of one call.") from error
            if self._closed.wait(0.2 * loss):
                raise BackendFailure("the tool box was closed.")
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Remove the application and disconnect. May be called again."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
            super().close()
            leaving = threading.Thread(target=self._leave_cluster)  # not in the thread of an event loop
            leaving.start()
            leaving.join(30)

    def _leave_cluster(self) -> None:
        from ray import serve

        try:
            serve.delete(self.application)
        except Exception as error:  # a cluster that is gone has no application either
            log.warning("%s could not be taken away: %s", self.application, _first_line(error))
        self._cluster.close()


class _Elsewhere:
    """The backend of a tool that runs in replicas."""

    def __init__(self, box: ClusterToolBox, tool: str) -> None:
        self._box, self._name = box, tool

    def carry_out(self, key: str, checked: Checked, assets: Mapping[str, Asset], seed: int) -> Outcome:
        """Run the call on the cluster. Raises `ToolRefusal` and `BackendFailure`."""
        bare = {name: Asset(asset.id, asset.kind, asset.picture, asset.key) for name, asset in assets.items()}
        seconds = QUEUE_SECONDS + self._box.call_seconds
        execution = self._box.ask(self._name, "call", seconds, checked, bare, seed)
        if execution.cost is not None:
            spend(execution.cost)
        fault = execution.fault
        if fault is not None and fault.stage is Stage.INFRASTRUCTURE:
            raise (CallTimeout if execution.timed_out else BackendFailure)(fault.message)
        if fault is not None or execution.outcome is None:
            raise ToolRefusal(fault.message if fault is not None else "no result.")
        if execution.key != key:
            raise BackendFailure(f"{self._name} on the cluster is {execution.backend}, another than it was.")
        outcome: Outcome = execution.outcome
        return outcome


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
