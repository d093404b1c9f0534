import pytest

from flows.progress import HarvestProgress
from harvest.session import Asked, Ended
from harvest.sources.expand import Source
from harvest.workers import Progress as Step


def test_a_name_that_looks_like_markup_is_only_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    source = Source("one", "http://x.org/walk[/red].mp4", True)
    with HarvestProgress() as tell:
        tell(Asked([source], 1))
        tell(Step("one", "label", 3, 10))
        tell._bars.refresh()
        tell(Ended(source, None, 1))
    assert "label http://x.org/walk[/red].mp4" in capsys.readouterr().err
