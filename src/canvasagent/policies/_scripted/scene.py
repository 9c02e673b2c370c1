"""What is known while a plan is followed: the pictures, what 'it' means, what was found, done and not done."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from canvasagent.policies._scripted.transcript import Finding, Observation, Request


class Unmet(Exception):
    """A step that cannot be done, in words for the person who asked."""


@dataclass(frozen=True)
class Topic:
    """The thing that was spoken of last: its name, the picture it is in, its box and its mask if there is one."""

    phrase: str
    image: str
    box: tuple[int, int, int, int]
    mask: str | None = None


@dataclass
class Scene:
    """Filled by `play` as observations come; rebuilt from the conversation at every turn."""

    inputs: list[str]
    ids: list[str]
    sizes: dict[str, tuple[int, int]]
    focus: str | None
    """The picture that 'it' means."""
    picture: str | None
    """The picture that 'the picture' means: the last one spoken of that is no mask and no cut-out."""
    topic: Topic | None = None
    cutout: str | None = None
    mask: str | None = None
    things: dict[str, str] = field(default_factory=dict)
    """Cut-outs by what they show, in their latest version."""
    versions: dict[str, str] = field(default_factory=dict)
    """The latest version of each picture that was changed."""
    missing: str | None = None
    """What a step should have made and could not: 'it' then means nothing."""
    read: str | None = None
    written: str | None = None
    removed: str | None = None
    lines: dict[str, list[Finding]] = field(default_factory=dict)
    """The lines of text in the pictures that were read."""
    result: str | None = None
    """The picture that is the result so far; None while no tool made one."""
    answers: list[str] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, request: Request) -> Scene:
        """The scene at the start of a request."""
        inputs = [name for name in request.ids if re.fullmatch(r"img_\d+", name)]
        first = request.continues or next(iter(inputs or list(request.ids)), None)
        return cls(inputs, list(request.ids), dict(request.sizes), first, first)

    def resolve(self, meaning: str, what: str = "a picture") -> str:
        """The id that a reference means. Raises `Unmet` where there is no such picture."""
        found: str | None
        if meaning.startswith("id "):
            found = meaning[3:] if meaning[3:] in self.ids else None
            if found is None:
                raise Unmet(f"there is no picture {meaning[3:]}")
        elif meaning.startswith("input "):
            found = self._input(int(meaning[6:]))
        elif meaning == "other":
            found = self.other(self.focus)
        elif meaning == "picture":
            found = self.picture
        elif meaning in ("cutout", "mask"):
            found = self.cutout if meaning == "cutout" else self.mask
        else:
            if self.missing is not None:
                raise Unmet(f"it needs {self.missing}")
            found = self.focus
        if found is None:
            raise Unmet(f"there is no {meaning if meaning in ('cutout', 'mask') else 'picture'} to work on")
        return found

    def _input(self, number: int) -> str:
        index = number - 1 if number > 0 else len(self.inputs) - 1
        if not 0 <= index < len(self.inputs):
            raise Unmet(f"there are only {len(self.inputs)} pictures" if self.inputs else "there is no picture")
        return self.latest(self.inputs[index])

    def latest(self, name: str) -> str:
        """The latest version of a picture."""
        for _ in range(len(self.versions) + 1):
            name = self.versions.get(name, name)
        return name

    def other(self, name: str | None) -> str | None:
        """Of two input pictures, the one that `name` does not come from."""
        rest = [item for item in self.inputs if name not in (item, self.latest(item))]
        return self.latest(rest[-1]) if rest and len(self.inputs) >= 2 else None

    def saw(self, seen: Observation) -> None:
        """Note the picture that an observation brought."""
        if seen.made is not None:
            self.ids.append(seen.made)
            if seen.size is not None:
                self.sizes[seen.made] = seen.size

    def change(self, before: str, after: str) -> None:
        """`after` takes the place of `before`: the same thing, changed."""
        self.versions[before] = after
        for name, asset in self.things.items():
            if asset == before:
                self.things[name] = after
        if before == self.cutout:
            self.cutout = after
        elif before == self.mask:
            self.mask = after
        else:
            self.picture = after
        self.attend(after)

    def attend(self, name: str) -> None:
        """`name` is what 'it' means from now on, and the result so far."""
        self.focus = self.result = name
        self.topic = None
        self.missing = None

    def is_whole(self, name: str) -> bool:
        """Whether a picture is neither the mask nor a cut-out that was made on the way."""
        return name not in (self.mask, self.cutout, *self.things.values()) and not name.startswith(("SAM_", "Extract_"))

    def found(self, phrase: str, image: str, finding: Finding) -> None:
        """Something was found: 'it' may mean it."""
        self.topic = Topic(phrase, image, finding.box)
        self.missing = None
        if self.is_whole(image):
            self.picture = image
