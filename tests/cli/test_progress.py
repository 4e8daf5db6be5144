"""Progress: at a terminal one bar at a time, each with a name; elsewhere nothing but lines for steps."""

import io
import re
import sys

import pytest
import transformers
import yaml

from mmcot.cli.main import main


pytestmark = pytest.mark.slow

SHORT = ["--training.disable_tqdm", "false", "--training.logging_steps", "1", "--rationale.max_steps", "2"]
SHORT += ["--rationale.eval_strategy", "steps", "--rationale.eval_steps", "1", "--stages", "rationale"]


class Terminal(io.StringIO):
    """A standard error that says it is one."""

    def isatty(self):
        return True


@pytest.fixture
def short_run(tiny_recipe, tmp_path):
    """Function of nothing: trains a rationale model for two steps, evaluates after each, writes rationales."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tiny_recipe(tmp_path / "run", *SHORT).settings), encoding="utf-8")
    yield lambda: main(["train", str(recipe)])
    transformers.utils.logging.enable_progress_bar()


def test_terminal_shows_one_named_bar_at_a_time(short_run, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert short_run() == 0
    shown = terminal.getvalue()
    assert "\x1b[A" not in shown, "a bar moved the cursor up, to one above it"
    bars = [part for part in re.split(r"[\r\n]", shown) if "it/s" in part or "%|" in part]
    names = {part.partition(":")[0] for part in bars}
    assert "training rationale" in names
    assert all(re.fullmatch(r"[a-zA-Z][^|%]*", name) for name in names), names


def test_elsewhere_steps_are_lines(short_run, capsys):
    assert short_run() == 0
    said = capsys.readouterr()
    assert "%|" not in said.err
    assert "\r" not in said.err + said.out
    assert len(re.findall(r"^training rationale, step [12] of 2: loss ", said.out, re.MULTILINE)) == 2
