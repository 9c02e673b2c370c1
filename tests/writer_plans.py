"""Random plans for tests of writers: every act, several pictures, branches in branches."""

from __future__ import annotations

import random

from canvasagent.craft.acts import act_named, all_acts
from canvasagent.craft.pictures import Contents, Picture, Text, Thing
from canvasagent.craft.plan import Branch, Condition, Found, Made, Node, Plan, Purpose, Step

ACTS = tuple(all_acts())
THINGS = (
    "apple",
    "orange owl",
    "scissors",
    "third lamp from the right",
    "red cup",
    "hour glass",
    "unicorn",
    "men",
    "bus",
    "x-ray",
)
PLACES = (
    "on the left",
    "next to the bench",
    "in the top left corner",
    "at the bottom",
    "above the house",
    "in the sky",
)
TEXTS = ("OPEN", "Happy Birthday", "It's 5 o'clock", "50 % off!", 'the "old" mill', "a, b and c?", "I")
PROMPTS = ("an owl next to a bench on a beach", 'in a park, a sign that says "SALE"', "two dogs")
ADJUSTMENTS = ("brighter", "less contrast", "more vivid", "a dark vignette", "sharper", "muted")
TURNS = (
    {"angle": "90", "direction": "clockwise"},
    {"angle": "45", "direction": "counterclockwise"},
    {"angle": "180", "direction": "clockwise", "why": "upside down"},
    {"angle": "90", "direction": "clockwise", "why": "lying on its side"},
)
ANSWERS = ("locate", "read")


def facts_of(act: str, rng: random.Random) -> dict[str, str]:
    """Facts that an act needs, with those that it may lack left out now and then."""
    pick = rng.choice
    where = {"where": pick(PLACES)} if rng.random() < 0.8 else {}
    thing = {"thing": pick(THINGS)}
    text = pick(TEXTS)
    made: dict[str, dict[str, str]] = {
        "generate": {"prompt": pick(PROMPTS)}, "add": thing | where, "remove": thing,
        "replace": thing | {"new": pick(("elephant", "two cats", "car"))},
        "recolor": thing | {"color": pick(("orange", "dark blue", "gray"))},
        "resize": thing | {"size": pick(("bigger", "smaller"))},
        "move": thing | {"where": pick((*PLACES, "to the right"))},
        "background": {"setting": pick(("beach", "mountains", "igloo"))},
        "light": {"light": pick(("night", "dusk", "day"))}, "weather": {"weather": pick(("rain", "snow", "fog"))},
        "style": {"style": pick(("pencil sketch", "sepia", "oil painting", "black and white"))},
        "adjust": {"adjustment": pick(ADJUSTMENTS)}, "rewrite": {"old": pick(TEXTS[:3]), "new": pick(TEXTS[3:])},
        "erase": {"text": text}, "locate": thing, "verify": thing | {"expected": pick(("there", "gone"))}, "read": {},
        "proofread": {"text": text}, "segment": thing, "cut out": thing, "paste": thing | where,
        "write": {"text": text} | where,
        "crop": pick((thing, thing | {"room": "with some room around it"}, {"region": "left half"}, {"text": text})),
        "rotate": pick(TURNS), "flip": pick(({}, {"why": "mirrored"})), "enhance": {},
    }  # fmt: skip
    return made[act]


def purpose_of(act: str) -> Purpose:
    """What such a step is usually for."""
    return "answer" if act in ANSWERS else "check" if act in ("verify", "proofread") else "asked"


def picture(number: int, rng: random.Random) -> Picture:
    """A picture of known contents, without pixels."""
    names = rng.sample(("dog", "bench", "kite", "umbrella", "ice cream"), rng.randrange(4))
    things = tuple(
        Thing(name=name, phrase=name, box=(100, 200, 300, 700), count=rng.choice((1, 1, 3))) for name in names
    )
    texts = (Text(words="OPEN", box=(400, 400, 600, 450)),) if rng.random() < 0.5 else ()
    setting = rng.choice((None, "beach", "park"))
    turned, mirrored, small = rng.choice((0, 0, 90, 180)), rng.random() < 0.2, rng.random() < 0.3
    contents = Contents(
        things=things,
        texts=texts,
        setting=setting,
        drawn=rng.random() < 0.7,
        turned=turned,
        mirrored=mirrored,
        small=small,
    )
    return Picture(source="sketch", key=f"{number}", size=(256, 192), contents=contents)


def step(id_: str, act: str, on: Made | str | None, rng: random.Random, purpose: Purpose | None = None) -> Step:
    """A step of `act` with facts of its own."""
    facts = facts_of(act, rng)
    name = "base_image" if act in ("paste", "write") else "image"
    arguments: dict[str, object] = {} if on is None else {name: on}
    if act in ("paste", "write"):
        arguments["overlay_type"] = "object" if act == "paste" else "text"
    tool = act_named(act).tool
    return Step.model_validate(
        {
            "id": id_,
            "tool": tool,
            "act": act,
            "arguments": arguments,
            "facts": facts,
            "purpose": purpose or purpose_of(act),
        }
    )


def single(act: str, rng: random.Random) -> Plan:
    """A plan of one act."""
    pictures = () if act == "generate" else (picture(1, rng),)
    return Plan(chain=act, pictures=pictures, nodes=(step("s1", act, "img_1" if pictures else None, rng),), result="s1")


def random_plan(key: str) -> Plan:
    """A plan of one to six nodes, some of them branches, over none to three pictures."""
    rng = random.Random(key)
    count = rng.choice((0, 1, 1, 1, 2, 3))
    pictures = tuple(picture(number, rng) for number in range(1, count + 1))
    nodes: list[Node] = []
    last: Made | str = "img_1"
    if not pictures:
        nodes.append(step("g", "generate", None, rng))
        last = Made(step="g")
    for number in range(rng.choice((0, 1, 1, 2, 3, 5)) if nodes else rng.choice((1, 1, 2, 3, 5))):
        if rng.random() < 0.15:
            nodes += branch(f"b{number}", last, rng, depth=0)
            continue
        if len(pictures) > 1 and rng.random() < 0.25:
            last = f"img_{rng.randrange(1, count + 1)}"
        act = rng.choice([act for act in ACTS if act != "generate"])
        made = step(f"s{number}", act, last, rng)
        nodes.append(made)
        last = Made(step=made.id) if made.tool not in ("Grounding", "OCR", "SAM") else last
    return Plan(chain="random", pictures=pictures, nodes=tuple(nodes), result=None)


def branch(name: str, on: Made | str, rng: random.Random, depth: int) -> list[Node]:
    """A step that tells, and a branch on it."""
    kinds: dict[str, dict[str, str]] = {
        "present": {"thing": rng.choice(THINGS[:6])}, "count": {"thing": "cup", "at least": "3"}, "text present": {},
        "text says": {"text": "SALE"}, "upside down": {},
    }  # fmt: skip
    kind = rng.choice(list(kinds))
    looks = "locate" if "thing" in kinds[kind] else "read"
    teller = step(f"{name}t", looks, on, rng, "needed")
    condition = Condition.model_validate(
        {"kind": kind, "step": teller.id, "facts": kinds[kind], "holds": rng.random() < 0.5}
    )
    sides: list[tuple[Node, ...]] = []
    for side in "yn":
        nodes: list[Node] = []
        for number in range(rng.choice((0, 1, 1, 2)) if side == "n" else rng.choice((1, 1, 2))):
            if depth < 1 and rng.random() < 0.3:
                nodes += branch(f"{name}{side}{number}", on, rng, depth + 1)
            else:
                act = rng.choice(("remove", "add", "recolor", "flip", "write", "light", "rewrite", "crop"))
                nodes.append(step(f"{name}{side}{number}", act, on, rng))
        sides.append(tuple(nodes))
    return [teller, Branch(condition=condition, yes=sides[0], no=sides[1])]


def lifted(where: str = "on the left") -> Plan:
    """A thing of one picture pasted into another, the steps before it only needed."""
    rng = random.Random("lifted")
    find = step("l", "locate", "img_1", rng, "needed")
    facts = {"thing": "kite"}
    mask = Step(
        id="m",
        tool="SAM",
        act="segment",
        purpose="needed",
        facts=facts,
        arguments={"image": "img_1", "bbox": Found(step="l")},
    )
    cut = Step(
        id="c",
        tool="Extract",
        act="cut out",
        purpose="needed",
        facts=facts,
        arguments={"image": "img_1", "mask": Made(step="m")},
    )
    arguments = {"base_image": "img_2", "overlay_type": "object", "content": Made(step="c")}
    paste = Step(id="p", tool="Overlayer", act="paste", facts=facts | {"where": where}, arguments=arguments)
    nodes = (find.model_copy(update={"facts": facts}), mask, cut, paste)
    return Plan(chain="lifted", pictures=(picture(1, rng), picture(2, rng)), nodes=nodes, result="p")
