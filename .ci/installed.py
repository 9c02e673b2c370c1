"""Use an installed canvasagent as a new user would: `canvasagent doctor` and one request, in the current folder.

Run by the Python of the environment that it is installed in, outside of the checkout.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

import canvasagent

COMMAND = Path(sys.executable).parent / "canvasagent"
SECONDS = 300
"""Time that one command may take on a slow machine."""
HEAVY = {"torch", "torchvision", "tensorflow", "ray", "datasets"}
"""Packages that an install without extras must not bring."""


def said(*arguments: str) -> dict[str, Any]:
    """The one JSON object that a command prints."""
    done = subprocess.run([COMMAND, *arguments, "--json"], capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise SystemExit(
            f"canvasagent {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Raise SystemExit with what is wrong."""
    where = Path(canvasagent.__file__).resolve()
    if not where.is_relative_to(Path(sys.prefix).resolve()):
        raise SystemExit(f"canvasagent was imported from {where}, not from the environment {sys.prefix}")
    installed = {found.metadata["Name"].lower() for found in distributions()}
    if brought := HEAVY & installed:
        raise SystemExit(f"the package without extras brought {', '.join(sorted(brought))}")

    doctor = said("doctor")
    if not doctor["ok"] or not all(tool["ok"] for tool in doctor["profiles"]["lite"].values()):
        raise SystemExit(f"doctor: {json.dumps(doctor, indent=1)}")

    photo = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)])
    photo.save("photo.png")
    run = said("run", "mirror it", "-i", "photo.png", "-o", "out.png")
    with Image.open("out.png") as opened:
        result = opened.convert("RGB")
    if run["status"] != "met" or result.tobytes() != ImageOps.mirror(photo).tobytes():
        raise SystemExit(f"'mirror it' did not mirror the picture: {json.dumps(run, indent=1)}")
    version = sys.version.split()[0]
    print(f"package: canvasagent {doctor['canvasagent']} works with Python {version} and {len(installed)} packages")


if __name__ == "__main__":
    main()
