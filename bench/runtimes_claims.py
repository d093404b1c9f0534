"""The embedded networks in ONNX Runtime and OpenVINO, in float32 and in integers: CPU ms against what the answers lose.

    python bench/runtimes_claims.py [--rounds 3]

Inputs are what the harvest gives its networks on films of the open world, made here: of six films for calibration,
of three others for the comparison. OpenVINO and NNCF get an environment below ~/.cache/hmmr/bench. Integers: static
quantisation, per channel, by NNCF (mixed preset) or by ONNX Runtime (QDQ, u8 activations, s8 weights); "last in
f32" leaves BlazePose from its 98th node on, the last five resolutions, in float32. AVX2 rows run with
ONEDNN_MAX_CPU_ISA=AVX2, which is how OpenVINO computes on a processor without VNNI. One thread; milliseconds are the
least of all runs; errors are against ONNX Runtime in float32, whose row has none.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

import numpy as np  # noqa: E402

PACKAGES = ("openvino==2026.4.1", "nncf==3.4.0", "onnx==1.23.2", "onnxruntime==1.32.0")
CASES = [  # network, runtime, precision, first node that stays in float32, instruction set
    ("nanodet", "onnxruntime", "f32", 0, ""), ("nanodet", "openvino", "f32", 0, ""),
    ("nanodet", "openvino", "int8", 0, ""), ("nanodet", "openvino", "f32", 0, "AVX2"),
    ("nanodet", "openvino", "int8", 0, "AVX2"),
    ("blazepose_full", "onnxruntime", "f32", 0, ""), ("blazepose_full", "openvino", "f32", 0, ""),
    ("blazepose_full", "openvino", "int8", 0, ""), ("blazepose_full", "openvino", "int8", 98, ""),
    ("blazepose_full", "onnxruntime", "int8", 98, ""), ("blazepose_full", "openvino", "f32", 0, "AVX2"),
    ("blazepose_full", "openvino", "int8", 98, "AVX2"),
]  # fmt: skip
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


def collect(film: Path, every: dict[str, int], kept: dict[str, list[np.ndarray]]) -> None:
    """Label a film and keep every n-th input of each network."""
    from harvest_speed import label, make_backend, make_phis

    import harvest.weights.onnx_session as session
    from harvest.config import HarvestConfig

    plain, calls = session.OnnxNetwork.__call__, dict.fromkeys(every, 0)

    def call(network: Any, **inputs: np.ndarray) -> Any:
        for name, value in inputs.items():
            calls[name] += 1
            if calls[name] % every[name] == 0:
                kept[name].append(value.copy())
        return plain(network, **inputs)

    session.OnnxNetwork.__call__ = call  # type: ignore[method-assign]
    try:
        label(film, make_backend(HarvestConfig()), make_phis(HarvestConfig().phis))
    finally:
        session.OnnxNetwork.__call__ = plain  # type: ignore[method-assign]


def inputs_of_films(folder: Path) -> Path:
    """An .npz of calibration and comparison inputs of both networks."""
    from openworld.film.batch import make_films
    from openworld.worlds import SplitConfig, WorldConfig

    parts = (SplitConfig("calibrate", 6, seconds=(2.0, 2.0)), SplitConfig("compare", 3, seconds=(2.0, 2.0)))
    make_films(WorldConfig(splits=parts, seed=11, processes=1), folder)
    arrays = {}
    for part in parts:
        kept: dict[str, list[np.ndarray]] = {"images": [], "crops": []}
        for film in sorted((folder / part.name).glob("*.mp4")):
            collect(film, {"images": 1, "crops": 5}, kept)
        for name, values in kept.items():
            of_one_shape = [value for value in values if value.shape == values[0].shape]
            arrays[f"{part.name}_{name}"] = np.stack(of_one_shape)
    np.savez(folder / "inputs.npz", **arrays)
    return folder / "inputs.npz"


def is_late(node: str, first: int) -> bool:
    """Whether a node of our translation, whose name begins with its number, is that one or a later one."""
    number = re.match(r"t(\d+)_", node)
    return bool(first and number and int(number[1]) >= first)


def openvino_run(model: str, precision: str, first: int, inputs: np.ndarray, shape: tuple[int, ...]) -> Run:
    """The network in OpenVINO on one thread."""
    import openvino

    network = openvino.Core().read_model(model)
    if precision == "int8":
        import nncf

        late = [op.get_friendly_name() for op in network.get_ordered_ops() if is_late(op.get_friendly_name(), first)]
        network = nncf.quantize(
            network, nncf.Dataset(list(inputs), lambda array: {0: array}), preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU, subset_size=len(inputs),
            ignored_scope=nncf.IgnoredScope(names=late, validate=False) if late else None,
        )  # fmt: skip
    network.reshape(list(shape))
    settings = {"INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(network, "CPU", settings).create_infer_request()
    return lambda array: {
        output.get_node().get_friendly_name().partition("/")[0]: np.array(value)
        for output, value in request.infer({0: array}, share_inputs=True).items()
    }


def onnx_run(model: str, precision: str, first: int, inputs: np.ndarray, scratch: Path) -> Run:
    """The network in ONNX Runtime on one thread, as the harvest opens it."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    from harvest.weights.onnx_session import fold_pads

    onnxruntime.set_default_logger_severity(3)
    graph = onnx.load_from_string(fold_pads(Path(model).read_bytes()))
    for node in graph.graph.node:
        node.name = node.output[0]
    name, file = graph.graph.input[0].name, scratch / "network.onnx"
    onnx.save(graph, file)
    if precision == "int8":

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self._rest = iter(inputs)

            def get_next(self) -> dict[str, np.ndarray] | None:
                array = next(self._rest, None)
                return None if array is None else {name: array}

        quantize_static(
            file, scratch / "int8.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Add"],
            nodes_to_exclude=[node.name for node in graph.graph.node if is_late(node.name, first)],
        )  # fmt: skip
        file = scratch / "int8.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return lambda array: dict(zip(outputs, session.run(None, {name: array}), strict=True))


def measure_case(number: int, inputs: Path, answers: Path, rounds: int) -> dict[str, float]:
    """Milliseconds and errors of one case; the first case of a network leaves its answers for the others."""
    network, runtime, precision, first, _ = CASES[number]
    arrays = np.load(inputs)
    kind = "images" if network == "nanodet" else "crops"
    calibrate, compare = arrays[f"calibrate_{kind}"], arrays[f"compare_{kind}"][:20]
    model = str(Path.home() / ".cache/hmmr/weights" / f"{network}.onnx")
    with tempfile.TemporaryDirectory() as scratch:
        if runtime == "openvino":
            run = openvino_run(model, precision, first, calibrate, compare[0].shape)
        else:
            run = onnx_run(model, precision, first, calibrate, Path(scratch))
        run(compare[0])
        least, outputs = np.inf, []
        for _ in range(rounds):
            outputs = []
            for array in compare:
                began = time.process_time()
                outputs.append(run(array))
                least = min(least, time.process_time() - began)
    mine = {name: np.stack([output[name] for output in outputs]) for name in outputs[0]}
    reference = answers / f"{network}.npz"
    if runtime == "onnxruntime" and precision == "f32":
        np.savez(reference, **mine)
    return {"ms": 1000 * least, **errors(network, mine, dict(np.load(reference)))}


def errors(network: str, mine: dict[str, np.ndarray], true: dict[str, np.ndarray]) -> dict[str, float]:
    """Of the detector the best person's score, how many images change sides of 0.4; of the pose px, mm and φ."""
    if network == "nanodet":
        best, real = (np.max([a[f"scores_{s}"][..., 0].max((1, 2)) for s in (8, 16, 32)], 0) for a in (mine, true))
        return {"score": float(np.abs(best - real).mean()), "lost": float(((real >= 0.4) & (best < 0.4)).sum())}
    marks, real_marks = (a["landmarks"].reshape(-1, 39, 5)[:, :33, :2] for a in (mine, true))
    world, real_world = (a["world"].reshape(-1, 39, 3)[:, :33] for a in (mine, true))
    features, real_features = (a["penultimate"].reshape(len(a["penultimate"]), -1) for a in (mine, true))
    return {
        "px": float(np.linalg.norm(marks - real_marks, axis=-1).mean()),
        "mm": 1000 * float(np.linalg.norm(world - real_world, axis=-1).mean()),
        "phi": float(np.abs(features - real_features).mean() / np.abs(real_features).mean()),
    }


ROWS: list[str] = []


def measure(given: argparse.Namespace, command: str) -> tuple[list[Any], list[str]]:
    """Fill ROWS; returns no claims, and the cases that failed."""
    from environments import environment_with

    failures = []
    ROWS[:] = [
        f"`python {command}`",
        "",
        "| network | runtime | CPU ms | against ONNX Runtime in f32 |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        inputs = inputs_of_films(Path(name))
        python = environment_with(*PACKAGES)
        for number, (network, runtime, precision, first, instructions) in enumerate(CASES):
            environment = os.environ | ({"ONEDNN_MAX_CPU_ISA": instructions} if instructions else {})
            words = [str(python), __file__, "--case", str(number), str(inputs), name, str(given.rounds)]
            answer = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=ROOT)
            title = (
                f"{runtime} {precision}"
                + (", last in f32" if first else "")
                + (f", {instructions}" * bool(instructions))
            )
            if answer.returncode:
                failures.append(f"{network}, {title}: {answer.stderr.strip().splitlines()[-1][:200]}")
                continue
            found = json.loads(answer.stdout.splitlines()[-1])
            ROWS.append(f"| {network} | {title} | {found.pop('ms'):.1f} | {_words(found)} |")
    return [], failures


def _words(found: dict[str, float]) -> str:
    if "score" in found:
        lost = f"{found['lost']:.0f} of 20 images lose their person at a score of 0.4"
        return f"best person's score off by {found['score']:.3f}; {lost}"
    return f"landmarks {found['px']:.2f} px of 256, own 3D {found['mm']:.1f} mm, φ {100 * found['phi']:.1f} %"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        case, inputs, answers, rounds = sys.argv[2:]
        print(json.dumps(measure_case(int(case), Path(inputs), Path(answers), int(rounds))))
    else:
        from performance import run_part

        run_part("runtimes", __doc__, measure, lambda: "\n".join(ROWS))
