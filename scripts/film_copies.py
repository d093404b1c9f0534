"""Short films in many copies, each another file with the same truth: sources for trials of faults."""

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from body.ffmpeg import ffmpeg_program
from openworld.film.batch import make_films
from openworld.film.truth_file import truth_path
from openworld.worlds import SplitConfig, WorldConfig
from storage.atomic import file_sha256


def make_sources(folder: Path, count: int, made_count: int = 4) -> Path:
    """So many short films below FOLDER/films, which is returned: a few that are rendered, and each again with another
    comment in its header, so another file.

    A second long at most: so few pictures are not enough for the harvest to call one a copy of another.
    """
    split = SplitConfig("unlabelled", made_count, crossing=min(1, made_count // 4), cut=0, seconds=(0.9, 1.1))
    made = make_films(WorldConfig(splits=(split,), seed=5, width=128, height=96, processes=1), folder / "made")
    for number in range(count):
        video = folder / "made" / "unlabelled" / f"{made[number % made_count].film_id}.mp4"
        copy = folder / "films" / f"film_{number:03d}.mp4"
        copy.parent.mkdir(exist_ok=True)
        tagged = ["-c", "copy", "-metadata", f"comment={number}", str(copy)]
        command = [ffmpeg_program(), "-y", "-v", "error", "-i", str(video), *tagged]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        copy_truth(truth_path(video), truth_path(copy), file_sha256(copy))
    return folder / "films"


def copy_truth(source: Path, target: Path, digest: str) -> None:
    """Write the truth of a film for a copy of it whose bytes have this SHA-256."""
    table = pq.read_table(source)
    place = table.schema.get_field_index("video_sha256")
    table = table.set_column(place, table.schema.field(place), pa.array([digest] * table.num_rows))
    facts = json.loads((table.schema.metadata or {})[b"film"])
    pq.write_table(table.replace_schema_metadata({b"film": json.dumps({**facts, "video_sha256": digest})}), target)
