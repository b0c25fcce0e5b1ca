/* Replies of every shape: those of Redis are read, all others are FAILED, and none harms. */
#include "base/rng.h"
#include "shell/ledger_reply.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define OWNER "0123456789abcdef"

static struct sl_ledger_scratch scratch;
static struct sl_ledger_reply reply;
static redisReader *reader;
static void *held; /* what the newest reply borrows from */

static void start(void) {
    sl_ledger_scratch_init(&scratch);
    reader = redisReaderCreate();
}

static void end(void) {
    if (held) freeReplyObject(held);
    held = NULL;
    redisReaderFree(reader);
    sl_ledger_scratch_fini(&scratch);
}

TestSuite(ledger_reply, .init = start, .fini = end);

/* Reads what Redis would send. */
static enum sl_ledger_status read_reply(enum sl_ledger_verb verb, const char *bytes, size_t size) {
    struct sl_ledger_call call = {.verb = verb, .shard = 7, .serial = 99, .n = 4, .new_epoch = 3};
    if (held) freeReplyObject(held);
    held = NULL;
    cr_assert(redisReaderFeed(reader, bytes, size) == REDIS_OK);
    cr_assert(redisReaderGetReply(reader, &held) == REDIS_OK && held, "not one whole reply");
    sl_ledger_reply_read(&call, held, &scratch, &reply);
    cr_assert(reply.verb == verb && reply.shard == 7 && reply.serial == 99);
    return reply.status;
}

static enum sl_ledger_status of(enum sl_ledger_verb verb, const char *text) {
    return read_reply(verb, text, strlen(text));
}

Test(ledger_reply, reads_writes) {
    cr_assert(of(SL_LEDGER_COMMIT, "*2\r\n$2\r\nOK\r\n$1\r\n5\r\n") == SL_LEDGER_OK && reply.n == 5);
    cr_assert(of(SL_LEDGER_BEAT, "*4\r\n$6\r\nFENCED\r\n$1\r\n9\r\n$16\r\n" OWNER "\r\n$2\r\n12\r\n") == SL_LEDGER_FENCED);
    cr_assert(reply.epoch == 9 && reply.n == 12 && reply.owner.bytes[15] == 'f');
    cr_assert(of(SL_LEDGER_SETTLE, "*4\r\n$2\r\nAT\r\n$2\r\n12\r\n$16\r\n" OWNER "\r\n$1\r\n3\r\n") == SL_LEDGER_AT);
    cr_assert(reply.n == 12 && reply.ckpt == 3 && reply.digest.bytes[0] == '0');
    cr_assert(of(SL_LEDGER_SETTLE, "*2\r\n$3\r\nBAD\r\n$4\r\nckpt\r\n") == SL_LEDGER_FAILED);
    cr_assert(sl_bytes_is(reply.text, "BAD ckpt"));
    cr_assert(of(SL_LEDGER_ACQUIRE, "*8\r\n$2\r\nOK\r\n$1\r\n3\r\n$1\r\n4\r\n$0\r\n\r\n$1\r\n2\r\n$1\r\n8\r\n$1\r\n1\r\n$1\r\n3\r\n") == SL_LEDGER_OK);
    cr_assert(reply.epoch == 3 && reply.n == 4 && reply.from == 4 && reply.ckpt == 2 && reply.time_ms == 8 && reply.tries == 1);
    cr_assert(reply.last == 3);
    cr_assert(of(SL_LEDGER_ACQUIRE, "*4\r\n$4\r\nLOST\r\n$1\r\n9\r\n$1\r\n7\r\n$0\r\n\r\n") == SL_LEDGER_LOST && reply.epoch == 9);
}

Test(ledger_reply, tells_not_now_from_never) {
    static const char *const now[] = {"-LOADING Redis is loading", "-MISCONF x", "-READONLY x", "-BUSY Redis is busy", "-OOM x",
                                      "-NOAUTH x", "-NOPERM x", "-MASTERDOWN x", "-NOREPLICAS x", "-TRYAGAIN x", "-CLUSTERDOWN x", "-BUSY"};
    static const char *const never[] = {"-ERR Function not found", "-WRONGTYPE x", "-BUSYKEY x", "-OOMX", "-", "- LOADING"};
    for (size_t verb = SL_LEDGER_COMMIT; verb <= SL_LEDGER_READ_GONE; verb++) {
        char text[64];
        for (size_t i = 0; i < sizeof now / sizeof *now; i++) {
            (void)snprintf(text, sizeof text, "%s\r\n", now[i]); /* fits */
            cr_assert(of((enum sl_ledger_verb)verb, text) == SL_LEDGER_UNAVAILABLE, "%s", text);
            cr_assert(reply.text.size == strlen(now[i]) - 1);
        }
        for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
            (void)snprintf(text, sizeof text, "%s\r\n", never[i]); /* fits */
            cr_assert(of((enum sl_ledger_verb)verb, text) == SL_LEDGER_FAILED, "%s", text);
        }
    }
    cr_assert(of(SL_LEDGER_READ_JOB, "*3\r\n$-1\r\n-LOADING x\r\n*0\r\n") == SL_LEDGER_UNAVAILABLE);
    cr_assert(of(SL_LEDGER_READ_JOB, "*3\r\n-WRONGTYPE x\r\n$-1\r\n*0\r\n") == SL_LEDGER_FAILED);
}

Test(ledger_reply, reads_pages) {
    cr_assert(of(SL_LEDGER_READ_LIVE, "*2\r\n$2\r\n17\r\n*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$0\r\n\r\n") == SL_LEDGER_OK);
    cr_assert(reply.item_count == 2 && reply.cursor == 17 && sl_bytes_is(reply.items[0].value, "b"));
    cr_assert(of(SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$4\r\n12-0\r\n*2\r\n$1\r\nb\r\n$3\r\nxyz\r\n") == SL_LEDGER_OK);
    cr_assert(reply.item_count == 1 && reply.items[0].n == 12 && sl_bytes_is(reply.items[0].value, "xyz"));
    cr_assert(of(SL_LEDGER_READ_JOB, "*3\r\n$4\r\nhead\r\n$-1\r\n*2\r\n$1\r\nr\r\n$1\r\nx\r\n") == SL_LEDGER_OK);
    cr_assert(reply.item_count == 2 && sl_bytes_is(reply.items[0].key, "live") && sl_bytes_is(reply.items[1].key, "r"));
    cr_assert(of(SL_LEDGER_READ_RECORD, "$1\r\nx\r\n") == SL_LEDGER_OK && reply.item_count == 1 && sl_bytes_is(reply.items[0].key, "r"));
    cr_assert(of(SL_LEDGER_READ_RECORD, "$-1\r\n") == SL_LEDGER_OK && reply.item_count == 0);
    cr_assert(of(SL_LEDGER_READ_HEAD, "$1\r\nx\r\n") == SL_LEDGER_OK && sl_bytes_is(reply.items[0].key, "live"));
    cr_assert(of(SL_LEDGER_READ_PIPELINE, "$1\r\nx\r\n") == SL_LEDGER_OK && reply.item_count == 1);
    cr_assert(of(SL_LEDGER_READ_PIPELINE, "$-1\r\n") == SL_LEDGER_OK && reply.item_count == 0);
    cr_assert(of(SL_LEDGER_READ_GONE, "*2\r\n$2\r\n12\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n") == SL_LEDGER_OK && reply.cursor == 12);
    cr_assert(of(SL_LEDGER_READ_OLDEST, "*2\r\n$16\r\n" OWNER "\r\n$1\r\n8\r\n") == SL_LEDGER_OK && reply.items[0].n == 8);
    cr_assert(of(SL_LEDGER_READ_ENDED, "*2\r\n$16\r\n" OWNER "\r\n$1\r\n8\r\n") == SL_LEDGER_OK && reply.items[0].n == 8);
    cr_assert(of(SL_LEDGER_READ_LEASE, "*9\r\n$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n") == SL_LEDGER_OK);
}

Test(ledger_reply, refuses_other_shapes) {
    static const struct {
        enum sl_ledger_verb verb;
        const char *text;
    } bad[] = {
        {SL_LEDGER_COMMIT, "+OK\r\n"}, {SL_LEDGER_COMMIT, ":5\r\n"}, {SL_LEDGER_COMMIT, "$-1\r\n"}, {SL_LEDGER_COMMIT, "*-1\r\n"},
        {SL_LEDGER_COMMIT, "*0\r\n"}, {SL_LEDGER_COMMIT, "*1\r\n$2\r\nOK\r\n"}, {SL_LEDGER_COMMIT, "*2\r\n$2\r\nOK\r\n:5\r\n"},
        {SL_LEDGER_COMMIT, "*2\r\n$2\r\nOK\r\n$1\r\n6\r\n"}, {SL_LEDGER_COMMIT, "*2\r\n$2\r\nOK\r\n$2\r\n-5\r\n"},
        {SL_LEDGER_COMMIT, "*2\r\n$2\r\nOK\r\n$21\r\n100000000000000000005\r\n"}, {SL_LEDGER_COMMIT, "*2\r\n$2\r\nNO\r\n$1\r\n5\r\n"},
        {SL_LEDGER_COMMIT, "*3\r\n$2\r\nOK\r\n$1\r\n5\r\n$1\r\n5\r\n"}, {SL_LEDGER_BEAT, "*2\r\n$6\r\nFENCED\r\n$1\r\n9\r\n"},
        {SL_LEDGER_BEAT, "*4\r\n$6\r\nFENCED\r\n$1\r\n9\r\n$15\r\n0123456789abcde\r\n$2\r\n12\r\n"},
        {SL_LEDGER_BEAT, "*4\r\n$2\r\nAT\r\n$1\r\n9\r\n$-1\r\n$-1\r\n"}, {SL_LEDGER_ACQUIRE, "*2\r\n$2\r\nOK\r\n$1\r\n3\r\n"},
        {SL_LEDGER_ACQUIRE, "*8\r\n$2\r\nOK\r\n$1\r\n4\r\n$1\r\n4\r\n$0\r\n\r\n$1\r\n2\r\n$1\r\n8\r\n$1\r\n1\r\n$1\r\n3\r\n"},
        {SL_LEDGER_ACQUIRE, "*3\r\n$4\r\nLOST\r\n$1\r\n9\r\n$1\r\n7\r\n"}, {SL_LEDGER_RESUME, "*8\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"},
        {SL_LEDGER_RESUME, "*9\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"}, {SL_LEDGER_READ_LIVE, "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"},
        {SL_LEDGER_READ_LIVE, "*2\r\n$1\r\nx\r\n*0\r\n"}, {SL_LEDGER_READ_LIVE, "*2\r\n$1\r\n0\r\n$1\r\na\r\n"},
        {SL_LEDGER_READ_LIVE, "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$-1\r\n"}, {SL_LEDGER_READ_LOG, "*1\r\n$1\r\na\r\n"},
        {SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$4\r\n12-1\r\n*2\r\n$1\r\nb\r\n$1\r\nx\r\n"},
        {SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$2\r\n-0\r\n*2\r\n$1\r\nb\r\n$1\r\nx\r\n"},
        {SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$4\r\n12-0\r\n*2\r\n$1\r\nc\r\n$1\r\nx\r\n"},
        {SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$4\r\n12-0\r\n*4\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\nc\r\n$1\r\nx\r\n"},
        {SL_LEDGER_READ_LOG, "*1\r\n*2\r\n$4\r\n12-0\r\n$-1\r\n"}, {SL_LEDGER_READ_JOB, "*2\r\n$-1\r\n$-1\r\n"}, {SL_LEDGER_READ_JOB, "*-1\r\n"},
        {SL_LEDGER_READ_JOB, "*3\r\n$-1\r\n$-1\r\n*1\r\n$1\r\na\r\n"}, {SL_LEDGER_READ_JOB, "*3\r\n:1\r\n$-1\r\n*0\r\n"},
        {SL_LEDGER_READ_ENDED, "*1\r\n$16\r\n" OWNER "\r\n"}, {SL_LEDGER_READ_ENDED, "*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
        {SL_LEDGER_READ_ENDED, "*2\r\n$16\r\n" OWNER "\r\n$3\r\n1.5\r\n"}, {SL_LEDGER_READ_ENDED, "+x\r\n"},
        {SL_LEDGER_READ_RECORD, "*0\r\n"}, {SL_LEDGER_READ_RECORD, ":1\r\n"}, {SL_LEDGER_READ_PIPELINE, "*0\r\n"},
        {SL_LEDGER_READ_HEAD, ":1\r\n"}, {SL_LEDGER_READ_GONE, "*0\r\n"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(of(bad[i].verb, bad[i].text) == SL_LEDGER_FAILED, "taken: %s", bad[i].text);
        cr_assert(reply.text.size > 0 && reply.item_count == 0 && reply.n == 0 && reply.epoch == 0);
    }
}

/* A random reply, nested as deep as the client's reader allows. */
static size_t put_random(struct sl_rng *rng, char *out, size_t room, int depth) {
    static const char *const words[] = {"OK", "FENCED", "AT", "BAD", "LOST", "b", "5", "12-0", OWNER, "", "18446744073709551616"};
    const char *word = words[sl_rng_below(rng, sizeof words / sizeof *words)];
    uint64_t kind = sl_rng_below(rng, depth < 3 ? 6 : 5);
    int size = 0;
    if (kind < 3) size = snprintf(out, room, "$%zu\r\n%s\r\n", strlen(word), word);
    if (kind == 3) size = snprintf(out, room, "$-1\r\n");
    if (kind == 4) size = snprintf(out, room, ":%u\r\n", (unsigned)sl_rng_below(rng, 9));
    if (kind < 5) return (size_t)size;
    unsigned members = (unsigned)sl_rng_below(rng, 9);
    size_t used = (size_t)snprintf(out, room, "*%u\r\n", members);
    for (unsigned i = 0; i < members; i++) used += put_random(rng, out + used, room - used, depth + 1);
    return used;
}

Test(ledger_reply, takes_no_harm_from_random_shapes) {
    static char text[1 << 16];
    struct sl_rng rng = {.state = 7};
    size_t failed = 0;
    for (int i = 0; i < 100000; i++) {
        size_t size = put_random(&rng, text, sizeof text, 0);
        enum sl_ledger_verb verb = (enum sl_ledger_verb)sl_rng_below(&rng, SL_LEDGER_READ_GONE + 1);
        failed += read_reply(verb, text, size) == SL_LEDGER_FAILED;
    }
    cr_assert(failed > 90000);
}

Test(ledger_reply, reads_numbers_up_to_the_largest) {
    uint64_t value = 1;
    cr_assert(sl_ledger_number(sl_text("18446744073709551615"), &value) && value == UINT64_MAX);
    cr_assert(sl_ledger_number(sl_text("0"), &value) && value == 0);
    cr_assert(!sl_ledger_number(sl_text("18446744073709551616"), &value));
    cr_assert(!sl_ledger_number(sl_text(""), &value) && !sl_ledger_number(sl_text("1 "), &value));
}
