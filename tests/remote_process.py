"""A process in which `mmcot` cannot be imported: all code comes from a saved folder."""

import json
import os
import subprocess
import sys
from pathlib import Path


BEGIN = """
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

from PIL import Image
from transformers import pipeline

task = json.load(open(sys.argv[1]))
question = task["question"] | {"image": Image.open(task["picture"])}
result = {}

def ask(folder, *name):
    return pipeline(*name, model=folder, trust_remote_code=True)(question, max_new_tokens=8)
"""

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
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    environment |= {"HF_HOME": str(home / "hub"), "HF_MODULES_CACHE": str(home / "modules")}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-I", "-c", BEGIN + code + FINISH, "task.json", "result.json"]
    done = subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads((home / "result.json").read_text())
    assert result["modules"] == []
    return result
