"""One synthetic person in a shot: a body, clothes, and where each joint is at each frame.

T frames, V vertices, 24 joints, 25 keypoints; world frame (y up, floor at 0), metres.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from body.raster.kernels import Floats
from openworld.motion.performance import Performance
from openworld.scene.cloth import dress
from openworld.scene.figure import Figure, random_betas
from openworld.scene.look import random_look
from openworld.scene.paint import paint


@dataclass(frozen=True)
class Actor:
    """A performance given by one person: the body's shape, the clothed mesh with its colours, the place."""

    motion: str
    rotations: Floats
    """(T, 24, 3, 3) the root's in the world"""
    betas: Floats
    """(10)"""
    translation: npt.NDArray[np.float64]
    """(T, 3) added to every vertex after skinning"""
    rest: Floats
    """(V, 3) the shaped and dressed mesh at rest"""
    albedo: Floats
    """(V, 3)"""
    transforms: Floats
    """(T, 24, 3, 4) skinning maps without translation"""

    def vertices(self, figure: Figure, frame: int) -> Floats:
        """(V, 3) the dressed mesh in the world at one frame."""
        posed = figure.skin.pose(self.rest, self.transforms[frame])
        return np.asarray(posed + self.translation[frame], np.float32)

    def keypoints(self, figure: Figure) -> npt.NDArray[np.float64]:
        """(T, 25, 3) in the world."""
        return figure.keypoints(self.rotations, self.betas) + self.translation[:, None]

    def moved(self, offset: npt.ArrayLike) -> "Actor":
        """The same actor elsewhere: `offset` (3) or (T, 3) metres."""
        return replace(self, translation=self.translation + np.asarray(offset))


def cast(rng: np.random.Generator, figure: Figure, performance: Performance) -> Actor:
    """Draw a random person for the performance and stand them so that their lowest point is `lift` above the floor."""
    betas = random_betas(rng)
    look = random_look(rng)
    rest = figure.shaped(betas) + dress(figure, look)
    rotations = performance.rotations.astype(np.float32)
    transforms = figure.transforms(rotations, betas)
    lowest = np.array([figure.skin.pose(rest, frame)[:, 1].min() for frame in transforms], np.float64)
    translation = performance.path.copy()
    translation[:, 1] = performance.lift - (lowest if performance.grounded else (performance.lift + lowest).min())
    return Actor(performance.name, rotations, betas, translation, rest, paint(figure, look), transforms)
