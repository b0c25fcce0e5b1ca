/* The peer's side of a link: one DEALER, connected for ever. */
#include "link_socket.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { SKIP_MAX = 64 }; /* messages of another shape that one call looks at */

struct sl_dealer {
    struct sl_link_socket link;
    uint64_t refused_count;
};

int sl_dealer_open(struct sl_link_context *context, const char *endpoint, size_t message_max, struct sl_dealer **out_self,
                   char *error, size_t error_size) {
    struct sl_dealer *self = calloc(1, sizeof *self);
    if (!self) {
        (void)snprintf(error, error_size, "out of memory");
        return SL_E_NO_MEMORY;
    }
    int rc = sl_socket_init(&self->link, context, ZMQ_DEALER, message_max, error, error_size);
    if (rc) goto err_after_alloc;
    rc = sl_socket_connect(&self->link, endpoint, error, error_size);
    if (rc) goto err_after_link;
    *out_self = self;
    return SL_OK;
err_after_link:
    sl_socket_fini(&self->link, 0);
err_after_alloc:
    free(self);
    return rc;
}

void sl_dealer_free(struct sl_dealer **self, int linger_ms) {
    if (!*self) return;
    sl_socket_fini(&(*self)->link, linger_ms);
    free(*self);
    *self = NULL;
}

int sl_dealer_receive(struct sl_dealer *self, struct sl_bytes *out_frame) {
    for (int i = 0; i < SKIP_MAX; i++) {
        int rc = sl_socket_take(&self->link, &self->link.frame);
        if (rc) return rc;
        if (!zmq_msg_more(&self->link.frame)) {
            *out_frame = sl_bytes(zmq_msg_data(&self->link.frame), zmq_msg_size(&self->link.frame));
            return SL_OK;
        }
        sl_socket_skip_rest(&self->link, &self->link.frame);
        self->refused_count++;
    }
    return SL_E_AGAIN;
}

static int send_wrapped(struct sl_dealer *self, zmq_msg_t *msg) {
    int rc = sl_socket_send(&self->link, msg, 0);
    if (rc) sl_socket_unwrap(msg);
    return rc;
}

int sl_dealer_send(struct sl_dealer *self, struct sl_bytes frame) {
    zmq_msg_t msg;
    int rc = sl_socket_wrap(&self->link, frame, &msg);
    return rc ? rc : send_wrapped(self, &msg);
}

int sl_dealer_send_buf(struct sl_dealer *self, struct sl_buf *buf) {
    zmq_msg_t msg;
    int rc = sl_socket_wrap_buf(&self->link, buf, &msg);
    if (rc == SL_OK) rc = send_wrapped(self, &msg);
    if (rc == SL_OK) sl_socket_taken(buf);
    return rc;
}

uint64_t sl_dealer_refused_count(const struct sl_dealer *self) {
    return self->refused_count;
}

int sl_dealer_fd(const struct sl_dealer *self) {
    return self->link.fd;
}

bool sl_dealer_is_ready(struct sl_dealer *self) {
    return sl_socket_is_ready(&self->link);
}

void *sl_dealer_socket(struct sl_dealer *self) {
    return self->link.zmq;
}

struct sl_link_socket *sl_dealer_link(struct sl_dealer *self) {
    return &self->link;
}
