"""The tables of the lake: one pyarrow schema each, with the meaning of every column in its field metadata.

Time is the stream's own: `pts` in units of time_base_num / time_base_den seconds. Pixels are those of the
source frame, origin at the centre of the top-left pixel's corner (x right, y down). 3D is metres in the
camera frame (x right, y down, z forward). T is the number of frames of the row.

Rows against the schema of their table, with the inner lengths that Delta does not keep.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import SchemaMismatch

SCHEMA_VERSION = 2
"""Version 2 added videos.recipe and the table probes. storage/upgrade.py holds one step for each version."""


def _column(name: str, kind: pa.DataType, meaning: str, *, width: int | None = None, required: bool = True) -> pa.Field:
    """A field whose metadata says what it means and, for nested lists, the inner length that Delta does not keep."""
    meta = {"meaning": meaning}
    if width is not None:
        meta["width"] = str(width)
    return pa.field(name, kind, nullable=not required, metadata=meta)


_F32 = pa.float32()
_ROWS_F32 = pa.list_(pa.list_(_F32))

TRACKLETS = pa.schema(
    [
        _column("tracklet_id", pa.string(), "stable id: hash of source, shot, person, first frame and label_key"),
        _column("source_id", pa.string(), "the video; sha256 of its canonical URL or of a local file's content"),
        _column("shot_index", pa.int32(), "which shot of the video, from 0"),
        _column("person_index", pa.int32(), "which track of the shot, from 0"),
        _column("fps_num", pa.int32(), "working frame rate, numerator"),
        _column("fps_den", pa.int32(), "working frame rate, denominator"),
        _column("time_base_num", pa.int32(), "seconds per unit of pts, numerator"),
        _column("time_base_den", pa.int32(), "seconds per unit of pts, denominator"),
        _column("width", pa.int32(), "px of the decoded frame"),
        _column("height", pa.int32(), "px of the decoded frame"),
        _column("frame_index", pa.list_(pa.int32()), "(T) index in decode order of the source's frames"),
        _column("pts", pa.list_(pa.int64()), "(T) presentation time in the stream's time base"),
        _column("observed", pa.list_(pa.bool_()), "(T) False where the tracker bridged a gap"),
        _column("boxes", _ROWS_F32, "(T, 4) x0 y0 x1 y1 px: the smoothed square that phi is cut from", width=4),
        _column("keypoints", _ROWS_F32, "(T, 75) 25 x (x, y, score), px of the source frame", width=75),
        _column("n_frames", pa.int32(), "T"),
        _column("seconds", pa.float64(), "T / working rate"),
        _column("mean_score", _F32, "mean keypoint score over joints that the backend has"),
        _column("visible_joints", _F32, "mean number of joints a frame with score >= the preset's threshold"),
        _column("median_diagonal_px", _F32, "median diagonal of the visible keypoints' box"),
        _column("tags", pa.list_(pa.string()), "words from the source list, for which-data studies"),
        _column("backend", pa.string(), "name of the 2D backend"),
        _column("preset", pa.string(), "name of the filter preset"),
        _column("licence", pa.string(), "open, closed, unknown, or vouched with its date"),
        _column("label_key", pa.string(), "hash of input content, stages, versions, configuration, weights"),
        _column("committed_at", pa.timestamp("us", tz="UTC"), "when the row was written"),
        _column("bridged_share", _F32, "share of the frames that the tracker bridged", required=False),
    ]
)

FEATURES = pa.schema(
    [
        _column("tracklet_id", pa.string(), "row of tracklets"),
        _column("source_id", pa.string(), "the video"),
        _column("phi_name", pa.string(), "which feature: blazepose_penultimate, keypoints, ..."),
        _column("phi_dim", pa.int32(), "D"),
        _column("phi", pa.binary(), "(T, D) float16, little-endian, row-major: Delta has no half type"),
        _column("zero_shot_3d", _ROWS_F32, "(T, 75) 25 x (x, y, z) m, hip-centred, camera axes, by the 2D network "
                "itself; NaN for joints it lacks; null for a phi without", width=75, required=False),
        _column("label_key", pa.string(), "label_key of the tracklet that phi was computed for"),
        _column("turn", pa.list_(_F32), "(T) radians by which phi's crop is turned about its centre, clockwise in the "
                "picture, so that the trunk stands upright in it; null: upright crops", required=False),
    ]
)  # fmt: skip

LABELS_3D = pa.schema(
    [
        _column("tracklet_id", pa.string(), "row of tracklets"),
        _column("source_id", pa.string(), "the video"),
        _column("truth_id", pa.string(), "where the truth comes from: film and person, or sequence and actor"),
        _column("split", pa.string(), "labelled, unlabelled, dev, test, or the benchmark's own split"),
        _column("body", pa.string(), "body file that rotations and betas belong to: open24, smpl, or empty"),
        _column("valid", pa.list_(pa.bool_()), "(T) whether the frame has a 3D label"),
        _column("keypoints_3d", _ROWS_F32, "(T, 75) 25 x (x, y, z) m, camera frame; NaN: not labelled", width=75),
        _column("keypoints_2d", _ROWS_F32, "(T, 75) 25 x (x, y, visible), px: true projection", width=75),
        _column("rotations", _ROWS_F32, "(T, 216) 24 rotation matrices, row-major, root in camera axes; null: none",
                width=216, required=False),
        _column("betas", pa.list_(_F32), "(10) shape; null: none", width=None, required=False),
        _column("translation", _ROWS_F32, "(T, 3) m, camera frame, of the body's origin; null: none", width=3,
                required=False),
    ]
)  # fmt: skip

PSEUDO_3D = pa.schema(
    [
        _column("tracklet_id", pa.string(), "row of tracklets"),
        _column("source_id", pa.string(), "the video"),
        _column("round_id", pa.string(), "hash of the teachers, the settings and the code's version: one label round"),
        _column("teachers", pa.list_(pa.string()), "sha256 of each teacher's checkpoint"),
        _column("body", pa.string(), "body file that rotations and betas belong to"),
        _column("rotations", _ROWS_F32, "(T, 216) 24 rotation matrices, row-major, root in camera axes", width=216),
        _column("betas", pa.list_(_F32), "(10) shape"),
        _column("keypoints_3d", _ROWS_F32, "(T, 75) 25 x (x, y, z) m, camera axes, pelvis at the origin", width=75),
        _column("confidence", _ROWS_F32, "(T, 25) the 2D network's score of each joint; 0 where it is too low to be "
                "used", width=25),
        _column("reprojection", _F32, "gate value: mean distance of the projected joints from the detected ones, in "
                "halves of the crop's side"),
        _column("apart_m", _F32, "gate value: mean distance of the teachers' joints from their mean, m"),
        _column("label_key", pa.string(), "label_key of the tracklet that was labelled"),
    ]
)  # fmt: skip

REJECTS = pa.schema(
    [
        _column("source_id", pa.string(), "the video"),
        _column("shot_index", pa.int32(), "which shot, -1 for the whole video"),
        _column("person_index", pa.int32(), "which track of the shot, -1 for none"),
        _column("first_frame", pa.int32(), "decode index where the rejected run starts"),
        _column("last_frame", pa.int32(), "decode index where it ends, inclusive"),
        _column("n_frames", pa.int32(), "frames of the run"),
        _column("stage", pa.string(), "decode, shots, people, pose, track, filter"),
        _column("reason", pa.string(), "stable slug, e.g. too_short"),
        _column("measured", pa.float64(), "the value that failed", required=False),
        _column("threshold", pa.float64(), "what it was held against", required=False),
        _column("preset", pa.string(), "filter preset"),
        _column("label_key", pa.string(), "as in tracklets"),
        _column("keypoints", _ROWS_F32, "(k, 75) a few example frames, for drawing", width=75, required=False),
    ]
)

VIDEOS = pa.schema(
    [
        _column("source_id", pa.string(), "the video"),
        _column("url", pa.string(), "canonical URL or file name without its folder", required=False),
        _column("host", pa.string(), "host name, or 'local'"),
        _column("uploader", pa.string(), "as the host says", required=False),
        _column("title", pa.string(), "as the host says: hostile text, escape it", required=False),
        _column("content_sha256", pa.string(), "of the downloaded bytes"),
        _column("fingerprints", pa.list_(pa.int64()), "perceptual hash of sampled frames, 64 bits each"),
        _column("width", pa.int32(), "px"),
        _column("height", pa.int32(), "px"),
        _column("n_frames", pa.int32(), "decoded frames before thinning"),
        _column("duration_s", pa.float64(), "from pts"),
        _column("bytes", pa.int64(), "size of the file"),
        _column("licence", pa.string(), "as in tracklets"),
        _column("evidence", pa.string(), "JSON: what the policy saw, where and when"),
        _column("tags", pa.list_(pa.string()), "as in tracklets"),
        _column("provenance", pa.string(), "JSON: extractor, tool versions, format, dates"),
        _column("stage_seconds", pa.string(), "JSON: wall, cpu and (where one was used) gpu seconds by stage"),
        _column("label_key", pa.string(), "as in tracklets"),
        _column("committed_at", pa.timestamp("us", tz="UTC"), "when the row was written"),
        _column("recipe", pa.string(), "JSON of storage/labels/key.py's Recipe: stages and versions, configuration, "
                "weights; with the content's hash it makes the label_key", required=False),
    ]
)  # fmt: skip

SHOTS = pa.schema(
    [
        _column("source_id", pa.string(), "the video"),
        _column("shot_index", pa.int32(), "from 0"),
        _column("first_frame", pa.int32(), "decode index"),
        _column("last_frame", pa.int32(), "decode index, inclusive"),
        _column("first_pts", pa.int64(), "stream time base"),
        _column("last_pts", pa.int64(), "stream time base"),
        _column("n_tracks", pa.int32(), "people tracked in it"),
        _column("label_key", pa.string(), "as in tracklets"),
    ]
)

RUNS = pa.schema(
    [
        _column("run_id", pa.string(), "stable id of everything that made the run"),
        _column("kind", pa.string(), "train, evaluate, harvest, study, features (weights of a phi that was added)"),
        _column("started_at", pa.timestamp("us", tz="UTC"), "start"),
        _column("seconds", pa.float64(), "wall time"),
        _column("config", pa.string(), "JSON of the frozen configuration"),
        _column("snapshot", pa.string(), "digest of what was trained on", required=False),
        _column("checkpoint", pa.string(), "path, relative to the lake where it lies below it", required=False),
        _column("command", pa.string(), "what to type to get it again"),
        _column("commit", pa.string(), "git commit of the code"),
        _column("curves", pa.string(), "JSON: {term: [[step, value], ...]}"),
    ]
)

SCORES = pa.schema(
    [
        _column("score_id", pa.string(), "hash of run, protocol, dataset, sequence and metric"),
        _column("run_id", pa.string(), "row of runs, or the name of a baseline"),
        _column("study", pa.string(), "which study, or empty"),
        _column("variant", pa.string(), "semi, ceiling, single_frame, mean_pose, ridge, zero_shot, ..."),
        _column("phi_name", pa.string(), "feature"),
        _column("hours", pa.float64(), "pseudo-labelled hours that were added"),
        _column("seed", pa.int32(), "training and subset seed"),
        _column("dataset", pa.string(), "films, mocap, pose2sim, 3dpw, ..."),
        _column("split", pa.string(), "dev, test, ..."),
        _column("protocol", pa.string(), "protocol id, e.g. open_v1"),
        _column("sequence", pa.string(), "truth_id of one sequence; '*macro' mean over sequences; '*micro': frames"),
        _column("metric", pa.string(), "mpjpe_mm, pa_mpjpe_mm, accel_error_mm_frame2, mirrored_share, ..."),
        _column("value", pa.float64(), "in the unit of the metric's name"),
        _column("n_frames", pa.int64(), "frames that the value is over"),
        _column("commit", pa.string(), "git commit of the code"),
        _column("scored_at", pa.timestamp("us", tz="UTC"), "when"),
    ]
)

FILM_TRUTH = pa.schema(
    [
        _column("film_id", pa.string(), "name of the film, e.g. test_0003"),
        _column("person_index", pa.int32(), "from 0"),
        _column("video_sha256", pa.string(), "of the MP4 that this is the truth of"),
        _column("split", pa.string(), "labelled, unlabelled, dev, test"),
        _column("motion", pa.string(), "names of the motion, for tags"),
        _column("width", pa.int32(), "px"),
        _column("height", pa.int32(), "px"),
        _column("fps_num", pa.int32(), "frame rate, numerator"),
        _column("fps_den", pa.int32(), "frame rate, denominator"),
        _column("time_base_num", pa.int32(), "as the MP4 says"),
        _column("time_base_den", pa.int32(), "as the MP4 says"),
        _column("pts", pa.list_(pa.int64()), "(F) of every frame of the film, as decoded"),
        _column("shot_index", pa.list_(pa.int32()), "(F) which shot of the film"),
        _column("present", pa.list_(pa.bool_()), "(F) whether the person is in the frame's scene"),
        _column("focal", pa.list_(_F32), "(F) px"),
        _column("betas", pa.list_(_F32), "(10) shape of the open body"),
        _column("rotations", _ROWS_F32, "(F, 216) 24 rotation matrices, row-major, root in camera axes", width=216),
        _column("translation", _ROWS_F32, "(F, 3) m, camera frame, of the body's origin", width=3),
        _column("keypoints_3d", _ROWS_F32, "(F, 75) 25 x (x, y, z) m, camera frame", width=75),
        _column("keypoints_2d", _ROWS_F32, "(F, 75) 25 x (x, y, visible) px; visible: in frame, not hidden", width=75),
    ]
)  # fmt: skip

PROBES = pa.schema(
    [
        _column("source_id", pa.string(), "the video"),
        _column("probed_at", pa.timestamp("us", tz="UTC"), "when its URL was asked for again"),
        _column("alive", pa.bool_(), "whether the host still has it"),
        _column("answer", pa.string(), "HTTP status or class of the error"),
    ]
)

LATER_COLUMNS: dict[str, tuple[str, ...]] = {"tracklets": ("bridged_share",), "features": ("turn",)}
"""Nullable columns that tables of this schema version may lack, since they came later. There they read as null; the
next append adds them to the table (storage/delta.py)."""

TABLES: dict[str, pa.Schema] = {
    "tracklets": TRACKLETS,
    "features": FEATURES,
    "labels3d": LABELS_3D,
    "pseudo3d": PSEUDO_3D,
    "rejects": REJECTS,
    "videos": VIDEOS,
    "shots": SHOTS,
    "runs": RUNS,
    "scores": SCORES,
    "probes": PROBES,
}
"""What a lake holds. The films' truth (FILM_TRUTH) lies beside each film as FILM.truth.parquet."""

MEANINGS: dict[str, str] = {
    "tracklets": "One person followed through one stretch of a shot: the 2D pseudo-labels. Written last in a commit.",
    "features": "Image features of a tracklet, one row for each kind of feature.",
    "labels3d": "True 3D of a tracklet, where there is one: films, motion capture, benchmarks.",
    "pseudo3d": "3D of a tracklet as trained models see it, moved onto its 2D: one label round. Never truth.",
    "rejects": "What a filter refused, with the reason and the measured value. A row is a stretch, a track or a video.",
    "videos": "One video under one label_key: where it came from, by what right, and what it cost.",
    "shots": "The cuts of a video.",
    "runs": "Trainings, evaluations and studies: configuration, snapshot, checkpoint.",
    "scores": "One metric of one sequence by one protocol.",
    "probes": "Whether a source was still there when it was asked for again.",
}
"""What a row of each table is."""

_PAGE_HEAD = f"""# The tables of a lake

Made by `hmmr lake schema` from `storage/schema.py`; a test holds the two together. Schema version {SCHEMA_VERSION}.

Each table is a Delta table `LAKE/<table>`: plain Parquet inside (zstd, byte-stream-split floats). T is the number of
frames of a row. Delta keeps no fixed list lengths; those in brackets are checked at every append. Nothing that names a
source lies in the Delta log, so that erasing rewrites files only.
"""


def schema_markdown() -> str:
    """docs/schema.md, made from the schemas: `hmmr lake schema > docs/schema.md`."""
    parts = [_PAGE_HEAD, *(_table_section(name, schema, MEANINGS[name]) for name, schema in TABLES.items())]
    film = "Beside each film, FILM.truth.parquet; film-level facts are JSON under the key `film` of its metadata."
    return "\n".join([*parts, _table_section("film truth", FILM_TRUTH, film)])


def _table_section(name: str, schema: pa.Schema, meaning: str) -> str:
    lines = [f"## {name}", "", meaning, "", "| column | type | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(_table_row(field) for field in schema)]) + "\n"


def _table_row(field: pa.Field) -> str:
    kind = str(field.type).replace("item: ", "").replace("element: ", "")
    width = (field.metadata or {}).get(b"width")
    kind += f" [{width.decode()}]" if width else ""
    kind += " or null" if field.nullable else ""
    meaning = field.metadata[b"meaning"].decode().replace("|", "\\|")
    return f"| `{field.name}` | {kind} | {meaning} |"


_PER_FRAME = {
    "tracklets": ("frame_index", "pts", "observed", "boxes", "keypoints"),
    "labels3d": ("valid", "keypoints_3d", "keypoints_2d", "rotations", "translation"),
    "pseudo3d": ("rotations", "keypoints_3d", "confidence"),
}
"""Columns of a table that all have T entries in each row."""

_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 and 9999 in microseconds from 1970, as all times of the schema are."""


def schema_of(name: str) -> pa.Schema:
    """Schema of a table of the lake; KeyError lists the tables there are."""
    if name not in TABLES:
        raise KeyError(f"no table {name!r} in a lake; there are {', '.join(TABLES)}")
    return TABLES[name]


def validated(name: str, table: pa.Table) -> pa.Table:
    """The table in its schema's column order and types. SchemaMismatch names the column and the first bad row."""
    schema = schema_of(name)
    unknown = set(table.column_names) - set(schema.names)
    if unknown:
        raise SchemaMismatch(f"{name}: no column {', '.join(sorted(unknown))} in the schema")
    result = pa.Table.from_arrays([_checked_column(name, field, table) for field in schema], schema=schema)
    for field in schema:
        width = int((field.metadata or {}).get(b"width", b"0"))
        if width:
            _check_width(name, field.name, result.column(field.name), width)
    _check_frames(name, result)
    check_times(name, result)
    if name == "features":
        _check_phi(result)
    return result


def check_times(name: str, table: pa.Table) -> pa.Table:
    """The same table. SchemaMismatch names the first row whose time no calendar has (Python's ends with the year
    9999, and what is beyond fails far from here)."""
    for field in table.schema:
        if pa.types.is_timestamp(field.type):
            ticks = table.column(field.name).cast(pa.int64())
            bad = pc.fill_null(pc.or_(pc.less(ticks, _FIRST_US), pc.greater(ticks, _LAST_US)), False)
            if pc.any(bad).as_py():
                raise SchemaMismatch(f"{name}.{field.name}: row {_first(bad)} holds a time that no calendar has")
    return table


def _checked_column(name: str, field: pa.Field, table: pa.Table) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        if not field.nullable:
            raise SchemaMismatch(f"{name}: column {field.name} is missing")
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    column = table.column(field.name)
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise SchemaMismatch(f"{name}.{field.name}: {column.type} does not fit {field.type}: {error}") from error
    if column.null_count and not field.nullable:
        raise SchemaMismatch(f"{name}.{field.name}: row {_first(column.is_null())} is null but the column is required")
    return column


def _first(flags: pa.ChunkedArray) -> int:
    return int(np.flatnonzero(flags.to_numpy(zero_copy_only=False))[0])


def _check_width(name: str, column_name: str, column: pa.ChunkedArray, width: int) -> None:
    inner = pc.list_value_length(pc.list_flatten(column))
    bad = pc.fill_null(pc.not_equal(inner, width), True)
    if not pc.any(bad).as_py():
        return
    row = int(pc.list_parent_indices(column)[_first(bad)].as_py())
    raise SchemaMismatch(f"{name}.{column_name}: row {row} has an entry that is not {width} long")


def _check_frames(name: str, table: pa.Table) -> None:
    columns = _PER_FRAME.get(name)
    if columns is None:
        return
    counted = "n_frames" in table.column_names
    want = table.column("n_frames") if counted else pc.list_value_length(table.column(columns[0]))
    for column in columns:
        differs = pc.fill_null(pc.not_equal(pc.list_value_length(table.column(column)), want), False)
        if pc.any(differs).as_py():
            row = _first(differs)
            raise SchemaMismatch(f"{name}.{column}: row {row} does not have T = {want[row]} entries")


def _check_phi(table: pa.Table) -> None:
    frame_bytes = pc.multiply(table.column("phi_dim"), 2)
    size = pc.binary_length(table.column("phi"))
    whole_frames_bytes = pc.multiply(pc.divide(size, pc.max_element_wise(frame_bytes, 1)), frame_bytes)
    bad = pc.or_(pc.not_equal(whole_frames_bytes, size), pc.less_equal(frame_bytes, 0))
    if pc.any(bad).as_py():
        raise SchemaMismatch(f"features.phi: row {_first(bad)} is not a whole number of float16 rows of phi_dim")
