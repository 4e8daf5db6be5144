"""Training of one model of a run, from where an earlier call left it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from peft import PeftModel
from transformers import set_seed

from ..configuration import Recipe, StageArguments
from ..inference.features import FeatureCache
from ..inference.generation import generate_texts
from ..inference.image_hashes import replace_images_by_hashes
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import RATIONALE
from .parts import build_base, build_processor, load_base, new_adapter
from .plan import has_adapters, planned_models, repository_stages
from .run import Run, load_run_splits
from .trainer import MMCoTTrainer


Model = MMCoTForConditionalGeneration | PeftModel


@dataclass
class TrainedModel:
    """A model that is ready to write.

    Args:
        model: with its weights, on its device.
        features: what its frozen vision tower says of the pictures of the run; `None` if it looks at them itself.
    """

    model: Model
    features: FeatureCache | None

    def generate(
        self, run: Run, dataset: datasets.Dataset, stage: str, written: Mapping[str, Sequence[str]] | None = None
    ):
        """What the model writes for problems of the run, see [`mmcot.inference.generation.generate_texts`]."""
        dataset = without_unread_images(dataset, self.model, self.features)
        size = run.recipe.evaluation.batch_size
        return generate_texts(self.model, run.processor, dataset, stage, written, self.features, batch_size=size)


def train_model(run: Run, name: str) -> TrainedModel:
    """Trains a model of the plan, from its last checkpoint on, or loads it where that is done."""
    path, arguments = run.path(name), run.recipe.training[name]
    if not run.folder.finished(name):
        record = train_into(path, run, name, arguments, run.splits["train"])
        run.folder.write_json(f"run/{name}.json", record)
        run.folder.finish(name)
        run.folder.drop_checkpoints(arguments.output_dir)
        run.say(f"The {name} model took {record['seconds']:.0f} s for {record['steps']} steps.")
    return load_model(run, path, arguments)


def train_into(path: Path, run: Run, name: str, arguments: StageArguments, train: datasets.Dataset) -> dict[str, Any]:
    """Trains a model on a part of the run's problems and saves it; see [`fit`] for what comes back."""
    model = starting_model(run, name, arguments).to(arguments.device)
    run.say(f"Training the {name} model on {len(train)} problems. {parameter_line(model)}")
    run.folder.require_space(4 * model.num_parameters())
    validation = run.splits["validation"]
    validation = validation.select(range(min(run.recipe.evaluation.validation_limit, len(validation))))
    splits = datasets.DatasetDict(train=train, validation=validation)
    checkpoint = run.folder.last_checkpoint(arguments.output_dir)
    stages, features = planned_models(run.recipe)[name], frozen_features(run, model)
    record = fit(model, arguments, stages, run.processor, splits, features, checkpoint)
    if PartialState().is_main_process:
        save(model, path, merge=run.recipe.lora is not None and run.recipe.lora.merge)
    return record


def frozen_features(run: Run, model: Model) -> FeatureCache | None:
    """The features of all pictures of the run, if the model's tower is frozen and the recipe wants them kept."""
    if model.vision_tower is None or not model.config.freeze_vision or not run.recipe.model.cache_features:
        return None
    cache = FeatureCache.open(model, run.processor)
    for split in run.splits.values():
        cache.fill(split)
    return cache


def fill_features(recipe: Recipe, say: Callable[[str], None] = print) -> None:
    """Computes the features of all pictures of a recipe ahead of its training, which then finds them.

    Raises:
        ValueError: for a recipe whose training would not look for them.
    """
    if not recipe.model.cache_features:
        raise ValueError("model.cache_features is false, so the training would not read the features; set it to true.")
    splits, _ = load_run_splits(recipe, say)
    with tempfile.TemporaryDirectory() as folder:
        # Saved and loaded, as the run has it: where torchvision is installed, another image processor comes back.
        build_processor(recipe, splits["train"]).save_pretrained(folder)
        processor = MMCoTProcessor.from_pretrained(folder)
    for model in models_before_training(recipe, processor):
        cache = FeatureCache.open(model, processor)
        for name, split in splits.items():
            cache.fill(split)
            say(f"The features of {name} are in {cache.folder}.")


def models_before_training(recipe: Recipe, processor: MMCoTProcessor) -> Iterator[MMCoTForConditionalGeneration]:
    """Each model that a run builds, as it is before its training. A tower from scratch is another one in each."""
    if has_adapters(recipe):
        set_seed(recipe.seed)
        yield build_base(recipe.model, processor.tokenizer).to(recipe.training[RATIONALE].device)
        return
    for name in planned_models(recipe):
        arguments = recipe.training[name]
        if name == RATIONALE or arguments.start_from != RATIONALE:
            set_seed(starting_seed(arguments, name))
            yield build_base(recipe.model, processor.tokenizer, arguments.gate_bias).to(arguments.device)


def without_unread_images(dataset: datasets.Dataset, model: Model, features: FeatureCache | None) -> datasets.Dataset:
    """The data set without pictures for a model that has their features, or no eyes."""
    if features is not None:
        return replace_images_by_hashes(dataset)
    return dataset.remove_columns("image") if model.vision_tower is None else dataset


def starting_model(run: Run, name: str, arguments: StageArguments) -> Model:
    """The model a training starts with; the same seed gives the same weights, whatever ran before."""
    recipe, follows = run.recipe, arguments.start_from == RATIONALE
    set_seed(starting_seed(arguments, name))
    if has_adapters(recipe):
        model = load_base(run.folder.root, recipe.model.quantization)
    elif follows:
        model = load_base(run.path(RATIONALE))
    else:
        model = build_base(recipe.model, run.processor.tokenizer, arguments.gate_bias)
    settings = model.generation_config
    settings.max_new_tokens, settings.num_beams = arguments.generation_max_length, arguments.generation_num_beams or 1
    model.config.stages = repository_stages(recipe)
    if recipe.lora is None:
        return model
    if has_adapters(recipe) and follows:
        return PeftModel.from_pretrained(model, run.path(RATIONALE), is_trainable=True)
    return new_adapter(model, recipe.lora, arguments.gate_bias)


def starting_seed(arguments: StageArguments, name: str) -> int:
    """The seed of a model's weights; those of stage 1 have one of their own."""
    return arguments.seed if name == RATIONALE else arguments.seed + 1


def parameter_line(model: Model) -> str:
    """How much of a model is trained."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    total = sum(parameter.numel() for parameter in model.parameters())
    return f"{trained:,} of {total:,} parameters are trained ({trained / total:.1%})."


def fit(
    model: Model,
    arguments: StageArguments,
    stages: Sequence[str],
    processor: MMCoTProcessor,
    splits: datasets.DatasetDict,
    features: FeatureCache | None = None,
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Trains a model in place.

    Returns:
        `seconds`, `steps`, and the Trainer's log as `history`.
    """
    whole = model.get_base_model() if isinstance(model, PeftModel) else model
    generation_config = whole.generation_config.to_dict()
    train, validation = (without_unread_images(splits[name], model, features) for name in ("train", "validation"))
    trainer = MMCoTTrainer(model, arguments, stages, processor, train, validation, features)
    start = time.perf_counter()
    trainer.train(resume_from_checkpoint=checkpoint)
    # The Trainer's evaluation writes its own defaults into the generation settings.
    whole.generation_config = type(whole.generation_config).from_dict(generation_config)
    return {
        "seconds": time.perf_counter() - start,
        "steps": trainer.state.global_step,
        "history": trainer.state.log_history,
    }


def save(model: Model, path: Path, merge: bool) -> None:
    """Saves a whole model, or an adapter."""
    if merge:
        model = model.merge_and_unload()
    model.save_pretrained(path)


def load_model(run: Run, path: Path, arguments: StageArguments) -> TrainedModel:
    """A trained model of a run."""
    if has_adapters(run.recipe):
        model = PeftModel.from_pretrained(load_base(run.folder.root), path).eval()
    else:
        model = load_base(path)
    model = model.to(arguments.device)
    return TrainedModel(model, frozen_features(run, model))
