"""Runs one test program: own session, own temporary folder, a time limit; afterwards sanitizer reports and processes
that it left behind count as failures of it."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

import leftovers
import outcome
import plan

PATIENCE = 100  # how much longer programs may take when a person asked for more kills or seeds


class Runner:
    """What all programs of a run share. LOGS is where each program's output is kept; it lies in the build folder."""

    def __init__(self, source, temporary, choices):
        self.source, self.temporary, self.choices = source, temporary, choices
        self.is_longer = "SLUICE_CHAOS" in choices or "SLUICE_SEEDS" in choices

    def run(self, program):
        """Returns (outcome, seconds, path of the log)."""
        logs = os.path.join(program.build.folder, "test-logs")
        os.makedirs(logs, exist_ok=True)
        log = os.path.join(logs, program.name + ".log")
        own = tempfile.mkdtemp(prefix="t", dir=self.temporary)
        os.chmod(own, 0o711)  # tests that go on as another user must still find their files
        began = time.monotonic()
        try:
            result = self.run_in(program, own, log)
        finally:
            shutil.rmtree(own, ignore_errors=True)
        return result, time.monotonic() - began, log

    def run_in(self, program, own, log):
        if not program.command or not shutil.which(program.command[0]):
            result = outcome.Outcome()
            result.fail("the program was not built")
            with open(log, "w", encoding="utf-8"):
                return result
        environment = plan.environment_for(program, self.source, own, self.choices)
        with open(log, "wb") as output:
            child = subprocess.Popen(program.command, cwd=program.folder, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        limit_s = program.timeout_s * (2 if program.build.sanitized else 1) * (PATIENCE if self.is_longer else 1)
        try:
            in_time = wait_or_stop(child, limit_s)
        finally:
            left = leftovers.collect(child.pid, program.title())
        with open(log, encoding="utf-8", errors="replace") as output:
            result = outcome.read(output.read(), child.returncode, program.skip_code)
        if not in_time:
            result.fail(f"it was stopped: it ran longer than {limit_s:.0f} s")
        if left:
            result.fail("it left processes behind: " + "; ".join(left))
        add_reports(result, own, log)
        return result


def wait_or_stop(child, limit_s):
    """Waits for the end; past the limit asks with SIGTERM, then insists. True when the program ended by itself."""
    try:
        child.wait(limit_s)
        return True
    except subprocess.TimeoutExpired:
        pass
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(child.pid, signal_number)
        try:
            child.wait(5.0)
            break
        except subprocess.TimeoutExpired:
            continue
    return False


def add_reports(result, own, log):
    """Each report file of a sanitizer is a failure, whatever the program's exit code was, and is added to the log."""
    reports = sorted(glob.glob(os.path.join(own, "sanitizer-report*")))
    with open(log, "a", encoding="utf-8") as output:
        for report in reports:
            with open(report, encoding="utf-8", errors="replace") as text:
                output.write(f"\nsanitizer report:\n{text.read()}\n")
    if reports:
        result.fail(f"{len(reports)} sanitizer report(s) were written; they stand at the end of the log")
