"""Sliding windows for prediction: as long as in training, and only their middle is kept (docs/paper.md 1.5).

T frames of the tracklet, W frames of a window. GroupNorm's statistics span the window, so a window of another length
would be another network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MARGIN = 6
"""Frames dropped at each side of a window: half the encoder's receptive field of 13 frames."""


@dataclass(frozen=True)
class Window:
    """Frames to feed (W numbers of frames, clamped into the tracklet) and which of the answers to keep where."""

    frames_W: NDArray[np.int64]
    kept: slice
    """Positions inside the window."""
    first: int
    """Frame of the tracklet that the first kept position is about."""


def sliding_windows(frames: int, window: int, margin: int = MARGIN) -> list[Window]:
    """Windows whose kept middles tile 0..frames-1 once. Past the ends the first and last frame repeat.

    The released code pads with grey images; φ of a grey image is not in a lake, and its authors saw no difference to
    repeating the edge (docs/paper.md 5.3, #30). A margin that leaves nothing is cut down.
    """
    margin = min(margin, (window - 1) // 2)
    hop = window - 2 * margin
    found = []
    for first in range(0, frames, hop):
        frames_W = np.clip(np.arange(first - margin, first - margin + window), 0, frames - 1)
        found.append(Window(frames_W, slice(margin, margin + min(hop, frames - first)), first))
    return found


def inner_windows(frames: int, window: int, margin: int = MARGIN) -> list[Window]:
    """As `sliding_windows`, but the first and last windows stay inside the tracklet and keep their outer margins.

    Every window is then one that training could have drawn. A tracklet shorter than a window repeats its last frame.
    """
    if frames <= window:
        frames_W = np.minimum(np.arange(window), frames - 1)
        return [Window(frames_W, slice(0, frames), 0)]
    margin = min(margin, (window - 1) // 2)
    found, done = [], 0
    while done < frames:
        start = min(max(done - margin, 0), frames - window)
        end = frames if start + window >= frames else start + window - margin
        found.append(Window(np.arange(start, start + window), slice(done - start, end - start), done))
        done = end
    return found


def ending_windows(frames: int, window: int) -> list[Window]:
    """One window a frame that ends there: what a future head says where the encoder cannot see the frame it is asked
    for. Before the tracklet's start the first frame repeats."""
    return [
        Window(np.clip(np.arange(t - window + 1, t + 1), 0, None), slice(window - 1, window), t) for t in range(frames)
    ]


def starting_windows(frames: int, window: int) -> list[Window]:
    """One window a frame that starts there: the same for the past head. Past the end the last frame repeats."""
    return [Window(np.clip(np.arange(t, t + window), None, frames - 1), slice(0, 1), t) for t in range(frames)]
