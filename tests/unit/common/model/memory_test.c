/* Every allocation of a path fails once: the answer is "no memory", nothing leaks, nothing is handed out. */
#include "fixture.h"

#include "base/err.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>

static const char good[] = "name: p\nversion: 2026-01-15\napplicable_sources: [x]\nmetadata: {tags: [t]}\n"
                           "plugins: [{callable: \"libx.so:f\"}]\nstages:\n"
                           "- {name: a, type: t, config: {big: [1, 2, 3]}}\n"
                           "- {name: b, type: t, depends_on: [a], metadata_overrides: {state_key: [k, l], dependencies: [t, \"@ledger\"]}}\n";
static const char bad[] = "name: p q\nversion: x\nfoo: 1\nstages:\n"
                          "- {name: a, type: t, depends_on: [b, nope]}\n- {name: b, type: t, depends_on: [a]}\n- {name: b, type: t}\n";

/* A long text makes the arenas' chunks (16 KiB) many, so that there are many allocations to fail. */
static char *padded(const char *text) {
    enum { PADDING = 15000, LINES = 4 };
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&buf, text, strlen(text)), 0);
    for (unsigned i = 0; i < LINES; i++) {
        cr_assert_eq(sl_buf_format(&buf, "- {name: pad%u, type: t%u, config: {x: \"", i, i), 0);
        for (unsigned k = 0; k < PADDING; k++) cr_assert_eq(sl_buf_append(&buf, "x", 1), 0);
        cr_assert_eq(sl_buf_format(&buf, "\"}}\n"), 0);
    }
    cr_assert_eq(sl_buf_append(&buf, "", 1), 0);
    return (char *)buf.data;
}

static uint64_t fail_each(const char *text, int expected_rc) {
    char *long_text = padded(text);
    struct sl_tree tree = tree_of(long_text);
    free(long_text);
    for (uint64_t countdown = 0;; countdown++) {
        struct sl_failing_alloc failing;
        struct sl_problems problems;
        struct sl_pipeline *pipeline = NULL;
        sl_failing_alloc_init(&failing, countdown);
        sl_problems_init(&problems, &failing.alloc);
        int rc = sl_pipeline_from_tree(&tree, false, &failing.alloc, &problems, &pipeline);
        bool failed = failing.has_failed;
        cr_assert_eq(rc, failed ? SL_E_NO_MEMORY : expected_rc, "allocation %u: %d", (unsigned)countdown, rc);
        cr_assert((rc == SL_OK) == (pipeline != NULL));
        sl_pipeline_free(&pipeline);
        sl_problems_fini(&problems);
        cr_assert_eq(failing.live_blocks, 0);
        if (failed) continue;
        sl_tree_fini(&tree);
        return countdown;
    }
}

Test(memory, each_failing_allocation_of_a_good_file_is_told) {
    cr_assert_geq(fail_each(good, SL_OK), 10);
}

Test(memory, each_failing_allocation_of_a_bad_file_is_told) {
    cr_assert_geq(fail_each(bad, SL_E_BAD_INPUT), 3);
}

Test(memory, each_failing_allocation_of_a_stored_form_is_told) {
    char *long_text = padded(good);
    struct result result = pipeline_of(long_text);
    cr_assert_eq(result.rc, 0);
    for (uint64_t countdown = 0;; countdown++) {
        struct sl_failing_alloc failing;
        struct sl_pipeline *pipeline = NULL;
        sl_failing_alloc_init(&failing, countdown);
        int rc = sl_pipeline_from_canonical(result.pipeline->canonical, &failing.alloc, &pipeline);
        cr_assert_eq(rc, failing.has_failed ? SL_E_NO_MEMORY : SL_OK);
        cr_assert((rc == SL_OK) == (pipeline != NULL));
        sl_pipeline_free(&pipeline);
        cr_assert_eq(failing.live_blocks, 0);
        if (rc == SL_OK) break;
    }
    result_free(&result);
    free(long_text);
}
