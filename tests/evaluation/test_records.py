"""A metric or an ablation that is added by its record is measured, and shown wherever those of today are."""

import json

import pytest
from matplotlib.figure import Figure

from mmcot.configuration.ablations import ABLATIONS, ALL_EXAMPLES, BLANK, Ablation
from mmcot.configuration.metrics import METRICS, SIMILARITY, Metric
from mmcot.data import load_splits
from mmcot.evaluation.ablations import measure_ablations, run_ablations
from mmcot.evaluation.metrics import RATIONALE_SCORES
from mmcot.evaluation.report import write_report
from mmcot.evaluation.scores import evaluate
from mmcot.hub_card.tables import ablation_table, rationale_table
from mmcot.training.curves import plot_curves


@pytest.fixture(scope="module")
def test_split():
    return load_splits("sketchqa:train=1,validation=1,test=6,size=32")["test"]


@pytest.fixture
def right_rows(test_split):
    return [{"id": row["id"], "choice_index": row["answer"], "rationale": row["solution"]} for row in test_split]


@pytest.fixture
def brevity(monkeypatch):
    """A metric of rationales, in percent: its record and its function."""
    metric = Metric("brevity", "brevity", "no longer than the gold rationale", percent=True)
    monkeypatch.setitem(METRICS, metric.name, metric)
    monkeypatch.setitem(RATIONALE_SCORES, metric.name, lambda text, gold: float(len(text) <= len(gold)))
    return metric


@pytest.fixture
def blind_and_mute(monkeypatch):
    """An ablation of images and rationales together: its record."""
    ablation = Ablation("blind and mute", "neither pictures nor a rationale", images="blank", rationales="none")
    monkeypatch.setitem(ABLATIONS, ablation.name, ablation)
    return ablation


def test_every_metric_of_rationales_has_its_function_and_its_record():
    of_rationales = {*RATIONALE_SCORES, SIMILARITY.name, "conclusion"}
    assert of_rationales | {"accuracy", "exact_match", "direct_answer", "calibration_error", "auroc"} == set(METRICS)
    assert all(name == metric.name for name, metric in METRICS.items())


def test_a_new_metric_is_scored_and_in_report_and_card(brevity, test_split, right_rows, tmp_path):
    metrics = evaluate(right_rows, test_split)
    assert metrics["rationale"]["brevity"]["value"] == 100
    write_report(tmp_path, right_rows, test_split, metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "brevity<span>no longer than the gold rationale</span>" in page
    assert '<td class="n">100.0 %</td>' in page
    assert "| brevity: no longer than the gold rationale | 100.0 % |" in rationale_table(metrics["rationale"])


def test_a_new_metric_of_a_log_is_in_the_curves(brevity, monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    history = [
        {"epoch": 1.0, "loss": 2.0},
        {"epoch": 1.0, "eval_loss": 1.5, "eval_brevity": 80.0, "eval_rouge_l": 0.5},
    ]
    plot_curves({"rationale": history}, tmp_path / "curves.png")
    lines = [line for axes in figures[0].axes for line in axes.get_lines()]
    drawn = {line.get_label(): list(line.get_ydata()) for line in lines}
    assert drawn["brevity"] == [80]
    assert drawn["ROUGE-L, official"] == [50]


def test_a_new_ablation_is_run_and_in_report_and_card(
    blind_and_mute, test_split, right_rows, tiny_model, tiny_processor, tmp_path
):
    models = {"rationale": tiny_model, "answer": tiny_model}
    ablated = run_ablations(models, tiny_processor, test_split, right_rows, max_new_tokens=3)
    assert list(ablated) == [*ABLATIONS]
    assert {row["rationale"] for row in ablated["blind and mute"]} == {""}
    table = measure_ablations(right_rows, ablated, test_split)
    write_report(tmp_path, right_rows, test_split, evaluate(right_rows, test_split) | {"ablations": table})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for ablation in (blind_and_mute, BLANK):
        assert f"{ablation.name}<span>{ablation.meaning}</span>" in page
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["ablations"] == table
    assert f"| blind and mute, {ALL_EXAMPLES} |" in ablation_table(table)
