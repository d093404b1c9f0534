"""3D motion of everybody in one photograph: the embedded networks pose them, the hallucinator tells past and future.

P people, 25 keypoints.
"""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from body.boxes import smooth_boxes, suppress
from body.model import BodyModel
from flows.predict import write_people
from harvest.backends.embedded import EmbeddedBackend, NanoDet, NanoDetConfig
from harvest.fetch.policy import Policy
from harvest.filters.presets import DEFAULT
from harvest.phi.joined import joined_features
from harvest.video.decode import DecodeConfig
from harvest.video.random_access import RandomAccess
from hmmr_model.checkpoint import Checkpoint
from hmmr_model.export.person_motion import PersonMotion, PictureGeometry, person_motion
from hmmr_model.predict import Predictor
from hmmr_model.refine import RefineConfig, View, refine
from storage.tables import ZERO_SHOT, TrackletArrays

Picture = NDArray[np.uint8]
LOOKS = (320, 640)
"""Longer sides, px, at which people are looked for; video gets the first one only (docs/LOG.md)."""
MAX_SIDE = 1920
"""As for video (harvest/video/decode.py): more pixels do not help networks that see 256."""


class PictureError(ValueError):
    """A picture that cannot be read, or in which nobody is seen; the message names it."""


def is_picture(path: Path) -> bool:
    """Whether the content is a picture's, whatever the name says: a photograph may be called clip.mp4."""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", b"II*\0", b"MM\0*")) or head[8:] == b"WEBP"


def read_photo(path: Path) -> Picture:
    """RGB (H, W, 3), scaled down to MAX_SIDE. PictureError names a file that is none."""
    raw = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if raw is None:
        raise PictureError(f"{path}: is not an image that OpenCV can read")
    scale = min(1.0, MAX_SIDE / max(raw.shape[:2]))
    resized = raw if scale == 1.0 else cv2.resize(raw, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)


def read_instant(video: Path, seconds: float) -> Picture:
    """The RGB picture (H, W, 3) that a video shows at this time, by index, without decoding all before it."""
    config = DecodeConfig(max_side=MAX_SIDE)
    access = RandomAccess(video, video.name, config, max_pixels=Policy().max_pixels)
    (frame,) = access.frames(np.array([access.index_at(seconds)]))
    return frame.pixels_HW3


def people_of_photo(
    picture: Picture, model: Checkpoint, body: BodyModel, device: str, phi_name: str, *, refined: bool, name: str,
    focal: float | None = None,
) -> list[PersonMotion]:  # fmt: skip
    """Everybody whom the detector is sure of, surest first. PictureError with `name` if nobody is there."""
    keypoints_P25x3 = EmbeddedBackend().pose([picture], [people_boxes(picture)])[0]
    seen = [k for k in keypoints_P25x3 if (k[:, 2] >= DEFAULT.visible_score).sum() > DEFAULT.start_above]
    if not seen:
        raise PictureError(f"{name}: nobody was found in the picture")
    predictor = Predictor(model, device)
    geometry = PictureGeometry(picture.shape[1], picture.shape[0], Fraction(1, 25), focal)
    people = []
    for number, keypoints_25x3 in enumerate(seen):
        tracklet = _tracklet(number, keypoints_25x3)
        features = joined_features(f"{phi_name}+{ZERO_SHOT}", [picture], tracklet.boxes, tracklet.keypoints)
        phi_1D, own_1J3 = features[:, :-75], features[:, -75:].reshape(1, 25, 3)
        own_1J3 = np.where((own_1J3 == 0).all(axis=-1, keepdims=True), np.nan, own_1J3)  # joints that it lacks
        prediction = predictor.tracklet(tracklet.tracklet_id, phi_1D.astype(np.float16))
        if refined:
            view = View.of_picture(geometry.width, geometry.height, focal)
            prediction = refine(prediction, tracklet, predictor.body, RefineConfig(), own_1J3, view)
        people.append(person_motion(prediction, tracklet, geometry, body))
    return people


def people_boxes(picture: Picture) -> NDArray[np.float32]:
    """People (P, 4), surest first, seen small and large: there is no next frame in which a missed one is found."""
    found_P5 = np.concatenate([NanoDet(NanoDetConfig(size=size)).people([picture])[0] for size in LOOKS])
    kept = suppress(found_P5[:, :4], found_P5[:, 4], NanoDetConfig().overlap)
    return np.asarray(found_P5[kept, :4])


def _tracklet(number: int, keypoints_25x3: NDArray[np.float32]) -> TrackletArrays:
    """A tracklet of one frame."""
    keypoints = keypoints_25x3[None].astype(np.float32)
    return TrackletArrays(
        tracklet_id=f"person_{number}", source_id="photo", fps=25.0, frame_index=np.zeros(1, np.int32),
        pts=np.zeros(1, np.int64), boxes=smooth_boxes(keypoints, DEFAULT.visible_score), keypoints=keypoints,
        observed=np.ones(1, bool),
    )  # fmt: skip


def predict_photo(
    source: Path, model: Checkpoint, out: Path, *, device: str, phi: str, refined: bool, render: bool,
    focal: float | None = None, at_s: float | None = None,
) -> list[PersonMotion]:  # fmt: skip
    """Motion of everybody in an image: past, present and future of one picture, where the model has a hallucinator.

    With `at_s` the source is a video, and the picture the one that it shows so many seconds after its first. Writes
    motion_N.npz, .glb, .bvh and, with `render`, strip.png into `out`. PictureError where nobody is to be seen,
    ValueError for a time that the video does not have, and the harvest's errors for one that cannot be decoded.
    """
    picture = read_photo(source) if at_s is None else read_instant(source, at_s)
    body = BodyModel.load(model.config.body)
    people = people_of_photo(picture, model, body, device, phi, refined=refined, name=source.name, focal=focal)
    write_people(people, body, out)
    if render:
        from hmmr_model.export.pictures import write_photo_strip

        write_photo_strip(picture, people, body, out / "strip.png")
    return people
