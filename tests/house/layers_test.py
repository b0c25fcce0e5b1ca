"""Layers: every #include line against the table of who may see whom."""
import os
import re
import unittest

import tree

# The whole table. A folder sees itself, the folders named here, and nothing else of ours.
BASE, WIRE, MODEL, IO, CLIENT = (f"common/{name}" for name in ("base", "wire", "model", "io", "client"))
COMMON = {BASE, WIRE, MODEL, IO, CLIENT}
STAGE_HEADER = "plugins/include/sluice"
SEES = {
    BASE: set(), WIRE: {BASE}, MODEL: {BASE}, IO: {BASE, WIRE}, CLIENT: {BASE, WIRE, MODEL, IO},
    "broker/core": {BASE, MODEL}, "worker/core": {BASE, MODEL},
    "broker/shell": COMMON | {"broker/core"}, "broker/http": COMMON | {"broker/core"},
    "broker/cli": COMMON | {"broker/core", "plugins/index"},
    # The worker's shell and its hosts share the form of what goes between them.
    "worker/shell": COMMON | {"worker/core", "worker/stagehost", STAGE_HEADER},
    "worker/stagehost": COMMON | {STAGE_HEADER},
    STAGE_HEADER: set(), "plugins/sdk": {STAGE_HEADER},
    # Index and graph are one file, so its form is written once; searching it is the index plugin's own business, which
    # `sluice search` calls, and a question by likeness is embedded as the documents were.
    "plugins/store": {STAGE_HEADER, "plugins/sdk"}, "plugins/index": {STAGE_HEADER, "plugins/sdk", "plugins/store", "plugins/embed"},
    "plugins/knowledge-graph": {STAGE_HEADER, "plugins/sdk", "plugins/store"},
}
PLUGIN = {STAGE_HEADER, "plugins/sdk"}  # any other plugin

# Headers of the C library that a pure folder may use; what reads a clock, a file or a socket is not among them.
PURE = set("""assert ctype errno float inttypes iso646 limits math stdalign stdarg stdbool stddef stdint stdlib stdnoreturn
    string uthash utlist""".split())
FOREIGN = {
    BASE: PURE | {"stdio", "sodium", "isa-l/crc", "sodium/crypto_generichash", "sodium/crypto_generichash_blake2b",
                  "sodium/crypto_hash_sha256", "sodium/utils"},
    WIRE: PURE, MODEL: PURE | {"stdio"}, "broker/core": PURE,
    "worker/core": PURE | {"signal"},  # the numbers of signals; that it sends none is seen in the purity test
    STAGE_HEADER: {"stddef", "stdint"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIBRARY = re.compile(r"sl_library\(\s*\w+\s+(\w+)")


def prefixes(root):
    """{the word that stands first in an include line: the folder it means}, from the sl_library calls."""
    found = {"sluice": STAGE_HEADER}
    for path in tree.files(root, "CMakeLists.txt"):
        for word in LIBRARY.findall(tree.text(root, path)):
            found[word] = os.path.dirname(path)
    return found


def layer_of(path):
    """The row of the table that a source file belongs to; None for tests, which may see everything."""
    folder = os.path.dirname(path)
    while folder and folder not in SEES:
        if os.path.dirname(folder) == "plugins" and folder != "plugins/include":
            return folder
        folder = os.path.dirname(folder)
    return folder or None


def problem_with(layer, path, quote, name, known):
    """A sentence when LAYER may not include NAME, else None. KNOWN are prefixes and the tree's files."""
    words, all_files = known
    first = name.split("/")[0] if "/" in name else None
    target = "client" if name == "sluice/client.h" else first
    if target in words:
        seen = words[target]
        allowed = SEES.get(layer, PLUGIN) | {layer}
        return None if seen in allowed else f"{layer} must not see {seen}"
    if quote == '"':
        local = os.path.normpath(os.path.join(os.path.dirname(path), name))
        return None if local in all_files and layer_of(local) == layer else f"\"{name}\" is no file of {layer}"
    if layer in FOREIGN and name.removesuffix(".h") not in FOREIGN[layer]:
        return f"{layer} is pure and must not use <{name}>"
    return None


def problems(root):
    words, all_files, found = prefixes(root), set(tree.files(root)), []
    for path in tree.files(root, ".c", ".h", ".def", ".cpp"):
        layer = layer_of(path)
        if layer is None and path.startswith("tests/"):
            continue
        for number, line in tree.lines(root, path):
            match = INCLUDE.match(line)
            if match:
                why = (problem_with(layer, path, *match.groups(), (words, all_files)) if layer
                       else "this folder is not in the table of layers")
                found += [f"{path}:{number}: {why}"] if why else []
    return found


LIBRARIES = {
    "common/base/CMakeLists.txt": "sl_library(sl_base base SOURCES a.c)",
    "common/io/CMakeLists.txt": "sl_library(sl_io io SOURCES a.c)",
    "broker/core/CMakeLists.txt": "sl_library(sl_core core SOURCES a.c)",
    "common/base/buf.h": "#include <stdint.h>\n",
}


class Layers(unittest.TestCase):
    def plant(self, path, include):
        return problems(tree.planted(self, {**LIBRARIES, path: f"#include {include}\n"}))

    def test_every_include_line_keeps_the_table(self):
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_allowed_lines_are_allowed(self):
        self.assertEqual(self.plant("broker/core/a.c", '"base/buf.h"'), [])
        self.assertEqual(self.plant("broker/shell/a.c", '"core/sched.h"'), [])
        self.assertEqual(self.plant("plugins/probe/a.c", "<sluice/stage.h>"), [])
        self.assertEqual(self.plant("plugins/index/a.c", "<sqlite3.h>"), [])

    def test_core_that_sees_io_is_red(self):
        self.assertEqual(self.plant("broker/core/a.c", '"io/clock.h"'),
                         ["broker/core/a.c:1: broker/core must not see common/io"])

    def test_base_that_sees_the_core_is_red(self):
        self.assertTrue(self.plant("common/base/a.c", '"core/sched.h"'))

    def test_plugin_that_sees_base_is_red(self):
        self.assertTrue(self.plant("plugins/probe/a.c", '"base/buf.h"'))

    def test_core_that_uses_a_socket_a_clock_or_redis_is_red(self):
        for header in ("<zmq.h>", "<hiredis/hiredis.h>", "<time.h>", "<unistd.h>", "<sys/socket.h>", "<stdio.h>"):
            self.assertTrue(self.plant("worker/core/a.c", header), header)

    def test_way_around_by_dots_is_red(self):
        self.assertTrue(self.plant("broker/core/a.c", '"../../common/base/buf.h"'))

    def test_folder_outside_the_table_is_red(self):
        self.assertTrue(self.plant("broker/extra/a.c", "<stdio.h>"))


if __name__ == "__main__":
    tree.main()
