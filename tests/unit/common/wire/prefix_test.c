/* The 16 bytes before each body, and the names of types. */
#include "any.h"

#include "base/err.h"
#include "wire/wire.h"

#include <criterion/criterion.h>

static struct sl_buf buf;

static void set_up(void) {
    sl_buf_init(&buf, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&buf);
}

TestSuite(prefix, .init = set_up, .fini = tear_down);

Test(prefix, stands_byte_for_byte_as_the_protocol_says) {
    static const uint8_t expected[] = {'S', 'L', 'U', '1', 10, 0, 1, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    sl_wire_prefix_put(&buf, SL_WIRE_SUBMIT, 0x0102030405060708);
    cr_assert_eq(buf.size, SL_WIRE_PREFIX_SIZE);
    cr_assert_arr_eq(buf.data, expected, sizeof expected);
}

Test(prefix, opens_what_was_put) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    sl_wire_prefix_put(&buf, SL_WIRE_RESULT_ACK, UINT64_MAX);
    (void)sl_buf_append(&buf, "body", 4);
    cr_assert_eq(sl_wire_open(sl_buf_bytes(&buf), &prefix, &body), SL_OK);
    cr_assert_eq(prefix.type, SL_WIRE_RESULT_ACK);
    cr_assert_eq(prefix.version, SL_WIRE_VERSION);
    cr_assert_eq(prefix.flags, 0);
    cr_assert_eq(prefix.message_id, UINT64_MAX);
    cr_assert(sl_bytes_is(body, "body"));
}

Test(prefix, truncated_or_foreign_frames_are_refused) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    sl_wire_prefix_put(&buf, SL_WIRE_BYE, 1);
    for (size_t size = 0; size < SL_WIRE_PREFIX_SIZE; size++) {
        cr_assert_eq(sl_wire_open(sl_bytes(buf.data, size), &prefix, &body), SL_E_BAD_INPUT);
    }
    cr_assert_eq(sl_wire_open(sl_bytes(NULL, 0), &prefix, &body), SL_E_BAD_INPUT);
    for (int i = 0; i < 4; i++) {
        buf.data[i] ^= 1;
        cr_assert_eq(sl_wire_open(sl_buf_bytes(&buf), &prefix, &body), SL_E_BAD_INPUT);
        buf.data[i] ^= 1;
    }
}

Test(prefix, another_version_is_told_apart_with_its_message_id) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    sl_wire_prefix_put(&buf, SL_WIRE_HELLO, 5);
    for (unsigned version = 0; version < 256; version++) {
        buf.data[6] = (uint8_t)version;
        int expected = version == SL_WIRE_VERSION ? SL_OK : SL_E_VERSION;
        cr_assert_eq(sl_wire_open(sl_buf_bytes(&buf), &prefix, &body), expected);
        cr_assert_eq(prefix.message_id, 5);
        cr_assert_eq(prefix.version, version);
    }
}

Test(prefix, flags_and_types_that_we_do_not_know_are_let_through) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    sl_wire_prefix_put(&buf, SL_WIRE_HELLO, 5);
    buf.data[4] = buf.data[5] = buf.data[7] = 0xff;
    cr_assert_eq(sl_wire_open(sl_buf_bytes(&buf), &prefix, &body), SL_OK);
    cr_assert_eq(prefix.type, 0xffff);
    cr_assert_eq(prefix.flags, 0xff);
    cr_assert_str_eq(sl_wire_type_text(prefix.type), "?");
}

Test(prefix, every_type_has_a_name_and_no_other_number_has) {
    size_t count, named = 0, messages = 0;
    const struct any_type *types = any_types(&count);
    for (size_t i = 0; i < count; i++) messages += types[i].number != 0;
    for (unsigned number = 0; number < 70000; number++) named += strcmp(sl_wire_type_text(number), "?") != 0;
    cr_assert_eq(named, messages);
    cr_assert_str_eq(sl_wire_type_text(SL_WIRE_SUBMIT), "SUBMIT");
    cr_assert_str_eq(sl_wire_type_text(24), "RESULT_ACK");
}
