"""Plugins: every built one exports exactly its entry function."""
import glob
import os
import subprocess
import tempfile
import unittest

import tree

ENTRY = ["sluice_plugin_v1"]


def exported(library):
    told = subprocess.run(["nm", "-D", "-P", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[0].partition("@")[0] for line in told.splitlines())


def problems(folder):
    libraries = sorted(glob.glob(os.path.join(folder, "*.so")))
    return libraries, [f"{os.path.basename(library)} exports {', '.join(exported(library)) or 'nothing'}"
                       for library in libraries if exported(library) != ENTRY]


def compiled(case, text):
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    with open(os.path.join(folder.name, "a.c"), "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run(["gcc", "-shared", "-fPIC", "a.c", "-o", "a.so"], cwd=folder.name, check=True)
    return folder.name


class Plugins(unittest.TestCase):
    def test_each_exports_its_entry_and_nothing_else(self):
        libraries, found = problems(os.path.join(tree.BUILD, "lib", "sluice", "plugins"))
        self.assertGreater(len(libraries), 0, "no plugin was built")
        tree.assert_kept(self, found)

    def test_entry_alone_is_allowed(self):
        self.assertEqual(problems(compiled(self, "int sluice_plugin_v1(void) { return 0; }"))[1], [])

    def test_second_symbol_is_red(self):
        folder = compiled(self, "int sluice_plugin_v1(void) { return 0; } int helper(void) { return 0; }")
        self.assertEqual(problems(folder)[1], ["a.so exports helper, sluice_plugin_v1"])

    def test_missing_entry_is_red(self):
        self.assertEqual(problems(compiled(self, "static int x; int *f(void) { return &x; }"))[1], ["a.so exports f"])


if __name__ == "__main__":
    tree.main()
