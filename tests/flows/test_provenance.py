import pytest

from flows import provenance


def test_a_package_that_is_not_installed_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "NAMED", ("numpy", "no-such-package-of-ours"))
    assert list(provenance.package_versions()) == ["numpy"]


def test_an_image_without_a_repository_says_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HMMR_COMMIT", "abc123")
    assert provenance.code_commit.__wrapped__() == "abc123"
    monkeypatch.delenv("HMMR_COMMIT")
    assert provenance.code_commit.__wrapped__() == "unknown"


def test_a_plain_install_can_say_its_versions() -> None:
    assert "torch" in provenance.package_versions()
