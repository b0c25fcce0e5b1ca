"""Scripts: shellcheck has nothing to say about any shell script, and each that a person starts may be executed."""
import importlib.util
import os
import re
import subprocess
import unittest

import tree

IMPORT = re.compile(r"^\s*(?:import|from) ([\w., ]+?)(?: import .*| as .*|  #.*)?$", re.MULTILINE)
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


def unlisted_modules(root):
    """Debian's Python modules that a program imports and deploy/steps.sh does not install."""
    imported = {name.split(".")[0] for path in tree.files(root, ".py")
                for line in IMPORT.findall(tree.text(root, path)) for name in re.split(r"[,\s]+", line) if name}
    listed, found = tree.text(root, "deploy/steps.sh"), []
    for name in sorted(imported):
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
        if spec and spec.origin and "dist-packages" in spec.origin and f"python3-{name}" not in listed:
            found.append(f"a program imports {name}, and deploy/steps.sh does not install python3-{name}")
    return found


def run(*command, **more):
    environment = {name: value for name, value in os.environ.items() if name != "SLUICE_TEST"} | more
    return subprocess.run(command, cwd=tree.SOURCE, env=environment, capture_output=True, text=True, check=False)


class Scripts(unittest.TestCase):
    def test_shellcheck_is_content(self):
        self.assertIn("deploy/test.sh", scripts(tree.SOURCE))
        self.assertIn(".ci/run", scripts(tree.SOURCE))
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_modules_of_the_tests_are_installed_with_them(self):
        tree.assert_kept(self, unlisted_modules(tree.SOURCE))
        planted = {"deploy/steps.sh": "", "a.py": "import os, yaml\nfrom yaml import load\n"}
        self.assertEqual(len(unlisted_modules(tree.planted(self, planted))), 1)

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
