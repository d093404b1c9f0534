import pytest

from flows import provenance


def test_a_package_that_is_not_installed_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "NAMED", ("numpy", "no-such-package-of-ours"))
    assert list(provenance.package_versions()) == ["numpy"]


def test_a_plain_install_can_say_its_versions() -> None:
    assert "torch" in provenance.package_versions()
