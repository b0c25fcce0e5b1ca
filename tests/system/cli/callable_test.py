"""Functions that pipelines name: a library without a default entry runs on workers that were there before the pipeline was."""
import os
import subprocess
import tempfile

from cluster import PATIENCE, ROOT, ClusterCase, cases, need_programs

SOURCE = r"""
#include <sluice/stage.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const sluice_host *host;

static sluice_outcome say(sluice_out *out, const char *text, size_t size) {
    return host->out_write(out, text, size) == 0 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT;
}

static sluice_outcome first(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self, (void)ctx, (void)upstream;
    return say(out, "\xa3one", 4);
}

static sluice_outcome second(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self, (void)ctx;
    return say(out, (const char *)upstream.data, upstream.size);
}

static sluice_outcome replaced(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    (void)self, (void)ctx, (void)upstream;
    return say(out, "\xa8replaced", 9);
}

static const char *const said[] = {"said", NULL}, *const heard[] = {"heard", NULL}, *const after[] = {"acme-first", NULL};
static const sluice_registration one = {.size = sizeof one, .stage_type = "acme-first", .description = "says one",
                                        .state_keys = said, .execute = first};
static const sluice_registration two = {.size = sizeof two, .stage_type = "acme-second", .description = "says what it hears",
                                        .state_keys = heard, .dependencies = after, .execute = second};
static const sluice_registration noop = {.size = sizeof noop, .stage_type = "noop", .description = "another no-op",
                                         .state_keys = said, .execute = replaced};
static const sluice_registration *const firsts[] = {&one}, *const seconds[] = {&two}, *const noops[] = {&noop};
#ifndef CHANGING_KEY
#define CHANGING_KEY "said"
#endif
static const char *const changing_keys[] = {CHANGING_KEY, NULL};
static const sluice_registration changing = {.size = sizeof changing, .stage_type = "acme-changing", .description = "says one",
                                             .state_keys = changing_keys, .execute = first};
static const sluice_registration *const changings[] = {&changing};
#define LIST(registrations_) {.size = sizeof(sluice_registration_list), .abi_major = SLUICE_ABI_MAJOR, \
                              .abi_minor = SLUICE_ABI_MINOR, .count = 1, .registrations = registrations_}
static const sluice_registration_list first_list = LIST(firsts), second_list = LIST(seconds), noop_list = LIST(noops),
                                      changing_list = LIST(changings);

#define REGISTER(name, list) SLUICE_EXPORT const sluice_registration_list *name(const sluice_host *table) { host = table; return &(list); }
REGISTER(register_first, first_list)
REGISTER(register_second, second_list)
REGISTER(register_noop, noop_list)
REGISTER(register_changing, changing_list)
/* Comes back once the test has opened the other end. */
SLUICE_EXPORT const sluice_registration_list *register_late(const sluice_host *table) {
    host = table;
    (void)close(open(getenv("SLUICE_TEST_FIFO"), O_RDONLY));
    return &noop_list;
}
SLUICE_EXPORT const sluice_registration_list *register_nothing(const sluice_host *table) { host = table; abort(); }
"""


def named(*functions, replace=False):
    more = ", replace: true" if replace else ""
    return "plugins:\n  stages:\n" + "".join(f'    - {{callable: "{name}"{more}}}\n' for name in functions)


class Callables(ClusterCase):
    @classmethod
    def setUpClass(cls):
        need_programs()
        cls.folder = tempfile.TemporaryDirectory(prefix="sluice-callable-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.build()
        builtin = os.path.join(cases.BUILD, "lib", "sluice", "plugins")
        os.environ["SLUICE_TEST_FIFO"] = os.path.join(cls.folder.name, "fifo")
        os.mkfifo(os.environ["SLUICE_TEST_FIFO"])
        os.environ["SLUICE_PLUGIN_PATH"] = f"{cls.folder.name}:{builtin}"
        for name in ("SLUICE_PLUGIN_PATH", "SLUICE_TEST_FIFO"):
            cls.addClassCleanup(os.environ.pop, name)
        super().setUpClass()

    @classmethod
    def build(cls, *words):
        source, library = (os.path.join(cls.folder.name, name) for name in ("acme.c", "libacme.so"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(SOURCE)
        header = os.path.join(os.path.dirname(ROOT), "plugins", "include")
        subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-I", header, *words, source, "-o", library],
                       check=True)

    def apply(self, name, stages, plugins, expected=0):
        path = os.path.join(self.folder.name, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'name: {name}\nversion: "2026-01-15"\nstages:\n{stages}{plugins}')
        return self.sluice("pipelines", "apply", path, expected=expected).stderr

    def output(self, name, key=None):
        """What a job of the pipeline leaves."""
        job = self.json("submit", name, "--wait", timeout=PATIENCE)
        self.assertEqual(job["status"], "completed", job)
        words = [key] if key else []
        return self.json("jobs", "output", job["job_id"], *words)

    def test_a_function_of_a_library_runs_its_stages(self):
        warned = self.apply("acme", "  - {name: a, type: acme-first}\n  - {name: b, type: acme-second, depends_on: [a]}\n",
                            named("libacme.so:register_first", "libacme.so:register_second"))
        self.assertIn("acme-first", warned)
        self.assertIn("libacme.so:register_first", warned)
        self.assertEqual(self.output("acme"), {"said": "one", "heard": "one"})
        types = {row["type"]: row for row in self.json("stages", "list")}
        self.assertEqual(types["libacme.so:register_second/acme-second"]["description"], "says what it hears")
        self.assertEqual(len(types["libacme.so:register_second/acme-second"]["workers"]), 2)
        self.assertNotIn("acme-second", types, "nobody offers it to other pipelines")
        for worker in self.json("workers", "list"):
            self.assertIn("libacme.so:register_first/acme-first", worker["types"])

    def test_a_type_of_a_function_is_none_for_other_pipelines(self):
        self.apply("named", "  - {name: a, type: acme-first}\n", named("libacme.so:register_first"))
        self.output("named")
        self.apply("other", "  - {name: a, type: acme-first}\n", "")
        submitted = self.sluice("submit", "other")
        self.assertIn('no connected worker offers stage type "acme-first"', submitted.stderr)

    def test_replace_is_what_decides_between_a_function_and_a_plugin(self):
        self.apply("kept", "  - {name: a, type: noop}\n", named("libacme.so:register_noop"))
        self.assertNotIn("said", self.output("kept"))
        self.apply("replaced", "  - {name: a, type: noop}\n", named("libacme.so:register_noop", replace=True))
        self.assertEqual(self.output("replaced"), {"said": "replaced"})
        self.assertNotIn("said", self.output("quick"), "other pipelines keep the plugin's")

    def test_a_pipeline_that_replaces_waits_until_the_workers_have_looked(self):
        self.apply("late", "  - {name: a, type: noop}\n", named("libacme.so:register_late", replace=True))
        job = self.json("submit", "late")["job_id"]
        self.output("quick")
        shown = self.json("jobs", "show", job)
        self.assertEqual((shown["status"], shown["sub_state"]), ("queued", "no-worker"))
        with open(os.environ["SLUICE_TEST_FIFO"], "wb"):
            self.sluice("wait", job)
        self.assertEqual(self.json("jobs", "output", job), {"said": "replaced"})

    def test_a_missing_library_and_a_missing_function_are_passed_over(self):
        for name, function, why in (("absent", "libabsent.so:register", "libabsent.so is in no directory of the plugin path"),
                                    ("nowhere", "libacme.so:nowhere", "has no function nowhere")):
            self.apply(name, "  - {name: a, type: noop}\n", named(function, replace=True))
            self.assertNotIn("said", self.output(name))
            self.assertIn(why, self.dev.said())
            self.apply(name + "-only", "  - {name: a, type: acme-gone}\n", named(function))
            submitted = self.sluice("submit", name + "-only")
            self.assertIn(f'no connected worker offers stage type "{function}/acme-gone"', submitted.stderr)
            self.assertEqual(self.json("jobs", "show", submitted.stdout.split()[0][:8])["sub_state"], "no-worker")

    def test_a_function_that_crashes_costs_its_probe_only(self):
        workers = self.dev.children()["sluice-worker"]
        self.apply("crashing", "  - {name: a, type: noop}\n", named("libacme.so:register_nothing", replace=True))
        self.assertNotIn("said", self.output("crashing"))
        self.assertIn("killed the process that loaded it by SIGABRT", self.dev.said())
        self.assertEqual(self.dev.children()["sluice-worker"], workers)

    def test_a_path_is_refused(self):
        refused = self.apply("path", "  - {name: a, type: noop}\n", named("../libacme.so:register_first"), expected=9)
        self.assertIn("must name a library and its function", refused)

    def test_workers_that_start_later_are_told_too(self):
        self.apply("again", "  - {name: a, type: acme-first}\n", named("libacme.so:register_first"))
        self.output("again")
        self.dev.stop()
        self.dev.start()
        self.assertEqual(self.output("again"), {"said": "one"})

    def test_another_registration_of_a_function_is_refused_until_it_is_accepted(self):
        key = "libacme.so:register_changing/acme-changing"
        self.apply("changing", "  - {name: a, type: acme-changing}\n", named("libacme.so:register_changing"))
        self.assertEqual(self.output("changing"), {"said": "one"})
        self.dev.stop()
        self.build('-DCHANGING_KEY="told"')
        self.dev.start()
        job = self.json("submit", "changing")["job_id"]
        while True:
            accepted = self.dev.run("stages", "accept", key)
            if accepted.returncode == 0:
                break
            self.assertIn(f'no worker offers another registration of stage type "{key}"', accepted.stderr)
        self.assertIn(key, accepted.stdout)
        self.sluice("wait", job)
        self.assertEqual(self.json("jobs", "output", job), {"told": "one"})


if __name__ == "__main__":
    cases.main()
