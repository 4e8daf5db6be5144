"""What a card says of how far its model can be trusted to look and to reason."""

from mmcot.configuration.ablations import BLANK

from .test_card import TWO_MODELS, entry, fill, invent_metrics


def test_findings_and_answers_that_stay_are_told():
    metrics = invent_metrics()
    for row in metrics["ablations"][BLANK.name].values():
        row["unchanged"] = entry(55, 150, 5)
    text = str(fill({}, metrics | {"findings": ["The answer stage does not look."]}, TWO_MODELS))
    assert "percentage points:\n\n- The answer stage does not look.\n\n| system |" in text
    assert "| 95 % interval | same answers |" in text
    assert "| blank pictures, with a picture | 50.0 % | -30.0 | -35.0 to -25.0 | 55.0 % |" in text
    assert "same answers" not in str(fill({}, invent_metrics(), TWO_MODELS))
