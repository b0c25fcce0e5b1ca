"""Habits: no words of unfinished work, no path of one machine, a fixed top level, tests that wait instead of sleeping,
numbers in tables that are never given twice."""
import re
import unittest

import tree

# Written so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
UNFINISHED_CODE = re.compile(r"not implemente[d]|placeholde[r]")
MACHINE = re.compile(r"(?:^|[^a-zA-Z0-9_.~])/(?:work|farm|root|home)/")
REGISTRY = re.compile(r"\b(?:pypi\.or[g]|registry\.npmjs|files\.pythonhosted|crates\.i[o]|proxy\.golang|deb\.debian\.or[g])")
SLEEP = re.compile(r"\b(?:u?sle{2}p|nanosle{2}p|clock_nanosle{2}p|zclock_sle{2}p|time\.sle{2}p)[ (]")
SLEEP_SHELL = re.compile(r"^\s*sle{2}p\s|[;&|]\s*sle{2}p\s|\bdo\s+sle{2}p\s")
TOP_LEVEL = re.compile(r"broker|worker|common|plugins|deploy|tests|CMakeLists\.txt|CMakePresets\.json|docker-compose\.yml|"
                       r"README\.md|ARCHITECTURE\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|\..*")
ENTRY = re.compile(r"^\s*(SL_\w+)\(([^\n]*)", re.MULTILINE)
MEMBERS = {"SL_FIELD", "SL_ITEM", "SL_END"}  # parts of an entry, not entries
CODE = (".c", ".h", ".def", ".cpp", ".py", ".sh", ".mjs", ".js")


def found_in(root, pattern, why, *endings):
    return [f"{path}:{number}: {why}: {line.strip()[:100]}" for path in tree.files(root, *endings)
            for number, line in tree.lines(root, path) if pattern.search(line)]


def unfinished(root):
    return (found_in(root, UNFINISHED, "a word of unfinished work")
            + found_in(root, UNFINISHED_CODE, "words of unfinished work", ".c", ".h"))


def machine_paths(root):
    return (found_in(root, MACHINE, "a path of one machine")
            + found_in(root, REGISTRY, "the host of a package registry"))


def top_level(root):
    names = {path.split("/")[0] for path in tree.files(root)}
    return [f"{name}: not on the list of the top level" for name in sorted(names) if not TOP_LEVEL.fullmatch(name)]


def sleeping(root):
    problems = found_in(root, SLEEP, "a test that sleeps; wait for the thing instead", *CODE)
    problems += found_in(root, SLEEP_SHELL, "a test that sleeps; wait for the thing instead", ".sh")
    return [problem for problem in problems if problem.startswith("tests/")]


def taken_twice(root):
    """In a table each entry's name, number and text (its first quoted word) is given once."""
    problems = []
    for path in tree.files(root, ".def"):
        seen = {}
        for macro, arguments in ENTRY.findall(tree.text(root, path)):
            if macro in MEMBERS:
                continue
            for kind, value in identity(arguments):
                if (macro, kind, value) in seen:
                    problems.append(f"{path}: {macro}({arguments.strip()[:60]}...: the {kind} {value} is taken")
                seen[macro, kind, value] = True
    return problems


def identity(arguments):
    """What must be unique in an entry: its name, the number if one comes before any text, and the text."""
    yield "name", arguments.split(",")[0].strip(" )")
    before_text, _, rest = arguments.partition('"')
    number = re.search(r",\s*(\d+)\s*[,)]", before_text + ("," if rest else ""))
    if number:
        yield "number", number.group(1)
    if rest:
        yield "text", rest.partition('"')[0]


class Habits(unittest.TestCase):
    def plant(self, rule, path, content):
        return rule(tree.planted(self, {path: content}))

    def test_no_words_of_unfinished_work(self):
        tree.assert_kept(self, unfinished(tree.SOURCE))
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"):
            self.assertTrue(self.plant(unfinished, "common/a.c", f"/* {word} later */\n"), word)
        self.assertTrue(self.plant(unfinished, "common/a.c", 'puts("not ' + 'implemented");\n'))
        self.assertFalse(self.plant(unfinished, "deploy/a.sh", "mktemp -d /tmp/x." + "X" * 6 + "\n"))

    def test_no_path_of_one_machine(self):
        tree.assert_kept(self, machine_paths(tree.SOURCE))
        for folder in ("work", "root", "home"):
            self.assertTrue(self.plant(machine_paths, "README.md", f"see /{folder}/someone/x\n"), folder)
        self.assertTrue(self.plant(machine_paths, "README.md", "from https://py" + "pi.org/x\n"))
        self.assertFalse(self.plant(machine_paths, "README.md", "see /var/lib/sluice and broker/work/x\n"))

    def test_top_level_is_fixed(self):
        tree.assert_kept(self, top_level(tree.SOURCE))
        self.assertTrue(self.plant(top_level, "notes.txt", "x"))
        self.assertFalse(self.plant(top_level, "broker/notes.txt", "x"))

    def test_no_test_sleeps(self):
        tree.assert_kept(self, sleeping(tree.SOURCE))
        word = "sle" + "ep"
        for path, line in (("tests/a.c", f"u{word}(100);"), ("tests/a.py", f"time.{word}(1)"),
                           ("tests/a.sh", f"{word} 1"), ("tests/a.sh", f"while :; do {word} 1; done")):
            self.assertTrue(self.plant(sleeping, path, line + "\n"), line)
        self.assertFalse(self.plant(sleeping, "plugins/probe/a.c", f"nano{word}(&t, NULL);\n"))

    def test_no_number_of_a_table_is_given_twice(self):
        tree.assert_kept(self, taken_twice(tree.SOURCE))
        self.assertTrue(self.plant(taken_twice, "a.def", 'SL_ERR(A, 1, "a")\nSL_ERR(B, 1, "b")\n'))
        self.assertTrue(self.plant(taken_twice, "a.def", 'SL_ERR(A, 1, "a")\nSL_ERR(A, 2, "b")\n'))
        self.assertTrue(self.plant(taken_twice, "a.def", 'SL_ERR(A, 1, "a")\nSL_ERR(B, 2, "a")\n'))
        self.assertTrue(self.plant(taken_twice, "a.def", "SL_MESSAGE(A, a, 10, X)\nSL_MESSAGE(B, b, 10, X)\n"))
        self.assertFalse(self.plant(taken_twice, "a.def", 'SL_REJECT(A, "a", 0, 3)\nSL_REJECT(B, "b", 0, 3)\n'))


if __name__ == "__main__":
    tree.main()
