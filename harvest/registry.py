"""Registry of 2D backends and image features φ, by the names of the command line. Each is imported when it is made.

After a colon a name may carry the user's own file or set: `mmlab:mm.yaml`, `rtm:balanced`, `resnet50_v1:spin.pt`.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from harvest.backends.protocol import PoseBackend
from harvest.config import HarvestConfig
from harvest.phi.protocol import Phi
from harvest.weights.onnx_session import RUNTIMES

BACKENDS = ("embedded", "truth", "rtm:SET or rtm:FILE.yaml", "mmlab:FILE.yaml")
PHIS = (
    "blazepose_penultimate", "blazepose_turned", "keypoints", "movenet_pyramid",
    "resnet50_v1:CHECKPOINT", "resnet50_v2:CHECKPOINT", "vit:MODEL:CHECKPOINT",
)  # fmt: skip


def check_names(config: HarvestConfig) -> None:
    """ValueError for a backend, φ or runtime that does not exist or lacks its files, ImportError for an engine that is
    not installed, before a network is loaded."""
    if config.engine == "ray" and find_spec("ray") is None:
        raise ImportError("the engine ray is not installed: pip install 'hmmr-harvest[ray]', or --engine local")
    for wanted, kind, known in ((config.backend, "backend", BACKENDS), *((phi, "phi", PHIS) for phi in config.phis)):
        name, _, given = wanted.partition(":")
        forms = [form for form in known if form.partition(":")[0] == name]
        if not any(bool(given) == (":" in form) for form in forms):
            raise ValueError(f"{kind} {wanted!r} is none of {', '.join(known)}")
    if config.backend == "truth" and config.truth_films is None:
        raise ValueError("the backend truth needs the folder of the films: --truth-films DIR")
    if config.runtime not in RUNTIMES:
        raise ValueError(f"runtime {config.runtime!r} is none of {', '.join(RUNTIMES)}")
    if config.runtime == "openvino" and find_spec("openvino") is None:
        raise ValueError("the runtime openvino needs: pip install 'hmmr-harvest[openvino]'")


def make_backend(config: HarvestConfig) -> PoseBackend:
    """The 2D backend of a harvest; its networks use one thread. WeightsError names a missing weights file, ValueError
    an unknown backend, ImportError the missing library and how to install it."""
    name, _, given = config.backend.partition(":")
    if name == "embedded":
        from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig

        # weak detections do not start a track, but they confirm people who are already followed
        weak = config.label.people.keep_score
        return EmbeddedBackend(EmbeddedConfig(detector_threshold=weak, device=config.device, runtime=config.runtime))
    if name == "truth":
        from harvest.backends.truth import TruthBackend, TruthConfig

        if config.truth_films is None:
            raise ValueError("the backend truth needs the folder of the films: --truth-films DIR")
        return TruthBackend(TruthConfig(config.truth_films))
    if name == "rtm" and given:
        return _make_rtm(given, config.device)
    if name == "mmlab" and given:
        from harvest.backends.mmlab import MmlabBackend, MmlabConfig
        from harvest.backends.model_file import read_model_file

        return MmlabBackend(read_model_file(MmlabConfig, Path(given), device=config.device))
    raise ValueError(f"backend {config.backend!r} is none of {', '.join(BACKENDS)}")


def _make_rtm(given: str, device: str) -> PoseBackend:
    from harvest.backends.model_file import read_model_file
    from harvest.backends.rtm import RtmBackend, RtmConfig

    if given.endswith((".yaml", ".yml")):
        return RtmBackend(read_model_file(RtmConfig, Path(given), device=device))
    return RtmBackend(RtmConfig.by_name(given, device=device))


def make_phis(names: Sequence[str], device: str = "cpu", runtime: str = "onnxruntime") -> list[Phi]:
    """The φs with these names, in order. ValueError for an unknown name, CheckpointError for a checkpoint that does not
    fit."""
    return [_make_phi(name, device, runtime) for name in names]


def _make_phi(wanted: str, device: str, runtime: str) -> Phi:
    name, _, given = wanted.partition(":")
    if name == "blazepose_penultimate":
        from harvest.phi.blazepose import BlazePosePhi

        return BlazePosePhi(device=device, runtime=runtime)
    if name == "blazepose_turned":
        from harvest.phi.blazepose import TurnedBlazePosePhi

        return TurnedBlazePosePhi(device=device, runtime=runtime)
    if name == "keypoints":
        from harvest.phi.keypoints import KeypointsPhi

        return KeypointsPhi()
    if name == "movenet_pyramid":
        from harvest.phi.movenet import MoveNetPhi

        return MoveNetPhi(device=device, runtime=runtime)
    if name in ("resnet50_v1", "resnet50_v2") and given:
        from harvest.phi.resnet import ResNetConfig, ResNetPhi

        return ResNetPhi(ResNetConfig(Path(given), "v1" if name.endswith("v1") else "v2", device))
    if name == "vit" and ":" in given:
        from harvest.phi.vit import VitConfig, VitPhi

        model, _, checkpoint = given.partition(":")
        return VitPhi(VitConfig(model, Path(checkpoint), device))
    raise ValueError(f"phi {wanted!r} is none of {', '.join(PHIS)}")
