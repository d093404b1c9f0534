"""The house rules that a machine can check: direction of imports, sizes, docstrings, help without torch."""

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED: dict[str, set[str]] = {
    "storage": set(),
    "body": set(),
    "harvest": {"storage", "body"},
    "openworld": {"storage", "body"},
    "hmmr_model": {"storage", "body"},
    "evaluation": {"storage", "body"},
    "dashboard": {"storage"},
    "flows": {"storage", "body", "harvest", "openworld", "hmmr_model", "evaluation", "dashboard"},
    "cli": {"storage", "body", "harvest", "openworld", "hmmr_model", "evaluation", "dashboard", "flows"},
}
SOURCES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))
TOOLS = sorted(path for folder in ("bench", "scripts") for path in (ROOT / folder).rglob("*.py"))


def _imported_rooms(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
    return names & ALLOWED.keys()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert _imported_rooms(ast.parse(path.read_text())) <= ALLOWED[room] | {room}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_and_docstrings(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= 50, f"{node.name} is too long"


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and what is public in those classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def test_public_functions_classes_and_methods_have_docstrings() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES + TOOLS
        for node in _public(ast.parse(path.read_text()))
        if not ast.get_docstring(node)
    ]
    assert not bare


def test_the_median_file_is_small() -> None:
    assert statistics.median(len(path.read_text().splitlines()) for path in SOURCES) <= 120


def test_help_imports_neither_torch_nor_prefect() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from cli.main import app; "
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0, result.output; "
        "assert not {'torch', 'prefect'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
