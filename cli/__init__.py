"""The command `mmcot`: one file for each verb."""
