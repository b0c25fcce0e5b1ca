"""PROTOCOL.md against wire.def: every message, item and field of the table stands in the page, in the same order and with the same
kind, limit and presence, and nothing else does."""
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "vectors"))

import wire_reference as wire  # noqa: E402  (its folder is known only now)

SENDER = {"CLIENT": "client to broker", "BROKER": "broker to client or worker", "WORKER": "worker to broker", "BOTH": "both ways"}
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (yes|no) \| .+ \|$", re.MULTILINE)
SECTION = re.compile(r"^### (?:(\w+) \((\d+)\), (.+)|Item `(\w+)`)$", re.MULTILINE)


def page():
    with open(os.path.join(wire.ROOT, "common", "wire", "PROTOCOL.md"), encoding="utf-8") as file:
        return file.read()


def told_by_the_table():
    """{heading: [(field, type in words, presence)]} as the page should have it."""
    told = {}
    for type in wire.TABLE.values():
        heading = f"{type.upper} ({type.number}), {SENDER[type.sender]}" if type.number else f"Item `{type.name}`"
        told[heading] = [(f.name, words(f), "yes" if f.required else "no") for f in type.fields]
    return told


def words(field):
    plain = {"BOOL": "bool", "ID": "bin, 16 bytes", "DIGEST": "bin, 16 bytes", "BIN16": "bin, 16 bytes", "TOKEN": "token"}
    sized = {"STR": "str, at most {} bytes", "VALUE": "bin, at most {} bytes", "RAW": "any object, at most {} bytes",
             "UINT": "uint, at most {}", "STRS": "array of at most {} str", "TOKENS": "array of at most {} tokens"}
    if field.kind == "LIST":
        return f"array of at most {field.limit} `{field.item}`"
    return plain.get(field.kind) or sized[field.kind].format(amount(field.limit))


def amount(number):
    for power in (64, 63, 32):
        if number == 2**power - 1:
            return f"2^{power}-1"
    return str(number)


def told_by(text):
    told, starts = {}, list(SECTION.finditer(text))
    for start, end in zip(starts, starts[1:] + [None]):
        body = text[start.end():end.start() if end else len(text)]
        heading = start.group(0)[4:]
        if heading in told:
            raise ValueError(f"{heading} stands there twice")
        told[heading] = [match.groups() for match in ROW.finditer(body)]
    return told


class Protocol(unittest.TestCase):
    maxDiff = None

    def test_page_says_what_the_table_says(self):
        told, wanted = told_by(page()), told_by_the_table()
        self.assertEqual(list(told), list(wanted))
        for heading, rows in wanted.items():
            self.assertEqual(told[heading], rows, heading)

    def test_page_names_the_prefix_and_the_limits(self):
        known = wire.limits()
        for fact in ("`SLU1`", str(known["SL_CLIENT_MESSAGE_MAX"]), str(known["SL_WORKER_MESSAGE_MAX"]),
                     str(known["SL_CONTROL_DEPTH_MAX"]), str(known["SL_CONTROL_NODES_MAX"]), str(known["SL_VALUE_NODES_MAX"]),
                     str(known["SL_VALUE_DEPTH_MAX"]), str(known["SL_BATCH_MESSAGE_MAX"])):
            self.assertIn(fact, page())

    def test_page_lists_every_code_of_a_refusal_and_every_outcome(self):
        codes = re.findall(r'SL_REJECT\(\w+,\s*"([\w-]+)"', wire.read("common/base/reject.def"))
        outcomes = re.findall(r'SL_OUTCOME\(\w+,\s*(\d+), "(\w+)"', wire.read("common/base/outcome.def"))
        self.assertTrue(codes and outcomes)
        for code in codes:
            self.assertIn(f"`{code}`", page())
        for number, word in outcomes:
            self.assertIn(f"{number} {word}", page())

    def test_a_changed_page_is_red(self):
        for before, after in (("`traceparent`", "`trace`"), ("| yes |", "| no |"), ("str, at most 64 bytes", "str, at most 65 bytes"),
                              ("### SUBMIT (10)", "### SUBMIT (9)"), ("### Item `ack`", "#### Item `ack`")):
            changed = page().replace(before, after, 1)
            self.assertNotEqual(changed, page(), before)
            self.assertTrue(told_by(changed) != told_by_the_table(), before)


if __name__ == "__main__":
    unittest.main()
