"""Writes ONNX nodes for the translator, and values whose transposes are kept as a layout instead of written."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


@dataclass(frozen=True)
class Value:
    """An ONNX tensor that stands for a TensorFlow one: axis i of TensorFlow's is axis layout[i] of ONNX's."""

    name: str
    layout: tuple[int, ...]


Operand = Value | np.ndarray


@dataclass
class OnnxWriter:
    """Collects ONNX nodes and initialisers under short, reproducible names."""

    free_batch: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initialisers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, array: np.ndarray) -> str:
        """Stores an array and returns its name."""
        name = f"c{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def emit(self, op: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Writes one node and returns the names of its outputs."""
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def in_layout(self, value: Value, layout: tuple[int, ...]) -> str:
        """Name of a tensor that holds `value` in the wanted layout; writes a Transpose only where one is needed."""
        permutation = [0] * len(layout)
        for have, want in zip(value.layout, layout, strict=True):
            permutation[want] = have
        if permutation == sorted(permutation):
            return value.name
        return self.emit("Transpose", [value.name], perm=permutation)[0]

    def plain(self, value: Value) -> str:
        """Name of a tensor that holds `value` in TensorFlow's own order of axes."""
        return self.in_layout(value, tuple(range(len(value.layout))))
