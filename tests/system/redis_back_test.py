"""A Redis that is started again from an older copy of its files has lost what it had acknowledged: the broker that knows says so, serves
nothing of it, and keeps what it still held in files that can be read."""
import glob
import json
import os
import re
import shutil
import signal
import stat
import unittest

import msgpack

from small_cluster import Cluster, cases, need_programs, wait_until

MAGIC = b"sluiceKW"
HEAD = ("format", "shard", "epoch", "owner", "from", "durable", "digest", "found", "wall_ms", "why", "held", "count")
WRITE = ("n", "verb", "sealed", "time_ms", "ckpt", "digest", "body")


def crc32c(data):
    """RFC 3720, B.4."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def read_kept(path):
    """The head of a file and its writes, by broker/core/kept.h alone."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == MAGIC and int.from_bytes(data[-4:], "little") == crc32c(data[:-4]), path
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(data[8:-4])
    head, *writes = unpacker
    return dict(zip(HEAD, head)), [dict(zip(WRITE, write)) for write in writes]


class RedisBack(unittest.TestCase):
    def setUp(self):
        need_programs()
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.addCleanup(lambda: self.cluster.worker.kill())  # it would wait for the acknowledgement of a result that was lost
        self.files = self.cluster.path("appendonlydir")
        self.copy = self.cluster.path("older")

    def copy_redis(self):
        """Its files as they are between two writes."""
        self.cluster.redis.process.send_signal(signal.SIGSTOP)
        shutil.copytree(self.files, self.copy)
        self.cluster.redis.process.send_signal(signal.SIGCONT)

    def job(self, job):
        shown = self.cluster.sluice("jobs", "show", job, "-o", "json")
        return json.loads(shown.stdout) if shown.returncode == 0 else {}

    def is_idle(self):
        listed = json.loads(self.cluster.sluice("workers", "list", "-o", "json").stdout)
        workers = listed["items"] if isinstance(listed, dict) else listed
        return all(worker["tasks"] == 0 for worker in workers)

    def said(self):
        return self.cluster.said("sluice-broker")

    def kept(self):
        """The files that an alarm names."""
        return [path for path in glob.glob(self.cluster.path("kept/*.kept")) if path in self.said()]

    def lose(self):
        """A job whose beginning is acknowledged, and lost, and whose end Redis never saw. Returns its id."""
        self.copy_redis()
        job = self.cluster.sluice("submit", "long", "--key", "k", "-o", "name").stdout.split()[0]
        wait_until(lambda: self.job(job).get("status") == "processing", lambda: str(self.job(job)))
        self.cluster.redis.stop()
        wait_until(self.is_idle, self.said)
        shutil.rmtree(self.files)
        os.rename(self.copy, self.files)
        self.cluster.redis.start()
        return job

    def holds(self, job):
        """Whether a file that an alarm names has a commit about the job."""
        commits = [write for path in self.kept() for write in read_kept(path)[1] if write["verb"] == "commit"]
        return any(bytes.fromhex(job.replace("-", "")) in write["body"] for write in commits)

    def test_what_was_lost_is_told_and_what_was_held_is_kept(self):
        job = self.lose()
        wait_until(lambda: self.holds(job), self.said)
        said = re.search(r"Redis went back to write (\d+) and had acknowledged write (\d+)", self.said())
        self.assertLess(int(said[1]), int(said[2]))
        for path in self.kept():
            head, writes = read_kept(path)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            name = f"writes-s{head['shard']:02}-e{head['epoch']}-n{head['durable'] + 1}-{head['owner'].hex()[:8]}.kept"
            self.assertEqual(os.path.basename(path), name)
            self.assertLess(head["found"], head["durable"], "what Redis lost")
            self.assertIn("is quarantined", head["why"])
            self.assertEqual([write["n"] for write in writes], [head["durable"] + 1 + i for i in range(len(writes))])
            self.assertEqual((head["held"], head["count"]), (len(writes), len(writes)))
        again = self.cluster.sluice("submit", "long", "--key", "k", "--timeout", "1s")
        self.assertNotEqual(again.returncode, 0, "its shard is not served")

    def test_brokers_started_again_go_on_from_what_redis_holds(self):
        self.lose()
        wait_until(lambda: "is quarantined" in self.said(), self.said)
        self.cluster.broker.kill()
        self.cluster.broker.wait()
        self.cluster.start_broker()
        self.cluster.start_worker(os.path.join(cases.BUILD, "lib", "sluice", "plugins"))
        again = self.cluster.sluice("submit", "long", "--key", "k", "--wait")
        self.assertEqual(again.returncode, 0, again.stderr + self.said())

    def test_a_folder_that_cannot_be_written_is_told_and_nothing_else_breaks(self):
        self.cluster.write("kept", "a file stands here")
        self.lose()
        wait_until(lambda: "could not be kept: cannot make the folder" in self.said(), self.said)
        self.assertEqual(self.cluster.sluice("workers", "list").returncode, 0, "the broker still answers")


if __name__ == "__main__":
    cases.main()
