"""One way out: in the broker exactly one place names the function that puts a message on the wire, and it stands in effects.c, which
carries out what the core decided only when the ledger has it. Sources show how often; objects show what a macro or a pointer hides."""
import os
import re
import subprocess
import tempfile
import unittest

import tree

PLACE = "broker/shell/effects.c"
SEND = re.compile(r"\bsl_router_send\w*")
RAW_SEND = re.compile(r"\bz(?:mq|msg|str|frame|sock)_\w*send\w*")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
OURS = ("broker/", "worker/", "common/", "plugins/")
LINK = "common/io/"  # the only folder that knows ZeroMQ


def names(root, pattern, folders):
    """Places in sources where a name stands, called or not; what stands in a comment does nothing."""
    found = []
    for path in tree.files(root, ".c", ".h", ".def"):
        if path.startswith(folders) and not path.startswith(LINK):
            code = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), tree.text(root, path))
            found += [f"{path}:{number}" for number, line in enumerate(code.splitlines(), 1)
                      for _ in pattern.finditer(line)]
    return found


def problems(root):
    sends = names(root, SEND, ("broker/",))
    found = [f"{place}: sends, and only {PLACE} may" for place in sends if not place.startswith(PLACE + ":")]
    if len(sends) - len(found) != 1:
        found.append(f"{PLACE}: names what sends {len(sends) - len(found)} times; it must be exactly once")
    return found + [f"{place}: sends past the link of common/io" for place in names(root, RAW_SEND, OURS)]


def source_of(root, build, path):
    """The source that an object was made from, relative to ROOT, or None: it is gone, and its object was only left behind."""
    parts = re.fullmatch(r"(.*?)/?CMakeFiles/[^/]+\.dir/(.*)\.o", os.path.relpath(path, build))
    if not parts:
        return None
    source = os.path.normpath(os.path.join(parts[1], parts[2].replace("__", "..")))
    return source if os.path.isfile(os.path.join(root, source)) else None


def objects_of(root, build):
    """{object: its source} of the sources that the rule is about."""
    found = {}
    for folder, _, files in os.walk(build):
        for path in (os.path.join(folder, name) for name in files if name.endswith(".o")):
            source = source_of(root, build, path)
            if source and source.startswith(OURS) and not source.startswith(LINK):
                found[path] = source
    return found


def object_problems(root, build):
    """What the objects of a build ask others for although their source must not, and how many were looked at."""
    sources = objects_of(root, build)
    told = subprocess.run(["nm", "-A", "-u", "-P", *sources], capture_output=True, text=True, check=True).stdout if sources else ""
    found = set()
    for line in told.splitlines():
        path, symbol = line.split()[:2]
        source = sources[path.rstrip(":")]
        if SEND.fullmatch(symbol) and source != PLACE:
            found.add(f"{source}: wants {symbol}, and only {PLACE} may")
        if RAW_SEND.fullmatch(symbol):
            found.add(f"{source}: wants {symbol}, past the link of common/io")
    return sorted(found), len(sources)


class Sending(unittest.TestCase):
    def plant(self, **contents):
        paths = {"effects": PLACE, "other": "broker/shell/front.c", "core": "broker/core/a.c", "header": "broker/shell/back.h",
                 "table": "broker/core/a.def", "worker": "worker/shell/a.c"}
        return problems(tree.planted(self, {paths[name]: text for name, text in contents.items()}))

    def test_exactly_one_place_sends(self):
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_one_call_in_its_place_is_allowed(self):
        self.assertEqual(self.plant(effects="/* sl_router_send() is called below */\nf(sl_router_send(r, m)); // sl_router_send\n"), [])

    def test_second_call_in_the_same_place_is_red(self):
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\nsl_router_send_now(r, m);\n"))
        self.assertTrue(self.plant(effects="a ? sl_router_send(r, m) : sl_router_send(r, n);\n"))

    def test_call_elsewhere_is_red(self):
        for place in ("other", "core", "header", "table"):
            self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", **{place: "sl_router_send(r, m);\n"}), place)

    def test_bare_name_is_red(self):
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", other="int (*say)() = sl_router_send;\n"))
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", header="#define SAY sl_router_send_buf\n"))

    def test_call_past_the_link_is_red(self):
        for place in ("other", "header", "worker"):
            self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", **{place: "zmq_msg_send(m, s, 0);\n"}), place)

    def test_no_call_at_all_is_red(self):
        self.assertTrue(self.plant(effects="int x;\n"))


class Objects(unittest.TestCase):
    def compiled(self, sources):
        """The problems of a tree with these {path: C text}, built as CMake lays objects out."""
        root = tree.planted(self, sources)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path in sources:
            place, name = os.path.split(path)
            target = os.path.join(folder.name, place, "CMakeFiles/x.dir", name + ".o")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            subprocess.run(["gcc", "-c", path, "-o", target], cwd=root, check=True)
        return object_problems(root, folder.name)[0]

    def test_only_the_place_wants_to_send(self):
        found, looked_at = object_problems(tree.SOURCE, tree.BUILD)
        self.assertGreater(looked_at, 100, f"no objects in {tree.BUILD}: was it built?")
        print(f"  {looked_at} objects")
        tree.assert_kept(self, found)

    def test_place_may_send_and_the_link_may_use_zeromq(self):
        send = "void sl_router_send(void);\nvoid f(void) { sl_router_send(); }\n"
        raw = "void zmq_msg_send(void);\nvoid sl_router_send(void) { zmq_msg_send(); }\n"
        self.assertEqual(self.compiled({PLACE: send, "common/io/link.c": raw}), [])

    def test_name_made_by_a_macro_is_red(self):
        text = "#define SAY(how) sl_router_##how\nvoid SAY(send)(void);\nvoid f(void) { SAY(send)(); }\n"
        root = tree.planted(self, {PLACE: "sl_router_send(r, m);\n", "broker/shell/front.c": text})
        self.assertEqual(problems(root), [], "sources do not show it")
        self.assertEqual(self.compiled({"broker/shell/front.c": text}),
                         [f"broker/shell/front.c: wants sl_router_send, and only {PLACE} may"])

    def test_zeromq_past_the_link_is_red(self):
        text = "#define RAW(how) zmq_##how\nint RAW(send)(void);\nint (*say)(void) = RAW(send);\n"
        self.assertEqual(self.compiled({"worker/shell/a.c": text}), ["worker/shell/a.c: wants zmq_send, past the link of common/io"])


if __name__ == "__main__":
    tree.main()
