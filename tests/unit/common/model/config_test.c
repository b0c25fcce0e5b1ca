/* Configs of stages against the schemas of their types: places, suggestions, and which registration counts. */
#include "fixture.h"

#include "base/err.h"
#include "io/json.h"
#include "io/pattern.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct type_table types;
static struct sl_buf schemas[TYPES_MAX];

static void setup(void) {
    types_init(&types);
}

static void add_type(const char *callable, const char *type, const char *schema) {
    struct sl_buf *packed = &schemas[types.table.count];
    char error[256];
    sl_buf_init(packed, sl_alloc_system());
    cr_assert_eq(sl_json_to_msgpack(sl_text(schema), packed, error, sizeof error), SL_OK, "%s", error);
    cr_assert_eq(sl_schema_check(sl_buf_bytes(packed), sl_pattern_match, error, sizeof error), SL_OK, "%s", error);
    types_add_of(&types, callable, type, "", "")->config_schema = sl_buf_bytes(packed);
}

static void teardown(void) {
    for (uint32_t i = 0; i < TYPES_MAX; i++)
        if (schemas[i].data) sl_buf_fini(&schemas[i]);
}

TestSuite(config, .init = setup, .fini = teardown);

static const char parse_schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"format\":{\"enum\":[\"auto\",\"text\"]},"
                                   "\"roots\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^/\"}}}}";

/* What sl_pipeline_check says of stages, with schemas and nothing else to check against. */
static void assert_said(const char *stages, const char *golden) {
    char text[4096];
    struct sl_problems problems;
    struct sl_pipeline *pipeline = NULL;
    (void)snprintf(text, sizeof text, "name: p\nversion: \"2026-01-15\"\n%s", stages);
    struct sl_tree tree = tree_of(text);
    sl_problems_init(&problems, sl_alloc_system());
    const struct sl_pipeline_rules rules = {.schemas = &types.table, .match = sl_pattern_match};
    int rc = sl_pipeline_check(&tree, &rules, sl_alloc_system(), &problems, &pipeline);
    cr_expect_eq(rc, *golden ? SL_E_BAD_INPUT : SL_OK);
    char *said = shown(&problems, "p.yaml", text);
    cr_expect_str_eq(said, golden, "%s", said);
    free(said);
    sl_pipeline_free(&pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
}

Test(config, of_every_stage_is_checked_with_place_and_suggestion) {
    add_type("", "parse", parse_schema);
    assert_said("stages:\n"
                "  - {name: a, type: parse, config: {format: autoo, fromat: text}}\n"
                "  - name: b\n"
                "    type: parse\n"
                "    config:\n"
                "      roots:\n"
                "        - /a\n"
                "        - b\n",
                "p.yaml:4:45: error: config.format of stage \"a\" must be one of \"auto\", \"text\"\n"
                "    4 |   - {name: a, type: parse, config: {format: autoo, fromat: text}}\n"
                "      |                                             ^~~~~ did you mean \"auto\"?\n"
                "p.yaml:4:52: error: config.fromat of stage \"a\" is unknown: the keys are \"format\", \"roots\"\n"
                "    4 |   - {name: a, type: parse, config: {format: autoo, fromat: text}}\n"
                "      |                                                    ^~~~~~ did you mean \"format\"?\n"
                "p.yaml:10:11: error: config.roots[1] of stage \"b\" must match the pattern ^/, and is \"b\"\n"
                "   10 |         - b\n"
                "      |           ^\n");
}

Test(config, that_the_schema_allows_is_not_mentioned) {
    add_type("", "parse", parse_schema);
    assert_said("stages:\n  - {name: a, type: parse}\n  - {name: b, type: parse, config: {format: auto, roots: [/a]}}\n"
                "  - {name: c, type: other, config: {format: autoo}}\n", "");
}

Test(config, without_a_member_that_must_be_there_is_told_where_it_belongs) {
    add_type("", "t", "{\"required\":[\"a\"],\"properties\":{\"b\":{\"required\":[\"c\"]}}}");
    assert_said("stages:\n  - {name: one, type: t}\n  - {name: two, type: t, config: {a: 1, b: {}}}\n",
                "p.yaml:4:12: error: config.a of stage \"one\" is missing\n"
                "    4 |   - {name: one, type: t}\n"
                "      |            ^~~\n"
                "p.yaml:5:41: error: config.b.c of stage \"two\" is missing\n"
                "    5 |   - {name: two, type: t, config: {a: 1, b: {}}}\n"
                "      |                                         ^\n");
}

Test(config, of_a_file_with_other_errors_is_checked_in_the_same_pass) {
    add_type("", "parse", parse_schema);
    assert_said("stages:\n  - {name: a, type: parse, depends_on: [x], config: {format: 1}}\n  - {type: parse, config: {format: 2}}\n"
                "  - {name: c, type: parse, config: [1]}\n",
                "p.yaml:4:41: error: stage \"a\" depends on \"x\", which is not defined\n"
                "    4 |   - {name: a, type: parse, depends_on: [x], config: {format: 1}}\n"
                "      |                                         ^\n"
                "p.yaml:4:62: error: config.format of stage \"a\" must be one of \"auto\", \"text\"\n"
                "    4 |   - {name: a, type: parse, depends_on: [x], config: {format: 1}}\n"
                "      |                                                              ^\n"
                "p.yaml:5:5: error: stage number 2 has no \"name\"\n"
                "    5 |   - {type: parse, config: {format: 2}}\n"
                "      |     ^\n"
                "p.yaml:5:36: error: config.format of stage \"(no name)\" must be one of \"auto\", \"text\"\n"
                "    5 |   - {type: parse, config: {format: 2}}\n"
                "      |                                    ^\n"
                "p.yaml:6:28: error: config of stage \"c\" must be a map of keys and values, and is a list\n"
                "    6 |   - {name: c, type: parse, config: [1]}\n"
                "      |                            ^~~~~~\n");
}

Test(config, is_judged_by_the_registration_that_counts_for_the_stage) {
    const char *only_a = "{\"additionalProperties\":false,\"properties\":{\"a\":{}}}";
    const char *stage = "stages:\n  - {name: s, type: t, config: {b: 1}}\n";
    const char *refused = "p.yaml:5:33: error: config.b of stage \"s\" is unknown: the keys are \"a\"\n"
                          "    5 |   - {name: s, type: t, config: {b: 1}}\n"
                          "      |                                 ^\n";
    char replacing[256], beside[256];
    (void)snprintf(replacing, sizeof replacing, "plugins: [{callable: \"libx.so:f\", replace: true}]\n%s", stage);
    (void)snprintf(beside, sizeof beside, "plugins: [{callable: \"libx.so:f\"}]\n%s", stage);
    add_type("", "t", only_a);
    assert_said(beside, refused);
    assert_said(replacing, ""); /* what the function will offer is not known */
    add_type("libx.so:f", "t", "{}");
    assert_said(beside, refused);
    assert_said(replacing, "");
    teardown();
    setup();
    add_type("", "t", "{}");
    add_type("libx.so:f", "t", only_a);
    assert_said(replacing, refused);
}

static int no_memory(struct sl_bytes pattern, struct sl_bytes text) {
    (void)pattern, (void)text;
    return SL_E_NO_MEMORY;
}

Test(config, without_memory_for_a_pattern_makes_no_pipeline) {
    add_type("", "parse", parse_schema);
    struct sl_tree tree = tree_of("name: p\nversion: \"2026-01-15\"\nstages:\n  - {name: a, type: parse, config: {roots: [/a]}}\n");
    struct sl_problems problems;
    struct sl_pipeline *pipeline = NULL;
    sl_problems_init(&problems, sl_alloc_system());
    const struct sl_pipeline_rules rules = {.schemas = &types.table, .match = no_memory};
    cr_expect_eq(sl_pipeline_check(&tree, &rules, sl_alloc_system(), &problems, &pipeline), SL_E_NO_MEMORY);
    cr_expect_null(pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
}
