/* Encoders: limits before anything is appended, no memory, and two messages written out by hand. */
#include "any.h"

#include "base/err.h"
#include "base/limits.h"
#include "support/failing_alloc.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct sl_failing_alloc memory;
static struct sl_buf buf, items, values;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_buf_init(&buf, &memory.alloc);
    sl_buf_init(&items, &memory.alloc);
    sl_buf_init(&values, &memory.alloc);
}

static void tear_down(void) {
    sl_buf_fini(&buf);
    sl_buf_fini(&items);
    sl_buf_fini(&values);
    cr_assert_eq(memory.live_bytes, 0);
}

TestSuite(encode, .init = set_up, .fini = tear_down);

Test(encode, a_field_above_its_limit_is_refused_and_nothing_appended) {
    size_t count, tried = 0;
    const struct any_type *types = any_types(&count);
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < (int)types[i].field_count; k++) {
            const char *name = types[i].fields[k].name;
            bool has_limit;
            sl_buf_clear(&buf);
            (void)sl_buf_append(&buf, "before", 6);
            int rc = any_encode_filled(&types[i], k, 1, &buf, &has_limit);
            if (!has_limit) continue;
            cr_assert_eq(rc, SL_E_LIMIT, "%s.%s one above", types[i].name, name);
            rc = any_encode_filled(&types[i], k, types[i].fields[k].limit, &buf, &has_limit);
            if (has_limit) cr_assert_eq(rc, SL_E_LIMIT, "%s.%s far above", types[i].name, name);
            cr_assert(sl_bytes_is(sl_buf_bytes(&buf), "before"));
            rc = any_encode_filled(&types[i], k, 0, &buf, &has_limit);
            cr_assert_eq(rc, SL_OK, "%s.%s at its limit", types[i].name, name);
            tried++;
        }
    }
    cr_assert_gt(tried, 50);
}

Test(encode, no_memory_leaves_the_buffer_as_it_was) {
    size_t count;
    const struct any_type *types = any_types(&count);
    for (size_t i = 0; i < count; i++) {
        bool has_limit;
        if (!types[i].number) continue;
        memory.countdown = 0;
        cr_assert_eq(any_encode_filled(&types[i], -1, 0, &buf, &has_limit), SL_E_NO_MEMORY, "%s", types[i].name);
        cr_assert_eq(buf.size, 0);
        cr_assert_not(buf.failed);
        memory.countdown = 1;
        cr_assert_eq(any_encode_filled(&types[i], -1, 0, &buf, &has_limit), SL_OK, "%s", types[i].name);
        sl_buf_fini(&buf);
    }
}

Test(encode, a_buffer_that_failed_before_is_not_sent) {
    buf.failed = true;
    cr_assert_eq(sl_wire_bye_encode(&buf, 1, &(struct sl_wire_bye){0}), SL_E_NO_MEMORY);
    cr_assert_eq(buf.size, 0);
}

Test(encode, text_that_is_not_utf8_is_refused) {
    struct sl_wire_bye bye = {.reason = sl_text("caf\xe9")};
    cr_assert_eq(sl_wire_bye_encode(&buf, 1, &bye), SL_E_BAD_INPUT);
    cr_assert_eq(buf.size, 0);
}

Test(encode, an_object_that_is_not_sound_is_refused) {
    struct sl_wire_answer answer = {.items = sl_text("\x91")};
    cr_assert_eq(sl_wire_answer_encode(&buf, 1, &answer), SL_E_TRUNCATED);
    answer.items = sl_text("\xc0\xc0");
    cr_assert_eq(sl_wire_answer_encode(&buf, 1, &answer), SL_E_BAD_INPUT);
    answer.items = sl_text("\x91\xd4\x01\x01");
    cr_assert_eq(sl_wire_answer_encode(&buf, 1, &answer), SL_E_BAD_INPUT);
    answer.items = sl_bytes(NULL, 0);
    cr_assert_neq(sl_wire_answer_encode(&buf, 1, &answer), SL_OK);
    cr_assert_eq(buf.size, 0);
}

Test(encode, an_item_without_memory_is_not_put_in_half) {
    struct sl_wire_state_value value = {.key = sl_text("chunks"), .value = sl_text("\xc0")};
    memory.countdown = 0;
    sl_wire_state_value_put(&items, &value);
    sl_wire_token_put(&items, &(struct sl_token){0});
    sl_wire_str_put(&items, sl_text("x"));
    cr_assert(items.failed);
    cr_assert_eq(items.size, 0);
}

Test(encode, putting_an_item_above_a_limit_is_a_bug, .signal = SIGABRT) {
    struct sl_wire_state_value value = {.key = sl_text("a key that is longer than sixty-four bytes, which is the limit of names")};
    sl_wire_state_value_put(&items, &value);
}

static const struct sl_token token = {
    .shard = 3,
    .epoch = 300,
    .job = {{0x01, 0x99, 2, 3, 4, 5, 0x86, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}},
    .run = 1,
    .stage = 2,
    .item = 0,
    .attempt = 4,
    .nonce = 0x1122334455667788,
};

/* The token of this file as PROTOCOL.md says it stands. */
#define TOKEN_BYTES                                                                                              \
    "\x98\x03\xcd\x01\x2c\xc4\x10\x01\x99\x02\x03\x04\x05\x86\x07\x88\x09\x0a\x0b\x0c\x0d\x0e\x0f\x01\x02\x00\x04" \
    "\xc4\x08\x88\x77\x66\x55\x44\x33\x22\x11"

static void expect_body(const char *bytes, size_t size) {
    cr_assert_eq(buf.size, SL_WIRE_PREFIX_SIZE + size);
    cr_assert_arr_eq(buf.data + SL_WIRE_PREFIX_SIZE, bytes, size);
}

Test(encode, a_result_stands_byte_for_byte_as_written_by_hand) {
    static const char expected[] = "\x81\xa7" "results" "\x91\x98" TOKEN_BYTES "\x00\x91\x92\xa4" "text" "\xc4\x02\xa1" "a"
                                   "\xc4\x00\x01\x05\xa0\xa0";
    struct sl_wire_state_value value = {.key = sl_text("text"), .value = sl_text("\xa1" "a")};
    sl_wire_state_value_put(&values, &value);
    struct sl_wire_attempt_result result = {.token = token, .values = {1, sl_buf_bytes(&values)}, .count = 1, .duration_ms = 5};
    sl_wire_attempt_result_put(&items, &result);
    struct sl_wire_result message = {.results = {1, sl_buf_bytes(&items)}};
    cr_assert_eq(sl_wire_result_encode(&buf, 9, &message), SL_OK);
    expect_body(expected, sizeof expected - 1);
}

Test(encode, a_heartbeat_stands_byte_for_byte_as_written_by_hand) {
    static const char expected[] = "\x82\xa5" "slots" "\x08\xa9" "in_flight" "\x91" TOKEN_BYTES;
    sl_wire_token_put(&items, &token);
    struct sl_wire_heartbeat message = {.slots = 8, .in_flight = {1, sl_buf_bytes(&items)}};
    cr_assert_eq(sl_wire_heartbeat_encode(&buf, 9, &message), SL_OK);
    expect_body(expected, sizeof expected - 1);
    struct sl_token again;
    cr_assert_eq(sl_wire_token_read(sl_buf_bytes(&items), &again), SL_OK);
    cr_assert(sl_token_equal(&token, &again));
    cr_assert_eq(sl_wire_token_read(sl_bytes(items.data, items.size - 1), &again), SL_E_TRUNCATED);
    (void)sl_buf_append(&items, "", 1);
    cr_assert_eq(sl_wire_token_read(sl_buf_bytes(&items), &again), SL_E_BAD_INPUT);
}

Test(encode, walking_an_empty_list_ends_at_once) {
    struct sl_wire_list list = {0};
    struct sl_wire_task task;
    struct sl_bytes text;
    struct sl_token other;
    cr_assert_not(sl_wire_task_next(&list, &task));
    cr_assert_not(sl_wire_strs_next(&list, &text));
    cr_assert_not(sl_wire_tokens_next(&list, &other));
}
