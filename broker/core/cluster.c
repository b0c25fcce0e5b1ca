/* Questions about the cluster, answered from memory at once: stage types, workers, pipelines, status. */
#include "query.h"

#include "base/text.h"

static void put_text(struct sl_buf *buf, const char *key, struct sl_bytes text) {
    sl_mp_key(buf, key);
    sl_mp_str(buf, text);
}

static void put_uint(struct sl_buf *buf, const char *key, uint64_t value) {
    sl_mp_key(buf, key);
    sl_mp_uint(buf, value);
}

static void put_id(struct sl_buf *buf, const char *key, const uint8_t bytes[16]) {
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(bytes, text);
    put_text(buf, key, sl_text(text));
}

static void put_type(struct sl_buf *buf, const struct sl_type *type) {
    sl_mp_map(buf, 5);
    put_text(buf, "type", sl_text(type->key));
    put_text(buf, "description", type->known.description);
    put_text(buf, "version", type->known.version);
    sl_mp_key(buf, "workers");
    sl_mp_array(buf, (uint32_t)type->offers.count);
    for (struct sl_link *link = sl_list_first(&type->offers); link; link = sl_list_next(&type->offers, link)) {
        sl_mp_str(buf, sl_text(SL_CONTAINER(link, struct sl_offer, in_type)->session->name));
    }
    put_id(buf, "digest", type->known.digest.bytes);
}

static void put_types(const struct sl_sched *self, struct sl_buf *buf) {
    sl_mp_array(buf, self->type_table.count);
    for (uint32_t i = 0; i < self->type_table.count; i++) {
        put_type(buf, SL_CONTAINER(self->type_table.items[i], struct sl_type, known));
    }
}

static void put_worker(struct sl_buf *buf, const struct sl_session *session) {
    char since[SL_TIME_TEXT_SIZE];
    sl_mp_map(buf, 5);
    put_text(buf, "name", sl_text(session->name));
    put_uint(buf, "tasks", session->in_flight.count);
    put_uint(buf, "tasks_max", session->slots); /* running and waiting there: more than its slots */
    sl_mp_key(buf, "types");
    sl_mp_array(buf, session->offer_count);
    for (uint32_t i = 0; i < session->offer_count; i++) sl_mp_str(buf, sl_text(session->offers[i].type->key));
    sl_text_time(session->welcomed_ms, since);
    put_text(buf, "since", sl_text(since));
}

static void put_workers(const struct sl_sched *self, struct sl_buf *buf) {
    sl_mp_array(buf, (uint32_t)self->sessions.count);
    for (struct sl_link *link = sl_list_first(&self->sessions); link; link = sl_list_next(&self->sessions, link)) {
        put_worker(buf, SL_CONTAINER(link, struct sl_session, link));
    }
}

static void put_stage(struct sl_buf *buf, const struct sl_pipeline *pipeline, const struct sl_stage *stage) {
    sl_mp_map(buf, 3);
    put_text(buf, "name", stage->name);
    put_text(buf, "type", stage->type);
    sl_mp_key(buf, "depends_on");
    sl_mp_array(buf, stage->predecessor_count);
    for (uint16_t i = 0; i < stage->predecessor_count; i++) {
        sl_mp_str(buf, pipeline->stages[stage->predecessors[i]].name);
    }
}

static void put_pipeline(struct sl_buf *buf, const struct sl_pipeline_entry *entry) {
    const struct sl_pipeline *pipeline = entry->pipeline;
    sl_mp_map(buf, 5);
    put_text(buf, "name", pipeline->name);
    put_text(buf, "version", pipeline->version);
    put_id(buf, "digest", entry->digest.bytes);
    put_uint(buf, "queued", entry->queue.count);
    sl_mp_key(buf, "stages");
    sl_mp_array(buf, pipeline->stage_count);
    for (uint16_t i = 0; i < pipeline->stage_count; i++) put_stage(buf, pipeline, &pipeline->stages[i]);
}

static void put_pipelines(const struct sl_sched *self, struct sl_buf *buf, struct sl_bytes name) {
    struct sl_buf items;
    uint32_t count = 0;
    sl_buf_init(&items, &self->alloc);
    for (struct sl_link *link = sl_list_first(&self->pipeline_list); link;
         link = sl_list_next(&self->pipeline_list, link)) {
        const struct sl_pipeline_entry *entry = SL_CONTAINER(link, struct sl_pipeline_entry, link);
        if (!entry->current || (name.size && !sl_bytes_equal(name, entry->pipeline->name))) continue;
        put_pipeline(&items, entry);
        count++;
    }
    sl_mp_array(buf, count);
    sl_mp_raw(buf, sl_buf_bytes(&items));
    buf->failed |= items.failed;
    sl_buf_fini(&items);
}

static void put_status(struct sl_sched *self, struct sl_buf *buf) {
    struct sl_sched_figures figures;
    sl_sched_figures(self, &figures);
    sl_mp_array(buf, 1);
    sl_mp_map(buf, 17);
    put_id(buf, "incarnation", self->config.incarnation.bytes);
    sl_mp_key(buf, "ready");
    sl_mp_bool(buf, self->connected && figures.shards_open == self->config.shard_count && !self->draining);
    sl_mp_key(buf, "redis");
    sl_mp_key(buf, self->connected ? "connected" : "not reachable");
    put_uint(buf, "shards", self->config.shard_count);
    put_uint(buf, "shards_owned", figures.shards_open);
    put_uint(buf, "queued", figures.jobs[SL_JOB_QUEUED]);
    put_uint(buf, "processing", figures.jobs[SL_JOB_PROCESSING]);
    put_uint(buf, "ended_since_start", figures.ended_total);
    put_uint(buf, "stages_ready", figures.stages_ready);
    put_uint(buf, "stages_running", figures.stages_running);
    put_uint(buf, "workers", figures.workers);
    put_uint(buf, "tasks_max", figures.slots);
    put_uint(buf, "undurable_bytes", figures.undurable_bytes);
    put_uint(buf, "commits", figures.commits);
    put_uint(buf, "transitions", figures.transitions);
    put_uint(buf, "settles", figures.settles);
    put_uint(buf, "stale_results", figures.stale);
}

int sl_query_cluster(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_query *query = &event->query;
    struct sl_buf buf;
    sl_buf_init(&buf, &self->alloc);
    if (query->what == SL_QUERY_STAGES) put_types(self, &buf);
    if (query->what == SL_QUERY_WORKERS) put_workers(self, &buf);
    if (query->what == SL_QUERY_PIPELINES) put_pipelines(self, &buf, query->name);
    if (query->what == SL_QUERY_STATUS) put_status(self, &buf);
    int rc = sl_query_reply(self, query, NULL, &buf, sl_bytes(NULL, 0));
    sl_buf_fini(&buf);
    return rc;
}
