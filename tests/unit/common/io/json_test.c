/* JSON and msgpack, both ways. */
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/rng.h"
#include "io/json.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sl_buf value, text;
static char error[256];

static void set_up(void) {
    sl_buf_init(&value, sl_alloc_system());
    sl_buf_init(&text, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&value);
    sl_buf_fini(&text);
}

TestSuite(json, .init = set_up, .fini = tear_down);

static int read_json(struct sl_bytes json) {
    sl_buf_clear(&value);
    (void)strcpy(error, "");
    return sl_json_to_msgpack(json, &value, error, sizeof error);
}

static int write_json(bool pretty) {
    sl_buf_clear(&text);
    return sl_msgpack_to_json(sl_buf_bytes(&value), pretty, &text);
}

static void expect_text(const char *expected) {
    cr_assert(sl_bytes_is(sl_buf_bytes(&text), expected), "%.*s instead of %s", (int)text.size, (const char *)text.data, expected);
}

Test(json, what_is_written_as_we_write_it_comes_back_the_same) {
    static const char *const rows[] = {
        "null", "true", "false", "0", "-1", "127", "128", "-128", "9223372036854775807", "-9223372036854775808",
        "9223372036854775808", "18446744073709551615", "1.5", "-0.0", "0.1", "1e+300", "4.94065645841247e-324", "1.8446744073709552e+19",
        "\"\"", "\"text\"", "\"Gr\xc3\xb6\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80\"", "\"\\\"\\\\/\\n\\t\\u0000\\u001f\"",
        "\"\\u007f\\u0080\\u009b31m\\u009f\xc2\xa0\"", "[]", "{}",
        "[1,[2,[3,[]]],{}]", "{\"b\":1,\"a\":{\"c\":[null]}}", "{\"$bin\":\"\"}", "{\"$bin\":\"AAEC/w==\"}",
        "{\"$bin\":\"AA==\",\"other\":1}", "[\"-5\",-5,\"6\\\"7\",6,\"\\\\\",8]",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(read_json(sl_text(rows[i])), SL_OK, "%s: %s", rows[i], error);
        cr_assert_eq(sl_mp_check(sl_buf_bytes(&value), SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX), SL_OK);
        cr_assert_eq(write_json(false), SL_OK, "%s", rows[i]);
        expect_text(rows[i]);
    }
}

Test(json, other_ways_of_writing_mean_the_same) {
    static const struct {
        const char *json;
        const char *expected;
    } rows[] = {
        {" [ 1 , 2 ]\n", "[1,2]"}, {"1E3", "1000.0"}, {"1e3", "1000.0"}, {"-0", "0"}, {"1.0", "1.0"}, {"100", "100"},
        {"18446744073709551616", "1.8446744073709552e+19"}, {"-9223372036854775809", "-9.223372036854776e+18"},
        {"\"\\u00e4\\ud83d\\ude00\\/\"", "\"\xc3\xa4\xf0\x9f\x98\x80/\""}, {"\"\\r\\b\\f\"", "\"\\u000d\\u0008\\u000c\""},
        {"123456789012345678901234567890123456789", "1.2345678901234568e+38"}, {"{\"a\" : -12 }", "{\"a\":-12}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(read_json(sl_text(rows[i].json)), SL_OK, "%s: %s", rows[i].json, error);
        cr_assert_eq(write_json(false), SL_OK);
        expect_text(rows[i].expected);
    }
}

Test(json, numbers_have_their_kind_in_msgpack) {
    cr_assert_eq(read_json(sl_text("[18446744073709551615,-9223372036854775808,1.0,7]")), SL_OK);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&value));
    struct sl_mp_object object;
    cr_assert_eq(sl_mp_read_array(&reader, 4), 4);
    cr_assert_eq(sl_mp_read_uint(&reader, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(sl_mp_read_int(&reader), INT64_MIN);
    cr_assert_eq(sl_mp_next(&reader, &object), SL_OK);
    cr_assert_eq(object.type, SL_MP_DOUBLE);
    cr_assert_eq(sl_mp_read_uint(&reader, 7), 7);
    cr_assert_eq(sl_mp_end(&reader), SL_OK);
}

Test(json, what_is_wrong_is_refused_in_a_sentence) {
    static const struct {
        const char *json;
        const char *words;
    } rows[] = {
        {"", "not valid JSON"}, {"{", "line 1"}, {"[1,]", "not valid JSON"}, {"nul", "not valid JSON"},
        {"{\"a\":1,\"a\":2}", "duplicate object key"}, {"NaN", "not valid JSON"}, {"Infinity", "not valid JSON"},
        {"-Infinity", "not valid JSON"}, {"1e999", "not valid JSON"}, {"01", "not valid JSON"}, {"1 2", "not valid JSON"},
        {"\"\xff\"", "not valid JSON"}, {"\"\\ud800\"", "not valid JSON"}, {"{\"a\\u0000b\":1}", "not valid JSON"},
        {"'a'", "not valid JSON"}, {"\"a\nb\"", "not valid JSON"}, {"{\"$bin\":\"A\"}", "must be base64"},
        {"{\"$bin\":\"AA==x\"}", "must be base64"}, {"{\"$bin\":5}", "must be base64"}, {"[1][2]", "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(read_json(sl_text(rows[i].json)), SL_E_BAD_INPUT, "%s", rows[i].json);
        cr_assert(strstr(error, rows[i].words), "%s: '%s'", rows[i].json, error);
        cr_assert_null(strchr(error, '\n'));
        cr_assert_eq(value.size, 0);
    }
}

static int read_nested(size_t depth) {
    struct sl_buf json;
    sl_buf_init(&json, sl_alloc_system());
    for (size_t i = 1; i < depth; i++) (void)sl_buf_append(&json, "[", 1);
    (void)sl_buf_append(&json, "1", 1);
    for (size_t i = 1; i < depth; i++) (void)sl_buf_append(&json, "]", 1);
    int rc = read_json(sl_buf_bytes(&json));
    sl_buf_fini(&json);
    return rc;
}

Test(json, depth_ends_where_that_of_values_ends) {
    cr_assert_eq(read_nested(SL_VALUE_DEPTH_MAX), SL_OK);
    cr_assert_eq(write_json(true), SL_OK);
    cr_assert_eq(read_nested(SL_VALUE_DEPTH_MAX + 1), SL_E_LIMIT);
    cr_assert(strstr(error, "too deeply"));
    cr_assert_eq(read_nested(1000000), SL_E_LIMIT);
    sl_buf_clear(&value);
    for (int i = 0; i < SL_VALUE_DEPTH_MAX; i++) sl_mp_array(&value, 1);
    sl_mp_nil(&value);
    cr_assert_eq(write_json(false), SL_E_LIMIT);
    cr_assert_eq(text.size, 0);
}

static int read_wide(size_t count) {
    struct sl_buf json;
    sl_buf_init(&json, sl_alloc_system());
    (void)sl_buf_append(&json, "[1", 2);
    for (size_t i = 2; i < count; i++) (void)sl_buf_append(&json, ",1", 2);
    (void)sl_buf_append(&json, "]", 1);
    int rc = read_json(sl_buf_bytes(&json));
    sl_buf_fini(&json);
    return rc;
}

Test(json, the_number_of_parts_ends_where_that_of_values_ends) {
    cr_assert_eq(read_wide(SL_VALUE_NODES_MAX), SL_OK);
    cr_assert_eq(sl_mp_check(sl_buf_bytes(&value), 2, SL_VALUE_NODES_MAX), SL_OK);
    cr_assert_eq(read_wide(SL_VALUE_NODES_MAX + 1), SL_E_LIMIT);
    cr_assert(strstr(error, "too many parts"));
}

Test(json, pretty_text_has_a_line_a_member) {
    cr_assert_eq(read_json(sl_text("{\"a\":[1,{}],\"b\":{\"c\":null},\"d\":[]}")), SL_OK);
    cr_assert_eq(write_json(true), SL_OK);
    expect_text("{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  },\n  \"d\": []\n}");
}

Test(json, keys_of_other_kinds_become_text) {
    sl_mp_map(&value, 4);
    sl_mp_uint(&value, 7);
    sl_mp_nil(&value);
    sl_mp_int(&value, -7);
    sl_mp_nil(&value);
    sl_mp_bool(&value, true);
    sl_mp_nil(&value);
    sl_mp_str(&value, sl_bytes("a\0b", 3));
    sl_mp_nil(&value);
    cr_assert_eq(write_json(false), SL_OK);
    expect_text("{\"7\":null,\"-7\":null,\"true\":null,\"a\\u0000b\":null}");
}

static void expect_unwritable(const char *bytes, size_t size, int rc) {
    sl_buf_clear(&text);
    (void)sl_buf_append(&text, "before", 6);
    cr_assert_eq(sl_msgpack_to_json(sl_bytes(bytes, size), false, &text), rc);
    expect_text("before");
}

Test(json, what_json_cannot_say_is_refused_and_nothing_written) {
    expect_unwritable("\xcb\x7f\xf8\0\0\0\0\0\0", 9, SL_E_BAD_INPUT);  /* NaN */
    expect_unwritable("\xcb\x7f\xf0\0\0\0\0\0\0", 9, SL_E_BAD_INPUT);  /* infinity */
    expect_unwritable("\xd4\x01\x01", 3, SL_E_BAD_INPUT);              /* ext */
    expect_unwritable("\x81\xc4\x01\x01\xc0", 5, SL_E_BAD_INPUT);      /* a bin as key */
    expect_unwritable("\x81\x90\xc0", 3, SL_E_BAD_INPUT);              /* an array as key */
    expect_unwritable("\xc0\xc0", 2, SL_E_BAD_INPUT);
    expect_unwritable("\x92\xc0", 2, SL_E_TRUNCATED);
    expect_unwritable("", 0, SL_E_TRUNCATED);
}

Test(json, doubles_come_back_bit_for_bit) {
    struct sl_rng rng = {.state = 3};
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = sl_rng_next(&rng);
        double number, again;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number)) continue;
        sl_buf_clear(&value);
        sl_mp_double(&value, number);
        cr_assert_eq(write_json(false), SL_OK);
        cr_assert_eq(read_json(sl_buf_bytes(&text)), SL_OK, "%s", error);
        struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&value));
        struct sl_mp_object object;
        cr_assert_eq(sl_mp_next(&reader, &object), SL_OK);
        cr_assert_eq(object.type, SL_MP_DOUBLE);
        again = object.real;
        cr_assert_eq(memcmp(&number, &again, sizeof number), 0, "%.17g", number);
    }
}

/* Text, damaged at random: refused or read, never a crash; what is read can be written and means the same again. */
Test(json, damaged_text_never_crashes) {
    static const char good[] = "{\"a\":[1,-2.5e3,\"x\\n\\u00e4\",null,true],\"b\":{\"$bin\":\"AAEC\"},\"c\":18446744073709551615}";
    static const char letters[] = "\"\\{}[]:,-+.eE0129 ntu$a\x80\xc3";
    struct sl_rng rng = {.state = 5};
    int read = 0;
    for (int i = 0; i < 50000; i++) {
        char json[sizeof good];
        memcpy(json, good, sizeof good);
        for (uint64_t k = sl_rng_below(&rng, 3); k > 0; k--) {
            json[sl_rng_below(&rng, sizeof good - 1)] = letters[sl_rng_below(&rng, sizeof letters - 1)];
        }
        char *copy = malloc(sizeof good); /* without a NUL behind it, and its own block */
        size_t size = sizeof good - 1 - (sl_rng_chance(&rng, 1, 2) ? sl_rng_below(&rng, sizeof good) : 0);
        memcpy(copy, json, size);
        copy = realloc(copy, size ? size : 1);
        if (read_json(sl_bytes(copy, size)) == SL_OK) {
            read++;
            cr_assert_eq(write_json(false), SL_OK);
            struct sl_buf first = value;
            sl_buf_init(&value, sl_alloc_system());
            cr_assert_eq(read_json(sl_buf_bytes(&text)), SL_OK, "%s", error);
            cr_assert(sl_bytes_equal(sl_buf_bytes(&first), sl_buf_bytes(&value)));
            sl_buf_fini(&first);
        }
        free(copy);
    }
    cr_assert_gt(read, 100);
}

Test(json, every_allocation_of_the_output_can_fail) {
    static const char json[] = "{\"a\":[1,2,3,\"a text that is longer than thirty-one bytes are\"],\"b\":{\"$bin\":\"AAECAwQF\"}}";
    struct sl_failing_alloc memory;
    struct sl_buf out;
    cr_assert_eq(read_json(sl_text(json)), SL_OK);
    for (int writing = 0; writing < 2; writing++) {
        for (uint64_t countdown = 0;; countdown++) {
            sl_failing_alloc_init(&memory, countdown);
            sl_buf_init(&out, &memory.alloc);
            int rc = writing ? sl_msgpack_to_json(sl_buf_bytes(&value), true, &out)
                             : sl_json_to_msgpack(sl_text(json), &out, error, sizeof error);
            cr_assert_eq(rc, memory.has_failed ? SL_E_NO_MEMORY : SL_OK);
            if (rc) cr_assert(out.size == 0 && !out.failed);
            sl_buf_fini(&out);
            cr_assert_eq(memory.live_blocks, 0);
            if (rc == SL_OK) break;
        }
    }
}
