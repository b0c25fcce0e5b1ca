/* The reader: types, limits at, above and far above, and every truncation. */
#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>

static struct sl_buf buf;

static void set_up(void) {
    sl_buf_init(&buf, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&buf);
}

static struct sl_mp_reader reader_of(const char *bytes, size_t size) {
    return sl_mp_reader(sl_bytes(bytes, size));
}

#define READER(literal) reader_of(literal, sizeof(literal) - 1)

TestSuite(msgpack_reader, .init = set_up, .fini = tear_down);

Test(msgpack_reader, reads_back_what_was_written) {
    uint8_t bytes16[16] = {1, 2, 3}, again[16];
    sl_mp_map(&buf, 1);
    sl_mp_key(&buf, "key");
    sl_mp_array(&buf, 9);
    sl_mp_bool(&buf, true);
    sl_mp_uint(&buf, UINT64_MAX);
    sl_mp_int(&buf, INT64_MIN);
    sl_mp_int(&buf, 5);
    sl_mp_str(&buf, sl_text("text"));
    sl_mp_bin(&buf, sl_bytes("\x00\x01", 2));
    sl_mp_bin(&buf, sl_bytes(bytes16, 16));
    sl_mp_nil(&buf);
    sl_mp_double(&buf, 1.5);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&buf));
    cr_assert_eq(sl_mp_read_map(&reader, 1), 1);
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 3), "key"));
    cr_assert_eq(sl_mp_read_array(&reader, 9), 9);
    cr_assert(sl_mp_read_bool(&reader));
    cr_assert_eq(sl_mp_read_uint(&reader, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(sl_mp_read_int(&reader), INT64_MIN);
    cr_assert_eq(sl_mp_read_int(&reader), 5);
    cr_assert_not(sl_mp_read_nil(&reader));
    cr_assert(sl_bytes_is(sl_mp_read_str(&reader, 4), "text"));
    cr_assert_eq(sl_mp_read_bin(&reader, 2).size, 2);
    sl_mp_read_bin_exact(&reader, again, 16);
    cr_assert_arr_eq(again, bytes16, 16);
    cr_assert(sl_mp_read_nil(&reader));
    struct sl_mp_object object;
    cr_assert_eq(sl_mp_next(&reader, &object), SL_OK);
    cr_assert_eq(object.type, SL_MP_DOUBLE);
    cr_assert_eq(object.real, 1.5);
    cr_assert_eq(sl_mp_end(&reader), SL_OK);
}

Test(msgpack_reader, every_truncation_is_seen) {
    sl_mp_array(&buf, 6);
    sl_mp_uint(&buf, 70000);
    sl_mp_int(&buf, -70000);
    sl_mp_double(&buf, 0.1);
    sl_mp_str(&buf, sl_text("a text that is longer than thirty-one bytes are"));
    sl_mp_bin(&buf, sl_text("bin"));
    sl_mp_map(&buf, 1);
    sl_mp_key(&buf, "k");
    sl_mp_nil(&buf);
    cr_assert_eq(sl_mp_check(sl_buf_bytes(&buf), 3, 10), SL_OK);
    for (size_t size = 0; size < buf.size; size++) {
        cr_assert_eq(sl_mp_check(sl_bytes(buf.data, size), 3, 10), SL_E_TRUNCATED, "%zu bytes", size);
    }
}

Test(msgpack_reader, a_wrong_type_is_refused_and_the_error_stays) {
    struct sl_mp_reader reader = READER("\xa1" "a" "\x05");
    cr_assert_eq(sl_mp_read_uint(&reader, 10), 0);
    cr_assert_eq(reader.rc, SL_E_BAD_INPUT);
    cr_assert_eq(sl_mp_read_uint(&reader, 10), 0);
    cr_assert_eq(sl_mp_read_array(&reader, 10), 0);
    cr_assert_eq(sl_mp_read_str(&reader, 10).size, 0);
    cr_assert_not(sl_mp_read_nil(&reader));
    cr_assert_eq(sl_mp_end(&reader), SL_E_BAD_INPUT);
}

#define EXPECT_RC(literal, expected, call)          \
    do {                                            \
        struct sl_mp_reader reader = READER(literal); \
        (void)(call);                               \
        cr_assert_eq(reader.rc, expected, "%s", #call); \
    } while (0)

Test(msgpack_reader, limits_hold_for_short_and_long_forms) {
    EXPECT_RC("\x07", SL_OK, sl_mp_read_uint(&reader, 7));
    EXPECT_RC("\x08", SL_E_LIMIT, sl_mp_read_uint(&reader, 7));
    EXPECT_RC("\xcc\x07", SL_OK, sl_mp_read_uint(&reader, 7));
    EXPECT_RC("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", SL_E_LIMIT, sl_mp_read_uint(&reader, 7));
    EXPECT_RC("\xa3" "abc", SL_OK, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xa4" "abcd", SL_E_LIMIT, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xd9\x03" "abc", SL_OK, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xd9\x04" "abcd", SL_E_LIMIT, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xa3" "ab", SL_E_TRUNCATED, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xa2\xc3\x28", SL_E_BAD_INPUT, sl_mp_read_str(&reader, 3));
    EXPECT_RC("\xc4\x03" "abc", SL_OK, sl_mp_read_bin(&reader, 3));
    EXPECT_RC("\xc4\x04" "abcd", SL_E_LIMIT, sl_mp_read_bin(&reader, 3));
    EXPECT_RC("\xc4\x04" "abc", SL_E_TRUNCATED, sl_mp_read_bin(&reader, 4));
    EXPECT_RC("\xc6\xff\xff\xff\xff" "abc", SL_E_TRUNCATED, sl_mp_read_bin(&reader, 4));
    EXPECT_RC("\x93\x01\x02\x03", SL_OK, sl_mp_read_array(&reader, 3));
    EXPECT_RC("\x94\x01\x02\x03\x04", SL_E_LIMIT, sl_mp_read_array(&reader, 3));
    EXPECT_RC("\x94\x01\x02\x03", SL_E_TRUNCATED, sl_mp_read_array(&reader, 9));
    EXPECT_RC("\xdd\xff\xff\xff\xff", SL_E_TRUNCATED, sl_mp_read_array(&reader, UINT32_MAX));
    EXPECT_RC("\xdf\xff\xff\xff\xff", SL_E_TRUNCATED, sl_mp_read_map(&reader, UINT32_MAX));
    EXPECT_RC("\x82\x01\x01\x02", SL_E_TRUNCATED, sl_mp_read_map(&reader, 9));
    EXPECT_RC("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", SL_E_BAD_INPUT, sl_mp_read_int(&reader));
    EXPECT_RC("\xc1", SL_E_BAD_INPUT, sl_mp_read_int(&reader));
    EXPECT_RC("\xd4\x01\x01", SL_E_BAD_INPUT, sl_mp_read_raw(&reader, 3).size);
    EXPECT_RC("", SL_E_TRUNCATED, sl_mp_read_bool(&reader));
}

Test(msgpack_reader, a_bin_of_another_size_is_refused_and_reads_as_zeros) {
    uint8_t out[4] = {9, 9, 9, 9};
    struct sl_mp_reader reader = READER("\xc4\x03" "abc");
    sl_mp_read_bin_exact(&reader, out, 4);
    cr_assert_eq(reader.rc, SL_E_BAD_INPUT);
    cr_assert_eq(out[0] | out[1] | out[2] | out[3], 0);
    EXPECT_RC("\xc4\x05" "abcde", SL_E_LIMIT, (sl_mp_read_bin_exact(&reader, out, 4), 0));
}

static int check_depth(uint32_t depth, uint32_t depth_max) {
    sl_buf_clear(&buf);
    for (uint32_t i = 1; i < depth; i++) sl_mp_array(&buf, 1);
    sl_mp_nil(&buf);
    return sl_mp_check(sl_buf_bytes(&buf), depth_max, SL_VALUE_NODES_MAX);
}

Test(msgpack_reader, depth_is_refused_one_above_the_limit_and_far_above) {
    cr_assert_eq(check_depth(SL_VALUE_DEPTH_MAX, SL_VALUE_DEPTH_MAX), SL_OK);
    cr_assert_eq(check_depth(SL_VALUE_DEPTH_MAX + 1, SL_VALUE_DEPTH_MAX), SL_E_LIMIT);
    cr_assert_eq(check_depth(1000000, SL_VALUE_DEPTH_MAX), SL_E_LIMIT);
    cr_assert_eq(check_depth(1, 1), SL_OK);
    cr_assert_eq(check_depth(2, 1), SL_E_LIMIT);
}

static int check_nodes(uint32_t count, uint32_t node_count_max) {
    sl_buf_clear(&buf);
    sl_mp_array(&buf, count - 1);
    for (uint32_t i = 1; i < count; i++) sl_mp_nil(&buf);
    return sl_mp_check(sl_buf_bytes(&buf), 2, node_count_max);
}

Test(msgpack_reader, nodes_are_refused_one_above_the_limit_and_far_above) {
    cr_assert_eq(check_nodes(1000, 1000), SL_OK);
    cr_assert_eq(check_nodes(1001, 1000), SL_E_LIMIT);
    cr_assert_eq(check_nodes(SL_VALUE_NODES_MAX, SL_VALUE_NODES_MAX), SL_OK);
    cr_assert_eq(check_nodes(4 * SL_VALUE_NODES_MAX, SL_VALUE_NODES_MAX), SL_E_LIMIT);
}

Test(msgpack_reader, bytes_behind_the_end_are_refused) {
    cr_assert_eq(sl_mp_check(sl_bytes("\xc0\xc0", 2), 2, 9), SL_E_BAD_INPUT);
    cr_assert_eq(sl_mp_check(sl_bytes("\xc0", 1), 2, 9), SL_OK);
    cr_assert_eq(sl_mp_check(sl_bytes(NULL, 0), 2, 9), SL_E_TRUNCATED);
}

Test(msgpack_reader, raw_and_skip_take_one_whole_object) {
    struct sl_mp_reader reader = READER("\x92\x01\x81\xa1" "k" "\xc4\x01\x09" "\x05");
    struct sl_mp_reader other = reader;
    cr_assert_eq(sl_mp_read_raw(&reader, 3).size, 8);
    sl_mp_skip(&other, 3);
    cr_assert_eq(sl_mp_read_uint(&reader, 9), 5);
    cr_assert_eq(sl_mp_read_uint(&other, 9), 5);
    cr_assert_eq(sl_mp_end(&other), SL_OK);
    EXPECT_RC("\x92\x01\x81\xa1" "k" "\xc4\x01\x09", SL_E_LIMIT, sl_mp_read_raw(&reader, 2).size);
}

/* Every lead byte with every second byte, and the edges of RFC 3629. */
Test(utf8, follows_rfc_3629) {
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"", true}, {"plain", true}, {"\x7f", true}, {"\xc2\x80", true}, {"\xdf\xbf", true}, {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true}, {"\xee\x80\x80", true}, {"\xef\xbf\xbf", true}, {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true}, {"eight by\xc3\xa4 and more", true}, {"\x80", false}, {"\xc0\x80", false},
        {"\xc1\xbf", false}, {"\xe0\x9f\xbf", false}, {"\xed\xa0\x80", false}, {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false}, {"\xf5\x80\x80\x80", false}, {"\xc2", false}, {"\xe2\x82", false},
        {"\xf0\x9f\x98", false}, {"12345678\xff", false}, {"1234567\xc3", false}, {"\xc3\x28", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(sl_utf8_is_valid(sl_text(rows[i].text)), rows[i].valid, "row %zu", i);
    }
}

Test(utf8, the_size_of_a_character_is_that_of_the_first) {
    cr_assert_eq(sl_utf8_size(sl_text("ab")), 1);
    cr_assert_eq(sl_utf8_size(sl_text("\xc3\xa4x")), 2);
    cr_assert_eq(sl_utf8_size(sl_text("\xe2\x82\xac")), 3);
    cr_assert_eq(sl_utf8_size(sl_text("\xf0\x9f\x98\x80")), 4);
    cr_assert_eq(sl_utf8_size(sl_text("\xff")), 0);
    cr_assert_eq(sl_utf8_size(sl_bytes(NULL, 0)), 0);
}
