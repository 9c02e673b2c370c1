"""The small networks for photographs in tests: skipped, with the reason, where set-up could not fetch them."""

from __future__ import annotations

import pytest

from canvasagent.backends.lite.photographs import networks

needs_networks = pytest.mark.skipif(
    not networks.has(*networks.ALL), reason="the networks for photographs are not here: canvasagent models pull photo"
)
"""For tests that let the real networks run."""
