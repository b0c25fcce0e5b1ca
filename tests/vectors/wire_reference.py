"""The protocol in another language: frames made and read from wire.def by Debian's msgpack module, independent of the C code.
Used by the tests of the vectors and of PROTOCOL.md, and by tests that speak to a broker or worker from Python.
As a program it prints a row for wire.json: wire_reference.py "watch nobody" watch 11 '{"jobs": []}' """
import json
import os
import re
import struct
import sys

import msgpack

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAGIC, VERSION = b"SLU1", 1
TOKEN = ("shard", "epoch", "job", "run", "stage", "item", "attempt", "nonce")
BIN16 = ("ID", "DIGEST", "BIN16")


class Field:
    def __init__(self, kind, name, limit, presence):
        self.kind, self.name, self.limit = kind, name, limit
        self.item = presence if kind == "LIST" else None
        self.required = kind == "LIST" or presence == "REQUIRED"


class Type:
    """A message (number and sender set) or an item of lists."""

    def __init__(self, name, upper=None, number=None, sender=None):
        self.name, self.upper, self.number, self.sender, self.fields = name, upper, number, sender, []


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)


def limits():
    """The numbers of limits.h by name, and those of stdint.h that the table uses."""
    known = {"UINT64_MAX": 2**64 - 1, "UINT32_MAX": 2**32 - 1, "INT64_MAX": 2**63 - 1}
    for name, expression in re.findall(r"^\s*(SL_\w+) = ([^,\n]+?),?\s*$", read("common/base/limits.h"), re.MULTILINE):
        known[name] = evaluate(expression, known)
    return known


def evaluate(expression, known):
    if not re.fullmatch(r"[\w\s()+*<-]+", expression):
        raise ValueError(f"not a sum of limits: {expression}")
    return eval(expression, {"__builtins__": {}}, known)  # only names, numbers and + - * << ( ) came through


def table():
    """All messages and items by their lower-case name, in the order of wire.def."""
    types, current, known = {}, None, limits()
    for macro, arguments in re.findall(r"^\s*SL_(MESSAGE|ITEM|FIELD)\((.*)\)\s*$", read("common/wire/wire.def"), re.MULTILINE):
        parts = [part.strip() for part in arguments.split(",")]
        if macro == "FIELD":
            kind, name, limit, presence = parts
            current.fields.append(Field(kind, name, evaluate(limit, known), presence))
            continue
        current = Type(parts[0]) if macro == "ITEM" else Type(parts[1], parts[0], int(parts[2]), parts[3])
        types[current.name] = current
    return types


TABLE = table()
BY_NUMBER = {type.number: type for type in TABLE.values() if type.number}


def is_empty(value):
    return value in (None, "", b"", 0, False, [], bytes(16))


def pack_token(token):
    return [token[name] if name not in ("job", "nonce") else
            bytes(token["job"]) if name == "job" else struct.pack("<Q", token["nonce"]) for name in TOKEN]


def unpack_token(packed):
    token = dict(zip(TOKEN, packed, strict=True))
    token["nonce"] = struct.unpack("<Q", token["nonce"])[0]
    return token


def pack_value(field, value):
    """A Python value as msgpack's module should write it. VALUE is bytes that hold msgpack; RAW is any Python value."""
    if field.kind == "LIST":
        return [pack_item(TABLE[field.item], item) for item in value]
    if field.kind == "TOKENS":
        return [pack_token(token) for token in value]
    return pack_token(value) if field.kind == "TOKEN" else value


def pack_item(type, item):
    return [pack_value(field, item.get(field.name, default(field)))
            if field.required or not is_empty(item.get(field.name)) else None for field in type.fields]


def default(field):
    return {"STR": "", "VALUE": b"", "UINT": 0, "BOOL": False, "LIST": [], "STRS": [], "TOKENS": []}.get(field.kind)


def encode(type_name, message_id, fields):
    """A whole frame. Fields that are absent and required get their zero."""
    type = TABLE[type_name]
    unknown = set(fields) - {field.name for field in type.fields}
    if unknown:
        raise KeyError(f"{type_name} has no field {', '.join(sorted(unknown))}")
    body = {field.name: pack_value(field, fields.get(field.name, default(field))) for field in type.fields
            if field.required or not is_empty(fields.get(field.name))}
    return prefix(type.number, message_id) + msgpack.packb(body, use_bin_type=True)


def prefix(number, message_id):
    return MAGIC + struct.pack("<HBBQ", number, VERSION, 0, message_id)


def decode(frame):
    """(name of the type, message id, fields) of a frame; raises ValueError for what is no frame of ours."""
    if len(frame) < 16 or frame[:4] != MAGIC:
        raise ValueError("not a frame of this protocol")
    number, version, _, message_id = struct.unpack("<HBBQ", frame[4:16])
    if version != VERSION or number not in BY_NUMBER:
        raise ValueError(f"version {version}, type {number}")
    type = BY_NUMBER[number]
    body = msgpack.unpackb(frame[16:], raw=False, strict_map_key=True)
    return type.name, message_id, {field.name: unpack_value(field, body[field.name])
                                   for field in type.fields if body.get(field.name) is not None}


def unpack_value(field, value):
    if field.kind == "LIST":
        return [unpack_item(TABLE[field.item], item) for item in value]
    if field.kind == "TOKENS":
        return [unpack_token(token) for token in value]
    return unpack_token(value) if field.kind == "TOKEN" else value


def unpack_item(type, item):
    return {field.name: unpack_value(field, value) for field, value in zip(type.fields, item) if value is not None}


def to_json(value):
    """A value for a JSON file: bytes as {"hex": ...}, numbers above 2^53 as {"uint": "..."}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {key: to_json(member) for key, member in value.items()}
    if isinstance(value, list):
        return [to_json(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool) and value > 2**53:
        return {"uint": str(value)}
    return value


def from_json(value):
    if isinstance(value, dict) and set(value) == {"hex"}:
        return bytes.fromhex(value["hex"])
    if isinstance(value, dict) and set(value) == {"uint"}:
        return int(value["uint"])
    if isinstance(value, dict):
        return {key: from_json(member) for key, member in value.items()}
    return [from_json(member) for member in value] if isinstance(value, list) else value


def vector(name, type_name, message_id, fields):
    """A row of wire.json; fields as to_json gives them."""
    frame = encode(type_name, message_id, from_json(fields))
    row = {"name": name, "type": type_name.upper(), "message_id": str(message_id), "fields": to_json(decode(frame)[2])}
    return json.dumps({**row, "hex": frame.hex()}, ensure_ascii=False)


if __name__ == "__main__":
    print(vector(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
