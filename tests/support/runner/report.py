"""What a person reads of a run: a line a program, the logs of what failed, why something was skipped, what was slow,
and as the last line the sum."""
import threading

LOG_LINES = 120
SLOW_S = 10.0
GOOD = ("[RUN ]", "[PASS]")  # what says nothing about a failure


class Report:
    def __init__(self, out):
        self.out, self.lock = out, threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.slow, self.skips = [], []

    def say(self, text=""):
        print(text, file=self.out, flush=True)

    def add_broken(self, name):
        """A build that failed counts as one failure, beside what the other builds' programs say."""
        self.failed += 1
        self.say(f"  FAIL     0 passed             {name}: its output stands above, and none of its programs was run")

    def add(self, program, result, seconds, log):
        with self.lock:
            self.passed += result.passed
            self.failed += result.failed
            self.skipped += result.skipped
            self.skips += [(program.title(), reason) for reason in result.skips]
            if seconds >= SLOW_S:
                self.slow.append((seconds, program.title()))
            mark = "FAIL" if result.failed else "skip" if result.skipped and not result.passed else "ok"
            self.say(f"  {mark:4} {result.passed:5} passed {seconds:7.1f} s  {program.title()}")
            for reason in result.reasons:
                self.say(f"       {reason}")
            if result.failed or "bench" in program.labels:  # a benchmark is run for what it prints
                self.show(log)

    def show(self, log):
        with open(log, encoding="utf-8", errors="replace") as text:
            lines = [line for line in text.read().splitlines() if not line.startswith(GOOD)]
        if len(lines) > LOG_LINES:
            self.say(f"       (the last {LOG_LINES} of {len(lines)} lines; all of them in {log})")
        for line in lines[-LOG_LINES:]:
            self.say(f"       | {line}")

    def close(self):
        """Prints the end of the report; returns the exit code."""
        for seconds, title in sorted(self.slow, reverse=True):
            self.say(f"  slow {seconds:7.1f} s  {title}")
        for title, reason in self.skips:
            self.say(f"  skipped  {title}: {reason}")
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        self.say(f"{self.passed} passed, {self.failed} failed{skipped}")
        return 0 if self.failed == 0 and self.passed > 0 else 1
