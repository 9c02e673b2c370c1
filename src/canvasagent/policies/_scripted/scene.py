"""What a conversation shows, and what is known while a plan is followed: the pictures, what 'it' means, what was found.

Nothing is remembered between turns: a plan is followed from its start, `Scene.call` answers with the observations of
the conversation, and the first call that has none yet is the next turn (`Next`).
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple, cast

from canvasagent.english.nouns import singular
from canvasagent.policies._scripted.patterns import knowledge, rule
from canvasagent.policies._scripted.wishes import Condition
from canvasagent.protocol.conversation import Message, last_request
from canvasagent.protocol.observation_parser import Finding, Observation, checkable, observe, says


class Unmet(Exception):
    """A step that cannot be done, in words for the person who asked."""


def need(found: Any, why: str) -> Any:
    """What was found. Raises `Unmet` where that is nothing."""
    if not found:
        raise Unmet(why)
    return found


class Next(Exception):
    """A call that has no observation yet: the thought before it, the tool, its arguments."""


class Topic(NamedTuple):
    """The thing that was found last: its name, the picture it is in, and its mask if there is one."""

    phrase: str
    image: str
    mask: str | None = None


class Lettering(NamedTuple):
    """The text that was written last: how it was asked for, the picture before it, and the picture with it."""

    wanted: dict[str, Any]
    base: str
    made: str


class Pasted(NamedTuple):
    """What was put on a picture last: how it was asked for, its scale, the pictures before and after."""

    wanted: dict[str, Any]
    content: str
    scale: float
    base: str
    made: str


class Scene:
    """A request, and what came of it so far.

    `focus` is the picture that 'it' means, `picture` the one that 'the picture' means: the last one spoken of that is
    none of `parts` (masks, cut-outs and what was made of them). `topic` was found last; `noun` is the thing that was
    asked for, added or changed last: what 'it' and 'one' may mean in an edit. `things` holds the cut-outs by what they
    show and the last `mask` and `cutout`, `versions` the next version of each picture that was changed, `texts` the
    text that was `read`, `written` or `removed` last, `done` what the steps done so far should show, `missing` what a
    step should have made and could not (then 'it' means nothing), `result` the picture that is the result so far, None
    while no tool made one.
    """

    def __init__(self, messages: Sequence[Message], today: Callable[[], date] = date.today) -> None:
        asked, after = last_request(messages)
        self.request, self.ids = asked.text.strip(), [*asked.imglist]
        self.inputs = [name for name in self.ids if re.fullmatch(r"img_\d+", name)]
        self.sizes = {asset.id: asset.size for message in messages for asset in message.assets}
        self.seen = [observe(message.text) for message in after if message.role == "tool"]
        self.focus = self.picture = asked.continues or next(iter(self.ids), None)
        self.looks = dict[tuple[str, str, str], Observation]()
        self.judged, self.done = dict[Condition, tuple[bool, str]](), list[Condition]()
        self.things, self.versions, self.texts = dict[str, str](), dict[str, str](), dict[str, str]()
        self.parts, self.answers, self.unmet = set[str](), list[str](), list[str]()
        self.topic: Topic | None = None
        self.lettering: Lettering | None = None
        self.pasted: Pasted | None = None
        self.today = today
        self.noun = self.missing = self.result = cast("str | None", None)

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, key: str, why: str = "", **arguments: Any) -> Observation:
        """One call of [calls] in words.toml, made once more if the infrastructure failed. Raises `Next` and `Unmet`."""
        entry, told = knowledge()["calls"][key], {"why": why, **arguments}
        given = entry.get("fixed", {}) | {name: value for name, value in arguments.items() if value is not None}
        for thought in (entry["why"].format(**told), "The tool itself failed, not the call; I try once more."):
            if not self.seen:
                raise Next(thought, entry["tool"], given)
            answer = self.seen.pop(0)
            if not answer.passing:
                break
        need(answer.error is None, answer.error or "")
        self.ids += [answer.made] if answer.made else []
        return answer

    def make(self, key: str, why: str = "", **arguments: Any) -> str:
        """A call that makes a picture; its id."""
        return self.call(key, why, **arguments).made or self.resolve(f"id made by {key}")

    def look(self, key: str, image: str, phrase: str | None = None) -> Observation:
        """What Grounding or OCR sees in a picture. Pictures never change: nothing is asked twice."""
        known = (knowledge()["calls"][key]["tool"], image, singular((phrase or "").lower()))
        if known not in self.looks:
            self.looks[known] = self.call(key, image=image, reference_text=phrase)
        return self.looks[known]

    def lines(self, image: str, key: str = "verify") -> list[str]:
        """The lines of text in a picture."""
        return [line.label for line in self.look(key, image).found]

    def reads(self, image: str, text: str) -> bool:
        """Whether OCR reads a text in a picture, or cannot be expected to."""
        try:
            return not checkable(text) or says(self.lines(image), text)
        except Unmet:
            return True

    def count(self, image: str, phrase: str, key: str = "locate") -> int:
        """How many of something a picture shows; it is what is spoken of from now on."""
        found = self.look(key, image, phrase)
        self.noun, self.missing = singular(phrase), None
        self.topic = Topic(phrase, image) if found.found else None
        return found.total

    def seek(self, image: str, phrase: str) -> Sequence[Finding]:
        """Where a phrase is in a picture, the likeliest first. Raises `Unmet` where it is not."""
        need(self.count(image, phrase), f"no {phrase} was found in {image}")
        return self.look("locate", self.target(f"id {image}"), phrase).found

    # ── what is meant ────────────────────────────────────────────────────────────────────────────────────

    def meant(self, phrase: str) -> str:
        """What a phrase names; for 'it' and 'one', the thing that was spoken of last; for 'blue', that in blue."""
        noun, shaded = self.noun or "", rule("shade").fullmatch(phrase) is not None
        named = f"{phrase} {rule('shade').sub('', noun).strip()}".strip() if shaded else phrase
        return noun if phrase.lower() in knowledge()["pronouns"] else named

    def target(self, meaning: str) -> str:
        """The picture that a step works on; speaking of one makes it the picture in question."""
        name = self.resolve(meaning)
        self.picture = self.picture if name in self.parts else name
        return name

    def resolve(self, meaning: str) -> str:
        """The id that a reference means. Raises `Unmet` where there is no such picture."""
        kind, _, name = meaning.partition(" ")
        need(self.missing is None or kind not in ("", "it", "each"), f"it needs {self.missing}")
        numbered = {str(number): item for number, item in enumerate(self.inputs, 1)} | {"-1": [None, *self.inputs][-1]}
        known = {
            "other": self.other(self.focus),
            "picture": self.picture,
            "input": numbered.get(name),
            "result": self.result,
        }
        known |= {"id": {item.lower(): item for item in self.ids}.get(name.lower()), "cutout": None, "mask": None}
        many = f"there are only {len(self.inputs)} pictures" if kind == "input" and self.inputs else ""
        what = name if kind == "id" else kind if kind in ("cutout", "mask") else "picture"
        found = need((known | self.things).get(kind, self.focus), many or f"there is no {what} to work on")
        return self.latest(found) if kind in ("cutout", "mask", "input") else found

    def latest(self, name: str) -> str:
        """The latest version of a picture."""
        for _ in range(len(self.versions) + 1):
            name = self.versions.get(name, name)
        return name

    def other(self, name: str | None) -> str | None:
        """Of several input pictures, the last one that `name` does not come from."""
        rest = [item for item in self.inputs if name not in (item, self.latest(item))]
        return self.latest(rest[-1]) if rest and len(self.inputs) >= 2 else None

    def change(self, before: str, after: str) -> None:
        """`after` takes the place of `before`: the same thing, changed."""
        self.versions[before] = after
        self.parts |= {after} if before in self.parts else set()
        self.picture = self.picture if before in self.parts else after
        self.attend(after)

    def attend(self, name: str) -> None:
        """`name` is what 'it' means from now on, and the result so far."""
        self.focus = self.result = name
        self.topic = self.missing = None
