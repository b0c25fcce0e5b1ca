"""A planted leak makes a run of the tests red, although the program that leaks ends with 0 (sanitized build only)."""
import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "support"), os.path.join(ROOT, "support", "runner")]

import cases    # noqa: E402
import plan     # noqa: E402
import program  # noqa: E402

LEAKING = os.path.join(cases.BUILD, "tests", "planted_leak")


class Leak(unittest.TestCase):
    def run_planted(self, *arguments):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        build = plan.Build("planted", folder, True)
        result, _, log = program.Runner(folder, folder, {}).run(
            plan.Program(build, "planted_leak", [LEAKING, *arguments], folder))
        with open(log, encoding="utf-8") as text:
            return result, text.read()

    def test_program_without_a_leak_passes(self):
        result, log = self.run_planted()
        self.assertEqual((result.passed, result.failed), (1, 0), log)

    def test_leak_report_fails_the_run_and_is_shown(self):
        result, log = self.run_planted("leak")
        self.assertEqual(result.failed, 1)
        self.assertIn("sanitizer report", result.reasons[-1])
        self.assertIn("LeakSanitizer", log)


if __name__ == "__main__":
    cases.main()
