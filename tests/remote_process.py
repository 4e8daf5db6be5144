"""Processes that have only the code of a saved folder, not `mmcot`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path


# The beginning of such a process.
WITHOUT_MMCOT = """
import importlib.abc, json, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mmcot":
            raise ImportError("mmcot is not installed here")

sys.meta_path.insert(0, Blocker())
try:
    import mmcot
except ImportError as error:
    assert "not installed here" in str(error)
else:
    raise SystemExit("mmcot could be imported")
"""
BEGIN = (
    WITHOUT_MMCOT
    + """
from PIL import Image
from transformers import pipeline

task = json.load(open(sys.argv[1]))
question = task["question"] | {"image": Image.open(task["picture"])}
result = {}

def ask(folder, *name):
    return pipeline(*name, model=folder, trust_remote_code=True)(question, max_new_tokens=8)
"""
)

FINISH = """
result["modules"] = sorted(name for name in sys.modules if name.partition(".")[0] == "mmcot")
json.dump(result, open(sys.argv[2], "w"))
"""


def run_without_mmcot(code: str, home: Path, **task) -> dict:
    """Runs code in a process without `mmcot`, without network and with empty caches.

    Args:
        code: fills `result`; knows the names of `BEGIN`.
        home: empty folder that it runs in.
        task: what the code finds in `task`; `question` and `picture`, the path of its picture, are needed.

    Returns:
        `result`, and in it under `modules` those of `mmcot` that the process has.
    """
    (home / "task.json").write_text(json.dumps(task))
    words = [sys.executable, "-I", "-c", BEGIN + code + FINISH, "task.json", "result.json"]
    done = subprocess.run(words, cwd=home, env=environment(home), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads((home / "result.json").read_text())
    assert result["modules"] == []
    return result


RUN_SNIPPETS = """
import json, sys

for source in json.load(open(sys.argv[1])):
    exec(compile(source, "<card>", "exec"), {})
    print("=====")
assert "mmcot" not in sys.modules
"""


def snippets(card: str) -> list[str]:
    """The Python in the text of a card."""
    return re.findall(r"^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)


def run_snippets(sources: list[str], home: Path) -> list[str]:
    """What each of them prints, in one process without network.

    Args:
        sources: Python; none may import `mmcot`.
        home: empty folder that the process runs in.
    """
    (home / "snippets.json").write_text(json.dumps(sources), encoding="utf-8")
    words = [sys.executable, "-I", "-c", RUN_SNIPPETS, "snippets.json"]
    done = subprocess.run(words, cwd=home, env=environment(home), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.split("=====\n")[:-1]


def environment(home: Path) -> dict[str, str]:
    """Variables of a process without network, whose caches are in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    own = {"HF_HOME": str(home / "hub"), "HF_MODULES_CACHE": str(home / "modules")}
    return kept | own | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
