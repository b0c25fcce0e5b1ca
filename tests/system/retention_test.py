"""Retention over the real programs: finished jobs go from Redis, and a request that comes again is still known."""
import json
import unittest

from small_cluster import Cluster, cases, need_programs, run, wait_until

JOBS = 20


class Retention(unittest.TestCase):
    def start(self, *words):
        need_programs()
        cluster = Cluster(broker_words=words)
        self.addCleanup(cluster.close)
        return cluster

    def submit(self, cluster, *words):
        answer = cluster.sluice("submit", "quick", *words, "-q", "--wait")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stdout.split()[0]

    def kept(self, cluster):
        """Keys of jobs in Redis, and places in the lists of those that ended."""
        count = """local n = #redis.call('KEYS', 'sl:{s*}:j:*')
                   for _, key in ipairs(redis.call('KEYS', 'sl:{s*}:ended')) do n = n + redis.call('ZCARD', key) end
                   return n"""
        return int(cluster.redis.command("EVAL", count, "0"))

    def wait_gone(self, cluster):
        wait_until(lambda: self.kept(cluster) == 0, lambda: f"{self.kept(cluster)} are kept: {cluster.said('sluice-broker')}")

    def test_finished_jobs_go_and_are_known(self):
        cluster = self.start("--retention-time", "1s")
        document = self.submit(cluster, "--doc-key", "a/b")
        order = self.submit(cluster, "--key", "order-17")
        for number in range(JOBS):
            self.submit(cluster, "--key", f"job-{number}")
        self.wait_gone(cluster)
        self.assertEqual(json.loads(cluster.sluice("jobs", "list", "-o", "json").stdout), [])
        self.check_known(cluster, document, order)
        cluster.broker.kill()
        cluster.broker.wait()
        cluster.start_broker()
        wait_until(lambda: cluster.sluice("status", "-o", "json").returncode == 0, lambda: cluster.said("sluice-broker"))
        self.check_known(cluster, document, order)
        self.assertEqual(self.kept(cluster), 0, "a repeated request enqueues nothing")

    def check_known(self, cluster, document, order):
        for words, job in (("--doc-key", "a/b"), document), (("--key", "order-17"), order):
            again = cluster.sluice("submit", "quick", *words, "-o", "json")
            self.assertEqual(again.returncode, 0, again.stderr)
            told = json.loads(again.stdout)
            self.assertEqual((told["job_id"], told["duplicate"]), (job, True))
            for format_words in [], ["-q"], ["-o", "json"]:
                waited = cluster.sluice("submit", "quick", *words, "--wait", *format_words)
                self.assertEqual(waited.returncode, 0, f"it completed: {waited.stdout}{waited.stderr}")
                self.assertIn(job, waited.stdout)
        other = cluster.sluice("submit", "quick", "--key", "order-17", "--input", "-", stdin="{\"n\": 1}")
        self.assertEqual(other.returncode, 10, other.stderr)
        for command in ("jobs", "show"), ("jobs", "output"), ("jobs", "events"), ("wait",), ("jobs", "cancel"):
            told = cluster.sluice(*command, document[:13] if command[-1] == "show" else document)
            self.assertEqual(told.returncode, 3, (command, told.stdout, told.stderr))
            said = told.stdout + told.stderr
            self.assertIn("completed at", said, command)
            self.assertIn("--retention-time", said, command)

    def test_none_keeps_them(self):
        cluster = self.start("--retention-time", "none", "--retention-bytes", "none")
        job = self.submit(cluster, "--key", "order-17")
        self.assertEqual(cluster.sluice("jobs", "show", job).returncode, 0)
        wait_until(lambda: self.kept(cluster) > 0, lambda: cluster.said("sluice-broker"))

    def test_bytes_are_a_limit(self):
        cluster = self.start("--retention-time", "none", "--retention-bytes", "1k")  # less than one job a shard
        for number in range(JOBS):
            self.submit(cluster, "--key", f"job-{number}")
        self.wait_gone(cluster)

    def test_bad_values_get_one_sentence(self):
        need_programs()
        for name in ("sluice-broker",), ("sluice", "dev"):
            for words in (("--retention-time", "week"), ("--retention-bytes", "much")):
                told = run(name[0], *name[1:], *words)
                self.assertEqual(told.returncode, 2, told.stderr)
                self.assertIn(words[0], told.stderr)
                self.assertIn(words[1], told.stderr)
                self.assertEqual(len(told.stderr.strip().split("\n")), 1, told.stderr)


if __name__ == "__main__":
    cases.main()
