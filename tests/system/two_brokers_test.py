"""Two brokers on one Redis: the first owns every shard, the second stands by. What either is told counts for both."""
import json
import re
import signal
import unittest

from small_cluster import TIMING, Cluster, cases, need_programs, run, wait_until

POLICIES = """policies:
  own: {max_attempts: 2, timeout_seconds: 5, backoff: {strategy: none}}
  default: {max_attempts: 1, timeout_seconds: 5, backoff: {strategy: none}}
"""


def pipeline(name, version, *types, policy=None):
    """The text of a pipeline whose stages follow one another."""
    stages = [f"  - {{name: s{at}, type: {kind}{f', depends_on: [s{at - 1}]' if at else ''}{', config: {times: 99}' if kind == 'fail' else ''}"
              f"{f', policy: {policy}' if policy else ''}}}\n"
              for at, kind in enumerate(types)]
    return f'name: {name}\nversion: "2026-01-0{version}"\nstages:\n{"".join(stages)}'


class TwoBrokers(unittest.TestCase):
    def begin(self, *broker_words):
        need_programs()
        self.cluster = Cluster(worker=False, broker_words=broker_words)
        self.addCleanup(self.cluster.close)

    def start_second(self, *words):
        cluster = self.cluster
        self.second = f"ipc://{cluster.path('c2')}"
        process = cluster.start("sluice-broker", "--redis", f"unix:{cluster.redis.socket}", "--listen", self.second,
                                "--listen-workers", f"ipc://{cluster.path('w2')}", "--timing", TIMING, *words, log="second")
        wait_until(lambda: self.ask("second", "status").returncode == 0, lambda: cluster.said("second"))
        self.second_process = process

    def stop_second(self):
        self.second_process.send_signal(signal.SIGTERM)
        self.second_process.wait()

    def start_worker(self, endpoint, name):
        cluster = self.cluster
        cluster.start("sluice-worker", "--broker", endpoint, "--name", name, "--slots", "2", "--plugin-path",
                      f"{cases.BUILD}/lib/sluice/plugins", "--data", cluster.path(name), log=name)

    def ask(self, broker, *words):
        endpoint = self.second if broker == "second" else self.cluster.clients
        return run("sluice", *words, more={"SLUICE_BROKER": endpoint})

    def sluice(self, broker, *words, expected=0):
        ended = self.ask(broker, *words)
        self.assertEqual(ended.returncode, expected, f"{words}\n{ended.stdout}{ended.stderr}")
        return ended

    def apply(self, broker, text, expected=0):
        file = self.cluster.write("applied.yaml", text)
        return self.sluice(broker, "pipelines", "apply", file, expected=expected)

    def submitted(self, broker, name):
        """Which stages a job of that name gets: (version, stages)."""
        job = self.sluice(broker, "submit", name, "-q").stdout.strip()
        shown = json.loads(self.sluice(broker, "jobs", "show", job, "-o", "json").stdout)
        return shown["pipeline_version"][-1], sorted(shown["stages"])


class Pipelines(TwoBrokers):
    def setUp(self):
        self.begin()
        self.start_second()

    def test_what_the_standby_is_told_the_owner_knows(self):
        self.sluice("first", "submit", "later", expected=3)
        self.apply("second", pipeline("later", "1", "noop"))
        self.assertEqual(self.submitted("first", "later"), ("1", ["s0"]))

    def test_a_standby_tells_no_list_as_if_there_were_no_jobs(self):
        self.apply("first", pipeline("some", "1", "noop"))
        self.sluice("first", "submit", "some", "-q")
        self.assertIn("some", self.sluice("first", "jobs", "list").stdout)
        refused = self.sluice("second", "jobs", "list", "--timeout", "1s", expected=8)
        self.assertRegex(refused.stderr, r"does not hold (\d+) of the \1 shards")
        job = self.sluice("first", "jobs", "list", "-q").stdout.strip()
        waited = self.sluice("second", "wait", job, "--timeout", "1s", expected=8)
        self.assertIn("holds no shard now, so the outcome is unknown", waited.stderr)
        wait_until(lambda: "standing by" in self.cluster.said("second"), lambda: self.cluster.said("second"))

    def test_an_owner_that_was_passed_over_says_so(self):
        owner = self.cluster.broker
        owner.send_signal(signal.SIGSTOP)
        self.addCleanup(owner.send_signal, signal.SIGCONT)
        wait_until(lambda: self.ask("second", "status", "--ready").returncode == 0, lambda: self.cluster.said("second"))
        owner.send_signal(signal.SIGCONT)
        wait_until(lambda: "0 of 8 shards are held here now" in self.cluster.said("sluice-broker"),
                   lambda: self.cluster.said("sluice-broker"))
        self.assertNotIn("shards are held here now", self.cluster.said("second"))

    def test_a_newer_version_counts_at_both(self):
        self.apply("first", pipeline("grows", "1", "noop"))
        self.assertEqual(self.submitted("first", "grows"), ("1", ["s0"]))
        self.apply("second", pipeline("grows", "2", "noop", "noop"))
        wait_until(lambda: self.submitted("first", "grows") == ("2", ["s0", "s1"]), lambda: self.submitted("first", "grows"))

    def test_the_newest_bytes_of_one_version_count_at_both(self):
        self.apply("first", pipeline("same", "1", "noop"))
        self.apply("second", pipeline("same", "1", "noop", "noop"))
        wait_until(lambda: self.submitted("first", "same") == ("1", ["s0", "s1"]), lambda: self.submitted("first", "same"))
        self.apply("first", pipeline("same", "1", "noop"))
        wait_until(lambda: '"s1"' not in self.ask("second", "pipelines", "show", "same", "-o", "json").stdout,
                   lambda: self.ask("second", "pipelines", "show", "same", "-o", "json").stdout)

    def test_who_takes_over_knows_all(self):
        self.apply("first", pipeline("kept", "1", "noop"))
        self.apply("first", pipeline("kept", "2", "noop", "noop"))
        self.cluster.broker.send_signal(signal.SIGKILL)
        wait_until(lambda: self.ask("second", "status", "--ready").returncode == 0, lambda: self.cluster.said("second"))
        self.assertEqual(self.submitted("second", "kept"), ("2", ["s0", "s1"]))

    def second_takes_over(self):
        self.cluster.broker.send_signal(signal.SIGKILL)
        wait_until(lambda: self.ask("second", "status", "--ready").returncode == 0, lambda: self.cluster.said("second"))

    def test_a_job_goes_on_whatever_its_pipeline_has_meant_since(self):
        """Redis keeps the newest 64 meanings of a name together; what an older job needs is found too."""
        self.apply("first", pipeline("moves", "1", "noop", "noop"))
        job = self.sluice("first", "submit", "moves", "-q").stdout.strip()
        for turn in range(70):
            self.apply("first", pipeline("moves", "1", "noop") + f"metadata: {{description: turn {turn}}}\n")
        self.second_takes_over()
        self.start_worker(f"ipc://{self.cluster.path('w2')}", "two")
        self.sluice("second", "wait", job)
        self.assertNotIn("parked", self.cluster.said("second"))

    def test_a_job_whose_pipeline_is_lost_waits_until_it_is_applied_again(self):
        self.apply("first", pipeline("gone", "1", "noop", "noop"))
        before = set(self.cluster.redis.command("KEYS", "sl:p:*").split())
        self.apply("first", pipeline("lost", "1", "noop"))
        lost, = set(self.cluster.redis.command("KEYS", "sl:p:*").split()) - before
        job = self.sluice("first", "submit", "lost", "--key", "k", "-q").stdout.strip()
        self.assertEqual(self.cluster.redis.command("DEL", lost), "1")
        self.second_takes_over()
        for words in (("jobs", "show", job), ("jobs", "cancel", job), ("submit", "lost", "--key", "k"), ("wait", job)):
            refused = self.ask("second", *words)
            self.assertNotEqual(refused.returncode, 0, words)
            self.assertIn("apply it again", refused.stdout + refused.stderr, words)
        self.apply("second", pipeline("lost", "1", "noop"))
        self.stop_second()
        self.start_second()
        wait_until(lambda: self.ask("second", "status", "--ready").returncode == 0, lambda: self.cluster.said("second"))
        self.start_worker(f"ipc://{self.cluster.path('w2')}", "two")
        self.sluice("second", "wait", job)


class Policies(TwoBrokers):
    """Jobs of a stage that always fails tell by their attempts which policy counted."""

    def attempts(self, broker):
        job = self.sluice(broker, "submit", "tries", "-q").stdout.strip()
        self.sluice(broker, "wait", job, expected=5)
        shown = json.loads(self.sluice(broker, "jobs", "show", job, "-o", "json").stdout)
        return shown["stages"]["s0"]["attempts"]

    def begin_with_policies(self):
        need_programs()
        self.begin()
        self.cluster.broker.send_signal(signal.SIGTERM)
        self.cluster.broker.wait()
        self.cluster.start_broker("--policies", self.cluster.write("policies.yaml", POLICIES))

    def take_over(self):
        self.cluster.broker.send_signal(signal.SIGKILL)
        wait_until(lambda: self.ask("second", "status", "--ready").returncode == 0, lambda: self.cluster.said("second"))
        self.start_worker(f"ipc://{self.cluster.path('w2')}", "two")

    def test_a_broker_without_a_file_has_those_of_the_cluster(self):
        self.begin_with_policies()
        self.start_second()
        self.apply("second", pipeline("tries", "1", "fail", policy="own"))
        refused = self.apply("second", pipeline("other", "1", "fail", policy="nobodys"), expected=9)
        self.assertIn("nobodys", refused.stderr)
        self.take_over()
        self.assertEqual(self.attempts("second"), 2)
        self.apply("second", pipeline("tries", "2", "fail"))
        self.assertEqual(self.attempts("second"), 1, "the cluster's \"default\" counts above the shipped one")

    def test_what_a_later_broker_brings_counts_for_those_that_run(self):
        self.begin()
        self.start_worker(self.cluster.workers, "one")
        self.start_second("--policies", self.cluster.write("policies.yaml", POLICIES))
        wait_until(lambda: self.cluster.redis.command("HEXISTS", "sl:policies", "own") == "1", lambda: self.cluster.said("second"))
        self.apply("first", pipeline("tries", "1", "fail", policy="own"))
        self.assertEqual(self.attempts("first"), 2)

    def test_the_newest_file_wins(self):
        self.begin_with_policies()
        newer = POLICIES.replace("max_attempts: 2", "max_attempts: 3")
        self.start_second("--policies", self.cluster.write("newer.yaml", newer))
        self.apply("second", pipeline("tries", "1", "fail", policy="own"))
        self.take_over()
        self.assertEqual(self.attempts("second"), 3)

    def test_one_that_cannot_be_read_is_named_once_and_the_default_stays(self):
        self.begin()
        self.cluster.redis.command("HSET", "sl:policies", "default", "rubbish", "bad name", "rubbish")
        self.start_second()
        self.apply("first", pipeline("tries", "1", "fail"))
        self.take_over()
        self.assertEqual(self.attempts("second"), 3, "the shipped default")
        said = self.cluster.said("second")
        for name in ("default", "bad name"):
            self.assertEqual(len(re.findall(rf'policy \\*"{name}\\*" in Redis cannot be read', said)), 1, said)


if __name__ == "__main__":
    cases.main()
