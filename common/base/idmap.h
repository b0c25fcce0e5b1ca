/* A hash table from 16-byte ids to pointers: open addressing, linear probing, deletion by shifting back (Knuth, 6.4, algorithm
 * R). 8 bytes a slot, at most 3/4 full; measured against uthash it saves 60 bytes a job. Ids are digests, so their own
 * bytes, mixed with a seed, are the hash. Iteration order is meaningless and must not decide anything. */
#ifndef SL_BASE_IDMAP_H
#define SL_BASE_IDMAP_H

#include "alloc.h"

#include <stddef.h>
#include <stdint.h>

/* Members start with their 16-byte id: that is all the table knows of them. */
struct sl_idmap {
    void **slots; /* owns the array, not the members */
    size_t capacity; /* 0 or a power of two */
    size_t count;
    uint64_t seed;
    const struct sl_alloc *alloc; /* borrows */
};

void sl_idmap_init(struct sl_idmap *self, const struct sl_alloc *alloc, uint64_t seed);
void sl_idmap_fini(struct sl_idmap *self);

/* Makes room for `more` further members. 0, or SL_E_NO_MEMORY. */
int sl_idmap_reserve(struct sl_idmap *self, size_t more);

/* Inserts a member whose id is not there; room must have been reserved. */
void sl_idmap_insert(struct sl_idmap *self, void *member);

/* The member with that id, or NULL. */
void *sl_idmap_find(const struct sl_idmap *self, const uint8_t id[16]);

/* Takes the member with that id out and returns it, or NULL. */
void *sl_idmap_remove(struct sl_idmap *self, const uint8_t id[16]);

/* Walks all members: start with *cursor = 0, ends with NULL. The table must not change meanwhile, but for the member just given: who
 * removes it takes 1 off *cursor, since another may have moved into its slot. One that moved over the table's end comes twice. */
void *sl_idmap_each(const struct sl_idmap *self, size_t *cursor);

#endif
