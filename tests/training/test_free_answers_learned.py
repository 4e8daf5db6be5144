"""Whole runs on questions of both kinds, and on such without options alone: trained, scored, answered, judged."""

import json

import pytest

from mmcot.cli.main import main
from mmcot.inference.predict import predict_file
from mmcot.training.two_stage import run_recipe


@pytest.mark.slow
@pytest.mark.parametrize("families", ["count+colour", "count+moon"])
@pytest.mark.parametrize("overrides", [(), ("--formats", "rationale_answer")], ids=str)
def test_run_and_what_follows(families, overrides, tiny_recipe, tmp_path, capsys):
    spec = f"sketchqa:train=40,validation=24,test=24,size=32,text_only=0,families={families}"
    run, report = tmp_path / "run", tmp_path / "report"
    said = []
    metrics = run_recipe(tiny_recipe(run, "--dataset", spec, *overrides), said.append)
    free = metrics["without_options"]
    assert ("accuracy" in metrics) == ("moon" in families)
    assert free["exact_match"]["average"]["n"] + metrics.get("accuracy", {}).get("average", {"n": 0})["n"] == 24
    assert said[-1] == f"Without options: {free['verdict']}"
    assert "exact match" in (run / "README.md").read_text()
    rows = predict_file(str(run), spec, "test", tmp_path / "again.jsonl", say=said.append)
    ours = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    assert [row["answer_text"] for row in rows] == [row["answer_text"] for row in ours]
    words = ["evaluate", "--model", str(run), "--dataset", spec, "--output", str(report), "--ablations"]
    assert main([*words, "--update-card"]) == 0
    assert "problems without options right" in capsys.readouterr().out
    judged = json.loads((report / "metrics.json").read_text())["without_options"]
    assert judged["exact_match"]["average"] == free["exact_match"]["average"]
    assert "blank pictures" in judged["ablations"]
    assert "What the system owes to pictures" in (run / "README.md").read_text()
    assert main(["info", str(run)]) == 0
    assert "problems without options" in capsys.readouterr().out


@pytest.mark.slow
def test_rationales_alone(tiny_recipe, tmp_path):
    spec = "sketchqa:train=40,validation=8,test=8,size=32,families=shapes"
    metrics = run_recipe(tiny_recipe(tmp_path, "--dataset", spec, "--stages", "rationale"), lambda text: None)
    assert not {"exact_match", "unparsed"} & metrics["without_options"].keys()
    assert "conclusion" in metrics["without_options"]
    assert "shapes" in (tmp_path / "README.md").read_text()
