"""The options of `canvasagent run`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvasagent.cli.common import err
from canvasagent.cli.options import settings_from
from canvasagent.cli.run_list import RUNS_DIR
from canvasagent.defaults import Limits
from canvasagent.policies.base import PolicySettings

if TYPE_CHECKING:
    from canvasagent.agent import Agent
    from canvasagent.record.trajectory import Trajectory
    from canvasagent.record.trust import Named


@dataclass(frozen=True)
class RunOptions:
    """The options of the command line; None for those left out."""

    request: str | None = None
    images: tuple[Path, ...] = ()
    output: Path | None = None
    policy: str | None = None
    profile: str | None = None
    runs_dir: Path = RUNS_DIR
    resume: str | None = None
    trust_record: bool = False
    continued: str | None = None
    batch: Path | None = None
    concurrency: int | None = None
    engine: str = "local"
    seed: int | None = None
    json: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `Limits` and `PolicySettings`."""

    def agent(self, record: Trajectory | None = None) -> Agent:
        """The agent by the options; those left out are as in `record`, else the library's defaults.

        Raises `InputError` where `record` names what only the user may (see `canvasagent.record.trust`).
        """
        from canvasagent.agent import Agent
        from canvasagent.record.trust import recorded

        known = recorded(record, self.named, trust=self.trust_record) if record else None
        settings: dict[str, Any] = {
            "limits": settings_from(Limits, self.settings, record.limits if record else None),
            "settings": settings_from(PolicySettings, self.settings, known.settings if known else None),
        }
        policy, profile = (known.policy, known.profile) if known else (self.policy, self.profile)
        settings |= {"policy": policy} if policy else {}
        settings |= {"profile": profile} if profile else {}
        with err().status("loading policy and tools"):  # a local model takes its time
            return Agent(runs_dir=self.runs_dir, **settings)

    @property
    def named(self) -> Named:
        """The choices of the command line, which override a record's."""
        from canvasagent.record.trust import Named

        return Named(self.policy, self.settings.get("base_url"), self.profile)
