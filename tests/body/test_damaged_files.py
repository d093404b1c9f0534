"""Files that were damaged on the way: either they still read as finite motion, or the error names the file."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from body.joints import SMPL_24, SMPL_PARENTS
from body.motion import Motion, MotionFileError
from body.motion.amass import read_amass
from body.motion.bvh import read_bvh
from body.motion.deepmimic import read_deepmimic
from body.smpl_file import BodyFileError, read_body

Read = TypeVar("Read")
SPLICES = (b"0", b"-", b"1e400", b"nan", b"{", b"}", b"ROOT x\n", b"OFFSET 0 0 0\n", b"99999999999", b"\xff")

_WAYS = st.sampled_from(["cut", "drop", "flip", "splice"])
damages = st.lists(
    st.tuples(st.floats(0, 1), _WAYS, st.integers(1, 255), st.sampled_from(SPLICES)), min_size=1, max_size=3
)


def damaged(content: bytes, plan: list[tuple[float, str, int, bytes]]) -> bytes:
    for where, how, amount, splice in plan:
        at = int(where * len(content))
        if how == "cut":
            content = content[:at]
        elif how == "drop":
            content = content[:at] + content[at + amount :]
        elif how == "flip" and at < len(content):
            content = content[:at] + bytes([content[at] ^ amount]) + content[at + 1 :]
        elif how == "splice":
            content = content[:at] + splice + content[at:]
    return content


def read_or_name(read: Callable[[Path], Read], path: Path, refusal: type[ValueError]) -> Read | None:
    """What was read, or None if it was refused with the file's name; any other exception is a failure."""
    try:
        return read(path)
    except refusal as problem:
        if path.name not in str(problem):
            pytest.fail(f"the refusal does not name the file: {problem}")
        return None


def bvh() -> bytes:
    """A person with our joint names and two frames, as one would write it by hand."""

    def joint(j: int) -> str:
        children = [c for c, parent in enumerate(SMPL_PARENTS) if parent == j]
        inner = "".join(joint(c) for c in children) or "End Site\n{\nOFFSET 0 1 0\n}\n"
        kind, place = ("ROOT", "Xposition Yposition Zposition ") if j == 0 else ("JOINT", "")
        channels = f"CHANNELS {6 if j == 0 else 3} {place}Zrotation Xrotation Yrotation"
        return f"{kind} {SMPL_24[j]}\n{{\nOFFSET {j % 3 - 1} {1 + j} 0.5\n{channels}\n{inner}}}\n"

    frame = " ".join(str(x) for x in range(75))
    return f"HIERARCHY\n{joint(0)}MOTION\nFrames: 2\nFrame Time: 0.04\n{frame}\n{frame}\n".encode()


def deepmimic() -> bytes:
    frame = np.random.default_rng(0).uniform(0.1, 1, 44).round(3).tolist()
    return json.dumps({"Loop": "none", "Frames": [frame, frame]}).encode()


def amass() -> bytes:
    content = io.BytesIO()
    np.savez(content, poses=np.zeros((2, 156)), trans=np.zeros((2, 3)), mocap_frame_rate=np.array(30.0))
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [("x.bvh", bvh(), read_bvh), ("x.txt", deepmimic(), read_deepmimic), ("x.npz", amass(), read_amass)],
    ids=["bvh", "deepmimic", "amass"],
)
def test_motion_files(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes, read: Callable[[Path], Motion]
) -> None:
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(content)
    assert len(read(path).rotations) == 2

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damages)
    def survives(plan: list[tuple[float, str, int, bytes]]) -> None:
        path.write_bytes(damaged(content, plan))
        motion = read_or_name(read, path, MotionFileError)
        if motion is not None:
            assert np.isfinite(motion.rotations).all()
            assert np.isfinite(motion.translation).all()

    survives()


def test_body_files(random_body: Path) -> None:
    content = random_body.read_bytes()

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damages)
    def survives(plan: list[tuple[float, str, int, bytes]]) -> None:
        random_body.write_bytes(damaged(content, plan))
        body = read_or_name(read_body, random_body, BodyFileError)
        if body is not None:
            assert np.isfinite(body.weights).all()
            assert body.weights.shape[1] == 24

    survives()
