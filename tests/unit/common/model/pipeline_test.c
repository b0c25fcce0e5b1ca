/* What a pipeline file may say, and what becomes of it. */
#include "fixture.h"

#include "base/err.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define HEAD "name: p\nversion: 2026-01-15\n"
#define ONE HEAD "stages: [{name: a, type: echo}]\n"

static void assert_accepted(const char *text) {
    struct result result = pipeline_of(text);
    char *problems = shown(&result.problems, "p.yaml", text);
    cr_assert_eq(result.rc, 0, "%s", problems);
    cr_assert_str_empty(problems);
    free(problems);
    result_free(&result);
}

static void assert_text(struct sl_bytes text, const char *expected) {
    cr_assert_str_eq((const char *)text.data, expected);
    cr_assert_eq(text.size, strlen(expected));
}

Test(pipeline, a_callable_that_names_a_library_is_told_from_one_for_python) {
    char longest[SL_KEY_MAX + 2];
    cr_assert(sl_callable_names_library(sl_text("libacme.so:register")));
    cr_assert(sl_callable_names_library(sl_text("a.so:f")));
    static const char *const others[] = {"package.module:f", ".so:f", "lib.so", "lib.so:", ":f", "lib.so.1:f", "../lib.so:f", "a/lib.so:f",
                                         "/lib.so:f", ".lib.so:f", "lib.so:f/g", "lib.so:f:g", "lib .so:f", ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) cr_assert_not(sl_callable_names_library(sl_text(others[i])), "%s", others[i]);
    memset(longest, 'f', sizeof longest);
    memcpy(longest, "l.so:", 5);
    cr_assert(sl_callable_names_library(sl_bytes(longest, SL_KEY_MAX)));
    cr_assert_not(sl_callable_names_library(sl_bytes(longest, SL_KEY_MAX + 1)));
}

Test(pipeline, auto_yaml_is_the_guides_graph) {
    char *text = read_source_file("deploy/pipelines/auto.yaml");
    struct result result = pipeline_of(text);
    const struct sl_pipeline *pipeline = result.pipeline;
    static const char *const order[] = {"ingest", "parse", "ir_validation", "chunk", "embed", "index", "extract", "kg"};
    cr_assert_eq(result.rc, 0);
    assert_text(pipeline->name, "auto");
    assert_text(pipeline->version, "2026-01-15");
    cr_assert_eq(pipeline->stage_count, 8);
    cr_assert_eq(pipeline->root_count, 1);
    cr_assert_eq(pipeline->applicable_sources.count, 3);
    for (uint16_t i = 0; i < 8; i++) {
        assert_text(pipeline->stages[pipeline->topological[i]].name, order[i]);
        assert_text(pipeline->stages[i].policy, "default");
    }
    const struct sl_stage *kg = &pipeline->stages[7], *validation = &pipeline->stages[2];
    cr_assert_eq(kg->predecessor_count, 2);
    cr_assert_eq(kg->predecessors[0], 5);
    cr_assert_eq(kg->predecessors[1], 6);
    cr_assert_eq(kg->depends_on[0], 6);
    cr_assert_eq(kg->depends_on[1], 5);
    cr_assert_eq(kg->successor_count, 0);
    cr_assert_eq(validation->successor_count, 2);
    cr_assert_eq(validation->successors[0], 3);
    cr_assert_eq(validation->successors[1], 6);
    cr_assert(sl_pipeline_is_ancestor(pipeline, 0, 7));
    cr_assert_not(sl_pipeline_is_ancestor(pipeline, 7, 0));
    cr_assert_not(sl_pipeline_is_ancestor(pipeline, 6, 5));
    cr_assert_not(sl_pipeline_is_ancestor(pipeline, 3, 3));
    cr_assert_eq(validation->mark.line, 9);
    free(text);
    result_free(&result);
}

Test(pipeline, stages_are_found_by_name_and_by_type) {
    struct sl_pipeline *pipeline = stages_of("  - {name: z, type: t}\n  - {name: b, type: u}\n  - {name: a, type: t}\n");
    uint16_t count;
    cr_assert_eq(sl_pipeline_stage(pipeline, sl_text("z")), 0);
    cr_assert_eq(sl_pipeline_stage(pipeline, sl_text("a")), 2);
    cr_assert_eq(sl_pipeline_stage(pipeline, sl_text("t")), -1);
    cr_assert_eq(sl_pipeline_stage(pipeline, sl_text("zz")), -1);
    const uint16_t *of_type = sl_pipeline_stages_of_type(pipeline, sl_text("t"), &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(of_type[0], 0);
    cr_assert_eq(of_type[1], 2);
    (void)sl_pipeline_stages_of_type(pipeline, sl_text("v"), &count);
    cr_assert_eq(count, 0);
    sl_pipeline_free(&pipeline);
    cr_assert_null(pipeline);
    sl_pipeline_free(&pipeline);
}

Test(pipeline, edges_come_from_depends_on_and_the_stages_own_overrides) {
    struct sl_pipeline *pipeline = stages_of(
        "  - {name: a, type: t}\n  - {name: b, type: t}\n  - {name: c, type: u, depends_on: [b],"
        " metadata_overrides: {dependencies: [t, \"@ledger\", absent]}}\n"
        "  - {name: d, type: u, metadata_overrides: {dependencies: [a, u]}}\n");
    const struct sl_stage *c = &pipeline->stages[2], *d = &pipeline->stages[3];
    cr_assert_eq(c->predecessor_count, 2);
    cr_assert_eq(c->predecessors[0], 0);
    cr_assert_eq(c->predecessors[1], 1);
    cr_assert_eq(c->depends_on_count, 1);
    cr_assert_eq(d->predecessor_count, 2);
    cr_assert_eq(d->predecessors[0], 0);
    cr_assert_eq(d->predecessors[1], 2);
    cr_assert_eq(pipeline->root_count, 2);
    sl_pipeline_free(&pipeline);
}

Test(pipeline, a_type_that_names_its_own_kind_means_the_others) {
    struct sl_pipeline *pipeline =
        stages_of("  - {name: a, type: t}\n  - {name: b, type: t, metadata_overrides: {dependencies: [t]}}\n");
    cr_assert_eq(pipeline->stages[1].predecessor_count, 1);
    sl_pipeline_free(&pipeline);
    assert_refused(HEAD "stages:\n- {name: a, type: t, metadata_overrides: {dependencies: [t]}}\n"
                   "- {name: b, type: t, metadata_overrides: {dependencies: [t]}}\n", "in a cycle: a → b → a");
}

Test(pipeline, overrides_know_whether_they_were_set) {
    struct sl_pipeline *pipeline = stages_of(
        "  - {name: a, type: t}\n  - {name: b, type: t, metadata_overrides: {state_key: null, dependencies: []}}\n"
        "  - {name: c, type: t, metadata: {state_key: one, description: text}}\n"
        "  - {name: d, type: t, metadata_overrides: {state_key: [one, two], description: \"\"}}\n");
    const struct sl_stage *stages = pipeline->stages;
    cr_assert(!stages[0].has_state_keys && !stages[0].has_dependencies);
    cr_assert(stages[1].has_state_keys && stages[1].has_dependencies);
    cr_assert_eq(stages[1].state_keys.count + stages[1].dependencies.count, 0);
    cr_assert(stages[2].has_state_keys && !stages[2].has_dependencies);
    assert_text(stages[2].state_keys.items[0], "one");
    assert_text(stages[2].description, "text");
    cr_assert_eq(stages[3].state_keys.count, 2);
    cr_assert_eq(stages[3].description.size, 0);
    sl_pipeline_free(&pipeline);
}

Test(pipeline, plugins_are_read_under_either_name) {
    static const char *const texts[] = {
        ONE "plugins: {stages: [{callable: \"libacme-x.so:register\", replace: true}]}\n",
        ONE "plugins: {stage_plugins: [{callable: \"libacme-x.so:register\", replace: true}]}\n",
        ONE "stage_plugins: {stages: [{callable: \"libacme-x.so:register\", replace: true}]}\n",
        ONE "stage_plugins: [{callable: \"libacme-x.so:register\", replace: true}]\n"};
    for (size_t i = 0; i < 4; i++) {
        struct result result = pipeline_of(texts[i]);
        cr_assert_eq(result.rc, 0);
        cr_assert_eq(result.pipeline->plugin_count, 1);
        assert_text(result.pipeline->plugins[0].callable, "libacme-x.so:register");
        cr_assert(result.pipeline->plugins[0].replace);
        result_free(&result);
    }
    assert_accepted(ONE "plugins: {stages: [{callable: my_package.plugins:Class.method}]}\n");
    assert_accepted(ONE "plugins: {}\n");
    assert_refused(ONE "plugins: {stages: [], stage_plugins: []}\n", "both \"stages\" and \"stage_plugins\"");
    assert_refused(ONE "plugins: {}\nstage_plugins: {}\n", "both \"plugins\" and \"stage_plugins\"");
    assert_refused(ONE "plugins: {stages: 3}\n", "stages of plugins must be a list");
    assert_refused(ONE "plugins: text\n", "plugins must be a map of keys and values, and is text");
    assert_refused(ONE "plugins: {stages: [text]}\n", "a plugin must be a map");
    static const char *const wrong[] = {"x", ":f", "libx.so:", "a:b:c", "../a.so:f", "a b:c", "a.so:f-g", "a.so:f.", ".a:f", "a.so:.f"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256];
        snprintf(text, sizeof text, ONE "plugins: {stages: [{callable: \"%s\"}]}\n", wrong[i]);
        assert_refused(text, "must name a library and its function");
    }
}

Test(pipeline, versions_are_dates_quoted_or_not) {
    static const char *const good[] = {"2026-01-15", "\"2026-12-31\"", "2026-01-15-b2", "'0001-01-01-A'"};
    static const char *const wrong[] = {"2026-1-15", "2026-00-10", "2026-13-10", "2026-01-00", "2026-01-32", "2026-01-15-",
                                        "2026-01-15b", "2026-01-15-b.2", "2026/01/15", "x2026-01-15", "2026-01-15-b-c", "''"};
    char text[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "name: p\nversion: %s\nstages: [{name: a, type: echo}]\n", good[i]);
        assert_accepted(text);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "name: p\nversion: %s\nstages: [{name: a, type: echo}]\n", wrong[i]);
        assert_refused(text, "must be a date");
    }
    assert_refused("name: p\nversion: 20260115\nstages: [{name: a, type: echo}]\n", "version of the pipeline must be text, and is a number");
    assert_refused("name: p\nversion:\nstages: [{name: a, type: echo}]\n", "version of the pipeline must be text, and is nothing");
}

Test(pipeline, each_key_must_have_its_type) {
    assert_refused("{}", "the pipeline has no \"stages\"");
    assert_refused(HEAD, "the pipeline has no \"stages\"");
    assert_refused(HEAD "stages: text\n", "stages must be a list of at least one stage");
    assert_refused(HEAD "stages:\n", "stages must be a list of at least one stage");
    assert_refused(HEAD "stages: [[]]\n", "stage number 1 must be a map of keys and values, and is a list");
    assert_refused(HEAD "stages: [{type: echo}]\n", "stage number 1 has no \"name\"");
    assert_refused(HEAD "stages: [{name: a}]\n", "stage \"a\" has no \"type\"");
    assert_refused(HEAD "stages: [{name: [a], type: echo}]\n", "name of stage number 1 must be text, and is a list");
    assert_refused(HEAD "stages: [{name: a, type: 1.5}]\n", "type of stage \"a\" must be text, and is a number");
    assert_refused(HEAD "stages: [{name: a, type: echo, policy: null}]\n", "policy of stage \"a\" must be text, and is nothing");
    assert_refused(HEAD "stages: [{name: a, type: echo, config: text}]\n", "config of stage \"a\" must be a map");
    assert_refused(HEAD "stages: [{name: a, type: echo, depends_on: [1]}]\n", "an entry of depends_on of stage \"a\" must be text");
    assert_refused(HEAD "stages: [{name: a, type: echo, depends_on: }]\n", "depends_on of stage \"a\" must be a list");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: []}]\n", "metadata_overrides of stage \"a\" must be a map");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {state_key: 3}}]\n", "must be a key, a list of keys, or null");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {state_key: {}}}]\n", "must be a key, a list of keys, or null");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {state_key: [a, a]}}]\n", "state key \"a\" is named twice");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {dependencies: a}}]\n", "must be a list");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {dependencies: [b, b]}}]\n", "dependency \"b\" is named twice");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {dependencies: [\"\"]}}]\n", "must be a stage, a stage type");
    assert_refused(HEAD "stages: [{name: a, type: echo, metadata_overrides: {description: 3}}]\n", "description of metadata_overrides");
    assert_refused(ONE "applicable_sources: payload\n", "applicable_sources of the pipeline must be a list");
    assert_refused(ONE "applicable_sources: [\"\"]\n", "an applicable source must not be empty");
    assert_refused(ONE "metadata: {tags: [\"\"]}\n", "a tag must not be empty");
    assert_refused(ONE "metadata: 3\n", "metadata of the pipeline must be a map");
}

Test(pipeline, metadata_is_kept) {
    struct result result = pipeline_of(ONE "metadata: {owner: me, description: \"what for\", tags: [x, y]}\n");
    cr_assert_eq(result.rc, 0);
    assert_text(result.pipeline->owner, "me");
    assert_text(result.pipeline->description, "what for");
    cr_assert_eq(result.pipeline->tags.count, 2);
    result_free(&result);
}

Test(pipeline, config_is_one_sorted_map) {
    static const uint8_t golden[] = "\x83\xa1" "a\x93\xc0\xc3\xa3" "yes\xa1" "b\x81\xa1" "c\xff\xa1" "z\xcb\x3f\xf8\0\0\0\0\0";
    struct sl_pipeline *pipeline = stages_of("  - {name: s, type: t, config: {z: 1.5, b: {c: -1}, a: [null, true, yes]}}\n"
                                             "  - {name: u, type: t}\n");
    cr_assert(sl_bytes_equal(pipeline->stages[0].config, sl_bytes(golden, sizeof golden)));
    cr_assert(sl_bytes_equal(pipeline->stages[1].config, sl_text("\x80")));
    sl_pipeline_free(&pipeline);
}

Test(pipeline, numbers_that_lose_digits_are_a_warning_and_strictly_an_error) {
    const char *text = HEAD "stages: [{name: a, type: echo, config: {x: [123456789012345678901]}}]\n";
    struct sl_tree tree = tree_of(text);
    for (int strict = 0; strict < 2; strict++) {
        struct sl_problems problems;
        struct sl_pipeline *pipeline = NULL;
        sl_problems_init(&problems, sl_alloc_system());
        int rc = sl_pipeline_from_tree(&tree, strict, sl_alloc_system(), &problems, &pipeline);
        cr_assert_eq(rc, strict ? SL_E_BAD_INPUT : SL_OK);
        cr_assert_eq(problems.count, 1);
        cr_assert_eq(problems.items[0].severity, strict ? SL_PROBLEM_ERROR : SL_PROBLEM_WARNING);
        sl_pipeline_free(&pipeline);
        sl_problems_fini(&problems);
    }
    sl_tree_fini(&tree);
    assert_refused(HEAD "stages: [{name: a, type: echo, config: {x: -1e400}}]\n", "a number in config of stage \"a\" is too large");
}

Test(pipeline, a_long_cycle_is_shown_in_part) {
    char text[8192];
    size_t size = (size_t)snprintf(text, sizeof text, HEAD "stages:\n");
    for (int i = 0; i < 40; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "- {name: s%02d, type: t, depends_on: [s%02d]}\n", i, (i + 39) % 40);
    }
    assert_refused(text, "in a cycle: s00 → s01 → s02 → s03 → s04 → s05 → s06 → s07 → s08 → s09 → s10 → s11 → ... → s00");
}

Test(pipeline, an_ingest_needs_its_adapter) {
    assert_accepted(HEAD "stages: [{name: a, type: ingest, config: {adapter: files}}]\n");
    assert_refused(HEAD "stages: [{name: a, type: ingest}]\n", "needs config.adapter");
    assert_refused(HEAD "stages: [{name: a, type: ingest, config: {adapter: 3}}]\n", "needs config.adapter");
    assert_refused(HEAD "stages: [{name: a, type: ingest, config: {adapter: null}}]\n", "needs config.adapter");
}
