"""The folder of a run: a Hub repository at its root, and under `run/` what training needs to go on."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers.trainer_utils import get_last_checkpoint

from ..configuration import Recipe, RecipeError
from ..configuration.plain_files import replace_text
from ..configuration.recipe import SHARED_SECTION, is_of_hub, read_section, read_settings
from ..configuration.yaml_text import format_yaml


# Weights, their copy in a checkpoint, and the two moments of Adam, for either the old or the new checkpoint.
COPIES_OF_WEIGHTS = 8


class RunFolder:
    """Paths and progress of a run. A phase that is finished stays finished, whatever happens to the process.

    Args:
        recipe: the run. A folder that holds another recipe's run is refused.
    """

    def __init__(self, recipe: Recipe):
        self.root = Path(recipe.output_dir)
        self.state = self.root / "run"
        self.progress_file = self.state / "progress.json"
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"Cannot make the run folder {self.root}: {error.strerror}."
            raise RecipeError(f"{reason} Choose another output_dir.") from error
        self._claim(recipe)

    def _claim(self, recipe: Recipe) -> None:
        path = self.root / "recipe.yaml"
        if path.exists() and what_is_trained(read_settings(path)) != what_is_trained(recipe.settings):
            raise RecipeError(
                f"{self.root} holds a run of another recipe: its {path.name} differs. "
                "Choose another output_dir, or remove the folder."
            )
        PartialState().wait_for_everyone()
        if PartialState().is_main_process:
            replace_text(path, format_yaml(recipe.settings))

    def finished(self, phase: str) -> bool:
        """Whether a phase was completed, in this process or an earlier one."""
        return phase in self._finished()

    def finish(self, phase: str) -> None:
        """Notes that a phase is complete; the note appears at once or not at all. Every process comes here."""
        PartialState().wait_for_everyone()
        if PartialState().is_main_process:
            self.note(phase)
        PartialState().wait_for_everyone()

    def note(self, phase: str) -> None:
        """The same for what only the main process does, for which the others must not wait: their patience ends."""
        replace_text(self.progress_file, json.dumps([*self._finished(), phase]))

    def _finished(self) -> list[str]:
        return json.loads(self.progress_file.read_text(encoding="utf-8")) if self.progress_file.exists() else []

    def last_checkpoint(self, checkpoints: str) -> str | None:
        """The newest complete checkpoint in a folder of the Trainer, which writes its state last."""
        PartialState().wait_for_everyone()
        for broken in Path(checkpoints).glob("checkpoint-*"):
            if PartialState().is_main_process and not (broken / "trainer_state.json").exists():
                shutil.rmtree(broken)
        PartialState().wait_for_everyone()
        return get_last_checkpoint(checkpoints) if os.path.isdir(checkpoints) else None

    def drop_checkpoints(self, checkpoints: str) -> None:
        """Removes the checkpoints of a finished training; logs of `report_to` beside them stay."""
        PartialState().wait_for_everyone()
        for path in Path(checkpoints).glob("checkpoint-*") if PartialState().is_main_process else ():
            shutil.rmtree(path)

    def require_space(self, weight_bytes: int) -> None:
        """Refuses to start what the disk cannot hold."""
        needed, free = COPIES_OF_WEIGHTS * weight_bytes, shutil.disk_usage(self.root).free
        if free < needed:
            raise RecipeError(
                f"The disk of {self.root} has {free / 1e6:.0f} MB free and training needs {needed / 1e6:.0f} MB. "
                "Free some, or choose another output_dir."
            )

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file under the root."""
        if PartialState().is_main_process:
            replace_text(self.root / name, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """What such a file holds."""
        return json.loads((self.root / name).read_text(encoding="utf-8"))


def what_is_trained(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without what may change between calls: the place on the Hub, and that of two stages one is trained."""
    one_by_one = settings.get("stages") in ("both", "rationale", "answer")
    kept = {key: value for key, value in settings.items() if key != "stages" or not one_by_one}
    shared = {key: value for key, value in read_section(settings, SHARED_SECTION).items() if not is_of_hub(key)}
    return {**kept, SHARED_SECTION: shared}
