"""The folder of a run: a Hub repository at its root, and under `run/` what training needs to go on."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState

from ..configuration import Recipe, RecipeError
from ..configuration.plain_files import damaged, read_json, replace_text
from ..configuration.recipe import SHARED_SECTION, is_of_hub, read_section, with_words_of_today
from ..configuration.recipe_file import read_settings
from ..configuration.repository import RECIPE_FILE
from ..configuration.yaml_text import format_yaml
from ..inference.disk import held_alone
from ..modeling_mmcot.stage_records_mmcot import CHAIN
from .plan import BOTH


# Weights, their copy in a checkpoint, and the two moments of Adam, for either the old or the new checkpoint.
COPIES_OF_WEIGHTS = 8


class RunFolder:
    """Paths and progress of a run. A phase that is finished stays finished, whatever happens to the process.

    Args:
        root: the folder, see [`open_run_folder`].
    """

    def __init__(self, root: Path):
        self.root = root
        self.state = root / "run"

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
        replace_text(self.state / "progress.json", json.dumps([*self._finished(), phase]))

    def _finished(self) -> list[str]:
        path = self.state / "progress.json"
        try:
            phases = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        except ValueError as error:
            raise damaged(path, error, self._remedy) from error
        if not isinstance(phases, list):
            raise damaged(path, "it holds no list", self._remedy)
        return phases

    @property
    def _remedy(self) -> str:
        return f"restore it, or remove {self.root} to train again"

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

    def read_json(self, name: str) -> dict[str, Any]:
        """What such a file holds.

        Raises:
            ValueError: where it is damaged.
        """
        return read_json(self.root / name, self._remedy)


@contextmanager
def open_run_folder(recipe: Recipe) -> Iterator[RunFolder]:
    """The folder of a recipe's run, which no other process works in meanwhile.

    Raises:
        ValueError: for a folder that holds another recipe's run, that another process works in, or that cannot be.
    """
    folder = RunFolder(Path(recipe.output_dir))
    try:
        folder.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"Cannot make the run folder {folder.root}: {error.strerror}."
        raise RecipeError(f"{reason} Choose another output_dir.") from error
    refusal = f"Another process is at work in {folder.root}. Wait until it has ended, or choose another output_dir."
    with held_alone(folder.state / "lock", refusal):
        claim_folder(folder, recipe)
        yield folder


def claim_folder(folder: RunFolder, recipe: Recipe) -> None:
    """Leaves the recipe in its folder, or refuses a folder with another one."""
    path = folder.root / RECIPE_FILE
    if path.exists() and what_is_trained(with_words_of_today(read_settings(path))) != what_is_trained(recipe.settings):
        raise RecipeError(
            f"{folder.root} holds a run of another recipe: its {path.name} differs. "
            "Choose another output_dir, or remove the folder."
        )
    PartialState().wait_for_everyone()
    if PartialState().is_main_process:
        replace_text(path, format_yaml(recipe.settings))


def what_is_trained(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without what may change between calls: places on disk and Hub, and which of two stages is trained."""
    one_by_one = settings.get("stages") in (BOTH, *CHAIN)
    changing = {"output_dir", *(["stages"] if one_by_one else [])}
    kept = {key: value for key, value in settings.items() if key not in changing}
    shared = {key: value for key, value in read_section(settings, SHARED_SECTION).items() if not is_of_hub(key)}
    return {**kept, SHARED_SECTION: shared}
