"""A trained folder, or a repository of the Hub, loaded: its models, its processor, and what they make of pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState

from ..configuration.repository import Repository, find_repository
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER
from ..modeling_mmcot.stages_mmcot import StageModels, load_whole, require_all_parameters
from .features import FeatureCache, open_caches


def load_trained(
    model: str | Path, revision: str | None = None
) -> tuple[StageModels, MMCoTProcessor, dict[str, FeatureCache]]:
    """The models of a trained folder or Hub id, ready on this process's device, their processor, and the caches of
    what their frozen towers say of pictures.

    Args:
        model: folder or Hub id.
        revision: commit, tag or branch of a Hub id.

    Raises:
        ValueError: for a folder whose training has not come to an end, and for one that is damaged.
    """
    repository = find_repository(model, revision)
    models, processor = load_stages(repository), load_processor(repository)
    for stage in models:
        models[stage].to(PartialState().device).eval()
    return models, processor, open_caches(models, processor)


def load_stages(repository: Repository) -> StageModels:
    """The models of all stages, as they were saved.

    Raises:
        ValueError: for a repository that is not complete, or damaged.
    """
    repository.require_whole()
    with one_line_errors(repository.place):
        return StageModels(load_whole(MMCoTForConditionalGeneration, repository.place, revision=repository.revision))


def load_stage(repository: Repository, stage: str, **changes: Any) -> MMCoTForConditionalGeneration:
    """The whole model of a stage, an adapter merged into its base.

    Args:
        repository: which has it.
        stage: which it has.
        changes: fields of its configuration that are to be others.

    Raises:
        ValueError: where its parameters are not all there.
    """
    folder, place = repository.stages[stage], repository.place
    where: Any = {"revision": repository.revision}
    is_adapter = repository.is_adapter(folder)
    subfolder = "" if is_adapter or folder == ROOT_FOLDER else folder
    with one_line_errors(place):
        model = load_whole(MMCoTForConditionalGeneration, place, subfolder=subfolder, **where, **changes)
        if not is_adapter:
            return model
        from peft import PeftModel, get_peft_model_state_dict  # a slow import, which whole models do not need

        adapted: Any = PeftModel.from_pretrained(model, place, subfolder=folder, **where)
    saved = {name for header in repository.weight_headers(folder) for name in header.tensors}
    require_all_parameters(f"{place}/{folder}", get_peft_model_state_dict(adapted).keys() - saved)
    return adapted.merge_and_unload()


def load_processor(repository: Repository) -> MMCoTProcessor:
    """The processor of all its models.

    Raises:
        ValueError: for one that is not there, or damaged.
    """
    repository.require_processor()
    with one_line_errors(repository.place):
        return MMCoTProcessor.from_pretrained(repository.place, revision=repository.revision or "main")


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turns what libraries raise for settings that make no sense to them into an error that names the repository."""
    try:
        yield
    except OSError:  # says what it is about
        raise
    except Exception as error:  # tokenizers raises nothing more special
        if name in str(error):
            raise
        reason = (str(error).splitlines() or [""])[0]
        fault = f"{type(error).__name__}: {reason}"
        raise ValueError(f"{name} cannot be loaded ({fault}); restore it from a copy, or train again.") from error
