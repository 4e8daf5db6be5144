"""What remote code may not do, and what no file of the package may: read off the source, not off a run."""

import ast
from pathlib import Path

import pytest

import mmcot


ROOT = Path(mmcot.__file__).parent
FOLDERS = (
    "modeling_mmcot",
    "configuration",
    "data",
    "inference",
    "evaluation",
    "training",
    "hub_card",
    "conversion",
    "cli",
)
SOURCES = [ROOT / "__init__.py", *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
REMOTE = sorted((ROOT / "modeling_mmcot").glob("*_mmcot.py"))

# Network, processes and imports by name. Pictures named by a URL are fetched by transformers' own `load_image`, in
# `images_mmcot.py`; loading and saving of models is the library's work, too.
REMOTE_MODULES = {
    *("socket", "ssl", "urllib", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "fsspec", "webbrowser"),
    *("shutil", "subprocess", "tempfile", "pty", "multiprocessing", "ctypes", "importlib", "runpy", "pkgutil"),
}
# Of this library remote code needs the checks of a dataclass, no downloads.
HUB, HUB_MODULES = "huggingface_hub", {"huggingface_hub.dataclasses"}
REMOTE_CALLS = {
    *("__import__", "compile", "globals", "os.system", "os.popen", "os.remove", "os.unlink", "os.rmdir"),
    *("os.removedirs", "os.mkdir", "os.makedirs", "os.rename", "os.replace", "os.open", "save_file"),
}
# Methods of paths and arrays that change the disk, whatever they are called on.
WRITING_METHODS = {"unlink", "rmdir", "mkdir", "write_text", "write_bytes", "touch", "chmod", "symlink_to", "tofile"}
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "builtins"}
UNSAFE_CALLS = {"eval", "exec"}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def imported(tree):
    """Dotted names of the modules that a file imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def calls(tree):
    """The calls in a file."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def keyword(call, name):
    """What a call passes under a name."""
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == name), None)


def writes(call):
    """Whether a call changes the disk; a mode of `open` that is computed may be any."""
    name = ast.unparse(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr in WRITING_METHODS:
        return True
    if name.rpartition(".")[2] != "open" or name == "Image.open":  # which takes no mode
        return False
    # The built-in takes its mode after the file, the method of a path has the file already.
    modes = call.args[1:2] if name == "open" else call.args[:1]
    mode = keyword(call, "mode") or "".join(map(ast.unparse, modes)) or "'r'"
    return mode not in ("'r'", "'rb'", "'rt'")


def remote_faults(tree):
    """What a file does that remote code must not."""
    modules = list(imported(tree))
    faults = [name for name in modules if name.partition(".")[0] in REMOTE_MODULES]
    faults += [name for name in modules if name.partition(".")[0] == HUB and name not in HUB_MODULES]
    faults += [ast.unparse(call) for call in calls(tree) if ast.unparse(call.func) in REMOTE_CALLS or writes(call)]
    return faults + faults_of_any_file(tree)


def faults_of_any_file(tree):
    """What no file of the package does: run text as code, or read a pickle that could."""
    faults = [name for name in imported(tree) if name.partition(".")[0] in UNSAFE_MODULES]
    for call in calls(tree):
        name = ast.unparse(call.func)  # `model.eval` is not `eval`
        unsafe_load = name == "torch.load" and keyword(call, "weights_only") != "True"
        if name in UNSAFE_CALLS or unsafe_load or keyword(call, "allow_pickle") == "True":
            faults.append(ast.unparse(call))
    return faults


@pytest.mark.parametrize("path", REMOTE, ids=name_of)
def test_remote_code_neither_reaches_out_nor_writes_nor_imports_by_name(path):
    assert remote_faults(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_runs_text_or_pickles(path):
    assert faults_of_any_file(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_files_are_there():
    assert len(REMOTE) >= 8
    assert len(SOURCES) > 40


@pytest.mark.parametrize(
    "line",
    [
        *("import socket", "from urllib.request import urlopen", "import requests", "import httpx", "import shutil"),
        *("import subprocess", "def f():\n    import importlib", "from huggingface_hub import hf_hub_download"),
        *("os.remove('x')", "os.system('x')", "open('x', 'w')", "open('x', mode='ab')"),
        *("open('x', mode)", "path.open('w')", "path.write_text('x')", "__import__('os')", "eval('1')", "exec('1')"),
        *("import pickle", "from pickle import loads", "import builtins", "torch.load('x')"),
        *("torch.load('x', weights_only=False)", "np.load('x', allow_pickle=True)"),
    ],
)
def test_the_test_itself_finds_each_fault(line):
    assert remote_faults(ast.parse(line)) != []


@pytest.mark.parametrize(
    "line",
    [
        *(
            "model.eval()",
            "re.compile('x')",
            "names.remove('x')",
            "open('x')",
            "open('x', 'rb')",
            "path.open('r')",
            "Image.open('x')",
        ),
        *("torch.load('x', weights_only=True)", "from huggingface_hub.dataclasses import strict"),
    ],
)
def test_the_test_itself_lets_through_what_is_harmless(line):
    assert remote_faults(ast.parse(line)) == []
