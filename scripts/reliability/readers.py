"""Damaged and hostile files through every reader: content, or one error that names the file; nothing of it runs."""

import importlib.util
import io
import json
import os
import pickle
import random
import resource
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from damage import BYTE_DAMAGES
from forks import in_fork
from pipelines import TRAINING

from body.motion.files import MotionFileError, read_motion
from body.safe_pickle import UnsafePickleError
from body.smpl_file import BodyFileError, read_body
from evaluation.errors import BadDatasetError
from evaluation.study.config import StudyConfigError, read_study
from evaluation.study.table import StudyRowsError, read_csv
from flows.prepare import runs, thinned
from harvest.sources.lists import read_list
from harvest.weights.safe_checkpoint import CheckpointError, load_state_dict
from hmmr_model.checkpoint import BadCheckpointError, load_checkpoint
from hmmr_model.prior import NoPriorPosesError, read_prior_poses
from openworld.film.truth_file import TruthFileError, read_facts, read_people
from storage.errors import LakeError
from storage.example_rows import shard, source_name
from storage.export.dataset import export_dataset
from storage.export.verify import verify_dataset
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.reconcile import reconcile
from storage.snapshot import digests, freeze, load

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
FILES = 38
"""Files of each reader."""
BOUND_S, BOUND_BYTES = 30.0, 1 << 30


def _tests() -> Any:
    """The fuzzing test, which knows how to write each benchmark's files."""
    place = ROOT / "tests" / "evaluation" / "readers" / "test_fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz_of_readers", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FUZZ = _tests()


class Trap:
    """Leaves a file when it is unpickled by pickle itself."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


@dataclass(frozen=True)
class Reader:
    """`write` makes good files in a folder and returns the one to damage; `read` reads; `errors` are its refusals."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...]


def _benchmark(name: str) -> Reader:
    dataset, made = FUZZ.SETS[name]

    def write(folder: Path) -> Path:
        for file, make in made.items():
            FUZZ._write(folder / file, make())
        return folder / random.Random(str(folder)).choice(list(made))

    def read(path: Path) -> None:
        folder = next(parent for parent in path.parents if parent.name.startswith("trial-"))
        for sequence in FUZZ.DATASETS[dataset].sequences(folder):
            list(runs(thinned(sequence)))

    return Reader(write, read, (BadDatasetError,))


def _body(suffix: str) -> Reader:
    def write(folder: Path) -> Path:
        rng = np.random.default_rng(0)
        weights = rng.random((50, 24))
        arrays = {
            "v_template": rng.normal(size=(50, 3)), "shapedirs": rng.normal(size=(50, 3, 10)),
            "J_regressor": np.full((24, 50), 0.02), "weights": weights / weights.sum(1, keepdims=True),
            "kintree_table": np.array([[-1, *range(23)], range(24)]), "f": rng.integers(0, 50, (80, 3)),
            "posedirs": rng.normal(size=(50, 3, 207)),
        }  # fmt: skip
        path = folder / f"body.{suffix}"
        if suffix == "npz":
            np.savez(path, **arrays)
        else:
            path.write_bytes(pickle.dumps(arrays, 2))
        return path

    return Reader(write, read_body, (BodyFileError, UnsafePickleError))


def _motion(name: str) -> Reader:
    def write(folder: Path) -> Path:
        path = folder / f"walk.{name}"
        rng = np.random.default_rng(0)
        if name == "npz":
            np.savez(path, poses=np.zeros((2, 156)), trans=np.zeros((2, 3)), mocap_frame_rate=np.array(30.0))
        elif name == "txt":
            frame = rng.uniform(0.1, 1, 44).round(3).tolist()
            path.write_text(json.dumps({"Loop": "none", "Frames": [frame, frame]}))
        else:
            takes = sorted(Path("/usr/share/assimp/models/BVH").glob("*.bvh"))
            path.write_text(takes[0].read_text()[:60_000] if takes else BVH)
        return path

    return Reader(write, read_motion, (MotionFileError,))


BVH = (
    "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n"
    "MOTION\nFrames: 2\nFrame Time: 0.04\n0 0 0\n1 1 1\n"
)


def _checkpoint(folder: Path) -> Path:
    """A model that was trained for some steps; made once, copied then."""
    made = folder.parent / "model.pt"
    if not made.exists():
        torch.set_num_threads(1)
        TRAINING.run(folder.parent / "model-run")
        shutil.copy(folder.parent / "model-run" / "model.pt", made)
    return Path(shutil.copy(made, folder / "model.pt"))


def _state_dict(folder: Path) -> Path:
    path = folder / "net.pth"
    zipped = random.Random(str(folder)).random() < 0.5
    content = {"state_dict": {"a": torch.arange(600.0), "b": torch.ones(3, 4)}, "epoch": 3}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def _prior(folder: Path) -> Path:
    np.savez(folder / "poses.npz", rotations=np.tile(np.eye(3), (5, 24, 1, 1)))
    return folder / "poses.npz"


def _lake_file(pattern: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        lake = Lake(folder / "lake")
        for name, table in shard([source_name(0), source_name(1)], frames=3).items():
            lake.append(name, table)
        freeze(lake)
        Ledger.open(lake.root).close()
        return random.Random(str(folder)).choice(sorted((folder / "lake").glob(pattern)))

    return write


def _read_lake(path: Path) -> None:
    root = next(parent for parent in path.parents if parent.name == "lake")
    lake = Lake(root, create=False)
    for name in ("tracklets", "features", "videos", "rejects", "shots"):
        lake.read(name).to_pylist()
    for digest in digests(lake):
        load(lake, digest)
    ledger = Ledger.open(lake.root)
    try:
        reconcile(lake, ledger, repair=False)
    finally:
        ledger.close()


def _list(folder: Path) -> Path:
    suffix = random.Random(str(folder)).choice(("yaml", "json", "txt"))
    entries = ["https://films.test/a.mp4", {"url": "https://films.test/b.mp4", "licence": "open", "sections": [[0, 5]]}]
    first, second = "https://films.test/a.mp4", "https://films.test/b.mp4"
    yaml = f"defaults: {{licence: open, tags: [walk]}}\nsources:\n- {first}\n- url: {second}\n"
    text = {"yaml": yaml, "json": json.dumps({"sources": entries}), "txt": f"{first}\n{second}\n"}
    path = folder / f"list.{suffix}"
    path.write_text(text[suffix])
    return path


def _study(folder: Path) -> Path:
    (folder / "study.yaml").write_text(FUZZ.STUDY)
    return folder / "study.yaml"


def _rows(folder: Path) -> Path:
    (folder / "rows.csv").write_text("\n".join(["hours,seed,sequence,error", *FUZZ.ROWS]))
    return folder / "rows.csv"


def _truth(folder: Path) -> Path:
    from openworld.film.batch import make_films
    from openworld.film.truth_file import truth_path
    from openworld.worlds import SplitConfig, WorldConfig

    made = folder.parent / "film"
    if not made.exists():
        split = SplitConfig("unlabelled", 1, seconds=(0.3, 0.4))
        make_films(WorldConfig(splits=(split,), seed=1, width=64, height=48, processes=1), made)
    (video,) = made.rglob("*.mp4")
    return Path(shutil.copy(truth_path(video), folder / "film.truth.parquet"))


def _exported(folder: Path) -> Path:
    lake = Lake(folder / "lake")
    for name, table in shard([source_name(0)], frames=3).items():
        lake.append(name, table)
    out = export_dataset(lake, freeze(lake), folder / "dataset")
    return random.Random(str(folder)).choice([path for path in sorted(out.rglob("*")) if path.is_file()])


def _verify(path: Path) -> None:
    verify_dataset(next(parent for parent in path.parents if parent.name == "dataset"))


READERS: dict[str, Reader] = {
    **{f"benchmark {name}": _benchmark(name) for name in FUZZ.SETS},
    "body npz": _body("npz"),
    "body pickle": _body("pkl"),
    **{f"motion {name}": _motion(name) for name in ("bvh", "txt", "npz")},
    "checkpoint": Reader(_checkpoint, load_checkpoint, (BadCheckpointError,)),
    "state dict": Reader(_state_dict, load_state_dict, (CheckpointError,)),
    "prior poses": Reader(_prior, read_prior_poses, (NoPriorPosesError,)),
    "lake table": Reader(_lake_file("*/*.parquet"), _read_lake, (LakeError,)),
    "lake log": Reader(_lake_file("*/_delta_log/*.json"), _read_lake, (LakeError,)),
    "lake snapshot": Reader(_lake_file("snapshots/*"), _read_lake, (LakeError,)),
    "ledger": Reader(_lake_file("ledger.sqlite"), _read_lake, (LakeError,)),
    "source list": Reader(_list, read_list, (ValueError,)),
    "study": Reader(_study, read_study, (StudyConfigError,)),
    "study rows": Reader(_rows, read_csv, (StudyRowsError,)),
    "film's truth": Reader(_truth, lambda path: (read_facts(path), read_people(path)), (TruthFileError,)),
    "exported dataset": Reader(_exported, _verify, ()),
}  # fmt: skip
NAMELESS = ("source list", "ledger", "lake log", "lake table", "lake snapshot")
"""Readers whose caller names the file, or which name the table."""


def _hostile(path: Path, canary: Path, rng: random.Random) -> None:
    """Instead of the file: something that runs code, or a bomb, in the file's own container where it has one."""
    content = path.read_bytes()
    trap = pickle.dumps({"a": Trap(canary)}, rng.choice((0, 2, 4)))
    if path.suffix in (".npz", ".pt", ".pth") and zipfile.is_zipfile(path):
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith("data.pkl"):
                    data = trap
                elif name.endswith(".npy"):
                    array = io.BytesIO()
                    np.save(array, np.array([Trap(canary)], object), allow_pickle=True)
                    data = rng.choice((array.getvalue(), data[:80] + bytes(100_000_000)))
                new.writestr(name, data)
        path.write_bytes(made.getvalue())
    elif path.suffix in (".yaml", ".yml"):
        path.write_text(f"!!python/object/apply:os.system ['touch {canary}']\n")
    elif path.suffix in (".json", ".txt"):
        path.write_text(rng.choice(("[" * 100_000, '{"a":' * 50_000, '"' + "x" * 3_000_000, "9" * 100_000)))
    else:
        path.write_bytes(trap)


def _one(name: str, seed: int, trial: int, folder: Path) -> Row:
    rng, reader = random.Random(f"{seed}/{name}/{trial}"), READERS[name]
    folder.mkdir(parents=True)
    path, canary = reader.write(folder), folder / "CANARY"
    if rng.random() < 0.2 and path.stat().st_size:
        _hostile(path, canary, rng)
        what = "hostile"
    else:
        damage = rng.choice(BYTE_DAMAGES) if path.stat().st_size else BYTE_DAMAGES[-2]
        path.write_bytes(damage(path.read_bytes() or b"x", rng))
        what = damage.__name__.replace("_", " ")
    begin, problem, end = time.monotonic(), "", "content"
    try:
        reader.read(path)
    except reader.errors as error:
        end = "refusal"
        if name not in NAMELESS and str(folder) not in str(error) and path.name not in str(error):
            problem = f"the error does not name the file: {error}"
    except BaseException as error:
        end, problem = type(error).__name__, f"raw {type(error).__name__}: {error}"
    seconds, ran = time.monotonic() - begin, int(canary.exists())
    problem = problem or ("code ran" if ran else "") or (f"took {seconds:.0f} s" if seconds > BOUND_S else "")
    if not problem:
        shutil.rmtree(folder)
    return {"trial": trial, "what": f"{path.name}, {what}", "end": end, "ran": ran, "seconds": round(seconds, 2),
            "problem": problem}  # fmt: skip


def _some(name: str, seed: int, trials: Sequence[int], place: Path) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [_one(name, seed, trial, place / f"trial-{trial}") for trial in trials]
    return {"rows": rows, "bytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10}


def run_reader(name: str) -> Callable[[int, Sequence[int], Path], Iterator[Row]]:
    """The trials of one reader, nineteen a process."""

    def run(seed: int, trials: Sequence[int], out: Path) -> Iterator[Row]:
        place = out / "work" / f"reader-{name.replace(' ', '_')}".replace("'", "")
        shutil.rmtree(place, ignore_errors=True)
        for start in range(0, len(trials), 19):
            some = trials[start : start + 19]
            try:
                done = in_fork(lambda some=some: _some(name, seed, some, place), place / "rows.json")
            except RuntimeError as error:  # the process died, or a file could not be made
                yield {"trial": some[0], "what": "", "end": "", "ran": 0, "problem": str(error)}
                continue
            for row in done["rows"]:
                row["problem"] = row["problem"] or ("too much memory" if done["bytes"] > BOUND_BYTES else "")
                yield {**row, "megabytes": done["bytes"] >> 20}

    return run
