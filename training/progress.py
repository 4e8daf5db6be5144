"""What a training shows: on a terminal one bar with a name, and everywhere a line for what is logged."""

from collections.abc import Mapping
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback

from ..inference.bars import bar_is_hidden


# Of the machine, not of the model.
SPEEDS = ("_runtime", "_per_second", "total_flos")


class TrainingProgress(TrainerCallback):
    """Takes the place of the Trainer's own bars.

    Args:
        label: what the bar says.
    """

    def __init__(self, label: str):
        self.label = label
        self.bar = tqdm(disable=True)

    def on_train_begin(self, args, state, control, **kwargs):
        hidden = bar_is_hidden(not args.disable_tqdm)
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.label, unit="step", disable=hidden)

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(1)

    def on_log(self, args, state, control, logs=None, **kwargs):
        line = log_line(logs or {})
        if state.is_world_process_zero and line:
            self.bar.write(f"{self.label}, step {state.global_step} of {state.max_steps}: {line}")

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


def log_line(logs: Mapping[str, Any]) -> str:
    """What a log says of the model; nothing of the summary at the end, which counts only what one process did."""
    if "train_runtime" in logs:
        return ""
    kept = {name: value for name, value in logs.items() if not name.endswith(SPEEDS)}
    return ", ".join(f"{name} {value:.4g}" for name, value in kept.items())
