"""How `speed.py` measures the start of an engine: each time a new process, from its first line to its first answer."""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


EXPORT = "onnx"
PICTURE = Path(__file__).parents[1] / "docs" / "example.png"
STARTS = {
    "pipeline": "from transformers import pipeline; "
    "pipe = pipeline('multimodal-cot', {folder!r}, trust_remote_code=True)",
    "OnnxPipeline": "from mmcot.engine import OnnxPipeline; pipe = OnnxPipeline({export!r})",
    "OnnxPipeline, from the export": "sys.path[0] = {export!r}; from onnx_mmcot import OnnxPipeline; "
    "pipe = OnnxPipeline({export!r})",
}
SCRIPT = """
import sys, time
start = time.perf_counter()
{load}
loaded = time.perf_counter() - start
pipe(question="What is in the jar?", choices=["gas", "solid"], image={picture!r})
answered = time.perf_counter() - start
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print("[%f, %f, %f]" % (loaded, answered, int(peak) / 1024))
"""


@dataclass
class Start:
    """How an engine starts: seconds until it is loaded, and has answered, and the most memory it had, in MiB."""

    engine: str
    loaded: float
    answered: float
    memory: float


def measure_starts(folder: Path, rounds: int) -> list[Start]:
    """Starts all engines in turns, after a first turn that brings their files into memory; medians count.

    Args:
        folder: of a run, with an export in `onnx`.
        rounds: turns.
    """
    print("\n| | loaded, s | first answer, s | memory, MiB |\n|---|---|---|---|")
    places = {"folder": str(folder.resolve()), "export": str((folder / EXPORT).resolve()), "picture": str(PICTURE)}
    turns = [{name: start(load.format(**places)) for name, load in STARTS.items()} for _ in range(rounds + 1)][1:]
    starts = [
        Start(name, *(statistics.median(values) for values in zip(*(turn[name] for turn in turns), strict=True)))
        for name in STARTS
    ]
    for each in starts:
        print(f"| {each.engine} | {each.loaded:.2f} | {each.answered:.2f} | {each.memory:.0f} |", flush=True)
    return starts


def start(load: str) -> list[float]:
    """A new process that loads an engine and asks it."""
    words = [sys.executable, "-c", SCRIPT.format(load=load, picture=str(PICTURE))]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
