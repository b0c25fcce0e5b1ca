"""Quickstart as a stranger meets it: a fresh copy of what is committed, README's commands, twenty documents. The cases
run in the order of their numbers, each on what the one before left."""
import contextlib
import glob
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "support"), os.path.join(ROOT, "house")]

import cases        # noqa: E402
import readme_test  # noqa: E402
import tree         # noqa: E402

DOCUMENTS = 20
QUICKSTART = "./deploy/quickstart.sh"
# README's commands are run, deploy/test.sh among them; by this it knows that a test started it.
os.environ.setdefault("SLUICE_TEST", "system_quickstart")
OLD, NEW = "quokkas are small wallabies", "numbats eat termites"


class Quickstart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="q")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.clone, cls.documents = os.path.join(cls.folder, "clone"), os.path.join(cls.folder, "documents")
        for path in tree.files(tree.SOURCE):
            target = os.path.join(cls.clone, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(tree.SOURCE, path), target)
        os.makedirs(os.path.join(cls.documents, "deeper"))
        texts = sorted(glob.glob("/usr/share/doc/*/copyright"), key=os.path.getsize)[100:100 + DOCUMENTS - 2]
        for number, path in enumerate(texts):
            shutil.copy(path, os.path.join(cls.documents, f"copyright-{number:02}"))
        cls.write("animals.md", f"# Animals\n\nWe know that {OLD}.\n")
        cls.write("deeper/page.html", "<html><body><h1>Page</h1><p>Copyright 2026 Some Body</p></body></html>\n")

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.documents, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_line(self, line, expected=0):
        """Runs a line as it is pasted into a shell in the clone; returns what it printed."""
        ended = subprocess.run(["bash", "-c", line], cwd=self.clone, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(ended.returncode, expected, f"{line}\n{ended.stdout}")
        return ended.stdout

    def quickstart(self):
        return self.run_line(f"{QUICKSTART} {self.documents}")

    def index(self):
        path = os.path.join(self.clone, "build/quickstart/index.sqlite")
        return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))

    def ask(self, question):
        with self.index() as index:
            return index.execute(question).fetchall()

    def test_1_readme_commands_run(self):
        """Each line of README's sh fences; quickstart gets a folder of twenty documents."""
        lines = [line for body in readme_test.fences(tree.text(tree.SOURCE, "README.md"), "sh")
                 for line in body.splitlines() if line.strip()]
        self.assertIn(QUICKSTART, lines)
        for line in lines:
            printed = self.run_line(f"{line} {self.documents}" if line == QUICKSTART else line)
            if line == QUICKSTART:
                type(self).first = printed
        for named in ("check the system", "install what is missing", "build into build/", "start a cluster"):
            self.assertRegex(self.first, rf"(?m)^{named} .* \d+\.\d s$")
        self.assertIn(f"{DOCUMENTS} files: {DOCUMENTS} submitted, 0 known already", self.first)
        self.assertNotIn("\x1b", self.first)

    def test_2_readme_shows_what_is_printed(self):
        """The titles of README's sample, in its order."""
        sample = readme_test.fences(tree.text(tree.SOURCE, "README.md"), "text")[0]
        titles = re.findall(r"(?m)^([a-z].*?)  ", sample)
        self.assertIn("graph", titles)
        printed = re.sub(r"(?m)^\w+ +\d+/\d+ .*\n", "", self.first)  # stages of the same names tell how far they are
        self.assertEqual(titles, [title for title in re.findall(r"(?m)^([a-z].*?)  ", printed) if title in titles])

    def test_2_result_is_what_the_index_holds(self):
        self.assertEqual(self.ask("SELECT count(*) FROM documents"), [(DOCUMENTS,)])
        for table, words in (("chunks", r"(\d+) chunks"), ("nodes", r"(\d+) nodes"), ("edges", r"(\d+) edges")):
            told = int(re.search(words, self.first).group(1))
            self.assertEqual(self.ask(f"SELECT count(*) FROM {table}"), [(told,)])
            self.assertGreater(told, 0)

    def test_3_next_commands_work_when_pasted(self):
        lines = re.search(r"(?m)^next +(.*)\n +(.*)\n +(.*)$", self.first).groups()
        for line in lines:
            self.assertTrue(self.run_line(line).strip(), line)
        self.assertIn("animals.md", self.run_line("build/bin/sluice search quokkas --data build/quickstart"))

    def test_4_second_run_does_nothing_again(self):
        built = {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{self.clone}/build/bin/*")}
        before = self.ask("SELECT count(*) FROM chunks")
        printed = self.quickstart()
        self.assertIn("nothing is missing", printed)
        self.assertIn(f"{DOCUMENTS} files: 0 submitted, {DOCUMENTS} known already", printed)
        self.assertIn("no stage was done again", printed)
        self.assertEqual(built, {path: os.stat(path).st_mtime_ns for path in built})
        self.assertEqual(before, self.ask("SELECT count(*) FROM chunks"))

    def test_5_changed_document_is_done_alone_and_replaces_the_old(self):
        self.write("animals.md", f"# Animals\n\nWe know that {NEW}.\n")
        self.assertIn(f"{DOCUMENTS} files: 1 submitted, {DOCUMENTS - 1} known already", self.quickstart())
        self.assertEqual(self.ask("SELECT count(*) FROM documents"), [(DOCUMENTS,)])
        self.assertIn("animals.md", self.run_line("build/bin/sluice search numbats --data build/quickstart"))
        self.assertNotIn("animals.md", self.run_line("build/bin/sluice search quokkas --data build/quickstart"))

    def test_6_serve_keeps_the_cluster_up_until_it_is_told_to_stop(self):
        with subprocess.Popen([QUICKSTART, self.documents, "--serve"], cwd=self.clone, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
            broker = None
            for line in serving.stdout:
                broker = re.search(r"the cluster is up at (\S+);", line)
                if broker:
                    break
            self.assertTrue(broker)
            self.assertIn("completed", self.run_line(serving.stdout.readline().strip()), "a command to try")
            self.run_line(f"build/bin/sluice status --ready --broker {broker.group(1)}")
            serving.send_signal(signal.SIGTERM)
            serving.communicate()
        self.assertEqual(serving.returncode, 143)
        self.run_line(f"build/bin/sluice status --ready --timeout 1s --broker {broker.group(1)}", expected=8)

    def test_7_words_that_are_no_folder_get_a_sentence(self):
        for words, sentence in ((f"{self.folder}/absent", "there is no folder"),
                                (f"{self.documents}/animals.md", "is a file; name the folder that it is in"),
                                (f"{self.folder} {self.documents}", "only one folder can be given"),
                                ("''", "is empty"), ("--sreve", "there is no option --sreve")):
            printed = self.run_line(f"{QUICKSTART} {words}", expected=2)
            self.assertIn(sentence, printed)
            self.assertEqual(printed.count("\n"), 1, printed)

    def test_7_exit_code_is_that_of_the_command(self):
        """An empty file is skipped: 1; a document that fails, now or before, is named with its reason: 5."""
        self.write("empty.md", "")
        self.assertIn("empty.md is empty", self.run_line(f"{QUICKSTART} {self.documents}", expected=1))
        os.remove(os.path.join(self.documents, "empty.md"))
        self.write("broken.nxml", "<article>")
        for words, word in (("", "failed"), ("", "failed before"), (" --again", "failed")):
            printed = self.run_line(f"{QUICKSTART} {self.documents}{words}", expected=5)
            self.assertRegex(printed, rf"(?m)^{word} .*broken\.nxml: .*cannot be parsed")
            self.assertIn("--again", printed)
        self.assertIn(f"{DOCUMENTS + 1} submitted, 0 known already", printed)
        os.remove(os.path.join(self.documents, "broken.nxml"))

    def test_7_folders_that_cannot_be_entered_are_named(self):
        """A program in the place of find says so, since nothing is forbidden to root."""
        tools = os.path.join(self.folder, "tools")
        os.mkdir(tools)
        with open(os.path.join(tools, "find"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n/usr/bin/find \"$@\"\necho \"find: '/x/private': Permission denied\" >&2\n"
                       "echo \"find: File system loop detected; ...\" >&2\nexit 1\n")
        os.chmod(os.path.join(tools, "find"), 0o755)
        printed = self.run_line(f"PATH={tools}:$PATH {QUICKSTART} {self.documents}", expected=1)
        self.assertIn("warning: '/x/private': Permission denied; skipped\n", printed)
        self.assertNotIn("loop", printed)
        self.assertIn(f"{DOCUMENTS} files: 0 submitted, {DOCUMENTS} known already", printed)

    def test_7_interrupted_it_says_what_becomes_of_the_cluster(self):
        with subprocess.Popen([QUICKSTART, self.documents, "--serve"], cwd=self.clone, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
            for line in serving.stdout:
                if "Ctrl-C stops it" in line:
                    break
            serving.send_signal(signal.SIGINT)
            self.assertIn("interrupted: the cluster is stopped", serving.communicate()[0])
        self.assertEqual(serving.returncode, 130)

    def test_8_nothing_is_left_running(self):
        for place in glob.glob("/proc/[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                self.assertFalse(os.readlink(place).startswith(self.folder), place)


if __name__ == "__main__":
    cases.main()
