"""Weights of the 2D networks: where they come from, how they are checked, translated and run."""

import os

# ONNX Runtime would write a device id and a database below ~/.cache/Microsoft and look hosts up; read when it is loaded
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
