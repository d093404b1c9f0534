"""Every `hmmr` line of README.md and docs/api.md is a command with options that exist; so are the recipes of make."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from cli.main import app

ROOT = Path(__file__).resolve().parents[1]
LINES = [
    line.split(" #")[0].strip().removeprefix(".venv/bin/")
    for page in ("README.md", "docs/api.md")
    for line in (ROOT / page).read_text().splitlines()
    if re.match(r"    (\.venv/bin/)?(hmmr|make) ", line)
]


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("hmmr ")])
def test_a_printed_command_is_understood(line: str) -> None:
    words = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "get_command") and (inner := command.get_command(None, words[0])) is not None:
        command, words = inner, words[1:]
    command.make_context("hmmr", words, resilient_parsing=False)


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make ")])
def test_a_printed_recipe_is_in_the_makefile(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_what_a_page_points_at_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"\((docs/[\w./]+)\)|(?<![\w/])(docs/[\w./]+\.md|docs/img/[\w.]+|[A-Z]+\.md)", text))
    missing = [name for pair in named for name in pair if name and not (ROOT / name).exists()]
    assert not missing
