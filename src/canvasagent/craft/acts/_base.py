"""What an act is: what a step of a plan is for, in one file: its facts, its call, its checks, its words.

A file `acts/<name>.py` defines `ACT = Act(...)` and is found by its name. Chains, the tasks of RL and the notation of
the benchmark call acts by `name`; the grammar writer puts them into words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, Protocol

from canvasagent.craft.pictures import Box
from canvasagent.craft.plan import Found, Made, Plan, Purpose, Step, Value
from canvasagent.craft.slots import Entity, Slot, Unfit
from canvasagent.craft.views import PictureState, ThingState
from canvasagent.imaging.geometry import Size
from canvasagent.sketch.lexicon import phrases

Data = dict[str, Any]
"""A check as data: `{"check": "object_present", "object": "dog"}`."""
Patterns = tuple[str, ...]
Objects = Literal["picture", "thing", "new", "part", "made", "old", "text", "words", "none"]


@dataclass(frozen=True)
class Wording:
    """How an act is asked for and spoken of.

    In `do`, `say`, `note`, `tell` and `ask`, `|` is the object and `[ ]` encloses a longer object that holds it;
    `{fact}` is filled in, `{fact?}` may be missing; a pattern with a fact that the step lacks is not used.
    """

    object: Objects = "none"
    """What the object of an order is."""
    do: Patterns = ()
    """What one orders, in the base form."""
    say: Patterns = ()
    """Whole sentences that let the wish be understood."""
    note: Patterns = ()
    """What one jots down."""
    tell: Patterns = ()
    """Orders of which the answer is words."""
    ask: Patterns = ()
    """Questions."""
    indirect: Mapping[str, Mapping[str, Patterns]] = field(default_factory=dict)
    """By fact and value (`adjustment brighter`): `do`, `say` and `note` that say it indirectly."""
    orders: Patterns = ()
    """Plain ways to say what the call does, for reasons."""
    why: Mapping[str, Patterns] = field(default_factory=dict)
    """Why it comes now: `` of itself, `>crop` by the act that it serves, `/upside down` by its fact `why`."""
    saw: Patterns = ()
    """What the call came to."""
    done: Patterns = ()
    """What was done, for the end."""


@dataclass
class StepContext:
    """A step that is about to be bound."""

    view: PictureState
    """What the picture shows that it works on."""
    facts: dict[str, Any]
    """Entities, scenes and words, by the name of the fact."""
    random: Random
    image: str | Made
    box: Found | Box | None = None
    mask: Made | None = None
    content: str | Made | None = None
    shown: PictureState | None = None
    """What `content` shows."""
    position: Value | None = None
    """Where something is laid over, where that is given as a point or box."""
    scale: float | None = None
    margin: float = 0.0
    id: str = ""

    def thing(self, fact: str = "thing") -> ThingState:
        """The thing that a fact speaks of, as the picture shows it. Raises `Unfit` where it is gone."""
        entity = self.facts[fact]
        item = self.view.item(entity.key) if isinstance(entity, Entity) else None
        if item is None:
            raise Unfit(f"{getattr(entity, 'phrase', entity)} in the picture")
        return item

    def words_for(self, fact: str) -> str:
        """A fact in words, as the picture shows it."""
        value = self.facts[fact]
        if not isinstance(value, Entity):
            return str(value)
        item, line = self.view.item(value.key), self.view.line(value.key)
        if value.is_text:
            if line is None:
                raise Unfit(f"the text {value.phrase} in the picture")
            return line.words
        return item.phrase if item is not None else value.phrase

    def prompt(self, options: Patterns, **values: str) -> str:
        """One of several prompts, filled in."""
        return options[self.random.randrange(len(options))].format(**values)

    def edit(self, view: PictureState, facts: dict[str, str], prompt: str) -> Bound:
        """What an ImageEdit step came to."""
        return Bound({"image": self.image, "edit_prompt": prompt}, facts, view)


@dataclass
class Bound:
    """What a step came to."""

    arguments: dict[str, Value]
    facts: dict[str, str] = field(default_factory=dict)
    view: PictureState | None = None
    """What the new picture shows; None where none is made."""


@dataclass(frozen=True)
class CheckContext:
    """A step of a finished plan, for the checks that it calls for."""

    plan: Plan
    step: Step
    view: PictureState
    """What the result shows."""
    touched: frozenset[str]
    """Keys of the things and texts that the step speaks of."""
    inputs: tuple[PictureState, ...]
    last: bool
    """Whether it is the last step."""

    @property
    def items_known(self) -> bool:
        """Whether things can be told in the result."""
        view = self.view
        return view.drawn and view.upright and not view.restyled and view.kind != "mask" and view.cut is None


@dataclass(frozen=True)
class Look:
    """How a look shows that a step came out as asked."""

    act: str
    """`verify` or `proofread`."""
    arguments: dict[str, str]
    facts: dict[str, str]


@dataclass(frozen=True)
class Asking:
    """How the tasks of RL ask for an act."""

    stage: Literal["early", "late", "last"]
    """`early`: while the picture lies and looks as it did; `late`: it changes how all of it looks; `last`: how it lies,
    or what of it is left."""
    run: Callable[[Draft], None]
    """Adds the steps. Raises `Unfit` where the picture does not suit them."""
    weight: float = 1.0
    name: str = ""
    """What it is called where there are several; the act's name where empty."""
    tools: tuple[str, ...] = ()
    """Wire names of its calls in order; the act's own tool where empty."""
    rank: int = 50
    """Its place among those of its stage: `last` ones come in this order."""
    aside: bool = False
    """Whether a branch that is not executed may ask for it."""


class Draft(Protocol):
    """A plan that is being composed, as acts use it (`rl/draft.py`)."""

    random: Random
    shared: Any
    builder: Any

    @property
    def view(self) -> PictureState: ...

    @property
    def last(self) -> str: ...

    def take(
        self, act: str, purpose: Purpose = "asked", facts: Mapping[str, Slot] | None = None, *, on: str | None = None,
        content: str | None = None, margin: float = 0.0, **more: Slot,
    ) -> Step: ...  # fmt: skip

    def draw(self, kind: str, **about: Entity) -> Slot: ...

    def claim(self, *keys: str) -> None: ...


@dataclass(frozen=True)
class Verb:
    """A verb of the benchmark's notation (`bench/notation.py`)."""

    purpose: Purpose = "asked"
    facts: Callable[[str], dict[str, str]] | None = None
    """The facts from what follows the verb, raising `InputError`; None: the act's first fact, as it stands. `where` is
    a place of the notation; `content` (an asset) and `scale` belong to what is laid over a picture."""
    example: str = ""
    """What may follow it, where that is not simply the first fact."""
    finds: bool = True
    """Of tools that find boxes: whether later steps may mean what it found."""


class CutOff(Exception):
    """A step keeps too little of a box."""


def noun_of(phrase: str) -> str | None:
    """The drawn thing that a phrase names."""
    known = [word for word, token in phrases().items() if token.sort == "noun" and f" {word} " in f" {phrase} "]
    return max(known, key=len) if known else None


def no_checks(context: CheckContext) -> Sequence[Data]:
    """Nothing that can be measured."""
    return ()


def no_look(plan: Plan, step: Step) -> Look | None:
    """No look can tell."""
    return None


@dataclass(frozen=True)
class Act:
    """What a step of a plan is for."""

    name: str
    tool: str
    """Wire name of the tool that it calls."""
    facts: tuple[str, ...]
    """Facts that it takes, words as a person would say them without articles; with `?` those that may be missing."""
    bind: Callable[[StepContext], Bound]
    """The call, and what the picture shows afterwards. Raises `Unfit`."""
    wording: Wording
    checks: Callable[[CheckContext], Sequence[Data]] = no_checks
    """What is true of a right result because of this step, and can be measured."""
    undone: Callable[[CheckContext], Sequence[Data]] = no_checks
    """What is true of a right result where the step stands in a branch that is not taken."""
    look: Callable[[Plan, Step], Look | None] = no_look
    """The look that shows whether it came out."""
    takes: frozenset[str] = frozenset()
    """What it takes of earlier steps besides a picture: `box`, `mask`, `content` (what is laid over)."""
    usual: Purpose = "asked"
    """Why it is there; `needed`: only where a later step uses what it makes."""
    one_of: tuple[str, ...] = ()
    """Optional facts of which one must be given."""
    quoted: tuple[str, ...] = ()
    """Facts that are written words, and stand in quotation marks."""
    named: tuple[str, ...] = ()
    """Facts that a request must name."""
    one_meant: bool = False
    """Whether it is about one certain thing."""
    about: Literal["", "thing", "picture"] = ""
    """What "it" means once it was asked for."""
    slots: Callable[[Step, dict[str, str]], dict[str, str]] = lambda step, facts: {}
    """Further slots of the patterns that follow from the facts."""
    vague: Patterns = ()
    """ImageEdit: orders too vague to be carried out; `{thing}` is its thing."""
    prompts: Patterns = ()
    """ImageEdit: regular expressions of whole prompts that ask for it, with its facts as groups."""
    rank: int = 50
    """The order in which `prompts` of different acts are tried."""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    """Verbs of the benchmark's notation that mean it; its name where there are none."""
    asking: tuple[Asking, ...] = ()
    """How tasks of RL ask for it."""
    move_box: Callable[[Sequence[int], Mapping[str, Any], Size, Size], Box] | None = None
    """From a box of the picture that a call took to the grid of what it made, given the arguments of the call and both
    sizes; None: boxes stay. Raises `CutOff`."""
    moves: bool = False
    """Whether what is left or right, first or last changes by it."""
