"""Our config schemas against another implementation (Debian's python3-jsonschema): for generated schemas of the subset and
generated values both say valid, or both say invalid."""
import json
import os
import random
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(HERE))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import cases  # noqa: E402

try:
    import jsonschema
except ImportError as missing:
    print(f"[SKIP] schema_value: {missing}; install python3-jsonschema")
    sys.exit(0)

PROGRAM = os.environ.get("SCHEMA_VERDICTS", "")
SEED, COUNT = 20260115, 4000
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
NAMES = ["a", "b", "c", "d\u00e4"]
TEXTS = ["", "a", "ab", "abc", "/b", "\u00e4\u00f6", "\U0001f600x", "12", "a1"]
NUMBERS = [0, 1, -1, 2, 3, 0.0, 1.0, -1.0, 0.5, 2.5, 1e300, -1e300, 2**53, 2**53 + 1, 2.0**53, 2**63, 2**64 - 1, -2**63]
# The same in both languages of regular expressions.
PATTERNS = ["^/", "a", "^a*b?$", "[0-9]+", "^.{2}$", "x|\u00e4", ""]


def value(rng, depth=0):
    kind = rng.choice(TYPES if depth < 3 else TYPES[:5])
    if kind == "array":
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == "object":
        return {name: value(rng, depth + 1) for name in rng.sample(NAMES, rng.randrange(4))}
    return {"null": None, "boolean": rng.random() < 0.5, "string": rng.choice(TEXTS)}.get(kind, rng.choice(NUMBERS))


def schema(rng, depth=0):
    made = {}
    words = ["type", "enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default"]
    if depth < 3:
        words += ["properties", "required", "additionalProperties", "items"] * 2
    for word in set(rng.sample(words, rng.randrange(1, 5))):
        if word == "type":
            made[word] = rng.choice(TYPES) if rng.random() < 0.5 else rng.sample(TYPES, rng.randrange(1, 4))
        elif word == "enum":
            made[word] = unique([value(rng, 1) for _ in range(rng.randrange(1, 5))])
        elif word in ("const", "default"):
            made[word] = value(rng, 1)
        elif word in ("minimum", "maximum"):
            made[word] = rng.choice(NUMBERS)
        elif word in ("minLength", "maxLength", "minItems", "maxItems"):
            made[word] = rng.randrange(4)
        elif word == "pattern":
            made[word] = rng.choice(PATTERNS)
        elif word == "properties":
            made[word] = {name: schema(rng, depth + 1) for name in rng.sample(NAMES, rng.randrange(4))}
        elif word == "required":
            made[word] = rng.sample(NAMES, rng.randrange(3))
        elif word == "additionalProperties":
            made[word] = rng.random() < 0.3 or (rng.random() < 0.6 and schema(rng, depth + 1))
        else:
            made[word] = schema(rng, depth + 1)
    return made


def unique(items):
    found = []
    for item in items:
        if not any(json.dumps(item) == json.dumps(other) for other in found):
            found.append(item)
    return found


def fitting(rng, rule):
    """A value that has a chance to be what a schema wants."""
    if "const" in rule and rng.random() < 0.7:
        return rule["const"]
    if "enum" in rule and rng.random() < 0.7:
        return rng.choice(rule["enum"])
    if ("properties" in rule or "required" in rule) and rng.random() < 0.8:
        rules = rule.get("properties", {})
        names = set(rule.get("required", [])) | {name for name in rules if rng.random() < 0.7}
        return {name: fitting(rng, rules.get(name, {})) for name in sorted(names)}
    if "items" in rule and rng.random() < 0.8:
        return [fitting(rng, rule["items"]) for _ in range(rng.randrange(4))]
    return value(rng)


def verdicts(pairs):
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run([PROGRAM], input=lines, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.splitlines()


class Verdicts(unittest.TestCase):
    def test_are_those_of_another_implementation(self):
        rng = random.Random(SEED)
        rules = [schema(rng) for _ in range(COUNT)]
        pairs = [(rule, fitting(rng, rule)) for rule in rules]
        valid = 0
        told = verdicts(pairs)
        self.assertEqual(len(told), len(pairs))
        for (rule, given), verdict in zip(pairs, told):
            is_valid = jsonschema.Draft7Validator(rule).is_valid(given)
            valid += is_valid
            self.assertEqual(verdict == "0", is_valid, f"{json.dumps(rule)} of {json.dumps(given)}: {verdict}")
        self.assertGreater(valid, COUNT // 5)
        self.assertGreater(COUNT - valid, COUNT // 5)

    def test_schemas_of_other_keywords_are_refused_by_name(self):
        for word in ("oneOf", "anyOf", "allOf", "not", "if", "then", "else", "$ref", "definitions", "format", "multipleOf",
                     "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "contains", "additionalItems", "minProperties",
                     "maxProperties", "patternProperties", "propertyNames", "dependencies", "title", "description", "$id",
                     "$schema", "$comment", "examples", "readOnly", "contentEncoding"):
            with self.subTest(word):
                self.assertIn(f"config_schema.properties.x.{word} is not a keyword",
                              verdicts([({"properties": {"x": {word: {}}}}, {})])[0])

    def test_what_is_no_schema_for_the_other_is_none_for_us(self):
        for rule in ({"type": "text"}, {"type": []}, {"minimum": "1"}, {"minLength": -1}, {"required": [1]}, {"properties": []},
                     {"items": 1}, {"enum": 1}, {"pattern": 1}, {"maxItems": 1.5}, {"additionalProperties": "no"}):
            with self.subTest(rule):
                with self.assertRaises(jsonschema.SchemaError):
                    jsonschema.Draft7Validator.check_schema(rule)
                self.assertTrue(verdicts([(rule, {})])[0].startswith("unusable "))


if __name__ == "__main__":
    cases.main()
