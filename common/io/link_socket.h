/* What a router and a dealer have in common: one ZeroMQ socket with our options, and what is known of its readiness.
 * Private to this folder. */
#ifndef SL_IO_LINK_SOCKET_H
#define SL_IO_LINK_SOCKET_H

#include "link.h"

#include <zmq.h>

struct sl_link_socket {
    void *zmq; /* owns */
    size_t message_max;
    int fd;
    bool is_router;

    zmq_msg_t frame; /* the last one received, lent to the caller */
    bool drained;    /* there was nothing when last looked, and no call since may have swallowed the news of something */
    bool blocked;    /* a dealer's last send found no room */
};

/* Makes a socket of that type with our options. 0, or a failure with its sentence. On success sl_socket_fini is owed. */
int sl_socket_init(struct sl_link_socket *self, struct sl_link_context *context, int type, size_t message_max, char *error,
                   size_t error_size);
void sl_socket_fini(struct sl_link_socket *self, int linger_ms);

/* The path of "ipc://PATH", borrowed from it; NULL for another endpoint. */
const char *sl_socket_ipc_path(const char *endpoint);

/* Binds or connects; failures as a sentence. */
int sl_socket_bind(struct sl_link_socket *self, const char *endpoint, char *error, size_t error_size);
int sl_socket_connect(struct sl_link_socket *self, const char *endpoint, char *error, size_t error_size);

/* Takes the next part into msg, which must be initialised. 0, or SL_E_AGAIN. */
int sl_socket_take(struct sl_link_socket *self, zmq_msg_t *msg);

/* Takes the last part of a message into self->frame. Whether it was the last: else all that follows is thrown away. */
bool sl_socket_take_frame(struct sl_link_socket *self);

/* Throws away the parts of the current message that follow `last`. */
void sl_socket_skip_rest(struct sl_link_socket *self, const zmq_msg_t *last);

/* Makes a message of a frame's copy, or of a buffer's own memory (which stays the buffer's until sl_socket_taken). 0, SL_E_LIMIT, or
 * SL_E_AGAIN: no memory. */
int sl_socket_wrap(const struct sl_link_socket *self, struct sl_bytes frame, zmq_msg_t *out_msg);
int sl_socket_wrap_buf(const struct sl_link_socket *self, const struct sl_buf *buf, zmq_msg_t *out_msg);

/* Sends a message, which is consumed if that works. 0, SL_E_AGAIN, or SL_E_NOT_FOUND (a router's first part). */
int sl_socket_send(struct sl_link_socket *self, zmq_msg_t *msg, int flags);

/* Ends sl_socket_wrap or sl_socket_wrap_buf when the message was not sent; a buffer's memory remains the buffer's. */
void sl_socket_unwrap(zmq_msg_t *msg);

/* Empties a buffer that was wrapped and sent. */
void sl_socket_taken(struct sl_buf *buf);

/* See sl_router_is_ready. */
bool sl_socket_is_ready(struct sl_link_socket *self);

/* The sockets inside, for the loop. */
struct sl_link_socket *sl_router_link(struct sl_router *self);
struct sl_link_socket *sl_dealer_link(struct sl_dealer *self);

#endif
