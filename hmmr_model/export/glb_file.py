"""The container of binary glTF 2.0: arrays in one buffer, described by JSON (Khronos, glTF 2.0, sections 3.6, 4.4)."""

import json
import struct
from typing import Any

import numpy as np

COMPONENT = {"float32": 5126, "uint8": 5121, "uint16": 5123, "uint32": 5125}
KIND = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
VERTEX_TARGET, INDEX_TARGET = 34962, 34963
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942


class GlbBuffer:
    """Collects arrays; each becomes an accessor, four-byte aligned."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: np.ndarray, target: int | None = None, *, bounds: bool = False) -> int:
        """Index of the accessor of (N,), (N, 2..4) or (N, 4, 4) values; matrices are stored column by column."""
        columns = np.swapaxes(values, -1, -2) if values.ndim == 3 else values
        content = np.ascontiguousarray(columns).astype(values.dtype.newbyteorder("<")).tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": len(content)}
        self.views.append(view | ({"target": target} if target else {}))
        self._bytes += content + bytes(-len(content) % 4)
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": COMPONENT[values.dtype.name],
            "count": len(values),
            "type": KIND[values.shape[1:]],
        }
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def file(self, description: dict[str, Any]) -> bytes:
        """The whole .glb: `description` with this buffer's views and accessors, then the buffer."""
        described = description | {
            "buffers": [{"byteLength": len(self._bytes)}],
            "bufferViews": self.views,
            "accessors": self.accessors,
        }
        text = json.dumps(described, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self._bytes)
        head = b"glTF" + struct.pack("<II", 2, total) + struct.pack("<II", len(text), _JSON_CHUNK)
        return head + text + struct.pack("<II", len(self._bytes), _BINARY_CHUNK) + bytes(self._bytes)
