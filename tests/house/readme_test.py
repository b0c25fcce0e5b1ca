"""README: every path that it names exists, and its fences are of the kinds that tests know: `sh` is run by
tests/system/quickstart_test.py, `console` is only shown and listed here, `text` is a picture."""
import os
import re
import unittest

import tree

README = "README.md"
# Fences that no test runs; each needs a reason.
SHOWN_ONLY = [
    "$ docker compose up --build --scale worker=4",  # there is no container engine where tests run
    # A cluster that stays until Ctrl-C, and what to ask it: tests/system/cli does all of it with clusters that end.
    "$ build/bin/sluice dev deploy/pipelines --data build/own",
    "$ PATH=$PWD/build/bin:$PATH",
    "$ sluice submit auto --each '/usr/share/doc/a*/copyright' --watch",
    "$ sluice jobs list --limit 5",
    "$ job=$(sluice jobs list --limit 1 -q)",
    "$ sluice jobs show $job",
    "$ sluice jobs output $job entities",
    "$ sluice search permission notice --data build/own",
]
PATH = re.compile(r"(?<![\w/.-])(?:\.ci|broker|worker|common|plugins|deploy|tests)/[\w./-]*[\w/]")
TOP_FILE = re.compile(r"(?<![\w/])(?:[A-Z]+\.md|docker-compose\.yml|CMakeLists\.txt|CMakePresets\.json)(?![\w/])")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(text, kind):
    return [body for name, body in FENCE.findall(text) if name == kind]


def absent_paths(root):
    text = tree.text(root, README)
    named = set(PATH.findall(text)) | set(TOP_FILE.findall(text))
    return [f"{README} names {path}, which does not exist" for path in sorted(named)
            if not os.path.exists(os.path.join(root, path))]


def fence_problems(text):
    found = [f"a fence of the kind \"{name}\"; say sh, console or text" for name, _ in FENCE.findall(text)
             if name not in ("sh", "console", "text")]
    shown = [line for body in fences(text, "console") for line in body.splitlines() if line.startswith("$ ")]
    return found + [f"shown and not run: {line}" for line in shown if line not in SHOWN_ONLY]


class Readme(unittest.TestCase):
    def test_every_path_exists(self):
        tree.assert_kept(self, absent_paths(tree.SOURCE))

    def test_every_fence_is_run_or_listed(self):
        text = tree.text(tree.SOURCE, README)
        tree.assert_kept(self, fence_problems(text))
        self.assertTrue(fences(text, "sh"))

    def test_absent_path_is_red(self):
        root = tree.planted(self, {README: "see `broker/core/absent.c`, tests/ and ABSENT.md\n", "tests/a": ""})
        self.assertEqual(len(absent_paths(root)), 2)

    def test_unknown_fence_is_red(self):
        self.assertTrue(fence_problems("```console\n$ rm -rf build\n```\n"))
        self.assertTrue(fence_problems("```\nls\n```\n"))
        self.assertFalse(fence_problems("```sh\nls\n```\n"))


if __name__ == "__main__":
    tree.main()
