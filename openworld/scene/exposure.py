"""What a camera and an editor do to a finished picture: motion blur, low light, black bars.

Pictures are RGB uint8 (H, W, 3). S sub-frames of one exposure.
"""

from dataclasses import dataclass

import numpy as np

from body.raster.kernels import Bytes, Floats
from openworld.plan import FilmPlan
from openworld.seeds import generator

BLUR_SUBFRAMES = 5
"""Sub-frames that are averaged into one blurred picture: the shutter is open for the whole of a frame's time."""
LETTERBOX_SHARE = (0.1, 0.2)
"""Part of the picture that each of two black bars takes; 0.125 is 16:9 in 4:3."""
GAIN = (0.025, 0.1)
"""Linear share of the light that is left in the dark: with a screen's gamma 16 to 32 % of the brightness."""
DARK_NOISE_SD = (4.0, 9.0)
"""Sensor noise in the dark, in steps of 256."""


@dataclass(frozen=True)
class Exposure:
    """How the pictures of a shot are taken. The default takes them as they are."""

    subframes: int = 1
    """Odd; the truth holds for the middle one."""
    gain: float = 1.0
    noise_sd: float = 0.0
    bars: tuple[int, int] = (0, 0)
    """Width of the bars at the left and right, height of those above and below, px."""

    def inner(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of what the bars leave of a picture of `size`."""
        return size[0] - 2 * self.bars[0], size[1] - 2 * self.bars[1]

    def develop(self, pictures: list[Bytes], rng: np.random.Generator) -> Bytes:
        """One picture of the sub-frames: their light is added up, weakened, and gets the sensor's noise."""
        if self.subframes == 1 and self.gain == 1.0:
            return pictures[0]
        light = np.mean([np.square(picture, dtype=np.float32) for picture in pictures], axis=0)
        shown = np.sqrt(light * self.gain)
        if self.noise_sd:
            shown = shown + rng.normal(0, self.noise_sd, shown.shape)
        return np.asarray(np.clip(np.round(shown), 0, 255), np.uint8)

    def mask(self, picture: Bytes, depth: Floats, samples: int) -> None:
        """Lay the bars over picture and depth (H * samples, W * samples), in place: what is under them is hidden."""
        for values, scale in ((picture, 1), (depth, samples)):
            left, top = self.bars[0] * scale, self.bars[1] * scale
            values[:top] = 0
            values[len(values) - top :] = 0
            values[:, :left] = 0
            values[:, values.shape[1] - left :] = 0


def exposure_of(plan: FilmPlan, shot: int) -> Exposure:
    """How the plan's kind of film is exposed. Its seed depends on film and shot alone, so other choices stay."""
    rng = generator(plan.seed, "exposure", plan.film_id, shot)
    if plan.kind == "blur":
        return Exposure(subframes=BLUR_SUBFRAMES)
    if plan.kind == "dark":
        return Exposure(gain=float(rng.uniform(*GAIN)), noise_sd=float(rng.uniform(*DARK_NOISE_SD)))
    if plan.kind == "letterbox":
        upright = rng.random() < 0.5
        side = plan.width if upright else plan.height
        bar = round(side * rng.uniform(*LETTERBOX_SHARE) * (1.6 if upright else 1.0) / 2) * 2
        return Exposure(bars=(bar, 0) if upright else (0, bar))
    return Exposure()
