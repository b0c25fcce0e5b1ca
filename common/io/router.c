/* The broker's side of a link: one ROUTER, and the peers that spoke to it. */
#include "entropy.h"
#include "link_socket.h"
#include "peers.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SKIP_MAX = 64, /* messages of another shape that one call looks at */
    ENDPOINT_SIZE = 256
};

struct sl_router {
    struct sl_link_socket link;
    struct sl_peers peers;
    struct sl_router_stats stats;
    char endpoint[ENDPOINT_SIZE];
};

int sl_router_open(struct sl_link_context *context, const char *endpoint, size_t message_max, struct sl_router **out_self,
                   char *error, size_t error_size) {
    struct sl_router *self = calloc(1, sizeof *self);
    uint64_t seed;
    (void)snprintf(error, error_size, "out of memory"); /* until something else goes wrong */
    if (!self) return SL_E_NO_MEMORY;
    sl_entropy(&seed, sizeof seed);
    int rc = sl_peers_init(&self->peers, sl_alloc_system(), PEERS_MAX, seed);
    if (rc) goto err_after_peers;
    rc = sl_socket_init(&self->link, context, ZMQ_ROUTER, message_max, error, error_size);
    if (rc) goto err_after_peers;
    rc = sl_socket_bind(&self->link, endpoint, error, error_size);
    if (rc) goto err_after_link;
    size_t size = sizeof self->endpoint;
    rc = zmq_getsockopt(self->link.zmq, ZMQ_LAST_ENDPOINT, self->endpoint, &size);
    SL_ASSERT(rc == 0);
    *out_self = self;
    return SL_OK;
err_after_link:
    sl_socket_fini(&self->link, 0);
err_after_peers:
    sl_peers_fini(&self->peers);
    free(self);
    return rc;
}

void sl_router_free(struct sl_router **self, int linger_ms) {
    if (!*self) return;
    /* ZeroMQ leaves the socket's file behind. It goes while we still serve it, so that it cannot be a successor's. */
    const char *path = sl_socket_ipc_path((*self)->endpoint);
    if (path) (void)unlink(path); /* one that is gone already is fine */
    sl_socket_fini(&(*self)->link, linger_ms);
    sl_peers_fini(&(*self)->peers);
    free(*self);
    *self = NULL;
}

/* Takes one message. 0; SL_E_AGAIN; SL_E_REFUSED when it was of another shape and is gone. */
static int receive_one(struct sl_router *self, uint64_t *out_peer, struct sl_bytes *out_frame) {
    zmq_msg_t id;
    (void)zmq_msg_init(&id); /* cannot fail */
    int rc = sl_socket_take(&self->link, &id);
    if (rc) {
        (void)zmq_msg_close(&id); /* was initialised */
        return rc;
    }
    struct sl_peer *peer = sl_peers_hear(&self->peers, zmq_msg_data(&id), zmq_msg_size(&id));
    bool whole = zmq_msg_more(&id) && sl_socket_take_frame(&self->link);
    (void)zmq_msg_close(&id); /* was initialised */
    if (!peer || !whole) return SL_E_REFUSED;
    *out_peer = peer->handle;
    *out_frame = sl_bytes(zmq_msg_data(&self->link.frame), zmq_msg_size(&self->link.frame));
    return SL_OK;
}

int sl_router_receive(struct sl_router *self, uint64_t *out_peer, struct sl_bytes *out_frame) {
    for (int i = 0; i < SKIP_MAX; i++) {
        int rc = receive_one(self, out_peer, out_frame);
        if (rc == SL_OK) self->stats.received_count++;
        if (rc != SL_E_REFUSED) return rc;
        self->stats.refused_count++;
    }
    return SL_E_AGAIN;
}

/* The first part of a message to a peer: its routing id. */
static int send_id(struct sl_router *self, struct sl_peer *peer) {
    zmq_msg_t id;
    if (zmq_msg_init_size(&id, ROUTING_ID_SIZE) != 0) return SL_E_AGAIN;
    memcpy(zmq_msg_data(&id), peer->routing_id, ROUTING_ID_SIZE);
    int rc = sl_socket_send(&self->link, &id, ZMQ_SNDMORE);
    if (rc) (void)zmq_msg_close(&id); /* was initialised */
    if (rc == SL_E_NOT_FOUND) sl_peers_forget(&self->peers, peer);
    return rc;
}

/* Sends id and frame. Once a router has taken the id it takes the frame too. */
static int send_wrapped(struct sl_router *self, uint64_t handle, zmq_msg_t *msg) {
    struct sl_peer *peer = sl_peers_find(&self->peers, handle);
    int rc = peer ? send_id(self, peer) : SL_E_NOT_FOUND;
    if (rc) {
        sl_socket_unwrap(msg);
        return rc;
    }
    rc = sl_socket_send(&self->link, msg, 0);
    SL_ASSERT(rc == SL_OK);
    self->stats.sent_count++;
    return SL_OK;
}

int sl_router_send(struct sl_router *self, uint64_t peer, struct sl_bytes frame) {
    zmq_msg_t msg;
    int rc = sl_socket_wrap(&self->link, frame, &msg);
    return rc ? rc : send_wrapped(self, peer, &msg);
}

int sl_router_send_buf(struct sl_router *self, uint64_t peer, struct sl_buf *buf) {
    zmq_msg_t msg;
    int rc = sl_socket_wrap_buf(&self->link, buf, &msg);
    if (rc == SL_OK) rc = send_wrapped(self, peer, &msg);
    if (rc == SL_OK) sl_socket_taken(buf);
    return rc;
}

void sl_router_forget(struct sl_router *self, uint64_t handle) {
    struct sl_peer *peer = sl_peers_find(&self->peers, handle);
    if (peer) sl_peers_forget(&self->peers, peer);
}

struct sl_router_stats sl_router_stats(const struct sl_router *self) {
    struct sl_router_stats stats = self->stats;
    stats.peer_count = self->peers.recent.count;
    stats.evicted_count = self->peers.evicted_count;
    return stats;
}

const char *sl_router_endpoint(const struct sl_router *self) {
    return self->endpoint;
}

int sl_router_fd(const struct sl_router *self) {
    return self->link.fd;
}

bool sl_router_is_ready(struct sl_router *self) {
    return sl_socket_is_ready(&self->link);
}

void *sl_router_socket(struct sl_router *self) {
    return self->link.zmq;
}

struct sl_link_socket *sl_router_link(struct sl_router *self) {
    return &self->link;
}
