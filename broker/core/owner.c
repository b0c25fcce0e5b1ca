/* Whose a shard is: leases without clocks or expiry. A standby watches (epoch, n); what stands still long enough may be taken, and
 * a compare-and-set lets one taker win (reliability, B4). */
#include "sched_state.h"

enum { STILL_POLLS_MIN = 3, POLLS_PER_TAKEOVER = 4, TRIES_SHIFT_MAX = 8, TRIES_WAIT_MS = 100, TRIES_WAIT_MS_MAX = 30000 };

static uint64_t poll_interval_ns(const struct sl_sched *self) {
    uint64_t ms = self->config.takeover_ms / POLLS_PER_TAKEOVER;
    return (ms > 0 ? ms : 1) * 1000000u;
}

int sl_owner_poll(struct sl_sched *self, struct sl_shard *shard) {
    if (shard->state != SL_SHARD_FOREIGN || shard->polling || self->draining || !self->connected) return SL_OK;
    if (shard->poll_at > self->now) return SL_OK;
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_LEASE, .shard = shard->index};
    int rc = sl_read_send(self, SL_READ_POLL, call, NULL);
    if (rc) return rc;
    shard->polling = true;
    return SL_OK;
}

/* A taker that saw this shard taken often without a settle waits longer: something in it may kill its owners. */
static uint64_t takeover_wait_ns(struct sl_sched *self, const struct sl_shard *shard) {
    uint64_t shift = shard->tries < TRIES_SHIFT_MAX ? shard->tries : TRIES_SHIFT_MAX;
    uint64_t more_ms = shard->tries > 1 ? (uint64_t)TRIES_WAIT_MS << shift : 0;
    if (more_ms > TRIES_WAIT_MS_MAX) more_ms = TRIES_WAIT_MS_MAX;
    uint64_t jitter_ms = sl_rng_below(&self->rng, self->config.takeover_ms / 4 + 1);
    return (self->config.takeover_ms + more_ms + jitter_ms) * 1000000u;
}

static int acquire(struct sl_sched *self, struct sl_shard *shard) {
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_CALL);
    shard->state = SL_SHARD_ACQUIRING;
    /* Never one that this broker asked for before: after a Redis that went back, a late write of then would fit the fence. */
    shard->epoch = (shard->epoch > shard->seen_epoch ? shard->epoch : shard->seen_epoch) + 1;
    shard->acquire_serial = ++self->next_serial;
    effect->shard = shard->index;
    effect->call = (struct sl_ledger_call){.verb = SL_LEDGER_ACQUIRE,
                                           .shard = shard->index,
                                           .serial = shard->acquire_serial,
                                           .epoch = shard->seen_epoch,
                                           .owner = self->config.incarnation,
                                           .n = shard->seen_n,
                                           .new_epoch = shard->epoch};
    return SL_OK;
}

bool sl_owner_is_nobody(struct sl_incarnation owner) {
    static const struct sl_incarnation nobody;
    return memcmp(owner.bytes, nobody.bytes, sizeof owner.bytes) == 0;
}

static bool is_free(const struct sl_sched *self, const struct sl_ledger_reply *reply) {
    if (reply->epoch == 0 || sl_owner_is_nobody(reply->owner)) return true;
    if (memcmp(reply->owner.bytes, self->config.incarnation.bytes, 16) == 0) return true;
    return !sl_owner_is_nobody(self->config.succeeds) && memcmp(reply->owner.bytes, self->config.succeeds.bytes, 16) == 0;
}

int sl_owner_polled(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    shard->polling = false;
    shard->poll_at = self->now + poll_interval_ns(self);
    if (shard->state != SL_SHARD_FOREIGN || self->draining || reply->status != SL_LEDGER_OK) return SL_OK;
    bool same = reply->epoch == shard->seen_epoch && reply->n == shard->seen_n && shard->still_polls > 0;
    shard->seen_epoch = reply->epoch;
    shard->seen_n = reply->n;
    shard->tries = reply->tries;
    if (is_free(self, reply)) return acquire(self, shard);
    if (!same) {
        shard->still_polls = 1;
        shard->still_since = self->now;
        shard->still_wait_ns = takeover_wait_ns(self, shard);
        return SL_OK;
    }
    shard->still_polls++;
    bool still = self->now - shard->still_since >= shard->still_wait_ns && shard->still_polls > STILL_POLLS_MIN;
    return still ? acquire(self, shard) : SL_OK;
}

static void give_up(struct sl_sched *self, struct sl_shard *shard) {
    shard->state = SL_SHARD_FOREIGN;
    shard->unsure = false;
    shard->still_polls = 0;
    shard->poll_at = self->now + poll_interval_ns(self);
}

/* The reply to ACQUIRE, or what RESUME says after an acquisition of unknown outcome. */
int sl_owner_acquired(struct sl_sched *self, struct sl_shard *shard, const struct sl_ledger_reply *reply) {
    bool own_reply = reply->verb == SL_LEDGER_RESUME || reply->serial == shard->acquire_serial;
    if (shard->state != SL_SHARD_ACQUIRING || !own_reply) return SL_OK;
    if (reply->status == SL_LEDGER_UNAVAILABLE) return SL_OK; /* the connection is cut: RESUME follows */
    bool ours = reply->epoch == shard->epoch;
    if (reply->verb == SL_LEDGER_RESUME) {
        ours = ours && memcmp(reply->owner.bytes, self->config.incarnation.bytes, 16) == 0;
    }
    if (reply->status != SL_LEDGER_OK || !ours) {
        give_up(self, shard);
        return SL_OK;
    }
    shard->state = SL_SHARD_RECOVERING;
    shard->unsure = false;
    shard->from = shard->n_sealed = shard->n_durable = reply->n;
    shard->digest = shard->digest_durable = reply->digest;
    shard->ckpt = reply->ckpt;
    shard->commit_n = reply->last;
    shard->time_base_ms = reply->time_ms;
    shard->time_base_ns = self->now;
    shard->write_at = self->now;
    return sl_recover_begin(self, shard);
}
