"""`training` takes any argument of `Seq2SeqTrainingArguments`: each that a CPU can try is tried, for two steps."""

import math

import pytest

from mmcot.data import load_splits
from mmcot.training.trainer import MMCoTTrainer


pytestmark = pytest.mark.slow
# Not here: what goes beyond one machine, or needs other packages or a GPU (deepspeed, fsdp, parallelism_config, tf32,
# fp16, use_liger_kernel, GaLore and the like with optim_target_modules, trackio); what other tests are about
# (push_to_hub, hub_*); and debug: underflow_overflow, which cannot look at a mask of booleans.
ARGUMENTS = (
    *({"optim": name} for name in ("adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "rmsprop", "adagrad")),
    {"optim": "adamw_torch", "optim_args": "amsgrad=True"},
    {"weight_decay": 0.1, "adam_beta1": 0.8, "adam_beta2": 0.9, "adam_epsilon": 1e-6, "max_grad_norm": 0},
    *(
        {"lr_scheduler_type": name, "lr_scheduler_kwargs": "null"}
        for name in ("cosine", "polynomial", "inverse_sqrt", "constant_with_warmup")
    ),
    {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": "{min_lr: 1e-6}", "warmup_steps": 1},
    {"lr_scheduler_type": "reduce_lr_on_plateau", "lr_scheduler_kwargs": "{patience: 1}", "eval_steps": 1},
    {"warmup_steps": 0.5},
    {"gradient_accumulation_steps": 2, "average_tokens_across_devices": False},
    {"label_smoothing_factor": 0.1},
    {"label_smoothing_factor": 0.1, "gradient_accumulation_steps": 2, "eval_strategy": "steps", "eval_steps": 1},
    {"bf16": True},
    {"bf16_full_eval": True, "eval_strategy": "steps", "eval_steps": 1},
    {"gradient_checkpointing": True},
    {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": "{use_reentrant: true}"},
    {"torch_compile": True, "torch_compile_backend": "eager"},
    {"neftune_noise_alpha": 5},
    {"torch_empty_cache_steps": 1},
    {"auto_find_batch_size": True},
    {"use_cache": True},
    {"logging_strategy": "epoch", "logging_first_step": True, "log_level": "error"},
    {"include_num_input_tokens_seen": "all"},
    {"include_num_input_tokens_seen": "non_padding"},
    {"eval_strategy": "no", "save_strategy": "no"},
    {"eval_on_start": True, "eval_strategy": "epoch", "per_device_eval_batch_size": 1},
    {"eval_delay": 1, "eval_strategy": "steps", "eval_steps": 1},
    {"prediction_loss_only": True, "eval_strategy": "steps", "eval_steps": 1},
    {"eval_do_concat_batches": False, "eval_accumulation_steps": 1, "eval_strategy": "steps", "eval_steps": 1},
    {"eval_use_gather_object": True, "eval_strategy": "steps", "eval_steps": 1},
    {"include_for_metrics": "[inputs, loss]", "eval_strategy": "steps", "eval_steps": 1},
    {"predict_with_generate": True, "generation_num_beams": 2, "eval_strategy": "steps", "eval_steps": 1},
    {"save_strategy": "steps", "save_steps": 1, "save_total_limit": 2, "save_only_model": True},
    {"save_strategy": "best", "metric_for_best_model": "eval_loss", "eval_strategy": "steps", "eval_steps": 1},
    {"load_best_model_at_end": True, "metric_for_best_model": "loss", "greater_is_better": True}
    | {"eval_strategy": "steps", "eval_steps": 1, "save_steps": 1},
    {"full_determinism": True, "data_seed": 3},
    {"accelerator_config": "{split_batches: true}"},
    {"dataloader_drop_last": True, "per_device_train_batch_size": 4},
    {"dataloader_num_workers": 1, "dataloader_prefetch_factor": 1},
    {"dataloader_num_workers": 1, "dataloader_persistent_workers": True, "dataloader_in_order": False},
    {"train_sampling_strategy": "random"},
    {"train_sampling_strategy": "sequential"},
    {"sortish_sampler": True},
    {"label_names": "[labels]"},
    {"skip_memory_metrics": False},
    {"ignore_data_skip": True, "num_train_epochs": 1, "run_name": "mine"},
)


@pytest.fixture(scope="module")
def splits():
    return load_splits("sketchqa:train=8,validation=2,test=1,size=16")


def spelled(argument):
    return "-".join(f"{name}={value}" for name, value in argument.items())


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=spelled)
def test_training_takes_it(tiny_model, tiny_processor, tiny_recipe, splits, tmp_path, arguments):
    words = [word for name, value in arguments.items() for word in (f"--rationale.{name}", str(value))]
    recipe = tiny_recipe(tmp_path / "run", "--rationale.logging_steps", "1", *words, "--rationale.max_steps", "2")
    trainer = MMCoTTrainer(
        tiny_model, recipe.training["rationale"], ["rationale"], tiny_processor, splits["train"], splits["validation"]
    )
    trainer.train()
    assert trainer.state.global_step == 2
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses
    assert all(map(math.isfinite, losses))


def test_loss_of_a_user(tiny_model, tiny_processor, tiny_recipe, splits, tmp_path):
    seen = []

    def loss(outputs, labels, num_items_in_batch=None):
        seen.append(outputs.logits.shape[:2] == labels.shape)
        return outputs.logits.square().mean()

    arguments = tiny_recipe(tmp_path / "run", "--rationale.max_steps", "1").training["rationale"]
    trainer = MMCoTTrainer(
        *(tiny_model, arguments, ["rationale"], tiny_processor, splits["train"], splits["validation"]),
        compute_loss_func=loss,
    )
    trainer.train()
    assert set(seen) == {True}  # the evaluation at the end asks for it, too
