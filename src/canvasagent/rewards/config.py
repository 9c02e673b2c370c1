"""Every constant and every preset of the reward, in one place, each with its source.

Sources: *paper* is an equation of the paper; *release* is the value in the research release, where the paper names a
term and leaves its number open; *ours* is a decision of this package (see docs/reward.md).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canvasagent.errors import InputError


class Settings(BaseModel):
    """Base of the reward's settings: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FormatWeights(Settings):
    """What the parts of a turn's format weigh (R_format of equation 2; numbers: release). They sum to 1."""

    reason: float = 0.25
    """A closed, non-empty `<reason>` before the action."""
    json_valid: float = 0.30
    """The call is valid JSON of the right form, closed."""
    one_call: float = 0.20
    """Not more than one call, and not none where the run goes on."""
    termination: float = 0.15
    """The turn either acts or ends, names an existing picture if it names one, and a run is not left to a limit."""
    no_extra: float = 0.10
    """No text or code fence outside of reason and action."""


class ActionWeights(Settings):
    """What the parts of a call's score q weigh (equation 4, paper). They sum to 1."""

    name: float = 0.25
    schema_: float = 0.25
    reference: float = 0.20
    specification: float = 0.20
    execution: float = 0.10


class Band(Settings):
    """Numbers that depend on how many calls are expected."""

    up_to: int | None
    """Holds for at most so many expected calls; None: for any number."""
    grace: int
    """Calls beyond the expected ones that cost nothing."""
    grace_share: float = 0.0
    """The same as a share of the expected ones (rounded down); the larger of the two holds."""
    each: float
    """What each call beyond that costs."""
    at_most: float
    """What they cost together at most."""
    miss_scale: float
    """Factor on the penalty for missing tools."""


class Penalties(Settings):
    """Numbers of the efficiency penalties (equation 7; the terms: paper; the numbers: release)."""

    error: float = 0.10
    """A call that failed."""
    error_cap: float = 0.50
    """All failed calls together at most."""
    exact_repeat: float = 0.04
    """A call that repeats another one with the same arguments."""
    same_tool: float = 0.02
    """The tool of the last call that ran, with other arguments."""
    repeat_cap: float = 0.12
    """All repeats together at most."""
    length_free: int = 256
    """Words of a reason that cost nothing."""
    length: float = 0.03
    """Each further `length_free` words, in proportion."""
    length_turn_cap: float = 0.05
    """One turn's length at most."""
    length_cap: float = 0.10
    """All lengths together at most."""
    miss: float = 0.15
    """All expected tools missing, before the band's factor."""
    bands: tuple[Band, ...] = (
        Band(up_to=2, grace=2, each=0.006, at_most=0.030, miss_scale=1.0),
        Band(up_to=4, grace=3, each=0.0045, at_most=0.025, miss_scale=0.85),
        Band(up_to=None, grace=4, grace_share=0.5, each=0.002, at_most=0.015, miss_scale=0.65),
    )
    """By expected calls: the cost of calls beyond them, and the factor on missing tools."""

    def band(self, expected: int) -> Band:
        """The numbers for so many expected calls."""
        return next(band for band in self.bands if band.up_to is None or expected <= band.up_to)


class Weights(Settings):
    """What the four parts of R weigh (equation 1). They sum to 1, or to less where an ablation leaves parts out."""

    align: float
    aesthetics: float
    trajectory: float
    rule: float

    @model_validator(mode="after")
    def _sum(self) -> Self:
        weights = (self.align, self.aesthetics, self.trajectory, self.rule)
        if min(weights) < 0 or sum(weights) > 1 + 1e-9:
            raise ValueError("the weights of a preset must be 0 or more and sum to at most 1")
        return self


class ReleaseWeights(Settings):
    """Numbers of the release's own sum (release; no equation of the paper)."""

    outcome: float = 0.40
    """Share of the outcome: alignment and aesthetics in the proportion of equation 1."""
    process: float = 0.60
    """Share of the process: the parts below, over their sum."""
    trajectory: float = 0.30
    format: float = 0.15
    action: float = 0.15
    coverage: float = 0.10
    depth: float = 0.22
    first_call: float = 0.15
    """Depth of one executed call."""
    second_call: float = 0.35
    """Depth of two executed calls, or of all expected tools."""
    calls: float = 0.50
    """Depth of executed calls as a share of the expected ones."""


class Preset(Settings):
    """One way of adding up. `hybrid.COMBINE` has the function that `combine` names."""

    name: str
    summary: str
    """What it is and where it comes from."""
    weights: Weights
    combine: Literal["sum", "release", "gated"] = "sum"
    """`sum`: equation 1. `release`: the release's gated sum. `gated`: equation 1, nothing without a useful call,
    and the trajectory's verdict no higher than format and action."""
    counting: Literal["mean", "useful"] = "mean"
    """How format and action are averaged. `mean`: over turns, over calls (R_format, equation 3). `useful`: what is
    lost is summed and divided by the useful ones alone, so that padding cannot thin it out."""
    repeats: Literal["adjacent", "all"] = "adjacent"
    """Which calls a call can repeat: adjacent ones (equation 7), or all before it (release)."""
    coverage: Literal["set", "calls"] = "set"
    """`set`: each expected tool once; complete where none is known to be expected. `calls`: a tool that is expected
    n times needs n calls; none where none is known to be expected (release)."""
    overlays: Literal["pictures", "cutouts"] = "pictures"
    """What may be put on a picture as an object: any picture, or only one with transparency (release)."""
    covers: Literal["called", "used"] = "called"
    """What covers an expected tool: a call of it, or one that ran and whose result was used."""
    long_text: Literal["reason", "turn"] = "reason"
    """Whose words count for length: the reason's, or all of the turn outside of its call."""
    rule_format: float = 0.4
    """Weight of format in R_rule (equation 2, paper)."""
    rule_action: float = 0.6
    """Weight of action in R_rule (equation 2, paper)."""
    efficiency: float = Field(default=1.0, ge=0)
    """λ_eff of equation 2 (ours: the paper gives no value)."""
    format_weights: FormatWeights = FormatWeights()
    action_weights: ActionWeights = ActionWeights()
    penalties: Penalties = Penalties()
    release: ReleaseWeights = ReleaseWeights()


PAPER = Weights(align=0.3, aesthetics=0.1, trajectory=0.2, rule=0.4)
"""Equation 1."""


def without(*parts: str) -> Weights:
    """Equation 1 without the terms of some parts; the other weights stay."""
    return Weights(**{name: 0.0 if name in parts else weight for name, weight in PAPER.model_dump().items()})


_RELEASE = Preset(
    name="release",
    summary="The research release's sum: 0.4 outcome + 0.6 process − penalties, behind a gate.",
    weights=PAPER,
    combine="release",
    repeats="all",
    coverage="calls",
    overlays="cutouts",
)


PRESETS = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(name="paper", summary="Equations 1 to 7 of the paper; what every table scores with.", weights=PAPER),
            _RELEASE,
            Preset(
                name="no-outcome",
                summary="For training: equation 1 without alignment and aesthetics: 0.2 trajectory + 0.4 rule.",
                weights=without("align", "aesthetics"),
            ),
            Preset(
                name="no-process",
                summary="For training: equation 1 without trajectory and rule: 0.3 alignment + 0.1 aesthetics.",
                weights=without("trajectory", "rule"),
            ),
            _RELEASE.model_copy(
                update={
                    "name": "release-no-outcome",
                    "summary": "For training: the release's sum without the outcome; gate and penalties stay.",
                    "weights": without("align", "aesthetics"),
                    "release": ReleaseWeights(outcome=0.0),
                }
            ),
            _RELEASE.model_copy(
                update={
                    "name": "release-no-process",
                    "summary": "For training: the release's sum without the process; gate and penalties stay.",
                    "weights": without("trajectory", "rule"),
                    "release": ReleaseWeights(process=0.0),
                }
            ),
            Preset(
                name="hardened",
                summary="The paper's, with the exploits closed that `canvasagent reward audit` finds in it.",
                weights=PAPER,
                combine="gated",
                counting="useful",
                covers="used",
                long_text="turn",
            ),
        )
    }
)
"""Every preset by name. Those without outcome or process are for training; tables score with `paper`."""


def find_preset(preset: str | Preset) -> Preset:
    """The preset of that name, or the one given. Raises `InputError` for an unknown name."""
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise InputError(f"there is no preset '{preset}'; there are {', '.join(PRESETS)}.")
    return PRESETS[preset]
