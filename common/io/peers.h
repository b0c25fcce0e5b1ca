/* Who spoke to a router: numbers in place of ZeroMQ's routing ids, a bounded many. Private to this folder and its tests. */
#ifndef SL_IO_PEERS_H
#define SL_IO_PEERS_H

#include "base/idmap.h"
#include "base/list.h"

enum {
    ROUTING_ID_SIZE = 5, /* of automatic ones: a zero byte and a counter */
    PEERS_PLACE_BITS = 16,
    PEERS_MAX = 1 << PEERS_PLACE_BITS
};

/* One connection of one other side. */
struct sl_peer {
    uint8_t routing_id[16]; /* ROUTING_ID_SIZE bytes, the rest zero; first, as idmap wants it */
    uint64_t handle;        /* a serial number above the peer's place in the table; never given twice */
    struct sl_link recent;
};

struct sl_peers {
    struct sl_idmap by_routing_id; /* owns the peers */
    struct sl_list recent;         /* all of them, the one that spoke last first */
    struct sl_peer **places;
    uint32_t *free_places; /* stack */
    uint32_t free_place_count;
    uint32_t capacity;
    uint64_t next_serial;
    uint64_t evicted_count;
};

/* An empty table for at most `capacity` peers (up to PEERS_MAX). 0, or SL_E_NO_MEMORY; sl_peers_fini is owed either way. */
int sl_peers_init(struct sl_peers *self, const struct sl_alloc *alloc, uint32_t capacity, uint64_t seed);
void sl_peers_fini(struct sl_peers *self);

/* The peer of a routing id, noted as the one that spoke last; a new one if need be, for which the one that was silent longest makes
 * room in a full table. NULL: the routing id is not automatic, or no memory. */
struct sl_peer *sl_peers_hear(struct sl_peers *self, const uint8_t *id, size_t id_size);

/* The peer with that handle, or NULL. */
struct sl_peer *sl_peers_find(const struct sl_peers *self, uint64_t handle);

/* Forgets and frees a peer. */
void sl_peers_forget(struct sl_peers *self, struct sl_peer *peer);

#endif
