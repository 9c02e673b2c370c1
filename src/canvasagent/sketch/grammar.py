"""From a prompt to a scene. Every word means something here, or is named as unknown; none is dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from canvasagent.english.colors import drawn_color
from canvasagent.english.noun_phrase import NounPhrase, Token, noun_phrase
from canvasagent.errors import ToolRefusal
from canvasagent.sketch.lexicon import suggestion, tokens
from canvasagent.sketch.scene import MAX_THINGS, Group, Relation, Scene
from canvasagent.sketch.sprite import all_sprites

MAX_PROMPT = 2000
"""Characters of a prompt."""


_OPENING = ("noun", "count", "vague", "color", "shade", "size")
"""Sorts of words that a noun phrase may begin with."""


class UnknownWords(ToolRefusal):
    """Words of a prompt that the drawn world has nothing for; `words` are they."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        close = {word: suggestion(word) for word in words}
        named = ", ".join(f"'{word}'" + (f" (did you mean '{near}'?)" if near else "") for word, near in close.items())
        super().__init__(f"The drawn world has nothing for {named}; `--profile full` can draw anything.")


@dataclass
class _Reader:
    """Walks over the tokens once and collects the scene."""

    tokens: list[Token]
    position: int = 0
    groups: list[dict[str, Any]] = field(default_factory=list)
    scene: dict[str, Any] = field(default_factory=dict)
    pending: list[Token] = field(default_factory=list)
    """What was said of the noun that is still to come."""
    subject: int | None = None
    """The group that a following place or relation speaks of."""
    relation: str | None = None
    """A relation whose other end is still to come."""
    ahead: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    """Relations said before their subject: 'on the table is a cup'."""
    between: list[int] = field(default_factory=list)
    spot: str | None = None
    place: str | None = None
    form: str | None = None
    """What the next quoted words are: label, banner, caption."""

    def peek(self, offset: int = 1) -> Token | None:
        """The token that many ahead, articles and filler passed over."""
        index = self.position
        while offset:
            index += 1
            if index >= len(self.tokens):
                return None
            offset -= self.tokens[index].sort not in ("filler", "the")
        return self.tokens[index]

    def noun_ahead(self) -> Token | None:
        """The next token that is no article, filler, count, size or colour."""
        for token in self.tokens[self.position + 1 :]:
            if token.sort not in ("filler", "the", *_OPENING[1:]):
                return token
        return None

    def opens_clause(self) -> bool:
        """Whether a place said here speaks of what follows: 'on the right, a dog'; 'a cat, on the left a dog'."""
        following, before = self.peek(), self.tokens[self.position - 1] if self.position else None
        after_break = before is None or before.sort in ("stop", "filler")
        names = following is not None and following.sort in _OPENING
        return self.subject is None or (after_break and names)


def parse(prompt: str) -> Scene:
    """The scene that a prompt describes. Raises `ToolRefusal` naming the words that cannot be drawn."""
    if len(prompt) > MAX_PROMPT:
        raise ToolRefusal(f"the prompt has {len(prompt):,} characters; at most {MAX_PROMPT:,} are taken.")
    found, unknown = tokens(prompt)
    if unknown:
        raise UnknownWords(unknown)
    reader = _Reader(found)
    while reader.position < len(found):
        _READ.get(found[reader.position].sort, _skip)(reader, found[reader.position])
        reader.position += 1
    _check_finished(reader)
    groups = tuple(Group(**group) for group in reader.groups)
    scene = Scene(groups=groups, **reader.scene)
    if not groups and not reader.scene:
        raise ToolRefusal("nothing to draw was named; say what the picture shows, such as 'a dog on a beach'.")
    if scene.things > MAX_THINGS:
        raise ToolRefusal(f"{scene.things} things are too many for one picture; at most {MAX_THINGS} can be drawn.")
    return scene


def _check_finished(reader: _Reader) -> None:
    if described := _described(reader):
        _gathered(reader)
        raise ToolRefusal(f"'{' '.join(described)}' describes nothing that is named; say what is so.")
    if reader.relation is not None or reader.between:
        raise ToolRefusal(f"'{reader.relation}': of what is not said; name the thing.")
    if reader.ahead or (reader.spot and not reader.groups):
        raise ToolRefusal("a place is given, but nothing that is there; name the thing.")
    if reader.form is not None and reader.form != "label":
        raise ToolRefusal(f"words for the {reader.form} are missing; give them in quotation marks.")


def _described(reader: _Reader) -> list[str]:
    """The words that say something of a noun still to come."""
    return [token.text for token in reader.pending if token.text not in ("a", "an", "the") and token.sort != "none"]


def _skip(reader: _Reader, token: Token) -> None:
    """Filler."""


def _stop(reader: _Reader, token: Token) -> None:
    if _described(reader) and token.text == ",":
        return  # "a big, red car"
    if token.text in ".;!?" or reader.relation is None:
        reader.subject = reader.subject if token.text == "," else None


def _gather(reader: _Reader, token: Token) -> None:
    """A word that says something of the noun to come."""
    if token.sort == "count" and token.value < 0:
        raise ToolRefusal(f"'{token.text}' is no count of things that can be drawn.")
    reader.pending.append(token)


def _gathered(reader: _Reader, *noun: Token) -> NounPhrase:
    """The noun phrase that ends here."""
    phrase = noun_phrase([*reader.pending, *noun])
    reader.pending = []
    if phrase.unknown:
        raise UnknownWords(list(phrase.unknown))
    return phrase


def _ground(reader: _Reader, token: Token) -> None:
    """'on a blue background'"""
    color = _gathered(reader).color
    if color:
        reader.scene["ground"] = drawn_color(color)


def _sprite(reader: _Reader, token: Token) -> None:
    color, following = token.of("color"), reader.peek()
    if color is not None and following is not None and following.sort in ("noun", "size", "color", "ground"):
        reader.pending.append(color)
        return
    phrase = _gathered(reader, token)
    if phrase.count == 0:
        return
    index = _refers(reader, token.value, phrase)
    if index is None:
        reader.groups.append(
            {
                "sprite": token.value,
                "count": phrase.count or (3 if token.plural else 1),
                "color": _color(phrase),
                "scale": phrase.scale,
                "relations": (),
            }
        )
        index = len(reader.groups) - 1
    _relate(reader, index)


def _color(phrase: NounPhrase) -> str | None:
    return drawn_color(f"{phrase.shade} {phrase.color}".strip()) if phrase.color else None


def _refers(reader: _Reader, sprite: str, phrase: NounPhrase) -> int | None:
    """The earlier group that 'the dog' speaks of."""
    if phrase.determiner != "the" or phrase.count is not None:
        return None
    for index, group in enumerate(reader.groups):
        if group["sprite"] == sprite and _color(phrase) in (None, group["color"]):
            return index
    return None


def _relate(reader: _Reader, index: int) -> None:
    """A group was named: it is the other end of a relation, or a new subject."""
    if reader.relation == "between":
        reader.between.append(index)
        if len(reader.between) < 2 and reader.groups[index]["count"] < 2:
            return  # 'between two trees' is complete, 'between a tree' is not
        _finish(reader, "between", tuple(reader.between))
        reader.between = []
    elif reader.relation is not None:
        _finish(reader, reader.relation, (index,))
        if reader.subject is not None:
            reader.subject = index
    else:
        reader.subject = index
        group = reader.groups[index]
        group["relations"] += tuple(Relation(kind=kind, others=others) for kind, others in reader.ahead)  # type: ignore[arg-type]
        reader.ahead = []
        for name in ("spot", "place"):
            if getattr(reader, name) is not None:
                group[name] = getattr(reader, name)
                setattr(reader, name, None)


def _finish(reader: _Reader, kind: str, others: tuple[int, ...]) -> None:
    reader.relation = None
    if reader.subject is None:
        reader.ahead.append((kind, others))
    elif reader.subject not in others:
        group = reader.groups[reader.subject]
        group["relations"] += (Relation(kind=kind, others=others),)  # type: ignore[arg-type]


def _relation(reader: _Reader, token: Token) -> None:
    following, noun = reader.peek(), reader.noun_ahead()
    if noun is not None and noun.sort in ("background", "light", "ground", "look"):
        return  # "on the beach": where the picture is, not where a thing is
    if following is not None and following.sort == "it" and len(reader.groups) > 1:
        _finish(reader, token.value, (_antecedent(reader),))
        return
    reader.relation = token.value


def _antecedent(reader: _Reader) -> int:
    """The group before the subject: what 'it' means in 'a table, and a cat under it'."""
    last = len(reader.groups) - 1
    return last if reader.subject != last else last - 1


def _with(reader: _Reader, token: Token) -> None:
    following = reader.peek()
    if reader.subject is not None and following is not None and following.sort in _OPENING:
        reader.relation = "next"


def _spot(reader: _Reader, token: Token) -> None:
    if reader.opens_clause() or reader.subject is None:
        reader.spot, reader.subject = token.value, None
    else:
        reader.groups[reader.subject]["spot"] = token.value


def _place(reader: _Reader, token: Token) -> None:
    if reader.opens_clause() or reader.subject is None:
        reader.place, reader.subject = token.value, None
    else:
        reader.groups[reader.subject]["place"] = token.value


def _background(reader: _Reader, token: Token) -> None:
    if reader.scene.get("background", token.value) != token.value:
        both = f"'{reader.scene['background']}' and '{token.value}'"
        raise ToolRefusal(f"a picture has one place, and {both} are two; choose one.")
    phrase = _gathered(reader)
    if phrase.scale != 1.0 or phrase.color or (phrase.count or 1) > 1:
        raise ToolRefusal(f"'{' '.join((*phrase.used, token.text))}': a place has no such variant here.")
    reader.relation = None
    reader.scene["background"] = token.value


def _look(reader: _Reader, token: Token) -> None:
    reader.scene["look"] = token.value


def _light(reader: _Reader, token: Token) -> None:
    reader.scene["weather" if token.value in ("rain", "snow", "fog") else "light"] = token.value


def _words(reader: _Reader, token: Token) -> None:
    reader.form = token.value
    reader.pending = [] if token.value != "label" else reader.pending


def _quote(reader: _Reader, token: Token) -> None:
    """Quoted words: on the sign that was named last, else where the prompt says, else the caption."""
    text = " ".join(token.value.split())
    form, reader.form = reader.form, None
    if not text:
        return
    host = reader.groups[-1] if reader.groups else None
    board = host is not None and all_sprites()[host["sprite"]].info.text_box is not None
    if form in ("banner", "caption") or host is None:
        reader.scene[form if form in ("banner", "caption") else "caption"] = text
    elif board and "words" not in host:
        host["words"] = text
    elif form == "label":
        raise ToolRefusal(f"a {host['sprite']} has no board to write '{text[:40]}' on; put it on a sign or a banner.")
    else:
        reader.scene["caption"] = text


_READ = {
    "stop": _stop,
    **dict.fromkeys(("count", "vague", "color", "shade", "size", "none", "the"), _gather),
    "ground": _ground,
    "noun": _sprite,
    "relation": _relation,
    "with": _with,
    "spot": _spot,
    "place": _place,
    "background": _background,
    "look": _look,
    "light": _light,
    "words": _words,
    "quote": _quote,
}
"""What each sort of token does to the scene."""
