"""The loopback server of the quickstart."""

import socket
import urllib.request
from pathlib import Path

import pytest

from flows.films import serve_folder


def test_serves_files_and_keeps_its_port(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.bin").write_bytes(b"frames")
    with serve_folder(tmp_path / "films", tmp_path / "port") as first:
        assert urllib.request.urlopen(f"{first}/a.bin").read() == b"frames"
    with serve_folder(tmp_path / "films", tmp_path / "port") as second:
        assert second == first


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        (tmp_path / "port").write_text(str(other.getsockname()[1]))
        with pytest.raises(OSError, match="is taken; free it or remove"), serve_folder(tmp_path, tmp_path / "port"):
            pass
