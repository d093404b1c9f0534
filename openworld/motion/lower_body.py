"""What a lower-body primitive gives: hips, knees, ankles, the bend of the trunk, and how the person travels."""

from dataclasses import dataclass, field

import numpy as np

from openworld.motion.curves import Clock, Curve


@dataclass
class LowerBody:
    """Angles in radians over T frames; column 0 is left, 1 is right. Starts as a person who stands upright."""

    clock: Clock
    phase: Curve
    """(T) of the primitive's own rhythm, for the arms to follow."""
    hip: Curve = field(init=False)
    """(T, 2) flexion: the thigh forward."""
    knee: Curve = field(init=False)
    """(T, 2) flexion, never below 0."""
    ankle: Curve = field(init=False)
    """(T, 2) toes down is positive."""
    spread: Curve = field(init=False)
    """(T, 2) the thigh outward."""
    bend: Curve = field(init=False)
    """(T) trunk forward, shared by the spine's joints."""
    side: Curve = field(init=False)
    """(T) trunk to its right."""
    twist: Curve = field(init=False)
    """(T) trunk turned to its left."""
    lift: Curve = field(init=False)
    """(T) metres between the lowest point and the floor."""
    speed: float = 0.0
    """Metres a second, forward."""
    hinge: float = 0.0
    """Share of the bend that the pelvis adds: people bow from the hip."""

    def __post_init__(self) -> None:
        self.hip, self.knee, self.ankle, self.spread = (np.zeros((self.clock.frames, 2)) for _ in range(4))
        self.bend, self.side, self.twist, self.lift = (self.clock.still() for _ in range(4))
