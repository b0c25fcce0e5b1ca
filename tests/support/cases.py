"""Runs the unittest cases of a Python test program and says the sum in the one form that the runner reads."""
import os
import sys
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(SOURCE, "build-test"))


class Sentences(unittest.TextTestResult):
    """A line a case, as the list of cases reads as the specification."""
    passed = 0

    def line(self, mark, test):
        print(f"[{mark}] {test.id().partition('.')[2].replace('_', ' ')}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self.line("PASS", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("FAIL", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.line("FAIL", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"[SKIP] {test.id().partition('.')[2].replace('_', ' ')}: {reason}", flush=True)


def main():
    """Runs the cases of the program that was started; ends it with 0 only when some passed and none failed."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        result = unittest.TextTestRunner(stream=unittest.runner._WritelnDecorator(nowhere), verbosity=0,
                                         resultclass=Sentences).run(suite)
    for test, trace in result.failures + result.errors:
        print(f"\n{test.id()}\n{trace}")
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    passed = result.passed
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(0 if failed == 0 and passed + skipped > 0 else 1)
