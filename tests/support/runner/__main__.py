"""Runs the test programs that CTest knows in the given builds and sums up their cases. deploy/test.sh calls it."""
import argparse
import os
import signal
import sys
import threading

sys.dont_write_bytecode = True

import leftovers  # noqa: E402  (after the line above, so that no cache folder appears in the tree)
import plan       # noqa: E402
import program    # noqa: E402
import report     # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="runner")
    parser.add_argument("--build", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--sanitized", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--broken", action="append", default=[], metavar="NAME", help="a build that failed")
    parser.add_argument("--source", required=True)
    parser.add_argument("--temporary", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--chaos", metavar="N")
    parser.add_argument("--seeds", metavar="N")
    parser.add_argument("--only", metavar="PATTERN")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def choices_of(chosen):
    """What a person chose, as test programs read it from their environment."""
    told = {"SLUICE_QUICK": "1" if chosen.quick else None, "SLUICE_CHAOS": chosen.chaos, "SLUICE_SEEDS": chosen.seeds}
    return {name: value for name, value in told.items() if value is not None}


class Queue:
    """Programs that wait for a thread; one that must be alone waits until all others are done, and locks are kept."""

    def __init__(self, programs):
        self.waiting, self.running = list(programs), []
        self.changed = threading.Condition()

    def may_start(self, one):
        held = {lock for other in self.running for lock in other.locks}
        nobody_alone = not any(other.alone for other in self.running)
        return nobody_alone and not (one.alone and self.running) and not held & set(one.locks)

    def take(self):
        """The next program, or None when none is left."""
        with self.changed:
            while self.waiting:
                ready = next((one for one in self.waiting if self.may_start(one)), None)
                if ready is not None:
                    self.waiting.remove(ready)
                    self.running.append(ready)
                    return ready
                self.changed.wait()
            return None

    def done(self, one):
        with self.changed:
            self.running.remove(one)
            self.changed.notify_all()

    def drop(self):
        """Nothing more is started."""
        with self.changed:
            self.waiting.clear()
            self.changed.notify_all()


def work(queue, runner, summary):
    while (one := queue.take()) is not None:
        try:
            summary.add(one, *runner.run(one))
        finally:
            queue.done(one)


def main():
    chosen = arguments()
    builds = [plan.Build(*pair.split("=", 1), sanitized=False) for pair in chosen.build]
    builds += [plan.Build(*pair.split("=", 1), sanitized=True) for pair in chosen.sanitized]
    leftovers.become_reaper()
    programs = [one for build in builds for one in plan.programs_of(build)]
    programs = plan.in_order(plan.chosen(programs, chosen.quick, chosen.bench, chosen.only))
    summary = report.Report(sys.stdout)
    for name in chosen.broken:
        summary.add_broken(name)
    if not programs:
        summary.say("no test program was chosen; ctest --show-only in build-test lists them all")
    queue = Queue(programs)
    runner = program.Runner(chosen.source, chosen.temporary, choices_of(chosen))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(128))
    threads = [threading.Thread(target=work, args=(queue, runner, summary), daemon=True) for _ in range(chosen.jobs)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except SystemExit:
        queue.drop()
        leftovers.end(leftovers.all_of_ours())
        summary.say("interrupted; what was running was stopped")
        summary.failed += 1
    return summary.close()


if __name__ == "__main__":
    sys.exit(main())
