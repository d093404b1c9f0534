"""One video, one name."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.identity import canonical_url, host_of
from storage.atomic import file_sha256


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("HTTPS://Example.ORG:443/a%2fb#t=3", "https://example.org/a%2fb"),
        ("http://example.org", "http://example.org/"),
        ("https://vimeo.com/1?utm_source=y&h=1&share=copy", "https://vimeo.com/1?h=1"),
        ("https://www.youtube.com/playlist?list=PL1&si=x", "https://www.youtube.com/playlist?list=PL1"),
        ("https://user:secret@example.org/x", "https://example.org/x"),
        ("https://youtu.be/abcdefghijk?si=share", "https://www.youtube.com/watch?v=abcdefghijk"),
        ("https://m.youtube.com/shorts/abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://[::1]:99/x", "http://[::1]:99/x"),
    ],
)
def test_spellings_of_one_address_meet(typed: str, canonical: str) -> None:
    assert canonical_url(typed) == canonical


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org:8080/x?utm_source=y&v=1", "https://films.example/play?feature=1", "https://films.example/play?si=2",
        "https://b.s3.example/k?X-Amz-Credential=a%2Fb&X-Amz-Signature=ab%2fc+d&e", "https://example.org/a%2fb?q=%e4&&x=",
        "https://notyoutube.com/?si=1", "http://example.org/?a=b=c", "http://example.org/(x)?[1]{2}|3",
    ],
)  # fmt: skip
def test_an_address_is_fetched_to_the_letter(address: str) -> None:
    """A signed address breaks if its query is written anew, and `feature=1` and `feature=2` may be two films."""
    assert canonical_url(address) == address


@pytest.mark.parametrize("bad", ["file:///etc/passwd", "ftp://example.org/x", "javascript:1", "https://", "clip.mp4"])
def test_only_web_addresses(bad: str) -> None:
    with pytest.raises(ValueError, match="http"):
        canonical_url(bad)


@given(st.text("abc/%2F?=&ü #:@", max_size=30))
def test_canonical_is_its_own_canonical(path: str) -> None:
    once = canonical_url(f"http://example.org/{path}")
    assert canonical_url(once) == once
    assert host_of(once) == "example.org"


def test_file_id_is_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"x" * 100_000).hexdigest()
