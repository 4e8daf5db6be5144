"""What a card says of how far its model can be trusted to look and to reason."""

from mmcot.configuration.ablations import BLANK

from .test_card import TWO_MODELS, entry, fill, invent_metrics, without


def test_findings_and_answers_that_stay_are_told():
    metrics = invent_metrics()
    for row in metrics["ablations"][BLANK.name].values():
        row["unchanged"] = entry(55, 150, 5)
    text = str(fill({}, metrics | {"findings": ["The answer stage does not look."]}, TWO_MODELS))
    assert "percentage points:\n\n- The answer stage does not look.\n\n| system |" in text
    assert "| 95 % interval | same answers |" in text
    assert "| blank pictures, with a picture | 50.0 % | -30.0 | -35.0 to -25.0 | 55.0 % |" in text
    assert "same answers" not in str(fill({}, invent_metrics(), TWO_MODELS))


def test_conclusions_stand_before_likeness_of_words():
    text = str(fill({}, invent_metrics() | {"conclusion": entry(71, 300, 4)}, TWO_MODELS))
    row = (
        "| right conclusion: share of the rationales that come to the gold ones' conclusion | 71.0 % | 67.0 to 75.0 |"
    )
    assert f"| --- | ---: | ---: | ---: |\n{row} 300 |\n| ROUGE-L" in text


def test_a_card_opens_with_the_verdict():
    verdict = "The pictures matter: 85.0 against 70.0 with blank ones."
    gain = entry(15, 300, 3)
    baselines = {
        "full system": {"accuracy": entry(85, 300, 4)},
        "blank pictures": {"accuracy": entry(70, 300, 5), "full": entry(85, 300, 4), "gain": gain},
        "chance": {"accuracy": {"value": 39.5, "n": 300}},
    }
    text = str(fill({}, invent_metrics() | {"verdict": verdict, "baselines": baselines}, TWO_MODELS))
    assert f"guessing gives 39.5 %\n- {verdict}\n" in text
    assert "| blank pictures | 70.0 % | +15.0 | 12.0 to 18.0 | 300 |" in text
    assert "| chance | 39.5 % |  |  | 300 |" in text
    assert "was not measured" not in str(fill({}, without("ablations") | {"verdict": verdict}, TWO_MODELS))
