"""Reads a TensorFlow.js graph model (NAME.json with the graph, NAME.bin with the weights) without TensorFlow.

The format is TensorFlow's GraphDef as JSON: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter.
"""

import base64
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from storage.json_text import MISFIT, read_object

_STORED = {"float32": "<f4", "int32": "<i4", "bool": "u1", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}
_LOADED = {"float32": np.float32, "int32": np.int32, "bool": np.bool_}


@dataclass(frozen=True)
class Node:
    """One operation of the graph. `inputs` are node names, with ':k' after the name for output k > 0."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class TfjsGraph:
    """The operations by name, and the constants by name as arrays of their true type."""

    nodes: dict[str, Node]
    constants: dict[str, np.ndarray]


def read_tfjs(topology: bytes, weights: bytes) -> TfjsGraph:
    """Graph from the bytes of NAME.json and NAME.bin; ValueError if they are not a matching graph model."""
    try:
        model = read_object(topology)
        entries = [entry for group in model["weightsManifest"] for entry in group["weights"]]
        nodes = [_node(raw) for raw in model["modelTopology"]["node"]]
    except MISFIT as error:
        raise ValueError(f"not a tfjs graph model ({type(error).__name__})") from error
    return TfjsGraph({node.name: node for node in nodes if node.op != "Const"}, _constants(entries, weights))


def _constants(entries: list[dict[str, Any]], weights: bytes) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    offset = 0
    for entry in entries:
        quantised = entry.get("quantization", {})
        stored = np.dtype(_STORED[quantised.get("dtype", entry["dtype"])])
        count = prod(entry["shape"])
        if offset + count * stored.itemsize > len(weights):
            raise ValueError(f"tfjs weights end before {entry['name']}")
        array: np.ndarray = np.frombuffer(weights, stored, count, offset).astype(_LOADED[entry["dtype"]])
        offset += count * stored.itemsize
        if "scale" in quantised:
            array = array * np.float32(quantised["scale"]) + np.float32(quantised["min"])
        arrays[entry["name"]] = array.reshape(entry["shape"])
    if offset != len(weights):
        raise ValueError(f"tfjs weights have {len(weights)} bytes, the manifest describes {offset}")
    return arrays


def _node(raw: dict[str, Any]) -> Node:
    attributes = {key: _attribute(value) for key, value in raw.get("attr", {}).items()}
    return Node(raw["name"], raw["op"], tuple(raw.get("input", ())), attributes)


def _attribute(value: dict[str, Any]) -> Any:
    """A Python value for a GraphDef attribute; whole numbers come as decimal strings, strings as base64."""
    if "list" in value:
        return [_attribute({kind: item}) for kind, items in value["list"].items() for item in items]
    if "i" in value:
        return int(value["i"])
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    return next(iter(value.values()), None)
