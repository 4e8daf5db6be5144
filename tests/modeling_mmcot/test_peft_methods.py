"""peft's methods: a step trains the adapter alone, and what was saved is read back as it was."""

from importlib.util import find_spec

import pytest
import torch
from peft import PeftModel, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from torch.testing import assert_close


pytestmark = pytest.mark.slow
LAYERS = r"language_model\..*\.(q|v)"
TARGETS = {"target_modules": LAYERS}
VIRTUAL = {"num_virtual_tokens": 4}
# Each method at the size of the tiny model: its type, and what it needs beside the layers that it is put on.
METHODS = {
    "LoRA": ("LORA", TARGETS),
    "LoRA, fusion in full": ("LORA", {**TARGETS, "modules_to_save": ["fusion"]}),
    "LoRA, some tokens in full": ("LORA", {**TARGETS, "trainable_token_indices": [5, 6]}),
    "LoRA on the image encoder": ("LORA", {"target_modules": r"vision_tower\..*\.(q_proj|v_proj)"}),
    "rsLoRA": ("LORA", {**TARGETS, "use_rslora": True}),
    "DoRA": ("LORA", {**TARGETS, "use_dora": True}),
    "PiSSA": ("LORA", {**TARGETS, "init_lora_weights": "pissa"}),
    "OLoRA": ("LORA", {**TARGETS, "init_lora_weights": "olora"}),
    "AdaLoRA": ("ADALORA", {**TARGETS, "total_step": 10}),
    "AdaMSS": ("ADAMSS", {**TARGETS, "r": 4, "num_subspaces": 2, "svd_threshold": 0.0}),
    "BEFT": ("BEFT", TARGETS),
    "BOFT": ("BOFT", TARGETS),
    "C3A": ("C3A", {**TARGETS, "block_size": 8}),
    "DEFT": ("DEFT", TARGETS),
    "DeLoRA": ("DELORA", TARGETS),
    "FourierFT": ("FOURIERFT", TARGETS),
    "FRoD": ("FROD", TARGETS),
    "GLoRA": ("GLORA", TARGETS),
    "GraLoRA": ("GRALORA", {**TARGETS, "r": 4}),
    "HiRA": ("HIRA", TARGETS),
    "HRA": ("HRA", TARGETS),
    "IA3": ("IA3", {**TARGETS, "feedforward_modules": []}),
    "Lily": ("LILY", TARGETS),
    "LN tuning": ("LN_TUNING", {"target_modules": r"language_model\..*layer_norm"}),
    "LoHa": ("LOHA", TARGETS),
    "LoKr": ("LOKR", TARGETS),
    "MiSS": ("MISS", {**TARGETS, "r": 8}),
    "OFT": ("OFT", {**TARGETS, "oft_block_size": 8}),
    "OSF": ("OSF", {**TARGETS, "effective_rank": 8}),
    "PEANuT": ("PEANUT", TARGETS),
    "Poly": ("POLY", TARGETS),
    "PSOFT": ("PSOFT", {**TARGETS, "r": 8}),
    "PVeRA": ("PVERA", TARGETS),
    "RandLoRA": ("RANDLORA", TARGETS),
    "RoAd": ("ROAD", {**TARGETS, "group_size": 8}),
    "SHiRA": ("SHIRA", {**TARGETS, "r": 4, "random_seed": 0}),
    "SuperTuning": ("SUPERTUNING", TARGETS),
    "TinyLoRA": ("TINYLORA", TARGETS),
    "trainable tokens": ("TRAINABLE_TOKENS", {"token_indices": [5, 6]}),
    "UniLoRA": ("UNILORA", TARGETS),
    "VBLoRA": ("VBLORA", {**TARGETS, "num_vectors": 8, "vector_length": 8}),
    "VeRA": ("VERA", TARGETS),
    "WaveFT": ("WAVEFT", {**TARGETS, "n_frequency": 64}),
    "prompt tuning": ("PROMPT_TUNING", VIRTUAL),
    "multitask prompt tuning": ("MULTITASK_PROMPT_TUNING", {**VIRTUAL, "num_tasks": 1}),
    "P-tuning": ("P_TUNING", {**VIRTUAL, "encoder_hidden_size": 32}),
    "prefix tuning": ("PREFIX_TUNING", VIRTUAL),
    "cartridge": ("CARTRIDGE", VIRTUAL),
}
# Those that ask which of a few tasks a question is of.
OF_TASKS = ("Poly", "multitask prompt tuning")
# Those that are for models of a decoder alone, and what peft says of it.
FOR_DECODERS = {
    "adaption prompt": ("ADAPTION_PROMPT", {"adapter_len": 4, "adapter_layers": 1}, "Unsupported model type"),
    "CPT": ("CPT", {"cpt_token_ids": [1], "cpt_mask": [1], "cpt_tokens_type_mask": [1]}, "only supports .* CAUSAL_LM"),
    "Shadow": ("SHADOW", {}, "Unable to automatically find .* decoder layers"),
    "X-LoRA": ("XLORA", {"hidden_size": 32, "adapters": {}}, "no attribute 'hidden_states'"),
}


def with_reason(name):
    """A method as a parameter, skipped where it needs a package that is not there."""
    is_absent = name == "AdaMSS" and find_spec("sklearn") is None
    return pytest.param(name, marks=pytest.mark.skipif(is_absent, reason="AdaMSS needs scikit-learn"))


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return {
        "input_ids": torch.randint(3, 128, (2, 7)),
        "attention_mask": torch.ones(2, 7, dtype=torch.long),
        "pixel_values": torch.randn(2, 3, 16, 16),
        "labels": torch.randint(3, 128, (2, 5)),
    }


def adapt(model, kind, settings):
    config = PEFT_TYPE_TO_CONFIG_MAPPING[kind](task_type="SEQ_2_SEQ_LM", **settings)
    torch.manual_seed(1)
    return get_peft_model(model, config).eval()


def take_step(adapted, inputs):
    """Names of what may learn, and of what did."""
    before = {name: weight.detach().clone() for name, weight in adapted.named_parameters()}
    learning = {name: weight for name, weight in adapted.named_parameters() if weight.requires_grad}
    adapted(**inputs).loss.backward()
    torch.optim.SGD(learning.values(), lr=1.0).step()
    changed = {name for name, weight in adapted.named_parameters() if not torch.equal(weight, before[name])}
    return learning.keys(), changed


@pytest.mark.parametrize("name", map(with_reason, METHODS))
def test_step_trains_the_adapter_alone_and_it_is_read_back(name, make_model, inputs, tmp_path):
    adapted = adapt(make_model(freeze_vision=False), *METHODS[name])
    if name in OF_TASKS:
        inputs["task_ids"] = torch.zeros(2, dtype=torch.long)
    with torch.no_grad():
        start = adapted(**inputs).logits
    learning, changed = take_step(adapted, inputs)
    assert changed
    assert changed <= learning
    with torch.no_grad():
        trained = adapted(**inputs).logits
        assert not torch.allclose(trained, start)
        adapted.save_pretrained(tmp_path)
        # AdaLoRA adds to the loss, and fails in this where it was loaded to be used.
        loaded = PeftModel.from_pretrained(make_model(freeze_vision=False), tmp_path, is_trainable=name == "AdaLoRA")
        assert_close(loaded.eval()(**inputs).logits, trained)
        del inputs["labels"]
        assert torch.equal(*(model.generate(**inputs, max_new_tokens=6) for model in (adapted, loaded)))


@pytest.mark.parametrize("name", FOR_DECODERS)
def test_method_for_decoders_is_refused_by_peft(name, make_model, inputs):
    kind, settings, message = FOR_DECODERS[name]
    with pytest.raises((AttributeError, ValueError), match=message):
        adapt(make_model(), kind, settings)(**inputs)


def test_every_method_of_peft_is_tried():
    tried = {kind for kind, *_ in (*METHODS.values(), *FOR_DECODERS.values())}
    assert {kind.value for kind in PEFT_TYPE_TO_CONFIG_MAPPING} == tried
