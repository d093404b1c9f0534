"""The house rules that a machine can check: direction of imports, circles, sizes, docstrings, help without torch."""

import ast
import graphlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
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
    "hmmr": {"storage", "body", "harvest", "openworld", "hmmr_model", "evaluation", "dashboard", "flows"},
}
SOURCES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))
TOOLS = sorted(path for folder in ("bench", "scripts") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, MOST_SIBLINGS, SMALL_FILE = 500, 50, 30, 40

SMALL_WITH_ONE_IMPORTER: dict[str, str] = {
    "flows/fleet/project_folder.py": "runs as a module of its own before anything else of a flow is imported",
    "flows/quickstart/flow.py": "the quickstart's order of steps, which is what a reader looks for first",
    "harvest/phi/movenet.py": "a φ: one file each, as a new one would be",
    "openworld/film/contact_sheet.py": "a picture for people to look at, which no film needs",
}
"""Files of fewer than SMALL_FILE lines with one importer, and why each stands alone; at most ten."""
NEEDS_NO_REASON = ("dashboard/panels/*", "cli/*", "flows/*_flow.py", "*/protocol.py", "*/__init__.py")
"""Small files that need no reason: a panel, a command, a deployment's entry, a protocol, a folder's head."""


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {_module(path): path for path in SOURCES}


def _imported(path: Path) -> set[str]:
    """Modules of ours that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in FILES else node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names & FILES.keys()


IMPORTS = {module: _imported(path) for module, path in FILES.items()}


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert {module.split(".")[0] for module in IMPORTS[_module(path)]} <= ALLOWED[room] | {room}


def test_no_import_circle_between_files() -> None:
    assert not _circle(IMPORTS)


def test_no_import_circle_between_sibling_folders() -> None:
    parents = {parent for path in SOURCES for parent in path.relative_to(ROOT).parents}
    for parent in parents:
        graph: dict[str, set[str]] = defaultdict(set)
        for module, imported in IMPORTS.items():
            here = _folder_below(parent, module)
            there = {_folder_below(parent, other) for other in imported}
            if here:
                graph[here] |= {folder for folder in there if folder and folder != here}
        assert not _circle(graph), f"folders below {parent}"


def _folder_below(parent: Path, module: str) -> str | None:
    parts = FILES[module].relative_to(ROOT).parts
    depth = len(parent.parts)
    return parts[depth] if parts[:depth] == parent.parts and len(parts) > depth + 1 else None


def test_a_folder_holds_at_most_thirty_entries() -> None:
    folders: dict[Path, set[str]] = defaultdict(set)
    for path in SOURCES:
        parts = path.relative_to(ROOT).parts
        for depth in range(1, len(parts)):
            folders[Path(*parts[:depth])].add(parts[depth])
    crowded = {str(folder): len(names - {"__init__.py"}) for folder, names in folders.items()}
    assert not {folder: count for folder, count in crowded.items() if count > MOST_SIBLINGS}


def test_small_files_with_one_importer_have_a_reason() -> None:
    importers = Counter(imported for module in IMPORTS for imported in IMPORTS[module])
    small = {
        str(path.relative_to(ROOT))
        for module, path in FILES.items()
        if len(path.read_text().splitlines()) < SMALL_FILE
        and importers[module] <= 1
        and not any(path.relative_to(ROOT).match(pattern) for pattern in NEEDS_NO_REASON)
    }
    assert small == SMALL_WITH_ONE_IMPORTER.keys()
    assert len(small) <= 10
    assert all(SMALL_WITH_ONE_IMPORTER.values())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= LONGEST_FUNCTION, f"{node.name} is too long"


def test_no_name_in_flows_hides_a_room_or_a_dependency() -> None:
    """Prefect puts the folder of a flow first on the path."""
    names = {path.stem for path in (ROOT / "flows").iterdir() if path.suffix == ".py" or path.is_dir()}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [
        *declared["dependencies"],
        *(name for extra in declared["optional-dependencies"].values() for name in extra),
    ]
    distributions = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower().replace("_", "-") for requirement in required}
    packages = {
        package
        for package, owners in importlib.metadata.packages_distributions().items()
        if {owner.lower().replace("_", "-") for owner in owners} & distributions
    }
    assert not names & (ALLOWED.keys() | packages | set(sys.stdlib_module_names))


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
        for node in _public(_tree(path))
        if not ast.get_docstring(node)
    ]
    assert not bare


def test_help_imports_neither_torch_nor_prefect() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from cli.main import app; "
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0, result.output; "
        "assert not {'torch', 'prefect'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
