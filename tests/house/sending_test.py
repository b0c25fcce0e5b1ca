"""One way out: in the broker exactly one call puts a message on the wire, and it stands in effects.c, which carries out
what the core decided only when the ledger has it."""
import re
import unittest

import tree

PLACE = "broker/shell/effects.c"
SEND = re.compile(r"\bsl_router_send\w*\s*\(")
RAW_SEND = re.compile(r"\b(?:zmq_send|zmq_msg_send|zmq_sendmsg|zmq_sendiov|zmq_send_const)\s*\(")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SERVER = ("broker/core/", "broker/shell/", "broker/http/")


def calls(root, pattern, folders):
    """Places of calls in sources; what stands in a comment is no call."""
    found = []
    for path in tree.files(root, ".c"):
        if path.startswith(folders):
            code = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), tree.text(root, path))
            found += [f"{path}:{number}" for number, line in enumerate(code.splitlines(), 1) if pattern.search(line)]
    return found


def problems(root):
    sends = calls(root, SEND, SERVER)
    found = [f"{place}: sends, and only {PLACE} may" for place in sends if not place.startswith(PLACE + ":")]
    if len(sends) - len(found) != 1:
        found.append(f"{PLACE}: has {len(sends) - len(found)} calls that send; it must have exactly one")
    return found + [f"{place}: sends past the link of common/io" for place in calls(root, RAW_SEND, ("broker/", "worker/"))]


class Sending(unittest.TestCase):
    def plant(self, **contents):
        paths = {"effects": PLACE, "other": "broker/shell/front.c", "core": "broker/core/a.c"}
        return problems(tree.planted(self, {paths[name]: text for name, text in contents.items()}))

    def test_exactly_one_call_sends(self):
        tree.assert_kept(self, problems(tree.SOURCE))

    def test_one_call_in_its_place_is_allowed(self):
        self.assertEqual(self.plant(effects="/* sl_router_send() is called below */\nf(sl_router_send(r, m));\n"), [])

    def test_second_call_in_the_same_place_is_red(self):
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\nsl_router_send_now(r, m);\n"))

    def test_call_elsewhere_is_red(self):
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", other="sl_router_send(r, m);\n"))
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", core="sl_router_send(r, m);\n"))

    def test_call_past_the_link_is_red(self):
        self.assertTrue(self.plant(effects="sl_router_send(r, m);\n", other="zmq_msg_send(m, s, 0);\n"))

    def test_no_call_at_all_is_red(self):
        self.assertTrue(self.plant(effects="int x;\n"))


if __name__ == "__main__":
    tree.main()
