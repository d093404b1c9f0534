"""Runs an ONNX network in OpenVINO, in float32 on a CPU: equal to ONNX Runtime within 0.01 px, and faster on some
processors (docs/performance.md). Needs the extra `openvino`. Integers are not used: they cost the pose network 1 px of
256 and 6 % of φ, and on a processor without VNNI everything.

Letters: as the network's own.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


class OpenVinoNetwork:
    """A network with named outputs, called as `OnnxNetwork` is. Each process makes its own."""

    def __init__(self, path: Path, *, threads: int = 1, device: str = "cpu") -> None:
        """ImportError without the package, ValueError for another device than the CPU."""
        if device != "cpu":
            raise ValueError(f"device {device}: the runtime openvino is for the CPU here; leave --runtime out")
        try:
            import openvino
        except ImportError as error:
            raise ImportError("the runtime openvino needs: pip install 'hmmr-harvest[openvino]'") from error
        self._openvino, self._path, self._threads = openvino, path, threads
        self._compiled: dict[tuple[int, ...], Any] = {}
        self._lock, self._own = threading.Lock(), threading.local()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        model = self._openvino.Core().read_model(str(self._path))
        return tuple(_name(output) for output in model.outputs)

    def __call__(self, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """All outputs by name. There is one input; each of its shapes is compiled once, and each thread asks by itself,
        since a request of OpenVINO's serves one thread."""
        (array,) = inputs.values()
        requests = self._own.__dict__.setdefault("requests", {})
        if array.shape not in requests:
            requests[array.shape] = self._model_for(array.shape).create_infer_request()
        answers = requests[array.shape].infer({0: array}, share_inputs=True)
        return {_name(output): np.array(value) for output, value in answers.items()}

    def _model_for(self, shape: tuple[int, ...]) -> Any:
        with self._lock:
            if shape not in self._compiled:
                core = self._openvino.Core()
                model = core.read_model(str(self._path))
                model.reshape(list(shape))
                self._compiled[shape] = core.compile_model(model, "CPU", self._settings())
            return self._compiled[shape]

    def _settings(self) -> dict[str, str]:
        """Float32 on every processor, and no thread bound to a core: many workers would be bound to the same one."""
        return {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(self._threads), "NUM_STREAMS": "1",
            "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO",
        }  # fmt: skip


def _name(output: Any) -> str:
    """The name that the ONNX file gives to an output: the tensor may have several, in no order."""
    return str(output.get_node().get_friendly_name()).partition("/")[0]
