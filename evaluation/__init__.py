"""What predictions are worth: scores with intervals, comparisons, ablations, and a report that shows the mistakes."""
