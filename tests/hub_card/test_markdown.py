"""Texts of others in a card: a Markdown parser finds nothing in them but text, Python and YAML read them back."""

import ast
import re

import yaml
from huggingface_hub import ModelCard
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mmcot.hub_card.card import fill_card, name_repository
from mmcot.hub_card.markdown import code_block, code_span, inline, python_text

from ..remote_process import snippets


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![picture](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example and www.evil.example and me@evil.example",
    "`code` ``` and ```` more",
    "```\n# heading\n```",
    "a\n---\nlicense: evil\n---\n",
    "**bold** __bold__ *it* _it_ ~~gone~~",
    '"; import os #',
    "a | b \\| c \\",
    "{{ name }} {% raw %}",
    "&lt;b&gt; &#60;",
    "\udc80 byte \u2028 line",
    " ",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text("`<>[]()*_!|\\&#\n -~:/.@w'\"{}", min_size=1, max_size=12))


def parts(markdown):
    """Every token of a text, those within lines included."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def is_text_only(markdown):
    """Whether a line holds nothing but text and code, and no address outside of code."""
    tokens = [token for token in parts(f"# a {markdown} b") if token.level > 0 or token.type not in HEADING]
    harmless = {token.type for token in tokens} <= {"inline", "text", "code_inline", *HEADING}
    return harmless and not any(re.search(r"://|www\.|@", token.content) for token in tokens if token.type == "text")


HEADING = ("heading_open", "heading_close")


@given(texts)
def test_text_within_a_line_is_only_text(text):
    assert is_text_only(inline(text))
    assert is_text_only(code_span(text))


def test_plain_words_stay_as_they_are():
    for text in ("SketchQA", "my_run-2", "1 x NVIDIA A100 (80 GB)", "torch 2.13.0+cpu", "derek-thomas/ScienceQA"):
        assert inline(text) == text


@given(texts)
def test_nothing_ends_a_code_block(text):
    lines = f"a\n{text}\nb"
    (token,) = parts(code_block(lines, "yaml"))
    assert token.type == "fence"
    assert token.content.splitlines() == f"{lines}\n".splitlines() or "\r" in text


@given(texts)
def test_text_in_python(text):
    assert isinstance(ast.literal_eval(python_text(text)), str)


METRICS = {
    "accuracy": {"average": {"value": 50.0, "n": 8, "low": 20.0, "high": 80.0}},
    "chance": {"average": 25.0},
    "rationale": {},
    "unparsed": 0,
    "training": {"joint": {"seconds": 1, "steps": 2}},
}


@settings(max_examples=40, deadline=None)
@given(name=texts, split=texts, model=texts, data=texts, hardware=texts)
@example(*HOSTILE[:5])
@example(*HOSTILE[5:10])
@example(*HOSTILE[10:])
def test_names_and_values_are_only_text_in_a_card(name, split, model, data, hardware):
    recipe = {
        "dataset": f"folder/{data}.jsonl",
        "model": {"text_model": f"/models/{model}", "vision_config": {"model_type": model}},
        "evaluation": {"split": split},
        "note": [name, split, model],
    }
    metrics = METRICS | {"hardware": hardware, "versions": {"mmcot": hardware}}
    card = str(fill_card(name, recipe, metrics, {"rationale": ".", "answer": "."}, {".": 9}))
    assert card.encode()
    body = ModelCard(card).text
    tokens = list(parts(body))
    assert {token.content.strip() for token in tokens if token.type == "html_block"} == {
        "<details>\n<summary>The recipe</summary>",
        "</details>",
    }
    assert not [
        token for token in tokens if token.type in ("html_inline", "image", "em_open", "strong_open", "s_open")
    ]
    links = {token.attrGet("href") for token in tokens if token.type == "link_open"}
    assert links == {"https://arxiv.org/abs/2302.00923", "#licence"}
    headings = [token.content for token in tokens if token.type == "inline" and token.level == 1]
    assert [text for text in headings if text == "Use"] == ["Use"]
    for source in snippets(name_repository(card, "org/name")):
        ast.parse(source)
    for source in snippets(card):
        ast.parse(source)
    assert yaml.safe_load(ModelCard(card).data.to_yaml())["model-index"]
