"""From clauses to wishes: corrections made, prohibitions set apart, each wish with the condition it hangs on."""

from typing import NamedTuple, cast

from canvasagent.english.quotations import Quotes
from canvasagent.policies._scripted import language
from canvasagent.policies._scripted.details import lookup, number, phrase, reference
from canvasagent.policies._scripted.language import strip
from canvasagent.policies._scripted.patterns import entries, pattern, rule


class Condition(NamedTuple):
    """Something that can be looked up in a picture: an entry of [[condition]], taken apart."""

    kind: str
    text: str
    said: bool = True
    """False where the words deny it: 'there is no dog'."""
    phrase: str = ""
    image: str = ""
    least: int = 1
    most: int = 10**6
    quote: str | None = None
    parts: tuple["Condition", ...] = ()
    """What has to hold together; each is looked up only where those before it hold."""


UNKNOWN = Condition("unknown", "")


class Wish(NamedTuple):
    """A clause that orders something."""

    text: str
    condition: Condition | None = None
    """What it hangs on."""
    holds: bool = True
    """What the condition must come to."""
    lost: tuple[str, ...] = ()
    """Words of the request that belong to it and that its text leaves out."""


class Limit(NamedTuple):
    """Something that a step is to be done without: 'without growing the canvas'."""

    text: str
    verb: str
    at: int
    """The index of the wish that it belongs to."""


class Wishes:
    """What a request asks for (`asked`), in order, each with the condition it hangs on and what that must come to, and
    what it wants left as it is (`kept`), and what it forbids otherwise (`limits`).

    While it is read: `scope` is the condition that the next clause hangs on; `frames` are the ones said last, the outer
    ones first, with what each must come to, of which 'otherwise' speaks; `bare` after one that has no order yet; the
    next clause `corrects` the one before after a 'No, wait.'
    """

    def __init__(self, marked: str, quotes: Quotes) -> None:
        self.quotes, self.corrects, self.bare = quotes, False, False
        self.asked, self.kept, self.limits = list[Wish](), list[str](), list[Limit]()
        self.frames, self.scope = list[tuple[Condition, bool]](), cast("tuple[Condition | None, bool]", (None, True))
        for text, opens, lost in language.clauses(marked):
            self.scope = (None, True) if opens else self.scope
            if not self._kept(text) and not self._corrected(text):
                self._ask(rule("contrast").sub("", text), lost)

    def _kept(self, text: str) -> bool:
        """Whether a clause only forbids; what it protects is noted."""
        groups = first("forbid", text)
        if groups is None:
            return False
        thing = groups["thing"]
        verb = (groups.get("verb") or "").split(" ")[0].lower()
        stem = verb.removesuffix("ing")
        whole = thing.lower() in ("", "it", "this", "that", "them") and language.imperative(stem) in (
            "crop",
            "rotate",
            "mirror",
            "flip",
            "enlarge",
        )
        if verb and (whole or not pattern("{touching}").match(text.lower(), text.lower().index(verb))):
            self.limits.append(Limit(text, language.imperative(stem) or verb, max(len(self.asked) - 1, 0)))
        elif thing.lower() in ("him", "her"):
            self.kept.append("the subject")
        elif not rule("anything_else").fullmatch(thing) and not reference(thing)[0] and phrase(thing)[0]:
            self.kept.append(self.quotes.restore(thing))
        return True

    def _corrected(self, text: str) -> bool:
        """Whether a clause only mends or takes back what was said last; if so, that is done."""
        if (taken := rule("unsaid").match(text)) and (verb := language.imperative(taken["ing"] or taken["verb"])):
            before, self.asked = self.asked, [wish for wish in self.asked if not wish[0].lower().startswith(verb)]
            return len(self.asked) < len(before)
        cancel, marked = rule("cancel").match(text), rule("correction").match(text)
        if not self.asked or not (cancel or marked or self.corrects):
            return False
        rest = strip(text[cancel.end() :]) if cancel else ""
        if cancel and (not rest or rule("starters").match(rest)):
            self.asked.pop()
            return not rest or self._ask(rest)
        said = rule("instead").sub("", text[marked.end() if (marked := cancel or marked) else 0 :]).strip(" ,.!")
        rest, last, self.corrects = strip(said), self.asked[-1][0], not said
        whole = rule("starters").match(said) and not rule("make_that").match(said)
        amended = last if not rest else None if whole else amend(last, said)
        weak = rule("weak").match(text) and not rule("instead").search(text)
        if amended is None and weak and rest.split()[0] != last.split()[0]:
            return False  # 'actually, also …' adds something
        self.asked[-1] = self.asked[-1]._replace(text=amended or rest)
        return True

    def _ask(self, text: str, lost: tuple[str, ...] = ()) -> bool:
        text = self._conditional(text)
        self.bare = not text
        if text and not self._kept(text):
            if question := rule("yes_no").match(text):
                asked = condition(text[question.end() :], self.quotes)
                self.frames = [*(self.frames if self.scope[0] else []), (asked, True)]
            self.asked.append(Wish(text, *self.scope, lost))
        return True

    def _conditional(self, text: str) -> str:
        """The text without its 'if …', 'otherwise' or '… unless …', which is noted as the scope."""
        if (other := rule("otherwise").match(text)) and self.frames:
            if not other["so"] and not self.frames[-1][1] and len(self.frames) > 1:
                self.frames.pop()  # the inner one has had its 'otherwise'
            self.frames[-1], self.bare = (self.frames[-1][0], other["so"] is not None), True
            return self._hang(strip(text[other.end() :]))
        if head := rule("condition").match(text):
            word, rest = head[0], text[head.end() :]
            cuts = [*(match.span() for match in rule("condition_end").finditer(rest)), (len(rest), len(rest))]
            end, begin = next(
                (cut for cut in cuts if condition(rest[: cut[0]], self.quotes).kind != "unknown"), cuts[0]
            )
            said, text = rest[:end], strip(rest[begin:])
        elif (tail := rule("conditional_tail").search(text)) and not rule("asks").search(text[: tail.start()]):
            if condition(tail["said"], self.quotes).kind == "unknown":
                return text
            word, said, text = tail["head"], tail["said"], text[: tail.start()]
        else:
            return text
        only = rule("only_one").search(said) and self.frames and self.frames[0][0].parts
        outer = self.frames[: None if self.bare else -1] if self.scope[0] else []
        asked = condition(said, self.quotes)
        asked = asked._replace(said=asked.said == ("unless" not in word.lower()))
        self.frames, self.bare = [*([(self.frames[0][0], False)] if only else outer), (asked, True)], True
        return self._hang(text)

    def _hang(self, text: str) -> str:
        """What is left of a clause whose condition was noted; it may have another one within."""
        parts = tuple(asked._replace(said=asked.said == holds) for asked, holds in self.frames)
        self.scope = (Condition("all", parts[-1].text, parts=parts), True) if parts[1:] else self.frames[0]
        return self._conditional(text) if text else text


def first(table: str, text: str) -> dict[str, str] | None:
    """The groups of the first pattern of a table that is all of a text."""
    found = (entry["fits"].fullmatch(text) for entry in entries(table))
    return next(({name: value or "" for name, value in match.groupdict().items()} for match in found if match), None)


def condition(text: str, quotes: Quotes) -> Condition:
    """What can be looked up to see whether a statement is true; kind `unknown` where nothing can."""
    shown = quotes.restore(text)
    text = language.reworded("filler", text).strip(" ,")
    plain = " ".join(rule("denial").sub(" ", text).split())
    said = plain == " ".join(text.split())
    if two := rule("pair").fullmatch(text):
        lead, *both, tail = two.groups()
        parts = tuple(condition(side if rule("own").search(side) else f"{lead}{side}{tail}", quotes) for side in both)
        if all(part.kind != "unknown" for part in parts):
            return Condition("all", shown, parts=parts)
    for entry in entries("condition"):
        if (match := entry["fits"].fullmatch(plain)) is None:
            continue
        groups = {name: value or "" for name, value in match.groupdict().items()}
        image, rest = reference(f"{groups.get('adjective', '')} {groups.get('phrase', '')}".strip() or plain)
        sought = phrase(quotes.restore(rest))[0] if groups.get("phrase") else ""
        quoted, least, most = [*quotes.of(text), None][0], 1, 10**6
        if count := number(groups.get("number", "")):
            low, high = lookup("amount", f"{groups['how']} {groups['how2']}") or (0, 0)
            least, most = max(int(count) + low, 0), int(count) + high if high < 99 else most
        return Condition(entry["kind"], shown, said != entry.get("denies", False), sought, image, least, most, quoted)
    return Condition("unknown", shown, said)


def amend(text: str, fragment: str) -> str | None:
    """A clause with what a fragment says in the place of its like: 'rotate it 45' and '90' → 'rotate it 90'."""
    changed, left = text, fragment
    for entry in entries("amend"):
        said, before = entry["fits"].search(left), [*entry["fits"].finditer(changed)]
        if said is None or (not before and "means" not in entry):
            continue
        start, end = before[-1].span() if before else (len(changed), len(changed))
        put = said[0] if before else entry["means"].format(said[0])
        changed = " ".join(f"{changed[:start]} {put} {changed[end:]}".split())
        left = f"{left[: said.start()]} {left[said.end() :]}"
    return changed if changed != text and rule("fragment_rest").fullmatch(left.strip()) else None
