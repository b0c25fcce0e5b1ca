/* Messages that wait come in the order in which they were put, each with a copy of its own, and not without end. */
#include "shell/waiting.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct sl_waiting waiting;

static void expect(uint64_t peer, const char *frame, bool asked) {
    struct sl_waiting_message *message = sl_waiting_take(&waiting);
    cr_assert_not_null(message);
    cr_assert(message->peer == peer && message->asked == asked && message->size == strlen(frame));
    cr_assert_eq(memcmp(message->frame, frame, message->size), 0);
    free(message);
}

Test(waiting, gives_copies_in_order) {
    char frame[] = "first";
    sl_waiting_init(&waiting);
    cr_assert_null(sl_waiting_take(&waiting));
    sl_waiting_put(&waiting, 2, sl_text(frame), true);
    memset(frame, 'x', sizeof frame - 1);
    sl_waiting_put(&waiting, 4, sl_bytes(NULL, 0), false);
    cr_assert(sl_waiting_has(&waiting, 2) && sl_waiting_has(&waiting, 4) && !sl_waiting_has(&waiting, 3));
    expect(2, "first", true);
    cr_assert(!sl_waiting_has(&waiting, 2));
    sl_waiting_put_back(&waiting, sl_waiting_take(&waiting));
    expect(4, "", false);
    cr_assert_eq(waiting.bytes, 0);
    sl_waiting_fini(&waiting);
}

Test(waiting, is_full_at_1024_messages) {
    sl_waiting_init(&waiting);
    for (uint64_t i = 0; i < 1024; i++) {
        cr_assert(!sl_waiting_is_full(&waiting));
        sl_waiting_put(&waiting, i + 1, sl_text("frame"), true);
    }
    cr_assert(sl_waiting_is_full(&waiting));
    free(sl_waiting_take(&waiting));
    cr_assert(!sl_waiting_is_full(&waiting));
    sl_waiting_fini(&waiting);
}

Test(waiting, is_full_at_16_mebibytes) {
    const size_t size = 4u << 20;
    char *frame = calloc(1, size);
    sl_waiting_init(&waiting);
    for (int i = 0; i < 3; i++) sl_waiting_put(&waiting, 1, sl_bytes(frame, size), true);
    sl_waiting_put(&waiting, 1, sl_bytes(frame, size - 1), true);
    cr_assert(!sl_waiting_is_full(&waiting));
    sl_waiting_put(&waiting, 1, sl_bytes(frame, 1), true);
    cr_assert(sl_waiting_is_full(&waiting));
    sl_waiting_fini(&waiting);
    cr_assert(!sl_waiting_is_full(&waiting));
    free(frame);
}
