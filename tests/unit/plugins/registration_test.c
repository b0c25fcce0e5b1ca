/* What every built-in stage type says of itself is whole: names, keys, dependencies, and a schema in the subset that we state. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "io/json.h"
#include "io/pattern.h"
#include "model/schema.h"
#include "plugin_fixture.h"

static const struct {
    const char *plugin, *type, *state_keys, *dependencies;
} rows[] = {
    {"ingest", "ingest", "payloads", "@payload"},
    {"parse", "parse", "document", "ingest"},
    {"ir-validation", "ir-validation", "document", "parse"},
    {"chunk", "chunk", "chunks", "ir-validation"},
    {"embed", "embed", "embedding_batch", "chunk"},
    {"index", "index", "index_receipt", "chunk embed"},
    {"extract", "extract", "entities claims", "ir-validation"},
    {"knowledge-graph", "knowledge-graph", "graph_receipt", "extract"},
    {"probe", "noop", "", ""},
    {"probe", "echo", "", ""},
    {"probe", "sleep", "", ""},
    {"probe", "fail", "", ""},
    {"probe", "crash", "", ""},
};

static void expect_words(const char *const *words, const char *expected) {
    char joined[256] = "";
    for (size_t used = 0; words && *words; words++) {
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", used ? " " : "", *words);
    }
    cr_assert_str_eq(joined, expected);
}

/* One that the worker accepts, of a map. */
static void expect_schema(const char *text, const char *type) {
    struct sl_buf schema;
    char error[1024];
    sl_buf_init(&schema, sl_alloc_system());
    cr_assert_eq(sl_json_to_msgpack(sl_text(text), &schema, error, sizeof error), SL_OK, "%s: %s", type, error);
    cr_assert_eq(sl_schema_check(sl_buf_bytes(&schema), sl_pattern_match, error, sizeof error), SL_OK, "%s: %s", type, error);
    cr_assert_eq(strncmp(text, "{\"type\":\"object\"", 16), 0, "%s", type);
    sl_buf_fini(&schema);
}

static const sluice_registration *find_type(const struct sl_bench *bench, const char *name) {
    for (uint32_t i = 0; i < sl_bench_type_count(bench); i++) {
        if (strcmp(sl_bench_type_at(bench, i)->stage_type, name) == 0) return sl_bench_type_at(bench, i);
    }
    return NULL;
}

Test(registration, every_built_in_type_is_whole) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[512], error[512] = "";
        (void)snprintf(path, sizeof path, "%s/%s.so", SL_PLUGINS, rows[i].plugin);
        struct sl_bench *bench = sl_bench_load(path, error, sizeof error);
        cr_assert_not_null(bench, "%s", error);
        const sluice_registration *type = find_type(bench, rows[i].type);
        cr_assert_not_null(type, "%s does not offer %s", rows[i].plugin, rows[i].type);
        cr_assert_eq(type->size, sizeof *type);
        cr_assert(sl_text_is_name(sl_text(type->stage_type)) && type->description[0] && type->execute && type->idempotent == 1);
        expect_words(type->state_keys, rows[i].state_keys);
        expect_words(type->dependencies, rows[i].dependencies);
        expect_schema(type->config_schema, rows[i].type);
        sl_bench_free(&bench);
    }
}

Test(registration, only_what_returns_at_once_may_run_inline) {
    char path[512], error[512] = "";
    (void)snprintf(path, sizeof path, "%s/probe.so", SL_PLUGINS);
    struct sl_bench *bench = sl_bench_load(path, error, sizeof error);
    cr_assert_not_null(bench, "%s", error);
    for (uint32_t i = 0; i < sl_bench_type_count(bench); i++) {
        const sluice_registration *type = sl_bench_type_at(bench, i);
        bool is_inline = strcmp(type->stage_type, "noop") == 0 || strcmp(type->stage_type, "echo") == 0;
        cr_assert_eq(type->isolation, is_inline ? SLUICE_ISOLATION_INLINE : SLUICE_ISOLATION_HOST);
    }
    sl_bench_free(&bench);
}
