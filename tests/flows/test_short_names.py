"""Deployment names without a slash."""

import logging

import pytest
from prefect.plugins import HookContext

from flows import short_names


def _context() -> HookContext:
    return HookContext(prefect_version="any", api_url=None, logger_factory=logging.getLogger)


@pytest.mark.parametrize(
    ("typed", "meant"), [("train-hmmr", "train-hmmr/train-hmmr"), ("harvest/nightly", "harvest/nightly")]
)
def test_full_name(typed: str, meant: str) -> None:
    assert short_names.full_name(typed) == meant


def test_a_changed_prefect_is_left_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr("prefect.client.orchestration.PrefectClient")
    assert short_names.setup_environment(ctx=_context()) is None
    assert "type train-hmmr/train-hmmr" in caplog.text
