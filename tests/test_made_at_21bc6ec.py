"""What the code of commit 21bc6ec wrote is read by the code of today; tests/made_at_21bc6ec/README.md lists it.

Recorded configurations are built field by field from what was recorded, so that a default that changed since is no
difference. A stage of labelling whose labels changed on purpose has another version; here the recorded one is put back.
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import typer
import yaml
from prefect.utilities.callables import parameter_schema_from_entrypoint

from body.model import BodyModel
from cli.main import app
from evaluation.protocols.registry import PROTOCOLS
from flows.study.cells import Cell, StudyContext
from harvest.config import LabelConfig
from harvest.filters.presets import PRESETS as FILTERS
from harvest.identity import canonical_address, text_id
from harvest.recipe import recipe
from harvest.smooth import SmoothingConfig
from hmmr_model.checkpoint import load_checkpoint
from hmmr_model.configs import from_json, to_json
from hmmr_model.predict import Predictor, predict_lake
from openworld.plan import plan_films
from openworld.worlds import quickstart_world, study_world, tracking_world
from storage.labels.key import Recipe, Stage, absent_values, digest
from storage.labels.recipes import label_versions
from storage.lake import Lake
from storage.layout import Layout
from storage.ledger.items import STATES
from storage.ledger.ledger import Ledger
from storage.ledger.tables import METADATA
from storage.schema import TABLES
from storage.snapshot import Member, Snapshot, digests, nested, select, source_order
from storage.stage_cache import question

HERE = Path(__file__).parent / "made_at_21bc6ec"
ROOT = HERE.parents[1]
KEPT: dict[str, Any] = json.loads((HERE / "identities.json").read_text())
OPTIONS_GONE: dict[str, str] = {}
"""`hmmr COMMAND --option` of then that is not there any more, and why."""

ANOTHER_FILM_NOW = {
    "HTTPS://Example.ORG:443/a%2fb/../c?utm_source=x&b=1&a=2#t": "parameters in another order, or a tracker of a host "
    "that we do not know, may name another file: identity never changes what is fetched",
}
"""Addresses whose item has another id than then, and why."""


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder: looking into a ledger, and training, write below a lake."""
    folder = tmp_path_factory.mktemp("old") / "made"
    shutil.copytree(HERE, folder)
    return folder


def _recorded(template: Any, values: dict[str, Any]) -> Any:
    """A configuration of then: recorded values, and what the code did before a field that came later."""
    held: dict[str, Any] = {}
    for name, value in values.items():
        now = getattr(template, name)
        if is_dataclass(now):
            held[name] = _recorded(now, value)
        elif isinstance(now, Fraction):
            held[name] = Fraction(value)
        else:
            held[name] = tuple(value) if isinstance(value, list) else value
    return type(template)(**(absent_values(type(template)) | held))


def _changed(config: Any, path: str, value: Any) -> Any:
    first, _, rest = path.partition(".")
    before = getattr(config, first)
    if rest:
        return replace(config, **{first: _changed(before, rest, value)})
    if first == "preset":
        value = _recorded(FILTERS[value], KEPT["labels"]["presets"][value])
    elif first == "smoothing" and value is not None:
        value = SmoothingConfig(**value)
    elif isinstance(before, Fraction):
        value = Fraction(value)
    return replace(config, **{first: tuple(value) if isinstance(value, list) else value})


VERSIONS = {
    stage["name"]: stage["version"]
    for row in KEPT["labels"]["stand_ins"]
    for stage in (row["recipe"] or {"stages": []})["stages"]
} | {"smooth": "1", "scores": "1"}  # fmt: skip


def _of_then(stage: Stage) -> Stage:
    return replace(stage, version="2" if stage.name.startswith("phi/") else VERSIONS[stage.name])


@pytest.mark.parametrize("row", KEPT["labels"]["stand_ins"], ids=lambda row: row["digest"][:8])
def test_label_keys(row: dict[str, Any]) -> None:
    labels, content = KEPT["labels"], KEPT["labels"]["content_sha256"]
    config = _recorded(LabelConfig(), labels["defaults"])
    for path, value in row["changes"].items():
        config = _changed(config, path, value)
    backend = SimpleNamespace(name=row["backend"], weights=labels["backends"][row["backend"]], joints=())
    phis = [SimpleNamespace(name=name, **labels["phis"][name]) for name in row["phis"]]
    made = Recipe(tuple(_of_then(stage) for stage in recipe(config, backend, phis).stages))  # type: ignore[arg-type]
    assert made.digest == row["digest"]
    assert made.label_key(content) == row["label_key"]
    keys = made.stage_keys(content)
    assert row["stage_keys"] == (_json_sha256(keys) if row["changes"] else keys)


def _json_sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def test_training_configurations_and_run_ids() -> None:
    training = KEPT["training"]
    plain = StudyContext("unit", Path("pool"), training["snapshot"], Path("labelled"), (), Path("out"), "command")
    with_truth = replace(plain, perfect=(Path("perfect"), training["perfect_snapshot"]))
    presets = {name: from_json(text) for name, text in training["to_json"].items()}
    assert {name: to_json(preset) for name, preset in presets.items()} == training["to_json"]
    for row in training["cells"]:
        train = presets[row["preset"]]
        for path, value in row["changes"].items():
            train = _changed_training(train, path, value)
        ids = row["cell"].get("labelled_ids")
        cell = Cell(**(row["cell"] | {"train": train, "labelled_ids": None if ids is None else tuple(ids)}))
        assert (cell.run_id(plain), cell.run_id(with_truth)) == (row["run_id"], row["run_id_with_perfect"]), row


def _changed_training(config: Any, path: str, value: Any) -> Any:
    if path == "preset":  # a name here, a set of filters there
        return replace(config, preset=value)
    return _changed(config, path, value)


def test_addresses_snapshots_scores_and_films() -> None:
    small = KEPT["small"]
    for row in small["digest"]:
        assert digest(row["of"]) == row["is"]
    assert question(b"a", b"bc").hex() == small["question"]
    for row in small["addresses"]:
        same = text_id(canonical_address(row["given"])) == row["item_id"]
        assert same != (row["given"] in ANOTHER_FILM_NOW), row["given"]
    snapshot = Snapshot([Member(**member) for member in small["snapshot"]["members"]])
    assert snapshot.digest == small["snapshot"]["digest"]
    for name, ids in small["snapshot"]["nested"].items():
        fraction, seed = name.split()
        assert list(nested(snapshot, fraction=float(fraction), seed=int(seed)).tracklet_ids) == ids
    for seed, order in small["snapshot"]["source_order"].items():
        assert source_order(snapshot.sources, int(seed)) == order
    for name, protocol in small["protocols"].items():
        assert _json_sha256(asdict(PROTOCOLS[name])) == protocol["sha256"], name
    worlds = {"quickstart": quickstart_world(), "study": study_world(), "tracking": tracking_world()}
    films = {name: _json_sha256([plan.digest for plan in plan_films(world)]) for name, world in worlds.items()}
    assert films == small["films"]


@pytest.mark.parametrize("name", KEPT["lakes"])
def test_lakes_are_read_to_the_last_value(name: str, old: Path) -> None:
    kept, lake = KEPT["lakes"][name], Lake(old / name, create=False)
    for table, sha256 in kept["content_sha256_of_rows"].items():
        columns = [column[0] for column in KEPT["names"]["tables"][table]]
        rows = lake.read(table, columns).to_pylist()
        lines = sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)
        assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == sha256, table
        assert len(rows) == kept["rows"][table]
    assert [[version.digest, sorted(version.keys)] for version in label_versions(lake)] == kept["label_versions"]
    assert digests(lake) == kept["snapshots"]
    assert select(lake).digest == kept["newest_snapshot"]
    if kept["books"]:
        ledger = Ledger.open(lake.root)
        try:
            books = asdict(ledger.books())
            assert {key: books[key] for key in kept["books"]} == kept["books"]
            entries = [
                [e.item.item_id, e.state, e.reason, e.recipe, e.label_key, e.tracklets] for e in ledger.entries()
            ]
            assert sorted(entries, key=str) == kept["entries"]
        finally:
            ledger.close()


def test_kept_names_are_still_there() -> None:
    names = KEPT["names"]
    for table, columns in names["tables"].items():
        if table in TABLES:
            now = {field.name: str(field.type) for field in TABLES[table]}
            assert {column[0]: column[1] for column in columns}.items() <= now.items(), table
            later = set(now) - {column[0] for column in columns}
            assert all(TABLES[table].field(column).nullable for column in later), table
    for table, kept_columns in names["ledger"].items():
        assert kept_columns.keys() <= {column.name for column in METADATA.tables[table].columns}
    assert set(names["states"]) <= set(STATES)
    assert set(names["filter_presets"]) <= set(FILTERS)
    at = Layout("/lake")
    assert {place: getattr(at, place) for place in names["layout"]} == names["layout"]


def _arrays(prediction: Any) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for field in fields(prediction):
        value = getattr(prediction, field.name)
        if is_dataclass(value):
            held |= {f"{field.name}.{part.name}": getattr(value, part.name) for part in fields(value)}
        elif value is not None and not isinstance(value, str):
            held[field.name] = value
    return held


def test_a_checkpoint_predicts_what_it_predicted(old: Path) -> None:
    loaded = load_checkpoint(old / "checkpoint.pt")
    predictor = Predictor(loaded)
    with np.load(old / "predictions.npz") as kept:
        for case in ("photo", "seven", "dev"):
            now = _arrays(predictor.tracklet(case, kept[f"{case}/phi"]))
            for key in (key for key in kept.files if key.startswith(f"{case}/") and key != f"{case}/phi"):
                if not key.endswith("every_97th_vertex"):
                    np.testing.assert_allclose(now[key.partition("/")[2]], kept[key], atol=1e-5, err_msg=key)
        rotations, betas = (torch.from_numpy(kept[f"seven/{key}"]) for key in ("rotations", "betas"))
        vertices = BodyModel.load()(rotations, betas)[0].numpy()[:, ::97]
        np.testing.assert_allclose(vertices, kept["seven/every_97th_vertex"], atol=1e-5)
    told = json.loads((old / "predictions.json").read_text())["sha256_of_bytes"]
    whole = {f"lake/{name}" for name in predict_lake(old / "checkpoint.pt", Lake(old / "held_out"))}
    assert whole == {key.rpartition("/")[0] for key in told if key.startswith("lake/")}


def test_a_study_of_then_is_complete(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command trains and scores nothing anew."""
    monkeypatch.chdir(old)
    before = {row["score_id"] for row in Lake("pool").read("scores", ["score_id"]).to_pylist()}
    runs = {row["run_id"] for row in Lake("pool").read("runs").to_pylist() if row["kind"] == "train"}
    words = "study run study.yaml --lake pool --labelled labelled --held-out held_out --out study --workers 1"
    app(words.split(), standalone_mode=False)
    assert {row["run_id"] for row in Lake("pool").read("runs").to_pylist() if row["kind"] == "train"} == runs
    added = [row for row in Lake("pool").read("scores").to_pylist() if row["score_id"] not in before]
    assert not [row for row in added if row["variant"] not in BASELINES_SINCE]


BASELINES_SINCE = {"zero_shot_smoothed"}
"""Baselines that are scored now and were not then; they train nothing."""


def test_deployments_keep_their_entrypoints_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    now = {row["name"]: row for row in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    for row in json.loads((HERE / "deployments.json").read_text())["deployments"]:
        then = row["deployment"]
        assert then["name"] in now
        schema = parameter_schema_from_entrypoint(then["entrypoint"]).model_dump()
        assert row["parameter_openapi_schema"]["properties"].keys() <= schema["properties"].keys(), then["name"]
        assert set(schema.get("required", ())) <= set(row["parameter_openapi_schema"].get("required", ()))


def _options(command: Any, path: str = "hmmr") -> Iterator[str]:
    for param in command.params:
        yield from (f"{path} {option}" for option in [*param.opts, *param.secondary_opts] if option.startswith("--"))
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from _options(command.get_command(None, name), f"{path} {name}")


def _kept_options(command: dict[str, Any], path: str = "hmmr") -> Iterator[str]:
    yield from (f"{path} {opt}" for param in command["params"] for opt in param["opts"] if opt.startswith("--"))
    for name, below in command.get("commands", {}).items():
        yield from _kept_options(below, f"{path} {name}")


def test_commands_and_options_are_still_there() -> None:
    kept = set(_kept_options(json.loads((HERE / "commands.json").read_text())))
    gone = kept - set(_options(typer.main.get_command(app)))
    assert gone == OPTIONS_GONE.keys()
    assert all(OPTIONS_GONE.values())


def test_every_configuration_of_labelling_is_recorded() -> None:
    """A later field says what the code did before it: `added_field` in storage/labels/key.py."""

    def check(config: Any, values: dict[str, Any], where: str) -> None:
        for field in dataclasses.fields(config):
            path, now = f"{where}.{field.name}", getattr(config, field.name)
            later = absent_values(type(config))
            assert field.name in values or field.name in later, f"{path}: declare it with added_field"
            if is_dataclass(now) and isinstance(values.get(field.name), dict):
                check(now, values[field.name], path)

    check(LabelConfig(), KEPT["labels"]["defaults"], "LabelConfig")
    for name, text in KEPT["training"]["to_json"].items():
        check(from_json(text), json.loads(text), name)
