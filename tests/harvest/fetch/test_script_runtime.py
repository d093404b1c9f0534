"""What yt-dlp needs for YouTube, as yt-dlp itself sees it."""

from pathlib import Path

import pytest
from yt_dlp import YoutubeDL

from harvest.fetch.script_runtime import SCRIPT_RUNTIMES, find_script_runtimes


@pytest.mark.parametrize(("version", "ready", "old"), [("2.5.1", ("deno 2.5.1",), ()), ("1.9.0", (), ("deno 1.9.0",))])
def test_runtime_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, ready: tuple[str, ...], old: tuple[str, ...]
) -> None:
    program = tmp_path / "deno"
    program.write_text(f"#!/bin/sh\necho 'deno {version} (stable, release)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_script_runtimes()
    assert (found.ready, found.too_old) == (ready, old)
    assert found.companion_wanted
    assert not found.complete or found.companion == found.companion_wanted


def test_yt_dlp_takes_all_that_we_offer() -> None:
    with YoutubeDL({"quiet": True, "js_runtimes": dict(SCRIPT_RUNTIMES)}) as site:
        assert set(site.params["js_runtimes"]) == {"deno", "node", "bun", "quickjs"}
