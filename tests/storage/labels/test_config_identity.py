"""A setting with a harmless default changes no id; a changed setting or a changed default does."""

import dataclasses
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest

from harvest.config import LabelConfig
from hmmr_model.configs import DataConfig, LossConfig, ModelConfig, OptimiserConfig, TrainConfig, from_json, to_json
from storage.labels.key import absent_values, added_field, identity


@dataclass(frozen=True)
class _Early:
    rate: float = 25.0
    names: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class _Late(_Early):
    smooth: float = added_field(0.0)
    sure: bool = added_field(True, absent=False)


def test_a_later_field_counts_only_where_it_differs_from_its_record() -> None:
    assert identity(_Early()) == asdict(_Early())
    assert identity(_Late(sure=False)) == identity(_Early())
    assert identity(_Late(sure=False, smooth=1.0)) == identity(_Early()) | {"smooth": 1.0}
    assert identity(_Late(sure=False, rate=30.0)) != identity(_Early())


def test_a_changed_default_is_hashed() -> None:
    assert identity(_Late()) == identity(_Early()) | {"sure": True}
    assert absent_values(_Late) == {"smooth": 0.0, "sure": False}


def test_zero_is_not_false() -> None:
    assert identity(_Late(sure=0)) == identity(_Early()) | {"sure": 0}  # type: ignore[arg-type]


def test_it_walks_what_asdict_walks() -> None:
    @dataclass(frozen=True)
    class Outer:
        part: _Late = field(default_factory=lambda: _Late(sure=False))
        parts: tuple[_Late, ...] = (_Late(sure=False), _Late(sure=False, smooth=2.0))
        named: dict[str, _Late] = field(default_factory=lambda: {"x": _Late()})

    assert identity(Outer()) == {
        "part": asdict(_Early()),
        "parts": (asdict(_Early()), asdict(_Early()) | {"smooth": 2.0}),
        "named": {"x": asdict(_Early()) | {"sure": True}},
    }


def _with_new_field(kind: type, default: Any = 0.5) -> Any:
    return dataclasses.make_dataclass(
        kind.__name__, [("something_new", float, added_field(default))], bases=(kind,), frozen=True
    )


@pytest.mark.parametrize("part", ["shots", "people", "track", "preset"])
def test_a_new_setting_of_labelling_changes_no_identity(part: str) -> None:
    config = LabelConfig()
    old = getattr(config, part)
    new = _with_new_field(type(old))(**{f.name: getattr(old, f.name) for f in dataclasses.fields(old)})
    assert identity(replace(config, **{part: new})) == identity(config)
    changed = replace(new, something_new=0.7)
    assert identity(replace(config, **{part: changed})) != identity(config)


@pytest.mark.parametrize("kind", [ModelConfig, LossConfig, OptimiserConfig, DataConfig])
def test_a_new_setting_of_training_changes_no_run_id_and_old_checkpoints_load(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {ModelConfig: "model", LossConfig: "loss", OptimiserConfig: "optimiser", DataConfig: "data"}[kind]
    text, later = to_json(TrainConfig()), _with_new_field(kind)
    assert to_json(replace(TrainConfig(), **{name: later()})) == text

    hints = TrainConfig.__annotations__ | {name: later}
    monkeypatch.setattr(TrainConfig, "__annotations__", hints)
    assert getattr(from_json(text), name) == later()
    changed = replace(TrainConfig(), **{name: later(something_new=0.7)})
    assert to_json(changed) != text
    assert from_json(to_json(changed)) == changed
