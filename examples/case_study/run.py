"""The case study: a sign is read, translated, written on a panel, and the panel hung on a wall in the rain.

    python examples/case_study/run.py [--out RUNS_DIR]

After Figure 5 of the paper. The policy is `scripted` (rules, no model; it translates from a small word list), the
profile `lite`. README.md beside this file says what that cannot do, and how to give the same task to a model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from canvasagent import Agent, Limits, Task
from canvasagent.record.run_folder import new_run_id

HERE = Path(__file__).parent
PICTURES = [HERE / f"{name}.jpg" for name in ("storefront", "panel", "street")]


def request() -> str:
    """The request in the words that the scripted policy gets."""
    return (HERE / "request.txt").read_text("utf-8").strip()


def task() -> Task:
    """The request with its three pictures."""
    return Task(request(), PICTURES, id="case-study")


def main() -> int:
    """Run it; 0 if everything was met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder for the run")
    folder = parser.parse_args().out / f"case-study-{new_run_id()}"
    run = Agent("scripted", "lite", limits=Limits(max_turns=20)).run(task(), run_dir=folder)
    for turn in run.turns:
        print(f"{turn.index + 1:2}. {turn.reason}")
    print(run.status, run.unmet or "", (folder / "report.html").resolve())
    return 0 if run.status == "met" else 1


if __name__ == "__main__":
    sys.exit(main())
