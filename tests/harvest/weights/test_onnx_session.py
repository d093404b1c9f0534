"""Folding pads into convolutions changes no output by a bit."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harvest.weights import files as weights
from harvest.weights.onnx_session import _providers, fold_pads

RNG = np.random.default_rng(3)


def run(model: bytes, image: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: image}))


def padded(amounts: list[int], fill: float = 0.0, *, mode: str = "constant", auto_pad: str = "VALID") -> bytes:
    """A Pad, then a 3 x 3 convolution of 4 to 5 channels."""
    constants = {
        "amounts": np.array(amounts, np.int64),
        "fill": np.array(fill, np.float32),
        "kernel": RNG.normal(size=(5, 4, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Pad", ["image", "amounts", "fill"], ["wide"], mode=mode),
        helper.make_node("Conv", ["wide", "kernel"], ["out"], auto_pad=auto_pad, strides=[2, 1]),
    ]
    graph = helper.make_graph(
        nodes, "padded", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 4, 9, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def kinds(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def test_a_pad_goes_into_its_convolution() -> None:
    model = padded([0, 0, 1, 0, 0, 0, 2, 3])
    image = RNG.normal(size=(1, 4, 9, 8)).astype(np.float32)
    assert kinds(fold_pads(model)) == ["Conv"]
    np.testing.assert_allclose(run(fold_pads(model), image)[0], run(model, image)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(padded([0, 0, 1, 1, 0, 0, 1, 1], fill=1.0), id="not zeros"),
        pytest.param(padded([0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"), id="mirrored"),
        pytest.param(padded([0, 0, 1, 1, 0, 0, 1, 1], auto_pad="SAME_UPPER"), id="padded already"),
        pytest.param(padded([1, 0, 1, 1, 0, 0, 1, 1]), id="more images"),
    ],
)
def test_other_padding_stays(model: bytes) -> None:
    assert kinds(fold_pads(model)) == ["Pad", "Conv"]


@pytest.mark.usefixtures("embedded_weights")
@pytest.mark.parametrize(("network", "shape"), [("BLAZEPOSE", (1, 256, 256, 3)), ("NANODET", (1, 3, 192, 320))])
def test_our_networks_say_the_same_to_the_bit(network: str, shape: tuple[int, ...]) -> None:
    model = Path(weights.path(getattr(weights, network))).read_bytes()
    image = RNG.random(shape, np.float32)
    assert kinds(fold_pads(model)).count("Pad") == 1
    for said, before in zip(run(fold_pads(model), image), run(model, image), strict=True):
        np.testing.assert_array_equal(said, before)


GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_the_index_of_the_gpu_reaches_onnx_runtime() -> None:
    """cuda:3 ran on GPU 0."""
    assert _providers("cuda:3", GPU) == [("CUDAExecutionProvider", {"device_id": "3"}), "CPUExecutionProvider"]
    assert _providers("cuda", GPU) == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert _providers("cpu", GPU) == ["CPUExecutionProvider"]


@pytest.mark.parametrize("device", ["cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda: 1", "tpu", ""])
def test_a_device_that_cannot_be_is_named(device: str) -> None:
    with pytest.raises(ValueError, match=f"device {device}: "):
        _providers(device, GPU)
