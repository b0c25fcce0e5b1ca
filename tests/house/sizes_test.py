"""Sizes: functions of at most 70 lines, sources of at most 600, headers of at most 200; the medians are printed."""
import json
import statistics
import subprocess
import unittest

import tree

FUNCTION_MAX, SOURCE_MAX, HEADER_MAX = 70, 600, 200


def functions(root, paths):
    """(path, name, first line, last line) of every function that universal-ctags finds."""
    if not paths:
        return []
    told = subprocess.run(["ctags", "--options=NONE", "-f", "-", "--output-format=json", "--fields=+ne", "--languages=C,C++",
                           "--map-C++=-.h", "--map-C=+.h", "--kinds-C=f", "--kinds-C++=f", "-L", "-"],
                          cwd=root, input="\n".join(paths), capture_output=True, text=True, check=True).stdout
    tags = (json.loads(line) for line in told.splitlines())
    return [(tag["path"], tag["name"], tag["line"], tag["end"]) for tag in tags if "end" in tag]


def length(root, path):
    return len(tree.text(root, path).splitlines())


def problems(root):
    paths = tree.files(root, ".c", ".h")
    found = [f"{path}:{first}: {name} has {last - first + 1} lines; {FUNCTION_MAX} is the most a function may have"
             for path, name, first, last in functions(root, paths) if last - first + 1 > FUNCTION_MAX]
    for path in paths:
        most = SOURCE_MAX if path.endswith(".c") else HEADER_MAX
        if length(root, path) > most:
            found.append(f"{path}: {length(root, path)} lines; {most} is the most such a file may have")
    return found


def shown(what, numbers):
    ordered = sorted(numbers)
    if ordered:
        print(f"  {what}: {len(ordered)}, median {statistics.median(ordered):.0f} lines, "
              f"90 % at most {ordered[int(0.9 * (len(ordered) - 1))]}, longest {ordered[-1]}")


class Sizes(unittest.TestCase):
    def plant(self, path, content):
        return problems(tree.planted(self, {path: content}))

    def test_nothing_is_over_its_size(self):
        ours = [path for path in tree.files(tree.SOURCE, ".c", ".h") if not path.startswith("tests/")]
        shown("functions", [last - first + 1 for _, _, first, last in functions(tree.SOURCE, ours)])
        shown("sources", [length(tree.SOURCE, path) for path in ours if path.endswith(".c")])
        shown("headers", [length(tree.SOURCE, path) for path in ours if path.endswith(".h")])
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_function_at_the_limit_is_allowed_and_one_above_is_red(self):
        body = "    count++;\n"
        for lines, red in ((FUNCTION_MAX, False), (FUNCTION_MAX + 1, True), (50 * FUNCTION_MAX, True)):
            text = "static int count;\nvoid f(void) {\n" + body * (lines - 2) + "}\n"
            path = "x.c" if lines < SOURCE_MAX else "y.c"
            self.assertEqual(any(" f has " in problem for problem in self.plant(path, text)), red, lines)

    def test_source_at_the_limit_is_allowed_and_one_above_is_red(self):
        for lines, red in ((SOURCE_MAX, 0), (SOURCE_MAX + 1, 1)):
            self.assertEqual(len(self.plant("x.c", "int x;\n" * lines)), red)

    def test_header_at_the_limit_is_allowed_and_one_above_is_red(self):
        for lines, red in ((HEADER_MAX, 0), (HEADER_MAX + 1, 1)):
            self.assertEqual(len(self.plant("x.h", "int x;\n" * lines)), red)


if __name__ == "__main__":
    tree.main()
