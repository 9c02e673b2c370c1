"""A conformance checker for parts of every kind, ours and those of a user's plug-in.

    from canvasagent.testing import check_backend, check_judge, check_policy, check_tool

    def test_my_plugin():
        check_tool(MY_TOOL)
        check_backend("my_package.my_backend:Backend")
        check_policy(MyPolicy())
        check_judge(MyJudge())

Each raises `ConformanceError`, an `AssertionError`, that names what is wrong and what would be right.
"""

from __future__ import annotations

from canvasagent.testing.acts import check_act
from canvasagent.testing.backends import check_backend
from canvasagent.testing.checks import check_check
from canvasagent.testing.craft import check_chain, check_export, check_source, check_writer
from canvasagent.testing.edits import check_edit
from canvasagent.testing.errors import ConformanceError
from canvasagent.testing.judges import check_judge
from canvasagent.testing.policies import check_policy
from canvasagent.testing.profiles import check_profile
from canvasagent.testing.tools import check_tool

__all__ = [
    "ConformanceError",
    "check_act",
    "check_backend",
    "check_chain",
    "check_check",
    "check_edit",
    "check_export",
    "check_judge",
    "check_policy",
    "check_profile",
    "check_source",
    "check_tool",
    "check_writer",
]
