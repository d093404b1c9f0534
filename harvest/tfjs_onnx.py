"""Translates a TensorFlow.js graph into ONNX, directly, with no TensorFlow anywhere.

TensorFlow keeps images as NHWC and ONNX as NCHW. A naive translation surrounds every convolution with two
transposes; here a transpose is not written but remembered with the value (its `layout`), and only what really
needs another order (a reshape, a graph output) makes it real. NanoDet's 83 transposes become 6 this way.

The bytes are a pure function of the input: no clock, no version, no floating-point arithmetic on weights.
"""

from collections.abc import Mapping

from onnx import TensorProto, helper

from harvest.weights.tfjs import Node, TfjsGraph
from harvest.weights.tfjs_ops import translate_node
from harvest.weights.tfjs_writer import OnnxWriter, Operand, Value

OPSET = 18
IR_VERSION = 9


def translate(
    graph: TfjsGraph, inputs: Mapping[str, tuple[str, tuple[int | str, ...]]], outputs: Mapping[str, str]
) -> bytes:
    """ONNX bytes for the part of `graph` between `inputs` and `outputs`.

    `inputs`: ONNX name -> (tfjs node to replace, shape); a string as first dimension makes the batch free.
    `outputs`: ONNX name -> tfjs node. ValueError names an operation or node that cannot be translated.
    """
    writer = OnnxWriter(any(isinstance(shape[0], str) for _, shape in inputs.values()))
    known: dict[str, list[Operand]] = {name: [array] for name, array in graph.constants.items()}
    for name, (replaced, shape) in inputs.items():
        known[replaced] = [Value(name, tuple(range(len(shape))))]
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
