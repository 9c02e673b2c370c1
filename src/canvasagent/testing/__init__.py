"""A conformance checker for tools, backends, policies and profiles, ours and those of a user's plug-in.

    from canvasagent.testing import check_backend, check_policy, check_tool

    def test_my_plugin():
        check_tool(MY_TOOL)
        check_backend("my_package.my_backend:Backend")
        check_policy(MyPolicy())

Each raises `ConformanceError`, an `AssertionError`, that names what is wrong and what would be right.
"""

from __future__ import annotations

from canvasagent.testing.backends import check_backend
from canvasagent.testing.errors import ConformanceError
from canvasagent.testing.policies import check_policy
from canvasagent.testing.profiles import check_profile
from canvasagent.testing.tools import check_tool

__all__ = ["ConformanceError", "check_backend", "check_policy", "check_profile", "check_tool"]
