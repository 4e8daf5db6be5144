"""Processes that have imported everything already, and come to harm at a given place of their command.

A program: it forks a process for each line of its standard input, a task in JSON, and answers with the exit code.
"""

import contextlib
import errno
import importlib
import json
import os
import signal
import sys
from pathlib import Path

import datasets
import huggingface_hub
from huggingface_hub.utils import _cache_assets

from mmcot.cli.__main__ import start
from mmcot.training import two_stage  # noqa: F401  all that a training imports


SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}


def find(function):
    """What holds a function, and its name there."""
    module, _, names = function.partition(":")
    *holders, name = names.split(".")
    holder = importlib.import_module(module)
    for each in holders:
        holder = getattr(holder, each)
    return holder, name


def harm_at(function, call, moment, file, harm, **_):
    """Puts a function in place of another that does the same until its hour has come."""
    holder, name = find(function)
    original, calls = getattr(holder, name), []

    def harmed(*arguments, **options):
        calls.append(name)
        if len(calls) != call:
            return original(*arguments, **options)
        if harm == "fill":
            fill_disk()
            return original(*arguments, **options)
        path = Path(arguments[file]) if moment == "half" else None
        size = path.stat().st_size if path and path.exists() else 0
        result = None if moment == "before" else original(*arguments, **options)
        if path:
            os.truncate(path, (size + path.stat().st_size) // 2)
        if harm == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), SIGNALS[harm])
        return result

    setattr(holder, name, harmed)


def fill_disk():
    """Leaves no room on the disk of this folder."""
    with open("filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def run_task(task):
    """The command of a task, in its folder, with caches and a Hub of its own."""
    os.chdir(task["folder"])
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _cache_assets.HF_ASSETS_CACHE = os.path.abspath("assets")
    datasets.config.HF_DATASETS_CACHE = Path("datasets").absolute()
    huggingface_hub.constants.ENDPOINT = task["hub"]
    huggingface_hub.constants.HF_HUB_DISABLE_XET = True
    os.environ["HF_TOKEN"] = "hf_owner"
    sys.argv = ["mmcot", *task["words"]]
    if task["place"]:
        harm_at(**task["place"])
    return start()


def main():
    for line in sys.stdin:
        process = os.fork()
        if not process:
            code = 70
            try:
                code = run_task(json.loads(line))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
