"""The editors' schema against every shipped pipeline and every bad file: it must agree with lint where a schema can see."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(HERE))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import cases  # noqa: E402

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"[SKIP] schema: {missing}; install python3-jsonschema and python3-yaml")
    sys.exit(0)


class Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2 for the few scalars that matter: a date and "yes" are text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile("^(true|True|TRUE|false|False|FALSE)$"), "tTfF")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def files(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".yaml"))


class Schema(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(read(os.path.join(ROOT, "common", "schema", "pipeline.schema.json")))
        self.validator = jsonschema.Draft7Validator(self.schema)

    def is_valid(self, path):
        return self.validator.is_valid(yaml.load(read(path), Loader=Loader))

    def test_is_draft_07(self):
        self.assertEqual(self.schema["$schema"], "http://json-schema.org/draft-07/schema#")
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_every_shipped_pipeline_is_valid_and_names_the_schema(self):
        paths = files(os.path.join(ROOT, "deploy", "pipelines"))
        self.assertGreaterEqual(len(paths), 4)
        for path in paths:
            with self.subTest(path):
                self.assertTrue(self.is_valid(path), path)
                first = read(path).splitlines()[0]
                self.assertEqual(first, "# yaml-language-server: $schema=../../common/schema/pipeline.schema.json")

    def test_twenty_bad_files_fail_as_they_do_in_lint(self):
        seen = 0
        for path in files(os.path.join(HERE, "bad")):
            with self.subTest(path):
                invisible = read(path).startswith("# The schema cannot see this.")
                self.assertEqual(self.is_valid(path), invisible, path)
                self.assertIn(": error: ", read(path[:-len(".yaml")] + ".txt"))
                seen += not invisible
        self.assertGreaterEqual(seen, 20)

    def test_what_lint_accepts_the_schema_accepts(self):
        document = {"name": "p", "version": "2026-01-15-b2", "metadata": {"owner": "", "tags": ["x"]},
                    "stage_plugins": [{"callable": "my_package.plugins:Class.method"}],
                    "stages": [{"name": "a", "type": "ingest", "config": {"adapter": "files"}},
                               {"name": "b", "type": "t", "metadata": {"state_key": None, "dependencies": ["@ledger", "a"]}},
                               {"name": "c", "type": "t", "depends_on": ["a", "b"],
                                "metadata_overrides": {"state_key": ["k", "l"]}}]}
        self.validator.validate(document)


if __name__ == "__main__":
    cases.main()
