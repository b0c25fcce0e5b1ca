/* Answers about one job: itself, its history, its run state. */
#include "query.h"

enum { RESULT_DEPTH = 2 /* around a value that stands among the results of a run state */ };

int sl_query_reply(struct sl_sched *self, const struct sl_ev_query *query, const struct sl_shard *rests_on,
                   const struct sl_buf *buf, struct sl_bytes next) {
    int rc = sl_effects_reserve(self, 1);
    struct sl_bytes items = rc || buf->failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(buf));
    struct sl_bytes cursor = next.size ? sl_step_copy(self, next) : next;
    if (!items.data || (next.size && !cursor.data)) return SL_E_NO_MEMORY;
    if (items.size > SL_CLIENT_MESSAGE_MAX - 1024) {
        return sl_reject(self, query->peer, query->message_id, NULL, SL_REJECT_TOO_LARGE,
                         "the answer has %zu bytes, more than a message may have; ask for less", items.size);
    }
    struct sl_effect *effect =
        rests_on ? sl_effect_add_tagged(self, SL_DO_ANSWER, rests_on) : sl_effect_add(self, SL_DO_ANSWER);
    effect->peer = query->peer;
    effect->re = query->message_id;
    effect->answer.items = items;
    effect->answer.next = cursor;
    return SL_OK;
}

static const struct sl_ledger_item *find_item(const struct sl_ledger_reply *reply, const char *key) {
    for (size_t i = 0; i < reply->item_count; i++) {
        if (sl_bytes_is(reply->items[i].key, key)) return &reply->items[i];
    }
    return NULL;
}

/* Outputs that stand inside an ended record. */
static int take_inline_outputs(struct sl_sched *self, struct sl_shard *shard, struct sl_job *job,
                                const struct sl_ended *ended) {
    struct sl_mp_reader reader = ended->outputs;
    for (uint32_t i = 0; i < ended->output_count; i++) {
        uint64_t stage = sl_mp_read_uint(&reader, SL_STAGES_MAX);
        struct sl_bytes record = sl_mp_read_bin(&reader, SIZE_MAX);
        if (reader.rc || !job->run || stage >= job->run->stage_count || job->run->stages[stage].output) continue;
        struct sl_blob *blob = sl_blob_new(&self->alloc, record);
        if (!blob) return SL_E_NO_MEMORY;
        job->run->stages[stage].output = blob;
        shard->table.blob_bytes += blob->size;
    }
    return SL_OK;
}

int sl_job_from_reply(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id,
                      const struct sl_ledger_reply *reply, struct sl_job **out_job) {
    const struct sl_ledger_item *record = find_item(reply, "r");
    struct sl_ended ended;
    struct sl_job *job;
    if (!record) return SL_E_NOT_FOUND;
    if (sl_record_read_ended(record->value, &ended)) return SL_E_DAMAGED;
    int rc = sl_record_read_head(&shard->table, ended.head, sl_pipeline_find, self, &job);
    if (rc == SL_E_NOT_FOUND) return SL_E_AGAIN;
    if (rc) return rc == SL_E_NO_MEMORY ? rc : SL_E_DAMAGED;
    job->id = id;
    rc = take_inline_outputs(self, shard, job, &ended);
    job->corrupt = true; /* missing parts are no news here */
    if (!rc) rc = sl_job_fill(self, job, reply);
    job->corrupt = false;
    if (rc) {
        sl_job_free(&shard->table, &job);
        return rc;
    }
    *out_job = job;
    return SL_OK;
}

/* All of a job's history: its submission, the parts that settles wrote, in order, then what stands in its record or in memory. */
static void put_history(struct sl_buf *buf, const struct sl_job *job, bool in_memory,
                        const struct sl_ledger_reply *reply) {
    struct sl_buf events;
    uint32_t count = 1;
    sl_buf_init(&events, buf->alloc);
    sl_view_submitted(&events, job);
    uint64_t after = 0;
    for (;;) { /* fields h.<at> come in no order: take the least above the last */
        const struct sl_ledger_item *next = NULL;
        uint64_t least = UINT64_MAX;
        for (size_t i = 0; i < reply->item_count; i++) {
            struct sl_bytes key = reply->items[i].key;
            if (key.size < 3 || key.data[0] != 'h' || key.data[1] != '.') continue;
            uint64_t at = 0;
            for (size_t k = 2; k < key.size; k++) at = at * 10 + (uint64_t)(key.data[k] - '0');
            if (at > after && at < least) {
                least = at;
                next = &reply->items[i];
            }
        }
        if (!next) break;
        after = least;
        struct sl_bytes content;
        if (sl_record_open(next->value, &content) == SL_OK) sl_view_history(&events, job, content, &count);
    }
    struct sl_ended ended;
    const struct sl_ledger_item *record = find_item(reply, "r");
    if (in_memory && job->history) {
        sl_view_history(&events, job, sl_bytes(job->history->data, job->history_size), &count);
    } else if (!in_memory && record && sl_record_read_ended(record->value, &ended) == SL_OK) {
        sl_view_history(&events, job, ended.history, &count);
    }
    sl_mp_array(buf, count);
    sl_mp_raw(buf, sl_buf_bytes(&events));
    buf->failed |= events.failed;
    sl_buf_fini(&events);
}

/* Names the keys of a run state behind one another. */
static void name_keys(struct sl_buf *keys, struct sl_bytes state) {
    struct sl_mp_reader reader = sl_mp_reader(state);
    uint32_t pairs = sl_mp_read_map(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < pairs; i++) {
        struct sl_bytes key = sl_mp_read_str(&reader, SL_NAME_MAX);
        (void)sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX + RESULT_DEPTH);
        (void)sl_buf_format(keys, "%s%.*s", i ? ", " : "; it has: ", SL_SHOWN(key)); /* no memory: fewer are named */
    }
}

/* Items {key, value}; with a name only that key. Of a name that is not there the keys that are. */
static int put_output(struct sl_sched *self, struct sl_buf *buf, const struct sl_ev_query *query,
                      const struct sl_job *job, bool *out_found, struct sl_buf *keys) {
    struct sl_buf state;
    sl_buf_init(&state, &self->alloc);
    sl_view_state(&state, job);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&state));
    uint32_t pairs = sl_mp_read_map(&reader, UINT32_MAX), count = 0;
    struct sl_buf items;
    sl_buf_init(&items, &self->alloc);
    for (uint32_t i = 0; i < pairs; i++) {
        struct sl_bytes key = sl_mp_read_str(&reader, SL_NAME_MAX);
        struct sl_bytes value = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX + RESULT_DEPTH);
        if (query->name.size && !sl_bytes_equal(query->name, key)) continue;
        count++;
        sl_mp_map(&items, 2);
        sl_mp_key(&items, "key");
        sl_mp_str(&items, key);
        sl_mp_key(&items, "value");
        sl_mp_raw(&items, value);
    }
    sl_mp_array(buf, count);
    sl_mp_raw(buf, sl_buf_bytes(&items));
    buf->failed |= state.failed || items.failed;
    *out_found = count > 0 || query->name.size == 0;
    if (!*out_found) name_keys(keys, sl_buf_bytes(&state));
    sl_buf_fini(&items);
    sl_buf_fini(&state);
    return SL_OK;
}

static int answer(struct sl_sched *self, const struct sl_ev_query *query, const struct sl_job *job, bool in_memory,
                  const struct sl_ledger_reply *reply) {
    struct sl_shard *shard = sl_shard_of(self, job->id);
    struct sl_buf buf, keys;
    bool found = true;
    sl_buf_init(&buf, &self->alloc);
    sl_buf_init(&keys, &self->alloc);
    if (query->what == SL_QUERY_JOB) {
        sl_mp_array(&buf, 1);
        sl_view_job(self, &buf, job);
    } else if (query->what == SL_QUERY_EVENTS) {
        put_history(&buf, job, in_memory, reply);
    } else {
        (void)put_output(self, &buf, query, job, &found, &keys);
    }
    int rc = found ? sl_query_reply(self, query, shard, &buf, sl_bytes(NULL, 0))
                   : sl_reject(self, query->peer, query->message_id, shard, SL_REJECT_UNKNOWN_KEY,
                               "the run state of this job has no key \"%.*s\"%.*s", SL_SHOWN(query->name), (int)keys.size,
                               keys.size ? (const char *)keys.data : "");
    sl_buf_fini(&keys);
    sl_buf_fini(&buf);
    return rc;
}

int sl_reject_removed(struct sl_sched *self, uint64_t peer, uint64_t re, struct sl_job_id id,
                      const struct sl_tombstone *tombstone) {
    char text[SL_TOMBSTONE_TEXT_SIZE];
    sl_tombstone_text(tombstone, id, text);
    return sl_reject(self, peer, re, sl_shard_of(self, id), SL_REJECT_UNKNOWN_JOB, "%s", text);
}

int sl_query_answer(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    const struct sl_ev_query *asked = &query->event->query;
    struct sl_shard *shard = sl_shard_of(self, query->read_id);
    if (!sl_shard_is_open(shard)) {
        return sl_reject(self, asked->peer, asked->message_id, NULL, SL_REJECT_NOT_READY,
                         "the broker does not hold this job's shard yet");
    }
    struct sl_job *job = sl_query_job(self, query->read_id);
    struct sl_tombstone tombstone;
    if (!job && sl_tombstone_of(reply, &tombstone) == SL_OK) {
        return sl_reject_removed(self, asked->peer, asked->message_id, query->read_id, &tombstone);
    }
    if (job) {
        int rc = job->cold && !job->corrupt ? sl_job_fill(self, job, reply) : SL_OK;
        if (!rc) rc = answer(self, asked, job, true, reply);
        bool spare = job->state == SL_JOB_QUEUED && !job->ahead && !job->settling && job->first_unsettled == 0;
        if (spare && !job->loading && !job->corrupt) sl_job_cool(&shard->table, job, true);
        return rc;
    }
    int rc;
    if (sl_job_refuse_parked(self, query->read_id, asked->peer, asked->message_id, &rc)) return rc;
    rc = sl_job_from_reply(self, shard, query->read_id, reply, &job);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc == SL_E_AGAIN) return sl_reject_lacking(self, shard, asked->peer, asked->message_id);
    if (rc) {
        char text[SL_ID_TEXT_SIZE];
        sl_id_to_text(query->read_id.bytes, text);
        bool damaged = reply->item_count > 0;
        if (!damaged) rc = sl_shard_prove(self, shard);
        if (rc == SL_E_AGAIN) {
            return sl_reject(self, asked->peer, asked->message_id, NULL, SL_REJECT_NOT_READY,
                             "the broker does not hold this job's shard any more");
        }
        return sl_reject(self, asked->peer, asked->message_id, shard,
                         damaged ? SL_REJECT_DAMAGED : SL_REJECT_UNKNOWN_JOB,
                         damaged ? "the stored record of job %s cannot be read"
                                 : "there is no job %s; see: sluice jobs list", text);
    }
    rc = answer(self, asked, job, false, reply);
    sl_job_free(&shard->table, &job);
    return rc;
}
