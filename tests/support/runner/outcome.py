"""What a test program says about itself: how many cases passed, failed and were skipped, read from its output."""
import re
from dataclasses import dataclass, field

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SYNTHESIS = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)
SKIPPED = re.compile(r"^\s*(?:\[SKIP\]|skip(?:ped)?:)\s*(.+)$", re.MULTILINE)


@dataclass
class Outcome:
    """Counts of cases, and for each that is not plainly good the sentence that a person reads."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list = field(default_factory=list)  # why something failed
    skips: list = field(default_factory=list)    # why something was skipped

    def fail(self, reason):
        self.failed += 1
        self.reasons.append(reason)


def read(output, exit_code, skip_code=None):
    """Counts what OUTPUT tells. An exit code that contradicts it, or a program in which nothing ran, is a failure."""
    text = ESCAPE.sub("", output)
    result = Outcome(skips=[line.strip() for line in SKIPPED.findall(text)])
    if skip_code is not None and exit_code == skip_code:
        result.skipped = 1
        result.skips = result.skips or ["the program ended with its skip code and said no reason"]
        return result
    synthesis, plain = SYNTHESIS.findall(text), PLAIN.findall(text)
    if synthesis:
        _, passing, failing, crashing = (int(number) for number in synthesis[-1])
        result.failed = failing + crashing
        result.skipped = len(result.skips)
        result.passed = passing
    elif plain:
        result.passed, result.failed = int(plain[-1][0]), int(plain[-1][1])
        result.skipped = int(plain[-1][2] or 0)
    elif exit_code == 0:
        result.passed = 1
    if result.failed:
        result.reasons.append(f"{result.failed} of its cases failed")
    elif exit_code != 0:
        result.fail(ending(exit_code))
    elif result.passed + result.skipped == 0:
        result.fail("it ended well, but no case ran in it")
    return result


def ending(exit_code):
    """How a program ended, in words."""
    return f"it was ended by signal {-exit_code}" if exit_code < 0 else f"it ended with exit code {exit_code}"
