"""`submit` and `wait` ride through restarts, and say so when they cannot know."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from cluster import SLUICE, Dev, ClusterCase, await_end, cases, environment, need_programs, run

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Restarts(ClusterCase):
    def kill(self, name):
        pid = self.dev.children()[name][0]
        os.kill(pid, signal.SIGKILL)
        await_end(pid)

    def test_wait_rides_through_the_end_of_the_broker_and_of_redis(self):
        for name in ("sluice-broker", "redis-server"):
            job = self.sluice("submit", "second", "-q").stdout.strip()
            waiting = self.dev.popen("wait", job)
            self.kill(name)
            out, err = waiting.communicate(timeout=60)
            self.assertEqual(waiting.returncode, 0, f"{name}\n{out}{err}")
            self.assertIn("completed", out)

    def test_watch_rides_through_the_end_of_the_broker(self):
        job = self.sluice("submit", "second", "-q").stdout.strip()
        watching = self.dev.popen("watch", job)
        for line in watching.stderr:
            if "running" in line:
                break
        self.kill("sluice-broker")
        out, err = watching.communicate(timeout=60)
        self.assertEqual(watching.returncode, 0, out + err)

    def test_many_submits_ride_through_and_none_is_lost_or_doubled(self):
        documents = os.path.join(self.dev.folder, "many")
        os.mkdir(documents)
        for number in range(300):
            with open(os.path.join(documents, f"{number:03}.txt"), "w", encoding="utf-8") as file:
                file.write(f"document {number}\n")
        sending = self.dev.popen("submit", "quick", "--each", documents, "-o", "jsonl", "--wait")
        for name in ("sluice-broker", "redis-server", "sluice-broker"):
            self.kill(name)
            self.dev.run("wait", self.sluice("submit", "quick", "-q").stdout.strip())
        out, err = sending.communicate(timeout=120)
        self.assertEqual(sending.returncode, 0, err)
        self.assertEqual(len(set(ID.findall(out))), 300)
        again = self.sluice("submit", "quick", "--each", documents, "--wait")
        self.assertIn("300 files: 0 submitted, 300 known already", again.stdout)

    def test_a_question_without_an_answer_changed_nothing(self):
        ended = self.stopped("redis-server", "jobs", "list", "--timeout", "1500ms")
        self.assertEqual(ended.returncode, 8)
        self.assertIn("did not answer", ended.stderr)
        self.assertNotIn("may have happened", ended.stderr)

    def stopped(self, name, *words):
        """Runs sluice while a process of the cluster stands still."""
        pid = self.dev.children()[name][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            return self.dev.run(*words)
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_a_ledger_that_is_silent_leaves_the_outcome_unknown(self):
        ended = self.stopped("redis-server", "submit", "quick", "--key", "quiet", "--timeout", "3s")
        self.assertEqual((ended.returncode, ended.stdout), (8, ""))
        self.assertIn("the outcome is unknown", ended.stderr)
        self.assertIn("sluice status", ended.stderr)
        self.assertNotIn("start a cluster", ended.stderr, "there is one")
        self.assertIn("--key quiet", ended.stderr)
        first = self.sluice("submit", "quick", "--key", "quiet", "-q").stdout
        self.assertEqual(self.sluice("submit", "quick", "--key", "quiet", "-q").stdout, first)

    def test_a_broker_that_never_spoke_was_told_nothing(self):
        ended = self.stopped("sluice-broker", "submit", "quick", "--timeout", "2s")
        self.assertEqual((ended.returncode, ended.stdout), (8, ""))
        self.assertIn("nothing has happened", ended.stderr)

    def ends_unknown(self, waiting):
        """What a client says that gives up, because its broker is stopped from now on until it has."""
        broker = self.dev.children()["sluice-broker"][0]
        os.kill(broker, signal.SIGSTOP)
        try:
            out, err = waiting.communicate(timeout=60)
        finally:
            os.kill(broker, signal.SIGCONT)
        self.assertEqual(waiting.returncode, 8, err)
        return out, err

    def test_wait_says_unknown_when_the_broker_stays_silent(self):
        job = self.sluice("submit", "slow", "-q").stdout.strip()
        waiting = self.dev.popen("wait", job, "--timeout", "3s")
        _, err = self.ends_unknown(waiting)
        self.assertIn("unknown", err)
        self.assertIn(f"sluice wait {job[:8]}", err)
        self.sluice("wait", job, "--timeout", "300ms", expected=7)
        self.sluice("jobs", "cancel", job)

    def test_json_names_the_job_whose_broker_fell_silent(self):
        waiting = self.dev.popen("submit", "slow", "--watch", "-o", "json", "--timeout", "3s")
        for line in waiting.stderr:
            if "running" in line:
                break
        out, err = self.ends_unknown(waiting)
        self.sluice("jobs", "cancel", json.loads(out)["job_id"])


class Absent(unittest.TestCase):
    def test_submit_waits_for_a_broker_that_is_not_there_yet(self):
        need_programs()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        waiting = subprocess.Popen([SLUICE, "submit", "quick", "--wait", "--broker", f"tcp://127.0.0.1:{port}"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        self.assertIn("waiting for the broker", waiting.stderr.readline())
        dev = Dev(listen=f"tcp://127.0.0.1:{port}")
        self.addCleanup(dev.close)
        out, err = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 0, err + dev.said())
        self.assertIn("completed", out)

    def test_a_port_where_nobody_speaks_our_language_is_no_broker(self):
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            endpoint = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
            start = time.monotonic()
            ended = run("submit", "quick", "--broker", endpoint, "--timeout", "1s")
            self.assertEqual(ended.returncode, 8)
            self.assertIn("nothing has happened", ended.stderr)
            self.assertLess(time.monotonic() - start, 5)


if __name__ == "__main__":
    cases.main()
