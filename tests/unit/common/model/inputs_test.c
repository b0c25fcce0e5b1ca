/* What a stage receives: every sentence of shapes.md "Stages and pipelines" and seed row 4 about it. */
#include "fixture.h"

#include "base/err.h"
#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct type_table types;

static void setup(void) {
    types_init(&types);
    types_add_builtin(&types);
    types_add(&types, "echo", "", "");
    types_add(&types, "two", "left right", "");
    types_add(&types, "self", "x", "self");
    types_add(&types, "watch", "", "@ledger absent");
}

/* The inputs as text: "key=stage" or "key=@kind", in order, separated by blanks; or "!" and the sentence. */
static void describe(const struct sl_pipeline *pipeline, const char *stage, const struct sl_stage_types *table, char *out,
                     size_t size) {
    static const char *const kinds[] = {[SL_INPUT_LEDGER] = "@ledger", [SL_INPUT_PAYLOAD] = "@payload", [SL_INPUT_STATE] = "@state"};
    struct sl_input inputs[SL_INPUTS_MAX];
    uint32_t count = 99;
    char error[512] = "";
    int rc = sl_inputs_resolve(pipeline, (uint16_t)sl_pipeline_stage(pipeline, sl_text(stage)), table, inputs, SL_INPUTS_MAX,
                               &count, error, sizeof error);
    size_t used = 0;
    out[0] = '\0';
    if (rc != SL_OK) {
        cr_assert_eq(rc, SL_E_BAD_INPUT);
        cr_assert_eq(count, 99);
        snprintf(out, size, "!%s", error);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_input *input = &inputs[i];
        const char *what = input->kind == SL_INPUT_STAGE ? (const char *)pipeline->stages[input->stage].name.data : kinds[input->kind];
        used += (size_t)snprintf(out + used, size - used, "%s%.*s=%s", i ? " " : "", (int)input->key.size,
                                 (const char *)input->key.data, what);
    }
}

static void assert_inputs(const char *stages, const char *stage, const char *expected) {
    struct sl_pipeline *pipeline = stages_of(stages);
    char text[1024];
    describe(pipeline, stage, &types.table, text, sizeof text);
    cr_assert_str_eq(text, expected, "%s of\n%s\ngot %s", stage, stages, text);
    sl_pipeline_free(&pipeline);
}

TestSuite(inputs, .init = setup);

Test(inputs, of_the_guides_pipeline_are_what_the_types_registered) {
    static const char *const expected[][2] = {{"ingest", "payload=@payload"}, {"parse", "payloads=ingest"},
        {"ir_validation", "document=parse"}, {"chunk", "document=ir_validation"}, {"embed", "chunks=chunk"},
        {"index", "chunks=chunk embedding_batch=embed"}, {"extract", "document=ir_validation"}, {"kg", "extract=extract"}};
    char *text = read_source_file("deploy/pipelines/auto.yaml"), out[512];
    struct result result = pipeline_of(text);
    for (size_t i = 0; i < 8; i++) {
        describe(result.pipeline, expected[i][0], &types.table, out, sizeof out);
        cr_assert_str_eq(out, expected[i][1], "%s: %s", expected[i][0], out);
    }
    result_free(&result);
    free(text);
}

Test(inputs, a_root_without_dependencies_gets_the_payload) {
    assert_inputs("- {name: a, type: echo}\n", "a", "payload=@payload");
    assert_inputs("- {name: a, type: unknown}\n", "a", "payload=@payload");
    assert_inputs("- {name: a, type: echo, metadata_overrides: {dependencies: [absent]}}\n", "a", "payload=@payload");
}

Test(inputs, without_dependencies_depends_on_counts_in_its_order) {
    assert_inputs("- {name: a, type: echo}\n- {name: b, type: echo}\n- {name: c, type: echo, depends_on: [b, a]}\n", "c", "b=b a=a");
    assert_inputs("- {name: a, type: parse}\n- {name: c, type: echo, depends_on: [a]}\n", "c", "document=a");
    assert_inputs("- {name: a, type: echo}\n- {name: b, type: chunk, depends_on: [a], metadata_overrides: {dependencies: []}}\n", "b", "a=a");
}

Test(inputs, overrides_win_over_what_the_type_registered) {
    assert_inputs("- {name: ingest, type: ingest, config: {adapter: payload}}\n- {name: other, type: echo}\n"
                  "- {name: p, type: parse, depends_on: [ingest], metadata_overrides: {dependencies: [other]}}\n", "p", "other=other");
}

Test(inputs, special_names_bring_ledger_payload_and_state) {
    assert_inputs("- {name: a, type: echo, metadata_overrides: {dependencies: [\"@ledger\"]}}\n", "a", "ledger=@ledger");
    assert_inputs("- {name: x, type: echo}\n- {name: a, type: echo, depends_on: [x], metadata_overrides: {dependencies: [\"@ledger\"]}}\n",
                  "a", "ledger=@ledger");
    assert_inputs("- {name: x, type: parse}\n"
                  "- {name: a, type: echo, metadata_overrides: {dependencies: [\"@state\", x, \"@payload\", \"@ledger\"]}}\n", "a",
                  "state=@state document=x payload=@payload ledger=@ledger");
}

Test(inputs, a_stage_is_keyed_by_its_one_state_key_or_by_the_name_that_was_asked_for) {
    assert_inputs("- {name: a, type: parse}\n- {name: b, type: two}\n- {name: c, type: echo}\n"
                  "- {name: d, type: echo, metadata_overrides: {dependencies: [a, b, c]}}\n", "d", "document=a b=b c=c");
    assert_inputs("- {name: a, type: parse}\n- {name: b, type: two}\n"
                  "- {name: d, type: echo, metadata_overrides: {dependencies: [parse, two]}}\n", "d", "document=a two=b");
    assert_inputs("- {name: a, type: parse, metadata_overrides: {state_key: mine}}\n"
                  "- {name: b, type: parse, metadata_overrides: {state_key: null, dependencies: []}}\n"
                  "- {name: d, type: echo, depends_on: [a, b]}\n", "d", "mine=a b=b");
}

Test(inputs, a_name_is_a_stage_before_it_is_a_type) {
    assert_inputs("- {name: parse, type: echo}\n- {name: x, type: parse, metadata_overrides: {dependencies: []}}\n"
                  "- {name: d, type: echo, metadata_overrides: {dependencies: [parse]}}\n", "d", "parse=parse");
}

Test(inputs, a_type_that_several_stages_have_brings_all_of_them_by_their_names) {
    assert_inputs("- {name: a, type: parse}\n- {name: b, type: parse}\n"
                  "- {name: d, type: echo, metadata_overrides: {dependencies: [parse]}}\n", "d", "a=a b=b");
    assert_inputs("- {name: a, type: self}\n- {name: b, type: self, depends_on: [a]}\n", "b",
                  "x=a");
}

Test(inputs, a_stage_that_is_named_twice_comes_once) {
    assert_inputs("- {name: a, type: echo}\n- {name: d, type: two, metadata_overrides: {dependencies: [a, echo]}}\n", "d", "a=a");
}

Test(inputs, dropped_types_leave_what_is_there_or_depends_on) {
    assert_inputs("- {name: x, type: echo}\n- {name: c, type: chunk, depends_on: [x]}\n", "c", "x=x");
    assert_inputs("- {name: x, type: chunk, metadata_overrides: {dependencies: []}}\n- {name: i, type: index, depends_on: [x]}\n", "i",
                  "chunks=x");
    assert_inputs("- {name: x, type: echo}\n- {name: w, type: watch, depends_on: [x]}\n", "w", "ledger=@ledger x=x");
    assert_inputs("- {name: w, type: watch}\n", "w", "ledger=@ledger");
}

Test(inputs, what_is_no_ancestor_is_an_error) {
    assert_inputs("- {name: ingest, type: ingest, config: {adapter: payload}}\n- {name: p, type: parse}\n", "p",
                  "!stage \"p\" takes the output of \"ingest\", which does not come before it: add \"ingest\" to its depends_on");
    assert_inputs("- {name: a, type: self}\n- {name: b, type: self, depends_on: [a]}\n", "a",
                  "!stage \"a\" takes the output of \"b\", which does not come before it: add \"b\" to its depends_on");
}

Test(inputs, of_equal_state_keys_the_later_in_the_graph_wins) {
    const char *chain = "- {name: b, type: parse, depends_on: [a], metadata_overrides: {dependencies: []}}\n"
                        "- {name: a, type: parse, metadata_overrides: {dependencies: []}}\n"
                        "- {name: c, type: echo, depends_on: [a, b]}\n- {name: d, type: echo, depends_on: [b, a]}\n"
                        "- {name: o, type: two}\n- {name: e, type: echo, depends_on: [a, o, b]}\n";
    assert_inputs(chain, "c", "document=b");
    assert_inputs(chain, "d", "document=b");
    assert_inputs(chain, "e", "document=b o=o");
}

Test(inputs, equal_keys_without_an_order_are_an_error) {
    assert_inputs("- {name: a, type: parse}\n- {name: b, type: parse}\n- {name: c, type: echo, depends_on: [a, b]}\n", "c",
                  "!stage \"c\" has two inputs that are called \"document\": give one of them another state_key");
    assert_inputs("- {name: document, type: echo}\n- {name: b, type: parse, depends_on: [document]}\n"
                  "- {name: c, type: echo, depends_on: [document, b]}\n", "c",
                  "!stage \"c\" has two inputs that are called \"document\": give one of them another state_key");
    assert_inputs("- {name: a, type: echo, metadata_overrides: {state_key: ledger}}\n"
                  "- {name: c, type: echo, metadata_overrides: {dependencies: [a, \"@ledger\"]}}\n", "c",
                  "!stage \"c\" has two inputs that are called \"ledger\": give one of them another state_key");
}

Test(inputs, types_may_be_unknown) {
    struct sl_pipeline *pipeline = stages_of("- {name: a, type: parse}\n- {name: b, type: chunk, depends_on: [a]}\n");
    char text[256];
    describe(pipeline, "b", NULL, text, sizeof text);
    cr_assert_str_eq(text, "a=a");
    cr_assert_eq(sl_state_keys_resolve(pipeline, 0, NULL).count, 0);
    cr_assert_eq(sl_state_keys_resolve(pipeline, 0, &types.table).count, 1);
    sl_pipeline_free(&pipeline);
}

/* `count` roots, each of its own name, and a stage "sink" that depends on all of them. */
static struct sl_pipeline *fan_in(unsigned count) {
    char *stages = malloc(count * 128 + 1024);
    cr_assert_not_null(stages);
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        size += (size_t)sprintf(stages + size, "- {name: s%u, type: t, metadata_overrides: {state_key: k%u}}\n", i, i);
    }
    size += (size_t)sprintf(stages + size, "- {name: sink, type: echo, metadata_overrides: {dependencies: [t, \"@ledger\", \"@payload\", \"@state\"]}}\n");
    struct sl_pipeline *pipeline = stages_of(stages);
    free(stages);
    return pipeline;
}

Test(inputs, many_inputs_are_told_apart_and_counted_against_the_room) {
    struct sl_pipeline *pipeline = fan_in(1000);
    struct sl_input inputs[SL_INPUTS_MAX];
    uint32_t count = 0;
    char error[256];
    cr_assert_eq(sl_inputs_resolve(pipeline, 1000, &types.table, inputs, SL_INPUTS_MAX, &count, error, sizeof error), SL_OK);
    cr_assert_eq(count, 1003);
    for (uint16_t i = 0; i < 1000; i++) cr_assert(inputs[i].stage == i && sl_bytes_equal(inputs[i].key, pipeline->stages[i].name));
    cr_assert_eq(sl_inputs_resolve(pipeline, 1000, &types.table, inputs, 1003, &count, error, sizeof error), SL_OK);
    cr_assert_eq(sl_inputs_resolve(pipeline, 1000, &types.table, inputs, 1002, &count, error, sizeof error), SL_E_LIMIT);
    cr_assert_str_eq(error, "stage \"sink\" has more than 1002 inputs");
    cr_assert_eq(sl_inputs_resolve(pipeline, 1000, &types.table, inputs, 0, &count, NULL, 0), SL_E_LIMIT);
    sl_pipeline_free(&pipeline);
}

Test(inputs, equal_keys_are_found_among_few_and_among_many) {
    for (unsigned count = 2; count < 40; count++) {
        char *stages = malloc(8192), error[256];
        struct sl_input inputs[SL_INPUTS_MAX];
        uint32_t found;
        cr_assert_not_null(stages);
        size_t size = 0;
        for (unsigned i = 0; i < count; i++) {
            size += (size_t)sprintf(stages + size, "- {name: s%u, type: echo, metadata_overrides: {state_key: k%u}}\n", i,
                                    i + 1 == count ? count / 2 - 1 : i);
        }
        size += (size_t)sprintf(stages + size, "- {name: sink, type: two, depends_on: [s0");
        for (unsigned i = 1; i < count; i++) size += (size_t)sprintf(stages + size, ", s%u", i);
        sprintf(stages + size, "]}\n");
        struct sl_pipeline *pipeline = stages_of(stages);
        cr_assert_eq(sl_inputs_resolve(pipeline, (uint16_t)count, &types.table, inputs, SL_INPUTS_MAX, &found, error, sizeof error),
                     SL_E_BAD_INPUT, "%u", count);
        sl_pipeline_free(&pipeline);
        free(stages);
    }
}

Test(inputs, types_are_found_in_their_sorted_table) {
    uint32_t index = 99;
    cr_assert_not_null(sl_stage_types_find(&types.table, sl_text("embed")));
    cr_assert_null(sl_stage_types_find(&types.table, sl_text("embe")));
    cr_assert_null(sl_stage_types_find(NULL, sl_text("embed")));
    cr_assert_not(sl_stage_types_search(&types.table, sl_text(""), sl_text(""), &index));
    cr_assert_eq(index, 0);
    cr_assert_not(sl_stage_types_search(&types.table, sl_text("zzz"), sl_text(""), &index));
    cr_assert_eq(index, types.table.count);
    cr_assert(sl_stage_types_search(&types.table, sl_text("chunk"), sl_text(""), &index));
    cr_assert(sl_bytes_is(types.table.items[index]->type, "chunk"));
}

static const char *bound_to(const char *plugins) {
    char text[1024];
    snprintf(text, sizeof text, "  - {name: a, type: echo}\nplugins: [%s]\n", plugins);
    struct sl_pipeline *pipeline = stages_of(text);
    const struct sl_stage_type *bound = sl_stage_types_bound(&types.table, pipeline, 0);
    const char *callable = bound ? (const char *)bound->callable.data : "nothing";
    cr_assert_null(sl_stage_types_bound(NULL, pipeline, 0));
    sl_pipeline_free(&pipeline);
    return callable;
}

Test(inputs, a_function_of_the_pipeline_goes_before_a_plugin_if_it_replaces) {
    types_add_of(&types, "liba.so:f", "echo", "x", "");
    types_add_of(&types, "libb.so:f", "echo", "y", "");
    types_add_of(&types, "libb.so:f", "other", "", "");
    cr_assert_str_eq(bound_to(""), "");
    cr_assert_str_eq(bound_to("{callable: \"libb.so:f\"}"), "", "the first provider stays");
    cr_assert_str_eq(bound_to("{callable: \"libb.so:f\", replace: true}"), "libb.so:f");
    cr_assert_str_eq(bound_to("{callable: \"liba.so:f\"}, {callable: \"libb.so:f\", replace: true}"), "libb.so:f");
    cr_assert_str_eq(bound_to("{callable: \"libz.so:f\", replace: true}, {callable: \"liba.so:f\", replace: true}"), "liba.so:f");
    cr_assert_str_eq(bound_to("{callable: \"libz.so:f\", replace: true}"), "", "one that offers nothing is passed over");
}

Test(inputs, a_function_of_the_pipeline_offers_what_no_plugin_does) {
    types_init(&types);
    types_add_of(&types, "libb.so:f", "echo", "y", "@state");
    cr_assert_str_eq(bound_to(""), "nothing");
    cr_assert_str_eq(bound_to("{callable: \"liba.so:f\"}, {callable: \"libb.so:f\"}"), "libb.so:f");
    assert_inputs("  - {name: a, type: echo}\nplugins: [{callable: \"libb.so:f\"}]\n", "a", "state=@state");
    assert_inputs("  - {name: a, type: echo}\n", "a", "payload=@payload");
}

Test(inputs, keys_of_types_are_cut_at_their_limit) {
    char key[SL_TYPE_KEY_MAX + 1], callable[SL_KEY_MAX + 2], type[SL_NAME_MAX + 2];
    sl_stage_type_key(sl_text(""), sl_text("echo"), key);
    cr_assert_str_eq(key, "echo");
    sl_stage_type_key(sl_text("liba.so:f"), sl_text("echo"), key);
    cr_assert_str_eq(key, "liba.so:f/echo");
    memset(callable, 'c', sizeof callable);
    memset(type, 't', sizeof type);
    for (size_t more = 0; more < 2; more++) {
        sl_stage_type_key(sl_bytes(callable, SL_KEY_MAX + more), sl_bytes(type, SL_NAME_MAX + more), key);
        cr_assert_eq(strlen(key), SL_TYPE_KEY_MAX);
    }
}
