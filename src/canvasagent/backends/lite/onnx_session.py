"""How the networks of `lite` are run by onnxruntime: one thread, on the processor, nothing written to a home folder."""

from __future__ import annotations

import os
from typing import Any


def onnx_session(model: bytes) -> Any:
    """An `InferenceSession` of the model, which calls from several threads may share.

    One thread a call: the order of additions, hence every bit of a result, is the same each time and on each machine,
    and calls from several threads share the cores. Raises errors of onnxruntime's own where it is no valid model.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, or it writes to the home folder
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
