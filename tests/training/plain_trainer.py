"""A tower trained by the library's own Trainer; as a program, `plain_trainer.py FOLDER`, by two processes."""

import sys

import torch
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, T5Config, ViTConfig

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


TEXT = {"vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2, "num_layers": 1}
VISION = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def make_trainer(folder, seed=0, dropout=0.1, **arguments):
    """A plain Trainer of a tiny model with a ViT that learns, for four steps on eight rows unless told otherwise."""
    torch.manual_seed(seed)
    config = MMCoTConfig(
        text_config=T5Config(**TEXT, decoder_start_token_id=0, dropout_rate=dropout),
        vision_config=ViTConfig(**VISION, image_size=16, patch_size=8),
        freeze_vision=False,
    )
    generator = torch.Generator().manual_seed(3)
    rows = [
        {
            "input_ids": torch.randint(2, 64, (6,), generator=generator),
            "pixel_values": torch.randn(3, 16, 16, generator=generator),
            "labels": torch.randint(2, 64, (4,), generator=generator),
        }
        for _ in range(8)
    ]
    settings = {
        **{"max_steps": 4, "per_device_train_batch_size": 2, "learning_rate": 1e-2},
        **{"save_steps": 2, "use_cpu": True, "report_to": "none", "disable_tqdm": True, "logging_steps": 1},
    }
    return Seq2SeqTrainer(
        MMCoTForConditionalGeneration(config),
        Seq2SeqTrainingArguments(str(folder), **(settings | arguments)),
        train_dataset=rows,
        eval_dataset=rows,
    )


# Without what would make steps of other batches or processes differ by more than rounding: Adam blows that up.
COMPARABLE = {"dropout": 0.0, "optim": "sgd", "lr_scheduler_type": "constant", "learning_rate": 0.1}


def train(folder):
    trainer = make_trainer(folder, ddp_find_unused_parameters=False, **COMPARABLE)
    assert trainer.args.world_size == 2
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    train(sys.argv[1])
    torch.distributed.destroy_process_group()  # once the trainer is gone: then it waits for the group's threads
