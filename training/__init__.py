"""Learning alone: the two-stage run, its plan and folder, Trainer, collator, curves."""
