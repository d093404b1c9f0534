"""Another runtime: the same answers within a tolerance, and labels and cached answers that do not mix."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harvest.backends.embedded import EmbeddedBackend, EmbeddedConfig
from harvest.config import HarvestConfig
from harvest.network_cache import StageFiles
from harvest.phi.blazepose import BlazePosePhi, TurnedBlazePosePhi
from harvest.recipe import recipe
from harvest.registry import check_names
from harvest.weights import files as weights
from harvest.weights.onnx_session import RUNTIMES, open_network, runtime_identity
from storage.labels.key import Recipe, Stage

pytestmark = pytest.mark.usefixtures("embedded_weights")


def stages_of(runtime: str) -> Recipe:
    """The recipe of a harvest whose networks run in `runtime`, whether or not its package is installed."""
    config = HarvestConfig()
    label = recipe(config.label, EmbeddedBackend(), [BlazePosePhi()])
    of = {
        stage.name: replace(stage, weights={**stage.weights, **runtime_identity(runtime)}) if stage.weights else stage
        for stage in label.stages
    }
    return Recipe(tuple(of.values()))


def test_onnx_runtime_keeps_the_keys_of_labels_that_were_made_before_there_was_a_choice() -> None:
    assert runtime_identity("onnxruntime") == {}
    pins = {w.name: w.sha256 for w in (weights.NANODET, weights.BLAZEPOSE)}
    assert EmbeddedBackend().weights == EmbeddedBackend(EmbeddedConfig(runtime="onnxruntime")).weights == pins


def test_two_runtimes_share_no_key_of_a_stage_and_no_file_of_cached_answers(tmp_path: Path) -> None:
    first, second = stages_of("onnxruntime"), stages_of("openvino")
    assert first.digest != second.digest
    networks = {"people", "phi/blazepose_penultimate"}
    before, after = first.stage_keys("c"), second.stage_keys("c")
    assert {name for name in before if before[name] == after[name]} == {"decode", "shots"}
    by_stage: dict[str, Stage] = {stage.name: stage for stage in second.stages}
    for name in networks:
        held = next(stage for stage in first.stages if stage.name == name).weights
        one = StageFiles(tmp_path, "c", first).store(name, "pose", held, [("pose", "<f4", (25, 3))])
        other = StageFiles(tmp_path, "c", second).store(
            name, "pose", by_stage[name].weights, [("pose", "<f4", (25, 3))]
        )
        one.add(b"q" * 16, np.ones((25, 3), np.float32))
        one.finish()
        assert other.find(b"q" * 16) is None
        other.drop()


def test_an_unknown_runtime_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="runtime 'tensorrt' is none of onnxruntime, openvino"):
        check_names(HarvestConfig(runtime="tensorrt"))
    with pytest.raises(ValueError, match="runtime 'tensorrt' is none of onnxruntime, openvino"):
        open_network(weights.path(weights.NANODET), "tensorrt")
    monkeypatch.setattr("harvest.registry.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'hmmr-harvest\[openvino\]'"):
        check_names(HarvestConfig(runtime="openvino"))


def test_openvino_agrees_with_onnx_runtime_and_has_its_own_key() -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    rng = np.random.default_rng(0)
    crops = rng.random((2, 256, 256, 3), np.float32)
    images = [rng.normal(size=(1, 3, height, 320)).astype(np.float32) for height in (192, 256)]
    for file, inputs in ((weights.BLAZEPOSE, [{"crops": crops}]), (weights.NANODET, [{"images": i} for i in images])):
        networks = [open_network(weights.path(file), runtime) for runtime in RUNTIMES]
        assert networks[0].outputs == networks[1].outputs
        for given in inputs:
            ours, theirs = (network(**given) for network in networks)
            for name in networks[0].outputs:
                np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-3, atol=1e-2)
    backend, phi = EmbeddedBackend(EmbeddedConfig(runtime="openvino")), TurnedBlazePosePhi(runtime="openvino")
    assert backend.weights["runtime"] == phi.weights["runtime"] == "openvino f32"
    with pytest.raises(ValueError, match="device cuda"):
        open_network(weights.path(weights.NANODET), "openvino", device="cuda")
