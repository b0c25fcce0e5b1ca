/* Redis, the client and the loop; see real.h. */
#include "real.h"

#include "base/assert.h"
#include "base/err.h"
#include "support/ledger_dump.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void watch(void *context, int fd, bool readable, bool writable) {
    const struct real *self = context;
    struct epoll_event event = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u), .data = {.fd = fd}};
    if (epoll_ctl(self->epoll, EPOLL_CTL_MOD, fd, &event) == 0) return;
    int failed = epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
    cr_assert(failed == 0);
}

static void unwatch(void *context, int fd) {
    const struct real *self = context;
    int failed = epoll_ctl(self->epoll, EPOLL_CTL_DEL, fd, NULL);
    cr_assert(failed == 0);
}

static void on_reply(void *context, const struct sl_ledger_reply *reply) {
    struct real *self = context;
    if (self->on_reply) {
        self->on_reply(self->context, reply);
        return;
    }
    if (self->reply_count == self->reply_capacity) {
        self->reply_capacity = self->reply_capacity * 2 + 64;
        self->replies = realloc(self->replies, self->reply_capacity * sizeof *self->replies);
        cr_assert(self->replies);
    }
    self->replies[self->reply_count++] = reply_copy_make(reply);
}

static void on_up(void *context) {
    struct real *self = context;
    cr_assert(!self->up);
    self->up = true;
    self->up_count++;
}

static void on_down(void *context, const char *why) {
    struct real *self = context;
    cr_assert(self->up);
    self->up = false;
    self->down_count++;
    (void)snprintf(self->why, sizeof self->why, "%s", why); /* a long one is cut */
}

void real_admin_connect(struct real *self) {
    if (self->admin) redisFree(self->admin);
    self->admin = redisConnectUnix(redis_server_socket(self->server));
    cr_assert(self->admin && !self->admin->err);
}

void real_start(struct real *self, const char *const *overrides, uint32_t reply_ms) {
    *self = (struct real){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    int rc = redis_server_start(overrides, &self->server);
    cr_assert(rc == 0, "no Redis: %s", sl_err_text(rc));
    struct sl_redis_check check = {.address = redis_server_socket(self->server), .create = true};
    struct sl_cluster cluster;
    char why[SL_REDIS_WHY_SIZE];
    rc = sl_redis_check(&check, &cluster, why);
    cr_assert(rc == 0, "%s", why);
    struct sl_ledger_redis_config config = {.address = check.address, .reply_ms = reply_ms};
    struct sl_ledger_redis_io io = {.watch = watch, .unwatch = unwatch, .context = self};
    struct sl_ledger_redis_events events = {.on_reply = on_reply, .on_up = on_up, .on_down = on_down, .context = self};
    rc = sl_ledger_redis_new(&config, &io, &events, &self->redis, why, sizeof why);
    cr_assert(rc == 0, "%s", why);
    real_admin_connect(self);
    real_wait_up(self);
}

void real_stop(struct real *self) {
    sl_ledger_redis_free(&self->redis);
    redisFree(self->admin);
    redis_server_free(&self->server);
    for (size_t i = 0; i < self->reply_count; i++) reply_copy_free(&self->replies[i]);
    free(self->replies);
    (void)close(self->epoll); /* nothing is written to it */
}

static int wait_ms(const struct real *self) {
    uint64_t deadline = sl_ledger_redis_deadline_ns(self->redis), now = now_ns();
    if (deadline <= now) return 0;
    uint64_t ms = (deadline - now + 999999) / 1000000;
    return ms < REAL_WAIT_MS ? (int)ms : REAL_WAIT_MS;
}

void real_turn(struct real *self) {
    struct epoll_event events[4];
    sl_ledger_redis_flush(self->redis);
    int count = epoll_wait(self->epoll, events, 4, wait_ms(self));
    for (int i = 0; i < count; i++) {
        bool failed = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0;
        sl_ledger_redis_ready(self->redis, events[i].data.fd, failed || (events[i].events & EPOLLIN),
                              failed || (events[i].events & EPOLLOUT));
    }
    sl_ledger_redis_tick(self->redis, now_ns());
}

void real_wait_up(struct real *self) {
    uint64_t until = now_ns() + REAL_WAIT_MS * 1000000ull;
    while (!self->up) {
        real_turn(self);
        cr_assert(now_ns() < until, "not up: %s", sl_ledger_redis_why(self->redis));
    }
}

void real_wait_down(struct real *self, unsigned down_count) {
    uint64_t until = now_ns() + REAL_WAIT_MS * 1000000ull;
    while (self->down_count < down_count) {
        real_turn(self);
        cr_assert(now_ns() < until, "the connection was not cut");
    }
}

void real_wait_replies(struct real *self, size_t count) {
    uint64_t until = now_ns() + REAL_WAIT_MS * 1000000ull;
    while (self->reply_count < count) {
        real_turn(self);
        cr_assert(now_ns() < until, "%zu of %zu replies; %s", self->reply_count, count, self->why);
    }
}

void real_send(struct real *self, struct sl_ledger_call *call) {
    call->serial = ++self->serial;
    sl_ledger_redis_call(self->redis, call);
}

struct reply_copy real_take(struct real *self) {
    SL_ASSERT(self->reply_count > 0);
    struct reply_copy oldest = self->replies[0];
    self->reply_count--;
    memmove(self->replies, self->replies + 1, self->reply_count * sizeof *self->replies);
    return oldest;
}

struct reply_copy real_call(struct real *self, struct sl_ledger_call *call) {
    cr_assert(self->reply_count == 0, "a reply to nothing");
    real_send(self, call);
    real_wait_replies(self, 1);
    return real_take(self);
}

redisReply *real_admin(struct real *self, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(self->admin, format, args);
    va_end(args);
    cr_assert(reply, "%s: %s", format, self->admin->errstr);
    cr_assert(reply->type != REDIS_REPLY_ERROR, "%s: %s", format, reply->str);
    return reply;
}

/* The dump. */

static struct sl_bytes text_of(const redisReply *reply) {
    return sl_bytes(reply->str, reply->len);
}

/* A digest of zero bytes and none at all are the same to the ledger. */
static struct sl_bytes lease_value(struct sl_bytes field, struct sl_bytes value) {
    static const uint8_t zero[16];
    bool none = sl_bytes_is(field, "dig") && sl_bytes_equal(value, sl_bytes(zero, 16));
    return none ? sl_bytes(NULL, 0) : value;
}

static void dump_pairs(struct real *self, struct ledger_dump *dump, struct sl_bytes key, const char *format) {
    redisReply *pairs = real_admin(self, format, key.data, key.size);
    for (size_t i = 0; i < pairs->elements; i += 2) {
        struct sl_bytes field = text_of(pairs->element[i]);
        ledger_dump_add(dump, key, field, lease_value(field, text_of(pairs->element[i + 1])));
    }
    freeReplyObject(pairs);
}

static void dump_stream(struct real *self, struct ledger_dump *dump, struct sl_bytes key) {
    redisReply *entries = real_admin(self, "XRANGE %b - +", key.data, key.size);
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        struct sl_bytes id = text_of(entry->element[0]);
        cr_assert(id.size > 2 && memcmp(id.data + id.size - 2, "-0", 2) == 0);
        cr_assert(entry->element[1]->elements == 2);
        ledger_dump_add(dump, key, sl_bytes(id.data, id.size - 2), text_of(entry->element[1]->element[1]));
    }
    freeReplyObject(entries);
}

static void dump_key(struct real *self, struct ledger_dump *dump, struct sl_bytes key) {
    redisReply *type = real_admin(self, "TYPE %b", key.data, key.size);
    if (strcmp(type->str, "hash") == 0) {
        dump_pairs(self, dump, key, "HGETALL %b");
    } else if (strcmp(type->str, "zset") == 0) {
        dump_pairs(self, dump, key, "ZRANGE %b 0 -1 WITHSCORES");
    } else if (strcmp(type->str, "stream") == 0) {
        dump_stream(self, dump, key);
    } else {
        redisReply *value = real_admin(self, "GET %b", key.data, key.size);
        ledger_dump_add(dump, key, sl_bytes(NULL, 0), text_of(value));
        freeReplyObject(value);
    }
    freeReplyObject(type);
}

void real_dump(struct real *self, struct sl_buf *buf) {
    struct ledger_dump dump;
    ledger_dump_init(&dump, sl_alloc_system());
    redisReply *keys = real_admin(self, "KEYS sl:{s*");
    for (size_t i = 0; i < keys->elements; i++) dump_key(self, &dump, text_of(keys->element[i]));
    freeReplyObject(keys);
    ledger_dump_write(&dump, buf);
    ledger_dump_fini(&dump);
}
