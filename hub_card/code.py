"""The Python files that a repository brings, which run with `trust_remote_code=True`."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from transformers.dynamic_module_utils import get_relative_imports

from ..configuration.plain_files import damaged
from ..configuration.repository import CONFIG_FILE, Repository


# Where this package has its own.
SHIPPED = Path(__file__).parents[1] / "modeling_mmcot"
CLASS_REFERENCE = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")


def named_classes(repository: Repository) -> list[str]:
    """The classes that a repository's configuration names, as `module.Class`.

    Raises:
        ValueError: where the configuration names something else.
    """
    by_auto_class = getattr(repository.config, "auto_map", None) or {}
    pipelines = getattr(repository.config, "custom_pipelines", None) or {}
    try:
        names = {*by_auto_class.values(), *(pipeline["impl"] for pipeline in pipelines.values())}
        unreadable = [name for name in names if not CLASS_REFERENCE.fullmatch(name)]
    except (AttributeError, KeyError, TypeError) as error:
        raise damaged(repository.folder / CONFIG_FILE, "auto_map or custom_pipelines name no classes") from error
    if unreadable:
        raise damaged(repository.folder / CONFIG_FILE, f"it names code by {unreadable[0]!r}, not as module.Class")
    return sorted(names)


def needed_files(repository: Repository, model: str) -> list[Path]:
    """The files that define those classes, and all that these import from beside them, be they there or not."""
    waiting = {reference.partition(".")[0] for reference in named_classes(repository)}
    modules: set[str] = set()
    while waiting:
        modules |= waiting
        paths = [repository.folder / model / f"{module}.py" for module in waiting]
        waiting = {name for path in paths if path.is_file() for name in imports_of(path)} - modules
    return [repository.folder / model / f"{module}.py" for module in sorted(modules)]


def imports_of(path: Path) -> Iterable[str]:
    """The modules beside a file that it imports."""
    try:
        return get_relative_imports(path)
    except UnicodeDecodeError as error:
        raise damaged(path, error) from error


def differing_files(repository: Repository) -> list[Path]:
    """The files of code, in the folders of all models, that are not those of this package."""
    return [path for path in code_files(repository) if not is_shipped(path)]


def code_files(repository: Repository) -> list[Path]:
    """All files of code, in the folders of all models."""
    folders = [repository.folder / model for model in repository.model_folders]
    return [path for folder in folders for path in sorted(folder.glob("*_mmcot.py"))]


def is_shipped(path: Path) -> bool:
    """Whether a file is the same as that of this package."""
    own = SHIPPED / path.name
    return own.is_file() and own.read_bytes() == path.read_bytes()


def lost_classes(repository: Repository) -> list[str]:
    """Classes that the configuration names and no file defines."""
    lost = []
    for reference in named_classes(repository):
        module, name = reference.split(".")
        if name not in defined_classes(repository.folder / f"{module}.py"):
            lost.append(reference)
    return lost


def defined_classes(path: Path) -> set[str]:
    """Names of the classes that a file defines; none for a file that is not there.

    Raises:
        ValueError: for a file that is no Python.
    """
    try:
        tree = ast.parse(path.read_bytes()) if path.is_file() else ast.Module([], [])
    except (SyntaxError, ValueError) as error:
        raise damaged(path, error) from error
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
