"""The checker of a chaos run: reads history.jsonl, answers.jsonl and redis.jsonl of a run's folder, prints a line a rule, and closes
with `N passed, N failed`. Exit code 0 when all rules hold."""
import argparse
import collections
import os
import sys

sys.dont_write_bytecode = True

import rules  # noqa: E402  (after the line above, so that no cache folder appears in the tree)
import story  # noqa: E402

SHOWN_MAX = 5


def judge(told, out=sys.stdout, is_whole=False):
    """Names of the rules that TOLD breaks. In a whole run a rule that found nothing to look at is broken too."""
    broken = []
    for rule in rules.RULES:
        looked, wrong = 0, []
        for _, sentence in rule(told):
            looked += 1
            wrong += [sentence] if sentence else []
        if is_whole and looked == 0:
            wrong = ["there was nothing to look at, so nothing was proved"]
        name = rule.__name__.replace("_", " ")
        print(f"  {'FAIL' if wrong else 'ok':4} {name} ({looked} looked at)", file=out)
        for sentence in wrong[:SHOWN_MAX]:
            print(f"         {sentence}", file=out)
        if len(wrong) > SHOWN_MAX:
            print(f"         and {len(wrong) - SHOWN_MAX} more", file=out)
        broken += [rule.__name__] if wrong else []
    return broken


def tell(told, out=sys.stdout):
    """What the run was made of."""
    statuses = collections.Counter(shown["status"] for shown in told.shown.values())
    attempts = {(start["job"], start["run"], start["stage"]) for start in told.starts}
    print(f"  {len(told.shown)} jobs ({', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}), "
          f"{len(told.starts)} executions of {len(attempts)} stages, {len(told.history)} lines of history", file=out)
    ends = collections.Counter(event["outcome"] or event["event"] for events in told.events.values() for event in events
                               if event["event"] in rules.ENDS)
    print(f"  attempts ended: {', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}", file=out)


def main():
    parser = argparse.ArgumentParser(prog="check.py")
    parser.add_argument("--pipelines", required=True)
    parser.add_argument("--policies", required=True)
    parser.add_argument("folder")
    chosen = parser.parse_args()
    parts = [story.read_lines(os.path.join(chosen.folder, name)) for name in ("history.jsonl", "answers.jsonl", "redis.jsonl")]
    told = story.Story(*parts, story.Pipelines(chosen.pipelines, chosen.policies))
    tell(told)
    broken = judge(told, is_whole=True)
    print(f"{len(rules.RULES) - len(broken)} passed, {len(broken)} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
