"""`sluice dev`: what it starts, what it restarts, and that nothing is left of it."""
import glob
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import cluster
from cluster import Dev, all_below, await_end, cases, need_programs


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_programs()

    def up(self, *words, **more):
        dev = Dev(*words, **more)
        self.addCleanup(dev.close)
        return dev

    def serving(self, *words, **more):
        dev = self.up(*words, **more)
        self.assertIsNotNone(dev.endpoint, dev.said())
        return dev

    def ok(self, dev, *words):
        ended = dev.run(*words)
        self.assertEqual(ended.returncode, 0, f"{words}\n{ended.stdout}{ended.stderr}\n{dev.said()}")
        return ended.stdout

    def test_it_says_where_what_and_what_to_try(self):
        dev = self.serving()
        banner = dev.said()
        for part in (dev.endpoint, dev.data, "private Redis", "2 x 2 slots", f"{dev.pipelines}: failing, nobody, quick, ",
                     "sluice submit failing --watch"):
            self.assertIn(part, banner)
        children = dev.children()
        self.assertEqual({name: len(pids) for name, pids in children.items()},
                         {"redis-server": 1, "sluice-broker": 1, "sluice-worker": 2})

    def test_it_ends_cleanly_and_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            dev = self.serving()
            below = all_below(dev.process.pid)
            self.assertGreaterEqual(len(below), 4)
            run_folder = os.path.dirname(dev.endpoint.removeprefix("ipc://"))
            self.assertEqual(dev.stop(number), 0, dev.said())
            for pid in below:
                await_end(pid)
            self.assertFalse(os.path.exists(run_folder))
            self.assertIn("nothing is left running", dev.said())

    def test_nothing_is_left_when_it_says_so_in_a_hurry(self):
        misbehaving = os.path.join(cases.BUILD, "tests", "bad_plugins", "misbehave.so")
        if not os.path.exists(misbehaving):
            self.skipTest("the misbehaving plugins are not built")
        plugins = tempfile.TemporaryDirectory()
        self.addCleanup(plugins.cleanup)
        shutil.copy(misbehaving, plugins.name)
        path = os.path.join(plugins.name, "stubborn.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('name: stubborn\nversion: "2026-01-15"\nstages:\n  - {name: stays, type: ignores}\n')
        dev = self.serving(path, "--plugin-path", f"{plugins.name}:{cases.BUILD}/lib/sluice/plugins")
        job = self.ok(dev, "submit", "stubborn", "-q").strip()
        watch = dev.popen("watch", job)
        for line in watch.stderr:
            if "running" in line:
                break
        below = all_below(dev.process.pid)
        dev.process.send_signal(signal.SIGINT)
        while "stopping" not in dev.said():
            select.select([], [], [], 0.01)
        self.assertEqual(dev.stop(signal.SIGINT), 0, dev.said())
        self.assertEqual([pid for pid in below if os.path.exists(f"/proc/{pid}")], [])
        self.assertIn("nothing is left running", dev.said())
        watch.kill()
        watch.communicate()

    def test_a_redis_that_gives_up_is_quoted(self):
        dev = self.serving()
        victim = dev.children()["redis-server"][0]
        os.kill(victim, signal.SIGTERM)
        await_end(victim)
        self.ok(dev, "submit", "quick", "--wait")
        self.assertRegex(dev.said(), rf"redis \(pid {victim}\) ended with exit code 0; it is started again\n"
                                     rf"sluice dev: the last words of redis \(all of them: {dev.data}/redis.log\): .*bye bye")

    def test_nothing_outlives_it_when_it_is_killed(self):
        dev = self.serving()
        self.ok(dev, "submit", "quick", "--wait")
        below = all_below(dev.process.pid)
        dev.process.kill()
        dev.process.wait()
        for pid in below:
            await_end(pid)
        dev.start()
        self.assertIsNotNone(dev.endpoint, dev.said())
        self.assertIn("completed", self.ok(dev, "jobs", "list"))
        self.assertEqual(dev.stop(), 0)
        self.assertEqual(glob.glob(os.path.dirname(dev.endpoint.removeprefix("ipc://"))), [])

    def test_a_pipeline_file_that_changes_is_stored(self):
        dev = self.serving()

        def shows(name, words):
            for _ in range(cluster.PATIENCE * 20):
                shown = dev.run("pipelines", "show", name)
                if words in shown.stdout:
                    return
                select.select([], [], [], 0.05)
            self.fail(f"{name} does not show {words}:\n{shown.stdout}{shown.stderr}\n{dev.said()}")

        text = 'name: {}\nversion: "2026-01-15"\nstages:\n  - {{name: {}, type: noop}}\n'
        for name in ("added", "quick"):  # a new file; one that is there and is written in place
            with open(os.path.join(dev.pipelines, f"{name}.yaml"), "w", encoding="utf-8") as file:
                file.write(text.format(name, "fresh"))
            shows(name, "fresh")
        beside = os.path.join(dev.pipelines, "quick.yaml.new")  # as careful editors write
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text.format("quick", "renamed"))
        os.rename(beside, os.path.join(dev.pipelines, "quick.yaml"))
        shows("quick", "renamed")

    def test_what_was_done_is_there_after_a_restart(self):
        dev = self.serving()
        job = self.ok(dev, "submit", "quick", "-q").strip()
        self.ok(dev, "wait", job)
        self.assertEqual(dev.stop(), 0)
        dev.start()
        self.assertIn("completed", self.ok(dev, "jobs", "show", job))

    def test_running_stages_finish_before_it_ends(self):
        dev = self.serving()
        job = self.ok(dev, "submit", "second", "-q").strip()
        watch = dev.popen("watch", job)
        for line in watch.stderr:
            if "running" in line:
                break
        self.assertEqual(dev.stop(), 0)
        watch.kill()
        watch.communicate()
        dev.start()
        shown = self.ok(dev, "wait", job)
        self.assertIn("completed", shown)
        attempts = dev.run("jobs", "events", job, "-o", "jsonl").stdout
        self.assertEqual(len(re.findall(r'"event": ?"started"', attempts)), 1, attempts)

    def test_a_child_that_dies_is_started_again_and_named(self):
        dev = self.serving()
        job = self.ok(dev, "submit", "second", "-q").strip()
        for name, said in (("sluice-broker", "broker"), ("sluice-worker", "worker-"), ("redis-server", "redis")):
            before = dev.children()
            victim = before[name][0]
            os.kill(victim, signal.SIGKILL)
            await_end(victim)
            other = self.ok(dev, "submit", "quick", "-q").strip()
            self.ok(dev, "wait", other)
            self.assertRegex(dev.said(), rf"{said}\S* \(pid {victim}\) was killed by signal 9 .*started again")
        self.ok(dev, "wait", job)
        self.assertEqual({name: len(pids) for name, pids in dev.children().items()},
                         {"redis-server": 1, "sluice-broker": 1, "sluice-worker": 2})

    def test_it_serves_at_a_port_and_tells_a_file(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "ready")
            dev = self.serving("--ready-file", path, listen=f"tcp://127.0.0.1:{port}")
            self.assertEqual(dev.endpoint, f"tcp://127.0.0.1:{port}")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), dev.endpoint + "\n")
        self.ok(dev, "status", "--ready")
        second = self.up(listen=f"tcp://127.0.0.1:{port}")
        self.assertIsNone(second.endpoint)
        self.assertEqual(second.stop(), 1)
        self.assertRegex(second.said(), rf"port {port} of 127.0.0.1 is taken.*--listen")

    def test_a_taken_worker_port_is_no_obstacle(self):
        with socket.socket() as client, socket.socket() as taken:
            client.bind(("127.0.0.1", 0))
            port = client.getsockname()[1]
            taken.bind(("127.0.0.1", port + 1))
            taken.listen()
            client.close()
            dev = self.serving(listen=f"tcp://127.0.0.1:{port}")
            self.ok(dev, "submit", "quick", "--wait")
            self.assertEqual(dev.stop(), 0)

    def test_one_data_folder_has_one_dev(self):
        dev = self.serving()
        second = self.up(data=dev.data)
        self.assertIsNone(second.endpoint)
        self.assertEqual(second.stop(), 1)
        self.assertRegex(second.said(), rf"{dev.data} is used by another .*pid {dev.process.pid}, at {dev.endpoint}.*--data")
        self.ok(dev, "status", "--ready")

    def test_no_workers_is_a_cluster_too(self):
        dev = self.serving("--workers", "0")
        for words, said in (("workers list", "no worker is connected"), ("stages list", "no stage types yet"),
                            ("jobs list", "no jobs yet; submit one"), ("jobs list --status failed", "no job matches")):
            listed = dev.run(*words.split())
            self.assertEqual((listed.returncode, listed.stdout, listed.stderr.count("\n")), (0, "", 1), listed.stderr)
            self.assertIn(said, listed.stderr)
            self.assertEqual(dev.run(*words.split(), "-o", "json").stdout, "[]\n", words)
            self.assertEqual(dev.run(*words.split(), "-q").stderr, "", words)
        submitted = dev.run("submit", "quick")
        self.assertIn("no connected worker", submitted.stderr)
        watched = dev.run("watch", submitted.stdout.strip(), "--timeout", "500ms")
        self.assertEqual((watched.returncode, watched.stderr.count("1 job: 1 queued\n")), (7, 1), watched.stderr)
        self.assertEqual(dev.stop(), 0)


class Installed(unittest.TestCase):
    def test_it_runs_from_another_place_with_what_it_brought(self):
        need_programs()
        with tempfile.TemporaryDirectory(prefix="in stalled ") as prefix:
            subprocess.run(["cmake", "--install", cases.BUILD, "--prefix", prefix], check=True, capture_output=True)
            shared = os.path.join(prefix, "share", "sluice")
            dev = Dev(os.path.join(shared, "pipelines"), "--policies", os.path.join(shared, "policies.yaml"),
                      program=os.path.join(prefix, "bin", "sluice"))
            self.addCleanup(dev.close)
            self.assertIsNotNone(dev.endpoint, dev.said())
            ended = dev.run("submit", "auto", "--each", __file__, "--wait")
            self.assertEqual(ended.returncode, 0, ended.stderr)
            for pid in all_below(dev.process.pid):
                program = os.readlink(f"/proc/{pid}/exe")
                self.assertTrue(program.startswith(prefix) or "redis" in program, program)
            self.assertTrue(os.path.exists(os.path.join(shared, "redis.conf")))
            self.assertEqual(dev.stop(), 0)


class Refusals(unittest.TestCase):
    """What it says when it cannot start, and with which exit code."""
    @classmethod
    def setUpClass(cls):
        need_programs()

    def refused(self, code, sentence, *words, **more):
        dev = Dev(*words, **more)
        try:
            self.assertIsNone(dev.endpoint)
            self.assertEqual(dev.stop(), code, dev.said())
            self.assertRegex(dev.said(), sentence)
            self.assertEqual(all(line.startswith(("sluice:", " ", "{", "sluice-broker:", "sluice-worker:", "/")) for line in dev.said().splitlines()), True,
                             dev.said())
        finally:
            dev.close()

    def test_no_such_pipeline_file(self):
        self.refused(3, "there is no pipeline file or folder absent.yaml", "absent.yaml")

    def test_pipeline_files_that_are_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("one", "two"):
                with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as file:
                    file.write(f'name: {name}\nversion: "2026-01-15"\nstages:\n  - {{name: a, type: noop, polcy: {name}}}\n')
            self.refused(9, rf'(?s){folder}/one.yaml:4:\d+: error: .*"polcy".*{folder}/two.yaml:4:\d+: error: ', folder)
            with open(os.path.join(folder, "two.yaml"), "w", encoding="utf-8") as file:
                file.write('name: two\nversion: "2026-01-15"\nstages:\n  - {name: a, type: noop, polcy: two, config: {byts: 1}}\n')
            self.refused(9, r'(?s)"polcy".*two.yaml:4:\d+: error: config.byts of stage "a" is unknown.*did you mean "bytes"', folder)
            self.refused(3, "absent.yaml: no such file", "--policies", "absent.yaml")
            policies = os.path.join(folder, "policies.yml.txt")
            with open(policies, "w", encoding="utf-8") as file:
                file.write("policies:\n  hasty: {max_attempts: 0, timeout_seconds: 5}\n")
            self.refused(9, rf'(?s)\A(?!.*policies.yml.txt:2.*policies.yml.txt:2).*policies.yml.txt:2:\d+: error: .*"polcy".*"polcy"',
                         folder, "--policies", policies)

    def test_a_child_that_will_not_be_started_like_this(self):
        os.environ["SLUICE_DRAIN_TIMEOUT"] = "soon"
        self.addCleanup(os.environ.pop, "SLUICE_DRAIN_TIMEOUT")
        self.refused(2, r"(?s)\"soon\".*worker-\d ended with exit code 2 before it served; what it said stands above")

    def test_a_place_that_is_none(self):
        self.refused(2, "tcp://HOST:PORT or ipc", listen="localhost")
        self.refused(2, "no address", listen="tcp://no.such.host.invalid:7440")

    def test_a_data_folder_that_cannot_be_made(self):
        self.refused(1, "data folder", data="/proc/no/such/folder")

    def test_a_data_folder_that_redis_cannot_read(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "redis", "appendonlydir"))
            with open(os.path.join(folder, "redis", "appendonlydir", "appendonly.aof.manifest"), "w", encoding="utf-8") as file:
                file.write("this is no manifest\n")
            self.refused(1, r"redis ended with exit code 1; its last words \(all of them: .*/redis.log\): ", data=folder)

    def test_no_redis_in_path(self):
        with tempfile.TemporaryDirectory() as folder:
            self.refused(1, "there is no redis-server in PATH; install it: apt-get install redis-tools", path=folder)

    def test_numbers_out_of_range(self):
        self.refused(2, "--workers must be a whole number from 0 to 64", "--workers", "65")
        ended = cluster.run("dev", "--slots", "257")
        self.assertEqual((ended.returncode, ended.stderr), (2, "sluice: --slots must be a whole number from 1 to 256\n"))

    def test_a_descriptor_that_is_not_open(self):
        ended = subprocess.run([cluster.SLUICE, "dev", "--ready-fd", "77"], capture_output=True, text=True, check=False,
                               env=cluster.environment())
        self.assertEqual((ended.returncode, ended.stderr), (2, "sluice: --ready-fd 77 is not open\n"))


if __name__ == "__main__":
    cases.main()
