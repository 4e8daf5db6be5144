"""Converted official checkpoints give what the official code gave, on figures recorded from it.

Two cases lie in `tests/golden`; the others in the folder `shared` beside the repository, where there is one.
"""

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from mmcot.conversion.official import convert_official, convert_state_dict

from ..golden_cases import LOCAL, LOCAL_CASES


SHARED_CASES = ("relu_tied_detr", "gated_untied_odd")
# Folders that hold the weights of a case in another form.
OTHER_FORMS = {"v1_layout": "relu_tied_small", "legacy_bin": "gated_untied_small"}
EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
FUSION = ("image_dense", "mha_layer", "gate_dense")


def as_first_release(weights):
    """Official parameters as the first release names them: the fusion at the root."""
    at_root = {f"encoder.{name}.": f"{name}." for name in FUSION}
    renamed = {}
    for name, tensor in weights.items():
        prefix = next((prefix for prefix in at_root if name.startswith(prefix)), "")
        renamed[name.replace(prefix, at_root[prefix]) if prefix else name] = tensor
    return renamed


def load_case(folder):
    """Configuration, official weights, inputs and outputs, and figures of a case."""
    io = load_file(folder / "io.safetensors")
    io["image_feats"] = io["image_feats"].float()
    return SimpleNamespace(
        case=folder.name,
        config=json.loads((folder / "config.json").read_text()),
        weights=load_file(folder / "weights.safetensors"),
        io=io,
        meta=json.loads((folder / "meta.json").read_text()),
    )


@pytest.fixture(
    scope="module", params=[*LOCAL_CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in SHARED_CASES)]
)
def golden(request):
    root = LOCAL if request.param in LOCAL_CASES else request.getfixturevalue("shared_dir") / "golden"
    return load_case(root / request.param)


@pytest.fixture
def model(golden):
    return convert_official(golden.config, golden.weights)


@pytest.fixture
def local_golden():
    return load_case(LOCAL / "relu_tied_small")


def text_and_image(io):
    return {name: io[name] for name in ("input_ids", "attention_mask")} | {"image_features": io["image_feats"]}


def largest_difference(ours, theirs):
    return (ours - theirs).abs().max().item()


def relative_difference(ours, theirs):
    return abs(ours - theirs) / abs(theirs)


def differences(golden, model):
    """Largest difference to the official figures, by what was compared."""
    io, meta, inputs = golden.io, golden.meta, text_and_image(golden.io)
    found = {}
    with torch.no_grad():
        encoded = model.get_encoder()(**inputs, output_attentions=True)
        found["fused"] = largest_difference(encoded.last_hidden_state, io["encoder_fused"])
        found["gate"] = largest_difference(encoded.gate, io["gate"])
        for kind in ("pad", "ignore"):
            output = model(**inputs, labels=io[f"labels_{kind}"])
            found[f"loss_{kind}"] = relative_difference(output.loss.item(), meta[f"loss_{kind}"])
            if kind == "pad":
                found["logits"] = largest_difference(output.logits, io["logits"])
    return found


def official_gradient_norm(model, name):
    """Norm of a parameter's gradient under its official name; the attention's joint projection is three of ours."""
    parameters = dict(model.named_parameters())
    ours = convert_state_dict({name: torch.empty(3)})
    return torch.stack([parameters[our].grad.square().sum() for our in ours]).sum().sqrt().item()


def test_differences_stay_within_tolerance(golden, model, record_property):
    tolerances = {"fused": 1e-4, "gate": 1e-5, "logits": 1e-3, "loss_pad": 1e-5, "loss_ignore": 1e-5}
    found = differences(golden, model)
    print(f"\n{golden.case:20}", "  ".join(f"{name} {value:.1e}" for name, value in found.items()))
    record_property("differences", found)
    assert {name: value for name, value in found.items() if value > tolerances[name]} == {}


def test_fused_states_are_text_and_seen_image_in_the_gates_proportion(golden, model):
    io, seen = golden.io, {}
    model.fusion.output.register_forward_hook(lambda *call: seen.update(seen=call[-1]))
    with torch.no_grad():
        model.get_encoder()(**text_and_image(io))
    assert largest_difference(seen["seen"], io["image_att"]) < 1e-4


@pytest.mark.parametrize("passed_mask", [True, False])
def test_greedy_ids_are_identical(golden, model, passed_mask):
    inputs = text_and_image(golden.io)
    if not passed_mask:
        del inputs["attention_mask"]
    ids = model.generate(**inputs, max_length=golden.meta["max_length"], do_sample=False)
    assert ids.tolist() == golden.io["greedy_ids" if passed_mask else "greedy_ids_nomask"].tolist()


def test_best_beam_is_identical(golden, model):
    beams = golden.meta["num_beams"]
    ids = model.generate(**text_and_image(golden.io), max_length=golden.meta["max_length"], num_beams=beams)
    expected = golden.io["beam4_ids"][:, 0]
    padded = torch.nn.functional.pad(ids, (0, expected.shape[1] - ids.shape[1]))
    assert padded.tolist() == expected.tolist()


def test_losses_of_gradient_descent(golden, model):
    trajectory = golden.meta["sgd"]
    optimizer = torch.optim.SGD(model.parameters(), lr=trajectory["lr"])
    losses = []
    for _ in trajectory["losses"]:
        loss = model(**text_and_image(golden.io), labels=golden.io["labels_pad"]).loss
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == pytest.approx(trajectory["losses"], rel=1e-3)


@pytest.mark.parametrize("kind", ["pad", "ignore"])
def test_gradient_norms(golden, model, kind):
    model(**text_and_image(golden.io), labels=golden.io[f"labels_{kind}"]).loss.backward()
    expected = golden.meta["grad_norms"][kind]
    assert any("in_proj" in name for name in expected)
    assert {name: official_gradient_norm(model, name) for name in expected} == pytest.approx(expected, rel=1e-3)


def test_no_picture_is_an_all_zero_picture(golden, model):
    """The last row's recorded features are all zero."""
    io = golden.io
    assert not io["image_feats"][-1].any()
    encoded = model.get_encoder()(input_ids=io["input_ids"][-1:], attention_mask=io["attention_mask"][-1:])
    assert largest_difference(encoded.last_hidden_state, io["encoder_fused"][-1:]) < 1e-4


def test_names_of_the_first_release(local_golden):
    expected = convert_official(local_golden.config, local_golden.weights).state_dict()
    assert "image_dense.weight" in as_first_release(local_golden.weights)
    converted = convert_official(local_golden.config, as_first_release(local_golden.weights)).state_dict()
    assert converted.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in converted.items())


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_pickled_checkpoints_of_either_release(shared_dir, form):
    golden = load_case(LOCAL / OTHER_FORMS[form])
    folder = shared_dir / "golden" / form
    config = json.loads((folder / "config.json").read_text())
    model = convert_official(config, torch.load(folder / "pytorch_model.bin", weights_only=True))
    output = model(**text_and_image(golden.io), labels=golden.io["labels_pad"])
    assert largest_difference(output.logits, golden.io["logits"]) < 1e-3
    ids = model.generate(**text_and_image(golden.io), max_length=golden.meta["max_length"])
    assert ids.tolist() == golden.io["greedy_ids"].tolist()


def test_copies_of_cases_equal_their_originals(shared_dir):
    for case in LOCAL_CASES:
        for file in ("weights", "io"):
            copy = load_file(LOCAL / case / f"{file}.safetensors")
            original = load_file(shared_dir / "golden" / case / f"{file}.safetensors")
            assert all(torch.equal(tensor, original[name]) for name, tensor in copy.items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights.pop("encoder.image_dense.weight"), "image_dense.weight"),
        (lambda weights: weights.pop("encoder.gate_dense.bias"), "fusion.gate.bias"),
        (lambda weights: weights.pop("encoder.mha_layer.in_proj_bias"), "fusion.key.bias"),
        (
            lambda weights: weights.pop("decoder.block.1.layer.1.EncDecAttention.q.weight"),
            "language_model.decoder.block.1.layer.1.EncDecAttention.q.weight",
        ),
        (lambda weights: [weights.pop(name) for name in EMBEDDINGS], "language_model.shared.weight"),
        (lambda weights: weights.update({"visual.proj": torch.ones(2)}), "visual.proj"),
        (lambda weights: weights.update({"encoder.mha_layer.bias_k": torch.ones(1, 1, 32)}), "mha_layer.bias_k"),
    ],
    ids=["image_dense", "gate", "attention", "decoder", "embedding", "foreign", "foreign_in_fusion"],
)
def test_missing_and_foreign_parameters_are_named(local_golden, change, words):
    change(local_golden.weights)
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        convert_official(local_golden.config, local_golden.weights)


def test_a_wrongly_sized_parameter_is_an_error(local_golden):
    local_golden.weights["encoder.gate_dense.weight"] = torch.ones(32, 65)
    with pytest.raises((ValueError, RuntimeError), match=r"fusion\.gate\.weight"):
        convert_official(local_golden.config, local_golden.weights)


def test_converted_model_survives_saving(local_golden, tmp_path):
    model = convert_official(local_golden.config, local_golden.weights)
    model.save_pretrained(tmp_path)
    reloaded = type(model).from_pretrained(tmp_path)
    inputs = text_and_image(local_golden.io)
    assert reloaded.config.missing_image == "zeros"
    assert torch.equal(
        reloaded(**inputs, labels=local_golden.io["labels_pad"]).logits,
        model(**inputs, labels=local_golden.io["labels_pad"]).logits,
    )
