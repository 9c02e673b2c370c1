"""Run the 120 requests of `tests/data/requests.jsonl` and lay out their results, to be judged by looking.

    python benchmarks/requests_by_looking.py --out FOLDER [--policy scripted] [--only KIND] [--requests FILE]
    python benchmarks/requests_by_looking.py --verdicts verdicts.json --out FOLDER [--requests FILE]

`--requests tests/data/photo_requests.jsonl` runs the 60 requests over the labelled photographs instead.

The first form writes `runs.json` and contact sheets (inputs on the left, the result on the right) to FOLDER. A person
then judges each result by the request's `done_when`: done, partly (a part is missing and reported as not done),
refused (nothing done, and reported so), or wrong (something is not as asked and not reported). The second form takes
these verdicts, `{"amount-01": "done", …}`, counts them and writes `results/requests.json` (for another file of
requests, `results/` and that file's name).
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from device import device, write_results
from PIL import Image, ImageDraw
from skimage import data as photographs

from canvasagent import Agent, Task, Trajectory
from canvasagent.imaging.fonts import font_for
from canvasagent.imaging.previews import preview
from canvasagent.sketch.draw import draw

ROOT = Path(__file__).parent.parent
REQUESTS = ROOT / "tests/data/requests.jsonl"
LABELLED = ROOT / "tests/data/photographs"
VERDICTS = ("done", "partly", "refused", "wrong")
SIDE, TEXT, ROWS = 300, 130, 4


def picture(source: str) -> Image.Image:
    """A picture by its source: `photo:NAME` of scikit-image, `set:NAME` of the labelled photographs, `file:NAME` of the
    case study, `draw:PROMPT`."""
    kind, _, name = source.partition(":")
    if kind == "photo":
        return Image.fromarray(getattr(photographs, name)()).convert("RGB")
    if kind == "set":
        return Image.open(LABELLED / f"{name}.jpg").convert("RGB")
    if kind == "file":
        return Image.open(ROOT / "examples/case_study" / name).convert("RGB")
    return draw(name, (512, 512), seed=1)


def run_request(agent: Agent, line: dict[str, Any], out: Path) -> list[Trajectory]:
    """The run of a request, and that of its follow-up where it has one."""
    runs = [agent.run(Task(line["request"], tuple(map(picture, line["pictures"]))), run_dir=out / "runs" / line["id"])]
    if "follow" in line:
        task = Task(line["follow"], (), carried=runs[0].carry())
        runs.append(agent.run(task, run_dir=out / "runs" / f"{line['id']}-follow"))
    return runs


def row(line: dict[str, Any], runs: Sequence[Trajectory]) -> Image.Image:
    """Inputs and results beside each other, with the request above and the last words below."""
    shown = [*map(picture, line["pictures"]), *(run.final_picture for run in runs)]
    sheet = Image.new("RGB", (max(len(shown), 3) * (SIDE + 8), SIDE + TEXT), "white")
    pen = ImageDraw.Draw(sheet)
    for index, image in enumerate(shown):
        if image is not None:
            checked = Image.new("RGBA", image.size, (200, 200, 200, 255))
            checked.alpha_composite(image.convert("RGBA"))
            sheet.paste(preview(checked.convert("RGB"), SIDE), (index * (SIDE + 8), 40))
            size = f"{image.mode} {image.width}x{image.height}"
            pen.text((index * (SIDE + 8) + 2, 26), size, "grey", font_for(size, 11))
    last = runs[-1]
    asked = f"{line['id']}: {line['request']} {line.get('follow', '')}"
    answer = f" | ANSWER {last.answer.text}" if last.answer else ""
    ended = f"{last.status} {last.tool_calls} | {last.turns[-1].text if last.turns else ''}{answer}"
    for text, top, color in ((asked, 2, "black"), (ended, SIDE + 44, "darkblue")):
        wrapped = "\n".join(textwrap.wrap(text, sheet.width // 7)[:5])
        pen.multiline_text((2, top), wrapped, color, font_for(wrapped, 12))
    return sheet


def main() -> None:
    """Run and lay out, or count verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--policy", default="scripted")
    parser.add_argument("--only", help="a kind of request")
    parser.add_argument("--requests", type=Path, default=REQUESTS)
    parser.add_argument("--verdicts", type=Path)
    options = parser.parse_args()
    lines = [json.loads(line) for line in options.requests.read_text("utf-8").splitlines()]
    if options.verdicts:
        count(lines, json.loads(options.verdicts.read_text("utf-8")), options.policy, options.requests.stem)
        return
    agent, rows, summaries = Agent(options.policy, "lite"), [], {}
    lines = [line for line in lines if options.only in (None, line["kind"])]
    for number, line in enumerate(lines, 1):
        runs = run_request(agent, line, options.out)
        rows.append(row(line, runs))
        summaries[line["id"]] = runs[-1].summary()
        print(f"{number} of {len(lines)}: {line['id']} {runs[-1].status}")
        (options.out / "runs.json").write_text(json.dumps(summaries, indent=1) + "\n", "utf-8")
        if len(rows) == ROWS or number == len(lines):
            sheet = Image.new("RGB", (max(each.width for each in rows), sum(each.height for each in rows)), "white")
            for index, each in enumerate(rows):
                sheet.paste(each, (0, sum(other.height for other in rows[:index])))
            sheet.save(options.out / f"sheet_{(number - 1) // ROWS:02d}.png")
            rows = []


def count(lines: list[dict[str, Any]], verdicts: dict[str, str], policy: str, name: str) -> None:
    """Write the counts of verdicts by kind and in all to `results/NAME.json`.

    Raises `SystemExit` for a verdict that is missing or unknown.
    """
    bad = [line["id"] for line in lines if verdicts.get(line["id"]) not in VERDICTS]
    if bad:
        raise SystemExit(f"these have no verdict of {', '.join(VERDICTS)}: {', '.join(bad)}")
    kinds = {line["kind"]: Counter[str]() for line in lines}
    for line in lines:
        kinds[line["kind"]][verdicts[line["id"]]] += 1
    total = sum(kinds.values(), Counter[str]())
    write_results(
        name,
        {
            "command": f"benchmarks/requests_by_looking.py --policy {policy}",
            "judged": "by looking at each result, one judge",
            **device(),
            "requests": len(lines),
            **{verdict: total[verdict] for verdict in VERDICTS},
            "by_kind": {kind: {verdict: counts[verdict] for verdict in VERDICTS} for kind, counts in kinds.items()},
            "verdicts": verdicts,
        },
    )


if __name__ == "__main__":
    main()
