"""The demonstration that `make demo` runs: requests in plain words, carried out on any CPU.

    python examples/demo.py [--out demo-runs]

Three runs: the case study of three pictures, a photograph, and text to picture, where a look at the result fails
once and is mended. Photographs come from scikit-image (astronaut: NASA, public domain; coffee: Rachel Michetti, CC0).
The policy is `scripted` (rules, no model), the profile `lite` (classical algorithms and the bundled OCR model).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from skimage import data

from canvasagent import Agent, Event, Limits, Task, ToolBox
from canvasagent.record.run_folder import new_run_id

console = Console()


@dataclass(frozen=True)
class Request:
    """A request of the demonstration."""

    name: str
    instruction: str
    images: list[Image.Image]


CASE_STUDY = Path(__file__).parent / "case_study"


def requests() -> list[Request]:
    """What the demonstration asks for."""
    astronaut, coffee = Image.fromarray(data.astronaut()), Image.fromarray(data.coffee())
    pictures = [Image.open(CASE_STUDY / f"{name}.jpg") for name in ("storefront", "panel", "street")]
    return [
        Request("case-study", (CASE_STUDY / "request.txt").read_text("utf-8").strip(), pictures),
        Request(
            "face-on-coffee",
            "Cut out the face from the first picture, mirror it, put it on the second picture at the left, twice as "
            'large, then write "GOOD MORNING" at the bottom and check that the text can be read.',
            [astronaut, coffee],
        ),
        Request(
            "drawn",
            "Draw an elephant in a field with a sign that says 'FRESH EGGS', check that the sign can be read, "
            "then add a butterfly on the left, make it evening, and write 'Anna, 2026' at the bottom right in white "
            "letters of size 8.",  # too small to be read back: it is written again, larger
            [],
        ),
    ]


def show(event: Event) -> None:
    """A line or two for each turn."""
    turn = event.turn
    if event.kind != "observed" or turn is None:
        return
    console.print(f"  [bold]{turn.index + 1}.[/] {(turn.reason or '').strip()}", markup=True, highlight=False)
    if turn.call is not None:
        result = turn.asset or (turn.words or "").replace("\n", ", ") or (turn.observation or "").splitlines()[0]
        console.print(f"     [cyan]{turn.call.tool}[/] → {result}  [dim]{turn.call.seconds:.2f} s[/]", highlight=False)


def main() -> int:
    """Run the requests; 0 if every one was met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("demo-runs"), help="folder for the runs")
    out: Path = parser.parse_args().out / new_run_id()
    met = True
    with ToolBox("lite") as toolbox:
        agent = Agent("scripted", toolbox, limits=Limits(max_turns=20))
        for request in requests():
            console.rule(f"[bold]{request.name}")
            console.print(request.instruction, highlight=False)
            run = agent.run(Task(request.instruction, request.images), run_dir=out / request.name, listener=show)
            met &= run.status == "met"
            console.print(f"  [bold]{run.status}[/], result {run.final}", *run.unmet, highlight=False)
            if run.answer is not None:
                console.print(f"  answer: {run.answer.text}", highlight=False)
            console.print(
                f"  report: {(out / request.name / 'report.html').resolve()}", highlight=False, soft_wrap=True
            )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
