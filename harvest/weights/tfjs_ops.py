"""Translates TensorFlow operations to ONNX. Semantics: tensorflow.org/api_docs and onnx.ai/onnx/operators.

Translates a TensorFlow.js graph into ONNX, directly, with no TensorFlow anywhere.

TensorFlow keeps images as NHWC and ONNX as NCHW. A naive translation surrounds every convolution with two
transposes; here a transpose is not written but remembered with the value (its `layout`), and only what really
needs another order (a reshape, a graph output) makes it real. NanoDet's 83 transposes become 6 this way.

The bytes are a pure function of the input: no clock, no version, no floating-point arithmetic on weights.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from harvest.weights.tfjs import Node, TfjsGraph
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


NCHW = (0, 2, 3, 1)
"""Layout of a TensorFlow NHWC tensor that is stored as NCHW."""


def translate_node(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> list[Operand]:
    """Writes `node` and returns its outputs; ValueError names an operation that has no translation."""
    if node.op in _ELEMENTWISE:
        return [_elementwise(writer, node, operands)]
    if node.op not in _OPERATIONS:
        raise ValueError(f"no translation for tfjs operation {node.op} ({node.name})")
    result = _OPERATIONS[node.op](writer, node, operands)
    return result if isinstance(result, list) else [result]


def _value(operand: Operand) -> Value:
    if not isinstance(operand, Value):
        raise ValueError("this operation needs a computed tensor, not a constant")
    return operand


def _array(operand: Operand) -> np.ndarray:
    if not isinstance(operand, np.ndarray):
        raise ValueError("this operation needs a constant, not a computed tensor")
    return operand


def _spatial(node: Node, key: str) -> list[int]:
    return list(node.attributes.get(key, (1, 1, 1, 1))[1:3])


def _auto_pad(node: Node) -> str:
    """SAME in TensorFlow puts the odd pixel at the end, which is ONNX's SAME_UPPER."""
    if node.attributes.get("data_format", "NHWC") != "NHWC":
        raise ValueError(f"{node.name}: only NHWC graphs are translated")
    return {"SAME": "SAME_UPPER", "VALID": "VALID"}[node.attributes["padding"]]


def _convolution(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    image, kernel_HWIO = _value(operands[0]), _array(operands[1])
    groups = 1
    if "Depthwise" in node.op:
        height, width, channels, multiplier = kernel_HWIO.shape
        groups = channels
        kernel_HWIO = kernel_HWIO.reshape(height, width, 1, channels * multiplier)
    fused = list(node.attributes.get("fused_ops", ()))
    extra = [_array(operand) for operand in operands[2:]]
    inputs = [writer.in_layout(image, NCHW), writer.constant(kernel_HWIO.transpose(3, 2, 0, 1))]
    if fused and fused[0] == "BiasAdd":
        inputs.append(writer.constant(extra.pop(0)))
        fused = fused[1:]
    (name,) = writer.emit(
        "Conv", inputs, auto_pad=_auto_pad(node), group=groups, kernel_shape=list(kernel_HWIO.shape[:2]),
        strides=_spatial(node, "strides"), dilations=_spatial(node, "dilations"),
    )  # fmt: skip
    value = Value(name, NCHW)
    for op in fused:
        value = _activation(writer, op, value, node.attributes, extra)
    return value


def _activation(
    writer: OnnxWriter, op: str, value: Value, attributes: dict[str, Any], extra: list[np.ndarray]
) -> Value:
    inputs = [value.name]
    match op:
        case "Relu6":
            inputs += [writer.constant(np.array(bound, np.float32)) for bound in (0, 6)]
            (name,) = writer.emit("Clip", inputs)
        case "LeakyRelu":
            (name,) = writer.emit("LeakyRelu", inputs, alpha=float(attributes.get("alpha", 0.2)))
        case "Prelu":
            (name,) = writer.emit("PRelu", [*inputs, _beside(writer, extra.pop(0), value)])
        case "Relu" | "Sigmoid":
            (name,) = writer.emit(op, inputs)
        case _:
            raise ValueError(f"no translation for tfjs activation {op}")
    return Value(name, value.layout)


def _lone_activation(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    return _activation(writer, node.op, _value(operands[0]), node.attributes, [])


def _beside(writer: OnnxWriter, array: np.ndarray, value: Value) -> str:
    """Stores a constant so that it broadcasts with `value` in the layout that `value` is in."""
    full = array.reshape((1,) * (len(value.layout) - array.ndim) + array.shape)
    return writer.constant(full.transpose([value.layout.index(axis) for axis in range(full.ndim)]))


_ELEMENTWISE = {"Add": "Add", "AddV2": "Add", "BiasAdd": "Add", "Sub": "Sub", "Mul": "Mul"}


def _elementwise(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    left, right = operands
    op = _ELEMENTWISE[node.op]
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return np.asarray({"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[op](left, right))
    base = left if isinstance(left, Value) else _value(right)
    names = [
        _beside(writer, side, base) if isinstance(side, np.ndarray) else writer.in_layout(side, base.layout)
        for side in (left, right)
    ]
    return Value(writer.emit(op, names)[0], base.layout)


def _transpose(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    value = _value(operands[0])
    return Value(value.name, tuple(value.layout[axis] for axis in _array(operands[1])))


def _identity(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    return operands[0]


def _pad(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    value, paddings = _value(operands[0]), _array(operands[1])
    fill = _array(operands[2]) if len(operands) > 2 else np.float32(0)
    order = [value.layout.index(axis) for axis in range(len(value.layout))]
    amounts = np.concatenate([paddings[order, 0], paddings[order, 1]]).astype(np.int64)
    inputs = [value.name, writer.constant(amounts), writer.constant(np.asarray(fill, np.float32))]
    return Value(writer.emit("Pad", inputs)[0], value.layout)


def _max_pool(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    (name,) = writer.emit(
        "MaxPool", [writer.in_layout(_value(operands[0]), NCHW)], auto_pad=_auto_pad(node),
        kernel_shape=_spatial(node, "ksize"), strides=_spatial(node, "strides"),
    )  # fmt: skip
    return Value(name, NCHW)


def _resize(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    if node.attributes.get("half_pixel_centers"):
        mode = "half_pixel"
    else:
        mode = "align_corners" if node.attributes.get("align_corners") else "asymmetric"
    size = writer.constant(_array(operands[1]).astype(np.int64))
    inputs = [writer.in_layout(_value(operands[0]), NCHW), "", "", size]
    (name,) = writer.emit("Resize", inputs, axes=[2, 3], mode="linear", coordinate_transformation_mode=mode)
    return Value(name, NCHW)


def _concat(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    *parts, axis = operands
    first = _value(parts[0])
    names = [writer.in_layout(_value(part), first.layout) for part in parts]
    return Value(writer.emit("Concat", names, axis=first.layout[int(_array(axis))])[0], first.layout)


def _split(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> list[Operand]:
    value, sizes, axis = _value(operands[0]), _array(operands[1]).astype(np.int64), int(_array(operands[2]))
    names = writer.emit("Split", [value.name, writer.constant(sizes)], len(sizes), axis=value.layout[axis])
    return [Value(name, value.layout) for name in names]


def _reshape(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    shape = _array(operands[1]).astype(np.int64)
    if writer.free_batch and shape[0] == 1:
        shape = np.concatenate([[0], shape[1:]])  # 0 keeps the input's own first dimension, the batch
    names = [writer.plain(_value(operands[0])), writer.constant(shape)]
    return Value(writer.emit("Reshape", names)[0], tuple(range(len(shape))))


def _sparse_to_dense(writer: OnnxWriter, node: Node, operands: Sequence[Operand]) -> Operand:
    places, shape, values, default = map(_array, operands)
    dense = np.full(tuple(shape), default)
    dense[tuple(places.reshape(-1, dense.ndim).T)] = values
    return dense


_OPERATIONS: dict[str, Callable[[OnnxWriter, Node, Sequence[Operand]], Operand | list[Operand]]] = {
    "Conv2D": _convolution,
    "_FusedConv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "FusedDepthwiseConv2dNative": _convolution,
    "Relu": _lone_activation,
    "Relu6": _lone_activation,
    "LeakyRelu": _lone_activation,
    "Sigmoid": _lone_activation,
    "Transpose": _transpose,
    "Identity": _identity,
    "Pad": _pad,
    "PadV2": _pad,
    "MaxPool": _max_pool,
    "ResizeBilinear": _resize,
    "ConcatV2": _concat,
    "SplitV": _split,
    "Reshape": _reshape,
    "SparseToDense": _sparse_to_dense,
}
