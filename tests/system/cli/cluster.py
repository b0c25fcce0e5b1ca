"""A `sluice dev` of its own for a test program, and ways to run `sluice` against it."""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "support")]

import cases  # noqa: E402

SLUICE = os.path.join(cases.BUILD, "bin", "sluice")
QUICK = "beat=50,takeover=300,heartbeat=50,lost=500"
PATIENCE = 60  # seconds until something that should happen counts as not happening

PIPELINES = {
    "quick": "stages:\n  - {name: one, type: noop}\n  - {name: two, type: echo, depends_on: [one]}\n",
    "failing": "stages:\n  - {name: bad, type: fail, config: {times: 99, kind: permanent}}\n"
               "  - {name: after, type: noop, depends_on: [bad]}\n",
    "shot": "stages:\n  - {name: bang, type: crash, config: {signal: ABRT}}\n",
    "slow": "stages:\n  - {name: long, type: sleep, config: {seconds: 120}}\n",
    "second": "stages:\n  - {name: short, type: sleep, config: {seconds: 1}}\n",
    "nobody": "stages:\n  - {name: here, type: noop}\n  - {name: pages, type: pdf-pages, depends_on: [here]}\n",
}


def need_programs():
    """Skips the whole program until everything that `sluice dev` starts is built."""
    for name in ("sluice", "sluice-broker", "sluice-worker", "sluice-stagehost"):
        if not os.path.exists(os.path.join(cases.BUILD, "bin", name)):
            raise unittest.SkipTest(f"{name} is not built")
    if not (shutil.which("redis-server") or shutil.which("redis-check-rdb")):
        raise unittest.SkipTest("there is no redis-server")


def environment(**more):
    """The environment without what would steer the program from outside."""
    kept = {key: value for key, value in os.environ.items()
            if key not in ("SLUICE_BROKER", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM")}
    return {**kept, **more}


def run(*words, stdin=None, timeout=PATIENCE, **more):
    """Runs sluice to its end."""
    return subprocess.run([SLUICE, *words], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False, env=environment(**more))


def line_from(descriptor):
    """The next line of a pipe, without its end; "" at the end of the pipe."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line.decode().rstrip("\n")


def children_of(pid):
    """Direct children of a process: {name: [pid]}."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/cmdline", "rb") as words:
                    name = os.path.basename(words.read().split(b"\0")[0].decode().split(" ")[0])
                found.setdefault(name, []).append(int(child))
    return found


def all_below(pid):
    """All processes below a process."""
    found = []
    for group in children_of(pid).values():
        for child in group:
            found.append(child)
            found.extend(all_below(child))
    return found


def await_end(pid):
    """Waits until a process, which need not be our child, has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([watched], [], [], PATIENCE)
        if not ready:
            raise AssertionError(f"process {pid} is still there")
    finally:
        os.close(watched)


class Dev:
    """A running `sluice dev`."""

    def __init__(self, *words, data=None, listen="ipc", timing=QUICK, path=None, program=SLUICE):
        self.folder = tempfile.mkdtemp(prefix="sluice-cli-")
        self.data = data or os.path.join(self.folder, "data")
        self.pipelines = os.path.join(self.folder, "pipelines")
        os.mkdir(self.pipelines)
        for name, text in PIPELINES.items():
            with open(os.path.join(self.pipelines, f"{name}.yaml"), "w", encoding="utf-8") as file:
                file.write(f'name: {name}\nversion: "2026-01-15"\n{text}')
        self.words = [program, "dev", self.pipelines, "--data", self.data, "--listen", listen, "--slots", "2",
                      "--timing", timing, *words]
        self.path = path
        self.start()

    def start(self):
        """Starts it and waits for the line that says where it serves; None when it ended instead."""
        read, write = os.pipe()
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        more = {"PATH": self.path} if self.path is not None else {}
        self.process = subprocess.Popen([*self.words, "--ready-fd", str(write)], pass_fds=[write], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env=environment(**more))
        os.close(write)
        self.endpoint = line_from(read) or None
        os.close(read)

    def said(self):
        """All that it wrote so far."""
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def run(self, *words, **more):
        """Runs sluice against this cluster."""
        return run(*words, SLUICE_BROKER=self.endpoint, **more)

    def popen(self, *words, **more):
        """Starts sluice against this cluster."""
        return subprocess.Popen([SLUICE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=environment(SLUICE_BROKER=self.endpoint, **more))

    def children(self):
        """Its children by name."""
        return children_of(self.process.pid)

    def stop(self, number=signal.SIGTERM):
        """Asks it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        """Ends it and removes its files."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class ClusterCase(unittest.TestCase):
    """Cases that share one cluster."""
    words = ()

    @classmethod
    def setUpClass(cls):
        need_programs()
        cls.dev = Dev(*cls.words)
        cls.addClassCleanup(cls.dev.close)
        if not cls.dev.endpoint:
            raise AssertionError(f"the cluster did not start:\n{cls.dev.said()}")

    def sluice(self, *words, expected=0, **more):
        """Runs sluice and checks its exit code."""
        ended = self.dev.run(*words, **more)
        self.assertEqual(ended.returncode, expected, f"sluice {' '.join(words)}\n{ended.stdout}\n{ended.stderr}")
        return ended

    def json(self, *words, expected=0, **more):
        """Runs sluice with -o json and reads what it printed."""
        return json.loads(self.sluice(*words, "-o", "json", expected=expected, **more).stdout)
