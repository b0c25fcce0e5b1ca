/* The table of a router's peers. */
#include "peers.h"

#include "base/assert.h"
#include "base/err.h"

#include <string.h>

int sl_peers_init(struct sl_peers *self, const struct sl_alloc *alloc, uint32_t capacity, uint64_t seed) {
    SL_ASSERT(capacity > 0 && capacity <= PEERS_MAX);
    *self = (struct sl_peers){.capacity = capacity, .next_serial = 1};
    sl_idmap_init(&self->by_routing_id, alloc, seed);
    sl_list_init(&self->recent);
    self->places = sl_alloc_take(alloc, capacity * sizeof(struct sl_peer *));
    self->free_places = sl_alloc_take(alloc, capacity * sizeof *self->free_places);
    if (!self->places || !self->free_places) return SL_E_NO_MEMORY;
    memset(self->places, 0, capacity * sizeof(struct sl_peer *));
    for (uint32_t i = 0; i < capacity; i++) self->free_places[i] = capacity - 1 - i;
    self->free_place_count = capacity;
    return SL_OK;
}

static struct sl_peer *peer_of(struct sl_link *recent) {
    return SL_CONTAINER(recent, struct sl_peer, recent);
}

void sl_peers_fini(struct sl_peers *self) {
    const struct sl_alloc *alloc = self->by_routing_id.alloc;
    while (self->recent.count > 0) sl_peers_forget(self, peer_of(sl_list_first(&self->recent)));
    sl_alloc_give(alloc, self->places, self->capacity * sizeof(struct sl_peer *));
    sl_alloc_give(alloc, self->free_places, self->capacity * sizeof *self->free_places);
    sl_idmap_fini(&self->by_routing_id);
}

void sl_peers_forget(struct sl_peers *self, struct sl_peer *peer) {
    uint32_t place = peer->handle & (PEERS_MAX - 1);
    void *removed = sl_idmap_remove(&self->by_routing_id, peer->routing_id);
    SL_ASSERT(removed == peer);
    sl_list_remove(&self->recent, &peer->recent);
    self->places[place] = NULL;
    self->free_places[self->free_place_count++] = place;
    sl_alloc_give(self->by_routing_id.alloc, peer, sizeof *peer);
}

static struct sl_peer *add(struct sl_peers *self, const uint8_t routing_id[16]) {
    struct sl_peer *peer = sl_alloc_take(self->by_routing_id.alloc, sizeof *peer);
    if (!peer || sl_idmap_reserve(&self->by_routing_id, 1)) {
        sl_alloc_give(self->by_routing_id.alloc, peer, sizeof *peer);
        return NULL;
    }
    if (self->free_place_count == 0) {
        sl_peers_forget(self, peer_of(self->recent.head.prev));
        self->evicted_count++;
    }
    uint32_t place = self->free_places[--self->free_place_count];
    *peer = (struct sl_peer){.handle = self->next_serial++ << PEERS_PLACE_BITS | place};
    memcpy(peer->routing_id, routing_id, sizeof peer->routing_id);
    self->places[place] = peer;
    sl_idmap_insert(&self->by_routing_id, peer);
    sl_list_prepend(&self->recent, &peer->recent);
    return peer;
}

struct sl_peer *sl_peers_hear(struct sl_peers *self, const uint8_t *id, size_t id_size) {
    uint8_t routing_id[16] = {0};
    if (id_size != ROUTING_ID_SIZE || id[0] != 0) return NULL;
    memcpy(routing_id, id, ROUTING_ID_SIZE);
    struct sl_peer *peer = sl_idmap_find(&self->by_routing_id, routing_id);
    if (!peer) return add(self, routing_id);
    if (sl_list_first(&self->recent) != &peer->recent) {
        sl_list_remove(&self->recent, &peer->recent);
        sl_list_prepend(&self->recent, &peer->recent);
    }
    return peer;
}

struct sl_peer *sl_peers_find(const struct sl_peers *self, uint64_t handle) {
    uint64_t place = handle & (PEERS_MAX - 1);
    struct sl_peer *peer = place < self->capacity ? self->places[place] : NULL;
    return peer && peer->handle == handle ? peer : NULL;
}
