"""Bad input, and what it gets: one clear sentence, the right exit code, nothing lost, nobody else disturbed. A row a test."""
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from cluster import Dev, cases, environment, need_programs, run

HEAD = 'name: bad\nversion: "2026-01-15"\n'
BELOW = "\n".join("  " * depth + "a:" for depth in range(40))

# A pipeline file's bytes, and the sentence that lint and apply print; both exit 9 within 10 s.
FILES = {
    "cycle": (HEAD + "stages:\n  - {name: a, type: noop, depends_on: [b]}\n  - {name: b, type: noop, depends_on: [a]}\n",
              r":4:\d+: error: .*a . b . a"),
    "cycle of itself": (HEAD + "stages:\n  - {name: a, type: noop, depends_on: [a]}\n", r"a . a|itself"),
    "unknown key": (HEAD + "stages:\n  - {name: a, type: noop, polcy: default}\n", r'unknown key "polcy"[\s\S]*did you mean "policy"'),
    "duplicate key": (HEAD + "name: again\nstages:\n  - {name: a, type: noop}\n", r":3:\d+: error: .*name"),
    "several kinds": (HEAD + "name: b\nversion: c\nstages:\n  - {name: a, typ: noop, type: noop, depends_on: [b]}\n"
                      "  - {name: b, type: noop, depends_on: [a]}\n  - {name: c, type: noop, depends_on: [c]}\n",
                      r':3:1: error: key "name"[\s\S]*:4:1: error: key "version"[\s\S]*:6:\d+: error: .*unknown key "typ"'
                      r'[\s\S]*:6:\d+: error: .*a . b . a[\s\S]*:8:\d+: error: .*c . c'),
    "duplicate stage": (HEAD + "stages:\n  - {name: a, type: noop}\n  - {name: a, type: noop}\n", r":5:\d+: error: .*a"),
    "wrong type": (HEAD + "stages: {}\n", r"error: .*stages"),
    "number for a name": (HEAD + "stages:\n  - {name: [1], type: noop}\n", r"error: .*name"),
    "no stages": (HEAD + "stages: []\n", r"error: .*stage"),
    "no date": ('name: bad\nversion: "1"\nstages:\n  - {name: a, type: noop}\n', r"must be a date"),
    "missing stage": (HEAD + "stages:\n  - {name: a, type: noop, depends_on: [nowhere]}\n", r'"nowhere"'),
    "deep": (HEAD + BELOW, r"error: .*(deep|depth|nest)"),
    "aliases": ("a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n", r"anchors"),
    "brackets": ("[" * (1 << 20), r"262144"),
    "brackets in the limit": ("[" * 200000, r"error: "),
    "config of a type": (HEAD + "stages:\n  - {name: a, type: parse, config: {format: autoo}}\n  - {name: b, type: echo, config: {x: 1}}\n"
                         "  - {name: c, type: embed, config: {dimension: big}}\n",
                         r':4:\d+: error: config.format of stage "a" must be one of "auto", "text"[\s\S]*did you mean "auto"\?'
                         r'[\s\S]*:5:\d+: error: config.x of stage "b" is unknown'
                         r'[\s\S]*:6:\d+: error: config.dimension of stage "c" must be a whole number, and is "big"'),
    "empty": ("", r"empty"),
    "spaces": ("   \n\n", r"empty"),
    "text": ("just a text\n", r"error: "),
    "two documents": (HEAD + "stages:\n  - {name: a, type: noop}\n---\nx: y\n", r"error: .*document"),
    "tab": (HEAD + "stages:\n\t- {name: a, type: noop}\n", r"error: "),
    "not UTF-8": (b"name: \xff\n", r"UTF-8"),
    "binary": (bytes(range(256)), r"error: "),
    "terminal escapes": (b'name: "\\e[31mred"\nversion: "2026-01-15"\nstages: []\n', r"error: "),
}

# Words of a command, its input, the exit code, the sentence.
COMMANDS = [
    (["submit", "absent"], None, 3, 'no pipeline "absent"'),
    (["submit", "no such name!"], None, 3, "is no name of a pipeline"),
    (["submit", "quick@1999-01-01"], None, 3, "1999-01-01"),
    (["submit", "quick", "--key", ""], None, 2, "the key is empty"),
    (["submit", "quick", "--key", "k" * 129], None, 1, "at most 128 bytes"),
    (["submit", "quick", "--doc-key", "k" * 4097], None, 1, "4096"),
    (["submit", "quick", "--input", "-"], "", 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], "{", 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], '{"a": 1, "a": 2}', 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], "[NaN]", 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], "1 2", 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], "[" * 65 + "]" * 65, 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], '{"$bin": "?"}', 9, "no sound JSON"),
    (["submit", "quick", "--input", "-"], '"' + "x" * (4 << 20) + '"', 1, "4194304"),
    (["submit", "quick", "--input", "absent.json"], None, 3, "absent.json"),
    (["submit", "quick", "--input", "/"], None, 9, "directory"),
    (["submit", "quick", "--in-flight", "0"], None, 2, "from 1 to 4096"),
    (["submit", "quick", "--broker", "localhost:7440"], None, 2, "write tcp://HOST:PORT or ipc://PATH"),
    (["submit", "quick", "--broker", "ipc:///" + "x" * 200], None, 2, "107 bytes"),
    (["submit", "quick", "--timeout", "soon"], None, 2, "write 250ms, 5s, 2m or 1h"),
    (["jobs", "show", "xyz"], None, 2, "at least 4 of its hex digits"),
    (["jobs", "show", "ab"], None, 2, "at least 4 of its hex digits"),
    (["jobs", "show", "f" * 5000], None, 2, "too long"),
    (["jobs", "list", "-o", "yaml"], None, 2, "no output format"),
    (["jobs", "list", "--limit", "0"], None, 2, "whole number from 1"),
    (["wait", "f" * 5000], None, 3, "is no job id"),
    (["pipelines", "show", "absent"], None, 3, 'no pipeline "absent"'),
    (["pipelines", "apply", "absent.yaml"], None, 3, "absent.yaml"),
    (["stages", "accept", "x" * 194], None, 3, "is no name of a stage type"),
    (["search", "x", "--data", "/nowhere"], None, 3, "sluice: there is no index at /nowhere"),
]


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_programs()
        cls.dev = Dev()
        cls.addClassCleanup(cls.dev.close)
        if not cls.dev.endpoint:
            raise AssertionError(cls.dev.said())

    def check(self, ended, code, sentence):
        """The exit code, the sentence, silence on stdout, no escape bytes and no crash."""
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        self.assertRegex(ended.stderr, sentence)
        self.assertEqual(ended.stdout, "")
        self.assertNotIn("\x1b", ended.stderr)
        self.assertNotIn("Sanitizer", ended.stderr)

    def tearDown(self):
        """Nobody else was disturbed."""
        ended = self.dev.run("submit", "quick", "--wait")
        self.assertEqual(ended.returncode, 0, ended.stderr + self.dev.said())


def add_file_row(name, contents, sentence):
    """One test: lint and apply refuse this file."""
    def test(self):
        path = os.path.join(self.dev.folder, "bad.yaml")
        with open(path, "wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
        for verb in ("lint", "apply"):
            start = time.monotonic()
            self.check(self.dev.run("pipelines", verb, path), 9, sentence)
            self.assertLess(time.monotonic() - start, 10)
        self.assertNotIn("bad", self.dev.run("pipelines", "list", "-o", "name").stdout.split())
    setattr(Rows, f"test_file_{name.replace(' ', '_')}", test)


def add_command_row(number, words, given, code, sentence):
    """One test: this command is refused."""
    def test(self):
        more = {} if given is None else {"stdin": given}
        self.check(self.dev.run(*words, **more), code, re.escape(sentence))
    shown = re.sub(r"\W+", "_", " ".join(words))[:60]
    setattr(Rows, f"test_command_{number:02}_{shown}", test)


for row_name, row in FILES.items():
    add_file_row(row_name, *row)
for row_number, row in enumerate(COMMANDS):
    add_command_row(row_number, *row)


class Documents(unittest.TestCase):
    """Files for --each: each bad one is named and skipped, and the good one beside it is submitted."""
    @classmethod
    def setUpClass(cls):
        need_programs()
        cls.dev = Dev()
        cls.addClassCleanup(cls.dev.close)
        with open(os.path.join(cls.dev.folder, "good.txt"), "w", encoding="utf-8") as file:
            file.write("good\n")

    def skipped(self, name, sentence):
        good = os.path.join(self.dev.folder, "good.txt")
        ended = self.dev.run("submit", "quick", "--each", os.path.join(self.dev.folder, name), good, "--wait")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, rf"{re.escape(name)}.*{sentence}.*skipped")
        self.assertIn("1 skipped", ended.stdout)

    def write(self, name, contents=b"", size=None):
        with open(os.path.join(self.dev.folder, name), "wb") as file:
            file.write(contents)
            if size:
                file.truncate(size)

    def test_one_that_is_not_there(self):
        self.skipped("absent.txt", "")

    def test_an_empty_one(self):
        self.write("empty.txt")
        self.skipped("empty.txt", "is empty")

    def test_one_of_200_megabytes(self):
        self.write("large.bin", size=200 << 20)
        self.skipped("large.bin", "limit.*split it into smaller files")

    def test_one_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root may read every file")
        self.write("secret.txt", b"x")
        os.chmod(os.path.join(self.dev.folder, "secret.txt"), 0)
        self.skipped("secret.txt", "permission")

    def test_a_binary_one_is_a_document_like_any_other(self):
        self.write("binary.bin", bytes(range(256)))
        ended = self.dev.run("submit", "quick", "--each", os.path.join(self.dev.folder, "binary.bin"), "--wait")
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Plugins(unittest.TestCase):
    """Plugins that do not load: each is listed with its reason, and the good one beside them works."""

    def test_each_is_listed_with_its_reason(self):
        need_programs()
        bad = os.path.join(cases.BUILD, "tests", "bad_plugins")
        if not os.path.exists(os.path.join(bad, "other_abi.so")):
            self.skipTest("the misbehaving plugins are not built")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("other_abi", "no_entry", "bad_schema", "crash_load", "exit_load"):
                shutil.copy(os.path.join(bad, f"{name}.so"), folder)
            shutil.copy(os.path.join(cases.BUILD, "lib", "sluice", "plugins", "probe.so"), folder)
            with open(os.path.join(folder, "text.so"), "w", encoding="utf-8") as file:
                file.write("this is no library\n")
            listed = run("plugin", "list", "--plugin-path", folder)
            self.assertEqual(listed.returncode, 0, listed.stderr)
            for name in ("other_abi", "no_entry", "bad_schema", "crash_load", "exit_load", "text"):
                self.assertRegex(listed.stdout, rf"(?m)^{name}\.so +failed .*\w+ \w+")
            self.assertRegex(listed.stdout, r"(?m)^probe\.so +loaded ")
            info = run("plugin", "info", "other_abi.so", "--plugin-path", folder)
            self.assertEqual(info.returncode, 9)
            for name, reason in (("other_abi", "plugin ABI"), ("no_entry", r"\w+ \w+"),
                                 ("bad_schema", r"config_schema\.properties\.size\.multipleOf is not a keyword that Sluice knows"),
                                 ("text", "no shared object")):
                info = run("plugin", "info", os.path.join(folder, f"{name}.so"))
                self.assertEqual(info.returncode, 9, info.stderr)
                self.assertRegex(info.stderr, f"^sluice: .*{reason}")
            info = run("plugin", "info", os.path.join(folder, "probe.so"))
            self.assertEqual((info.returncode, info.stderr), (0, ""))
            self.assertIn("noop", info.stdout)

    def test_what_is_not_there_is_said(self):
        need_programs()
        for word in ("./absent.so", "absent.so"):
            info = run("plugin", "info", word)
            self.assertEqual(info.returncode, 3)
            self.assertIn("no such file: ", info.stderr)
        with tempfile.TemporaryDirectory() as folder:
            listed = run("plugin", "list", "--plugin-path", f"/nonexistent:{folder}")
            self.assertIn("/nonexistent cannot be read: No such file", listed.stderr)
            self.assertIn(f"{folder} has no plugin", listed.stderr)
            dev = Dev("--workers", "0", "--plugin-path", "/nonexistent")
            self.addCleanup(dev.close)
            self.assertIn("/nonexistent cannot be read", dev.said())
            os.environ["SLUICE_PLUGIN_PATH"] = "/nowhere"
            self.addCleanup(os.environ.pop, "SLUICE_PLUGIN_PATH")
            dev = Dev("--workers", "0")
            self.addCleanup(dev.close)
            self.assertIn("/nowhere cannot be read", dev.said())


class Redis(unittest.TestCase):
    """A broker over a Redis that will not do: one sentence, and its own exit code."""

    def setUp(self):
        need_programs()
        self.folder = tempfile.mkdtemp(prefix="sluice-redis-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = os.path.join(self.folder, "redis.sock")

    def start_redis(self, *words):
        program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, *words],
                                   executable=program, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for line in process.stdout:
            if "eady to accept connections" in line:
                return
        self.fail("redis did not start")

    def broker(self):
        program = os.path.join(cases.BUILD, "bin", "sluice-broker")
        return subprocess.run([program, "--redis", f"unix:{self.socket}", "--listen", f"ipc://{self.folder}/c.sock",
                               "--listen-workers", f"ipc://{self.folder}/w.sock"], capture_output=True, text=True, timeout=60,
                              check=False, env=environment())

    def refused(self, sentence):
        ended = self.broker()
        self.assertNotEqual(ended.returncode, 0)
        self.assertGreater(ended.returncode, 0, "no signal")
        self.assertRegex(ended.stderr, sentence)

    def test_absent(self):
        self.refused("redis.sock.*start redis-server")

    def test_of_wrong_durability(self):
        self.start_redis("--appendonly", "no")
        self.refused("appendonly")

    def test_that_forgets_when_it_is_full(self):
        self.start_redis("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru")
        self.refused("maxmemory-policy")

    def test_read_only(self):
        self.start_redis("--appendonly", "yes", "--appendfsync", "always", "--replicaof", "127.0.0.1 1")
        self.refused("replica|read")


if __name__ == "__main__":
    cases.main()
