"""Folder = import path: who may import whom, what shipped files may say, and how long things may get."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import mmcot
import mmcot.configuration


ROOT = Path(mmcot.__file__).parent
# Folder -> folders of the package it may import. Arrows run one way.
MAY_IMPORT = {
    "modeling_mmcot": set(),
    "configuration": {"modeling_mmcot"},
    "data": {"modeling_mmcot", "configuration"},
    "engine": {"modeling_mmcot"},
    "inference": {"modeling_mmcot", "configuration", "data", "engine"},
    "evaluation": {"modeling_mmcot", "configuration", "data", "inference"},
    "hub_card": {"modeling_mmcot", "configuration"},
    "conversion": {"modeling_mmcot", "configuration", "data", "engine", "hub_card", "inference"},
    "training": {"modeling_mmcot", "configuration", "data", "inference", "evaluation", "hub_card"},
}
# It goes into a Space, without the rest of the package.
MAY_IMPORT["demo"] = set()
MAY_IMPORT["cli"] = set(MAY_IMPORT)
FOLDERS = tuple(MAY_IMPORT)
# What the package itself offers, `import mmcot` included, it has from there.
PUBLIC = {"", "__version__", *mmcot.__all__}
SHIPPED_LIBRARIES = {"torch", "transformers", "PIL", "huggingface_hub", "numpy", "safetensors"}
# Only inside `try:` or a function: it is not there for every visitor of the Hub.
OPTIONAL_LIBRARIES = {"matplotlib", "peft", "pillow_heif"}

SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
SHIPPED = sorted((ROOT / "modeling_mmcot").glob("*_mmcot.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))


def name_of(path):
    return str(path.relative_to(Path(__file__).parents[1] if path in TESTS else ROOT))


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path):
    """Absolute dotted names of all modules a file imports, wherever the import stands."""
    package = ("mmcot", *Path(name_of(path)).parent.parts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            if module in ("mmcot", ".".join(package)):
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def test_one_python_file_at_the_root():
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def test_every_folder_is_found():
    assert len(SHIPPED) >= 5
    for folder in FOLDERS:
        assert (ROOT / folder / "__init__.py").is_file()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_one_way(path):
    folder = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        top, _, rest = name.partition(".")
        assert top not in FOLDERS, f"{name} makes a second copy of every class; import mmcot.{name}"
        assert top != "tests"
        if top == "mmcot":
            target = rest.partition(".")[0]
            if target in PUBLIC:
                target = "modeling_mmcot"
            assert target == folder or target in MAY_IMPORT[folder], f"{folder} may not import {name}"


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_tests_import_the_package_by_its_name(path):
    assert not {name for name in imported(path) if name.partition(".")[0] in FOLDERS}


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
class TestShippedFiles:
    def test_imports_are_flat_siblings_or_libraries_everyone_has(self, path):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                tops = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, "the Hub knows no parent folder"
                assert node.module, "`from . import x` is not copied into a saved folder"
                assert "." not in node.module, "the Hub knows no sub-folder"
                assert (path.parent / f"{node.module}.py") in SHIPPED
                continue
            elif isinstance(node, ast.ImportFrom):
                tops = {node.module.partition(".")[0]}
            else:
                continue
            assert tops <= SHIPPED_LIBRARIES | OPTIONAL_LIBRARIES | sys.stdlib_module_names

    def test_optional_libraries_are_never_imported_at_the_top(self, path):
        for node in tree_of(path).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                assert not {name.partition(".")[0] for name in names} & OPTIONAL_LIBRARIES

    def test_no_text_looks_like_a_relative_import(self, path):
        # `save_pretrained` finds imports line by line, in docstrings too, and copies what they name.
        written = re.findall(r"^\s*(?:from|import)\s+\.(\S*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        meant = [node.module for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) and node.level]
        assert sorted(written) == sorted(meant)


@pytest.mark.parametrize("path", [ROOT / "__init__.py", *SOURCES, *TESTS], ids=name_of)
def test_files_and_functions_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 80, f"{node.name} has {lines} lines"


def test_a_name_means_one_thing_in_all_folders():
    folders = {}
    for path in SOURCES:
        for node in tree_of(path).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name != "__getattr__":
                folders.setdefault(node.name, set()).add(path.relative_to(ROOT).parts[0])
    assert {name: places for name, places in folders.items() if len(places) > 1} == {}


def test_file_names_say_what_a_file_is_about():
    assert not {path.stem for path in SOURCES} & {"utils", "common", "helpers", "misc", "base", "core"}


def test_each_class_exists_once():
    assert not set(FOLDERS) & sys.modules.keys(), "imported by the name of its folder"
    assert mmcot.configuration.MMCoTConfig is mmcot.modeling_mmcot.MMCoTConfig is mmcot.MMCoTConfig
    assert all(hasattr(mmcot, name) for name in mmcot.__all__)
