"""Translates a TensorFlow.js graph into ONNX, directly, with no TensorFlow anywhere.

TensorFlow keeps images as NHWC and ONNX as NCHW. A naive translation surrounds every convolution with two
transposes; here a transpose is not written but remembered with the value (its `layout`), and only what really
needs another order (a reshape, a graph output) makes it real. NanoDet's 83 transposes become 6 this way.

The bytes are a pure function of the input: no clock, no version, no floating-point arithmetic on weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harvest.tfjs import Node, TfjsGraph

OPSET = 18
IR_VERSION = 9


@dataclass(frozen=True)
class Value:
    """An ONNX tensor that stands for a TensorFlow one: axis i of TensorFlow's is axis layout[i] of ONNX's."""

    name: str
    layout: tuple[int, ...]


Operand = Value | np.ndarray


@dataclass
class OnnxWriter:
    """Collects ONNX nodes and initialisers under short, reproducible names."""

    free_batch: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initialisers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, array: np.ndarray) -> str:
        """Stores an array and returns its name."""
        name = f"c{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def emit(self, op: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Writes one node and returns the names of its outputs."""
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def in_layout(self, value: Value, layout: tuple[int, ...]) -> str:
        """Name of a tensor that holds `value` in the wanted layout; writes a Transpose only where one is needed."""
        permutation = [0] * len(layout)
        for have, want in zip(value.layout, layout, strict=True):
            permutation[want] = have
        if permutation == sorted(permutation):
            return value.name
        return self.emit("Transpose", [value.name], perm=permutation)[0]

    def plain(self, value: Value) -> str:
        """Name of a tensor that holds `value` in TensorFlow's own order of axes."""
        return self.in_layout(value, tuple(range(len(value.layout))))


def translate(
    graph: TfjsGraph, inputs: Mapping[str, tuple[str, tuple[int | str, ...]]], outputs: Mapping[str, str]
) -> bytes:
    """ONNX bytes for the part of `graph` between `inputs` and `outputs`.

    `inputs`: ONNX name -> (tfjs node to replace, shape); a string as first dimension makes the batch free.
    `outputs`: ONNX name -> tfjs node. ValueError names an operation or node that cannot be translated.
    """
    from harvest.tfjs_ops import translate_node

    writer = OnnxWriter(any(isinstance(shape[0], str) for _, shape in inputs.values()))
    known: dict[str, list[Operand]] = {name: [array] for name, array in graph.constants.items()}
    for name, (node, shape) in inputs.items():
        known[node] = [Value(name, tuple(range(len(shape))))]
    for node in _needed(graph, list(outputs.values()), known):
        operands = [known[source][int(port or 0)] for source, _, port in (i.partition(":") for i in node.inputs)]
        known[node.name] = translate_node(writer, node, operands)
    ranks: dict[str, int] = {}
    for name, node_name in outputs.items():
        value = known[node_name][0]
        if not isinstance(value, Value):
            raise ValueError(f"tfjs output {node_name} is a constant")
        writer.nodes.append(helper.make_node("Identity", [writer.plain(value)], [name]))
        ranks[name] = len(value.layout)
    return _serialise(writer, {name: shape for name, (_, shape) in inputs.items()}, ranks)


def _needed(graph: TfjsGraph, outputs: list[str], known: Mapping[str, list[Operand]]) -> list[Node]:
    """The nodes that the outputs depend on, each after its inputs."""
    order: dict[str, Node] = {}
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, inputs_done = stack.pop()
        if name in known or name in order:
            continue
        if name not in graph.nodes:
            raise ValueError(f"tfjs graph has no node {name}")
        node = graph.nodes[name]
        if inputs_done:
            order[name] = node
            continue
        stack.append((name, True))
        stack.extend((source.partition(":")[0], False) for source in reversed(node.inputs))
    return list(order.values())


def _serialise(writer: OnnxWriter, inputs: Mapping[str, tuple[int | str, ...]], ranks: Mapping[str, int]) -> bytes:
    graph = helper.make_graph(
        writer.nodes,
        "tfjs",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank) for name, rank in ranks.items()],
        writer.initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "hmmr"
    return bytes(model.SerializeToString(deterministic=True))
