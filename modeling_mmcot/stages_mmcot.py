"""The models behind the stages of a repository."""

import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from transformers import PreTrainedModel
from transformers.utils import has_file, logging

from .configuration_mmcot import stages_are_adapters
from .stage_records_mmcot import ROOT_FOLDER


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration


Model = TypeVar("Model", bound=PreTrainedModel)

# Where the settings of an adapter say which stages it has learned, in an entry that the library leaves free: one that
# is saved by itself has no other place for that.
FREE_ENTRY, STAGES_ENTRY = "auto_mapping", "stages"
# Which adapter a base works with is a state of the base. One lock for all: pipelines may share a base.
ADAPTER_IN_USE = threading.RLock()


@contextmanager
def without_false_alarms() -> Iterator[None]:
    """Loads in silence: of a second adapter the library warns, and calls the parameters of the first one missing."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            yield
    finally:
        logging.set_verbosity(level)


def load_whole(model_class: type[Model], name: str, **options) -> Model:
    """A model of which every parameter comes from its files.

    Args:
        model_class: its class.
        name: folder or Hub id.
        options: of `from_pretrained`.

    Raises:
        ValueError: where parameters are missing or of another size; the library would draw new ones for them.
    """
    with without_false_alarms():
        loaded: Any = model_class.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    model, report = loaded
    lost = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    require_all_parameters("/".join([name, *filter(None, [options.get("subfolder")])]), lost)
    return model


def note_stages(settings: Any, stages: Iterable[str]) -> None:
    """Writes into the settings of an adapter, a `peft.PeftConfig`, which stages it has learned."""
    setattr(settings, FREE_ENTRY, {STAGES_ENTRY: list(stages)})


def noted_stages(settings: Any) -> list[str]:
    """What [`note_stages`] has written; nothing in the settings of an older adapter."""
    return (getattr(settings, FREE_ENTRY) or {}).get(STAGES_ENTRY, [])


def require_all_parameters(name: str, lost: Iterable[str]) -> None:
    """Refuses weights in which parameters are missing.

    Args:
        name: of the model.
        lost: names of those parameters.
    """
    lost = sorted(lost)
    if lost:
        fault = f"{len(lost)} of its parameters are absent or of another size, such as {lost[0]}"
        raise ValueError(f"{name} is damaged: {fault}. Get it again.")


def share_tower(first: "MMCoTForConditionalGeneration", second: "MMCoTForConditionalGeneration") -> None:
    """Lets the second model look through the image encoder of the first where both are frozen and the same, so that it
    is held once."""
    towers: list[Any] = [model.vision_tower if model.config.freeze_vision else None for model in (first, second)]
    if None in towers:
        return
    own, others = (tower.state_dict() for tower in towers)
    if own.keys() == others.keys() and all(same_tensor(own[name], others[name]) for name in own):
        second.vision_tower = towers[0]


def same_tensor(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors, on any device, hold the same numbers in the same form."""
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other.to(one.device))


class StageModels(Mapping):
    """Stage -> model that is ready for it. `config.stages` says which of three layouts a repository has:

    - a model for each stage, one of them at the root;
    - one model at the root for several stages;
    - no stage at the root: there lies a base, loaded once, and each stage is an adapter on it (needs `peft`). Taking a
      stage's model out switches the base to its adapter, so use it before you take the next; in threads, by
      [`~StageModels.use`].

    Args:
        root: the model at the repository's root; the others are loaded from where it came from, on the Hub from the
            same revision.
        models: of stages that are loaded already.
    """

    def __init__(
        self,
        root: "MMCoTForConditionalGeneration",
        models: "Mapping[str, MMCoTForConditionalGeneration] | None" = None,
    ):
        self.root = root
        self.folders = dict(root.config.stages)
        self.has_adapters = stages_are_adapters(self.folders)
        # Of each stage the name that its adapter has, or will have, on the base.
        self.adapters = dict(self.folders)
        for name, settings in getattr(root, "peft_config", {}).items():
            self.adapters |= {stage: name for stage in noted_stages(settings) if stage in self.folders}
        self._models = dict(models or {})
        for stage in self.folders:
            if stage not in self._models:
                self._models[stage] = self._load(stage)

    def _load(self, stage: str) -> "MMCoTForConditionalGeneration":
        folder = self.folders[stage]
        if folder == ROOT_FOLDER or self.adapters[stage] in getattr(self.root, "peft_config", {}):
            return self.root
        root: Any = self.root
        origin = dict(root.origin)
        name = origin.pop("pretrained_model_name_or_path", "")
        is_local = os.path.isdir(name)
        if not name or is_local and not os.path.isdir(os.path.join(name, folder)):
            raise self._absent(name, stage)
        try:
            if not self.has_adapters:
                model = load_whole(type(self.root), name, subfolder=folder, dtype=self.root.dtype, **origin)
                share_tower(self.root, model)
                return model
            if is_local:  # transformers before 5.23 seeks the settings of a local adapter at the root
                self._load_adapter(os.path.join(name, folder), folder, origin)
            else:
                self._load_adapter(name, folder, {"subfolder": folder, **origin})
            return self.root
        except (OSError, ValueError) as error:
            settings = "adapter_config.json" if self.has_adapters else "config.json"
            if is_local or has_file(name, f"{folder}/{settings}", **origin):
                raise
            raise self._absent(name, stage) from error

    def _absent(self, name: str, stage: str) -> ValueError:
        """Says which stage is not there, and both ways to have it."""
        folder, kind = self.folders[stage], "adapter" if self.has_adapters else "model"
        way = "give the pipeline a model of your own, answer_model=..."
        if self.has_adapters:
            way = f"load one of your own before, model.load_adapter(FOLDER, adapter_name={folder!r})"
        place = name or "The model"
        return ValueError(
            f"{place} has no folder {folder!r} with the {kind} of the stage {stage!r}. Put it there, or {way}."
        )

    def _load_adapter(self, name: str, adapter: str, where: dict[str, Any]) -> None:
        with without_false_alarms():
            report = self.root.load_adapter(name, adapter_name=adapter, adapter_kwargs=where)
        require_all_parameters(name, (key for key in report.missing_keys if f".{adapter}." in key))
        settings: Any = self.root.peft_config[adapter]
        note_stages(settings, [stage for stage, folder in self.folders.items() if folder == adapter])

    def __getitem__(self, stage: str) -> "MMCoTForConditionalGeneration":
        with self.use(stage) as model:
            return model

    @contextmanager
    def use(self, stage: str) -> "Iterator[MMCoTForConditionalGeneration]":
        """The model of a stage. Where it is an adapter, other threads wait for the end of the block to use another."""
        model = self._models[stage]
        if not self.has_adapters or model is not self.root:
            yield model
            return
        with ADAPTER_IN_USE:
            model.set_adapter(self.adapters[stage])
            yield model

    def tower(self, stage: str) -> torch.nn.Module | None:
        """The image encoder of a stage; no adapter is switched for it."""
        return self._models[stage].vision_tower

    def reads_pictures(self, stage: str) -> bool:
        """Whether the model of a stage reads pictures at all; see [`MMCoTConfig`]."""
        return self._models[stage].config.image_feature_size > 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)
