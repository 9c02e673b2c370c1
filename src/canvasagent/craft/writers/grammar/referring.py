"""Names for pictures, things and texts as an instruction goes along, pronouns where they are clear."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from canvasagent.craft.plan import Plan, Step
from canvasagent.craft.writers.grammar.lexicon import acts, data, definite, is_plural, plural, with_article
from canvasagent.craft.writers.grammar.patterns import LOCATIVES, Pattern, agreement
from canvasagent.craft.writers.grammar.pictures import ORDINALS, Ground, Grounds

QUOTED_FACTS = {
    "rewrite": ("old", "new"), "erase": ("text",), "write": ("text",), "proofread": ("text",), "crop": ("text",),
    "read": ("text",),
}  # fmt: skip
QUOTES = (('"', '"'), ("“", "”"), ("'", "'"))
_PLACEHOLDER = re.compile(r"[\ue000-\uf8ff]")
_COUNTABLE = re.compile(r"(?:sketch|painting|drawing|cartoon|mosaic|poster|comic|negative|print|etching|collage)$")
_AMOUNT = re.compile(
    r"(?:more|less|higher|lower|stronger|softer|better) (?:contrast|saturation|noise|grain|brightness|warmth|colou?rs?|"
    r"details?|light|sharpness|blur|exposure|vibrance|shadows?|clarity|texture)"
    r"|(?:an? )?(?:\w+ )?(?:contrast|saturation|colou?rs|vignette|glow|blur)",
)
_THINGS_PLACE = re.compile(r"(?:sky|water|grass|street|ground|sand|foreground|background|snow|table|middle of)")
_WEATHER = {"rain": "rainy", "snow": "snowy", "fog": "foggy", "mist": "misty", "wind": "windy", "sun": "sunny"}


@dataclass
class Reference:
    """What has been named so far, and how things are called in one instruction."""

    plan: Plan
    rng: random.Random
    tone: str
    grounds: Grounds = field(init=False)
    noun: str = field(init=False)
    kept: list[str] = field(default_factory=list)
    """Texts that stay letter for letter; private characters stand for them until the end."""
    root: str | None = None
    """The picture that was spoken of last."""
    focus: tuple[str, str] | None = None
    """What "it" stands for: ("picture", root) or ("thing", phrase)."""
    pronouns: bool = True

    def __post_init__(self) -> None:
        self.grounds = Grounds(self.plan)
        names = data("extras")["names"]
        drawn = {picture.contents.drawn for picture in self.plan.pictures}
        self.noun = self.rng.choice(
            names["any"] if len(drawn) != 1 else names["drawn"] if True in drawn else names["photo"]
        )
        pair = QUOTES[self.rng.choices((0, 1, 2), (70, 15, 15))[0]]
        facts = [value for step in self.grounds.steps.values() for value in step.facts.values()]
        facts += [value for branch in self.plan.branches() for value in branch.condition.facts.values()]
        joined = "".join(facts)
        if any(mark in joined for mark in pair):
            pair = next((other for other in QUOTES if not any(mark in joined for mark in other)), QUOTES[1])
        self.quotes = pair

    def keep(self, text: str) -> str:
        """A stand-in for `text` in quotes."""
        self.kept.append(self.quotes[0] + text + self.quotes[1])
        return chr(0xE000 + len(self.kept) - 1)

    def restore(self, text: str) -> str:
        """`text` with what was kept in its place."""
        return _PLACEHOLDER.sub(lambda match: self.kept[ord(match.group()) - 0xE000], text)

    # Pictures

    def picture(self, ground: Ground) -> str:
        """A name for the picture `ground`, and it is what was spoken of last then."""
        many = self.grounds.inputs > 1
        first, same = self.root is None, self.root == ground.root
        self.root = ground.root
        rng = self.rng
        if ground.kind == "mask":
            return "the mask"
        if ground.kind == "cutout":
            return rng.choice(["the cut-out", f"the cut-out {ground.thing}" if ground.thing else "the cut-out"])
        if ground.original and not (many and not same):
            return rng.choice(
                [
                    f"the original {self.noun}",
                    "the original",
                    f"the {self.noun} as it was",
                    f"the unchanged {self.noun}",
                ]
            )
        if ground.number == 0:
            return rng.choice([f"the {self.noun}", f"that {self.noun}", f"the {self.noun}", f"your {self.noun}"])
        if ground.kind == "crop":
            return rng.choice(["the crop", f"the cropped {self.noun}", "the cropped part"])
        if many and not same:
            return self._numbered(ground, first)
        if not first:
            return rng.choice([f"the {self.noun}"] * 4 + ["the whole thing" if not many else f"the {self.noun}"])
        return self._introduced(ground)

    def _numbered(self, ground: Ground, first: bool) -> str:
        number, rng = ground.number, self.rng
        ordinal = ORDINALS[number - 1] if 0 < number <= len(ORDINALS) else f"{number}th"
        names = [
            f"the {ordinal} {self.noun}",
            f"the {ordinal} {self.noun}",
            f"{self.noun} {number}",
            f"{self.noun} number {number}",
            f"the {ordinal} one" if not first else f"the {ordinal} {self.noun}",
        ]
        if self.grounds.inputs == 2 and not first:
            names += [f"the other {self.noun}", "the other one"]
        if number == self.grounds.inputs:
            names.append(f"the last {self.noun}")
        if ground.original and not first:
            return f"the original {ordinal} {self.noun}"
        return rng.choice(names)

    def _introduced(self, ground: Ground) -> str:
        rng, noun = self.rng, self.noun
        plain = [
            f"the {noun}",
            f"this {noun}",
            f"the attached {noun}",
            f"my {noun}",
            f"the {noun} here",
            f"this {noun} here",
            f"the given {noun}",
        ]
        if self.tone == "chatty":
            plain += [
                f"the {noun} I sent",
                f"this {noun} of mine",
                f"the {noun} I've attached",
                f"the {noun} I just uploaded",
                f"my {noun} here",
                f"that {noun} I gave you",
            ]
        if self.tone == "terse":
            plain = [f"the {noun}", f"this {noun}", f"this {noun}", "this", f"the {noun}"]
        if rng.random() < 0.45 and (described := self._described(ground)):
            return described
        return rng.choice(plain)

    def _described(self, ground: Ground) -> str | None:
        """By what it shows, where that is known and has nothing to do with the request."""
        if not 0 < ground.number <= len(self.plan.pictures):
            return None
        contents = self.plan.pictures[ground.number - 1].contents
        spoken = " ".join(value for step in self.grounds.steps.values() for value in step.facts.values()).lower()
        spoken += (
            " "
            + " ".join(value for branch in self.plan.branches() for value in branch.condition.facts.values()).lower()
        )
        names = sorted(
            {thing.name for thing in contents.things if thing.count == 1 and thing.name.lower() not in spoken}
        )
        noun, rng = self.noun, self.rng
        choices = []
        if contents.setting and contents.setting.lower() not in spoken:
            choices += [
                f"the {contents.setting} {noun}",
                f"this {contents.setting} {noun}",
                f"my {contents.setting} {noun}",
            ]
        if names:
            one = rng.choice(names)
            choices += [
                f"the {noun} with the {one}",
                f"this {noun} of {with_article(one)}",
                f"my {noun} with the {one}",
                f"the {one} {noun}",
            ]
            if len(names) > 1:
                two, three = rng.sample(names, 2)
                choices += [
                    f"the {noun} with the {two} and the {three}",
                    f"this {noun} of {with_article(two)} and {with_article(three)}",
                ]
        return rng.choice(choices) if choices else None

    # Slots

    def must_name(self, step: Step) -> bool:
        """Whether the picture has to be named for `step` to be clear."""
        ground = self.grounds.of(step)
        if step.act == "generate":
            return False
        several = self.grounds.inputs + sum(other.act == "generate" for other in self.grounds.steps.values()) > 1
        return (several and self.root != ground.root) or ground.original

    def slots(self, step: Step, form: Pattern, named: str | None) -> dict[str, str]:
        """What fills the slots of `form`; `named`: the picture's name, where it is to be said."""
        facts = self.facts(step)
        ground = self.grounds.of(step)
        if "the picture" in form.needs:
            facts["the picture"] = named or self._unstressed(ground)
            named = None
        if named:
            slot = next((name for name in LOCATIVES if name in form.takes), None)
            if slot:
                word = self.place_word(step) if "{where} {" in form.text or "{where?} {" in form.text else None
                facts[slot] = f"{word or slot} {named}"
        return facts

    @staticmethod
    def place_word(step: Step) -> str | None:
        """What joins the place of `step` and a picture: "on the left of it", "next to the bench in it"."""
        where = step.facts.get("where")
        if not where:
            return None
        return (
            "of"
            if re.fullmatch(r"(?:on|in|at|to|along|near) the [\w ]+", where) and not _THINGS_PLACE.search(where)
            else "in"
        )

    def _unstressed(self, ground: Ground) -> str:
        if self.root is None and self.rng.random() < 0.6:
            return self.picture(ground)
        self.root = ground.root
        return f"the {self.noun}" if ground.kind == "picture" else self.picture(ground)

    def facts(self, step: Step) -> dict[str, str]:
        """The facts of `step` as slots, with what follows from them."""
        facts = {name: value for name, value in step.facts.items() if value}
        for name in QUOTED_FACTS.get(step.act, ()):
            if name in facts:
                facts[name] = self.keep(facts[name])
        thing = step.facts.get("thing", "")
        facts |= agreement(is_plural(thing))
        for name in ("new", "setting"):
            if name in facts and step.act in ("replace", "background"):
                facts[f"a {name}"] = with_article(facts[name])
                facts[f"a {name}*"] = (
                    with_article(facts[name])
                    if name == "new"
                    else with_article(facts[name] + " scene")[: -len(" scene")]
                )
        if step.act == "style":
            self._style(facts)
        if step.act == "adjust":
            adjustment = facts.pop("adjustment")
            facts["amount" if amount(adjustment) else "adj"] = adjustment
        if step.act == "weather" and facts["weather"] in _WEATHER:
            facts["weathery"] = _WEATHER[facts["weather"]]
        if step.act == "light":
            facts["light_time"] = facts["light"] + ("time" if facts["light"] in ("day", "night") else "")
        if "where" in facts:
            to = re.match(r"(?:to|towards|into|onto|over)\b", facts["where"])
            facts["to where"] = facts["where"] if to else f"so that {facts['they']} {facts['is']} {facts['where']}"
        if step.act == "crop":
            facts["part"] = self._part(step)
        if step.act == "generate":
            facts["prompt"] = with_article(facts["prompt"]) if not facts["prompt"][:1].isupper() else facts["prompt"]
        return facts

    @staticmethod
    def _style(facts: dict[str, str]) -> None:
        style = facts["style"]
        facts["a style"] = with_article(style + " look")[: -len(" look")]
        if _COUNTABLE.search(style):
            facts["a_style"] = with_article(style)

    def _part(self, step: Step) -> str:
        facts = step.facts
        if "thing" in facts:
            return definite(facts["thing"])
        if "text" in facts:
            return self.rng.choice(["the words {}", "the text {}", "the part that says {}", "the line {}"]).format(
                self.keep(facts["text"])
            )
        return definite(facts.get("region", "centre"))

    # Objects

    def object(self, step: Step, slots: dict[str, str], named: str | None, orders: bool = True) -> str:
        """What `step` works on, as the object of an order, or a pronoun."""
        kind = acts()[step.act].get("object")
        ground = self.grounds.of(step)
        if kind == "picture":
            if (
                self.pronouns
                and self.focus == ("picture", ground.root)
                and not ground.original
                and self.rng.random() < 0.75
            ):
                return "it"
            return named or self.picture(ground)
        if kind == "thing":
            return self._thing(step, named)
        if kind == "new":
            return with_article(step.facts["thing"])
        if kind == "part":
            return slots["part"]
        if kind == "made":
            prompt = slots["prompt"]
            return (
                self.rng.choice(
                    [
                        f"a {self.noun} of {prompt}",
                        f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun} that shows {prompt}",
                        f"a scene with {prompt}",
                        f"a new {self.noun} of {prompt}",
                        prompt,
                    ]
                )
                .replace("a image", "an image")
                .replace("a illus", "an illus")
                .replace("a artwork", "an artwork")
            )
        if kind in ("old", "text"):
            names = ["{}", "the text {}", "the writing {}"] + (
                ["the words {}"] if step.act != "proofread" and orders else []
            )
            return self.rng.choice(names).format(slots[kind])
        if kind == "words":
            return self.rng.choice(["{}", "{}", "the words {}", "the text {}", "the caption {}"]).format(slots["text"])
        return ""

    def _thing(self, step: Step, named: str | None) -> str:
        thing = step.facts["thing"]
        content = self.grounds.content(step)
        if self.pronouns and self.focus == ("thing", thing) and not named and self.rng.random() < 0.7:
            return "them" if is_plural(thing) else "it"
        if content is not None and content.root != self.grounds.of(step).root:
            source = self.picture(content if content.kind == "picture" else Ground(content.root))
            return f"{definite(thing)} ({source})" if content.kind == "picture" else f"{definite(thing)} from {source}"
        return definite(thing) + (f" in {named}" if named else "")

    def after(self, step: Step) -> None:
        """Notes what "it" stands for once `step` has been said."""
        kind = acts()[step.act].get("object")
        ground = self.grounds.of(step)
        if step.act in (
            "locate",
            "verify",
            "remove",
            "replace",
            "read",
            "proofread",
            "rewrite",
            "erase",
            "write",
            "add",
        ):
            self.focus = ("thing", step.facts["thing"]) if step.act == "locate" else None
        elif step.act in ("crop", "generate") or kind == "picture":
            self.focus = ("picture", ground.root)
        elif kind == "thing":
            self.focus = ("thing", step.facts["thing"])
        else:
            self.focus = None


def amount(adjustment: str) -> bool:
    """Whether an adjustment is something to be given (`more contrast`), not a quality (`brighter`)."""
    return bool(_AMOUNT.fullmatch(adjustment))


def several(phrase: str) -> str:
    """`phrase` as a plural, for counts."""
    return phrase if is_plural(phrase) else plural(phrase)
