"""Try a filter on a lake that is there, before it becomes one: what would it drop?

python examples/try_a_filter.py mylake 0.01

The measure is jitter: how much the joints tremble. docs/extending.md makes a filter of it.
"""

import sys

import numpy as np

from hmmr import Tracklets


def jitter(keypoints_TJ3: np.ndarray) -> float:
    """Mean length of the joints' second difference over time, in parts of the person's diagonal."""
    xy_TJ2 = keypoints_TJ3[..., :2]
    change_TJ2 = np.diff(xy_TJ2, n=2, axis=0)
    diagonal = np.median(np.hypot(*(xy_TJ2.max(axis=1) - xy_TJ2.min(axis=1)).T))
    return float(np.hypot(change_TJ2[..., 0], change_TJ2[..., 1]).mean() / diagonal)


def main(lake: str, limit: float) -> None:
    """Print the tracklets from the steadiest to the most trembling, and which the limit drops."""
    measured = sorted((jitter(person["keypoints_TJ3"].numpy()), person["tracklet_id"]) for person in Tracklets(lake))
    for value, name in measured:
        print(f"{value:.4f}  {'dropped' if value > limit else 'kept   '}  {name}")
    print(f"{sum(value > limit for value, _ in measured)} of {len(measured)} would be dropped")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
