"""Training of one model of a run, from where an earlier call left it."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from peft import PeftModel
from transformers import set_seed
from transformers.dynamic_module_utils import custom_object_save

from ..configuration import StageArguments
from ..inference.fast_matmul import fast_matmul
from ..inference.features import FeatureCache
from ..inference.generation import generate_texts
from ..modeling_mmcot import MMCoTForConditionalGeneration
from ..modeling_mmcot.confidence_mmcot import Written
from ..modeling_mmcot.loading_mmcot import stages_alone
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, ROOT_FOLDER
from ..modeling_mmcot.stages_mmcot import note_stages
from .checkpoints import CheckpointNotes, drop_checkpoints, last_whole_checkpoint
from .collator import written_texts
from .option_order import describe_order
from .parts import build_start, load_adapter, load_base, new_adapter, starting_seed
from .run import Run
from .run_features import frozen_features, without_unread_images
from .trainer import MMCoTTrainer, require_numbers


@dataclass
class TrainedModel:
    """A model that is ready to write.

    Args:
        model: with its weights, on its device.
        features: what its frozen vision tower says of the pictures of the run; `None` if it looks at them itself.
    """

    model: MMCoTForConditionalGeneration
    features: FeatureCache | None

    def generate(self, run: Run, dataset: datasets.Dataset, stage: str) -> list[Written]:
        """What the model writes for examples of the run, see [`mmcot.inference.generation.generate_texts`]."""
        return generate_texts(
            self.model,
            run.processor,
            without_unread_images(dataset, self.model, self.features),
            stage,
            written_texts(dataset, stage),
            self.features,
            batch_size=run.recipe.evaluation.batch_size,
        )


def train_model(run: Run, name: str) -> TrainedModel:
    """Trains a model of the plan, from its last checkpoint on, or loads it where that is done."""
    path, arguments = run.path(name), run.recipe.training[name]
    if not run.folder.finished(name):
        record = train_into(path, run, name, arguments, run.splits["train"])
        run.folder.write_json(f"run/{name}.json", record)
        run.folder.finish(name)
        run.say(f"The {name} model took {record['seconds']:.0f} s for {record['steps']} steps.")
    drop_checkpoints(arguments.output_dir)
    return load_model(run, path, arguments)


def train_into(path: Path, run: Run, name: str, arguments: StageArguments, train: datasets.Dataset) -> dict[str, Any]:
    """Trains a model on a part of the run's examples and saves it; see [`fit`] for what comes back."""
    model = starting_model(run, name, arguments).to(arguments.device)
    blind = "" if model.config.image_feature_size else " It reads no pictures."
    run.say(f"Training the {name} model on {len(train)} problems. {parameter_line(model)}{blind}")
    run.folder.require_space(4 * model.num_parameters())
    features = frozen_features(run, model)
    validation = run.splits["validation"]
    validation = validation.select(range(min(run.recipe.evaluation.validation_limit, len(validation))))
    train, validation = (without_unread_images(split, model, features) for split in (train, validation))
    trainer = MMCoTTrainer(model, arguments, run.plan.models[name], run.processor, train, validation, features)
    if arguments.shuffle_options:
        run.say(describe_order(trainer.train_dataset))
    record = fit(trainer, last_whole_checkpoint(arguments.output_dir, run.say))
    if PartialState().is_main_process:
        save_trained(model, path, merge=run.plan.merges_adapters)
    return record


def starting_model(run: Run, name: str, arguments: StageArguments) -> MMCoTForConditionalGeneration:
    """The model a training starts with; the same seed gives the same weights, whatever ran before."""
    recipe, follows = run.recipe, arguments.start_from == RATIONALE
    # A gate that has learned keeps its bias.
    gate_bias = arguments.gate_bias if run.origin is None else None
    set_seed(starting_seed(arguments, name))
    if run.plan.has_adapters:
        model = load_base(run.folder.root, recipe.model.quantization)
    elif follows:
        model = load_base(run.path(RATIONALE))
    else:
        model = build_start(recipe, run.origin, run.plan.models[name], run.processor.tokenizer, gate_bias)
    settings = model.generation_config
    settings.max_new_tokens, settings.num_beams = arguments.generation_max_length, arguments.generation_num_beams or 1
    folder = ROOT_FOLDER if run.plan.has_adapters else run.plan.folder(name)
    model.config.stages = stages_alone(run.plan.stages, folder)
    if recipe.lora is None:
        return model
    if run.plan.has_adapters and follows:
        adapted: Any = load_adapter(model, run.path(RATIONALE), is_trainable=True)
    else:
        adapted = new_adapter(model, recipe.lora, gate_bias)
    settings = adapted.active_peft_config
    settings.base_model_name_or_path = str(run.folder.root.resolve())  # found from wherever it is loaded
    note_stages(settings, run.plan.models[name])
    return adapted


def parameter_line(model: MMCoTForConditionalGeneration) -> str:
    """How much of a model is trained."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    total = sum(parameter.numel() for parameter in model.parameters())
    return f"{trained:,} of {total:,} parameters are trained ({trained / total:.1%})."


def fit(trainer: MMCoTTrainer, checkpoint: str | None) -> dict[str, Any]:
    """Trains to the end, from a checkpoint on if there is one.

    Returns:
        `seconds`, `steps`, and the Trainer's log as `history`, of the whole training whatever interrupted it.
    """
    whole = trainer.model.get_base_model() if isinstance(trainer.model, PeftModel) else trainer.model
    generation_config = copy.deepcopy(whole.generation_config)
    notes = CheckpointNotes(checkpoint)
    trainer.add_callback(notes)
    with fast_matmul(trainer.args.device, unless=trainer.args.torch_compile):
        trainer.train(resume_from_checkpoint=checkpoint)
    # The Trainer's evaluation writes its own defaults into the generation settings.
    whole.generation_config = generation_config
    # Sorted as a checkpoint has them. The summary at the end counts only what this process did.
    log = [dict(sorted(entry.items())) for entry in trainer.state.log_history]
    history = [entry for entry in log if "train_runtime" not in entry]
    return {"seconds": notes.seconds, "steps": trainer.state.global_step, "history": history}


def save_trained(model: MMCoTForConditionalGeneration, path: Path, merge: bool) -> None:
    """Saves a whole model, or an adapter."""
    require_numbers(model)
    if merge and isinstance(model, PeftModel):
        model = model.merge_and_unload()
    model.save_pretrained(str(path))
    if isinstance(model, PeftModel):
        # `AutoPeftModel` looks for the base by the folder of the adapter.
        model.config.save_pretrained(path)
        custom_object_save(model.get_base_model(), path)


def load_model(run: Run, path: Path, arguments: StageArguments) -> TrainedModel:
    """A trained model of a run."""
    model = load_adapter(load_base(run.folder.root), path).eval() if run.plan.has_adapters else load_base(path)
    model = model.to(arguments.device)
    return TrainedModel(model, frozen_features(run, model))
