"""Training, inference and evaluation."""
