"""`python -m canvasagent` is the command `canvasagent`."""

from __future__ import annotations

import os
import sys


def leave_out_working_folder() -> None:
    """Take the working folder off the search path, where `python -m` puts it first.

    The folder may be somebody else's: what lies in it is data, and no module or plug-in is found there. The installed
    command `canvasagent` has never searched it. A folder in PYTHONPATH is searched as before.
    """
    # `os.path`, not `pathlib`: nothing more is imported before the folder is off the path.
    folder, package = os.getcwd(), os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH109, PTH120
    if not sys.flags.safe_path and sys.path[:1] in ([""], [folder]) and folder != os.path.realpath(package):
        del sys.path[0]


if __name__ == "__main__":
    leave_out_working_folder()
    from canvasagent.cli import main

    sys.exit(main())
