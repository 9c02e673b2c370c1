"""The release's reward on trajectories made by hand: each total is computed from figures that were counted by hand.

What is written here is the release's rule as described (gate, outcome, process, penalties), not the package's code.
`differs` names why the paper's equations give another total for the same run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from canvasagent import ToolBox, score
from helpers import call, end
from reward_runs import played, verdicts

CROP = call("Crop", image="img_1", bbox=[0, 0, 500, 500])
CROP_2 = call("Crop", image="img_1", bbox=[100, 100, 900, 900])
OUTSIDE = call("Crop", image="img_1", bbox=[0, 0, 5000, 10])
FLIP = call("Flip", image="Crop_0")
FLIP_1 = call("Flip", image="img_1")
LOST = call("Flip", image="Crop_9")
FIND = call("Grounding", image="img_1", reference_text="red square")
NOTHING = call("Grounding", image="img_1", reference_text="")
READ = call("OCR", image="img_1")
TURN = call("Rotate", image="img_1", angle=90)
WRITE = call("Overlayer", base_image="img_1", overlay_type="text", content="HI")
PASTE = call("Overlayer", base_image="img_1", overlay_type="object", content="Crop_0")
PASTE_CUT = call("Overlayer", base_image="img_1", overlay_type="object", content="Extract_0")
MASK = call("SAM", image="img_1", bbox=[200, 250, 550, 750])
CUT = call("Extract", image="img_1", mask="SAM_0")
MAGIC = call("Teleport", image="img_1")
LONG = call("Crop", reason="word " * 512, image="img_1", bbox=[0, 0, 500, 500])
CHAT = "I cannot do that."
THINK = "<reason>let me think</reason>"
BARE = "<Terminate>"
END = end()
GOOD = (0.8, 0.6, 0.5)
WORDS = (0.8, 0.0, 0.7)

SUM = "the release weighs its parts in another sum"
GATE = "the release gives nothing without a call that ran, or without a picture where one is needed"
DEPTH = "the release pays for depth"
UNKNOWN = "the release gives no coverage where no tools are known to be expected"
CALLS = "the release covers a tool that is expected twice by two calls"
EARLIER = "the release counts repeats of every earlier call"
OPAQUE = "an object without transparency has specification 0 in the release"


@dataclass(frozen=True)
class Case:
    """A run, and what a person counts in it."""

    name: str
    texts: list[str]
    expected: tuple[str, ...] | None
    q: list[float]
    """Of each call, by the release's rules."""
    formats: list[float]
    executed: int
    covered: float
    penalty: float = 0.0
    differs: str = SUM
    judged: tuple[float, float, float] = GOOD
    gate: bool = True
    all_expected: bool = False

    def total(self) -> float:
        """The release's reward from the counted figures."""
        if not self.gate:
            return 0.0
        align, aesthetics, trajectory = self.judged
        expected = len(self.expected or ())
        depth = 0.0
        if expected > 1 and self.executed:
            second = 0.35 if self.executed >= 2 or self.all_expected else 0.0
            depth = 0.15 + second + 0.5 * min(self.executed, expected) / expected
        form = sum(self.formats) / len(self.formats)
        action = sum(self.q) / len(self.q) if self.q else 0.0
        parts = 0.3 * trajectory + 0.15 * form + 0.15 * action + 0.10 * self.covered + 0.22 * depth
        outcome = 0.3 * align + 0.1 * aesthetics
        return min(1.0, max(0.0, outcome + 0.6 * min(1.0, parts / 0.92) - self.penalty))


CASES = [
    # the gate
    Case("no call", [END], ("Crop",), [], [1], 0, 0, 0.15, differs=GATE, gate=False),
    Case("only chat", [CHAT, END], ("Crop",), [], [0, 1], 0, 0, 0.15, differs=GATE, gate=False),
    Case("only failed calls", [OUTSIDE, END], ("Crop",), [0.7], [1, 1], 0, 1, 0.1, differs=GATE, gate=False),
    Case("an unknown tool", [MAGIC, END], ("Crop",), [0], [1, 1], 0, 0, 0.1 + 0.15, differs=GATE, gate=False),
    Case("no picture where one is expected", [FIND, END], ("Grounding", "Crop"), [1], [1, 1], 1, 0.5, 0.075,
         differs=GATE, gate=False),
    Case("no picture, nothing known", [FIND, END], None, [1], [1, 1], 1, 0, differs=GATE, gate=False),
    Case("no picture, one expected tool is unknown", [READ, END], ("OCR", "Teleport"), [1], [1, 1], 1, 0.5, 0.075,
         differs=GATE, gate=False),
    # tasks of words need no picture
    Case("words by one call", [READ, END], ("OCR",), [1], [1, 1], 1, 1, judged=WORDS),
    Case("words by two calls", [FIND, READ, END], ("Grounding", "OCR"), [1, 1], [1, 1, 1], 2, 1, judged=WORDS,
         differs=DEPTH, all_expected=True),
    Case("words by other names", [FIND, END], ("ImageGrounding",), [1], [1, 1], 1, 1, judged=WORDS),
    Case("a picture for a question", [CROP, READ, END], ("OCR",), [1, 1], [1, 1, 1], 2, 1),
    Case("the wrong tool of words", [READ, END], ("Grounding",), [1], [1, 1], 1, 0, 0.15, judged=WORDS),
    Case("half of the words", [READ, END], ("OCR", "Grounding"), [1], [1, 1], 1, 0.5, 0.075, differs=DEPTH),
    # one expected call has no depth
    Case("one call", [CROP, END], ("Crop",), [1], [1, 1], 1, 1),
    Case("one call, by its label", [FLIP_1, END], ("ImageFlip",), [1], [1, 1], 1, 1),
    Case("one call too many", [CROP, FLIP, END], ("Crop",), [1, 1], [1, 1, 1], 2, 1),
    Case("the wrong one", [TURN, END], ("Crop",), [1], [1, 1], 1, 0, 0.15),
    # depth
    Case("two of two", [CROP, FLIP, END], ("Crop", "Flip"), [1, 1], [1, 1, 1], 2, 1, differs=DEPTH, all_expected=True),
    Case("two of three", [CROP, FLIP, END], ("Crop", "Flip", "SR"), [1, 1], [1, 1, 1], 2, 2 / 3, 0.0425, differs=DEPTH),
    Case("one of two", [CROP, END], ("Crop", "Flip"), [1], [1, 1], 1, 0.5, 0.075, differs=DEPTH),
    Case("one of five", [CROP, END], ("Crop", "Flip", "SR", "OCR", "SAM"), [1], [1, 1], 1, 0.2, 0.078, differs=DEPTH),
    Case("three of two", [CROP, FLIP, TURN, END], ("Crop", "Flip"), [1, 1, 1], [1] * 4, 3, 1, differs=DEPTH,
         all_expected=True),
    Case("two that were not expected", [TURN, CROP, END], ("SR", "OCR"), [1, 1], [1, 1, 1], 2, 0, 0.15, differs=DEPTH),
    # coverage
    Case("nothing known", [CROP, END], None, [1], [1, 1], 1, 0, differs=UNKNOWN),
    Case("nothing expected", [CROP, END], (), [1], [1, 1], 1, 0, differs=UNKNOWN),
    Case("a tool expected twice, called once", [CROP, END], ("Crop", "Crop"), [1], [1, 1], 1, 0.5, 0.075,
         differs=CALLS),
    Case("a tool expected twice, called twice", [CROP, CROP_2, END], ("Crop", "Crop"), [1, 1], [1, 1, 1], 2, 1, 0.02,
         differs=CALLS, all_expected=True),
    Case("twice and another", [CROP, FLIP, END], ("Crop", "Crop", "Flip"), [1, 1], [1, 1, 1], 2, 2 / 3, 0.0425,
         differs=CALLS),
    Case("an expected tool that does not exist", [MAGIC, CROP, END], ("Teleport", "Crop"), [0, 1], [1, 1, 1], 1, 0.5,
         0.1 + 0.075, differs=DEPTH),
    # repeats
    Case("the same twice", [CROP, CROP, END], ("Crop",), [1, 1], [1, 1, 1], 2, 1, 0.04),
    Case("the same with another call between", [CROP, TURN, CROP, END], ("Crop",), [1, 1, 1], [1] * 4, 3, 1, 0.04,
         differs=EARLIER),
    Case("read, flip, read", [READ, FLIP_1, READ, END], ("OCR",), [1, 1, 1], [1] * 4, 3, 1, 0.04, differs=EARLIER),
    Case("the same tool again", [CROP, CROP_2, END], ("Crop",), [1, 1], [1, 1, 1], 2, 1, 0.02),
    Case("a failed call again, much later", [LOST, CROP, LOST, END], ("Crop",), [0.7, 1, 0.7], [1] * 4, 1, 1,
         0.2 + 0.04, differs=EARLIER),
    Case("four times the same", [CROP] * 4 + [END], ("Crop",), [1] * 4, [1] * 5, 4, 1, 0.12 + 0.006),
    # overlays
    Case("an opaque object", [CROP, PASTE, END], ("Crop", "Overlayer"), [1, 0.8], [1, 1, 1], 2, 1, differs=OPAQUE,
         all_expected=True),
    Case("a cut-out", [MASK, CUT, PASTE_CUT, END], ("SAM", "Extract", "Overlayer"), [1, 1, 1], [1] * 4, 3, 1,
         differs=DEPTH, all_expected=True),
    Case("text", [WRITE, END], ("Overlay",), [1], [1, 1], 1, 1),
    # faults of calls
    Case("an unknown id, then the work", [LOST, CROP, END], ("Crop",), [0.7, 1], [1, 1, 1], 1, 1, 0.1),
    Case("a box outside, then the work", [OUTSIDE, CROP, END], ("Crop",), [0.7, 1], [1, 1, 1], 1, 1, 0.1),
    Case("an empty phrase", [NOTHING, CROP, END], ("Crop",), [0.45, 1], [1, 1, 1], 1, 1, 0.1),
    Case("six failed calls", [MAGIC, LOST, OUTSIDE, NOTHING, call("Crop"), call("Rotate"), CROP, END], ("Crop",),
         [0, 0.7, 0.7, 0.45, 0.45, 0.45, 1], [1] * 8, 1, 1, 0.5 + 0.024),
    # faults of form
    Case("a turn of chat", [CHAT, CROP, END], ("Crop",), [1], [0, 1, 1], 1, 1),
    Case("a turn of thought", [THINK, CROP, END], ("Crop",), [1], [0.35, 1, 1], 1, 1),
    Case("an ending without a reason", [CROP, BARE], ("Crop",), [1], [1, 0.75], 1, 1),
    Case("a long reason", [LONG, END], ("Crop",), [1], [1, 1], 1, 1, 0.03),
]  # fmt: skip


@pytest.fixture(scope="module")
def toolbox() -> Iterator[ToolBox]:
    with ToolBox("lite") as box:
        yield box


def test_there_are_forty() -> None:
    assert len(CASES) >= 40 and len({case.name for case in CASES}) == len(CASES)
    named = {case.differs for case in CASES}
    assert named == {SUM, GATE, DEPTH, UNKNOWN, CALLS, EARLIER, OPAQUE}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_trajectory_earns_what_the_release_gives(case: Case, toolbox: ToolBox) -> None:
    run = played(toolbox, case.texts, expected=case.expected)
    found, paper = (score(run, name, verdicts(*case.judged)) for name in ("release", "paper"))
    assert found.total is not None and paper.total is not None
    assert [one.q for one in found.calls] == pytest.approx(case.q)
    assert list(found.turns) == pytest.approx(case.formats)
    assert found.parts.coverage == pytest.approx(case.covered)
    assert found.efficiency == pytest.approx(case.penalty)
    assert found.total == pytest.approx(case.total())
    align, aesthetics, trajectory = case.judged
    own = 0.3 * align + 0.1 * aesthetics + 0.2 * trajectory + 0.4 * paper.parts.rule
    assert paper.total == pytest.approx(max(0.0, own))
    assert paper.total != pytest.approx(found.total, abs=1e-4)
    if case.differs == GATE:
        assert found.total == 0 < paper.total or not found.counts.executed
    elif case.differs in (UNKNOWN, CALLS):
        assert paper.parts.coverage == 1 or case.differs == CALLS
    elif case.differs == EARLIER:
        assert found.penalties.repeat > paper.penalties.repeat
    elif case.differs == OPAQUE:
        assert found.parts.action < paper.parts.action


def test_word_only_tasks_score_as_in_the_release(toolbox: ToolBox) -> None:
    """Figures of the release for such runs: one expected call, and two."""
    one, two = (next(case for case in CASES if case.name == f"words by {count}") for count in ("one call", "two calls"))
    assert (round(one.total(), 3), round(two.total(), 3)) == (0.638, 0.781)
