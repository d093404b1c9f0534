"""Opens an ONNX network on threads that sleep while they wait, and folds zero padding into the convolutions after it.

Between convolutions ONNX Runtime keeps images in blocks of channels. A Pad node makes it copy the image out of them and
back: a tenth of NanoDet's time and an eighth of BlazePose's. Folding the padding keeps the results the same to the bit.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import onnx
    import onnxruntime


RUNTIMES = ("onnxruntime", "openvino")
"""What can run the embedded networks, the default first."""


class Network(Protocol):
    """A network with named outputs, in one of the runtimes."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""

    def __call__(self, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """All outputs by name."""


def open_network(path: Path, runtime: str, *, threads: int = 1, device: str = "cpu") -> Network:
    """The network in `runtime` (one of RUNTIMES). ValueError for another one or for a device that it cannot use,
    ImportError with the way out where its package is missing."""
    if runtime == "openvino":
        from harvest.weights.openvino_session import OpenVinoNetwork

        return OpenVinoNetwork(path, threads=threads, device=device)
    if runtime != "onnxruntime":
        raise ValueError(f"runtime {runtime!r} is none of {', '.join(RUNTIMES)}")
    return OnnxNetwork(path, threads=threads, device=device)


def runtime_identity(runtime: str) -> dict[str, str]:
    """What the runtime adds to the weights that decide a label; nothing for ONNX Runtime, which made the first ones."""
    return {} if runtime == "onnxruntime" else {"runtime": "openvino f32"}


class OnnxNetwork:
    """A network with named outputs. Each process makes its own: a session must not cross a fork.

    On a CPU the session is made at the first call, so that a process which only needs the network's name and sha256
    (the one that plans a harvest) does not load it.
    """

    def __init__(self, path: Path, *, threads: int = 1, device: str = "cpu") -> None:
        """ValueError if this onnxruntime cannot run on `device` (cpu, cuda, cuda:1, mps)."""
        self._path, self._threads, self._device = path, threads, device
        if device != "cpu":
            _ = self._session

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        import onnxruntime

        providers = _providers(self._device, onnxruntime.get_available_providers())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # waiting threads sleep: spinning ones take the core from the decoder
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(fold_pads(self._path.read_bytes()), options, providers=providers)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(output.name for output in self._session.get_outputs())

    def __call__(self, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """All outputs by name."""
        return dict(zip(self.outputs, self._session.run(None, inputs), strict=True))


Providers = list[str | tuple[str, dict[str, str]]]


def _providers(device: str, have: Sequence[str]) -> Providers:
    """ONNX Runtime's execution providers for a device, the first choice first, with the index of the GPU."""
    kind, _, index = device.partition(":")
    if device == "cpu":
        return ["CPUExecutionProvider"]
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}.get(kind)
    if wanted is None or wanted not in have:
        raise ValueError(
            f"device {device}: this onnxruntime has {', '.join(have)}. For CUDA: pip install onnxruntime-gpu "
            f"in place of onnxruntime; or use --device cpu"
        )
    if device == kind:
        return [wanted, "CPUExecutionProvider"]
    if kind != "cuda" or not (index.isascii() and index.isdecimal()):
        raise ValueError(f"device {device}: the GPU's index after the colon is a number, such as cuda:1")
    return [(wanted, {"device_id": str(int(index))}), "CPUExecutionProvider"]


def fold_pads(model: bytes) -> bytes:
    """The same network without zero Pads of height and width; the convolutions that they feed get the padding."""
    import onnx
    from onnx import helper

    network = onnx.load_from_string(model)
    graph = network.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad" and _is_zero(node, constants)}
    for node in graph.node:
        pad = pads.get(node.input[0]) if node.op_type == "Conv" else None
        if pad is None:
            continue
        amounts = _values(constants[pad.input[1]]).tolist()
        if len(amounts) == 8 and not any(amounts[k] for k in (0, 1, 4, 5)) and _unpadded(node):
            node.input[0] = pad.input[0]
            for attribute in [a for a in node.attribute if a.name in ("auto_pad", "pads")]:
                node.attribute.remove(attribute)
            node.attribute.append(helper.make_attribute("pads", [amounts[k] for k in (2, 3, 6, 7)]))
    _drop_unread(graph, pads)
    return bytes(network.SerializeToString())


def _values(tensor: "onnx.TensorProto") -> np.ndarray:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))


def _is_zero(pad: "onnx.NodeProto", constants: "dict[str, onnx.TensorProto]") -> bool:
    """Whether a Pad adds constant amounts of zeros, over all axes."""
    mode = next((a.s for a in pad.attribute if a.name == "mode"), b"constant")
    fill = pad.input[2] if len(pad.input) > 2 else ""
    zero = not fill or (fill in constants and not np.any(_values(constants[fill])))
    return mode == b"constant" and zero and pad.input[1] in constants and len(pad.input) < 4


def _unpadded(convolution: "onnx.NodeProto") -> bool:
    attributes = {a.name: a for a in convolution.attribute}
    own = attributes["pads"].ints if "pads" in attributes else ()
    auto = attributes["auto_pad"].s if "auto_pad" in attributes else b"NOTSET"
    return not any(own) and auto in (b"VALID", b"NOTSET")


def _drop_unread(graph: "onnx.GraphProto", pads: "dict[str, onnx.NodeProto]") -> None:
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for name, pad in pads.items():
        if name not in read:
            graph.node.remove(pad)
