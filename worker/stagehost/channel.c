/* Blocking frames over a socket; see channel.h. */
#include "channel.h"

#include "frame.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

void sl_channel_init(struct sl_channel *self, int fd) {
    self->fd = fd;
    self->in_at = 0;
    sl_buf_init(&self->in, sl_alloc_system());
}

void sl_channel_fini(struct sl_channel *self) {
    sl_buf_fini(&self->in);
}

/* Moves what is left to the front, so that the buffer does not grow with what was taken. */
static void compact(struct sl_channel *self) {
    size_t left = self->in.size - self->in_at;
    if (self->in_at && left) memmove(self->in.data, self->in.data + self->in_at, left);
    self->in.size = left;
    self->in_at = 0;
}

/* Reads once, up to a whole frame when it is a large one. */
static int read_more(struct sl_channel *self) {
    compact(self);
    size_t whole = sl_pipe_size(sl_buf_bytes(&self->in));
    size_t room = whole > self->in.size + READ_SIZE ? whole - self->in.size : READ_SIZE;
    if (sl_buf_reserve(&self->in, room)) return SL_E_NO_MEMORY;
    ssize_t size;
    do {
        size = read(self->fd, self->in.data + self->in.size, room);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return SL_E_IO;
    self->in.size += (size_t)size;
    return size > 0;
}

int sl_channel_next(struct sl_channel *self, struct sl_bytes *out_body, unsigned *out_kind) {
    for (;;) {
        struct sl_bytes stream = sl_bytes(self->in.data + self->in_at, self->in.size - self->in_at);
        int rc = sl_pipe_next(&stream, out_body, out_kind);
        if (rc) {
            self->in_at = self->in.size - stream.size;
            return rc;
        }
        rc = read_more(self);
        if (rc <= 0) return rc;
    }
}

int sl_channel_send(struct sl_channel *self, struct sl_bytes frames) {
    while (frames.size) {
        ssize_t size = send(self->fd, frames.data, frames.size, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return SL_E_IO;
        frames = sl_bytes(frames.data + size, frames.size - (size_t)size);
    }
    return SL_OK;
}
