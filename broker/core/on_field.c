/* A running stage sets a field of its job's ledger entry: committed at once, kept even if the attempt fails. */
#include "sched_state.h"

/* Whether the field would be one more than a job may have. */
static bool is_over_limit(const struct sl_job *job, struct sl_bytes name) {
    uint32_t count = 0;
    for (const struct sl_field *field = job->fields; field; field = field->next) {
        if (sl_bytes_equal(sl_bytes(field->name, field->name_size), name)) return false;
        count++;
    }
    return count >= SL_FIELDS_MAX;
}

int sl_on_field(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_field *field = &event->field;
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    if (!sl_session_of_peer(self, field->peer)) {
        sl_effect_add(self, SL_DO_RESET)->peer = field->peer;
        return SL_OK;
    }
    if (field->token.shard >= self->config.shard_count) return SL_OK;
    struct sl_shard *shard = &self->shards[field->token.shard];
    if (!sl_shard_is_open(shard)) return SL_OK; /* the worker sends it again */
    struct sl_stage_run *stage = sl_attempt_find(self, &field->token);
    bool stale = !stage || is_over_limit(stage->job, field->name);
    if (!stale) {
        struct sl_transition transition = sl_transition_of_job(self, stage->job, SL_TR_FIELD_SET);
        transition.field.name = field->name;
        transition.field.value = field->value;
        rc = sl_decide(self, stage->job, &transition, 1);
        if (rc) return rc;
    }
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_FIELD_ACK, shard);
    effect->peer = field->peer;
    effect->re = field->message_id;
    effect->ack.stale = stale;
    return SL_OK;
}
