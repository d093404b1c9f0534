"""The pages in docs/: what the code cites exists."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("storage", "body", "harvest", "openworld", "hmmr_model", "evaluation", "dashboard", "flows", "cli")
CODE = sorted(path for folder in (*ROOMS, "bench", "scripts", "tests") for path in (ROOT / folder).rglob("*.py"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CITED_PAGE = re.compile(r"\bdocs/[\w./-]*?\w\.(?:md|html)\b")


def _missing(paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} cites {page}"
        for path in paths
        for page in sorted(set(CITED_PAGE.findall(path.read_text())))
        if not (ROOT / page).exists()
    ]


def test_every_page_that_the_code_cites_exists() -> None:
    assert sum("docs/" in path.read_text() for path in CODE) > 50
    assert not _missing(CODE)


def test_every_page_that_a_page_cites_exists() -> None:
    assert not _missing(PAGES)


def test_no_source_is_cited_that_the_repository_does_not_hold() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [ROOT / name for name in tracked if Path(name).suffix in {".py", ".md", ".yaml", ".toml", ".sh"}]
    cited = re.compile(r"\breference/\w+\.md|(?<![\w/])(?:scaling_pilot|design|conventions|paper|stack)\.md\b")
    here = Path(__file__).name
    assert not [path for path in texts if path.exists() and path.name != here and cited.search(path.read_text())]


def test_every_dependency_has_its_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {match.group() for line in wanted if (match := re.match(r"[\w-]+", line))}
    rows = [line for line in (ROOT / "docs" / "dependencies.md").read_text().splitlines() if line.startswith("| ")]
    told = {name.strip() for row in rows for name in row.split("|")[1].split(",")}
    assert len(names) > 30
    assert not names - told


def test_every_path_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    paths = re.findall(r"`((?:" + "|".join((*ROOMS, "scripts", "tests", "docs")) + r")/[\w./*-]*)`", text)
    assert len(paths) > 80
    assert not [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]


def test_every_room_and_folder_stands_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    folders = {path.parent.relative_to(ROOT) for path in CODE if path.relative_to(ROOT).parts[0] in ROOMS}
    assert not [str(folder) for folder in folders if f"`{folder}/" not in text]


def test_the_index_of_the_log_has_a_line_for_every_note() -> None:
    noted = [
        line[3:] for page in (ROOT / "docs" / "log").glob("*.md") for line in page.read_text().splitlines()
        if line.startswith("## ")
    ]  # fmt: skip
    index = (ROOT / "docs" / "LOG.md").read_text()
    listed = [f"{date} {title}" for date, title in re.findall(r"(?m)^- (\S+) \*\*(.+?)\*\*: ", index)]
    assert sorted(noted) == sorted(listed)


def test_every_test_that_the_security_page_names_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    files = re.findall(r"(tests/[\w/]+\.py)((?:::\w+(?:, )?)*)", text)
    assert len(files) > 15
    for name, tests in files:
        source = (ROOT / name).read_text()
        assert not [test for test in re.findall(r"::(\w+)", tests) if f"def {test}(" not in source], name
