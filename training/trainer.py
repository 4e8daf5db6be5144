"""The Trainer: transformers' own, which also writes freely while it evaluates."""

import math
from collections.abc import Sequence
from typing import Any

import datasets
import torch
from torch.utils.data import DataLoader, Sampler
from transformers import PrinterCallback, Seq2SeqTrainer
from transformers.trainer import DEFAULT_PROGRESS_CALLBACK
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import EvalLoopOutput

from ..configuration import StageArguments
from ..configuration.metrics import ACCURACY, CONCLUSION, ROUGE_L_OFFICIAL
from ..data.examples import LENGTH, STAGE
from ..data.image_column import without_images
from ..evaluation.conclusions import is_right
from ..evaluation.metrics import rouge_l_official
from ..evaluation.predictions import is_right_answer
from ..inference.features import FeatureCache
from ..inference.generation import generate_texts
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import STAGES
from .collator import MMCoTCollator, build_row_prompt, written_texts
from .option_order import OptionOrder, mark_reordered
from .progress import TrainingProgress


POSITION_TABLE = "relative_attention_bias.weight"
NO_NUMBER = "Train again into another output_dir, with a lower learning_rate, or with bf16 instead of fp16."


class MMCoTTrainer(Seq2SeqTrainer):
    """Trains a model for one stage, or for several together.

    Its evaluation adds to the loss what free generation scores: `accuracy` of answers, here of those with options and
    those without together; of rationales `conclusion`, how many come to the right one, and `rouge_l`.

    Args:
        learned_stages: which prompts and targets to learn.
        train_dataset, eval_dataset: examples with ScienceQA's columns.
        features: vision features computed before; the examples then name their pictures by their hashes.
        kwargs: further arguments of `Seq2SeqTrainer`.

    Raises:
        ValueError: in training, for a loss or weights that are no numbers.
    """

    args: StageArguments
    model: Any  # or a `PeftModel`
    processing_class: MMCoTProcessor

    def __init__(
        self,
        model: MMCoTForConditionalGeneration,
        arguments: StageArguments,
        learned_stages: Sequence[str],
        processor: MMCoTProcessor,
        train_dataset: datasets.Dataset,
        eval_dataset: datasets.Dataset | None = None,
        features: FeatureCache | None = None,
        **kwargs,
    ):
        self.learned_stages = learned_stages
        self.features = features
        self.eval_examples = eval_dataset
        order = OptionOrder(arguments.seed) if arguments.shuffle_options else None
        train_rows = stage_rows(train_dataset, processor, learned_stages)
        super().__init__(
            model,
            arguments,
            data_collator=MMCoTCollator(processor, features, order),
            train_dataset=train_rows if order is None else mark_reordered(train_rows),
            eval_dataset=None if eval_dataset is None else stage_rows(eval_dataset, processor, learned_stages),
            processing_class=processor,
            **kwargs,
        )
        for callback in (DEFAULT_PROGRESS_CALLBACK, PrinterCallback):
            self.remove_callback(callback)
        self.add_callback(TrainingProgress(f"training {' and '.join(learned_stages)}"))
        if order is not None:
            self.add_callback(order)

    def _get_train_sampler(self, train_dataset: datasets.Dataset | None = None) -> Sampler | None:
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            # The column would read its row on the disk for each length that the sampler compares, at every epoch.
            sampler.lengths = sampler.lengths[:]
        return sampler

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

    def compute_loss(self, model, inputs, *args, **kwargs):
        # Label smoothing and `compute_loss_func` take the labels away, of which the decoder's inputs are made.
        inputs["decoder_input_ids"] = self.model.prepare_decoder_input_ids_from_labels(inputs["labels"])
        return super().compute_loss(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise ValueError(f"The loss is {logs['loss']} at step {self.state.global_step}. {NO_NUMBER}")
        super().log(logs, start_time)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        require_numbers(self.model)
        super()._save(output_dir, state_dict)

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        model = self.accelerator.unwrap_model(self.model)
        scores = free_scores(model, self.processing_class, self.eval_examples, self.learned_stages, self.features)
        named = {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        return output._replace(metrics={**(output.metrics or {}), **named})


def require_numbers(model: torch.nn.Module) -> None:
    """Refuses weights that are no numbers, which no training recovers from."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and not parameter.isfinite().all():
            raise ValueError(f"The training made weights that are no numbers, first in {name}. {NO_NUMBER}")


def free_scores(
    model: MMCoTForConditionalGeneration,
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    learned_stages: Sequence[str],
    features: FeatureCache | None = None,
) -> dict[str, float]:
    """The scores of a model's stages, by free generation.

    A stage reads what models wrote before: what the data set has of it, or what this model wrote if it is trained for
    that, too.
    """
    texts = without_images(dataset)
    own: dict[str, list[str]] = {}
    scores: dict[str, float] = {}
    for stage in learned_stages:
        written = {**written_texts(texts, stage), **own}
        made = generate_texts(model, processor, dataset, stage, written, features, scored=False)
        own[stage] = [each.text for each in made]
        scores |= score_texts(own[stage], stage, processor, texts)
    return scores


def score_texts(
    written: Sequence[str], stage: str, processor: MMCoTProcessor, examples: datasets.Dataset
) -> dict[str, float]:
    """How good the texts of a stage are, by the names of its scores, see [`MMCoTTrainer`]."""
    parts = [(*processor.split_output(text, stage), row) for text, row in zip(written, examples, strict=True)]
    if STAGES[stage].writes_answer:
        hits = [is_right_answer(processor.parse_given(answer, row["choices"]), row) for _, answer, row in parts]
        return {ACCURACY.name: ACCURACY.scale * sum(hits) / len(hits)}
    golds = [processor.gold_rationale(row) for row in examples]
    pairs = [(rationale or "", gold) for (rationale, _, _), gold in zip(parts, golds, strict=True)]
    right = [is_right(text, {**row, "solution": gold}) for (text, gold), (_, _, row) in zip(pairs, parts, strict=True)]
    return {
        CONCLUSION.name: CONCLUSION.scale * sum(right) / len(right),
        ROUGE_L_OFFICIAL.name: sum(rouge_l_official(*pair) for pair in pairs) / len(pairs),
    }


def stage_rows(dataset: datasets.Dataset, processor: MMCoTProcessor, stages: Sequence[str]) -> datasets.Dataset:
    """The data set once for each stage, with the stage and, for length buckets, the tokens of each prompt."""
    parts = []
    texts = without_images(dataset).to_list()
    for stage in stages:
        prompts = [build_row_prompt(processor, row, stage) for row in texts]
        lengths = [len(ids) for ids in processor.encode_prompts(prompts)]
        parts.append(dataset.add_column(LENGTH, lengths).add_column(STAGE, [stage] * len(lengths)))
    return datasets.concatenate_datasets(parts)
