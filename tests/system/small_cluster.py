"""A Redis, a broker and a worker of a test's own, each started by the test and ended by it; and peers that speak ZeroMQ to them."""
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack
import zmq

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "support"), os.path.join(ROOT, "tests", "vectors")]

import cases  # noqa: E402
import wire_reference as wire  # noqa: E402

PATIENCE = 60  # seconds until something that should happen counts as not happening
TIMING = "beat=50,takeover=300,heartbeat=50,lost=500,reply=500"
REJECTED, RESET, WELCOME = 12, 28, 21

PIPELINES = {
    "quick": "stages:\n  - {name: one, type: noop}\n  - {name: two, type: echo, depends_on: [one]}\n",
    "long": "stages:\n  - {name: nap, type: sleep, config: {seconds: 1}}\n",
    "short": "stages:\n  - {name: nap, type: sleep, config: {seconds: 0.2}}\n  - {name: two, type: echo, depends_on: [nap]}\n",
    "reads": "stages:\n  - {name: ingest, type: ingest, config: {adapter: payload}}\n"
             "  - {name: parse, type: parse, depends_on: [ingest], config: {format: auto}}\n"
             "  - {name: check, type: ir-validation, depends_on: [parse]}\n",
}


def program(name):
    return os.path.join(cases.BUILD, "bin", name)


def redis_program():
    """Debian keeps the server in redis-tools too, under the name of its checker; it is what it is called."""
    return shutil.which("redis-server") or shutil.which("redis-check-rdb")


def need_programs():
    for name in ("sluice", "sluice-broker", "sluice-worker", "sluice-stagehost"):
        if not os.path.exists(program(name)):
            raise unittest.SkipTest(f"{name} is not built")
    if not redis_program():
        raise unittest.SkipTest("there is no redis-server")


def environment(**more):
    """The environment without what would steer the programs from outside."""
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM")
            and not key.startswith("SLUICE_")}
    return {**kept, **more}


def run(name, *words, stdin=None, more=None, **options):
    """Runs one of our programs to its end."""
    return subprocess.run([program(name), *words], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False,
                          env=environment(**(more or {})), **options)


def wait_until(holds, what):
    """Looks again and again until it holds; poll() without descriptors is the pause between two looks."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"in vain: {what()}")
        select.poll().poll(10)


class Redis:
    """A redis-server with our settings and what the test adds to them."""

    def __init__(self, folder, *words):
        self.socket = os.path.join(folder, "redis.sock")
        self.log = os.path.join(folder, "redis.log")
        self.words = [os.path.join(ROOT, "deploy", "redis.conf"), "--port", "0", "--unixsocket", self.socket, "--dir", folder,
                      "--logfile", self.log, *words]
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", *self.words], executable=redis_program(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.command("PING") == "PONG", lambda: f"redis at {self.socket}")

    def command(self, *words):
        """What redis-cli prints for a command; "" when nobody answers."""
        return subprocess.run(["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, timeout=PATIENCE,
                              check=False).stdout.strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Cluster:
    """One of each, in a folder of its own; clients and workers over TCP on ports that the system chose."""

    def __init__(self, *redis_words, plugins=None, worker=True, broker_words=()):
        self.folder = tempfile.mkdtemp(prefix="sluice-bad-")
        self.processes = []
        self.broker_words = broker_words
        self.redis = Redis(self.folder, *redis_words)
        for name, text in PIPELINES.items():
            self.write(f"pipelines/{name}.yaml", f'name: {name}\nversion: "2026-01-15"\n{text}')
        self.start_broker(*broker_words)
        if worker:
            self.start_worker(plugins or os.path.join(cases.BUILD, "lib", "sluice", "plugins"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, contents, size=None):
        """A file of the folder; with a size it ends in a hole."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
            if size:
                file.truncate(size)
        return self.path(name)

    def start(self, name, *words, log=None, **options):
        with open(self.path(f"{log or name}.log"), "ab") as log:
            process = subprocess.Popen([program(name), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment(), **options)
        self.processes.append(process)
        return process

    def start_broker(self, *more):
        read, write = os.pipe()
        self.broker = self.start("sluice-broker", "--redis", f"unix:{self.redis.socket}", "--listen", "tcp://127.0.0.1:*",
                                 "--pipelines", self.path("pipelines"), "--timing", TIMING, "--ready-fd", str(write),
                                 "--data", self.path("kept"), *self.broker_words, *more, pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as ready:
            words = ready.readline().split()
        if len(words) != 4:
            raise AssertionError(f"the broker did not start:\n{self.said('sluice-broker')}")
        self.clients, self.workers = words[1], words[2]

    def start_worker(self, plugins):
        self.worker = self.start("sluice-worker", "--broker", self.workers, "--name", "good", "--slots", "2", "--plugin-path",
                                 plugins, "--data", self.path("data"))
        wait_until(lambda: "good" in self.sluice("workers", "list", "-o", "name").stdout,
                   lambda: self.said("sluice-worker"))

    def said(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def sluice(self, *words, **options):
        return run("sluice", *words, more={"SLUICE_BROKER": self.clients}, **options)

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.redis.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Peer:
    """A DEALER that may say anything."""

    def __init__(self, endpoint, identity=None):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if identity:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect(endpoint)

    def say(self, *frames):
        self.socket.send_multipart(frames)

    def hear(self):
        """The next message: (number of its type, fields)."""
        if not self.socket.poll(PATIENCE * 1000):
            raise AssertionError("no answer")
        frame = self.socket.recv()
        return int.from_bytes(frame[4:6], "little"), msgpack.unpackb(frame[16:], raw=False)

    def close(self):
        self.socket.close()
        self.context.term()
