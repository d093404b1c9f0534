"""Forward kinematics of a joint tree, one batched product a level of the tree instead of one a joint.

Legend: B batch, J joints.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class KinematicTree(nn.Module):
    """Turns local rotations and rest positions into world rotations and positions."""

    def __init__(self, parents: Sequence[int]) -> None:
        """Parents (J) of every joint, -1 for the one root, which comes first; a parent precedes its children."""
        super().__init__()
        if parents[0] != -1 or any(not 0 <= p < j for j, p in enumerate(parents) if j):
            raise ValueError(f"not a tree with its root first and parents before children: {list(parents)}")
        self.parents = tuple(parents)
        levels = _levels(parents)
        order = [j for level in levels for j in level]
        self._buffer("parent_J", list(parents[1:]))
        self._buffer("unsort_J", [order.index(j) for j in range(len(parents))])
        self._depth = len(levels)
        for depth in range(1, len(levels)):
            self._buffer(f"level_{depth}", levels[depth])
            self._buffer(f"above_{depth}", [levels[depth - 1].index(parents[j]) for j in levels[depth]])

    def _buffer(self, name: str, index: list[int]) -> None:
        self.register_buffer(name, torch.tensor(index, dtype=torch.long), persistent=False)

    def forward(self, rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations (B, J, 3, 3) and positions (B, J, 3) m from local rotations and rest positions (B, J, 3)."""
        offset = torch.cat([rest[:, :1], rest[:, 1:] - rest[:, self.get_buffer("parent_J")]], dim=1)
        R, t = rotations[:, :1], offset[:, :1]
        all_R, all_t = [R], [t]
        for depth in range(1, self._depth):
            level, above = self.get_buffer(f"level_{depth}"), self.get_buffer(f"above_{depth}")
            R_above = R[:, above]
            t = t[:, above] + (R_above @ offset[:, level].unsqueeze(-1)).squeeze(-1)
            R = R_above @ rotations[:, level]
            all_R.append(R)
            all_t.append(t)
        unsort = self.get_buffer("unsort_J")
        return torch.cat(all_R, dim=1)[:, unsort], torch.cat(all_t, dim=1)[:, unsort]


def _levels(parents: Sequence[int]) -> list[list[int]]:
    """Joints grouped by their distance from the root."""
    depth = [0] * len(parents)
    for j, parent in enumerate(parents[1:], start=1):
        depth[j] = depth[parent] + 1
    return [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]
