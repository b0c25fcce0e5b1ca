/* Frames between worker and host: what is written is read, and what a plugin might forge is refused. */
#include "stagehost/frame.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sl_buf buf;

static void set_up(void) {
    sl_buf_init(&buf, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&buf);
}

TestSuite(frame, .init = set_up, .fini = tear_down);

static struct sl_bytes only_body(unsigned expected_kind) {
    struct sl_bytes stream = sl_buf_bytes(&buf), body = {NULL, 0};
    unsigned kind = 0;
    cr_assert_eq(sl_pipe_next(&stream, &body, &kind), 1);
    cr_assert_eq(kind, expected_kind);
    cr_assert_eq(stream.size, 0);
    return body;
}

Test(frame, task_survives_the_way) {
    const struct sl_pipe_task task = {
        .sequence = 70000, .follows = true, .token = {.shard = 5, .epoch = 9, .run = 2, .stage = 3, .attempt = 4, .nonce = UINT64_MAX},
        .definition = {{1, 2}}, .timeout_ms = 1234, .tenant = sl_text("t"), .doc_key = sl_text("k"), .callable = sl_text("libx.so:f"), .input = sl_text("\xc0")};
    struct sl_pipe_task read;
    sl_pipe_put_task(&buf, &task);
    cr_assert_eq(sl_pipe_read_task(only_body(SL_PIPE_TASK), &read), SL_OK);
    cr_assert_eq(read.sequence, task.sequence);
    cr_assert(read.follows);
    cr_assert(sl_token_equal(&read.token, &task.token));
    cr_assert(sl_digest_equal(read.definition, task.definition));
    cr_assert_eq(read.timeout_ms, 1234);
    cr_assert(sl_bytes_is(read.tenant, "t") && sl_bytes_is(read.doc_key, "k") && sl_bytes_is(read.callable, "libx.so:f") && sl_bytes_equal(read.input, task.input));
}

/* A state value of exactly that size: a bin of zeros. */
static void put_value(struct sl_buf *values, size_t size) {
    struct sl_buf bytes;
    sl_buf_init(&bytes, sl_alloc_system());
    cr_assert_eq(sl_buf_reserve(&bytes, size), SL_OK);
    memset(bytes.data, 0, size);
    bytes.size = size;
    const uint8_t head[] = {0xc6, (uint8_t)((size - 5) >> 24), (uint8_t)((size - 5) >> 16), (uint8_t)((size - 5) >> 8), (uint8_t)(size - 5)};
    memcpy(bytes.data, head, sizeof head);
    sl_mp_array(values, 2);
    sl_mp_key(values, "key");
    sl_mp_bin(values, sl_buf_bytes(&bytes));
    sl_buf_fini(&bytes);
}

/* A result with that many values of that size. */
static int read_result(uint32_t value_count, size_t value_size) {
    struct sl_buf values;
    sl_buf_init(&values, sl_alloc_system());
    for (uint32_t i = 0; i < value_count; i++) put_value(&values, value_size);
    const struct sl_pipe_result result = {.nonce = 7, .outcome = SL_OUTCOME_DONE, .count = 3, .duration_us = 12, .value_count = value_count,
                                          .values = sl_buf_bytes(&values), .output = sl_text("\xc0"), .error = sl_text("e")};
    struct sl_pipe_result read;
    sl_buf_clear(&buf);
    sl_pipe_put_result(&buf, &result);
    int rc = sl_pipe_read_result(only_body(SL_PIPE_RESULT), &read);
    if (rc == SL_OK) {
        cr_assert_eq(read.nonce, 7);
        cr_assert_eq(read.value_count, value_count);
        cr_assert(sl_bytes_equal(read.values, result.values));
    }
    sl_buf_fini(&values);
    return rc;
}

Test(frame, result_is_checked_at_each_limit) {
    cr_assert_eq(read_result(1, 10), SL_OK);
    cr_assert_eq(read_result(SL_STATE_KEYS_MAX, 10), SL_OK);
    cr_assert_neq(read_result(SL_STATE_KEYS_MAX + 1, 10), SL_OK);
    cr_assert_neq(read_result(1000, 10), SL_OK);
    cr_assert_eq(read_result(1, SL_VALUE_BYTES_MAX), SL_OK);
    cr_assert_neq(read_result(1, SL_VALUE_BYTES_MAX + 1), SL_OK);
    cr_assert_eq(read_result(3, SL_VALUE_BYTES_MAX), SL_OK);
    cr_assert_eq(read_result(5, SL_VALUE_BYTES_MAX - 1024), SL_E_LIMIT, "more than a result may have in all");
}

Test(frame, result_with_an_outcome_that_no_host_says_is_refused) {
    struct sl_pipe_result result = {.outcome = SL_OUTCOME_LOST}, read;
    sl_pipe_put_result(&buf, &result);
    cr_assert_neq(sl_pipe_read_result(only_body(SL_PIPE_RESULT), &read), SL_OK);
}

Test(frame, result_with_an_error_that_is_no_utf8_is_refused) {
    struct sl_pipe_result result = {.outcome = SL_OUTCOME_PERMANENT, .error = sl_text("\xff")}, read;
    sl_pipe_put_result(&buf, &result);
    cr_assert_neq(sl_pipe_read_result(only_body(SL_PIPE_RESULT), &read), SL_OK);
}

/* What reading a result says that holds this: a value under that key, if there is one, and an output. */
static int read_forged(enum sl_outcome outcome, const char *key, struct sl_bytes value, struct sl_bytes output) {
    struct sl_pipe_result result = {.outcome = outcome, .output = output}, read;
    struct sl_buf values;
    sl_buf_init(&values, sl_alloc_system());
    if (key) {
        sl_mp_array(&values, 2);
        sl_mp_key(&values, key);
        sl_mp_bin(&values, value);
        result.value_count = 1;
        result.values = sl_buf_bytes(&values);
    }
    sl_buf_clear(&buf);
    sl_pipe_put_result(&buf, &result);
    int rc = sl_pipe_read_result(only_body(SL_PIPE_RESULT), &read);
    sl_buf_fini(&values);
    return rc;
}

Test(frame, result_is_read_down_to_its_values) {
    static const char deep[] = "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
                               "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01";
    const struct sl_bytes none = {NULL, 0}, nil = sl_text("\xc0"), reserved = sl_text("\xc1"), two = sl_text("\x01\x02");
    cr_assert_eq(read_forged(SL_OUTCOME_DONE, NULL, none, nil), SL_OK);
    cr_assert_eq(read_forged(SL_OUTCOME_DONE, "key", nil, none), SL_OK, "the only value is the output");
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, NULL, none, none), SL_OK);
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, NULL, none, reserved), SL_OK);
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, NULL, none, two), SL_OK);
    cr_assert_eq(read_forged(SL_OUTCOME_DONE, NULL, none, sl_text(deep + 1)), SL_OK);
    cr_assert_eq(read_forged(SL_OUTCOME_DONE, NULL, none, sl_text(deep)), SL_E_LIMIT);
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, "key", none, none), SL_OK);
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, "key", reserved, nil), SL_OK);
    cr_assert_neq(read_forged(SL_OUTCOME_DONE, "no key", nil, nil), SL_OK);
    cr_assert_eq(read_forged(SL_OUTCOME_RETRYABLE, NULL, none, none), SL_OK);
    cr_assert_neq(read_forged(SL_OUTCOME_RETRYABLE, NULL, none, nil), SL_OK, "a failure has no output");
    cr_assert_neq(read_forged(SL_OUTCOME_RETRYABLE, "key", nil, none), SL_OK);
}

Test(frame, field_must_hold_one_object) {
    static const char *const values[] = {"", "\xc1", "\x01\x02"};
    struct sl_pipe_note note = {.nonce = 1, .name = sl_text("a")}, read;
    for (size_t i = 0; i < 3; i++) {
        sl_buf_clear(&buf);
        note.value = sl_text(values[i]);
        sl_pipe_put_field(&buf, &note);
        cr_assert_neq(sl_pipe_read_field(only_body(SL_PIPE_FIELD), &read), SL_OK, "case %zu", i);
    }
}

Test(frame, field_must_have_the_name_of_a_field) {
    struct sl_pipe_note note = {.nonce = 1, .name = sl_text("a.b_1"), .value = sl_text("\xc0")}, read;
    sl_pipe_put_field(&buf, &note);
    cr_assert_eq(sl_pipe_read_field(only_body(SL_PIPE_FIELD), &read), SL_OK);
    cr_assert(sl_bytes_is(read.name, "a.b_1"));
    sl_buf_clear(&buf);
    note.name = sl_text("1a");
    sl_pipe_put_field(&buf, &note);
    cr_assert_neq(sl_pipe_read_field(only_body(SL_PIPE_FIELD), &read), SL_OK);
}

Test(frame, separator_is_known_again_and_nothing_else_is_one) {
    static const char *const others[] = {"", "\x1e", "\x1e" "0000000a", "\x1e" "0000000a ", "\x1e" "0000000g\n", "x0000000a\n"};
    char text[SL_PIPE_SEPARATOR_SIZE + 1];
    sl_pipe_separator(UINT32_MAX, text);
    cr_assert_eq(strlen(text), SL_PIPE_SEPARATOR_SIZE);
    cr_assert_eq(sl_pipe_separator_at(sl_text(text)), SL_PIPE_SEPARATOR_SIZE);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) cr_assert_eq(sl_pipe_separator_at(sl_text(others[i])), 0, "case %zu", i);
    cr_assert_eq(sl_pipe_separator_at(sl_bytes("\x1e" "000\0" "000a\n", 10)), 0);
}

Test(frame, every_cut_of_a_stream_needs_more_bytes) {
    sl_pipe_put_ready(&buf);
    const struct sl_pipe_note note = {.nonce = 1, .done = 2, .total = 3};
    sl_pipe_put_progress(&buf, &note);
    for (size_t size = 0; size < buf.size; size++) {
        struct sl_bytes stream = sl_bytes(buf.data, size), body;
        unsigned kind;
        int rc;
        while ((rc = sl_pipe_next(&stream, &body, &kind)) > 0) cr_assert(kind == SL_PIPE_READY || kind == SL_PIPE_PROGRESS);
        cr_assert_eq(rc, 0);
    }
}

Test(frame, length_is_limited_before_anything_is_read) {
    static const uint8_t lengths[][4] = {{1, 0, 0x80, 1}, {0xff, 0xff, 0xff, 0xff}};
    for (size_t i = 0; i < 2; i++) {
        struct sl_bytes stream = sl_bytes(lengths[i], 4), body;
        unsigned kind;
        cr_assert_eq(sl_pipe_next(&stream, &body, &kind), SL_E_LIMIT);
    }
    static const uint8_t largest[4] = {0, 0, 0x80, 1}; /* SL_PIPE_FRAME_MAX */
    struct sl_bytes stream = sl_bytes(largest, 4), body;
    unsigned kind;
    cr_assert_eq(sl_pipe_size(stream), (size_t)SL_PIPE_FRAME_MAX + 4);
    cr_assert_eq(sl_pipe_next(&stream, &body, &kind), 0);
}

Test(frame, body_that_is_no_frame_is_refused) {
    static const char bodies[][8] = {"\x01\0\0\0\xc0", "\x01\0\0\0\x90", "\x02\0\0\0\x91\xc0", "\x00\0\0\0"};
    static const size_t sizes[] = {5, 5, 6, 4};
    for (size_t i = 0; i < 4; i++) {
        struct sl_bytes stream = sl_bytes(bodies[i], sizes[i]), body;
        unsigned kind;
        cr_assert_eq(sl_pipe_next(&stream, &body, &kind), SL_E_BAD_INPUT, "case %zu", i);
    }
}
