"""Predictions of a lake's tracklets as people in front of the camera."""

from collections.abc import Mapping
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from body.model import BodyModel
from hmmr_model.export.person_motion import PersonMotion, PictureGeometry, person_motion
from hmmr_model.prediction import Prediction
from storage.lake import Lake
from storage.tables import iter_tracklets

_ORDER = ("source_id", "shot_index", "person_index")
_COLUMNS = (*_ORDER, "tracklet_id", "width", "height", "time_base_num", "time_base_den")


def people_of_lake(predictions: Mapping[str, Prediction], lake: Lake, body: BodyModel) -> list[PersonMotion]:
    """Every predicted tracklet, placed; in the order of shots, and of people within a shot."""
    wanted = pc.field("tracklet_id").isin(pa.array(list(predictions), pa.string()))
    table = lake.read("tracklets", _COLUMNS, wanted).sort_by([(name, "ascending") for name in _ORDER])
    tracklets = {tracklet.tracklet_id: tracklet for tracklet in iter_tracklets(lake, list(predictions))}
    return [
        person_motion(
            predictions[row["tracklet_id"]],
            tracklets[row["tracklet_id"]],
            PictureGeometry(row["width"], row["height"], Fraction(row["time_base_num"], row["time_base_den"])),
            body,
        )
        for row in table.to_pylist()
    ]
