/* Which config schemas can be used, and what is said of the others. */
#include "model/schema.h"

#include "base/err.h"
#include "base/limits.h"
#include "io/json.h"
#include "io/pattern.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static int check(const char *json, char *error, size_t error_size) {
    struct sl_buf schema;
    sl_buf_init(&schema, sl_alloc_system());
    cr_assert_eq(sl_json_to_msgpack(sl_text(json), &schema, error, error_size), SL_OK, "%s: %s", json, error);
    int rc = sl_schema_check(sl_buf_bytes(&schema), sl_pattern_match, error, error_size);
    sl_buf_fini(&schema);
    return rc;
}

Test(schema, of_all_keywords_can_be_used) {
    char error[512] = "";
    static const char *const good[] = {
        "{}",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"],\"minLength\":0,\"maxLength\":5,\"pattern\":\"^a+$\"},"
        "\"oneOf\":{\"enum\":[1,\"x\",null,{\"$ref\":1}]},\"c\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,"
        "\"items\":{\"minimum\":-1.5,\"maximum\":3}}},\"required\":[\"a\"],\"additionalProperties\":false,\"default\":{}}",
        "{\"additionalProperties\":{\"const\":{\"if\":1}}}",
        "{\"required\":[]}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect_eq(check(good[i], error, sizeof error), SL_OK, "%s: %s", good[i], error);
}

Test(schema, that_cannot_be_used_is_refused_by_the_name_and_place_of_the_keyword) {
    static const struct {
        const char *schema, *sentence;
    } rows[] = {
        {"[]", "config_schema must be a schema, which is a map"},
        {"true", "config_schema must be a schema, which is a map"},
        {"{\"oneOf\":[]}", "config_schema.oneOf is not a keyword that Sluice knows, which are type, properties,"},
        {"{\"$ref\":\"#\"}", "config_schema.$ref is not a keyword"},
        {"{\"properties\":{\"a\":{\"minimun\":1}}}", "config_schema.properties.a.minimun is not a keyword"},
        {"{\"properties\":{\"a\":{\"minimun\":1}}}", "; did you mean \"minimum\"?"},
        {"{\"items\":{\"format\":\"uri\"}}", "config_schema.items.format is not"},
        {"{\"additionalProperties\":{\"title\":\"x\"}}", "config_schema.additionalProperties.title is not"},
        {"{\"items\":[{}]}", "config_schema.items must be a schema, which is a map"},
        {"{\"additionalProperties\":1}", "config_schema.additionalProperties must be a schema"},
        {"{\"properties\":[]}", "config_schema.properties must be a map"},
        {"{\"properties\":{\"a\":true}}", "config_schema.properties.a must be a schema"},
        {"{\"type\":\"int\"}", "config_schema.type must be null, boolean,"},
        {"{\"type\":[]}", "config_schema.type must not be empty"},
        {"{\"type\":[\"string\",\"text\"]}", "config_schema.type[1] must be null, boolean,"},
        {"{\"type\":[[\"string\"]]}", "config_schema.type[0] must be null, boolean,"},
        {"{\"required\":\"a\"}", "config_schema.required must be a list"},
        {"{\"required\":[1]}", "config_schema.required[0] must be text"},
        {"{\"enum\":[]}", "config_schema.enum must not be empty"},
        {"{\"enum\":1}", "config_schema.enum must be a list"},
        {"{\"minimum\":\"1\"}", "config_schema.minimum must be a number"},
        {"{\"maximum\":null}", "config_schema.maximum must be a number"},
        {"{\"minLength\":-1}", "config_schema.minLength must be a whole number, at least 0"},
        {"{\"maxLength\":1.5}", "config_schema.maxLength must be a whole number, at least 0"},
        {"{\"minItems\":true}", "config_schema.minItems must be a whole number, at least 0"},
        {"{\"maxItems\":[]}", "config_schema.maxItems must be a whole number, at least 0"},
        {"{\"pattern\":1}", "config_schema.pattern must be text"},
        {"{\"pattern\":\"(\"}", "config_schema.pattern is no regular expression"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char error[1024] = "";
        cr_expect_eq(check(rows[i].schema, error, sizeof error), SL_E_BAD_INPUT, "%s", rows[i].schema);
        cr_expect_not_null(strstr(error, rows[i].sentence), "%s: %s", rows[i].schema, error);
    }
}

/* {"enum":[ [[...]] ]}: `depth` values in each other. */
static int check_depth(unsigned depth) {
    char json[1024] = "{\"enum\":[1,", error[512];
    for (unsigned i = 2; i < depth; i++) strcat(json, "[");
    for (unsigned i = 2; i < depth; i++) strcat(json, "]");
    strcat(json, "]}");
    return check(json, error, sizeof error);
}

/* {"enum":[0,0,...]} with that many keys and values. */
static int check_nodes(unsigned count) {
    char *json = malloc(count * 2 + 16), error[512];
    strcpy(json, "{\"enum\":[0");
    char *at = json + strlen(json);
    for (unsigned i = 4; i < count; i++) at = stpcpy(at, ",0");
    strcpy(at, "]}");
    int rc = check(json, error, sizeof error);
    if (rc) cr_expect_not_null(strstr(error, "deeper than 16 or has more than 4096 parts"), "%s", error);
    free(json);
    return rc;
}

Test(schema, has_limits_of_depth_and_of_parts) {
    cr_expect_eq(check_depth(SL_SCHEMA_DEPTH_MAX), SL_OK);
    cr_expect_eq(check_depth(SL_SCHEMA_DEPTH_MAX + 1), SL_E_LIMIT);
    cr_expect_eq(check_depth(SL_VALUE_DEPTH_MAX), SL_E_LIMIT);
    cr_expect_eq(check_nodes(SL_SCHEMA_NODES_MAX), SL_OK);
    cr_expect_eq(check_nodes(SL_SCHEMA_NODES_MAX + 1), SL_E_LIMIT);
    cr_expect_eq(check_nodes(SL_SCHEMA_NODES_MAX * 100), SL_E_LIMIT);
}

Test(schema, of_bytes_that_are_no_json_is_refused) {
    char error[256];
    static const uint8_t cut[] = {0x81, 0xa4, 't', 'y'}, number_key[] = {0x81, 1, 2};
    static const uint8_t numbers[] = {0x81, 0xaa, 'p', 'r', 'o', 'p', 'e', 'r', 't', 'i', 'e', 's', 0x81, 1, 0x80};
    cr_expect_eq(sl_schema_check(sl_bytes(cut, sizeof cut), NULL, error, sizeof error), SL_E_BAD_INPUT);
    cr_expect_eq(sl_schema_check(sl_bytes(NULL, 0), NULL, error, sizeof error), SL_E_BAD_INPUT);
    cr_expect_eq(sl_schema_check(sl_bytes(number_key, sizeof number_key), NULL, error, sizeof error), SL_E_BAD_INPUT);
    cr_expect_eq(sl_schema_check(sl_bytes(numbers, sizeof numbers), NULL, error, sizeof error), SL_E_BAD_INPUT);
}

static int no_memory(struct sl_bytes pattern, struct sl_bytes text) {
    (void)pattern, (void)text;
    return SL_E_NO_MEMORY;
}

Test(schema, whose_pattern_finds_no_memory_is_not_called_bad) {
    static const uint8_t schema[] = {0x81, 0xa7, 'p', 'a', 't', 't', 'e', 'r', 'n', 0xa1, 'a'};
    char error[256];
    cr_expect_eq(sl_schema_check(sl_bytes(schema, sizeof schema), no_memory, error, sizeof error), SL_E_NO_MEMORY);
}

Test(schema, place_is_written_as_a_path_and_cut) {
    char text[32], small[8];
    const struct sl_schema_place a = {.key = sl_text("roots")}, b = {.parent = &a, .index = 3, .is_item = true},
                                 c = {.parent = &b, .key = sl_text("x")};
    sl_schema_place_text(&c, "config", text, sizeof text);
    cr_expect_str_eq(text, "config.roots[3].x");
    sl_schema_place_text(NULL, "config", text, sizeof text);
    cr_expect_str_eq(text, "config");
    sl_schema_place_text(&c, "config", small, sizeof small);
    cr_expect_str_eq(small, "config.");
}
