"""The resources of each tool on a cluster: replicas, CPUs, fractions of a GPU.

card_gb = 80                  # memory of one card of the nodes; parts of a card follow from it
[default]
replicas = 1
[tools.ImageEdit]
replicas = 2                  # never fewer
max_replicas = 16             # more come while calls queue, and go when they do not
[tools.SAM]
gpus = 0.25                   # instead of what the placement of its model says

Tools whose backends load the same weights (ImageGeneration and ImageEdit of the profile `full`) are in one replica,
which gets the most of what is asked for any of them and takes as many calls as all of them together.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.backends.placement import GIB, RESERVED, Card, plan
from canvasagent.backends.profile import Profile, backend_class, make_config
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.storage.input_files import regular_file

SPARE = 0.9
"""Share of the CPUs that tools get by default; episodes and Ray need the rest."""


class Wish(BaseModel):
    """The settings of one tool; defaults follow from the cluster and the profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replicas: int = Field(default=1, ge=1)
    """Fewest replicas."""
    max_replicas: int | None = Field(default=None, ge=1)
    """Most replicas. None: as many as `replicas`."""
    at_once: int | None = Field(default=None, ge=1)
    """Concurrent calls of one replica, which can share batches. None: the backend's number, or 1 per core."""
    cpus: float | None = Field(default=None, ge=0)
    """CPUs of one replica. None: 1, or less on a small cluster."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs of one replica, also a fraction. None: what its model needs of a GPU with `card_gb`."""
    idle_seconds: float = Field(default=300.0, ge=0)
    """Seconds after which an idle replica is removed."""


class Sharing(BaseModel):
    """The file of `--sharing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card_gb: float | None = Field(default=None, gt=0)
    """Memory of one GPU in gigabytes, as advertised. None: a model gets a whole GPU."""
    default: Wish = Wish()
    """For tools without a table of their own."""
    tools: dict[str, Wish] = Field(default_factory=dict)
    """By tool (wire name); missing settings are those of `default`."""

    def of(self, tool: str) -> Wish:
        """The settings of `tool`."""
        return self.default.model_copy(update=self.tools.get(tool, self.default).model_dump(exclude_unset=True))


class Share(BaseModel):
    """The resources of one tool, or of several that share their weights."""

    model_config = ConfigDict(frozen=True)

    tools: tuple[str, ...]
    replicas: int
    max_replicas: int
    at_once: int
    cpus: float
    gpus: float
    idle_seconds: float

    @property
    def name(self) -> str:
        """Name of the deployment."""
        return "+".join(self.tools)

    @property
    def capacity(self) -> int:
        """Most concurrent calls."""
        return self.max_replicas * self.at_once


def load_sharing(path: Path | None) -> Sharing:
    """The settings in a TOML file; the defaults for None. Raises `InputError`."""
    if path is None:
        return Sharing()
    try:
        return Sharing(**tomllib.loads(regular_file(path).read_text("utf-8")))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}.") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"'{path}': {where}: {problem['msg']}.") from error


def shares(profile: Profile, sharing: Sharing, cpus: float, gpus: float) -> dict[str, Share]:
    """The resources of each tool of `profile` on a cluster with that many CPUs and GPUs in total.

    Tools that share their weights get one share together, which is counted once (`distinct`).
    Raises `InputError` for an unknown tool, or if the minimum exceeds the cluster's resources.
    """
    for tool in sharing.tools:
        if tool not in profile.backends:
            raise InputError(f"the profile '{profile.name}' has no {tool}; it has {', '.join(profile.backends)}.")
    wishes = {tools: [sharing.of(tool) for tool in tools] for tools in teams(profile)}
    copies = sum(max(wish.replicas for wish in each) for each in wishes.values())
    usual = max(0.01, min(1.0, math.floor(100 * SPARE * cpus / max(1, copies)) / 100))
    all_shares = [_share(profile, tools, each, sharing.card_gb, usual, gpus) for tools, each in wishes.items()]
    _check_enough("CPU", cpus, {share.name: share.replicas * share.cpus for share in all_shares})
    _check_enough("GPU", gpus, {share.name: share.replicas * share.gpus for share in all_shares})
    return {tool: share for share in all_shares for tool in share.tools}


def distinct(by_tool: Mapping[str, Share]) -> list[Share]:
    """Each share of `shares` once."""
    return list({share.tools: share for share in by_tool.values()}.values())


def teams(profile: Profile) -> list[tuple[str, ...]]:
    """The tools of `profile`, grouped by shared weights."""
    groups: dict[Hashable, list[str]] = {}
    for tool in profile.backends:
        groups.setdefault(_weights(profile, tool) or tool, []).append(tool)
    return [tuple(tools) for tools in groups.values()]


def _weights(profile: Profile, tool: str) -> Hashable:
    """The key of the weights that a tool's backend shares, or None; a separate process shares nothing."""
    spec = profile.backends[tool]
    try:
        cls: Any = backend_class(spec)
        weights_of = getattr(cls, "weights", None)
        if weights_of is None or tool in profile.isolate:
            return None
        return cast(Hashable, weights_of(make_config(cls, profile.options.get(tool, {}), spec)))
    except CanvasAgentError:
        return None  # it is told, tool by tool, when they are made ready


def _together(wishes: Sequence[Wish]) -> Wish:
    """The largest of each setting."""

    def most(values: Iterable[Any]) -> Any:
        return max((value for value in values if value is not None), default=None)

    return Wish(**{name: most(getattr(wish, name) for wish in wishes) for name in Wish.model_fields})


def _share(
    profile: Profile, tools: tuple[str, ...], wishes: Sequence[Wish], card_gb: float | None, usual: float, cards: float
) -> Share:
    wish = _together(wishes)
    cpus = wish.cpus if wish.cpus is not None else usual
    own = alone(profile, *tools)
    waiting = zip(tools, wishes, strict=True)
    return Share(
        tools=tools,
        replicas=wish.replicas,
        max_replicas=max(wish.replicas, wish.max_replicas or wish.replicas),
        at_once=sum(each.at_once or _waits(profile, tool) or max(1, int(cpus)) for tool, each in waiting),
        cpus=cpus,
        gpus=wish.gpus if wish.gpus is not None else part_of_card(own, card_gb) if cards else 0.0,
        idle_seconds=wish.idle_seconds,
    )


def part_of_card(own: Profile, card_gb: float | None) -> float:
    """The part of a card that a replica's model takes: weights, a call's memory and the framework; 0 without a model.

    Rounded up to hundredths; a whole card where its size or the model's is not known. Of a model that is published,
    sizes are those of `profile plan`.
    """
    card = Card("cuda:0", (card_gb or 1e4) * GIB)
    planned = plan(own, [card])
    if not planned.places:
        return 1.0 if planned.unknown else 0.0
    (place,) = planned.places
    if place.how == "processor":
        return 0.0
    if card_gb is None:
        return 1.0
    return min(1.0, math.ceil(100 * (RESERVED + place.weights + place.working) / card.gigabytes) / 100)


def alone(profile: Profile, *tools: str) -> Profile:
    """The profile with these tools only, for a replica, which sees only its own GPU as the first one."""
    options = {tool: dict(profile.options[tool]) for tool in tools if tool in profile.options}
    for settings in options.values():
        if str(settings.get("device", "")).startswith("cuda:"):
            settings["device"] = "cuda:0"
    return profile.model_copy(
        update={
            "backends": {tool: profile.backends[tool] for tool in tools},
            "options": options,
            "isolate": [tool for tool in tools if tool in profile.isolate],
        }
    )


def _waits(profile: Profile, tool: str) -> int:
    """Number of concurrent calls that the backend can batch; 0 for one call per thread."""
    try:
        cls: Any = backend_class(profile.backends[tool])
    except CanvasAgentError:
        return 0
    return int(getattr(cls, "waits", 0))


def _check_enough(resource: str, there: float, asked: Mapping[str, float]) -> None:
    total = round(sum(asked.values()), 2)
    if total > there:
        most = max(asked, key=lambda tool: asked[tool])
        raise InputError(
            f"the tools want {total:g} {resource} and the cluster has {there:g}; {most} alone wants {asked[most]:g}. "
            "Add nodes, or ask for less with --sharing FILE."
        )
