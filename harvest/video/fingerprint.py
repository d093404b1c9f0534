"""A picture as 64 bits that survive re-encoding, resizing and a logo: pHash (low frequencies of a DCT, against their
median; Zauner 2010). Kept for sampled frames of each video, to find re-uploads and test data in training data."""

import cv2
import numpy as np
from numpy.typing import NDArray

from harvest.video.shots import shrink

SAMPLE_SECONDS = 0.5
"""Two frames a second: clips of the open web are often a few seconds long."""
MAX_SAMPLES = 600
"""Of one video: five minutes tell a re-upload as well as an hour."""


def fingerprint(pixels_HW3: NDArray[np.uint8]) -> int:
    """64 bits as a signed integer, as Parquet's int64 holds them."""
    grey = cv2.cvtColor(shrink(pixels_HW3, 32, 32), cv2.COLOR_RGB2GRAY)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int(np.packbits(bits).view(">i8")[0])


def bits_apart(a: int, b: int) -> int:
    """How many of the 64 bits differ."""
    return ((a ^ b) & (2**64 - 1)).bit_count()
