"""The command line as a person uses it: real processes, their output and exit codes."""

import subprocess
import sys

import pytest

from mmcot.cli.main import main


def mmcot(*words):
    return subprocess.run([sys.executable, "-m", "mmcot.cli", *words], capture_output=True, text=True)


def test_help_names_every_verb_and_exits_cleanly():
    done = mmcot("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("quickstart", "train", "ask"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "nowhere.yaml"], "mmcot: There is no recipe nowhere.yaml"),
        (["ask", "--model", "nowhere", "--question", "q", "--choices", "only"], "mmcot: --choices needs at least two"),
        (
            ["ask", "--model", "./nowhere", "--question", "q", "--choices", "a", "b"],
            "mmcot: There is no folder ./nowhere",
        ),
    ],
)
def test_failure_is_one_line_and_exit_code_1(words, message, capsys):
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["ask", "--model", "m", "--question", "q", "--choices", "a", "b", "--imagee", "x"], "--imagee"),
        (["predict", "--model", "m", "--dataset", "d", "--output", "o", "--batch-size", "0"], "'0'"),
        (["evaluate", "--model", "m", "--dataset", "d", "--output", "o", "--batch-size", "-1"], "'-1'"),
        (["predict", "--model", "m", "--dataset", "d", "--output", "o", "--batch-size", "10001"], "'10001'"),
        (["predict", "--model", "m", "--dataset", "d", "--output", "o", "--batch-size", "1e3"], "'1e3'"),
        (["quickstart", "--seed", "-1"], "'-1'"),
        (["quickstart", "--seed", "4294967296"], "'4294967296'"),
        (["quickstart", "--seed", "9" * 9999], "'999"),
        (["predict", "--model", "m", "--dataset", "d", "--output", "o", "--on-error", "ignore"], "'ignore'"),
        (["nothing"], "nothing"),
        ([], "VERB"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_words_that_cannot_be_read_are_a_line_and_exit_code_2(words, wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("mmcot")
    assert wrong in error
    assert error.count("\n") == 1


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="There is no recipe"):
        main(["train", "nowhere.yaml", "--debug"])


@pytest.fixture
def trained(tmp_path, tiny_model, tiny_processor):
    """A folder with a model for both stages that has learned nothing."""
    tiny_model.generation_config.max_new_tokens = 4
    tiny_model.save_pretrained(tmp_path)
    tiny_processor.save_pretrained(tmp_path)
    return str(tmp_path)


def test_ask_prints_rationale_and_answer_and_fails_where_none_can_be_read(trained, capsys):
    assert main(["ask", "--model", trained, "--question", "Which?", "--choices", "red", "blue"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Rationale: ")
    assert "\nAnswer: none of the options could be read from " in printed
