/* The owner; see owner.h. The twin is given each write once, ahead: at the end Redis must hold the same. */
#include "owner.h"

#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { EPOCH = 1, OWNER = 'a', BATCH_SIZE = 3000 };

static void put_operation(struct sl_buf *body, const char *verb, const char *key, uint64_t number, bool has_value) {
    struct sl_job_id job = job_of(number);
    sl_mp_array(body, 3);
    sl_mp_key(body, verb);
    sl_mp_key(body, key);
    sl_mp_array(body, has_value ? 2 : 1);
    sl_mp_bin(body, sl_bytes(job.bytes, 16));
    if (has_value) sl_mp_bin(body, sl_text("a record"));
}

/* A settle that undoes one before it: performing it twice, or out of its turn, would show. */
static void seal_settle(struct owner *self, size_t i) {
    struct sl_buf *body = &self->bodies[i];
    sl_mp_array(body, 2);
    put_operation(body, "HSET", "live", i, true);
    put_operation(body, "HDEL", "live", i - 6, false);
    cr_assert(!body->failed);
    self->writes[i].verb = SL_LEDGER_SETTLE;
    self->writes[i].ckpt = self->first_n + (i > 8 ? i - 8 : 0);
}

static void seal(struct owner *self, size_t i) {
    self->writes[i] = (struct sl_ledger_call){.verb = SL_LEDGER_COMMIT, .shard = 7, .epoch = EPOCH,
                                              .owner = owner_of(OWNER), .n = self->first_n + i, .time_ms = 1000 + i,
                                              .digest = digest_of((char)('A' + i % 26))};
    sl_buf_init(&self->bodies[i], sl_alloc_system());
    if (i % 3 == 2) {
        seal_settle(self, i);
    } else {
        for (size_t j = 0; j < BATCH_SIZE; j++) cr_assert(sl_buf_append(&self->bodies[i], &j, 1) == 0);
        memcpy(self->bodies[i].data, &i, sizeof i);
    }
    self->writes[i].body = sl_buf_bytes(&self->bodies[i]);
}

static void send_rest(struct owner *self) {
    for (size_t i = (size_t)(self->n - self->first_n); i < self->write_count; i++) {
        real_send(&self->both->real, &self->writes[i]);
    }
}

static void ask(struct owner *self) {
    struct sl_ledger_call call = resume_call();
    self->unsure = true;
    real_send(&self->both->real, &call);
    self->resume_serial = call.serial;
}

static void take_write(struct owner *self, const struct sl_ledger_reply *reply) {
    if (self->unsure) return;
    if (reply->status == SL_LEDGER_OK) {
        cr_assert(reply->n == self->n + 1, "an answer out of its turn");
        self->n = reply->n;
    } else if (reply->status == SL_LEDGER_UNAVAILABLE) {
        self->unavailable++;
    } else {
        cr_assert(reply->status == SL_LEDGER_AT, "status %d: %.*s", (int)reply->status, (int)reply->text.size,
                  (const char *)reply->text.data);
        ask(self);
    }
}

static void on_reply(void *context, const struct sl_ledger_reply *reply) {
    struct owner *self = context;
    self->replies++;
    if (reply->serial == self->resume_serial) {
        if (reply->status == SL_LEDGER_UNAVAILABLE) {
            self->unavailable++;
            return;
        }
        cr_assert(reply->status == SL_LEDGER_OK && reply->epoch == EPOCH && reply->owner.bytes[0] == OWNER);
        cr_assert(reply->n >= self->n, "something acknowledged is missing");
        self->n = reply->n;
        self->unsure = false;
        send_rest(self);
    } else {
        take_write(self, reply);
    }
    if (self->cut_after && self->replies == self->cut_after) self->cut(self);
}

void owner_begin(struct owner *self, struct both *both, size_t write_count) {
    *self = (struct owner){.both = both, .write_count = write_count, .cut = owner_cut_here};
    self->writes = calloc(write_count, sizeof *self->writes);
    self->bodies = calloc(write_count, sizeof *self->bodies);
    cr_assert(self->writes && self->bodies);
    cr_assert(both_call(both, acquire_call(0, 0, EPOCH, OWNER))->status == SL_LEDGER_OK);
    for (size_t i = 0; i < write_count; i++) {
        struct sl_ledger_reply reply;
        seal(self, i);
        (void)ledger_twin_call(both->twin, &self->writes[i], &reply); /* always 0 */
        cr_assert(reply.status == SL_LEDGER_OK);
    }
    both->real.on_reply = on_reply;
    both->real.context = self;
}

void owner_end(struct owner *self) {
    self->both->real.on_reply = NULL;
    for (size_t i = 0; i < self->write_count; i++) sl_buf_fini(&self->bodies[i]);
    free(self->bodies);
    free(self->writes);
}

void owner_run(struct owner *self) {
    unsigned up_count = self->both->real.up_count;
    send_rest(self);
    while (self->n < self->first_n + self->write_count || self->unsure) {
        real_turn(&self->both->real);
        if (self->both->real.up_count == up_count) continue;
        up_count = self->both->real.up_count;
        ask(self);
    }
}

void owner_cut_here(struct owner *self) {
    sl_ledger_redis_cut(self->both->real.redis, "the test cuts");
}
