"""The checker can fail: one good story passes every rule, and each bad one, made from it by hand, breaks the rules that it names and no
others. Every rule is broken at least once."""
import copy
import io
import sys
import unittest

sys.dont_write_bytecode = True

import check  # noqa: E402
import rules  # noqa: E402
import story  # noqa: E402

SECOND = 1_000_000_000
JOB, OTHER, THIRD = "11111111-0000-8000-8000-000000000001", "22222222-0000-8000-8000-000000000002", "3" * 36


class Map:
    """Two pipelines: `two` is a then b; `join` is a, b, then c that waits for both. Three attempts each."""
    stages = {"two": {"a": ([], 3), "b": (["a"], 3)}, "join": {"a": ([], 3), "b": ([], 3), "c": (["a", "b"], 3)}}


def text(words):
    raw = words.encode()
    return (bytes([0xA0 | len(raw)]) + raw).hex()


def both(a, b):
    return "82" + text("a") + a + text("b") + b


def client(time, verb, token, outcome, **more):
    return {"time": int(time * SECOND), "who": "client-1", "verb": verb, "token": token, "outcome": outcome, **more}


def ran(begin, end, job, stage, attempt, got, gave=None, outcome="done"):
    """Start and end of one execution."""
    token = f"{job[0]}.{stage}.{attempt}"
    facts = {"who": "stage", "token": token, "job": job, "run": 1, "pipeline": "two", "stage": stage, "attempt": attempt}
    lines = [{**facts, "time": int(begin * SECOND), "verb": "start", "outcome": "", "value": got}]
    if end:
        lines.append({**facts, "time": int(end * SECOND), "verb": "end", "outcome": outcome, "value": gave or ""})
    return lines


def seen(time, job, n, status, stages):
    return client(time, "seen", job, "", job=job, n=n, status=status, stages=stages)


def event(n, kind, stage=None, attempt=0, outcome=None):
    return {"n": n, "event": kind, "run": 1, "stage": stage, "attempt": attempt, "outcome": outcome}


def shown(pipeline, status, reason=None):
    return [{"pipeline": pipeline, "status": status, "error_reason": reason}]


class Good:
    """A story of three jobs: one whose first stage fails once and then succeeds, a fan-in, and one that is cancelled."""

    def __init__(self):
        self.history = [
            client(1, "submit", "key:k1", "asked", pipeline="two", value=text("p1")),
            client(1.1, "submit", "key:k1", "accepted", job=JOB, duplicate=False, status="", pipeline="two", other=False),
            client(1.2, "submit", "key:k1", "accepted", job=JOB, duplicate=True, status="queued", pipeline="two", other=False),
            client(1.3, "submit", "key:k1", "asked", pipeline="two", value=text("px")),
            client(1.4, "submit", "key:k1", "refused", code="conflict", pipeline="two", other=True),
            seen(1.5, JOB, 2, "processing", "xw"), seen(3.5, JOB, 6, "completed", "ss"),
            *ran(1.5, 1.6, JOB, "a", 1, text("p1"), outcome="retryable"),
            *ran(1.8, 1.9, JOB, "a", 2, text("p1"), text("a2")),
            *ran(2.0, 2.1, JOB, "b", 1, text("a2"), text("b1")),
            client(1, "submit", "doc:d1", "asked", pipeline="join", value=text("p2")),
            client(1.1, "submit", "doc:d1", "accepted", job=OTHER, duplicate=False, status="", pipeline="join", other=False),
            *ran(1.5, 1.6, OTHER, "a", 1, text("p2"), text("a1")),
            *ran(1.5, 1.7, OTHER, "b", 1, text("p2"), text("b1")),
            *ran(1.8, 1.9, OTHER, "c", 1, both(text("a1"), text("b1")), text("c1")),
            client(1, "submit", "once:o1", "asked", pipeline="two", value=text("p3")),
            client(1.1, "submit", "once:o1", "accepted", job=THIRD, duplicate=False, status="", pipeline="two", other=False),
            *ran(1.3, None, THIRD, "a", 1, text("p3")),
            client(1.4, "cancel", THIRD, "answered", job=THIRD, status="cancelled"),
            seen(1.5, THIRD, 3, "cancelled", "cc")]
        self.events = {
            JOB: [event(2, "started", "a", 1), event(3, "attempt-failed", "a", 1, "retryable"), event(4, "started", "a", 2),
                  event(5, "succeeded", "a", 2, "done"), event(5, "started", "b", 1), event(6, "succeeded", "b", 1, "done"),
                  event(6, "ended", outcome="completed")],
            OTHER: [event(2, "started", "a", 1), event(2, "started", "b", 1), event(3, "succeeded", "a", 1, "done"),
                    event(4, "succeeded", "b", 1, "done"), event(4, "started", "c", 1), event(5, "succeeded", "c", 1, "done"),
                    event(5, "ended", outcome="completed")],
            THIRD: [event(2, "started", "a", 1), event(3, "ended", outcome="cancelled")]}
        self.shown = {JOB: shown("two", "completed"), OTHER: shown("join", "completed"), THIRD: shown("two", "cancelled", "asked")}
        self.redis = [{"shard": 0, "ended": [JOB, OTHER], "live": []}, {"shard": 1, "ended": [THIRD], "live": []}]

    def broken(self):
        answers = [{"job": job, "show": self.shown.get(job, []), "events": events} for job, events in self.events.items()]
        return set(check.judge(story.Story(copy.deepcopy(self.history), answers, self.redis, Map()), io.StringIO()))

    def line(self, **wanted):
        return next(line for line in self.history if all(line.get(key) == value for key, value in wanted.items()))

    def add(self, *lines):
        self.history += lines

    def lose(self, job):
        """The ledger forgets the job."""
        self.events[job], self.shown[job] = [], []
        for shard in self.redis:
            shard["ended"] = [one for one in shard["ended"] if one != job]

    def end_as(self, job, status, reason=None):
        self.shown[job][0].update(status=status, error_reason=reason)
        self.events[job][-1]["outcome"] = status


class Bad(unittest.TestCase):
    proved = set()

    def assert_breaks(self, bad, *names):
        self.assertEqual(bad.broken(), set(names))
        Bad.proved |= set(names)

    def assert_breaks_at_least(self, bad, *names):
        """For what cannot go wrong alone."""
        self.assertLessEqual(set(names), bad.broken())
        Bad.proved |= set(names)

    def test_the_good_story_passes(self):
        self.assert_breaks(Good())

    def test_acknowledged_job_is_gone(self):
        bad = Good()
        bad.lose(THIRD)
        self.assert_breaks_at_least(bad, "acknowledged_job_exists", "ledger_lists_each_job_once")

    def test_job_never_ends(self):
        bad = Good()
        bad.history.remove(bad.line(verb="seen", status="completed"))
        bad.shown[JOB][0]["status"] = "processing"
        bad.events[JOB].pop()
        self.assert_breaks(bad, "acknowledged_job_ends")

    def test_client_is_told_that_its_job_is_unknown(self):
        bad = Good()
        bad.add(seen(1.3, JOB, 1, "unknown", ""))
        self.assert_breaks(bad, "acknowledged_job_ends")

    def test_refused_without_a_reason(self):
        bad = Good()
        bad.line(outcome="refused")["code"] = "unknown-pipeline"
        self.assert_breaks(bad, "refusal_has_a_reason")

    def test_conflict_although_the_payload_is_the_same(self):
        bad = Good()
        bad.line(value=text("px"))["value"] = text("p1")
        self.assert_breaks(bad, "refusal_has_a_reason")

    def test_two_jobs_of_one_key(self):
        bad = Good()
        bad.line(duplicate=True)["job"] = OTHER
        self.assert_breaks_at_least(bad, "one_job_per_key")

    def test_one_job_is_new_twice(self):
        bad = Good()
        bad.line(duplicate=True)["duplicate"] = False
        self.assert_breaks(bad, "one_job_per_key")

    def test_a_job_that_nobody_asked_for(self):
        bad = Good()
        bad.redis[0]["ended"] += ["4" * 36, "5" * 36]
        self.assert_breaks(bad, "one_job_per_key")

    def test_key_is_accepted_with_another_payload(self):
        bad = Good()
        bad.add(client(1.5, "submit", "key:k1", "accepted", job=JOB, duplicate=True, status="", pipeline="two", other=True))
        self.assert_breaks(bad, "other_payload_is_refused")

    def test_ended_job_is_listed_as_live_and_twice(self):
        bad = Good()
        bad.redis[1]["live"] = [THIRD]
        self.assert_breaks(bad, "ledger_lists_each_job_once")
        bad = Good()
        bad.redis[1]["ended"] = [THIRD, JOB]
        self.assert_breaks(bad, "ledger_lists_each_job_once")

    def test_result_is_committed_twice(self):
        bad = Good()
        bad.add(*ran(2.2, 2.3, JOB, "b", 2, text("a2"), text("b2")))
        bad.events[JOB][6:6] = [event(6, "started", "b", 2), event(6, "succeeded", "b", 2, "done")]
        self.assert_breaks_at_least(bad, "one_success_per_stage")

    def test_attempt_ends_twice(self):
        bad = Good()
        bad.events[JOB].insert(2, event(3, "attempt-failed", "a", 1, "lost"))
        self.assert_breaks(bad, "one_end_per_attempt")

    def test_something_happens_after_the_end(self):
        bad = Good()
        bad.events[THIRD].append(event(4, "started", "b", 1))
        self.assert_breaks(bad, "one_end_per_attempt")

    def test_attempt_ends_that_never_started(self):
        bad = Good()
        bad.events[THIRD].insert(1, event(2, "attempt-failed", "b", 1, "lost"))
        self.assert_breaks(bad, "one_end_per_attempt")

    def test_completed_without_a_stage(self):
        bad = Good()
        bad.events[JOB] = [one for one in bad.events[JOB] if one["event"] != "succeeded" or one["stage"] != "b"]
        self.assert_breaks(bad, "completed_means_all_stages")

    def test_success_that_was_never_done(self):
        bad = Good()
        bad.history.remove(bad.line(verb="end", token="1.b.1"))
        self.assert_breaks(bad, "completed_means_all_stages")

    def test_execution_that_the_ledger_does_not_know(self):
        bad = Good()
        bad.add(*ran(1.65, 1.7, OTHER, "a", 7, text("p2"), text("a7")))
        self.assert_breaks_at_least(bad, "start_is_durable_first")

    def test_one_attempt_under_two_tokens(self):
        bad = Good()
        start = dict(bad.line(verb="start", token="1.a.1"), token="1.a.1.again")
        bad.add(start)
        self.assert_breaks(bad, "start_is_durable_first")

    def test_stage_starts_before_its_predecessor_has_finished(self):
        bad = Good()
        bad.line(verb="start", token="2.c.1")["time"] = int(1.65 * SECOND)
        self.assert_breaks(bad, "predecessors_finish_first")

    def test_input_of_an_attempt_that_was_not_committed(self):
        bad = Good()
        bad.line(verb="start", token="1.b.1")["value"] = text("a1")
        self.assert_breaks(bad, "inputs_are_committed_outputs")

    def test_fan_in_misses_an_edge(self):
        bad = Good()
        bad.line(verb="start", token="2.c.1")["value"] = "81" + text("a") + text("a1")
        self.assert_breaks(bad, "inputs_are_committed_outputs")

    def test_root_gets_another_payload(self):
        bad = Good()
        bad.line(verb="start", token="3.a.1")["value"] = text("p1")
        self.assert_breaks(bad, "inputs_are_committed_outputs")

    def test_token_is_executed_twice(self):
        bad = Good()
        bad.add(dict(bad.line(verb="start", token="1.a.1"), time=int(1.7 * SECOND)))
        self.assert_breaks(bad, "execution_is_not_repeated")

    def test_new_attempt_after_the_success(self):
        bad = Good()
        bad.events[JOB].insert(6, event(6, "started", "a", 3))
        bad.add(*ran(3.0, 3.1, JOB, "a", 3, text("p1"), text("a3")))
        self.assert_breaks(bad, "success_is_not_repeated")

    def test_old_attempt_that_nobody_gave_up_starts_after_the_success(self):
        bad = Good()
        bad.events[JOB].pop(1)
        for line in (bad.line(verb="start", token="1.a.1"), bad.line(verb="end", token="1.a.1")):
            line["time"] += SECOND
        self.assert_breaks(bad, "success_is_not_repeated")

    def test_old_attempt_that_was_given_up_may_start_late(self):
        good = Good()
        for line in (good.line(verb="start", token="1.a.1"), good.line(verb="end", token="1.a.1")):
            line["time"] += SECOND
        self.assert_breaks(good)

    def test_more_attempts_than_the_budget(self):
        bad = Good()
        bad.events[JOB][0:0] = [event(1, kind, "a", 10 + i, outcome) for i in range(2)
                                for kind, outcome in (("started", None), ("attempt-failed", "timeout"))]
        self.assert_breaks(bad, "attempts_stay_in_budget")

    def test_returned_attempts_cost_nothing(self):
        good = Good()
        good.events[JOB][0:0] = [event(1, kind, "a", 10 + i, None) for i in range(5) for kind in ("started", "returned")]
        self.assert_breaks(good)

    def test_job_fails_with_attempts_left(self):
        bad = Good()
        bad.history.remove(bad.line(verb="seen", status="completed"))
        bad.end_as(JOB, "failed", "b failed")
        self.assert_breaks(bad, "failure_has_a_reason")

    def test_failed_job_does_not_say_why(self):
        bad = Good()
        bad.history.remove(bad.line(verb="seen", status="completed"))
        bad.end_as(JOB, "failed")
        bad.events[JOB][-2:-1] = [event(6, "attempt-failed", "b", 1, "permanent")]
        self.assert_breaks(bad, "failure_has_a_reason")

    def test_stage_starts_after_the_cancellation(self):
        bad = Good()
        bad.line(verb="start", token="3.a.1")["time"] = 4 * SECOND
        self.assert_breaks(bad, "cancelled_job_starts_nothing")

    def test_stage_starts_late_because_its_worker_stood_still(self):
        good = Good()
        good.line(verb="start", token="3.a.1")["time"] = 4 * SECOND
        good.add({**client(1.3, "fault", "worker stopped", "begin"), "who": "supervisor"},
                 {**client(3.9, "fault", "worker stopped", "end"), "who": "supervisor"})
        self.assert_breaks(good)

    def test_client_was_told_another_end(self):
        bad = Good()
        bad.line(verb="cancel")["status"] = "completed"
        self.assert_breaks(bad, "terminal_status_stays")

    def test_cancellation_is_forgotten(self):
        bad = Good()
        bad.history.remove(bad.line(verb="seen", status="cancelled"))
        bad.end_as(THIRD, "failed", "a failed")
        bad.events[THIRD].insert(1, event(3, "attempt-failed", "a", 1, "permanent"))
        self.assert_breaks(bad, "terminal_status_stays")

    def test_status_goes_back(self):
        bad = Good()
        bad.add(seen(1.6, JOB, 3, "queued", "rw"))
        self.assert_breaks(bad, "status_never_goes_back")

    def test_status_goes_back_by_its_number(self):
        bad = Good()
        bad.add(dict(seen(1.2, JOB, 5, "queued", "rw"), who="client-2"))
        self.assert_breaks(bad, "status_never_goes_back")

    def test_stage_loses_its_success(self):
        bad = Good()
        bad.add(seen(1.95, JOB, 4, "processing", "sx"), seen(2.05, JOB, 5, "processing", "xx"))
        self.assert_breaks(bad, "status_never_goes_back")

    def test_zz_every_rule_was_broken_once(self):
        self.assertEqual({rule.__name__ for rule in rules.RULES} - Bad.proved, set())


if __name__ == "__main__":
    ended = unittest.main(exit=False, verbosity=0).result
    failed = len(ended.failures) + len(ended.errors)
    print(f"{ended.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
