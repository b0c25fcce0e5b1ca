/* A connection's bytes; see ledger_link.h. Only hiredis' reader of the protocol is used: its own connections free themselves inside
 * callbacks, and copy a large command twice. */
#include "ledger_link.h"

#include "base/assert.h"
#include "base/err.h"
#include "ledger_redis.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 << 10,
    WAITS_MIN = 64,
    OUT_KEEP = 4 << 20,   /* capacity that an idle connection may keep */
    OUT_SHIFT = 256 << 10 /* written bytes in front that are worth moving the rest for */
};

void sl_ledger_link_init(struct sl_ledger_link *self, const struct sl_ledger_redis_io *io) {
    *self = (struct sl_ledger_link){.io = io, .fd = -1};
    sl_buf_init(&self->out, sl_alloc_system());
}

void sl_ledger_link_fini(struct sl_ledger_link *self) {
    sl_ledger_link_close(self);
    sl_buf_fini(&self->out);
    sl_alloc_give(sl_alloc_system(), self->waits, self->wait_capacity * sizeof *self->waits);
    sl_ledger_link_init(self, self->io);
}

static void watch(struct sl_ledger_link *self, bool writable) {
    self->watches_write = writable;
    self->io->watch(self->io->context, self->fd, true, writable);
}

int sl_ledger_link_open(struct sl_ledger_link *self, int fd, uint64_t generation, uint64_t now_ns) {
    SL_ASSERT(self->fd < 0);
    SL_ASSERT(self->wait_count == 0);
    self->reader = redisReaderCreate();
    if (!self->reader) return SL_E_NO_MEMORY;
    self->fd = fd;
    self->connecting = true;
    self->generation = generation;
    self->since_ns = now_ns;
    watch(self, true);
    return SL_OK;
}

void sl_ledger_link_close(struct sl_ledger_link *self) {
    if (self->fd < 0) return;
    self->io->unwatch(self->io->context, self->fd);
    (void)close(self->fd); /* what it carried has an unknown outcome anyway */
    redisReaderFree(self->reader);
    self->fd = -1;
    self->reader = NULL;
    self->connecting = self->watches_write = false;
    self->out_at = 0;
    sl_buf_fini(&self->out);
}

int sl_ledger_link_expect(struct sl_ledger_link *self, const struct sl_ledger_wait *wait) {
    if (self->wait_count == self->wait_capacity) {
        size_t capacity = self->wait_capacity ? self->wait_capacity * 2 : WAITS_MIN;
        struct sl_ledger_wait *waits = sl_alloc_take(sl_alloc_system(), capacity * sizeof *waits);
        if (!waits) return SL_E_NO_MEMORY;
        for (size_t i = 0; i < self->wait_count; i++) {
            waits[i] = self->waits[(self->wait_first + i) & (self->wait_capacity - 1)];
        }
        sl_alloc_give(sl_alloc_system(), self->waits, self->wait_capacity * sizeof *waits);
        self->waits = waits;
        self->wait_capacity = capacity;
        self->wait_first = 0;
    }
    self->waits[(self->wait_first + self->wait_count++) & (self->wait_capacity - 1)] = *wait;
    return SL_OK;
}

struct sl_ledger_wait *sl_ledger_link_oldest(struct sl_ledger_link *self) {
    return self->wait_count ? &self->waits[self->wait_first] : NULL;
}

struct sl_ledger_wait sl_ledger_link_take(struct sl_ledger_link *self) {
    SL_ASSERT(self->wait_count > 0);
    struct sl_ledger_wait wait = self->waits[self->wait_first];
    self->wait_first = (self->wait_first + 1) & (self->wait_capacity - 1);
    self->wait_count--;
    return wait;
}

/* Forgets what was written; a buffer that once grew large gives its memory back. */
static void shift_out(struct sl_ledger_link *self) {
    if (self->out_at == self->out.size) {
        self->out_at = 0;
        if (self->out.capacity > OUT_KEEP) sl_buf_fini(&self->out);
        sl_buf_clear(&self->out);
    } else if (self->out_at >= OUT_SHIFT && self->out_at >= self->out.size / 2) {
        self->out.size -= self->out_at;
        memmove(self->out.data, self->out.data + self->out_at, self->out.size);
        self->out_at = 0;
    }
}

int sl_ledger_link_flush(struct sl_ledger_link *self, char *out_why, size_t why_size) {
    if (self->fd < 0 || self->connecting) return SL_OK;
    while (self->out_at < self->out.size) {
        ssize_t size = send(self->fd, self->out.data + self->out_at, self->out.size - self->out_at, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) break;
        if (size < 0) {
            (void)snprintf(out_why, why_size, "writing to Redis failed: %s", strerror(errno));
            return SL_E_IO;
        }
        self->out_at += (size_t)size;
    }
    shift_out(self);
    bool more = self->out.size > 0;
    if (more != self->watches_write) watch(self, more);
    return SL_OK;
}

static int finish_connecting(struct sl_ledger_link *self, char *out_why, size_t why_size) {
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &failed, &size)) failed = errno;
    if (failed) {
        (void)snprintf(out_why, why_size, "Redis cannot be reached: %s", strerror(failed));
        return SL_E_UNREACHABLE;
    }
    self->connecting = false;
    return SL_OK;
}

int sl_ledger_link_writable(struct sl_ledger_link *self, char *out_why, size_t why_size) {
    int rc = self->connecting ? finish_connecting(self, out_why, why_size) : SL_OK;
    return rc ? rc : sl_ledger_link_flush(self, out_why, why_size);
}

int sl_ledger_link_read(struct sl_ledger_link *self, char *out_why, size_t why_size) {
    char part[READ_SIZE];
    ssize_t size = recv(self->fd, part, sizeof part, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return SL_E_AGAIN;
    if (size < 0) {
        (void)snprintf(out_why, why_size, "reading from Redis failed: %s", strerror(errno));
        return SL_E_IO;
    }
    if (size == 0) {
        (void)snprintf(out_why, why_size, "Redis closed the connection");
        return SL_E_CLOSED;
    }
    if (redisReaderFeed(self->reader, part, (size_t)size) == REDIS_OK) return SL_OK;
    (void)snprintf(out_why, why_size, "no memory for a reply of Redis");
    return SL_E_IO;
}

int sl_ledger_link_reply(struct sl_ledger_link *self, redisReply **out_reply, char *out_why, size_t why_size) {
    void *reply = NULL;
    if (redisReaderGetReply(self->reader, &reply) != REDIS_OK) {
        (void)snprintf(out_why, why_size, "Redis sent what is no reply: %.100s", self->reader->errstr);
        return SL_E_DAMAGED;
    }
    if (!reply) return 0;
    *out_reply = reply;
    return 1;
}
