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


def test_unknown_word_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["ask", "--model", "m", "--question", "q", "--choices", "a", "b", "--imagee", "x"])
    assert stopped.value.code == 2
    assert "--imagee" in capsys.readouterr().err


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="There is no recipe"):
        main(["train", "nowhere.yaml", "--debug"])


def test_ask_prints_rationale_and_answer(tmp_path, tiny_model, tiny_processor, capsys):
    tiny_model.generation_config.max_new_tokens = 4
    tiny_model.save_pretrained(tmp_path)
    tiny_processor.save_pretrained(tmp_path)
    assert main(["ask", "--model", str(tmp_path), "--question", "Which?", "--choices", "red", "blue"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Rationale: ")
    assert "\nAnswer: " in printed
