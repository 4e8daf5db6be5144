"""The Trainer: transformers' own, which also writes freely while it evaluates."""

import sys
from collections.abc import Sequence
from functools import partial

import datasets
import torch
from peft import PeftModel
from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Seq2SeqTrainer

from ..configuration import StageArguments
from ..data.examples import GENERATED_RATIONALE, LENGTH, STAGE
from ..data.image_column import without_images
from ..evaluation.metrics import accuracy, rouge_l_official
from ..inference.features import FeatureCache
from ..inference.generation import generate_texts
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import RATIONALE, STAGES
from .collator import MMCoTCollator


POSITION_TABLE = "relative_attention_bias.weight"


class TrainingBar(ProgressCallback):
    """A progress bar with the name of what is trained; an evaluation has none of its own beside it."""

    def __init__(self, stages: Sequence[str]):
        super().__init__()
        self.name = f"training {' and '.join(stages)}"

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self.training_bar = tqdm(total=state.max_steps, desc=self.name, dynamic_ncols=True)
        self.current_step = 0

    def on_prediction_step(self, args, state, control, eval_dataloader=None, **kwargs):
        pass


class MMCoTTrainer(Seq2SeqTrainer):
    """Trains a model for one stage, or for several together.

    Its evaluation adds to the loss what free generation scores: `rouge_l` of rationales, `accuracy` of answers.

    Args:
        stages: which prompts and targets to learn.
        train_dataset, eval_dataset: examples with ScienceQA's columns.
        features: vision features computed before; the examples then name their pictures by their hashes.
        kwargs: further arguments of `Seq2SeqTrainer`.
    """

    def __init__(
        self,
        model: MMCoTForConditionalGeneration,
        arguments: StageArguments,
        stages: Sequence[str],
        processor: MMCoTProcessor,
        train_dataset: datasets.Dataset,
        eval_dataset: datasets.Dataset | None = None,
        features: FeatureCache | None = None,
        **kwargs,
    ):
        self.stages, self.features, self.eval_problems = stages, features, eval_dataset
        super().__init__(
            model,
            arguments,
            data_collator=MMCoTCollator(processor, features),
            train_dataset=stage_rows(train_dataset, processor, stages),
            eval_dataset=None if eval_dataset is None else stage_rows(eval_dataset, processor, stages),
            processing_class=processor,
            **kwargs,
        )
        if self.pop_callback(ProgressCallback):
            self.add_callback(TrainingBar(stages) if sys.stderr.isatty() else PrinterCallback())

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        is_new, optimizer = self.optimizer is None, super().create_optimizer(model)
        factor = self.args.position_lr_factor
        if is_new and factor != 1:
            faster = {id(table) for name, table in self.model.named_parameters() if name.endswith(POSITION_TABLE)}
            for group in list(optimizer.param_groups):
                tables = [parameter for parameter in group["params"] if id(parameter) in faster]
                group["params"] = [parameter for parameter in group["params"] if id(parameter) not in faster]
                if tables:
                    optimizer.add_param_group({**group, "params": tables, "lr": factor * group["lr"]})
        return optimizer

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        # The Trainer reads a checkpoint back by plain `load_state_dict`, so it must hold the names in memory; a saved
        # model has those of the Hub, which for a vision tower may be others.
        save_pretrained = self.model.save_pretrained
        if not isinstance(self.model, PeftModel):
            self.model.save_pretrained = partial(save_pretrained, save_original_format=False)
        super()._save(output_dir, state_dict)
        vars(self.model).pop("save_pretrained", None)

    def evaluation_loop(self, *args, metric_key_prefix: str = "eval", **kwargs):
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        model = self.accelerator.unwrap_model(self.model)
        scores = free_scores(model, self.processing_class, self.eval_problems, self.stages, self.features)
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in scores.items()})
        return output


def free_scores(
    model: MMCoTForConditionalGeneration,
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    stages: Sequence[str],
    features: FeatureCache | None = None,
) -> dict[str, float]:
    """The scores of a model's stages, by free generation.

    An answer stage reads the rationales that a model wrote before: the data set's, or those of this model if it is
    trained for both.
    """
    texts = without_images(dataset)
    written = {RATIONALE: texts[GENERATED_RATIONALE][:]} if GENERATED_RATIONALE in texts.column_names else {}
    scores = {}
    for stage in stages:
        written[stage], _ = generate_texts(model, processor, dataset, stage, written, features)
        scores[STAGES[stage].score] = score_texts(written[stage], stage, processor, texts)
    return scores


def score_texts(written: Sequence[str], stage: str, processor: MMCoTProcessor, examples: datasets.Dataset) -> float:
    """How good the texts of a stage are: the accuracy of their answers in percent, or the ROUGE-L of rationales."""
    parts = [(*processor.split_output(text, stage), row) for text, row in zip(written, examples, strict=True)]
    if STAGES[stage].writes_answer:
        chosen = [processor.parse_answer(answer, row["choices"]) for _, answer, row in parts]
        return accuracy(chosen, examples["answer"][:])
    return sum(rouge_l_official(rationale, processor.gold_rationale(row)) for rationale, _, row in parts) / len(parts)


def stage_rows(dataset: datasets.Dataset, processor: MMCoTProcessor, stages: Sequence[str]) -> datasets.Dataset:
    """The data set once for each stage, with the stage and, for length buckets, the tokens of each prompt."""
    parts = []
    texts = without_images(dataset)
    for stage in stages:
        prompts = [processor.build_prompt(row, stage, row.get(GENERATED_RATIONALE)) for row in texts]
        lengths = [len(ids) for ids in processor.encode_prompts(prompts)]
        parts.append(dataset.add_column(LENGTH, lengths).add_column(STAGE, [stage] * len(lengths)))
    return datasets.concatenate_datasets(parts)
