"""One act in words: the pattern, the frame around it, and the picture named where it has to be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from canvasagent.craft.acts import act_named, text_tools
from canvasagent.craft.plan import Step
from canvasagent.craft.writers.grammar.lexicon import data
from canvasagent.craft.writers.grammar.patterns import Clause, Pattern, fill, order, pattern, sentence, tidy
from canvasagent.craft.writers.grammar.referring import Reference
from canvasagent.english.phrases import is_plural

FIRST_NAMED = 0.4
"""Share of acts on things that name the only picture, while it has not been named."""


_ORDERS = re.compile(r"\byou|please|kindly|^(?:so, |just |pls |go on and )?\{do\}")


VAGUE = 0.45
"""Share of acts that are said indirectly, where that is possible."""


@dataclass(frozen=True)
class Said:
    """An act as a whole sentence, without capital and full stop."""

    text: str


@cache
def patterns(act: str, kind: str) -> tuple[Pattern, ...]:
    """The patterns of `act` in form `kind`: a field of `Wording`."""
    return tuple(pattern(text) for text in getattr(act_named(act).wording, kind))


def vague_patterns(step: Step, kind: str) -> list[Pattern]:
    """Indirect wording that says the same where the picture can be seen."""
    indirect = act_named(step.act).wording.indirect
    tables = (indirect.get(f"{name} {value}", {}) for name, value in step.facts.items())
    return [pattern(text) for table in tables for text in table.get(kind, ())]


def order_kind(step: Step) -> str:
    """The patterns that an order for `step` is made of."""
    return "tell" if step.purpose == "answer" and act_named(step.act).wording.tell else "do"


def clause(step: Step, ref: Reference) -> Clause:
    """`step` as an order that can be joined to others."""
    form, slots, object_, lead = _chosen(step, ref, order_kind(step))
    made = order(
        form, slots, object_, is_plural(step.facts.get("thing", "")) and act_named(step.act).wording.object == "thing"
    )
    ref.after(step)
    return Clause(tidy(f"{made.do} {lead}"), made.object, made.done, made.many) if lead else made


def free_sentence(step: Step, ref: Reference, kinds: Sequence[str], plain: bool = False) -> Said | None:
    """`step` as a sentence of one of `kinds` (say, ask, note); None where the act has none that fits."""
    for kind in ref.rng.sample(list(kinds), len(kinds)):
        if not any(_fits(form, step, ref) for form in patterns(step.act, kind)):
            continue
        pronouns, ref.pronouns = (
            ref.pronouns,
            ref.pronouns and kind != "note" and not is_plural(step.facts.get("thing", "")),
        )
        form, slots, object_, lead = _chosen(step, ref, kind)
        ref.pronouns = pronouns
        ref.after(step)
        text = sentence(form, slots, object_)
        if lead:
            text = tidy(f"{text} {lead}") if kind == "note" else tidy(f"{lead}, {text}")
        return Said(framed(kind, {kind: text}, ref, plain, step.tool in text_tools()))
    return None


def framed(kind: str, forms: dict[str, str], ref: Reference, plain: bool = False, asking: bool = False) -> str:
    """A sentence of the frames of `kind` in the tone at hand. `plain`: without the addition of a question or wish."""
    table: dict[str, Any] = data("frames")["say_tell" if kind == "say" and asking else kind]
    text = forms.get(kind, "")
    choices = (
        table["terse"]
        if ref.tone == "terse"
        else table.get("any", []) + (table.get("chatty", []) if ref.tone == "chatty" else [])
    )
    if (kind == "say" and (";" in text or text.endswith("?"))) or plain:
        choices = ["{" + kind + "}"]
    if text.startswith(("I ", "I'")):  # "I think I need" says it twice
        choices = [choice for choice in choices if not choice.startswith(("I ", "to my mind", "honestly", "as I"))]
    if text.endswith("?"):
        choices = [choice for choice in choices if choice.endswith("}")]
    if kind == "note" and text.endswith(("please", "pls")):
        choices = ["{note}"]
    if " me " in forms.get("do", "") + " ":  # "I want to show me" has two people in it
        choices = [choice for choice in choices if _ORDERS.search(choice)] or ["{do}"]
    return fill(ref.rng.choice(choices), forms)


def _chosen(step: Step, ref: Reference, kind: str) -> tuple[Pattern, dict[str, str], str, str]:
    """A pattern with its slots and object, and the words that name the picture where the pattern cannot."""
    must = ref.must_name(step)
    ground = ref.grounds.of(step)
    known = ref.facts(step)
    forms = vague_patterns(step, kind) if ref.rng.random() < VAGUE else []
    forms = forms or [form for form in patterns(step.act, kind) if form.needs <= known.keys() | {"the picture"}]
    if not forms:
        raise KeyError(f"no pattern of '{step.act}' ({kind}) fits the facts {sorted(step.facts)}")
    form = ref.rng.choice(forms)
    on_picture = act_named(step.act).wording.object == "picture"
    holds = form.names_picture
    wants = must or (holds and not on_picture and ref.rng.random() < _first_named(step, ref))
    named = ref.naming.name(ground) if wants and not on_picture and step.act != "paste" else None
    slots = ref.slots(step, form, named if holds else None)
    thing = act_named(step.act).wording.object == "thing"
    attach = named if named and not holds and thing else None
    object_ = ref.object(step, slots, attach, orders=kind in ("do", "tell"))
    lead = ""
    if named and not holds and not (thing and attach):
        lead = f"in {named}"
    if step.act == "paste":
        slots, lead = _onto(step, ref, form, slots, object_), ""
    return form, slots, object_, lead


def _first_named(step: Step, ref: Reference) -> float:
    """How often the picture is named without need."""
    if ref.naming.root is not None:
        return 0.06
    return 0.8 if step.act == "read" else FIRST_NAMED


def _onto(step: Step, ref: Reference, form: Pattern, slots: dict[str, str], object_: str) -> dict[str, str]:
    """Where a thing is pasted: the picture is always said where there are several."""
    base = ref.grounds.of(step)
    several = ref.grounds.inputs > 1 or base.number == 0
    name = ref.naming.name(base) if several or base.original else f"the {ref.noun}"
    slots = dict(slots)
    if several or base.original or "where" not in step.facts or ref.rng.random() < 0.4:
        slots["into"] = f"{ref.place_word(step) or ref.rng.choice(['onto', 'on', 'into'])} {name}"
    return slots


def _fits(form: Pattern, step: Step, ref: Reference) -> bool:
    return form.needs <= ref.facts(step).keys() | {"the picture"}
