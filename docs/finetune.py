"""Trains both stages on your own pictures and questions. Of mmcot there is the model and its processor; the Trainer is
transformers' own, and `python docs/finetune.py --help` lists its arguments.

    python docs/finetune.py my_data/train.jsonl --output_dir runs/mine --num_train_epochs 20 --learning_rate 1e-4
    torchrun --nproc_per_node 2 docs/finetune.py my_data/train.jsonl --output_dir runs/mine --num_train_epochs 20

Each line of the file is one problem; this one is broken in two. The picture's path starts from the file's folder.

    {"question": "What is in the jar?", "choices": ["gas", "solid"], "answer": 1, "image": "pictures/1.png",
     "hint": "Nora drew a jar.", "solution": "The stones keep their shape. So they are solid."}

`answer` counts from 0; `image` and `hint` may be left out. Ask the result with
`pipeline("multimodal-cot", model="runs/mine", trust_remote_code=True)`. `mmcot train` does more: it checks each row,
computes the features of a picture once, keeps the best epoch, and scores by free generation.
"""

import dataclasses
import json
from functools import partial
from pathlib import Path

from accelerate import PartialState
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    HfArgumentParser,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)

from mmcot import MMCoTForConditionalGeneration, MMCoTProcessor


FOLDERS = {"rationale": ".", "answer": "answer"}  # stage 1 writes a rationale, stage 2 reads it and answers

parser = HfArgumentParser(Seq2SeqTrainingArguments)  # type: ignore[arg-type]
parser.add_argument("data", type=Path, help="a file of JSON lines")
parser.add_argument("--text_model", default="google/flan-t5-base", help="any T5, a Hub id or a folder")
parser.add_argument("--vision_model", default="google/vit-base-patch16-224", help="any image encoder; stays as it is")
parser.set_defaults(save_strategy="no", remove_unused_columns=False)  # `collate` reads the rows, not the model
arguments, ours = parser.parse_args_into_dataclasses()

with ours.data.open(encoding="utf-8") as lines:
    problems = [json.loads(line) for line in lines]
processor = MMCoTProcessor(
    AutoImageProcessor.from_pretrained(ours.vision_model), AutoTokenizer.from_pretrained(ours.text_model)
)


def collate(stage, rows):
    return processor(
        images=[ours.data.parent / row["image"] if row.get("image") else None for row in rows],
        text=[processor.build_prompt(row, stage) for row in rows],  # that of stage 2 holds your own rationale
        text_target=[processor.build_target(row, stage) for row in rows],
    )


def train(stage, folder):
    set_seed(arguments.seed)  # of the fusion's new weights
    trainer = Seq2SeqTrainer(
        MMCoTForConditionalGeneration.from_pretrained_parts(ours.text_model, ours.vision_model, stages=FOLDERS),
        dataclasses.replace(arguments, output_dir=str(Path(arguments.output_dir, folder))),
        train_dataset=problems,
        data_collator=partial(collate, stage),
        processing_class=processor,
    )
    trainer.train()
    trainer.save_model()  # model, processor, their code and a card: a folder for `pipeline`, or for the Hub


for stage, folder in FOLDERS.items():
    train(stage, folder)
PartialState().destroy_process_group()  # after the trainers are gone; a process that ends within its group may abort
