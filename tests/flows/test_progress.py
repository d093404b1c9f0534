"""Progress: bars on a terminal, a line every ten seconds elsewhere, nothing with --quiet."""

import io
import time

import pytest

from flows.progress import HarvestProgress, Lines, counting_bar, duration
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


def test_outside_a_terminal_a_line_comes_every_so_often_and_at_the_end() -> None:
    stream = io.StringIO()
    with Lines("films", every_s=0.02, stream=stream) as lines:
        lines(3, 8, "walk.mp4")
        while stream.getvalue().count("\n") < 3:
            time.sleep(0.01)
        lines(8, 8)
    told = stream.getvalue().splitlines()
    assert told[0].startswith("films: 3 of 8, ")
    assert told[2].startswith("films: 3 of 8, ")
    assert told[2].endswith(" left; walk.mp4")
    assert told[-1].startswith("films: 8 of 8, ")


def test_a_harvest_into_a_log_names_what_is_in_work(capsys: pytest.CaptureFixture[str]) -> None:
    source = Source("one", "http://x.org/walk.mp4", True)
    with HarvestProgress() as tell:
        tell(Asked([source], 2))
        tell(Step("one", "label", 3, 10))
        assert tell._lines is not None
        assert tell._lines.text().endswith("; label http://x.org/walk.mp4 3 of 10")
        tell(Ended(source, None, 1))
        assert tell._lines.text().startswith("videos: 1 of 2, ")
    assert capsys.readouterr().err == "", "what takes no ten seconds is quiet"


@pytest.mark.parametrize("variable", [("HMMR_PROGRESS", "off"), ("RANK", "1")])
def test_quiet_is_quiet(
    variable: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(*variable)
    with counting_bar("films") as progress, HarvestProgress() as tell:
        progress(1, 2)
        tell(Asked([], 0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "words"), [(40, "40 s"), (99.6, "100 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
