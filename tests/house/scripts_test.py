"""Scripts: shellcheck has nothing to say about any shell script, and each that a person starts may be executed."""
import os
import re
import subprocess
import unittest

import tree

SHELL = re.compile(r"#!.*\b(?:ba|da)?sh\b")


def scripts(root):
    """Files that end in .sh or begin with a shell's name."""
    return [path for path in tree.files(root)
            if path.endswith(".sh") or SHELL.match(tree.text(root, path)[:60].split("\n")[0])]


def problems(root):
    found = []
    for path in scripts(root):
        checked = subprocess.run(["shellcheck", "--external-sources", "--format=gcc", path], cwd=root,
                                 capture_output=True, text=True, check=False)
        found += checked.stdout.splitlines() + checked.stderr.splitlines()
        is_started = tree.text(root, path).startswith("#!")
        if is_started and not os.access(os.path.join(root, path), os.X_OK):
            found.append(f"{path}: begins with #! and may not be executed; chmod +x it")
    return found


def run(*command, **more):
    environment = {name: value for name, value in os.environ.items() if name != "SLUICE_TEST"} | more
    return subprocess.run(command, cwd=tree.SOURCE, env=environment, capture_output=True, text=True, check=False)


class Scripts(unittest.TestCase):
    def test_shellcheck_is_content(self):
        self.assertIn("deploy/test.sh", scripts(tree.SOURCE))
        self.assertIn(".ci/run", scripts(tree.SOURCE))
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_unquoted_variable_is_red(self):
        self.assertIn("Double quote", "".join(problems(tree.planted(self, {"a.sh": '# shellcheck shell=sh\nrm $1\n'}))))

    def test_script_that_may_not_be_executed_is_red(self):
        self.assertIn("chmod", "".join(problems(tree.planted(self, {"run": "#!/bin/sh\ntrue\n"}))))

    def test_test_sh_does_not_start_itself_from_a_test(self):
        for command in ("deploy/test.sh", ".ci/run"):
            ended = run(command, "--quick", SLUICE_TEST="planted")
            self.assertEqual((ended.returncode, ended.stdout.count("passed")), (0, 0))
            self.assertIn("does not start itself again", ended.stdout)

    def test_wrong_words_are_refused_with_a_sentence(self):
        for words in (("--fast",), ("--seeds", "many"), ("--chaos", "0"), ("--only",)):
            ended = run("deploy/test.sh", *words)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""))
            self.assertIn(words[0], ended.stderr)


if __name__ == "__main__":
    tree.main()
