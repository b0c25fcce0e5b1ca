/* The broker's side of a link: one ROUTER, and the peers that spoke to it. */
#include "entropy.h"
#include "link_socket.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/idmap.h"
#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROUTING_ID_SIZE = 5, /* of automatic ones: a zero byte and a counter */
    PEERS_MAX = 65536,
    PLACE_BITS = 16, /* a handle is a serial number above a place in the table */
    SKIP_MAX = 64,   /* messages of another shape that one call looks at */
    ENDPOINT_SIZE = 256
};

_Static_assert(PEERS_MAX <= 1 << PLACE_BITS, "a place fits a handle");

struct peer {
    uint8_t routing_id[16]; /* ROUTING_ID_SIZE bytes, the rest zero; first, as idmap wants it */
    uint64_t handle;
    struct sl_link recent;
};

struct sl_router {
    struct sl_link_socket link;
    struct sl_idmap peers;      /* owns; by routing id */
    struct sl_list recent;      /* all peers, the one that spoke last first */
    struct peer **places;       /* by place; PEERS_MAX of them */
    uint32_t *free_places;      /* stack */
    uint32_t free_place_count;
    uint64_t next_serial;
    struct sl_router_stats stats;
    char endpoint[ENDPOINT_SIZE];
};

static int init_peers(struct sl_router *self) {
    uint64_t seed;
    sl_entropy(&seed, sizeof seed);
    sl_idmap_init(&self->peers, sl_alloc_system(), seed);
    sl_list_init(&self->recent);
    self->next_serial = 1;
    self->places = calloc(PEERS_MAX, sizeof *self->places);
    self->free_places = calloc(PEERS_MAX, sizeof *self->free_places);
    if (!self->places || !self->free_places) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < PEERS_MAX; i++) self->free_places[i] = PEERS_MAX - 1 - i;
    self->free_place_count = PEERS_MAX;
    return SL_OK;
}

static void forget(struct sl_router *self, struct peer *peer) {
    uint32_t place = peer->handle & (PEERS_MAX - 1);
    void *removed = sl_idmap_remove(&self->peers, peer->routing_id);
    SL_ASSERT(removed == peer);
    sl_list_remove(&self->recent, &peer->recent);
    self->places[place] = NULL;
    self->free_places[self->free_place_count++] = place;
    self->stats.peer_count--;
    free(peer);
}

static void fini_peers(struct sl_router *self) {
    while (self->recent.count > 0) forget(self, SL_CONTAINER(sl_list_first(&self->recent), struct peer, recent));
    sl_idmap_fini(&self->peers);
    free(self->places);
    free(self->free_places);
}

/* The peer of that routing id, which is new; the one that was silent longest makes room. NULL: no memory. */
static struct peer *add_peer(struct sl_router *self, const uint8_t routing_id[16]) {
    if (self->free_place_count == 0) {
        forget(self, SL_CONTAINER(self->recent.head.prev, struct peer, recent));
        self->stats.evicted_count++;
    }
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer || sl_idmap_reserve(&self->peers, 1)) {
        free(peer);
        return NULL;
    }
    uint32_t place = self->free_places[--self->free_place_count];
    memcpy(peer->routing_id, routing_id, sizeof peer->routing_id);
    peer->handle = self->next_serial++ << PLACE_BITS | place;
    self->places[place] = peer;
    sl_idmap_insert(&self->peers, peer);
    sl_list_prepend(&self->recent, &peer->recent);
    self->stats.peer_count++;
    return peer;
}

/* NULL for a routing id that is not automatic, and without memory. */
static struct peer *peer_of(struct sl_router *self, const uint8_t *id, size_t id_size) {
    uint8_t routing_id[16] = {0};
    if (id_size != ROUTING_ID_SIZE || id[0] != 0) return NULL;
    memcpy(routing_id, id, ROUTING_ID_SIZE);
    struct peer *peer = sl_idmap_find(&self->peers, routing_id);
    if (!peer) return add_peer(self, routing_id);
    if (self->recent.head.next != &peer->recent) {
        sl_list_remove(&self->recent, &peer->recent);
        sl_list_prepend(&self->recent, &peer->recent);
    }
    return peer;
}

static struct peer *find(const struct sl_router *self, uint64_t handle) {
    struct peer *peer = self->places[handle & (PEERS_MAX - 1)];
    return peer && peer->handle == handle ? peer : NULL;
}

int sl_router_open(struct sl_link_context *context, const char *endpoint, size_t message_max, struct sl_router **out_self,
                   char *error, size_t error_size) {
    struct sl_router *self = calloc(1, sizeof *self);
    if (!self || init_peers(self)) {
        (void)snprintf(error, error_size, "out of memory");
        if (self) fini_peers(self);
        free(self);
        return SL_E_NO_MEMORY;
    }
    int rc = link_init(&self->link, context, ZMQ_ROUTER, message_max, error, error_size);
    if (rc) goto err_after_peers;
    rc = link_bind(&self->link, endpoint, error, error_size);
    if (rc) goto err_after_link;
    size_t size = sizeof self->endpoint;
    rc = zmq_getsockopt(self->link.zmq, ZMQ_LAST_ENDPOINT, self->endpoint, &size);
    SL_ASSERT(rc == 0);
    *out_self = self;
    return SL_OK;
err_after_link:
    link_fini(&self->link, 0);
err_after_peers:
    fini_peers(self);
    free(self);
    return rc;
}

void sl_router_free(struct sl_router **self, int linger_ms) {
    if (!*self) return;
    link_fini(&(*self)->link, linger_ms);
    fini_peers(*self);
    free(*self);
    *self = NULL;
}

/* Takes one message. 0; SL_E_AGAIN; SL_E_REFUSED when it was of another shape and is gone. */
static int receive_one(struct sl_router *self, uint64_t *out_peer, struct sl_bytes *out_frame) {
    zmq_msg_t id;
    (void)zmq_msg_init(&id); /* cannot fail */
    int rc = link_take(&self->link, &id);
    if (rc) {
        (void)zmq_msg_close(&id); /* was initialised */
        return rc;
    }
    struct peer *peer = peer_of(self, zmq_msg_data(&id), zmq_msg_size(&id));
    bool whole = zmq_msg_more(&id) && link_take_frame(&self->link);
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
static int send_id(struct sl_router *self, struct peer *peer) {
    zmq_msg_t id;
    if (zmq_msg_init_size(&id, ROUTING_ID_SIZE) != 0) return SL_E_AGAIN;
    memcpy(zmq_msg_data(&id), peer->routing_id, ROUTING_ID_SIZE);
    int rc = link_send(&self->link, &id, ZMQ_SNDMORE);
    if (rc) (void)zmq_msg_close(&id); /* was initialised */
    if (rc == SL_E_NOT_FOUND) forget(self, peer);
    return rc;
}

/* Sends id and frame. Once a router has taken the id it takes the frame too. */
static int send_wrapped(struct sl_router *self, uint64_t handle, zmq_msg_t *msg) {
    struct peer *peer = find(self, handle);
    int rc = peer ? send_id(self, peer) : SL_E_NOT_FOUND;
    if (rc) {
        link_unwrap(msg);
        return rc;
    }
    rc = link_send(&self->link, msg, 0);
    SL_ASSERT(rc == SL_OK);
    self->stats.sent_count++;
    return SL_OK;
}

int sl_router_send(struct sl_router *self, uint64_t peer, struct sl_bytes frame) {
    zmq_msg_t msg;
    int rc = link_wrap(&self->link, frame, &msg);
    return rc ? rc : send_wrapped(self, peer, &msg);
}

int sl_router_send_buf(struct sl_router *self, uint64_t peer, struct sl_buf *buf) {
    zmq_msg_t msg;
    int rc = link_wrap_buf(&self->link, buf, &msg);
    if (rc == SL_OK) rc = send_wrapped(self, peer, &msg);
    if (rc == SL_OK) link_taken(buf);
    return rc;
}

void sl_router_forget(struct sl_router *self, uint64_t handle) {
    struct peer *peer = find(self, handle);
    if (peer) forget(self, peer);
}

struct sl_router_stats sl_router_stats(const struct sl_router *self) {
    return self->stats;
}

const char *sl_router_endpoint(const struct sl_router *self) {
    return self->endpoint;
}

int sl_router_fd(const struct sl_router *self) {
    return self->link.fd;
}

bool sl_router_is_ready(struct sl_router *self) {
    return link_is_ready(&self->link);
}

void *sl_router_socket(struct sl_router *self) {
    return self->link.zmq;
}

struct sl_link_socket *sl_router_link(struct sl_router *self) {
    return &self->link;
}
