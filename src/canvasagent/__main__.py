"""`python -m canvasagent` is the command `canvasagent`."""

from __future__ import annotations

import sys

from canvasagent.cli import main

if __name__ == "__main__":
    sys.exit(main())
