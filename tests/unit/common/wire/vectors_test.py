"""The vectors against a second implementation (Debian's msgpack module): what the C encoders write is what another language
writes from the same table, and the vectors leave no message and no field out."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "..", "vectors")
sys.path.insert(0, VECTORS)

import wire_reference as wire  # noqa: E402  (its folder is known only now)


def load(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return json.load(file)


def used(type, fields, seen):
    """Notes every (type, field) that has a value somewhere in these fields."""
    for field in type.fields:
        value = fields.get(field.name)
        if wire.is_empty(value) and not field.required:
            continue
        seen.add((type.name, field.name))
        for item in value if field.kind == "LIST" and value else []:
            used(wire.TABLE[field.item], item, seen)


class Vectors(unittest.TestCase):
    def test_python_writes_the_same_bytes(self):
        for row in load("wire.json"):
            with self.subTest(row["name"]):
                fields = wire.from_json(row["fields"])
                frame = wire.encode(row["type"].lower(), int(row["message_id"]), fields)
                self.assertEqual(frame.hex(), row["hex"])

    def test_python_reads_the_same_fields(self):
        for row in load("wire.json"):
            with self.subTest(row["name"]):
                name, message_id, fields = wire.decode(bytes.fromhex(row["hex"]))
                self.assertEqual((name.upper(), str(message_id)), (row["type"], row["message_id"]))
                self.assertEqual(wire.to_json(fields), row["fields"])

    def test_python_reads_foreign_forms_alike(self):
        ours = {row["name"]: row for row in load("wire.json")}
        for row in load("wire_foreign.json"):
            with self.subTest(row["name"]):
                name, message_id, fields = wire.decode(bytes.fromhex(row["hex"]))
                self.assertEqual(wire.encode(name, message_id, fields).hex(), ours[row["means"]]["hex"])

    def test_every_message_and_every_field_occurs(self):
        seen = set()
        for row in load("wire.json"):
            used(wire.TABLE[row["type"].lower()], wire.from_json(row["fields"]), seen)
        wanted = {(type.name, field.name) for type in wire.TABLE.values() for field in type.fields}
        self.assertEqual(wanted - seen, set())
        self.assertEqual({row["type"] for row in load("wire.json")}, {t.upper for t in wire.TABLE.values() if t.number})

    def test_names_are_unique(self):
        for name in ("wire.json", "wire_foreign.json", "wire_refused.json"):
            names = [row["name"] for row in load(name)]
            self.assertEqual(len(names), len(set(names)), name)


if __name__ == "__main__":
    unittest.main()
