"""The runner of the tests, proved on programs that misbehave: each must make the run red, and leave nothing."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "support"), os.path.join(ROOT, "support", "runner")]

import cases      # noqa: E402
import leftovers  # noqa: E402
import outcome    # noqa: E402
import plan       # noqa: E402
import program    # noqa: E402

WAIT_FOR_EVER = "import select; select.select([], [], [])"


class Counting(unittest.TestCase):
    def test_criterion_synthesis_is_counted(self):
        told = "[SKIP] a::c: no data\n[====] Synthesis: Tested: 3 | Passing: 1 | Failing: 1 | Crashing: 1 \n"
        result = outcome.read(told, 1)
        self.assertEqual((result.passed, result.failed, result.skipped), (1, 2, 1))
        self.assertEqual(result.skips, ["a::c: no data"])

    def test_plain_line_is_counted(self):
        result = outcome.read("5 passed, 2 failed, 1 skipped\n", 1)
        self.assertEqual((result.passed, result.failed, result.skipped), (5, 2, 1))

    def test_program_that_says_nothing_counts_as_one(self):
        self.assertEqual(outcome.read("", 0).passed, 1)
        self.assertEqual(outcome.read("", 3).failed, 1)

    def test_bad_exit_code_beats_good_words(self):
        self.assertEqual(outcome.read("5 passed, 0 failed\n", 1).failed, 1)

    def test_program_in_which_nothing_ran_fails(self):
        told = "[====] Synthesis: Tested: 0 | Passing: 0 | Failing: 0 | Crashing: 0\n"
        self.assertEqual(outcome.read(told, 0).failed, 1)
        self.assertEqual(outcome.read("0 passed, 0 failed\n", 0).failed, 1)

    def test_skip_code_is_a_skip_with_its_reason(self):
        result = outcome.read("skip: no articles here\n", 77, 77)
        self.assertEqual((result.failed, result.skipped, result.skips), (0, 1, ["no articles here"]))


class Running(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.runner = program.Runner(self.folder, self.folder, {})

    def run_command(self, *command, sanitized=False, timeout_s=20.0):
        build = plan.Build("planted", self.folder, sanitized)
        one = plan.Program(build, "planted", list(command), self.folder, timeout_s=timeout_s)
        result, _, log = self.runner.run(one)
        with open(log, encoding="utf-8") as text:
            return result, text.read()

    def run_python(self, text, **options):
        return self.run_command(sys.executable, "-c", text, **options)

    def test_good_program_passes_with_a_temporary_folder_of_its_own(self):
        result, log = self.run_python("import os; print(os.environ['TMPDIR'])")
        self.assertEqual((result.passed, result.failed), (1, 0))
        self.assertFalse(os.path.exists(log.strip()))

    def test_program_that_was_not_built_fails(self):
        self.assertEqual(self.run_command(os.path.join(self.folder, "absent"))[0].failed, 1)

    def test_signal_fails_and_is_named(self):
        result, _ = self.run_python("import os; os.kill(os.getpid(), 11)")
        self.assertEqual(result.reasons, ["it was ended by signal 11"])

    def test_program_over_its_time_is_stopped(self):
        result, _ = self.run_python(WAIT_FOR_EVER, timeout_s=0.5)
        self.assertIn("longer than", result.reasons[-1])

    def test_process_left_behind_fails_and_is_ended(self):
        result, log = self.run_python(
            "import subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, '-c', '{WAIT_FOR_EVER}'], start_new_session=True)\n"
            "print(child.pid)")
        self.assertIn("left processes behind", result.reasons[-1])
        self.assertTrue(leftovers.wait_for(int(log.split()[0]), 0))

    def test_report_file_alone_fails(self):
        result, _ = self.run_python("import os; open(os.environ['TMPDIR'] + '/sanitizer-report.1', 'w').write('x')")
        self.assertEqual((result.passed, result.failed), (1, 1))


class Whole(unittest.TestCase):
    """The runner as a process, on a build folder that has nothing but CTest's list."""

    def start(self, *options, **programs):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(folder, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
            for name, text in programs.items():
                with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as source:
                    source.write(text)
                file.write(f'add_test({name} "{sys.executable}" "{folder}/{name}.py")\n')
        os.mkfifo(os.path.join(folder, "pipe"))
        runner = os.path.join(ROOT, "support", "runner")
        return folder, subprocess.Popen(
            [sys.executable, "-B", runner, "--build", f"planted={folder}", "--source", folder, "--temporary", folder,
             *options],
            stdout=subprocess.PIPE, text=True)

    def test_last_line_is_the_sum_and_the_exit_code_tells(self):
        for text, last, code in (("print('3 passed, 0 failed, 1 skipped')", "3 passed, 0 failed, 1 skipped", 0),
                                 ("raise SystemExit(1)", "0 passed, 1 failed", 1)):
            _, runner = self.start(one=text)
            self.assertEqual(runner.communicate()[0].splitlines()[-1], last)
            self.assertEqual(runner.returncode, code)

    def test_build_that_failed_is_a_failure_beside_the_others(self):
        _, runner = self.start("--broken", "build (preset planted)", one="print('3 passed, 0 failed')")
        self.assertEqual(runner.communicate()[0].splitlines()[-1], "3 passed, 1 failed")
        self.assertEqual(runner.returncode, 1)

    def test_nothing_to_run_is_no_success(self):
        _, runner = self.start()
        self.assertEqual(runner.communicate()[0].splitlines()[-1], "0 passed, 0 failed")
        self.assertEqual(runner.returncode, 1)

    def test_interrupted_run_ends_what_it_started(self):
        folder, runner = self.start(hang=f"import os; open('pipe', 'w').write(str(os.getpid())); {WAIT_FOR_EVER}")
        with open(os.path.join(folder, "pipe"), encoding="utf-8") as pipe:
            pid = int(pipe.read())
        runner.terminate()
        self.assertEqual(runner.communicate()[0].splitlines()[-1], "0 passed, 1 failed")
        self.assertEqual(runner.returncode, 1)
        self.assertTrue(leftovers.wait_for(pid, 0))


class Choosing(unittest.TestCase):
    def names(self, quick=False, bench=False, pattern=None):
        build = plan.Build("planted", "", False)
        programs = [plan.Program(build, name, [], "", labels=labels)
                    for name, labels in (("fast", []), ("long", ["slow"]), ("speed", ["bench"]))]
        return [one.name for one in plan.chosen(programs, quick, bench, pattern)]

    def test_benchmarks_run_only_when_asked_for(self):
        self.assertEqual(self.names(), ["fast", "long"])
        self.assertEqual(self.names(bench=True), ["fast", "long", "speed"])

    def test_quick_leaves_out_what_is_slow(self):
        self.assertEqual(self.names(quick=True), ["fast"])

    def test_pattern_chooses_by_name(self):
        self.assertEqual(self.names(pattern="^lo"), ["long"])


if __name__ == "__main__":
    leftovers.become_reaper()
    cases.main()
