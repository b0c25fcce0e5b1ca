/* What every built-in stage type says of itself is whole: names, keys, dependencies, and a schema in the subset that we state. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
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

/* Only words of the subset; what stands under `properties` are names of members, each with a schema of its own. */
static void expect_subset(const json_t *schema, const char *type) {
    static const char *const allowed[] = {"type", "properties", "required", "additionalProperties", "enum", "const", "minimum", "maximum",
                                          "minLength", "maxLength", "minItems", "maxItems", "pattern", "items", "default", NULL};
    const char *key, *name;
    json_t *value, *member;
    json_object_foreach((json_t *)(uintptr_t)schema, key, value) {
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], key) != 0) i++;
        cr_assert_not_null(allowed[i], "%s: `%s` is not in the subset", type, key);
        if (strcmp(key, "items") == 0) expect_subset(value, type);
        if (strcmp(key, "properties") == 0) json_object_foreach(value, name, member) expect_subset(member, type);
    }
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
        json_t *schema = json_loads(type->config_schema, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(schema, "the schema of %s is no JSON", rows[i].type);
        cr_assert_str_eq(json_string_value(json_object_get(schema, "type")), "object");
        expect_subset(schema, rows[i].type);
        json_decref(schema);
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
