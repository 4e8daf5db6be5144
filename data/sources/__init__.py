"""One file for each layout that a data set may come in."""
