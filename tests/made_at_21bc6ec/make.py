"""Makes every file beside it, with the code of commit 21bc6ec; README.md says what they are.

    cd CHECKOUT_OF_21bc6ec
    OMP_NUM_THREADS=1 PYTHONPATH=$PWD PREFECT_HOME=/tmp/prefect-home python .../make.py /tmp/made_at_21bc6ec

OUT must not exist. It is no part of the tests: what it made is committed, and is what the tests read.
"""

import ast
import hashlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

CHECKOUT = Path.cwd()
PORT = 18766
STUDY = """\
name: unit
shares: [0, 1]
seeds: [0]
budgets: [steps]
phi: [keypoints]
noise: [0, 3]
side_shares: [1]
perfect_2d: [1]
step_shares_without_film: [1.0]
train: {preset: open, steps: 6, save_every: 100, model.width: 16, model.groups: 4, model.regressor_width: 16,
        loss.prior_hidden: 16, data.batch: 4}
"""
STUDY_COMMAND = ["study", "run", "study.yaml", "--lake", "pool", "--labelled", "labelled", "--held-out", "held_out",
                 "--out", "study", "--workers", "1"]  # fmt: skip
CONTENT = "5e" * 32
"""Stands for the sha256 of a video's bytes."""


def main(out: Path) -> None:
    """Everything, in a folder that becomes the current one, so that rows name relative paths."""
    out.mkdir(parents=True)
    os.chdir(out)
    make_lakes()
    make_study()
    compact()
    make_predictions()
    write_json("identities.json", identities())
    write_json("deployments.json", deployments())
    write_json("commands.json", commands())
    tidy()


def write_json(name: str, value: Any) -> None:
    Path(name).write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


# -- lakes ------------------------------------------------------------------------------------------------------------


def make_lakes() -> None:
    """Films, the pool harvested by URL (one film once more with smoothed joints), labelled and held-out lakes."""
    from flows.serve import serve_folder
    from harvest.config import HarvestConfig, LabelConfig
    from harvest.policy import Policy
    from harvest.run import harvest
    from harvest.smooth import SmoothingConfig
    from openworld.films import make_films
    from openworld.truth import attach_truth
    from openworld.worlds import SplitConfig, WorldConfig
    from storage.lake import Lake

    seconds = (1.0, 1.12)
    splits = (
        SplitConfig("labelled", 1, family="narrow", camera="lab", seconds=seconds),
        SplitConfig("unlabelled", 4, crossing=1, empty=1, seconds=seconds),
        SplitConfig("dev", 2, seconds=seconds),
    )
    make_films(WorldConfig(splits, seed=21, processes=1), Path("films"))
    settings = HarvestConfig(
        workers=1, threads=1, retry_failed=True, phis=("blazepose_penultimate", "keypoints"),
        policy=Policy(allow_private=True),
    )  # fmt: skip
    Path("port").write_text(str(PORT))
    with serve_folder(Path("films/unlabelled"), Path("port")) as base:
        urls = [f"{base}/{film.name}" for film in sorted(Path("films/unlabelled").glob("*.mp4"))]
        listed = [{"url": url, "tags": [tag]} for url, tag in zip(urls, ("walk", "run", "walk", "run"), strict=True)]
        Path("sources.json").write_text(json.dumps({"defaults": {"licence": "open"}, "sources": listed}, indent=1))
        print(harvest([Path("sources.json")], Lake("pool"), settings).as_dict())
        Path("one.json").write_text(json.dumps({"defaults": {"licence": "open"}, "sources": listed[2:3]}))
        smooth = replace(settings, label=LabelConfig(smoothing=SmoothingConfig(0.06)))
        print(harvest([Path("one.json")], Lake("pool"), smooth).as_dict())
    attach_truth(Lake("pool"), Path("films/unlabelled"))
    for name, parts in (("labelled", ("labelled",)), ("held_out", ("dev",))):
        print(harvest([Path("films") / part for part in parts], Lake(name), settings).as_dict())
        for part in parts:
            attach_truth(Lake(name), Path("films") / part)


# -- study and checkpoint ---------------------------------------------------------------------------------------------


def make_study() -> None:
    """A whole small study and one `hmmr train`, through the command line; the study's best-fed model is kept."""
    Path("study.yaml").write_text(STUDY)
    hmmr(*STUDY_COMMAND)
    hmmr("train", "--lake", "pool", "--labelled", "labelled", "--out", "trained", "--preset", "tiny", "--steps", "2",
         "--phi", "keypoints")  # fmt: skip
    from storage.lake import Lake

    runs = [(row["run_id"], json.loads(row["config"])) for row in Lake("pool").read("runs").to_pylist()]
    (best,) = [run for run, told in runs if told.get("variant") == "semi" and told["share"] == 1 and not told["noise"]]
    shutil.copyfile(f"study/models/{best}/model.pt", "checkpoint.pt")


def compact() -> None:
    """The many files of `scores` and `runs` become one each, and the old ones go."""
    from storage.lake import Lake
    from storage.rewrite import compact as join
    from storage.rewrite import sweep

    for table in ("scores", "runs"):
        print(table, join(Lake("pool"), table), sweep(Lake("pool"), table, 0))


def hmmr(*words: str) -> None:
    """The command line, in this process."""
    from cli.main import app

    before, sys.argv = sys.argv, ["hmmr", *words]
    try:
        app(list(words), standalone_mode=False)
    finally:
        sys.argv = before


def make_predictions() -> None:
    """What the checkpoint says of one frame, of seven, and of a tracklet of the held-out lake: every head."""
    import numpy as np
    import torch

    from body.model import BodyModel
    from hmmr_model.checkpoint import load_checkpoint
    from hmmr_model.predict import Predictor, predict_lake
    from storage.lake import Lake
    from storage.tables import read_phi

    torch.set_num_threads(1)
    loaded = load_checkpoint("checkpoint.pt")
    predictor, lake = Predictor(loaded), Lake("held_out")
    dev = min(row["tracklet_id"] for row in lake.read("labels3d").to_pylist() if row["split"] == "dev")
    draw = np.random.default_rng(7)
    cases = {
        "photo": draw.normal(size=(1, loaded.phi_dim)).astype(np.float16),
        "seven": draw.normal(size=(7, loaded.phi_dim)).astype(np.float16),
        "dev": np.asarray(read_phi(lake, loaded.config.data.phi_name, [dev])[dev], np.float16),
    }
    arrays: dict[str, Any] = {}
    digests: dict[str, str] = {}
    for name, phi_TD in cases.items():
        arrays[f"{name}/phi"] = phi_TD
        for key, value in told(predictor.tracklet(name, phi_TD)).items():
            digests[f"{name}/{key}"] = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            if name != "dev" or "." not in key or key.endswith("keypoints_3d"):  # the others by their hash alone
                arrays[f"{name}/{key}"] = value
    whole = predict_lake("checkpoint.pt", lake)
    for tracklet_id, prediction in whole.items():
        for key, value in told(prediction).items():
            digests[f"lake/{tracklet_id}/{key}"] = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    rotations, betas = (torch.from_numpy(arrays[f"seven/{key}"]) for key in ("rotations", "betas"))
    vertices = BodyModel.load()(rotations, betas)[0].numpy()
    arrays["seven/every_97th_vertex"] = vertices[:, ::97].astype(np.float32)
    digests["seven/vertices"] = hashlib.sha256(vertices.tobytes()).hexdigest()
    np.savez_compressed("predictions.npz", **arrays)
    write_json("predictions.json", {
        "torch": torch.__version__, "machine": os.uname().machine, "threads": 1, "dev_tracklet": dev,
        "sha256_of_bytes": digests,
    })  # fmt: skip


def told(prediction: Any) -> dict[str, Any]:
    """Every array of a Prediction by dotted name."""
    found = {}
    for field in fields(prediction):
        value = getattr(prediction, field.name)
        if is_dataclass(value):
            found |= {f"{field.name}.{part.name}": getattr(value, part.name) for part in fields(value)}
        elif value is not None and not isinstance(value, str):
            found[field.name] = value
    return found


# -- identities -------------------------------------------------------------------------------------------------------


def identities() -> dict[str, Any]:
    """Everything that is hashed or kept by name, with the inputs that a test needs to get it again."""
    return {
        "labels": label_identities(),
        "training": train_identities(),
        "studies": study_identities(),
        "small": small_identities(),
        "lakes": lake_identities(),
        "names": kept_names(),
    }


class Named:
    """A backend or φ of which only what is hashed is known."""

    def __init__(self, name: str, weights: dict[str, str], joints: tuple[str, ...] = (), dim: int = 0) -> None:
        self.name, self.weights, self.joints, self.dim = name, weights, joints, dim


BACKENDS = {
    "embedded": {"detector.onnx": "01" * 32, "pose.onnx": "02" * 32},
    "truth": {"noise": "03" * 32},
    "rtm-balanced": {"rtm.onnx": "04" * 32},
}
PHIS = {
    "blazepose_penultimate": (1152, {"pose.onnx": "02" * 32}),
    "keypoints": (75, {}),
    "movenet_pyramid": (2304, {"movenet.onnx": "05" * 32}),
    "resnet50_v2": (2048, {"hmr.pt": "06" * 32}),
}


def label_identities() -> dict[str, Any]:
    """Recipes: the code's networks by name, stand-ins, every preset, and every setting changed once."""
    from harvest.config import HarvestConfig, LabelConfig
    from harvest.networks import make_backend, make_phis
    from harvest.presets import PRESETS

    plain = LabelConfig()
    rows = []
    for name, weights in BACKENDS.items():
        for phis in ((), ("keypoints",), ("blazepose_penultimate",), tuple(PHIS)):
            rows.append(stand_in_row(plain, {}, name, weights, phis))
    for preset in PRESETS:
        rows.append(stand_in_row(replace(plain, preset=PRESETS[preset]), {"preset": preset}))
        if preset != "default":
            rows.append(stand_in_row(changed(replace(plain, preset=PRESETS[preset]), "smoothing", {"sigma_s": 0.06}),
                                     {"preset": preset, "smoothing": {"sigma_s": 0.06}}))  # fmt: skip
    for path, value in varied(plain):
        rows.append(stand_in_row(changed(plain, path, value), {path: value}))
    for path, value in (("sides", None), ("smoothing", {"sigma_s": 0.06}), ("smoothing", {"sigma_s": 0.1})):
        rows.append(stand_in_row(changed(plain, path, value), {path: value}))
    real = []
    for backend, films in (("embedded", None), ("truth", Path("films"))):
        asked = HarvestConfig(backend=backend, truth_films=films)
        made = make_backend(asked)
        for scores in ("raw", "calibrated") if backend == "embedded" else ("raw",):
            for names in (("blazepose_penultimate",), ("keypoints", "blazepose_penultimate")):
                config = changed(plain, "scores", scores)
                made_phis = make_phis(names)
                real.append({
                    "backend": backend, "phis": list(names), "changes": {} if scores == "raw" else {"scores": scores},
                    "weights": dict(made.weights), "phi_weights": {phi.name: dict(phi.weights) for phi in made_phis},
                    **recipe_facts(config, made, made_phis),
                })  # fmt: skip
    return {
        "content_sha256": CONTENT,
        "backends": BACKENDS,
        "phis": {name: {"dim": dim, "weights": weights} for name, (dim, weights) in PHIS.items()},
        "defaults": json_able(asdict(plain)),
        "presets": {name: asdict(preset) for name, preset in PRESETS.items()},
        "stand_ins": rows,
        "real": real,
    }


def stand_in_row(
    config: Any, changes: dict[str, Any], backend: str = "embedded", weights: Any = None,
    phis: tuple[str, ...] = ("blazepose_penultimate",),
) -> dict[str, Any]:  # fmt: skip
    made = [Named(phi, PHIS[phi][1], dim=PHIS[phi][0]) for phi in phis]
    facts = recipe_facts(config, Named(backend, weights or BACKENDS[backend]), made)
    if changes:
        facts["stage_keys"] = json_sha256(facts["stage_keys"])
    return {"backend": backend, "phis": list(phis), "changes": json_able(changes), **facts}


def recipe_facts(config: Any, backend: Any, phis: Any) -> dict[str, Any]:
    """Digest, label_key, key of each stage (where settings were changed the hash of all), names of stage files."""
    from harvest.recipe import recipe
    from harvest.remembered import FrameNumbers, RememberedBackend, RememberedPhi, StageFiles

    made = recipe(config, backend, phis)
    files = StageFiles(Path("nowhere"), CONTENT, made)
    stores = RememberedBackend(backend, files, FrameNumbers()).stores
    kept = [*stores, *(RememberedPhi(phi, files, FrameNumbers()).store for phi in phis)]
    return {
        "digest": made.digest,
        "label_key": made.label_key(CONTENT),
        "stage_keys": made.stage_keys(CONTENT),
        "stage_files": [store.path.name for store in kept],
        "recipe_json_sha256": hashlib.sha256(made.to_json().encode()).hexdigest(),
        "recipe": None if phis else json.loads(made.to_json()),
    }


def varied(config: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a tree of dataclasses with one other value."""
    for field in fields(config):
        value, path = getattr(config, field.name), before + field.name
        if is_dataclass(value):
            yield from varied(value, f"{path}.")
        else:
            yield path, other(path, value)


OTHERS = {
    "scores": "raw", "smoothing": {"sigma_s": 0.08}, "model.pose_form": "axis_angle", "precision": "bf16",
    "optimiser.schedule": "constant", "body": "smpl.npz", "warm_start": "warm.pt", "prior_poses": "poses.npz",
    "model.deltas": [-3, 3], "data.held_out": ["dev", "test"], "optimiser.discriminator_betas": [0.25, 0.5],
    "preset.max_frames": 300, "data.window": 21,
}  # fmt: skip


def other(path: str, value: Any) -> Any:
    if path in OTHERS:
        return OTHERS[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.125
    if isinstance(value, Fraction):
        return str(value / 2)
    if isinstance(value, str):
        return f"{value}-other"
    raise TypeError(f"{path}: {value!r}")


def changed(config: Any, path: str, value: Any) -> Any:
    """The config with one leaf changed; values are as JSON has them."""
    first, _, rest = path.partition(".")
    old = getattr(config, first)
    if rest:
        return replace(config, **{first: changed(old, rest, value)})
    if first == "smoothing" and value is not None:
        from harvest.smooth import SmoothingConfig

        value = SmoothingConfig(**value)
    if isinstance(old, Fraction):
        value = Fraction(value)
    return replace(config, **{first: tuple(value) if isinstance(value, list) else value})


def json_able(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def train_identities() -> dict[str, Any]:
    """to_json of every preset, and run ids of cells of every variant and of every setting changed once."""
    from flows.ground import Cell, Ground
    from hmmr_model.config_json import to_json
    from hmmr_model.presets import PRESETS

    snapshot, perfect = "ab" * 32, "cd" * 32
    plain = Ground("unit", Path("pool"), snapshot, Path("labelled"), (), Path("out"), "command")
    truth = replace(plain, perfect=(Path("perfect"), perfect))
    variants = ("semi", "ceiling", "perfect_2d", "reprojected", "single_frame", "candidate", "no_film_best_step")
    cells = []

    def add(preset: str, changes: dict[str, Any], **cell: Any) -> None:
        train = PRESETS[preset]()
        for path, value in changes.items():
            train = changed(train, path, value)
        ids = cell.get("labelled_ids")
        made = Cell(**(cell | {"train": train, "labelled_ids": None if ids is None else tuple(ids)}))
        text = hashlib.sha256(to_json(train).encode()).hexdigest()
        cells.append({
            "preset": preset, "changes": changes, "cell": cell, "train_json_sha256": text,
            "run_id": made.run_id(plain), "run_id_with_perfect": made.run_id(truth),
        })  # fmt: skip

    for preset in PRESETS:
        for variant in variants:
            for share in (0.0, 0.5, 1.0):
                add(preset, {}, variant=variant, share=share, seed=0)
        add(preset, {}, variant="semi", share=1 / 3, seed=7)
    for variant in variants:
        for more in (
            {"labelled_ids": ["b", "a"]}, {"labelled_ids": []}, {"noise": 1.5}, {"labels": "0a1b2c3d"},
            {"labelled_ids": ["b", "a"], "noise": 3.0, "labels": "0a1b2c3d"},
        ):  # fmt: skip
            for share in (0.0, 0.25):
                add("tiny", {}, variant=variant, share=share, seed=1, **more)
    for path, value in varied(PRESETS["open"]()):
        add("open", {path: value}, variant="semi", share=0.5, seed=0)
    return {
        "snapshot": snapshot,
        "perfect_snapshot": perfect,
        "to_json": {name: to_json(make()) for name, make in PRESETS.items()},
        "cells": cells,
    }


def study_identities() -> dict[str, Any]:
    """The grids of the presets and of the small study, cell by cell, and what a study's file keeps."""
    import yaml

    from evaluation.study_config import study_from
    from evaluation.study_grid import all_series, candidates, cells
    from evaluation.study_presets import PRESETS

    studies = dict(PRESETS) | {"unit": study_from(yaml.safe_load(STUDY))}
    return {
        name: {
            "config": json_able(asdict(config)),
            "series": [json_able(asdict(one)) for one in all_series(config)],
            "cells": len(list(cells(config, 0.25, 8.0))),
            "cells_sha256": json_sha256([asdict(one) for one in cells(config, 0.25, 8.0)]),
            "candidates": [json_able(asdict(one)) for one in candidates(config, config.labelled[0])],
        }
        for name, config in studies.items()
    }


def json_sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


URLS = (
    "https://youtu.be/abcdefghijk?si=x", "HTTPS://Example.ORG:443/a%2fb/../c?utm_source=x&b=1&a=2#t",
    "http://127.0.0.1:18766/unlabelled_0000.mp4", "https://user@münchen.example/ü.mp4", "s3://bucket-one/a b/c.mp4",
)  # fmt: skip


def small_identities() -> dict[str, Any]:
    """Ids of sources, scores and tracklets, snapshots and their nested parts, protocols, films."""
    from datetime import UTC, datetime

    from body.open24 import OPEN24_FILE
    from evaluation.protocols import PROTOCOLS
    from evaluation.score_rows import Scored, score_row
    from harvest.calibration import Calibration
    from harvest.identity import canonical_address, file_sha256, text_id
    from harvest.sources import expand
    from openworld.plan import plan_films
    from openworld.worlds import quickstart_world, study_world, tracking_world
    from storage.label_key import digest
    from storage.snapshot import Member, Snapshot, nested, source_order
    from storage.stage_cache import question

    at = datetime(2026, 1, 2, tzinfo=UTC)
    scored = Scored("run", "semi", "films", "dev", "commit", at, "study", "keypoints", 1.5)
    members = [Member(f"t{n:02d}", f"s{n % 5}", 1.0 + n) for n in range(12)]
    snapshot = Snapshot(members)
    worlds = {"quickstart": quickstart_world(), "study": study_world(), "tracking": tracking_world()}
    return {
        "addresses": [{"given": url, "canonical": canonical_address(url), "item_id": text_id(canonical_address(url)),
                       "source": [one.item_id for one in expand([url])]} for url in URLS],
        "digest": [{"of": value, "is": digest(value)} for value in ([], {"b": 1, "a": [0.1, "ü", None, True]})],
        "question": question(b"a", b"bc").hex(),
        "score_ids": {name: score_row(protocol, scored, "film_1:0", "mpjpe_mm", 1.0, 3)["score_id"]
                      for name, protocol in PROTOCOLS.items()},
        "scored": json_able(asdict(scored)),
        "protocols": {name: {"sha256": json_sha256(asdict(protocol)), "metrics": protocol.metrics}
                      for name, protocol in PROTOCOLS.items()},
        "snapshot": {
            "members": [asdict(member) for member in members],
            "digest": snapshot.digest,
            "nested": {f"{fraction} {seed}": list(nested(snapshot, fraction=fraction, seed=seed).tracklet_ids)
                       for fraction in (0.0, 0.25, 0.5, 1.0) for seed in (0, 1)},
            "source_order": {str(seed): source_order(snapshot.sources, seed) for seed in (0, 1)},
        },
        "films": {name: json_sha256([plan.digest for plan in plan_films(world)]) for name, world in worlds.items()},
        "calibrations": {"embedded": Calibration.load("embedded").digest},
        "open24_sha256": file_sha256(OPEN24_FILE),
    }  # fmt: skip


def lake_identities() -> dict[str, Any]:
    """Of each lake of this folder: ids and keys of its rows, its versions of labels, counts, books, snapshots."""
    from storage.label_recipes import label_versions
    from storage.lake import Lake
    from storage.ledger import Ledger
    from storage.schema import TABLES
    from storage.snapshot import digests, select

    found = {}
    for name in ("pool", "labelled", "held_out"):
        lake = Lake(name, create=False)
        books, entries = books_of(Ledger.open(lake.root)) if name == "pool" else (None, [])
        rejects = lake.read("rejects", ["stage", "reason"]).to_pylist()
        found[name] = {
            "rows": {table: lake.read(table).num_rows for table in TABLES},
            "content_sha256_of_rows": {table: rows_sha256(lake, table) for table in TABLES},
            "tracklet_ids": sorted(lake.read("tracklets", ["tracklet_id"])["tracklet_id"].to_pylist()),
            "label_keys": {row["label_key"]: {"source_id": row["source_id"], "content_sha256": row["content_sha256"],
                                              "url": row["url"]}
                           for row in lake.read("videos").to_pylist()},
            "label_versions": [[version.digest, sorted(version.keys)] for version in label_versions(lake)],
            "rejects": sorted({f"{row['stage']} {row['reason']}" for row in rejects}),
            "run_ids": sorted(row["run_id"] for row in lake.read("runs", ["run_id", "kind"]).to_pylist()),
            "snapshots": digests(lake),
            "newest_snapshot": select(lake).digest,
            "books": json_able(books),
            "entries": sorted(([e.item.item_id, e.state, e.reason, e.recipe, e.label_key, e.tracklets]
                               for e in entries), key=str),
        }  # fmt: skip
    return found


def books_of(ledger: Any) -> tuple[dict[str, int], list[Any]]:
    try:
        return asdict(ledger.books()), ledger.entries()
    finally:
        ledger.close()


def rows_sha256(lake: Any, table: str) -> str:
    """Of a table's rows, sorted, as JSON with `str` of what JSON lacks: the same for whoever reads the same values."""
    lines = sorted(json.dumps(row, sort_keys=True, default=str) for row in lake.read(table).to_pylist())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def kept_names() -> dict[str, Any]:
    """Slugs, stages, variants, columns: every name that a row or a file keeps."""
    import harvest.errors as errors
    from body.joints import KEYPOINTS_25
    from harvest.config import HarvestConfig, LabelConfig
    from harvest.networks import BACKENDS as KNOWN_BACKENDS
    from harvest.networks import PHIS as KNOWN_PHIS
    from harvest.presets import PRESETS as FILTERS
    from harvest.run import POLICY_REASONS
    from hmmr_model.checkpoint import MODEL_FORMAT, STATE_FORMAT
    from hmmr_model.config_json import LATER
    from hmmr_model.presets import PRESETS as TRAININGS
    from openworld.truth_file import SUFFIX
    from openworld.worlds import WorldConfig
    from storage import layout
    from storage.items import STATES
    from storage.layout import Layout
    from storage.ledger_tables import METADATA
    from storage.schema import FILM_TRUTH, SCHEMA_VERSION, TABLES

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HarvestError)]
    at = Layout("/lake")
    places = [name for name in vars(Layout) if isinstance(vars(Layout)[name], property) and name != "remote"]
    return {
        "schema_version": SCHEMA_VERSION,
        "tables": {name: columns(schema) for name, schema in (TABLES | {"film_truth": FILM_TRUTH}).items()},
        "ledger": {table.name: {column.name: str(column.type) for column in table.columns}
                   for table in METADATA.sorted_tables},
        "errors": {kind.__name__: {"reason": kind.reason, "retry_s": kind.default_retry_s,
                                   "parent": kind.__mro__[1].__name__} for kind in kinds},
        "policy_reasons": list(POLICY_REASONS),
        "filter_reasons": filter_reasons(),
        "states": list(STATES),
        "backends": list(KNOWN_BACKENDS),
        "phis": list(KNOWN_PHIS),
        "filter_presets": list(FILTERS),
        "training_presets": list(TRAININGS),
        "later_settings": LATER,
        "formats": [MODEL_FORMAT, STATE_FORMAT],
        "truth_suffix": SUFFIX,
        "layout": {name: getattr(at, name) for name in places},
        "variables": [layout.LAKE_VARIABLE, layout.LEDGER_VARIABLE, layout.RECEIPTS_VARIABLE],
        "keypoints_25": list(KEYPOINTS_25),
        "settings": {kind.__name__: sorted(path for path, _ in leaves(kind())) for kind in
                     (LabelConfig, HarvestConfig, WorldConfig)},
    }  # fmt: skip


def leaves(config: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from leaves(value, f"{before}{field.name}.")
        else:
            yield before + field.name, value


def columns(schema: Any) -> list[list[Any]]:
    return [[one.name, str(one.type), one.nullable, {k.decode(): v.decode() for k, v in (one.metadata or {}).items()}]
            for one in schema]  # fmt: skip


def filter_reasons() -> list[str]:
    """String literals that end as the reason of a reject: read from the source, none is registered anywhere."""
    found = {"few_joints", "after_first_run", "no_person"}
    for file in (CHECKOUT / "harvest").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejection" and len(node.args) > 2:
                found |= {a.value for a in node.args[2:3] if isinstance(a, ast.Constant)}
            if isinstance(node, ast.FunctionDef) and node.name == "_faults":
                yields = [n.value.elts[0] for n in ast.walk(node) if isinstance(n, ast.Yield)]
                found |= {each.value for each in yields}
    return sorted(found)


# -- prefect, command line --------------------------------------------------------------------------------------------


def deployments() -> dict[str, Any]:
    """prefect.yaml as parsed, and of each deployment what `prefect deploy` sends besides: flow and parameter schema."""
    import yaml
    from prefect import __version__
    from prefect.utilities.callables import parameter_schema_from_entrypoint

    content = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
    found = []
    for deployment in content["deployments"]:
        path, name = deployment["entrypoint"].split(":")
        here = os.getcwd()
        os.chdir(CHECKOUT)
        try:
            schema = parameter_schema_from_entrypoint(deployment["entrypoint"]).model_dump()
        finally:
            os.chdir(here)
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        found.append({"deployment": deployment, "flow_name": flow.name, "parameter_openapi_schema": schema})
    toml = (CHECKOUT / "prefect.toml").read_text()
    return {"prefect": __version__, "prefect.yaml": content, "deployments": found, "prefect.toml": toml}


def commands() -> dict[str, Any]:
    """Every command of `hmmr` with its options, arguments and defaults."""
    import typer

    from cli.main import app

    def told_of(command: Any) -> dict[str, Any]:
        options = [
            {"name": p.name, "opts": sorted([*p.opts, *p.secondary_opts]), "required": p.required,
             "multiple": getattr(p, "multiple", False), "default": json_able(p.default),
             "envvar": getattr(p, "envvar", None)}
            for p in command.params
        ]  # fmt: skip
        below = {}
        if hasattr(command, "list_commands"):
            below = {name: told_of(command.get_command(None, name)) for name in command.list_commands(None)}
        return {"params": options} | ({"commands": below} if below else {})

    return told_of(typer.main.get_command(app))


def tidy() -> None:
    """Only what a test reads stays: no page, no truth files, no windows, no other model than checkpoint.pt.

    The labelled lakes have lost their ledgers: a lake without one is read as well."""
    shutil.rmtree("study/models")
    for page in Path("study").glob("*.html"):
        page.unlink()
    for split in ("labelled", "dev"):
        shutil.rmtree(Path("films") / split)
    for truth in Path("films").rglob("*.parquet"):
        truth.unlink()
    for film in ("unlabelled_0000.mp4", "unlabelled_0003.mp4"):
        (Path("films/unlabelled") / film).unlink()
    urls = [f"http://127.0.0.1:{PORT}/{film.name}" for film in Path("films").rglob("*.mp4")]
    there = {hashlib.sha256(url.encode()).hexdigest() for url in urls}
    for cache in Path("pool/cache").glob("*"):
        if cache.name not in there:
            shutil.rmtree(cache)
    for lake in ("labelled", "held_out"):
        shutil.rmtree(Path(lake) / "cache", ignore_errors=True)
        for file in Path(lake).glob("ledger.sqlite*"):
            file.unlink()
    shutil.rmtree("trained")
    for name in ("one.json", "port"):
        Path(name).unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
