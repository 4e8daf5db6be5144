"""A trained folder at work: load it, generate over a data set, predict into a file."""
