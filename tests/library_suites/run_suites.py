"""Runs transformers' suites and writes what became of each test: `run_suites.py RESULTS.json SUITE...`."""

import json
import sys
import unittest
import warnings
from collections import defaultdict
from pathlib import Path


class Record(unittest.TestResult):
    """Suite -> outcome -> test -> what was said of it."""

    def __init__(self):
        super().__init__()
        self.suites = defaultdict(lambda: defaultdict(dict))

    def note(self, outcome, test, said=""):
        test = getattr(test, "test_case", test)  # of a part of a test
        self.suites[type(test).__name__][outcome][test.id().rpartition(".")[2]] = said

    def startTest(self, test):  # noqa: N802
        super().startTest(test)
        self.note("run", test)

    def addSkip(self, test, reason):  # noqa: N802
        self.note("skipped", test, reason)

    def addFailure(self, test, error):  # noqa: N802
        self.note("failed", test, self._exc_info_to_string(error, test))

    def addError(self, test, error):  # noqa: N802
        self.addFailure(test, error)

    def addSubTest(self, test, part, error):  # noqa: N802
        if error is not None:
            self.addFailure(part, error)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record = Record()
    unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:]).run(record)
    Path(sys.argv[1]).write_text(json.dumps(record.suites), encoding="utf-8")
