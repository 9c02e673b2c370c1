"""What each tool gets of a cluster: replicas, processors, parts of a graphics card.

card_gb = 80                  # memory of one card of the nodes; parts of a card follow from it
[default]
replicas = 1
[tools.ImageEdit]
replicas = 2                  # never fewer
max_replicas = 16             # more come while calls queue, and go when they do not
[tools.SAM]
gpus = 0.25                   # instead of what the placement of its model says
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canvasagent.backends.profile import Profile, backend_class
from canvasagent.errors import CanvasAgentError, InputError
from canvasagent.weights.placement import GIB, RESERVED, Card, plan

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
    """What one tool gets."""

    model_config = ConfigDict(frozen=True)

    replicas: int
    max_replicas: int
    at_once: int
    cpus: float
    gpus: float
    idle_seconds: float

    @property
    def capacity(self) -> int:
        """Calls that can be under way at most."""
        return self.max_replicas * self.at_once


def load_sharing(path: Path | None) -> Sharing:
    """The settings in a TOML file, or none. Raises `InputError`."""
    if path is None:
        return Sharing()
    try:
        return Sharing(**tomllib.loads(path.read_text("utf-8")))
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

    Raises `InputError` for a tool that is not there, or where the least that is asked for is more than there is.
    """
    for tool in sharing.tools:
        if tool not in profile.backends:
            raise InputError(f"the profile '{profile.name}' has no {tool}; it has {', '.join(profile.backends)}.")
    wishes = {tool: sharing.of(tool) for tool in profile.backends}
    copies = sum(wish.replicas for wish in wishes.values())
    usual = max(0.01, min(1.0, math.floor(100 * SPARE * cpus / max(1, copies)) / 100))
    found = {tool: _share(profile, tool, wish, sharing.card_gb, usual, gpus) for tool, wish in wishes.items()}
    _check_enough("CPU", cpus, {tool: share.replicas * share.cpus for tool, share in found.items()})
    _check_enough("GPU", gpus, {tool: share.replicas * share.gpus for tool, share in found.items()})
    return found


def _share(profile: Profile, tool: str, wish: Wish, card_gb: float | None, cpus: float, cards: float) -> Share:
    own = wish.cpus if wish.cpus is not None else cpus
    gpus = wish.gpus if wish.gpus is not None else part_of_card(profile, tool, card_gb) if cards else 0.0
    at_once = wish.at_once or _waits(profile, tool) or max(1, int(own))
    most = max(wish.replicas, wish.max_replicas or wish.replicas)
    return Share(
        replicas=wish.replicas, max_replicas=most, at_once=at_once, cpus=own, gpus=gpus, idle_seconds=wish.idle_seconds
    )


def part_of_card(profile: Profile, tool: str, card_gb: float | None) -> float:
    """The part of a card that the tool's model takes: weights, a call's memory and the framework; 0 without a model.

    Rounded up to hundredths; a whole card where its size or the model's is not known. Of a model that is published,
    sizes are those of `profile plan`.
    """
    own = alone(profile, tool)
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


def alone(profile: Profile, tool: str) -> Profile:
    """The profile with that tool only, as a replica uses it: it sees its own card only, which is the first."""
    options = dict(profile.options.get(tool, {}))
    if str(options.get("device", "")).startswith("cuda:"):
        options["device"] = "cuda:0"
    return profile.model_copy(
        update={
            "backends": {tool: profile.backends[tool]},
            "options": {tool: options} if options else {},
            "isolate": [tool] if tool in profile.isolate else [],
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
