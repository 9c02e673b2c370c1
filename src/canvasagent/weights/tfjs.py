"""A TensorFlow.js graph model as ONNX, converted in memory: what it takes for a convolutional detector.

A file that we convert has no published checksum, and one that is published has: so the two published files are kept
and checked, and the network is converted each time it is loaded (0.1 s). The same input gives the same
bytes. The ONNX messages are written field by field (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from canvasagent.errors import WeightsError

Array = np.ndarray[Any, Any]
_OPSET, _IR = 13, 8
_FLOAT, _INT64 = 1, 7
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_SAME_NAME = {"Add": "Add", "AddV2": "Add", "Sigmoid": "Sigmoid", "Identity": "Identity"}


def onnx_from_tfjs(graph: bytes, weights: bytes) -> bytes:
    """An ONNX model of a graph model's JSON and its one file of weights, computing in float32.

    Its inputs are the placeholders, its outputs those of the signature, in the order of their names. Raises
    `WeightsError` where the graph has an operation that is not known here.
    """
    written = json.loads(graph)
    converter = _Converter(_constants(written["weightsManifest"], weights))
    inputs = []
    for node in _ordered(written["modelTopology"]["node"]):
        if node["op"] == "Placeholder":
            inputs.append(_value_info(node["name"], _dims(node["attr"]["shape"]["shape"])))
        elif node["op"] != "Const":
            converter.add(node)
    signature = sorted(written["signature"]["outputs"].items())
    outputs = [_value_info(_plain(name), _dims(entry["tensorShape"])) for name, entry in signature]
    return _model(converter.nodes, converter.initializers, inputs, outputs)


def _ordered(nodes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes, each after those whose results it takes."""
    waiting, done, ordered = list(nodes), set[str](), list[dict[str, Any]]()
    while waiting:
        ready = [node for node in waiting if all(_owner(name) in done for name in node.get("input", []))]
        if not ready:
            raise WeightsError("the graph is no graph: results are taken before they can be there.")
        ordered += ready
        done |= {node["name"] for node in ready}
        waiting = [node for node in waiting if node["name"] not in done]
    return ordered


def _constants(manifest: Sequence[dict[str, Any]], weights: bytes) -> dict[str, Array]:
    """The values of the constants; those kept as float16 as float32."""
    values: dict[str, Array] = {}
    start = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        kept = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        count = int(np.prod(entry["shape"], dtype=np.int64))
        data = np.frombuffer(weights, kept, count, start).reshape(entry["shape"])
        values[entry["name"]] = data.astype(np.float32 if kept.kind == "f" else np.int64)
        start += count * kept.itemsize
    if start != len(weights):
        raise WeightsError(f"the weights have {len(weights):,} bytes where the graph speaks of {start:,}.")
    return values


class _Converter:
    """Collects ONNX nodes and initializers; computes what depends on constants alone."""

    def __init__(self, constants: dict[str, Array]) -> None:
        self.constants = constants
        self.nodes: list[bytes] = []
        self.initializers: list[bytes] = []
        self._written: set[str] = set()

    def add(self, node: dict[str, Any]) -> None:
        """Convert one node."""
        operation, name = node["op"], node["name"]
        inputs = [_plain(value) for value in node.get("input", [])]
        if operation == "SparseToDense":
            self._fold_sparse(name, inputs)
        elif operation in ("Add", "AddV2") and all(value in self.constants for value in inputs):
            self.constants[name] = self.constants[inputs[0]] + self.constants[inputs[1]]
        elif operation in _SAME_NAME:
            self._emit(_SAME_NAME[operation], [self._tensor(value) for value in inputs], [name])
        elif operation in _WRITERS:
            _WRITERS[operation](self, name, inputs, node["attr"])
        else:
            raise WeightsError(f"the graph has the operation {operation}, which is not converted.")

    def transpose(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        order = [int(axis) for axis in self.constants[inputs[1]]]
        self._emit("Transpose", [self._tensor(inputs[0])], [name], perm=order)

    def pad(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        widths = self.constants[inputs[1]].T.reshape(-1)
        value = self.constants[inputs[2]].reshape(()) if len(inputs) > 2 else np.zeros((), np.float32)
        self._emit("Pad", [inputs[0], self._made(f"{name}/w", widths), self._made(f"{name}/v", value)], [name])

    def conv(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        kernel = self.constants[inputs[1]].transpose(3, 2, 0, 1)  # height, width, in, out in TensorFlow
        self._layout(attributes)
        strides = [int(step) for step in attributes["strides"]["list"]["i"]][1:3]
        self._emit("Transpose", [inputs[0]], [f"{name}/in"], perm=_TO_FIRST)
        kernel_name = self._made(f"{name}/kernel", np.ascontiguousarray(kernel))
        self._emit("Conv", [f"{name}/in", kernel_name], [f"{name}/out"], strides=strides)
        self._emit("Transpose", [f"{name}/out"], [name], perm=_TO_LAST)

    def max_pool(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        self._layout(attributes)
        shape, strides = ([int(step) for step in attributes[key]["list"]["i"]][1:3] for key in ("ksize", "strides"))
        self._emit("Transpose", [inputs[0]], [f"{name}/in"], perm=_TO_FIRST)
        self._emit("MaxPool", [f"{name}/in"], [f"{name}/out"], kernel_shape=shape, strides=strides)
        self._emit("Transpose", [f"{name}/out"], [name], perm=_TO_LAST)

    def leaky_relu(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        self._emit("LeakyRelu", inputs, [name], alpha=float(attributes["alpha"]["f"]))

    def concat(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        self._emit("Concat", inputs[:-1], [name], axis=int(self.constants[inputs[-1]]))

    def split(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        sizes = self.constants[inputs[1]]
        outputs = [name if index == 0 else f"{name}:{index}" for index in range(len(sizes))]
        self._emit(
            "Split", [inputs[0], self._made(f"{name}/sizes", sizes)], outputs, axis=int(self.constants[inputs[2]])
        )

    def reshape(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        self._emit("Reshape", [inputs[0], self._tensor(inputs[1])], [name])

    def resize(self, name: str, inputs: list[str], attributes: dict[str, Any]) -> None:
        if not attributes["half_pixel_centers"].get("b"):
            raise WeightsError("the graph enlarges without half-pixel centres, which is not converted.")
        self._emit("Transpose", [inputs[0]], [f"{name}/in"], perm=_TO_FIRST)
        self._emit("Shape", [f"{name}/in"], [f"{name}/shape"])
        halves = [self._made(f"{name}/{end}", np.array([end], np.int64)) for end in (0, 2)]
        self._emit("Slice", [f"{name}/shape", *halves], [f"{name}/first"])
        self._emit("Concat", [f"{name}/first", self._tensor(inputs[1])], [f"{name}/sizes"], axis=0)
        self._emit("Resize", [f"{name}/in", "", "", f"{name}/sizes"], [f"{name}/out"], mode="linear")
        self._emit("Transpose", [f"{name}/out"], [name], perm=_TO_LAST)

    def _fold_sparse(self, name: str, inputs: list[str]) -> None:
        places, shape, values, default = (self.constants[value] for value in inputs)
        dense = np.full([int(side) for side in shape], default.reshape(()), np.int64)
        for place, value in zip(places, values.reshape(-1), strict=False):
            dense[tuple(place)] = value
        self.constants[name] = dense

    def _layout(self, attributes: dict[str, Any]) -> None:
        layout, padding = (base64.b64decode(attributes[key]["s"]).decode() for key in ("data_format", "padding"))
        if (layout, padding) != ("NHWC", "VALID"):
            raise WeightsError(
                f"the graph has a layer of layout {layout} and padding {padding}, which is not converted."
            )

    def _tensor(self, name: str) -> str:
        return self._made(name, self.constants[name]) if name in self.constants else name

    def _made(self, name: str, values: Array) -> str:
        if name not in self._written:
            self._written.add(name)
            self.initializers.append(_tensor(name, values))
        return name

    def _emit(self, operation: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        parts = [_text(1, value) for value in inputs] + [_text(2, value) for value in outputs]
        parts += [_text(3, f"{outputs[0]}:{operation}"), _text(4, operation)]
        parts += [_bytes(5, _attribute(name, value)) for name, value in sorted(attributes.items())]
        self.nodes.append(b"".join(parts))


_WRITERS: dict[str, Callable[[_Converter, str, list[str], dict[str, Any]], None]] = {
    "Transpose": _Converter.transpose,
    "Pad": _Converter.pad,
    "PadV2": _Converter.pad,
    "Conv2D": _Converter.conv,
    "MaxPool": _Converter.max_pool,
    "LeakyRelu": _Converter.leaky_relu,
    "ConcatV2": _Converter.concat,
    "SplitV": _Converter.split,
    "Reshape": _Converter.reshape,
    "ResizeBilinear": _Converter.resize,
}


def _model(nodes: Sequence[bytes], initializers: Sequence[bytes], inputs: list[bytes], outputs: list[bytes]) -> bytes:
    graph = [*(_bytes(1, node) for node in nodes), _text(2, "tfjs"), *(_bytes(5, item) for item in initializers)]
    graph += [*(_bytes(11, item) for item in inputs), *(_bytes(12, item) for item in outputs)]
    return _number(1, _IR) + _bytes(7, b"".join(graph)) + _bytes(8, _text(1, "") + _number(2, _OPSET))


def _attribute(name: str, value: float | int | str | Sequence[int]) -> bytes:
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, 3)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    return _text(1, name) + b"".join(_number(8, item) for item in value) + _number(20, 7)


def _tensor(name: str, values: Array) -> bytes:
    kind = _FLOAT if values.dtype.kind == "f" else _INT64
    data = np.ascontiguousarray(values, "<f4" if kind == _FLOAT else "<i8").tobytes()
    return b"".join(_number(1, side) for side in values.shape) + _number(2, kind) + _text(8, name) + _bytes(9, data)


def _value_info(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(_bytes(1, _number(1, side)) for side in dims)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, shape)))


def _dims(shape: dict[str, Any]) -> list[int]:
    return [int(side["size"]) for side in shape["dim"]]


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _owner(name: str) -> str:
    return name.rpartition(":")[0] if ":" in name else name


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
