"""Write the trained network as ONNX: convolutions and one pixel shuffle, weights in half precision.

    python recipes/enhancer/export.py --checkpoint DIR/checkpoint.pt --out src/canvasagent/models/enhancer/enhancer.onnx

The graph takes float32 RGB in 0 to 1, (1, 3, height, width), and gives the same at four times the height and width. The
bicubic enlargement becomes a 5×5 convolution of its own, which gives the same except along the border, where the graph
sees zeros: callers add a border of repeated pixels and cut it off (`reach` in the metadata says how wide). The file is
checked against the network, in onnxruntime, before it is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from network import SCALE, Enhancer
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

TOLERANCE = 0.5 / 255
"""Largest difference allowed by the weights' half precision, of values in 0 to 1."""


def bicubic_kernel() -> torch.Tensor:
    """Weights (48, 3, 5, 5) of the convolution that, shuffled, is the bicubic enlargement of each channel."""
    impulse = torch.zeros(1, 1, 5, 5)
    kernel = torch.zeros(SCALE**2, 5, 5)
    for y in range(5):
        for x in range(5):
            impulse.zero_()[..., y, x] = 1
            large = functional.interpolate(impulse, scale_factor=SCALE, mode="bicubic", align_corners=False)
            kernel[:, y, x] = large[0, 0, 2 * SCALE : 3 * SCALE, 2 * SCALE : 3 * SCALE].reshape(-1)
    weights = torch.zeros(3 * SCALE**2, 3, 5, 5)
    for channel in range(3):
        weights[channel * SCALE**2 : (channel + 1) * SCALE**2, channel] = kernel
    return weights


class Graph:
    """The nodes and weights of an ONNX graph as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **settings: object) -> str:
        """Add a node; the name of its output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **settings))
        return name

    def weight(self, values: torch.Tensor) -> str:
        """Add weights, stored in half precision and used in single; the name under which they are used."""
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.detach().numpy().astype(np.float16), name))
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def conv(self, x: str, layer: nn.Conv2d) -> str:
        """A convolution that keeps height and width."""
        pads = [layer.kernel_size[0] // 2] * 4
        inputs = [x, self.weight(layer.weight)] + ([self.weight(layer.bias)] if layer.bias is not None else [])
        return self.node("Conv", *inputs, pads=pads)


def model(network: Enhancer, notes: dict[str, str]) -> onnx.ModelProto:
    """The network as an ONNX model with metadata."""
    graph = Graph()
    head = graph.conv(graph.node("Sub", "image", graph.weight(torch.tensor(0.5))), network.head)
    x = head
    for block in network.body:
        inner = graph.node("LeakyRelu", graph.conv(x, block.first), alpha=0.1)
        x = graph.node("Add", x, graph.conv(inner, block.second))
    detail = graph.conv(graph.node("Add", x, head), network.tail)
    bicubic = nn.Conv2d(3, 3 * SCALE**2, 5, bias=False)
    bicubic.weight.data = bicubic_kernel()
    both = graph.node("Add", detail, graph.conv("image", bicubic))
    graph.nodes.append(helper.make_node("DepthToSpace", [both], ["enlarged"], blocksize=SCALE, mode="CRD"))
    sides = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])]
    made = [helper.make_tensor_value_info("enlarged", TensorProto.FLOAT, [1, 3, "height_4", "width_4"])]
    result = helper.make_model(
        helper.make_graph(graph.nodes, "enhancer", sides, made, graph.weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="canvasagent recipes/enhancer",
    )
    helper.set_model_props(result, notes)
    onnx.checker.check_model(result, full_check=True)
    return result


def difference(network: Enhancer, content: bytes) -> float:
    """Largest difference between the network and the file away from the border, on noise."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).random((1, 3, 48, 64), np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(pixels)).numpy()
    (made,) = session.run(None, {"image": pixels})
    edge = network.reach * SCALE
    return float(np.abs(made - wanted)[..., edge:-edge, edge:-edge].max())


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, check and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    state = torch.load(options.checkpoint, weights_only=True)
    network = Enhancer(state["channels"], state["blocks"])
    network.load_state_dict(state["average"])
    notes = {"reach": network.reach, "steps": state["step"], "seed": state["seed"]}
    content = model(network, {name: str(value) for name, value in notes.items()}).SerializeToString()
    found = difference(network, content)
    if found > TOLERANCE:
        raise SystemExit(f"The file differs from the network by {found:.5f}; {TOLERANCE:.5f} is allowed.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(content)
    print(f"{options.out}: {len(content)} bytes, largest difference {found:.6f}, {notes}")


if __name__ == "__main__":
    main()
