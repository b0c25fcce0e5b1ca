/* Parts of messages in and out of a ZeroMQ socket, and what is known of its readiness. */
#include "link_socket.h"

#include "base/assert.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

enum { TAKE_BYTES_MIN = 16 * 1024 }; /* below this a copy is cheaper than giving memory away */

int sl_socket_take(struct sl_link_socket *self, zmq_msg_t *msg) {
    self->drained = false;
    while (zmq_msg_recv(msg, self->zmq, ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        SL_ASSERT(errno == EAGAIN);
        self->drained = !self->blocked; /* the news may have been of room to send */
        return SL_E_AGAIN;
    }
    return SL_OK;
}

void sl_socket_skip_rest(struct sl_link_socket *self, const zmq_msg_t *last) {
    bool more = zmq_msg_more(last);
    while (more) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part); /* cannot fail */
        int rc = sl_socket_take(self, &part);
        SL_ASSERT(rc == SL_OK); /* ZeroMQ delivers a message whole or not at all */
        more = zmq_msg_more(&part);
        (void)zmq_msg_close(&part); /* was initialised */
    }
}

bool sl_socket_take_frame(struct sl_link_socket *self) {
    int rc = sl_socket_take(self, &self->frame);
    SL_ASSERT(rc == SL_OK); /* ZeroMQ delivers a message whole or not at all */
    if (!zmq_msg_more(&self->frame)) return true;
    sl_socket_skip_rest(self, &self->frame);
    return false;
}

int sl_socket_wrap(const struct sl_link_socket *self, struct sl_bytes frame, zmq_msg_t *out_msg) {
    if (frame.size > self->message_max) return SL_E_LIMIT;
    if (zmq_msg_init_size(out_msg, frame.size) != 0) return SL_E_AGAIN;
    if (frame.size) memcpy(zmq_msg_data(out_msg), frame.data, frame.size);
    return SL_OK;
}

/* Set while a message that was not sent is closed: its memory is still its buffer's. The I/O thread has its own. */
static _Thread_local bool keep_memory;

static void free_memory(void *data, void *hint) {
    (void)hint;
    if (!keep_memory) free(data);
}

int sl_socket_wrap_buf(const struct sl_link_socket *self, const struct sl_buf *buf, zmq_msg_t *out_msg) {
    SL_ASSERT(buf->alloc == sl_alloc_system());
    if (buf->size < TAKE_BYTES_MIN || buf->size > self->message_max) return sl_socket_wrap(self, sl_buf_bytes(buf), out_msg);
    return zmq_msg_init_data(out_msg, buf->data, buf->size, free_memory, NULL) == 0 ? SL_OK : SL_E_AGAIN;
}

void sl_socket_taken(struct sl_buf *buf) {
    if (buf->size < TAKE_BYTES_MIN) {
        sl_buf_clear(buf);
    } else {
        sl_buf_init(buf, buf->alloc); /* the memory is ZeroMQ's now */
    }
}

void sl_socket_unwrap(zmq_msg_t *msg) {
    keep_memory = true;
    (void)zmq_msg_close(msg); /* was initialised */
    keep_memory = false;
}

int sl_socket_send(struct sl_link_socket *self, zmq_msg_t *msg, int flags) {
    self->drained = false; /* sending looks for news too, and may swallow it */
    while (zmq_msg_send(msg, self->zmq, flags | ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno == EHOSTUNREACH) return SL_E_NOT_FOUND;
        SL_ASSERT(errno == EAGAIN);
        self->blocked = !self->is_router; /* a router has room for some peer nearly always: that says nothing */
        return SL_E_AGAIN;
    }
    self->blocked = false;
    return SL_OK;
}

bool sl_socket_is_ready(struct sl_link_socket *self) {
    int events = 0;
    size_t events_size = sizeof events;
    if (self->drained) return false;
    int rc = zmq_getsockopt(self->zmq, ZMQ_EVENTS, &events, &events_size);
    SL_ASSERT(rc == 0);
    if (events & ZMQ_POLLIN) return true;
    if (self->blocked && (events & ZMQ_POLLOUT)) {
        self->blocked = false; /* said once */
        return true;
    }
    self->drained = true;
    return false;
}
