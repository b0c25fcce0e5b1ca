"""Every command against a running cluster: exit codes, streams, formats."""
import json
import os
import re
import subprocess
import time
import unittest

from cluster import ROOT, SLUICE, ClusterCase, cases, environment, run

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Jobs(ClusterCase):
    def submit(self, *words, **more):
        return self.sluice("submit", *words, "-q", **more).stdout.strip()

    def test_submit_prints_the_id_alone(self):
        for words in (["-q"], [], ["-o", "name"]):
            printed = self.sluice("submit", "quick", *words).stdout
            self.assertRegex(printed, rf"\A{ID.pattern}\n\Z")
        record = self.json("submit", "quick")
        self.assertRegex(record["job_id"], ID)
        self.assertEqual((record["run"], record["duplicate"]), (1, False))

    def test_wait_prints_the_job_as_json(self):
        job = self.json("submit", "quick", "--input", "-", "--wait", stdin='{"n": [1, 18446744073709551615, "x"]}')
        self.assertEqual((job["status"], job["pipeline"], job["pipeline_version"]), ("completed", "quick", "2026-01-15"))
        self.assertEqual(list(job["stages"]), ["one", "two"])
        for key in ("job_id", "doc_key", "tenant_id", "run", "sub_state", "current_stage", "attempts", "retry_count",
                    "error_reason", "created_at", "updated_at", "completed_at", "fields", "gate_state", "history"):
            self.assertIn(key, job)
        self.assertEqual(job, self.json("jobs", "show", job["job_id"]))
        self.assertEqual(job, self.json("wait", job["job_id"]))

    def test_the_exit_code_is_the_outcome(self):
        self.sluice("submit", "quick", "--wait")
        failed = self.sluice("submit", "failing", "--wait", expected=5)
        self.assertIn("failed", failed.stdout)
        self.assertIn("config.times", failed.stdout)
        self.assertIn("config.times", self.sluice("jobs", "show", failed.stdout[:8]).stdout)
        slow = self.submit("slow")
        self.assertIn("goes on", self.sluice("wait", slow, "--timeout", "300ms", expected=7).stderr)
        self.assertEqual(self.json("jobs", "show", slow)["status"], "processing")
        self.assertEqual(self.sluice("jobs", "cancel", slow).stdout.strip(), slow)
        self.sluice("wait", slow, expected=6)
        self.assertEqual(self.sluice("jobs", "cancel", slow).stdout.strip(), slow, "cancelled is cancelled")
        done = self.json("submit", "quick", "--wait")["job_id"]
        refused = self.sluice("jobs", "cancel", done, expected=10)
        self.assertIn("ended already", refused.stderr)
        self.assertEqual(refused.stdout, "", "it names what was cancelled")

    def test_json_names_the_job_whose_end_was_not_awaited(self):
        known = self.json("submit", "slow", "--wait", "--timeout", "300ms", expected=7)
        self.assertEqual((known["run"], known["duplicate"]), (1, False))
        self.assertEqual(self.json("jobs", "cancel", known["job_id"])["job_id"], known["job_id"])

    def test_a_dead_letter_shows_what_its_last_attempt_left(self):
        job = self.submit("shot")
        self.sluice("wait", job, expected=5)
        self.assertRegex(self.sluice("jobs", "show", job).stdout, r"\nthe last attempt of bang left behind:\n    signal: SIGABRT\n")
        done = self.json("submit", "quick", "--wait")["job_id"]
        self.assertNotIn("left behind", self.sluice("jobs", "show", done).stdout)

    def test_a_reference_is_any_unique_start(self):
        job = self.submit("quick")
        for size in (36, 20, 12, 8):
            self.assertEqual(self.json("jobs", "show", job[:size])["job_id"], job)
        self.sluice("wait", job[:8])
        unknown = self.sluice("jobs", "show", "00000000-0000-8000-8000-000000000000", expected=3)
        self.assertIn("job", unknown.stderr)
        self.sluice("wait", "00000000-0000-8000-8000-000000000000", expected=3)
        self.assertNotIn("0 jobs", self.sluice("watch", "00000000-0000-8000-8000-000000000000", expected=3).stderr)
        self.sluice("jobs", "cancel", "00000000", expected=3)

    def test_the_same_key_is_the_same_job(self):
        first = self.submit("quick", "--key", "order-1", "--input", "-", stdin="1")
        again = self.sluice("submit", "quick", "--key", "order-1", "--input", "-", stdin="1")
        self.assertEqual(again.stdout.strip(), first)
        self.assertIn("known already", again.stderr)
        other = self.sluice("submit", "quick", "--key", "order-1", "--input", "-", stdin="2", expected=10)
        self.assertEqual(other.stdout, "")
        self.assertIn("give one of them", self.sluice("submit", "quick", "--key", "a", "--doc-key", "b", expected=2).stderr)

    def test_a_failed_duplicate_says_what_to_do(self):
        self.sluice("submit", "failing", "--doc-key", "d", "--wait", expected=5)
        again = self.sluice("submit", "failing", "--doc-key", "d")
        self.assertIn("sluice jobs show", again.stderr)
        self.assertIn("another --key", again.stderr)

    def test_output_and_events(self):
        job = self.submit("quick", "--input", "-", stdin='{"a": 1}')
        self.sluice("wait", job)
        results = {"one": {"type": "noop", "output": None}, "two": {"type": "echo", "output": None}}
        self.assertEqual(self.json("jobs", "output", job), {"results": results}, "no stage of this pipeline has a state key")
        refused = self.sluice("jobs", "output", job, "no_such_key", expected=3)
        self.assertIn("it has: results", refused.stderr)
        events = self.json("jobs", "events", job)
        self.assertEqual([event["n"] for event in events], sorted(event["n"] for event in events))
        self.assertTrue(all(set(event) == set(events[0]) for event in events))
        queued = self.json("jobs", "events", self.submit("nobody"))
        for first in (events[0], queued[0]):
            self.assertEqual((first["event"], first["run"], first["stage"], first["worker"]), ("submitted", 1, None, None))
        self.assertEqual(events[0]["at"], self.json("jobs", "show", job)["created_at"])
        self.assertEqual([event["event"] for event in events].count("submitted"), 1)

    def test_what_has_no_state_key_stands_among_the_results(self):
        self.sluice("pipelines", "apply", os.path.join(os.path.dirname(ROOT), "deploy/pipelines/hello.yaml"))
        job = self.submit("hello", "--input", "-", stdin='{"a": 1}')
        self.sluice("wait", job)
        echoed = {"type": "echo", "output": {"a": 1}}
        self.assertEqual(self.json("jobs", "output", job), {"results": {"first": echoed, "second": echoed}})
        self.assertEqual(self.json("jobs", "output", job, "results")["second"], echoed)

    def test_texts_from_anywhere_steer_no_terminal(self):
        key = "/x/\x1b[31m\\n.md@sha256:" + "ab" * 32
        job = self.submit("quick", "--doc-key", key)
        listed = self.sluice("jobs", "list").stdout
        self.assertIn("/x/\\x1b[31m\\n.md@sha256:abababab -\n", listed, "escaped once, digest shortened")
        self.assertEqual(self.json("jobs", "show", job)["doc_key"], key)
        other = "\u009b31m\x7f"
        job = self.submit("quick", "--doc-key", other)
        for words in (["jobs", "list"], ["jobs", "show", job], ["jobs", "show", job, "-o", "json"], ["jobs", "list", "-o", "jsonl"]):
            shown = self.sluice(*words).stdout
            self.assertFalse({"\u009b", "\x7f"} & set(shown), words)
            self.assertIn("31m", shown)
        self.assertEqual(self.json("jobs", "show", job)["doc_key"], other)
        self.assertIn(r"\x1b", self.sluice("submit", "quick", "--each", "\x1b[31m", expected=1).stderr)
        for words in (["submit", "quick", "--each", "\x1b[31m"], ["\x1b[31m"], ["--\x1b"], ["pipelines", "lint", "\x1b.yaml"]):
            self.assertNotIn("\x1b", self.dev.run(*words).stderr)

    def test_quiet_lists_are_ids(self):
        job = self.submit("quick")
        self.assertIn(job, self.sluice("jobs", "list", "-q").stdout.split("\n"))
        self.assertEqual(self.sluice("jobs", "show", job, "-q").stdout, f"{job}\n")
        self.assertIn("quick", self.sluice("pipelines", "list", "-q").stdout.split("\n"))

    def test_labels_and_tenants_are_checked(self):
        self.submit("quick", "--label", "team=a", "--label", "day=monday", "--tenant", "acme")
        self.sluice("submit", "quick", "--label", "team", expected=2)
        self.sluice("submit", "quick", "--tenant", "no such", expected=2)

    def test_a_list_is_pure_in_every_format(self):
        job = self.submit("quick")
        self.sluice("wait", job)
        for words in (["jobs", "list"], ["pipelines", "list"], ["stages", "list"], ["workers", "list"], ["plugin", "list"]):
            self.assertIsInstance(self.json(*words), list)
            lines = self.sluice(*words, "-o", "jsonl").stdout.splitlines()
            self.assertTrue(lines and all(isinstance(json.loads(line), dict) for line in lines), words)
            names = self.sluice(*words, "-o", "name").stdout.splitlines()
            self.assertEqual(len(names), len(lines))
            self.assertTrue(all(name and " " not in name for name in names))
            self.assertNotIn("\x1b", self.sluice(*words).stdout)
        self.assertIsInstance(self.json("status"), dict)
        self.assertEqual(self.json("version")["wire"], 1)

    def test_jobs_are_listed_by_status_and_in_pages(self):
        jobs = [self.submit("quick") for _ in range(5)]
        self.sluice("wait", *jobs)
        failed = self.sluice("submit", "failing", "--wait", expected=5).stdout.split()[0]
        listed = [job["job_id"] for job in self.json("jobs", "list", "--status", "failed")]
        self.assertIn(failed, listed)
        self.assertFalse(set(jobs) & set(listed))
        self.assertEqual(len(self.json("jobs", "list", "--limit", "2")), 2)
        self.assertGreaterEqual(len(self.json("jobs", "list", "--limit", "1000")), 6)
        self.assertIn("from 1 to", self.sluice("jobs", "list", "--limit", "10000000000", expected=2).stderr)
        self.assertIn("contradict", self.sluice("jobs", "list", "--limit", "2", "--all", expected=2).stderr)
        self.assertIn("did you mean failed", self.sluice("jobs", "list", "--status", "faild", expected=2).stderr)

    def test_wait_for_many_is_as_bad_as_the_worst(self):
        good, bad = self.submit("quick"), self.submit("failing")
        self.sluice("wait", good, bad, expected=5)
        both = self.dev.run("wait", good, bad, good, "-o", "json")
        self.assertEqual((both.returncode, len(json.loads(both.stdout))), (5, 2))
        self.sluice("wait", good, "--for", "dinner", expected=2)

    def test_watch_counts_each_pipeline_apart(self):
        watched = self.sluice("watch", self.submit("quick"), self.submit("quick"), self.submit("second"))
        for line in (r"(?m)^quick/two +2/2 \(100%\)$", "(?m)^second/short +done$"):
            self.assertRegex(watched.stderr, line)

    def test_an_unknown_pipeline_suggests_the_nearest(self):
        ended = self.sluice("submit", "quik", expected=3)
        self.assertEqual(ended.stdout, "")
        self.assertEqual(ended.stderr.count('did you mean "quick"'), 1)
        self.assertIn("there is quick@2026-01-15", self.sluice("submit", "quick@2", expected=3).stderr)

    def test_a_type_that_nobody_offers_is_said(self):
        start = time.monotonic()
        submitted = self.sluice("submit", "nobody")
        waited = self.sluice("submit", "nobody", "--wait", "--timeout", "1s", expected=7)
        self.assertEqual(waited.stderr.count('stage type "pdf-pages"'), 1, waited.stderr)
        self.assertLess(time.monotonic() - start, 10)
        self.assertIn("pdf-pages", submitted.stderr)
        watched = self.dev.popen("watch", submitted.stdout.strip())
        wanted = ["pdf-pages", "connected workers: worker-"]
        for line in watched.stderr:
            wanted = [part for part in wanted if part not in line]
            if not wanted:
                break
        self.assertEqual(wanted, [], "watch said nothing of these")
        self.assertLess(time.monotonic() - start, 20)
        watched.send_signal(2)
        self.assertEqual(watched.wait(30), 130)
        watched.stdout.close()
        watched.stderr.close()


class Each(ClusterCase):
    words = (os.path.join(cases.SOURCE, "deploy", "pipelines"),)

    def test_one_job_per_file_and_none_twice(self):
        folder = os.path.join(self.dev.folder, "documents")
        os.makedirs(os.path.join(folder, "nothing"))
        for number in range(5):
            with open(os.path.join(folder, f"{number}.md"), "w", encoding="utf-8") as file:
                file.write(f"# Document {number}\n\nCopyright 2026 Some Body. Licensed under the MIT licence.\n")
        first = self.sluice("submit", "auto", "--each", folder, "--watch")
        self.assertIn("5 files: 5 submitted, 0 known already; 5 jobs: 5 completed", first.stdout)
        again = self.sluice("submit", "auto", "--watch", "--each", os.path.join(folder, "*.md"))
        self.assertIn("5 files: 0 submitted, 5 known already", again.stdout)
        self.assertIn("no stage was done again", again.stderr)
        open(os.path.join(folder, "empty.md"), "w", encoding="utf-8").close()
        with open(os.path.join(folder, "large.bin"), "wb") as file:
            file.truncate(200 << 20)
        mixed = self.sluice("submit", "auto", "--each", folder, os.path.join(folder, "nothing"), "absent.md", "--wait", expected=1)
        for named in ("empty.md", "large.bin", "nothing", "absent.md"):
            self.assertIn(named, mixed.stderr)
        records = json.loads(self.dev.run("submit", "auto", "--each", f"{folder}/0.md", f"{folder}/1.md", "-o", "json").stdout)
        self.assertEqual(sorted(os.path.basename(record["path"]) for record in records), ["0.md", "1.md"])
        self.assertTrue(all(record["duplicate"] for record in records))
        found = json.loads(run("search", "licence", "--data", self.dev.data, "-o", "json").stdout)
        self.assertEqual(len(found), 5)
        self.assertTrue(all({"document", "start", "end", "score", "text"} <= set(hit) for hit in found))
        table = run("search", "licence", "--data", self.dev.data).stdout.splitlines()
        self.assertEqual(table[0].split(), ["DOCUMENT", "SECTION", "BYTES", "SCORE"])
        self.assertRegex(table[1], r"\.md +\S.* +\d+-\d+ +\d+\.\d{3}$")
        self.assertEqual(table[0].index("SCORE"), re.search(r"\S+$", table[1]).start(), "one below the other")
        self.assertEqual(run("search", "zebra", "--data", self.dev.data).stdout, "")
        self.assertIn("5 documents", run("search", "--data", self.dev.data).stdout)
        self.assertEqual(run("search", "zebra", "--data", self.dev.data).returncode, 0)
        like = run("search", "--like", "some licence", "--data", self.dev.data, "--limit", "2", "-o", "name")
        self.assertEqual(len(like.stdout.splitlines()), 2)
        with open(os.path.join(folder, "long.md"), "w", encoding="utf-8") as file:
            file.write("".join(f"# Part {i}\n\n" + f"quokka {i} " * 200 + "\n\n" for i in range(4)))
        self.sluice("submit", "auto", "--each", os.path.join(folder, "long.md"), "--wait")
        self.assertGreater(len(json.loads(run("search", "quokka", "--data", self.dev.data, "-o", "json").stdout)), 1)
        self.assertRegex(run("search", "quokka", "--data", self.dev.data, "-o", "name").stdout, r"^\S*long.md\n$")
        with open(os.path.join(folder, "index.sqlite"), "w", encoding="utf-8") as file:
            file.write("no index " * 1000)
        damaged = run("search", "quokka", "--data", folder)
        self.assertEqual(damaged.returncode, 9)
        self.assertRegex(damaged.stderr, r"^sluice: \S*index.sqlite is damaged or no index .*: delete it and run again")
        for words in (["*"], ["--", "-"], [""], ["--like", ""], ["--like", "..."]):
            refused = run("search", "--data", self.dev.data, *words)
            self.assertEqual(refused.returncode, 2, words)
            self.assertRegex(refused.stderr, r"^sluice: the (question|text) has no word to (search for|compare by)\n")
        self.sluice("submit", "auto", "--each", folder, "--key", "k", expected=2)
        self.sluice("submit", "auto", "--each", expected=2)


class Large(ClusterCase):
    def test_a_state_that_fits_no_message_is_asked_for_by_key(self):
        path = os.path.join(self.dev.folder, "large.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('name: large\nversion: "2026-01-15"\nstages:\n  - {name: read, type: ingest, config: {adapter: payload}}\n'
                       '  - {name: see, type: parse, depends_on: [read]}\n')
        self.sluice("pipelines", "apply", path)
        document = os.path.join(self.dev.folder, "large.txt")
        with open(document, "w", encoding="utf-8") as file:
            file.write("A sentence of some words.\n" * (3500000 // 26))
        job = self.sluice("submit", "large", "--each", document, "--wait", "-q").stdout.strip()
        for _ in range(5):  # the advice asks for the job, whose record may be on its way from memory to Redis at this moment
            refused = self.sluice("jobs", "output", job, expected=1)
            found = re.search(r"one key at a time: sluice jobs output \S+ KEY; keys of its stages' types: (.*)", refused.stderr)
            if found:
                break
        self.assertTrue(found, refused.stderr)
        for key in found.group(1).split():
            self.assertTrue(self.sluice("jobs", "output", job, key).stdout)


class Known(ClusterCase):
    """Documents that the cluster has met."""
    words = (os.path.join(cases.SOURCE, "deploy", "pipelines"),)

    def test_a_list_is_as_long_as_it_was_asked_for(self):
        documents = os.path.join(self.dev.folder, "long list")
        os.mkdir(documents)
        for number in range(1100):
            with open(os.path.join(documents, f"{number}.txt"), "w", encoding="utf-8") as file:
                file.write(f"document {number}\n")
        self.sluice("submit", "quick", "--each", documents, "--tenant", "long", "--wait")
        listed = self.sluice("jobs", "list", "--tenant", "long", "--all", "-o", "name").stdout.split()
        self.assertEqual((len(listed), len(set(listed))), (1100, 1100))
        for words in (["-q"], ["-o", "jsonl"], ["-o", "json"], []):
            some = self.sluice("jobs", "list", "--tenant", "long", "--limit", "1050", *words).stdout
            found = [name for name in listed[:1050] if name[:8] in some]
            self.assertEqual(len(found), 1050, words)
            self.assertNotIn(listed[1050], some)

    def test_again_does_what_is_known_once_more(self):
        folder = os.path.join(self.dev.folder, "again")
        os.makedirs(folder)
        animals = os.path.join(folder, "animals.md")

        def write(path, text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        def found(word):
            return json.loads(run("search", word, "--data", self.dev.data, "-o", "json").stdout)
        for text in ("quokkas are small", "numbats eat termites"):
            write(animals, f"# Animals\n\nWe know that {text}.\n")
            self.sluice("submit", "auto", "--each", folder, "--wait")
        write(animals, "# Animals\n\nWe know that quokkas are small.\n")
        self.assertIn("--again", self.sluice("submit", "auto", "--each", folder, "--wait").stderr)
        self.assertEqual(found("quokkas"), [], "changed back: known")
        again = self.sluice("submit", "auto", "--each", folder, "--wait", "--again")
        self.assertIn("1 file: 1 submitted, 0 known already", again.stdout)
        self.assertEqual((len(found("quokkas")), found("numbats")), (1, []))
        new = os.path.join(folder, "new.md")
        write(new, "# New\n")
        self.sluice("submit", "auto", "--each", new, "--again", "--wait")
        self.assertIn("1 known already", self.sluice("submit", "auto", "--each", new, "--wait").stdout, "it has its own key")
        self.sluice("submit", "auto", "--again", expected=2)

    def test_what_was_interrupted_says_how_to_come_back(self):
        path = os.path.join(self.dev.folder, "interrupted.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("a document\n")
        for words, sentence in ([], "files that were accepted are recognised"), (["--again"], "every known document once more"):
            ended = self.sluice("submit", "slow", "--each", path, "--wait", "--timeout", "300ms", *words, expected=7)
            self.assertIn(f"wait again: the same command; {'with --again it does ' if words else ''}{sentence}", ended.stderr)
        for job in self.sluice("jobs", "list", "--status", "queued,processing", "-q").stdout.split():
            self.sluice("jobs", "cancel", job)

    def test_failures_are_named_with_their_reasons(self):
        folder = os.path.join(self.dev.folder, "failing")
        os.makedirs(folder)
        for number in range(12):
            with open(os.path.join(folder, f"{number:02}.nxml"), "w", encoding="utf-8") as file:
                file.write(f"<article>{number}")
        first = self.sluice("submit", "auto", "--each", folder, "--watch", expected=5)
        self.assertEqual(len(re.findall(r"(?m)^failed .*\d\d\.nxml: .*parse", first.stderr)), 10, first.stderr)
        self.assertIn("... and 2 more failed", first.stderr)
        again = self.sluice("submit", "auto", "--each", folder, "--watch", expected=5)
        self.assertEqual(len(re.findall(r"(?m)^failed before .*\d\d\.nxml: .*parse", again.stderr)), 10, again.stderr)
        self.assertIn("... and 2 more failed", again.stderr)
        self.assertIn("--again", again.stderr)
        self.assertNotIn("jobs list", again.stderr)


class Policies(ClusterCase):
    """A cluster with policies that only its broker knows."""
    words = ("--policies", os.path.join(cases.SOURCE, "tests", "chaos", "policies.yaml"))

    def write(self, policy, kind="noop"):
        path = os.path.join(self.dev.folder, "own.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'name: own\nversion: "2026-01-15"\nstages:\n  - {{name: a, type: {kind}, policy: {policy}}}\n')
        return path

    def test_apply_leaves_policies_to_the_broker(self):
        path = self.write("hasty")
        self.assertIn("applied", self.sluice("pipelines", "apply", path).stdout)
        self.sluice("pipelines", "graph", path)
        refused = self.sluice("pipelines", "apply", self.write("hatsy"), expected=9)
        self.assertRegex(refused.stderr, r'own.yaml:4:\d+: error: .*"hatsy", which is not defined[\s\S]*did you mean "hasty"')
        self.sluice("pipelines", "lint", self.write("hasty"), expected=9)

    def test_apply_warns_of_types_that_nobody_offers(self):
        path = self.write("default", "nop")
        applied = self.sluice("pipelines", "apply", path)
        self.assertRegex(applied.stderr, r'own.yaml:4:\d+: warning: .*"nop", which nobody offers[\s\S]*did you mean "noop"')
        self.assertEqual(applied.stderr.count("nobody offers"), 1)
        self.assertIn("nobody offers", self.sluice("pipelines", "apply", path, "--strict", expected=9).stderr)


class Cluster(ClusterCase):
    def test_pipelines_are_applied_shown_and_drawn(self):
        path = os.path.join(self.dev.folder, "new.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('name: new\nversion: "2026-01-15"\nstages:\n  - {name: a, type: noop}\n  - {name: b, type: noop, depends_on: [a]}\n')
        self.assertEqual(self.sluice("pipelines", "lint", path).stdout, "")
        self.assertIn("applied", self.sluice("pipelines", "apply", path).stdout)
        self.assertFalse(self.json("pipelines", "apply", path)["changed"])
        self.assertIn("new", self.sluice("pipelines", "list", "-o", "name").stdout.split())
        shown = self.json("pipelines", "show", "new")
        self.assertEqual([stage["name"] for stage in shown["stages"]], ["a", "b"])
        tree = self.sluice("pipelines", "graph", path).stdout
        self.assertEqual(tree, self.sluice("pipelines", "graph", "new").stdout)
        self.assertIn('"a" -> "b"', self.sluice("pipelines", "graph", "new", "-o", "dot").stdout)
        self.assertIn("s_a --> s_b", self.sluice("pipelines", "graph", "new", "-o", "mermaid").stdout)
        self.sluice("pipelines", "graph", "new", "-o", "svg", expected=2)
        self.sluice("pipelines", "show", "absent", expected=3)

    def test_a_pipeline_is_named_as_for_submit(self):
        path = os.path.join(self.dev.folder, "many.yaml")
        for version in ("2026-01-15", "2026-02-01", "2026-01-20"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f'name: many\nversion: "{version}"\nstages:\n  - {{name: a, type: noop}}\n')
            self.sluice("pipelines", "apply", path)
        meant = self.json("submit", "many", "--wait")["pipeline_version"]
        self.assertEqual(self.json("pipelines", "show", "many")["version"], meant)
        self.assertEqual(self.json("pipelines", "show", "many@2026-01-20")["version"], "2026-01-20")
        self.assertIn("many 2026-02-01\n", self.sluice("pipelines", "graph", "many").stdout)
        self.assertIn('no pipeline "many@2025-01-01"', self.sluice("pipelines", "show", "many@2025-01-01", expected=3).stderr)
        for word in ("", "@2026-01-15"):
            self.sluice("pipelines", "show", word, expected=3)
        for verb in ("show", "graph"):
            self.assertIn('did you mean "many"?', self.sluice("pipelines", verb, "mayn", expected=3).stderr)

    def test_a_bad_file_is_refused_with_its_place(self):
        path = os.path.join(self.dev.folder, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('name: bad\nversion: "2026-01-15"\nstages:\n  - {name: chunk, type: noop}\n  - {name: b, type: noop, depends_on: [chnk]}\n')
        for verb in ("lint", "apply"):
            ended = self.sluice("pipelines", verb, path, expected=9)
            self.assertRegex(ended.stderr, rf"{path}:5:\d+: error: ")
            self.assertIn('did you mean "chunk"?', ended.stderr)
        problems = self.json("pipelines", "lint", path, expected=9)
        self.assertEqual([(found["file"], found["line"], found["severity"], found["hint"]) for found in problems if found["severity"] == "error"],
                         [(path, 5, "error", 'did you mean "chunk"?')])
        self.assertIn('depends on "chnk"', problems[-1]["sentence"])
        self.assertNotIn("bad", self.sluice("pipelines", "list", "-o", "name").stdout.split())
        self.sluice("pipelines", "lint", "absent.yaml", expected=3)
        good, policies = os.path.join(self.dev.pipelines, "quick.yaml"), os.path.join(self.dev.folder, "policies.yaml")
        with open(policies, "w", encoding="utf-8") as file:
            file.write("policies:\n  default: {max_attempts: 0, timeout_seconds: 5}\n")
        refused = self.sluice("pipelines", "lint", good, good, "--policies", policies, expected=9).stderr
        self.assertEqual(len(re.findall(rf"{policies}:2:\d+: error", refused)), 1, refused)
        self.sluice("pipelines", "lint", good, "--policies", os.path.join(cases.SOURCE, "deploy", "policies.yaml"))

    def test_shipped_pipelines_are_clean(self):
        folder = os.path.join(cases.SOURCE, "deploy", "pipelines")
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".yaml")]
        self.assertGreaterEqual(len(paths), 4)
        self.assertIn("0 errors, 0 warnings\n", self.sluice("pipelines", "lint", "--strict", *paths).stderr)

    def test_a_file_that_cannot_be_read_is_a_record_too(self):
        for path, code in (("absent.yaml", 3), (self.dev.folder, 9)):
            ended = self.dev.run("pipelines", "lint", path, "-o", "json")
            self.assertEqual(ended.returncode, code, ended.stderr)
            record = json.loads(ended.stdout)[0]
            self.assertEqual((record["file"], record["line"], record["severity"]), (path, None, "error"))
            self.assertIn(path, record["sentence"])
            self.assertIn("1 error, 0 warnings", ended.stderr)

    def test_configs_are_checked_and_told_as_records(self):
        path = os.path.join(self.dev.folder, "config.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('name: bad\nversion: "2026-01-15"\nstages:\n  - {name: a, type: parse, config: {format: autoo}}\n')
        problems = self.json("pipelines", "lint", path, expected=9)
        self.assertEqual([problem for problem in problems if problem["severity"] == "error"], [
            {"file": path, "line": 4, "column": 45, "severity": "error", "hint": 'did you mean "auto"?',
             "sentence": 'config.format of stage "a" must be one of "auto", "text", "markdown", "debian-copyright", "html", "jats"'}])

    def test_several_words_are_one_array(self):
        paths = [os.path.join(self.dev.pipelines, f"{name}.yaml") for name in ("quick", "second")]
        self.assertEqual([applied["name"] for applied in self.json("pipelines", "apply", *paths)], ["quick", "second"])
        self.assertEqual(len(self.sluice("pipelines", "apply", *paths, "-o", "jsonl").stdout.splitlines()), 2)
        jobs = [self.sluice("submit", "slow", "-q").stdout.strip() for _ in range(2)]
        self.assertEqual([cancelled["job_id"] for cancelled in self.json("jobs", "cancel", *jobs)], jobs)
        self.assertEqual(self.json("jobs", "cancel", jobs[0])["status"], "cancelled")
        self.assertEqual(self.json("pipelines", "apply", "absent.yaml", paths[0], expected=3)[0]["name"], "quick")

    def test_status_is_words_for_people(self):
        lines = self.sluice("status").stdout.splitlines()
        self.assertIn("workers    2 connected, 8 tasks with them at most", lines)
        self.assertIn("ready      yes", lines)
        self.assertNotIn("_", "\n".join(lines))
        self.assertRegex(self.sluice("status", "-o", "name").stdout, rf"\A{ID.pattern}\n\Z")

    def test_help_of_a_noun_is_its_commands(self):
        self.assertEqual(self.sluice("jobs", "--help").stdout, self.sluice("help", "jobs").stdout)
        for words, default in (("jobs list", "else 50 jobs"), ("dev", "else 2)"), ("submit", "else 64"), ("wait", "else 5s")):
            self.assertIn(default, self.sluice(*words.split(), "--help").stdout)

    def test_status_tells_when_it_is_ready(self):
        self.assertEqual(self.sluice("status", "--ready", "-q").stdout, "")
        self.assertTrue(self.json("status")["ready"])
        workers = self.json("workers", "list")
        self.assertEqual(sorted(worker["name"] for worker in workers), ["worker-1", "worker-2"])
        self.assertEqual([(worker["tasks"], worker["tasks_max"]) for worker in workers], [(0, 4)] * 2, "as the table calls them")
        self.assertEqual(self.json("status")["tasks_max"], 8)
        self.assertIn("noop", [stage["type"] for stage in self.json("stages", "list")])
        listed = self.sluice("workers", "list").stdout
        self.assertRegex(listed, r"\AWORKER +TASKS AT MOST SINCE +TYPES\n", "a worker of two slots takes four tasks")

    def test_plugins_are_explained(self):
        self.assertIn("probe", self.sluice("plugin", "list", "-o", "name").stdout)
        self.assertIn("noop", self.sluice("plugin", "info", "noop").stdout)
        self.assertIn('did you mean "noop"', self.sluice("plugin", "info", "nop", expected=3).stderr)

    def test_bench_measures(self):
        for workload, stages in (("flat", 1), ("chain", 8), ("dag", 8), ("fan", 10)):
            figures = self.json("bench", "--workload", workload, "--jobs", "20", "--in-flight", "5", "--payload", "100")
            self.assertEqual((figures["jobs"], figures["stages_per_job"], figures["failed"]), (20, stages, 0))
            for key in ("jobs_per_second", "stages_per_second"):
                self.assertGreater(figures[key], 0)
            self.assertLessEqual(figures["job_ms"]["p50"], figures["job_ms"]["p99"])
        self.sluice("bench", "--workload", "chian", expected=2)

    def test_a_reader_that_goes_away_is_no_error(self):
        ended = subprocess.run(["bash", "-c", f"set -o pipefail; {SLUICE} stages list -o jsonl | head -c 1 >/dev/null; "
                                              f"{SLUICE} version >/dev/full"],
                               env=environment(SLUICE_BROKER=self.dev.endpoint), capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stderr, "sluice: cannot write to stdout\n")


class Alone(unittest.TestCase):
    def test_without_a_broker_the_answer_is_8_and_how_to_start_one(self):
        start = time.monotonic()
        ended = run("jobs", "list", "--broker", "ipc:///nowhere/at/all.sock")
        self.assertEqual(ended.returncode, 8)
        self.assertIn("sluice dev", ended.stderr)
        self.assertLess(time.monotonic() - start, 10)

    def test_the_first_word_comes_soon(self):
        start = time.monotonic()
        process = subprocess.Popen([SLUICE, "submit", "quick", "--broker", "ipc:///nowhere/at/all.sock", "--timeout", "2s"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        first = process.stderr.readline()
        self.assertLess(time.monotonic() - start, 0.5)
        self.assertIn("waiting for the broker", first)
        _, rest = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 8)
        self.assertIn("nothing has happened", rest)

    def test_examples_of_help_are_commands(self):
        listed = run("help").stdout
        for name in re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)  +[A-Z]", listed):
            shown = run(*name.split(), "--help")
            self.assertEqual(shown.returncode, 0, name)
            head = "\n".join(shown.stdout.splitlines()[:15])
            self.assertIn(f"sluice {name}", head)
            self.assertEqual(shown.stdout, run("help", *name.split()).stdout)


if __name__ == "__main__":
    cases.main()
