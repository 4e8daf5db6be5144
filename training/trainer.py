"""The Trainer: transformers' own, which also writes freely while it evaluates."""

import datasets
import torch
from transformers import Seq2SeqTrainer

from mmcot.configuration import StageArguments
from mmcot.modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE
from mmcot.training.collator import GENERATED_RATIONALE, MMCoTCollator
from mmcot.training.inference import write
from mmcot.training.metrics import accuracy, rouge_l


POSITION_TABLE = "relative_attention_bias.weight"


class MMCoTTrainer(Seq2SeqTrainer):
    """Trains one stage.

    Its evaluation adds to the loss what free generation scores: `rouge_l` of rationales, `accuracy` of answers.

    Args:
        stage: which prompt and target to learn.
        train_dataset, eval_dataset: examples with ScienceQA's columns.
        kwargs: further arguments of `Seq2SeqTrainer`.
    """

    def __init__(
        self,
        model: MMCoTForConditionalGeneration,
        arguments: StageArguments,
        stage: str,
        processor: MMCoTProcessor,
        train_dataset: datasets.Dataset,
        eval_dataset: datasets.Dataset | None = None,
        **kwargs,
    ):
        super().__init__(
            model,
            arguments,
            data_collator=MMCoTCollator(processor, stage),
            train_dataset=add_lengths(train_dataset, processor, stage),
            eval_dataset=None if eval_dataset is None else add_lengths(eval_dataset, processor, stage),
            processing_class=processor,
            **kwargs,
        )
        self.stage = stage

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

    def evaluation_loop(self, dataloader, *args, metric_key_prefix: str = "eval", **kwargs):
        output = super().evaluation_loop(dataloader, *args, metric_key_prefix=metric_key_prefix, **kwargs)
        name, value = free_score(self.model, self.processing_class, dataloader.dataset, self.stage)
        output.metrics[f"{metric_key_prefix}_{name}"] = value
        return output


def free_score(model, processor: MMCoTProcessor, dataset: datasets.Dataset, stage: str) -> tuple[str, float]:
    """Name and value of a stage's score, by free generation; stage 2 reads the rationales that stage 1 wrote."""
    rows = dataset.remove_columns("image")
    rationales = rows[GENERATED_RATIONALE] if stage == ANSWER else None
    texts = write(model, processor, dataset, stage, rationales, progress=False)
    if stage == RATIONALE:
        golds = [processor.gold_rationale(row) for row in rows]
        scores = [rouge_l(processor.parse_rationale(text), gold) for text, gold in zip(texts, golds, strict=True)]
        return "rouge_l", sum(scores) / len(scores)
    chosen = [processor.parse_answer(text, row["choices"]) for text, row in zip(texts, rows, strict=True)]
    return "accuracy", accuracy(chosen, rows["answer"])


def add_lengths(dataset: datasets.Dataset, processor: MMCoTProcessor, stage: str) -> datasets.Dataset:
    """The data set with the number of tokens of each prompt, which length buckets are made from."""
    prompts = [processor.build_prompt(row, stage) for row in dataset.remove_columns("image")]
    return dataset.add_column("length", [len(ids) for ids in processor.encode_prompts(prompts)])
