"""The rooms' rules: who may import whom, no cycles, and files small enough to read."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("gvt", "leaderboard", "tokenizers_zoo")
MAY_IMPORT = {
    "gvt": {"gvt", "leaderboard", "tokenizers_zoo"},
    "leaderboard": {"leaderboard"},
    "tokenizers_zoo": {"tokenizers_zoo"},
}
FILES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


def imports(file: Path, at_import_time: bool) -> set[str]:
    """Absolute dotted names that a file imports; names from a package as `package.name`."""
    found = set()
    package = module_of(file).split(".")
    if file.name != "__init__.py":
        package = package[:-1]

    def visit(node):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{source}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            if at_import_time and (later or is_type_checking(child)):
                continue
            visit(child)

    visit(ast.parse(file.read_text(encoding="utf-8")))
    return found


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_room_imports_only_what_it_may(file):
    room = module_of(file).split(".")[0]
    tops = {name.split(".")[0] for name in imports(file, at_import_time=False)}
    assert tops & set(ROOMS) <= MAY_IMPORT[room]
    if room == "leaderboard":
        assert not tops & {"torch", "transformers", "accelerate", "datasets", "lm_eval"}


def test_modules_do_not_import_in_circles():
    graph = {}
    for module, file in MODULES.items():
        names = imports(file, at_import_time=True)
        # `from package import name`: the module `package.name` where there is one.
        targets = {name if name in MODULES else name.rpartition(".")[0] for name in names}
        graph[module] = (targets & set(MODULES)) - {module}
    done = set()

    def walk(module, trail):
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for target in sorted(graph[module]):
                walk(target, [*trail, module])
            done.add(module)

    for module in graph:
        walk(module, [])


def test_data_folders_are_no_packages():
    for folder in ("benchmarks", "tasks"):
        assert not list((ROOT / folder).glob("__init__.py"))


@pytest.mark.parametrize("file", [*FILES, *TESTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_says_its_job_and_stays_small(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert text.startswith('"""')
