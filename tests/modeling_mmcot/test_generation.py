"""`generate` in all its ways: one fusion per call, and the same text however it is computed."""

import copy
import inspect

import pytest
import torch
from transformers import T5Config


NEW_TOKENS = 8
DEEP = {"vocab_size": 128, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "decoder_start_token_id": 0}


@pytest.fixture(scope="module")
def model(make_model, loosen):
    model = loosen(make_model())
    model.generation_config.eos_token_id = None  # every row writes NEW_TOKENS tokens
    return model


@pytest.fixture(scope="module")
def inputs():
    """Three questions of unequal length, padded on the right; the second has no picture."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 128, (3, 9), generator=generator)
    mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3, [1] * 2 + [0] * 7])
    return {
        "input_ids": ids * mask,
        "attention_mask": mask,
        "pixel_values": torch.randn(3, 3, 16, 16, generator=generator),
        "image_attention_mask": torch.tensor([[1], [0], [1]]),
    }


@pytest.fixture
def fusions(model):
    """Counts the runs of the fusion: `len(fusions)`."""
    calls = []
    hook = model.fusion.register_forward_hook(lambda *call: calls.append(1))
    yield calls
    hook.remove()


def row(inputs, index):
    return {name: tensor[index : index + 1] for name, tensor in inputs.items()}


def greedy(model, inputs, **options):
    return model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, **options)


def test_greedy_text_varies_with_picture_and_question(model, inputs):
    """The other tests compare texts, which says little where every text is the same."""
    ids = greedy(model, inputs)
    other = greedy(model, inputs | {"pixel_values": inputs["pixel_values"] + 1})
    assert len({tuple(text) for text in ids.tolist()}) == 3
    assert all(len(set(text)) > 3 for text in ids.tolist())
    assert (ids != other).any(dim=1).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, 3),
        ({"use_cache": False}, 3),
        ({"num_beams": 4}, 3),
        ({"num_beams": 4, "num_return_sequences": 3}, 9),
        ({"do_sample": True}, 3),
        ({"do_sample": True, "num_return_sequences": 4, "top_k": 20}, 12),
        ({"cache_implementation": "static"}, 3),
    ],
    ids=["greedy", "uncached", "beams", "beam_sequences", "sampling", "samples", "static_cache"],
)
def test_fusion_runs_once(model, inputs, fusions, options, rows):
    ids = model.generate(**inputs, max_new_tokens=NEW_TOKENS, **options)
    assert ids.shape == (rows, 1 + NEW_TOKENS)
    assert len(fusions) == 1


@pytest.mark.parametrize(
    "options",
    [{"use_cache": False}, {"cache_implementation": "static"}],
    ids=["uncached", "static_cache"],
)
def test_cache_changes_no_token(model, inputs, options):
    assert torch.equal(greedy(model, inputs, **options), greedy(model, inputs))


@pytest.mark.parametrize("use_cache", [True, False])
def test_beams_of_a_batch_are_those_of_each_question_alone(model, inputs, use_cache):
    options = {"num_beams": 4, "num_return_sequences": 2, "use_cache": use_cache}
    together = greedy(model, inputs, **options)
    alone = torch.cat([greedy(model, row(inputs, index), **options) for index in range(3)])
    assert torch.equal(together, alone)


def test_each_sampled_text_is_scored_by_the_picture_it_was_given(model, inputs):
    torch.manual_seed(0)
    sampled = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=True, num_return_sequences=2, top_k=5)
    repeated = {name: tensor.repeat_interleave(2, dim=0) for name, tensor in inputs.items()}
    logits = model(**repeated, decoder_input_ids=sampled[:, :-1]).logits
    likely = logits.topk(5).indices
    assert (likely == sampled[:, 1:, None]).any(-1).all()


def test_prompt_lookup_writes_the_greedy_text(model, inputs, fusions):
    question = row(inputs, 0)
    expected = greedy(model, question)
    fusions.clear()
    assert torch.equal(greedy(model, question, prompt_lookup_num_tokens=2), expected)
    assert len(fusions) == 1


@pytest.mark.parametrize("same", [True, False], ids=["agreeing", "disagreeing"])
def test_an_assistant_changes_no_token(model, make_model, loosen, inputs, fusions, same):
    assistant = loosen(make_model(seed=0 if same else 3))
    assistant_fusions = []
    assistant.fusion.register_forward_hook(lambda *call: assistant_fusions.append(1))
    question = row(inputs, 2)
    expected = greedy(model, question)
    fusions.clear()
    assert torch.equal(greedy(model, question, assistant_model=assistant), expected)
    assert (len(fusions), len(assistant_fusions)) == (1, 1)


@pytest.mark.parametrize("passed_mask", [True, False])
def test_given_encoder_outputs_are_used_as_they_are(model, inputs, fusions, passed_mask):
    expected = greedy(model, inputs)
    encoded = model.get_encoder()(**inputs)
    fusions.clear()
    mask = {"attention_mask": inputs["attention_mask"]} if passed_mask else {}
    assert torch.equal(greedy(model, mask, encoder_outputs=encoded), expected)
    assert len(fusions) == 0


def test_inputs_embeds_stand_for_input_ids(model, inputs, fusions):
    expected = greedy(model, inputs)
    fusions.clear()
    embedded = {name: tensor for name, tensor in inputs.items() if name != "input_ids"}
    embedded["inputs_embeds"] = model.get_input_embeddings()(inputs["input_ids"])
    assert torch.equal(greedy(model, embedded), expected)
    assert len(fusions) == 1


@pytest.mark.parametrize("layers", [(2, 4), (3, 1)], ids=["deeper_decoder", "shallower_decoder"])
@pytest.mark.parametrize("cache", [{}, {"cache_implementation": "static"}, {"num_beams": 3}], ids=str)
def test_decoder_of_another_depth(make_model, loosen, inputs, layers, cache):
    text = T5Config(num_layers=layers[0], num_decoder_layers=layers[1], **DEEP)
    model = loosen(make_model(text_config=text))
    counts = []
    model.fusion.register_forward_hook(lambda *call: counts.append(1))
    cached = greedy(model, inputs, **cache)
    assert len(counts) == 1
    uncached = {name: value for name, value in cache.items() if name != "cache_implementation"}
    assert torch.equal(cached, greedy(model, inputs, **uncached, use_cache=False))


def test_batch_equals_each_question_alone(model, inputs):
    together = greedy(model, inputs)
    for index, width in enumerate(inputs["attention_mask"].sum(1)):
        question = row(inputs, index)
        question["input_ids"], question["attention_mask"] = (
            question[name][:, :width] for name in ("input_ids", "attention_mask")
        )
        if index == 1:  # the question without picture
            del question["pixel_values"], question["image_attention_mask"]
        assert torch.equal(greedy(model, question), together[index : index + 1])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("passed_mask", [True, False])
def test_padding_changes_nothing(model, inputs, side, passed_mask):
    """T5's positions are relative, so that padding may stand on either side."""
    plain = row(inputs, 0)
    widths = (4, 0) if side == "left" else (0, 4)
    padded = {
        name: torch.nn.functional.pad(tensor, widths) if name in ("input_ids", "attention_mask") else tensor
        for name, tensor in plain.items()
    }
    if not passed_mask:
        del padded["attention_mask"]
    assert torch.equal(greedy(model, padded), greedy(model, plain))
    target = torch.arange(3, 8)[None]
    torch.testing.assert_close(model(**padded, labels=target).logits, model(**plain, labels=target).logits)


def test_padding_would_be_read_under_a_mask_of_ones(model, inputs):
    """That the tests above can fail: the padding does count where the mask says so."""
    question = row(inputs, 2)
    read = question | {"attention_mask": torch.ones_like(question["attention_mask"])}
    target = torch.arange(3, 8)[None]
    assert not torch.allclose(model(**read, labels=target).logits, model(**question, labels=target).logits, atol=0.1)


def test_a_given_beginning_of_the_answer_is_continued(model, inputs):
    """Greedy, cached and not, from a prefix of the greedy text itself."""
    whole = greedy(model, inputs)
    continued = model.generate(**inputs, decoder_input_ids=whole[:, :4], max_new_tokens=NEW_TOKENS - 3)
    assert torch.equal(continued, whole)


@pytest.mark.parametrize("name", ["image_featurez", "pixel_value", "image_mask"])
def test_a_misspelt_input_is_an_error_that_names_it(model, inputs, name):
    with pytest.raises(ValueError, match=name):
        greedy(model, inputs, **{name: torch.ones(3, 5, 24)})
    with pytest.raises(TypeError, match=name):
        model(**inputs, labels=inputs["input_ids"], **{name: torch.ones(3, 5, 24)})


def test_what_transformers_hands_to_every_model_is_taken(model, inputs, tiny_tokenizer):
    """`generate` gives the tokenizer of `stop_strings` to `forward`; others ask for tuples by its signature."""
    whole = greedy(model, inputs)
    stop = tiny_tokenizer.decode(whole[0, 3])
    stopped = greedy(model, row(inputs, 0), stop_strings=stop, tokenizer=tiny_tokenizer)
    assert torch.equal(stopped[0], whole[0, : stopped.shape[1]])
    assert stopped.shape[1] < whole.shape[1]
    assert "return_dict" in inspect.signature(model.forward).parameters
    loss, logits, *_ = model(**inputs, labels=inputs["input_ids"], return_dict=False, is_causal=None)
    assert (loss.ndim, logits.ndim) == (0, 3)


@pytest.mark.slow
def test_compiled_forward_equals_eager(model, inputs):
    """Minutes of compiling on few cores."""
    labels = torch.arange(3, 18).reshape(3, 5)
    compiled = torch.compile(model.forward, fullgraph=True)
    with torch.no_grad():
        expected, found = model(**inputs, labels=labels), compiled(**inputs, labels=labels)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.loss, expected.loss, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}], ids=["greedy", "beams"])
@pytest.mark.parametrize("positional", [False, True])
def test_where_the_model_looked(model, inputs, fusions, options, positional):
    expected = model(**inputs, decoder_input_ids=torch.zeros(3, 1, dtype=torch.long), output_attentions=True)
    fusions.clear()
    ids = [inputs["input_ids"]] if positional else []
    named = {name: inputs[name] for name in inputs if not (positional and name == "input_ids")}
    requested = {"output_attentions": True, "return_dict_in_generate": True, "max_new_tokens": NEW_TOKENS}
    output = model.generate(*ids, **named, **requested, **options)
    assert len(fusions) == 1
    assert torch.equal(output.sequences, model.generate(**inputs, max_new_tokens=NEW_TOKENS, **options))
    for name in ("image_attentions", "gate"):
        torch.testing.assert_close(getattr(output, name), getattr(expected, name))
    assert output.get("encoder_hidden_states") is None


def test_looks_are_found_in_given_states_and_asked_for_by_settings(model, inputs):
    settings = copy.deepcopy(model.generation_config)
    settings.update(output_attentions=True, return_dict_in_generate=True, output_hidden_states=True, max_new_tokens=2)
    encoded = model.get_encoder()(**inputs, output_attentions=True, output_hidden_states=True)
    for given in ({}, {"encoder_outputs": encoded}):
        output = model.generate(**inputs, **given, generation_config=settings)
        torch.testing.assert_close(output.gate, encoded.gate)
        assert len(output.encoder_hidden_states) == 3
    assert isinstance(model.generate(**inputs, max_new_tokens=2, output_attentions=True), torch.Tensor)
