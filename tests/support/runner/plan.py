"""What is to run: the programs that CTest knows in each build, less what the person's choice leaves out."""
import json
import os
import re
import subprocess
from dataclasses import dataclass, field


@dataclass
class Build:
    """A configured build folder, under the name of its preset."""
    name: str
    folder: str
    sanitized: bool


@dataclass
class Program:
    """One CTest entry of one build."""
    build: Build
    name: str
    command: list
    folder: str
    environment: dict = field(default_factory=dict)
    labels: list = field(default_factory=list)
    timeout_s: float = 300.0
    alone: bool = False          # runs while nothing else does
    skip_code: int = None
    locks: list = field(default_factory=list)

    def title(self):
        return f"{self.name} ({self.build.name})"


def programs_of(build):
    """Asks CTest for its list; an entry without a command (a program that was not built) has an empty one."""
    answer = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build.folder, capture_output=True, check=True)
    return [program_of(build, entry) for entry in json.loads(answer.stdout)["tests"]]


def program_of(build, entry):
    told = {item["name"]: item["value"] for item in entry.get("properties", [])}
    return Program(
        build=build, name=entry["name"], command=entry.get("command", []),
        folder=told.get("WORKING_DIRECTORY", build.folder),
        environment=dict(pair.split("=", 1) for pair in told.get("ENVIRONMENT", [])),
        labels=told.get("LABELS", []), timeout_s=float(told.get("TIMEOUT", 300.0)),
        alone=bool(told.get("RUN_SERIAL", False)), skip_code=told.get("SKIP_RETURN_CODE"),
        locks=told.get("RESOURCE_LOCK", []))


def chosen(programs, quick, bench, pattern):
    """Leaves out what has the label "slow" under --quick, "bench" without --bench, and what the pattern does not find."""
    left_out = {"slow"} if quick else set()
    if not bench:
        left_out.add("bench")
    kept = [program for program in programs if not left_out & set(program.labels)]
    return [program for program in kept if pattern is None or re.search(pattern, program.name)]


def in_order(programs):
    """Long ones first, so that the last minute is not spent waiting for one; those that must be alone come last."""
    return sorted(programs, key=lambda one: (one.alone, "slow" not in one.labels, -one.timeout_s))


def environment_for(program, source, temporary, choices):
    """The environment of one program: nothing of the caller's Sluice settings, a temporary folder of its own, and
    sanitizers that write their reports into files, because Criterion swallows what its children print at exit."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("SLUICE_", "XDG_", "CRITERION_", "CLICOLOR", "NO_COLOR"))}
    kept.update(TMPDIR=temporary, XDG_STATE_HOME=temporary + "/state", XDG_CONFIG_HOME=temporary + "/config",
                XDG_CACHE_HOME=temporary + "/cache", XDG_RUNTIME_DIR=temporary, LC_ALL="C.UTF-8", TZ="UTC",
                CRITERION_VERBOSITY_LEVEL="1", PYTHONDONTWRITEBYTECODE="1",
                SLUICE_SOURCE=source, SLUICE_BUILD=program.build.folder, SLUICE_TEST=program.title())
    kept.update(choices)
    if program.build.sanitized:
        reports = temporary + "/sanitizer-report"
        kept["ASAN_OPTIONS"] = f"log_path={reports}:detect_leaks=1:detect_stack_use_after_return=1:exitcode=99"
        kept["UBSAN_OPTIONS"] = f"log_path={reports}:print_stacktrace=1:exitcode=99"
        kept["LSAN_OPTIONS"] = "print_suppressions=0"
    kept.update(program.environment)
    return kept
