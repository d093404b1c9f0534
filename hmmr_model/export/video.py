"""The video that shows whether a prediction is right: the mesh over the pixels, beside it the same from the side."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from body.model import BodyModel
from body.mp4 import write_mp4
from hmmr_model.export.mesh_view import Drawn, MeshViews, Picture, drawn_body
from hmmr_model.export.person_motion import PersonMotion


def render_motion(
    frames: Iterable[tuple[int, Picture]], people: Sequence[PersonMotion], body: BodyModel, path: Path,
    fps: Fraction | float, *, max_height: int = 720, progress: Callable[[int], None] | None = None,
) -> Path:  # fmt: skip
    """Write an MP4 of the given frames of one video, each with everybody predicted in it.

    frames: (index in decode order, RGB picture of the size that the tracklets' pixels are in), in order. A frame
    without people is shown as it is. `progress` is told the number of frames done. Raises VideoWriteError.
    """
    if not people:
        raise ValueError("nobody was predicted: there is nothing to draw")
    views = MeshViews(body, people[0].geometry, max_height)
    places = [{int(index): t for t, index in enumerate(person.frame_index)} for person in people]

    def pictures() -> Iterator[Picture]:
        for done, (index, picture) in enumerate(frames, start=1):
            yield views.pair(picture, _present(people, places, index, body))
            if progress:
                progress(done)

    return write_mp4(pictures(), path, fps)


def _present(
    people: Sequence[PersonMotion], places: Sequence[dict[int, int]], index: int, body: BodyModel
) -> list[Drawn]:
    return [
        drawn_body(person.now, place[index], number, body)
        for number, (person, place) in enumerate(zip(people, places, strict=True))
        if index in place
    ]
