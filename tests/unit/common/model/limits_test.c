/* Each limit of a pipeline: at it, one above, far above. */
#include "fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct sl_buf buf;

static void setup(void) {
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_format(&buf, "name: p\nversion: 2026-01-15\n"), 0);
}

static void teardown(void) {
    sl_buf_fini(&buf);
}

static void add(const char *text) {
    cr_assert_eq(sl_buf_append(&buf, text, strlen(text)), 0);
}

/* The numbers from 0 on, each between two texts. */
static void add_repeated(const char *before, unsigned count, const char *after) {
    for (unsigned i = 0; i < count; i++) cr_assert_eq(sl_buf_format(&buf, "%s%u%s", before, i, after), 0);
}

/* NULL: accepted. */
static void assert_verdict(const char *part) {
    cr_assert_eq(sl_buf_append(&buf, "", 1), 0);
    const char *text = (const char *)buf.data;
    if (part) {
        assert_refused(text, part);
    } else {
        struct result result = pipeline_of(text);
        cr_assert_eq(result.rc, 0);
        result_free(&result);
    }
    teardown();
    setup();
}

TestSuite(limits, .init = setup, .fini = teardown);

Test(limits, stages) {
    static const unsigned counts[] = {SL_STAGES_MAX, SL_STAGES_MAX + 1, 3000};
    for (size_t i = 0; i < 3; i++) {
        add("stages:\n");
        add_repeated("- {name: s", counts[i], ", type: t}\n");
        assert_verdict(i == 0 ? NULL : "stages; at most 1024 are allowed");
    }
}

/* `sinks` stages that each depend on 128 others through the type of those. */
static void add_edges(unsigned sinks, bool one_more) {
    add("stages:\n");
    add_repeated("- {name: s", 128, ", type: source}\n");
    add_repeated("- {name: d", sinks, ", type: t, metadata_overrides: {dependencies: [source]}}\n");
    if (one_more) add("- {name: last, type: t, depends_on: [s0]}\n");
}

/* A ring of all stages, pairs, and as many edges as there may be. */
Test(limits, cycles_of_as_many_stages_as_there_may_be, .timeout = 10) {
    for (unsigned step = 1; step <= 2; step++) {
        add("stages:\n");
        for (unsigned i = 0; i < SL_STAGES_MAX; i++) {
            unsigned other = step == 1 ? (i + 1) % SL_STAGES_MAX : i ^ 1;
            cr_assert_eq(sl_buf_format(&buf, "- {name: s%u, type: t, depends_on: [s%u]}\n", i, other), 0);
        }
        assert_verdict(step == 1 ? "in a cycle: s0 → s1023 → s1022" : "in a cycle: s198 → s199 → s198");
    }
    add("stages:\n");
    for (unsigned i = 0; i < SL_STAGES_MAX; i++) {
        cr_assert_eq(sl_buf_format(&buf, "- {name: s%u, type: t, depends_on: [s%u", i, (i + 1) % SL_STAGES_MAX), 0);
        for (unsigned k = 2; k <= 7; k++) cr_assert_eq(sl_buf_format(&buf, ", s%u", (i * k * 97 + k) % SL_STAGES_MAX), 0);
        add("]}\n");
    }
    assert_verdict("stages depend on each other in a cycle: s0 → ");
}

Test(limits, edges) {
    add_edges(SL_EDGES_MAX / 128, false);
    assert_verdict(NULL);
    add_edges(SL_EDGES_MAX / 128, true);
    assert_verdict("at most 8192 dependencies between stages; \"last\" exceeds that");
    add_edges(800, false);
    assert_verdict("at most 8192 dependencies between stages; \"d64\" exceeds that");
}

static void add_name(const char *key, unsigned length) {
    cr_assert_eq(sl_buf_format(&buf, "stages: [{name: a, type: b, %s%.*s}]\n", key, (int)length,
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 0);
}

Test(limits, names) {
    static const char *const keys[] = {"policy: ", "metadata: {state_key: "};
    static const char *const sentences[] = {"must be 1 to 64 letters", "at most 64"};
    for (size_t i = 0; i < 2; i++) {
        static const unsigned lengths[] = {SL_NAME_MAX, SL_NAME_MAX + 1, 100};
        for (size_t k = 0; k < 3; k++) {
            add_name(keys[i], lengths[k]);
            if (i == 1) {
                buf.size -= strlen("}]\n");
                add("}}]\n");
            }
            assert_verdict(k == 0 ? NULL : sentences[i]);
        }
    }
}

Test(limits, state_keys_and_dependencies_of_a_stage) {
    static const unsigned counts[] = {SL_STATE_KEYS_MAX, SL_STATE_KEYS_MAX + 1, 2000};
    _Static_assert((int)SL_STATE_KEYS_MAX == (int)SL_DEPENDENCIES_MAX, "one table of counts serves both");
    static const char *const keys[] = {"state_key", "dependencies"};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 3; i++) {
            cr_assert_eq(sl_buf_format(&buf, "stages: [{name: a, type: b, metadata_overrides: {%s: [", keys[k]), 0);
            add_repeated("k", counts[i], ", ");
            add("]}}]\n");
            assert_verdict(i == 0 ? NULL : "a stage may have at most 16");
        }
    }
}

Test(limits, plugins) {
    static const unsigned counts[] = {SL_PLUGIN_REFERENCES_MAX, SL_PLUGIN_REFERENCES_MAX + 1, 2000};
    for (size_t i = 0; i < 3; i++) {
        add("stages: [{name: a, type: b}]\nplugins:\n  stages:\n");
        add_repeated("  - {callable: \"lib", counts[i], ".so:f\"}\n");
        assert_verdict(i == 0 ? NULL : "at most 64 plugins");
    }
}

Test(limits, a_callables_length) {
    static const int lengths[] = {SL_KEY_MAX - 5, SL_KEY_MAX - 4, 4000};
    char *name = malloc(4001);
    cr_assert_not_null(name);
    memset(name, 'x', 4000);
    name[4000] = '\0';
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(sl_buf_format(&buf, "stages: [{name: a, type: b}]\nplugins: [{callable: \"x.so:%.*s\"}]\n", lengths[i], name), 0);
        assert_verdict(i == 0 ? NULL : "must name a library and its function");
    }
    free(name);
}

Test(limits, a_tree_that_no_text_could_hold_is_too_large_for_its_stored_form) {
    struct sl_tree tree = tree_of("name: p\nversion: 2026-01-15\nstages: [{name: a, type: b, config: {x: y}}]\n");
    struct sl_problems problems;
    struct sl_pipeline *pipeline = NULL;
    uint8_t *large = malloc(SL_PIPELINE_TEXT_MAX * 2);
    cr_assert_not_null(large);
    memset(large, 'x', SL_PIPELINE_TEXT_MAX * 2);
    struct sl_node *value = sl_node_get(tree.root, "stages")->first->last->first;
    value->text = sl_bytes(large, SL_PIPELINE_TEXT_MAX * 2);
    sl_problems_init(&problems, sl_alloc_system());
    cr_assert_eq(sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline), SL_E_BAD_INPUT);
    char *text = shown(&problems, "p.yaml", "");
    cr_assert_not_null(strstr(text, "in its stored form; at most 524288 are allowed"));
    free(text);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
    free(large);
}

Test(limits, stored_bytes) {
    uint8_t *bytes = calloc(1, 64 << 20);
    struct sl_pipeline *pipeline = NULL;
    cr_assert_not_null(bytes);
    memcpy(bytes, "\x92\x01\x86", 3);
    cr_assert_eq(sl_pipeline_from_canonical(sl_bytes(bytes, SL_PIPELINE_TEXT_MAX * 2 + 1), sl_alloc_system(), &pipeline), SL_E_DAMAGED);
    cr_assert_eq(sl_pipeline_from_canonical(sl_bytes(bytes, 64 << 20), sl_alloc_system(), &pipeline), SL_E_DAMAGED);
    free(bytes);
}
