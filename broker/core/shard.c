/* A shard's memory and its time; its writes are in writes.c. */
#include "shard.h"

#include "base/assert.h"
#include "base/err.h"

int sl_shard_init(struct sl_shard *self, uint16_t index, struct sl_pool *pool, const struct sl_alloc *alloc,
                  uint64_t seed) {
    memset(self, 0, sizeof *self);
    self->index = index;
    self->settle_at = UINT64_MAX;
    sl_buf_init(&self->batch, alloc);
    sl_list_init(&self->writes);
    sl_list_init(&self->dirty);
    sl_list_init(&self->active);
    sl_list_init(&self->ended);
    sl_list_init(&self->log);
    sl_list_init(&self->absent);
    sl_idmap_init(&self->parked, alloc, seed);
    sl_list_init(&self->recovery.entries);
    sl_idmap_init(&self->recovery.seen, alloc, seed);
    sl_job_table_init(&self->table, pool, alloc, seed);
    return SL_OK;
}

void sl_shard_fini(struct sl_shard *self) {
    SL_ASSERT(self->writes.count == 0);
    SL_ASSERT(self->log.count == 0);
    SL_ASSERT(self->absent.count == 0);
    SL_ASSERT(self->parked.count == 0);
    sl_idmap_fini(&self->parked);
    SL_ASSERT(self->recovery.entries.count == 0);
    SL_ASSERT(self->recovery.seen.count == 0);
    sl_idmap_fini(&self->recovery.seen);
    sl_job_table_fini(&self->table);
    sl_buf_fini(&self->batch);
}

uint64_t sl_shard_time(const struct sl_shard *self, uint64_t now) {
    SL_ASSERT(now >= self->time_base_ns);
    return self->time_base_ms + (now - self->time_base_ns) / 1000000u;
}

uint64_t sl_shard_time_to_ns(const struct sl_shard *self, uint64_t time_ms) {
    if (time_ms <= self->time_base_ms) return self->time_base_ns;
    uint64_t wait_ms = time_ms - self->time_base_ms;
    return wait_ms > UINT64_MAX / 2000000u ? UINT64_MAX - 1 : self->time_base_ns + wait_ms * 1000000u;
}

uint64_t sl_shard_tag(const struct sl_shard *self) {
    return self->batch_count > 0 || self->batch.size > 0 ? self->n_sealed + 1 : self->n_sealed;
}
