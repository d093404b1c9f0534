"""Read the Acclaim pair of a skeleton (.asf) and a motion (.amc), as the CMU database has them.

A bone's joint lies where the bone begins; the bone turns by C M C^-1, with C from its `axis` and M from its angles,
both as rotations about x, then y, then z of the fixed axes (Lander, Working with Motion Capture File Formats, 1998).
Legend: T frames, J joints.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body.motion import Motion, MotionFileError
from body.motion.retarget import retarget
from body.motion.skeleton import SkeletonMotion

CMU_FPS = 120.0
"""AMC files do not say their rate; CMU's are 120 fps, with a few at 60 (mocap.cs.cmu.edu)."""


@dataclass(frozen=True)
class _Bone:
    name: str
    vector: np.ndarray
    axis: Rotation
    freedoms: tuple[str, ...]


@dataclass(frozen=True)
class _Skeleton:
    bones: dict[str, _Bone]
    parents: dict[str, str]
    degrees: bool


def read_amc(path: str | Path, skeleton: str | Path, fps: float = CMU_FPS) -> Motion:
    """The motion on the open body; MotionFileError names the file and what is wrong."""
    path = Path(path)
    try:
        return retarget(read_amc_skeleton(path, Path(skeleton), fps))
    except MotionFileError:
        raise
    except ValueError as problem:
        raise MotionFileError(f"{path}: {problem}") from problem


def read_amc_skeleton(path: Path, skeleton: Path, fps: float = CMU_FPS) -> SkeletonMotion:
    """Read the motion on the pair's own skeleton, in the unit of the .asf.

    Every bone that ends a chain gets a point "<bone>_end".
    """
    try:
        asf = _read_asf(skeleton.read_text())
        names, parents, offsets = _tree(asf)
    except (ValueError, IndexError, KeyError) as problem:
        raise MotionFileError(f"{skeleton}: not a readable ASF file ({problem})") from problem
    try:
        frames = _read_frames(path.read_text())
        rotations = _rotations(asf, frames)
        root_T3 = np.array([frame["root"][:3] for frame in frames])
    except (ValueError, IndexError, KeyError) as problem:
        raise MotionFileError(f"{path}: not a motion of {skeleton.name} ({problem})") from problem
    R_TJ33 = np.stack([rotations[n] if n in rotations else np.tile(np.eye(3), (len(frames), 1, 1)) for n in names], 1)
    steps = np.tile(offsets, (len(frames), 1, 1))
    steps[:, 0] = root_T3
    return SkeletonMotion(path.stem, fps, names, parents, offsets, R_TJ33, steps)


def _read_asf(text: str) -> _Skeleton:
    sections = _sections(text)
    degrees = "angle deg" in " ".join(" ".join(words) for words in sections["units"])
    bones = {"root": _Bone("root", np.zeros(3), Rotation.identity(), ("rx", "ry", "rz"))}
    block: dict[str, list[str]] = {}
    for words in sections["bonedata"]:
        if words[0] == "begin":
            block = {}
        elif words[0] == "end":
            bones[block["name"][0]] = _bone(block, degrees)
        else:
            block[words[0]] = words[1:]
    lines = [words for words in sections["hierarchy"] if words[0] not in ("begin", "end")]
    parents = {child: parent for parent, *children in lines for child in children}
    if unknown := parents.keys() - bones.keys():
        raise ValueError(f"the hierarchy names unknown bones {sorted(unknown)}")
    return _Skeleton(bones, parents, degrees)


def _sections(text: str) -> dict[str, list[list[str]]]:
    """Lines as words below each `:keyword`, comments left out."""
    sections: dict[str, list[list[str]]] = {"units": []}
    current: list[list[str]] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            current = sections.setdefault(words[0][1:], [])
        else:
            current.append(words)
    return sections


def _bone(block: dict[str, list[str]], degrees: bool) -> _Bone:
    angles, order = np.array(block["axis"][:3], dtype=float), block["axis"][3]
    direction = np.array(block["direction"], dtype=float)
    length = float(block["length"][0])
    if not (np.isfinite(direction).all() and np.isfinite(length) and direction.any() and np.isfinite(angles).all()):
        raise ValueError(f"bone {block['name'][0]} has no finite direction, length or axis")
    return _Bone(
        name=block["name"][0],
        vector=direction / np.linalg.norm(direction) * length,
        axis=Rotation.from_euler(order.lower(), angles, degrees=degrees),
        freedoms=tuple(word.lower() for word in block.get("dof", [])),
    )


def _read_frames(text: str) -> list[dict[str, np.ndarray]]:
    """Numbers by bone, one dictionary a frame."""
    frames: list[dict[str, np.ndarray]] = []
    for line in text.splitlines():
        words = line.split()
        if not words or line.startswith(("#", ":")):
            continue
        if words[0].isdigit() and len(words) == 1:
            frames.append({})
        else:
            frames[-1][words[0]] = np.array(words[1:], dtype=float)
    if not frames:
        raise ValueError("it has no frames")
    return frames


def _rotations(asf: _Skeleton, frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Local rotations (T, 3, 3) by bone."""
    rotations = {}
    for name, bone in asf.bones.items():
        turns = [f for f in bone.freedoms if f.startswith("r")]
        if not turns:
            continue
        wanted = len(bone.freedoms) + (3 if name == "root" else 0)
        rows = [frame[name] for frame in frames]
        if any(len(row) != wanted or not np.isfinite(row).all() for row in rows):
            raise ValueError(f"{name} needs {wanted} finite numbers a frame")
        values = np.stack(rows)
        angles = values[:, 3:] if name == "root" else values[:, [bone.freedoms.index(f) for f in turns]]
        moved = Rotation.from_euler("".join(f[1] for f in turns), angles, degrees=asf.degrees)
        rotations[name] = (bone.axis * moved * bone.axis.inv()).as_matrix()
    return rotations


def _tree(asf: _Skeleton) -> tuple[tuple[str, ...], tuple[int, ...], np.ndarray]:
    """Names, parents and offsets (J, 3), parents first: a joint starts where its parent's bone ends."""
    names = ["root"]
    for name in names:
        names += [child for child, parent in asf.parents.items() if parent == name]
    if lost := asf.bones.keys() - set(names):
        raise ValueError(f"the hierarchy does not reach {sorted(lost)} from the root")
    parents = [-1, *(names.index(asf.parents[name]) for name in names[1:])]
    offsets = [np.zeros(3), *(asf.bones[asf.parents[name]].vector for name in names[1:])]
    for name in sorted(asf.bones.keys() - asf.parents.values()):
        parents.append(names.index(name))
        names.append(f"{name}_end")
        offsets.append(asf.bones[name].vector)
    return tuple(names), tuple(parents), np.array(offsets)
