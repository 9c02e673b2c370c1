"""What each tool gets of a cluster: replicas, processors, parts of a graphics card.

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
"""Share of the processors that tools take by default; episodes and Ray need some, too."""


class Wish(BaseModel):
    """What is asked for one tool; what is left out is decided by the cluster and the profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replicas: int = Field(default=1, ge=1)
    """Copies, at least."""
    max_replicas: int | None = Field(default=None, ge=1)
    """Copies, at most. None: as many as `replicas`."""
    at_once: int | None = Field(default=None, ge=1)
    """Calls that one copy has under way; batches are made of them. None: as many as the backend says, or 1 a core."""
    cpus: float | None = Field(default=None, ge=0)
    """Processors of one copy. None: 1, or less where the cluster has not so many."""
    gpus: float | None = Field(default=None, ge=0)
    """Graphics cards of one copy, a fraction too. None: what its model needs of a card of `card_gb`."""
    idle_seconds: float = Field(default=300.0, ge=0)
    """Time after which a copy that has nothing to do goes."""


class Sharing(BaseModel):
    """The file of `--sharing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    card_gb: float | None = Field(default=None, gt=0)
    """Memory of one graphics card, in the units that cards are sold in. None: a model gets a whole card."""
    default: Wish = Wish()
    """Of tools that are not named."""
    tools: dict[str, Wish] = Field(default_factory=dict)
    """Of one tool (wire name); what it leaves out is as in `default`."""

    def of(self, tool: str) -> Wish:
        """What is asked for `tool`."""
        return self.default.model_copy(update=self.tools.get(tool, self.default).model_dump(exclude_unset=True))


class Share(BaseModel):
    """What one tool gets, or several that share their weights."""

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
        """Of its deployment."""
        return "+".join(self.tools)

    @property
    def capacity(self) -> int:
        """Calls that can be under way at most."""
        return self.max_replicas * self.at_once


def load_sharing(path: Path | None) -> Sharing:
    """The settings in a TOML file, or none. Raises `InputError`."""
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
    """What each tool of `profile` gets of a cluster with that many processors and cards in all.

    Tools that share their weights get one share together, which is counted once (`distinct`).
    Raises `InputError` for a tool that is not there, or where the least that is asked for is more than there is.
    """
    for tool in sharing.tools:
        if tool not in profile.backends:
            raise InputError(f"the profile '{profile.name}' has no {tool}; it has {', '.join(profile.backends)}.")
    wishes = {tools: [sharing.of(tool) for tool in tools] for tools in teams(profile)}
    copies = sum(max(wish.replicas for wish in each) for each in wishes.values())
    usual = max(0.01, min(1.0, math.floor(100 * SPARE * cpus / max(1, copies)) / 100))
    found = [_share(profile, tools, each, sharing.card_gb, usual, gpus) for tools, each in wishes.items()]
    _check_enough("CPU", cpus, {share.name: share.replicas * share.cpus for share in found})
    _check_enough("GPU", gpus, {share.name: share.replicas * share.gpus for share in found})
    return {tool: share for share in found for tool in share.tools}


def distinct(found: Mapping[str, Share]) -> list[Share]:
    """Each share of `shares` once."""
    return list({share.tools: share for share in found.values()}.values())


def teams(profile: Profile) -> list[tuple[str, ...]]:
    """The tools of `profile`, those that share their weights together."""
    found: dict[Hashable, list[str]] = {}
    for tool in profile.backends:
        found.setdefault(_weights(profile, tool) or tool, []).append(tool)
    return [tuple(tools) for tools in found.values()]


def _weights(profile: Profile, tool: str) -> Hashable:
    """What tells the weights that a tool's backend shares with others, or None; a process of its own shares nothing."""
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
    """The most of what is asked for each."""

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
    """The profile with these tools only, as a replica uses it: it sees its own card only, which is the first."""
    options = {tool: dict(profile.options[tool]) for tool in tools if tool in profile.options}
    for given in options.values():
        if str(given.get("device", "")).startswith("cuda:"):
            given["device"] = "cuda:0"
    return profile.model_copy(
        update={
            "backends": {tool: profile.backends[tool] for tool in tools},
            "options": options,
            "isolate": [tool for tool in tools if tool in profile.isolate],
        }
    )


def _waits(profile: Profile, tool: str) -> int:
    """How many calls the backend wants under way at once; 0 where it computes here, one a thread."""
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
