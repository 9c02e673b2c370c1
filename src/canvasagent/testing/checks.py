"""The checks of a check: that its own examples come out right, on odd pictures too, and that it says what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from canvasagent.errors import CanvasAgentError
from canvasagent.rewards.checks import Check, Example, Finding, Parameters, Result
from canvasagent.testing.errors import ConformanceError, require

LEAST = 6
"""Examples that hold, and examples that do not, at least."""


def check_check(check: Check, seed: int = 1) -> None:
    """Hold a check against the contract. Raises `ConformanceError` for the first thing wrong.

    Its examples are made from `seed`: those that hold must pass, the others must not.
    """
    subject = f"check {getattr(check, 'name', check)!r}"
    require(
        isinstance(check, Check), subject, f"is a {type(check).__name__}; make it a canvasagent.rewards.checks.Check."
    )
    _check_words(check, subject)
    examples = tuple(check.examples(seed))
    _check_examples(check, examples, subject)
    for example in examples[:2]:
        _check_determinism(check, example, subject)
    _check_odd_pictures(check, next(example for example in examples if example.holds), subject)


def _check_words(check: Check, subject: str) -> None:
    named = check.name.isidentifier() and check.name == check.name.lower()
    require(named, subject, "its name must be lower-case letters, digits and underscores.")
    for what, text in (("summary", check.summary), ("means", check.means)):
        require(text.endswith(".") and len(text) > 1, subject, f"its `{what}` must be a sentence with a full stop.")
    require(bool(check.measure.__doc__), subject, "its measure() has no docstring; say how it measures.")
    require(issubclass(check.parameters, Parameters), subject, "its parameters must be a Parameters model.")
    require(bool(vars(check.parameters).get("__doc__")), subject, "its parameters model has no docstring.")
    forbids = check.parameters.model_config.get("extra") == "forbid"
    require(forbids, subject, "an unknown parameter must be an error (extra='forbid').")
    require("check" not in check.parameters.model_fields, subject, "no parameter may be called 'check'.")


def _check_examples(check: Check, examples: Sequence[Example], subject: str) -> None:
    holding = sum(example.holds for example in examples)
    broken = [example for example in examples if not example.holds]
    counts = f"has {holding} examples that hold and {len(broken)} that do not; give {LEAST} of each."
    require(holding >= LEAST and len(broken) >= LEAST, subject, counts)
    severe = len({example.severity for example in broken}) >= 2
    require(severe, subject, "all its broken examples have one severity; break results badly and a little.")
    for index, example in enumerate(examples):
        about = f"{subject}, example {index} with {dict(example.parameters)}"
        finding = _measured(check, example.parameters, example.result, about)
        expected = "hold" if example.holds else "not hold"
        require(finding.passed == example.holds, about, f"must {expected}, and the finding is: {finding.why}")


def _check_determinism(check: Check, example: Example, subject: str) -> None:
    pictures = [item for item in (example.result.final, *example.result.inputs) if item is not None]
    before = [picture.tobytes() for picture in pictures]
    first, second = (_measured(check, example.parameters, example.result, subject) for _ in range(2))
    require(first == second, subject, "finds different things in one result; pin every source of chance.")
    require([picture.tobytes() for picture in pictures] == before, subject, "changes its pictures; work on copies.")


def _check_odd_pictures(check: Check, example: Example, subject: str) -> None:
    """No picture at all, and tiny, long, transparent and grey ones, as the result and as the inputs."""
    for final in odd_pictures():
        replaced = tuple(final or Image.new("RGB", (1, 1)) for _ in example.result.inputs)
        for inputs in (example.result.inputs, replaced):
            about = f"{subject}, on {'no picture' if final is None else f'{final.mode} of {final.size}'}"
            finding = _measured(check, example.parameters, Result(final, inputs, None), about)
            empty = final is not None or (not finding.passed and finding.score == 0)
            require(empty, about, "must score 0 and not pass: there is nothing to look at.")


def odd_pictures() -> Iterator[Image.Image | None]:
    """Results that a check may meet and must not fail on."""
    yield None
    yield Image.new("RGB", (1, 1))
    yield Image.new("RGBA", (1, 1))
    yield Image.fromarray(np.full((40, 50, 4), 128, np.uint8), "RGBA")
    yield Image.new("RGB", (900, 3), "red")
    yield Image.new("RGB", (2, 700), "blue")
    yield Image.new("L", (20, 20))


def _measured(check: Check, parameters: Any, result: Result, about: str) -> Finding:
    try:
        finding = check.measure(check.parameters.model_validate(parameters), result)
    except CanvasAgentError as error:
        raise ConformanceError(f"{about}: refuses its own example: {error}") from error
    except Exception as error:
        wrong = f"raises {type(error).__name__}: {error}; what cannot be measured is a finding (`not_measured`)."
        raise ConformanceError(f"{about}: {wrong}") from error
    require(isinstance(finding, Finding), about, f"gives {finding!r}; give a Finding.")
    require(0 <= finding.score <= 1, about, f"scores {finding.score}; scores go from 0 to 1.")
    require(bool(finding.why.strip()), about, "does not say why.")
    require(finding.measured or not finding.passed, about, "passes what it says it cannot measure.")
    return finding
