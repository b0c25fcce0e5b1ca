/* The client; see ledger_redis.h. A picture of its states:
 *
 *   DOWN --retry_at--> GREETING --both connections greeted, settings fit--> UP
 *     ^------------------- cut (late, closed, refused, unavailable) <--------|      a cut only ever happens in a tick */
#include "ledger_redis.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "ledger_address.h"
#include "ledger_command.h"
#include "ledger_link.h"
#include "ledger_reply.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    BACKOFF_MS_MIN = 50,
    BACKOFF_MS_MAX = 1000,
    STEADY_MS = 1000, /* a connection that lived this long was a good one: the backoff begins anew */
    READS_MAX = 16    /* of one connection in one turn, so that neither starves the other nor the loop */
};

enum { WRITES, READS, LINKS };

enum state { DOWN, GREETING, UP };

struct sl_ledger_redis {
    struct sl_ledger_redis_io io;
    struct sl_ledger_redis_events events;
    struct sl_ledger_address address;
    char address_text[SL_LEDGER_ADDRESS_TEXT_SIZE];
    enum sl_durability durability;
    uint64_t reply_ns;

    enum state state;
    uint64_t generation;
    uint64_t retry_at; /* DOWN */
    uint64_t up_since; /* UP */
    uint32_t backoff_ms;
    uint32_t greetings_left; /* GREETING: commands without a reply */
    bool unwritten;          /* commands were added since the last flush */
    bool broken;             /* the next tick cuts, for the reason in why */
    bool in_callback;
    char why[SL_REDIS_WHY_SIZE];
    struct sl_ledger_link links[LINKS];
    struct sl_ledger_scratch scratch;
};

static uint64_t clock_ns(void) {
    struct timespec now;
    int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    SL_ASSERT(failed == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int sl_ledger_redis_new(const struct sl_ledger_redis_config *config, const struct sl_ledger_redis_io *io,
                        const struct sl_ledger_redis_events *events, struct sl_ledger_redis **out_self, char *out_why,
                        size_t why_size) {
    struct sl_ledger_redis *self = sl_alloc_take(sl_alloc_system(), sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    uint32_t reply_ms = config->reply_ms ? config->reply_ms : SL_REPLY_MS;
    *self = (struct sl_ledger_redis){.io = *io,
                                     .events = *events,
                                     .durability = config->durability,
                                     .reply_ns = (uint64_t)reply_ms * 1000000u,
                                     .backoff_ms = BACKOFF_MS_MIN};
    int rc = sl_ledger_address_parse(config->address, &self->address, out_why, why_size);
    if (rc) {
        sl_alloc_give(sl_alloc_system(), self, sizeof *self);
        return rc;
    }
    sl_ledger_address_text(&self->address, self->address_text);
    for (int i = 0; i < LINKS; i++) sl_ledger_link_init(&self->links[i], &self->io);
    sl_ledger_scratch_init(&self->scratch);
    *out_self = self;
    return SL_OK;
}

void sl_ledger_redis_free(struct sl_ledger_redis **self) {
    if (!*self) return;
    SL_ASSERT(!(*self)->in_callback);
    for (int i = 0; i < LINKS; i++) sl_ledger_link_fini(&(*self)->links[i]);
    sl_ledger_scratch_fini(&(*self)->scratch);
    sl_alloc_give(sl_alloc_system(), *self, sizeof **self);
    *self = NULL;
}

/* The first reason stays. */
static void break_with(struct sl_ledger_redis *self, const char *why) {
    if (self->broken) return;
    self->broken = true;
    if (why != self->why) (void)snprintf(self->why, sizeof self->why, "%s", why); /* a long one is cut */
}

void sl_ledger_redis_cut(struct sl_ledger_redis *self, const char *why) {
    if (self->state != DOWN) break_with(self, why);
}

/* Sending. */

/* Notes the wait of the command that was just appended from `start` on. Half a command must never leave: it is taken back. */
static void expect(struct sl_ledger_redis *self, struct sl_ledger_link *link, size_t start, struct sl_ledger_wait wait) {
    wait.generation = link->generation;
    wait.sent_ns = clock_ns();
    wait.call.body = sl_bytes(NULL, 0);
    if (!link->out.failed && sl_ledger_link_expect(link, &wait) == SL_OK) {
        self->unwritten = true;
        return;
    }
    link->out.size = start;
    link->out.failed = false;
    break_with(self, "no memory for a command to Redis");
}

void sl_ledger_redis_call(struct sl_ledger_redis *self, const struct sl_ledger_call *call) {
    static const struct sl_incarnation nobody;
    SL_IMPLIES(call->verb == SL_LEDGER_ACQUIRE, memcmp(call->owner.bytes, nobody.bytes, sizeof nobody.bytes) != 0);
    if (self->state != UP || self->broken) return;
    struct sl_ledger_link *link = &self->links[call->verb <= SL_LEDGER_RESUME ? WRITES : READS];
    size_t start = link->out.size;
    uint32_t status_count = sl_ledger_command_add(&link->out, call);
    expect(self, link, start,
           (struct sl_ledger_wait){.kind = SL_WAIT_CALL, .status_count = status_count, .call = *call});
}

int sl_ledger_redis_command(struct sl_ledger_redis *self, int argc, const char *const *argv, const size_t *argvlen,
                            void (*callback)(void *context, const struct redisReply *reply), void *context) {
    if (self->state != UP || self->broken) return SL_E_CLOSED;
    struct sl_ledger_link *link = &self->links[READS];
    size_t start = link->out.size;
    sl_ledger_command_argv(&link->out, argc, argv, argvlen);
    expect(self, link, start,
           (struct sl_ledger_wait){.kind = SL_WAIT_COMMAND, .callback = callback, .context = context});
    return self->broken ? SL_E_CLOSED : SL_OK;
}

void sl_ledger_redis_flush(struct sl_ledger_redis *self) {
    self->unwritten = false;
    for (int i = 0; i < LINKS && !self->broken; i++) {
        char why[256];
        if (sl_ledger_link_flush(&self->links[i], why, sizeof why)) break_with(self, why);
    }
}

/* Connecting. */

static void greet(struct sl_ledger_redis *self, struct sl_ledger_link *link, int argc, const char *const *argv,
                  void (*callback)(void *, const struct redisReply *)) {
    size_t sizes[SL_REDIS_SETTINGS_ARGC], start = link->out.size;
    for (int i = 0; i < argc; i++) sizes[i] = strlen(argv[i]);
    sl_ledger_command_argv(&link->out, argc, argv, sizes);
    self->greetings_left++;
    expect(self, link, start,
           (struct sl_ledger_wait){.kind = SL_WAIT_GREETING, .callback = callback, .context = self});
}

/* PING tells LOADING, BUSY, MISCONF and missing rights before anything else does. */
static void on_ping(void *context, const struct redisReply *reply) {
    struct sl_ledger_redis *self = context;
    if (reply->type != REDIS_REPLY_ERROR) return;
    char why[512];
    (void)snprintf(why, sizeof why, "Redis at %.200s is not ready: %.200s", self->address_text, reply->str);
    break_with(self, why);
}

static void on_settings(void *context, const struct redisReply *reply) {
    struct sl_ledger_redis *self = context;
    char why[SL_REDIS_WHY_SIZE];
    if (sl_redis_check_settings(reply, self->durability, self->address_text, why)) break_with(self, why);
}

/* Keeping us when Redis evicts clients, and our name in its lists, are courtesies: a Redis that refuses them will do. */
static void on_courtesy(void *context, const struct redisReply *reply) {
    (void)context;
    (void)reply;
}

static void greet_all(struct sl_ledger_redis *self) {
    self->greetings_left = 0;
    for (int i = 0; i < LINKS; i++) {
        struct sl_ledger_link *link = &self->links[i];
        greet(self, link, 1, (const char *const[]){"PING"}, on_ping);
        greet(self, link, 3, (const char *const[]){"CLIENT", "NO-EVICT", "on"}, on_courtesy);
        greet(self, link, 3, (const char *const[]){"CLIENT", "SETNAME", i == WRITES ? "sluice-writes" : "sluice-reads"},
              on_courtesy);
    }
    greet(self, &self->links[READS], SL_REDIS_SETTINGS_ARGC, sl_redis_settings_command, on_settings);
}

static void connect_all(struct sl_ledger_redis *self, uint64_t now_ns) {
    self->state = GREETING;
    self->generation++;
    for (int i = 0; i < LINKS && !self->broken; i++) {
        char why[512];
        int fd = -1;
        if (sl_ledger_address_connect(&self->address, &fd, why, sizeof why)) {
            break_with(self, why);
        } else if (sl_ledger_link_open(&self->links[i], fd, self->generation, now_ns)) {
            (void)close(fd); /* nothing was written */
            break_with(self, "no memory for a connection to Redis");
        }
    }
    if (!self->broken) greet_all(self);
}

/* Tells those whose commands will not be answered. Calls are told as a whole, by on_down. */
static void drop_waits(struct sl_ledger_redis *self) {
    for (int i = 0; i < LINKS; i++) {
        while (sl_ledger_link_oldest(&self->links[i])) {
            struct sl_ledger_wait wait = sl_ledger_link_take(&self->links[i]);
            if (wait.kind == SL_WAIT_COMMAND) wait.callback(wait.context, NULL);
        }
    }
}

static void cut(struct sl_ledger_redis *self, uint64_t now_ns) {
    bool was_up = self->state == UP;
    bool was_steady = was_up && now_ns - self->up_since >= (uint64_t)STEADY_MS * 1000000u;
    for (int i = 0; i < LINKS; i++) sl_ledger_link_close(&self->links[i]);
    self->state = DOWN;
    self->broken = self->unwritten = false;
    if (was_steady) self->backoff_ms = BACKOFF_MS_MIN;
    self->retry_at = now_ns + (uint64_t)self->backoff_ms * 1000000u;
    self->backoff_ms = self->backoff_ms * 2 < BACKOFF_MS_MAX ? self->backoff_ms * 2 : BACKOFF_MS_MAX;
    self->in_callback = true;
    drop_waits(self);
    if (was_up) self->events.on_down(self->events.context, self->why);
    self->in_callback = false;
}

static void greeted(struct sl_ledger_redis *self) {
    SL_ASSERT(self->greetings_left > 0);
    if (--self->greetings_left > 0 || self->broken) return;
    self->state = UP;
    self->up_since = clock_ns();
    self->events.on_up(self->events.context);
}

/* Replies. */

static void break_refused(struct sl_ledger_redis *self, struct sl_bytes text) {
    char why[512];
    (void)snprintf(why, sizeof why, "Redis at %.200s: %.*s", self->address_text, (int)(text.size < 200 ? text.size : 200),
                   (const char *)text.data);
    break_with(self, why);
}

/* What Redis would not read now is no answer: who took it for an empty one would believe that nothing is there. */
static void answer_command(struct sl_ledger_redis *self, const struct sl_ledger_wait *wait, const redisReply *reply) {
    bool refused = sl_ledger_is_unreadable(reply);
    if (refused) break_refused(self, sl_bytes(reply->str, (size_t)reply->len));
    wait->callback(wait->context, refused ? NULL : reply);
}

static void answer_call(struct sl_ledger_redis *self, const struct sl_ledger_wait *wait, const redisReply *reply) {
    struct sl_ledger_reply answer;
    sl_ledger_reply_read(&wait->call, reply, &self->scratch, &answer);
    SL_ASSERT(answer.serial == wait->call.serial);
    if (answer.status == SL_LEDGER_UNAVAILABLE) break_refused(self, answer.text);
    self->events.on_reply(self->events.context, &answer);
}

static void answer(struct sl_ledger_redis *self, struct sl_ledger_link *link, const redisReply *reply) {
    struct sl_ledger_wait *oldest = sl_ledger_link_oldest(link);
    if (!oldest) {
        break_with(self, "Redis sent a reply to nothing");
        return;
    }
    SL_ASSERT(oldest->generation == self->generation);
    SL_ASSERT(oldest->generation == link->generation);
    if (oldest->status_count > 0 && !sl_ledger_is_unavailable(reply)) {
        oldest->status_count--; /* an error of another kind shows again in the reply that counts */
        return;
    }
    struct sl_ledger_wait wait = sl_ledger_link_take(link);
    switch (wait.kind) {
    case SL_WAIT_CALL: answer_call(self, &wait, reply); return;
    case SL_WAIT_COMMAND: answer_command(self, &wait, reply); return;
    case SL_WAIT_GREETING:
        wait.callback(wait.context, reply);
        greeted(self);
        return;
    }
}

/* Hands out what was read; stops when the connection breaks, for nothing after that may be answered. */
static void answer_all(struct sl_ledger_redis *self, struct sl_ledger_link *link) {
    char why[256];
    redisReply *reply = NULL;
    while (!self->broken) {
        int rc = sl_ledger_link_reply(link, &reply, why, sizeof why);
        if (rc < 0) break_with(self, why);
        if (rc != 1) return;
        self->in_callback = true;
        answer(self, link, reply);
        self->in_callback = false;
        freeReplyObject(reply);
    }
}

static void read_all(struct sl_ledger_redis *self, struct sl_ledger_link *link) {
    for (int i = 0; i < READS_MAX && !self->broken; i++) {
        char why[256];
        int rc = sl_ledger_link_read(link, why, sizeof why);
        if (rc == SL_E_AGAIN) return;
        if (rc) break_with(self, why);
        answer_all(self, link);
    }
}

static struct sl_ledger_link *link_of(struct sl_ledger_redis *self, int fd) {
    for (int i = 0; i < LINKS; i++) {
        if (self->links[i].fd == fd) return &self->links[i];
    }
    return NULL;
}

void sl_ledger_redis_ready(struct sl_ledger_redis *self, int fd, bool readable, bool writable) {
    struct sl_ledger_link *link = fd >= 0 ? link_of(self, fd) : NULL;
    if (!link || self->broken) return;
    char why[256];
    if (writable && sl_ledger_link_writable(link, why, sizeof why)) break_with(self, why);
    if (readable && !link->connecting && !self->broken) read_all(self, link);
}

/* Time. */

/* When the oldest thing that the connection waits for is late. */
static uint64_t late_at(const struct sl_ledger_redis *self, const struct sl_ledger_link *link) {
    if (link->fd < 0) return UINT64_MAX;
    if (link->connecting) return link->since_ns + self->reply_ns;
    return link->wait_count ? link->waits[link->wait_first].sent_ns + self->reply_ns : UINT64_MAX;
}

static uint64_t first_late_at(const struct sl_ledger_redis *self) {
    uint64_t writes = late_at(self, &self->links[WRITES]), reads = late_at(self, &self->links[READS]);
    return writes < reads ? writes : reads;
}

uint64_t sl_ledger_redis_deadline_ns(const struct sl_ledger_redis *self) {
    if (self->broken || self->unwritten) return 0;
    return self->state == DOWN ? self->retry_at : first_late_at(self);
}

void sl_ledger_redis_tick(struct sl_ledger_redis *self, uint64_t now_ns) {
    if (self->unwritten) sl_ledger_redis_flush(self);
    if (!self->broken && self->state != DOWN && first_late_at(self) <= now_ns) {
        char why[512];
        (void)snprintf(why, sizeof why, "Redis at %.200s gave no answer within %llu ms", self->address_text,
                       (unsigned long long)(self->reply_ns / 1000000u));
        break_with(self, why);
    }
    if (self->broken) cut(self, now_ns);
    if (self->state == DOWN && self->retry_at <= now_ns) connect_all(self, now_ns);
}

bool sl_ledger_redis_is_up(const struct sl_ledger_redis *self) {
    return self->state == UP;
}

const char *sl_ledger_redis_why(const struct sl_ledger_redis *self) {
    return self->why;
}
