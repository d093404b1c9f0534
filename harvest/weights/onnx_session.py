"""Opens an ONNX network so that it runs on one thread of a busy machine as fast as on an idle one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from harvest.onnx_pads import fold_pads


class OnnxNetwork:
    """A network with named outputs. Made anew in each process: a session must not cross a fork."""

    def __init__(self, path: Path, *, threads: int = 1, device: str = "cpu") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # waiting threads sleep: spinning ones take the core from the decoder
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        network = fold_pads(path.read_bytes())
        self._session = onnxruntime.InferenceSession(network, options, providers=_providers(device))
        self.outputs: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())

    def __call__(self, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """All outputs by name."""
        return dict(zip(self.outputs, self._session.run(None, inputs), strict=True))


def _providers(device: str) -> list[str]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}.get(device.partition(":")[0])
    have = onnxruntime.get_available_providers()
    if wanted is None or wanted not in have:
        raise ValueError(
            f"device {device}: this onnxruntime has {', '.join(have)}. For CUDA: pip install onnxruntime-gpu "
            f"in place of onnxruntime; or use --device cpu"
        )
    return [wanted, "CPUExecutionProvider"]
