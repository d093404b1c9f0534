"""No dependency leaves anything in a user's home folder, or looks a name up."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import socket, sys, time
looked_up = []
asked = ("socket.getaddrinfo", "socket.connect")
sys.addaudithook(lambda event, args: looked_up.append(args) if event in asked else None)
import harvest.weights.onnx_session
import onnxruntime
from onnx import TensorProto, helper
one = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", one[:1], one[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
time.sleep(0.5)
assert not looked_up, looked_up
"""


def test_onnx_runtime_writes_nothing_into_an_empty_home(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", CODE], check=True, env=environment, cwd=tmp_path)
    assert list(tmp_path.rglob("*")) == []
