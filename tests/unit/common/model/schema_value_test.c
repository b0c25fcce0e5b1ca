/* What config schemas say of values: a row for each keyword, with the sentences. The verdicts are compared with another
 * implementation in schema_value_test.py. */
#include "model/schema.h"

#include "base/err.h"
#include "io/json.h"
#include "io/pattern.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct sl_buf packed(const char *json) {
    struct sl_buf value;
    char error[256];
    sl_buf_init(&value, sl_alloc_system());
    cr_assert_eq(sl_json_to_msgpack(sl_text(json), &value, error, sizeof error), SL_OK, "%s: %s", json, error);
    return value;
}

static void add(void *context, const struct sl_schema_place *place, const char *hint, const char *sentence) {
    char *all = context, where[256];
    sl_schema_place_text(place, "v", where, sizeof where);
    (void)snprintf(all + strlen(all), 4096 - strlen(all), "%s%s%s %s%s%s", *all ? "\n" : "", place && place->is_key ? "key " : "", where,
                   sentence, hint ? "; " : "", hint ? hint : "");
}

static int validate(const char *schema_json, const char *value_json, sl_schema_match match, char all[4096]) {
    struct sl_buf schema = packed(schema_json), value = packed(value_json);
    char error[512];
    all[0] = '\0';
    cr_assert_eq(sl_schema_check(sl_buf_bytes(&schema), sl_pattern_match, error, sizeof error), SL_OK, "%s", error);
    const struct sl_schema_report report = {.add = add, .context = all};
    int rc = sl_schema_validate(sl_buf_bytes(&schema), sl_buf_bytes(&value), match, &report);
    sl_buf_fini(&schema);
    sl_buf_fini(&value);
    return rc;
}

static const struct {
    const char *schema, *value, *problems;
} rows[] = {
    {"{}", "{\"a\":1}", ""},
    {"{\"type\":\"string\"}", "1", "v must be text, and is 1"},
    {"{\"type\":\"string\"}", "\"\"", ""},
    {"{\"type\":\"null\"}", "false", "v must be null, and is false"},
    {"{\"type\":\"boolean\"}", "\"true\"", "v must be true or false, and is \"true\""},
    {"{\"type\":\"integer\"}", "1.0", ""},
    {"{\"type\":\"integer\"}", "1e300", ""},
    {"{\"type\":\"integer\"}", "-0.5", "v must be a whole number, and is -0.5"},
    {"{\"type\":\"number\"}", "18446744073709551615", ""},
    {"{\"type\":\"number\"}", "true", "v must be a number, and is true"},
    {"{\"type\":[\"array\",\"object\"]}", "null", "v must be a list or a map, and is null"},
    {"{\"type\":[\"array\",\"object\"]}", "{}", ""},
    {"{\"type\":\"object\"}", "[]", "v must be a map, and is a list"},
    {"{\"type\":\"string\"}", "{\"$bin\":\"AAA=\"}", "v must be text, and is bytes"},
    {"{\"enum\":[\"auto\",\"text\",3,null,[],true]}", "\"autoo\"",
     "v must be one of \"auto\", \"text\", 3, null, a list, true; did you mean \"auto\"?"},
    {"{\"enum\":[\"auto\"]}", "{}", "v must be \"auto\""},
    {"{\"enum\":[1,{\"a\":[1,2],\"b\":null}]}", "{\"b\":null,\"a\":[1.0,2]}", ""},
    {"{\"enum\":[1,[2]]}", "[3]", "v must be one of 1, a list"},
    {"{\"enum\":[1,0]}", "true", "v must be one of 1, 0"},
    {"{\"const\":1}", "1.0", ""},
    {"{\"const\":\"a\"}", "\"b\"", "v must be \"a\", and is \"b\""},
    {"{\"const\":[1]}", "[1,2]", "v must be the one list that its schema names"},
    {"{\"const\":{\"a\":1}}", "{\"b\":1}", "v must be the one map that its schema names"},
    {"{\"const\":null}", "0", "v must be null, and is 0"},
    {"{\"minimum\":8,\"maximum\":9}", "8", ""},
    {"{\"minimum\":8,\"maximum\":9}", "9", ""},
    {"{\"minimum\":8,\"maximum\":9}", "7", "v must be at least 8, and is 7"},
    {"{\"minimum\":8,\"maximum\":9}", "9.5", "v must be at most 9, and is 9.5"},
    {"{\"minimum\":-2.5}", "-3", "v must be at least -2.5, and is -3"},
    {"{\"minimum\":9007199254740993}", "9007199254740992.0", "v must be at least 9007199254740993, and is 9.00719925474099e+15"},
    {"{\"maximum\":18446744073709551614}", "18446744073709551615",
     "v must be at most 18446744073709551614, and is 18446744073709551615"},
    {"{\"minimum\":8}", "\"1\"", ""},
    {"{\"minLength\":2,\"maxLength\":3}", "\"\\u00e4\"", "v must have at least 2 characters, and has 1"},
    {"{\"minLength\":2,\"maxLength\":3}", "\"\\u00e4\\u00e4\\ud83d\\ude00\"", ""},
    {"{\"minLength\":2,\"maxLength\":3}", "\"abcd\"", "v must have at most 3 characters, and has 4"},
    {"{\"minLength\":2}", "1", ""},
    {"{\"pattern\":\"^/\"}", "\"/a\"", ""},
    {"{\"pattern\":\"^/\"}", "\"a\"", "v must match the pattern ^/, and is \"a\""},
    {"{\"pattern\":\"b$\"}", "\"ab\\n\"", "v must match the pattern b$, and is \"ab\n\""},
    {"{\"pattern\":\"(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"",
     "v cannot be compared with the pattern (a+)+$: it costs too much"},
    {"{\"minItems\":1,\"maxItems\":2}", "[]", "v must have at least 1 members, and has 0"},
    {"{\"minItems\":1,\"maxItems\":2}", "[1,2]", ""},
    {"{\"minItems\":1,\"maxItems\":2}", "[1,2,3]", "v must have at most 2 members, and has 3"},
    {"{\"items\":{\"type\":\"integer\"}}", "[1,\"a\",2,[]]",
     "v[1] must be a whole number, and is \"a\"\nv[3] must be a whole number, and is a list"},
    {"{\"items\":{\"items\":{\"const\":1}}}", "[[1],[1,2]]", "v[1][1] must be 1, and is 2"},
    {"{\"required\":[\"a\",\"b\"]}", "{\"b\":1}", "v.a is missing"},
    {"{\"required\":[\"a\"]}", "[]", ""},
    {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":1,\"b\":2}", "v.a must be null, and is 1"},
    {"{\"properties\":{\"format\":{},\"by\":{}},\"additionalProperties\":false}", "{\"fromat\":1}",
     "key v.fromat is unknown: the keys are \"format\", \"by\"; did you mean \"format\"?"},
    {"{\"additionalProperties\":false}", "{\"a\":1}", "key v.a is unknown: no key is allowed"},
    {"{\"additionalProperties\":true}", "{\"a\":1}", ""},
    {"{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1,\"b\":2}", "v.b must be text, and is 2"},
    {"{\"type\":\"object\",\"default\":3}", "{}", ""},
    {"{\"type\":\"string\",\"enum\":[\"a\"],\"minLength\":1}", "0", "v must be text, and is 0"},
};

Test(schema_value, gets_the_sentences_of_its_schema) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char all[4096];
        cr_expect_eq(validate(rows[i].schema, rows[i].value, sl_pattern_match, all), SL_OK);
        cr_expect_str_eq(all, rows[i].problems, "%s of %s:\n%s", rows[i].schema, rows[i].value, all);
    }
}

Test(schema_value, sentence_lists_only_as_much_as_is_readable) {
    char schema[8192] = "{\"enum\":[\"none\"", all[4096];
    for (int i = 0; i < 300; i++) (void)snprintf(schema + strlen(schema), sizeof schema - strlen(schema), ",\"word-%d\"", i);
    strcat(schema, "]}");
    cr_assert_eq(validate(schema, "\"nonne\"", NULL, all), SL_OK);
    cr_expect_not_null(strstr(all, "\"word-1\", "), "%s", all);
    cr_expect_not_null(strstr(all, ", ...; did you mean \"none\"?"), "%s", all);
    cr_expect_lt(strlen(all), 512);
}

static int no_memory(struct sl_bytes pattern, struct sl_bytes text) {
    (void)pattern, (void)text;
    return SL_E_NO_MEMORY;
}

Test(schema_value, without_memory_for_a_pattern_is_told) {
    char all[4096];
    cr_expect_eq(validate("{\"pattern\":\"^/\"}", "\"a\"", no_memory, all), SL_E_NO_MEMORY);
    cr_expect_str_empty(all);
    cr_expect_eq(validate("{\"pattern\":\"^/\"}", "\"a\"", NULL, all), SL_OK);
    cr_expect_str_empty(all, "patterns are not looked at");
}
