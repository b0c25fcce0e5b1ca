/* A job's parts come back from Redis into memory. */
#include "sched_state.h"

static int take_blob(struct sl_sched *self, struct sl_job *job, struct sl_blob **place, struct sl_bytes bytes) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    if (*place) return SL_OK;
    *place = sl_blob_new(&self->alloc, bytes);
    if (!*place) return SL_E_NO_MEMORY;
    shard->table.blob_bytes += (*place)->size;
    return SL_OK;
}

static int take_head(struct sl_sched *self, struct sl_job *job, struct sl_bytes record) {
    struct sl_bytes facts, payload;
    if (sl_record_head_parts(record, &facts, &payload)) return SL_OK;
    int rc = take_blob(self, job, &job->facts, facts);
    if (!rc && payload.size) rc = take_blob(self, job, &job->payload, payload);
    return rc;
}

static int take_output(struct sl_sched *self, struct sl_job *job, struct sl_bytes field, struct sl_bytes record) {
    struct sl_output checked;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        char name[SL_OUTPUT_FIELD_SIZE];
        size_t size = sl_output_field(name, job->run_number, i);
        if (!sl_bytes_equal(field, sl_bytes(name, size))) continue;
        struct sl_stage_run *stage = &job->run->stages[i];
        if (stage->state == SL_STAGE_SUCCEEDED && sl_output_read(record, &checked) == SL_OK) {
            return take_blob(self, job, &stage->output, record);
        }
    }
    return SL_OK;
}

static int take_part(struct sl_sched *self, struct sl_job *job, const struct sl_ledger_item *item) {
    if (sl_bytes_is(item->key, "live")) return take_head(self, job, item->value);
    struct sl_bytes payload;
    if (sl_bytes_is(item->key, "p")) {
        return sl_record_open(item->value, &payload) ? SL_OK : take_blob(self, job, &job->payload, payload);
    }
    bool is_output = item->key.size > 2 && item->key.data[0] == 'o';
    return is_output ? take_output(self, job, item->key, item->value) : SL_OK;
}

static bool is_whole(const struct sl_job *job) {
    if (!job->facts || !job->payload) return false;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        const struct sl_stage_run *stage = &job->run->stages[i];
        if (stage->state == SL_STAGE_SUCCEEDED && !stage->output) return false;
    }
    return true;
}

int sl_job_fill(struct sl_sched *self, struct sl_job *job, const struct sl_ledger_reply *reply) {
    int rc = SL_OK;
    for (size_t i = 0; i < reply->item_count && rc == SL_OK; i++) rc = take_part(self, job, &reply->items[i]);
    job->cold = !is_whole(job);
    if (!job->cold && job->run) job->run->cold_bytes = 0;
    if (!job->cold || job->corrupt || rc) return rc; /* with no memory for its parts the job is loaded again */
    char text[128] = "a job's stored parts are missing or damaged; it is parked: ";
    sl_id_to_text(job->id.bytes, text + strlen(text));
    sl_alarm(self, sl_shard_of(self, job->id), text);
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) sl_stage_leave(self, &job->run->stages[i]);
    sl_job_leave(self, job);
    job->corrupt = true;
    sl_job_join(self, job);
    return SL_OK;
}
