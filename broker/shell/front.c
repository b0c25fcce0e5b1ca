/* What clients say: frames to events. Requests that are malformed are refused here; what they mean is the core's business. */
#include "broker.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "catalog.h"
#include "io/log.h"
#include "wire/wire.h"

#include <stdlib.h>

enum { FRAMES_A_TURN = 64, CATALOG_AGE_MS_MAX = 1000 };

/* What a client means by a pipeline or a policy may have been stored through another broker. A request that must wait for a look at the
 * catalog is given back with SL_E_AGAIN, and comes again after the look; others are served meanwhile. */

static bool is_printable(struct sl_bytes key) {
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < 0x20 || key.data[i] > 0x7e) return false;
    }
    return true;
}

static bool is_zero(const uint8_t bytes[16]) {
    static const uint8_t zero[16];
    return memcmp(bytes, zero, sizeof zero) == 0;
}

/* Labels are a map of at most SL_LABELS_MAX texts with names. */
static bool are_labels(struct sl_bytes labels) {
    struct sl_mp_reader reader = sl_mp_reader(labels);
    uint32_t count = sl_mp_read_map(&reader, SL_LABELS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        (void)sl_mp_read_str(&reader, SL_NAME_MAX);
        (void)sl_mp_read_str(&reader, SL_LABEL_VALUE_MAX);
    }
    return sl_mp_end(&reader) == SL_OK;
}

/* What is wrong with a submission that decoded; NULL: nothing. */
static const char *objection(const struct sl_wire_submit *submit) {
    int kinds = (submit->key.size > 0) + (submit->doc_key.size > 0) + !is_zero(submit->once);
    if (kinds != 1) return "a SUBMIT has exactly one of key, doc_key and once";
    if (!is_printable(submit->key)) return "a key is 1 to 128 printable ASCII characters";
    if (memchr(submit->doc_key.data ? (const void *)submit->doc_key.data : "", '\0', submit->doc_key.size)) {
        return "a doc_key has no NUL characters";
    }
    if (sl_mp_check(submit->payload, SL_VALUE_DEPTH_MAX, SL_VALUE_NODES_MAX)) {
        return "the payload is not one valid msgpack value within the limits";
    }
    if (submit->labels.size && !are_labels(submit->labels)) {
        return "labels are a map of at most 16 names of at most 64 bytes to texts of at most 256 bytes";
    }
    return NULL;
}

static struct sl_job_id make_id(struct sl_broker *self, const struct sl_wire_submit *submit, struct sl_bytes tenant) {
    struct sl_bytes salt = sl_bytes(self->cluster.salt, sizeof self->cluster.salt);
    if (submit->key.size) return sl_job_id_make(salt, tenant, "key", submit->key);
    if (!submit->doc_key.size) return sl_job_id_make(salt, tenant, "once", sl_bytes(submit->once, 16));
    sl_buf_clear(&self->items);
    (void)sl_buf_append(&self->items, submit->pipeline.data, submit->pipeline.size);
    (void)sl_buf_append(&self->items, "", 1);
    (void)sl_buf_append(&self->items, submit->doc_key.data, submit->doc_key.size);
    return sl_job_id_make(salt, tenant, "doc", sl_buf_bytes(&self->items));
}

static int on_submit(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_submit submit;
    int rc = sl_wire_submit_decode(body, &submit);
    if (rc) return rc;
    const char *why = objection(&submit);
    if (why) {
        sl_reply_rejected(self, peer, message_id, SL_REJECT_BAD_REQUEST, why);
        return SL_OK;
    }
    if (!self->looked && sl_catalog_must_look(self->catalog, submit.pipeline, submit.version)) return SL_E_AGAIN;
    struct sl_bytes tenant = submit.tenant.size ? submit.tenant : sl_text("default");
    struct sl_event event = {.kind = SL_EV_SUBMIT};
    event.submit = (struct sl_ev_submit){.peer = peer,
                                         .message_id = message_id,
                                         .pipeline = submit.pipeline,
                                         .version = submit.version,
                                         .tenant = tenant,
                                         .key = submit.key,
                                         .doc_key = submit.doc_key,
                                         .id = make_id(self, &submit, tenant),
                                         .once = submit.key.size == 0 && submit.doc_key.size == 0,
                                         .again = submit.again,
                                         .payload = submit.payload,
                                         .labels = submit.labels,
                                         .traceparent = submit.traceparent};
    if (self->items.failed) return SL_E_NO_MEMORY;
    sl_broker_step(self, &event);
    return SL_OK;
}

static bool query_what(struct sl_bytes what, enum sl_query_what *out) {
    static const struct {
        const char *word;
        enum sl_query_what what;
    } words[] = {{"job", SL_QUERY_JOB},         {"jobs", SL_QUERY_JOBS},       {"events", SL_QUERY_EVENTS},
                 {"output", SL_QUERY_OUTPUT},   {"stages", SL_QUERY_STAGES},   {"workers", SL_QUERY_WORKERS},
                 {"status", SL_QUERY_STATUS},   {"pipelines", SL_QUERY_PIPELINES}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!sl_bytes_is(what, words[i].word)) continue;
        *out = words[i].what;
        return true;
    }
    return false;
}

static uint32_t status_bits(struct sl_wire_list statuses, bool *out_known) {
    uint32_t bits = 0;
    struct sl_bytes word;
    *out_known = true;
    while (sl_wire_strs_next(&statuses, &word)) {
        uint32_t bit = 0;
        for (int state = 0; state < SL_JOB_STATE_COUNT; state++) {
            if (sl_bytes_is(word, sl_job_state_word((enum sl_job_state)state))) bit = 1u << state;
        }
        if (!bit) *out_known = false;
        bits |= bit;
    }
    return bits;
}

/* How it is, and with whom, is asked of idle brokers too: that needs no catalog. */
static bool asks_catalog(struct sl_broker *self, enum sl_query_what what) {
    if (self->looked || what == SL_QUERY_STATUS || what == SL_QUERY_WORKERS) return false;
    return sl_catalog_refresh(self->catalog, what == SL_QUERY_PIPELINES ? 0 : CATALOG_AGE_MS_MAX);
}

static int on_query(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_query query;
    int rc = sl_wire_query_decode(body, &query);
    if (rc) return rc;
    struct sl_event event = {.kind = SL_EV_QUERY};
    bool known;
    event.query = (struct sl_ev_query){.peer = peer,
                                       .message_id = message_id,
                                       .job = query.job,
                                       .name = query.name,
                                       .tenant = query.tenant,
                                       .statuses = status_bits(query.statuses, &known),
                                       .limit = (uint32_t)query.limit,
                                       .cursor = query.cursor};
    bool understood = query_what(query.what, &event.query.what);
    if (understood && known && asks_catalog(self, event.query.what)) return SL_E_AGAIN;
    if (!understood) {
        sl_reply_rejected(self, peer, message_id, SL_REJECT_UNSUPPORTED,
                          "what is asked for is none of job, jobs, events, output, stages, workers, status, pipelines");
    } else if (!known) {
        sl_reply_rejected(self, peer, message_id, SL_REJECT_BAD_REQUEST,
                          "a status is one of queued, processing, completed, failed, cancelled");
    } else {
        sl_broker_step(self, &event);
    }
    return SL_OK;
}

static int on_watch(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_watch watch;
    struct sl_wire_job_ref ref;
    int rc = sl_wire_watch_decode(body, &watch);
    if (rc) return rc;
    sl_buf_clear(&self->decoded);
    while (sl_wire_job_ref_next(&watch.jobs, &ref)) (void)sl_buf_append(&self->decoded, &ref.job, sizeof ref.job);
    if (self->decoded.failed) return SL_E_NO_MEMORY;
    struct sl_event event = {.kind = SL_EV_WATCH};
    event.watch = (struct sl_ev_watch){.peer = peer,
                                       .message_id = message_id,
                                       .jobs = (const struct sl_job_id *)(const void *)self->decoded.data,
                                       .job_count = (uint32_t)(self->decoded.size / sizeof ref.job),
                                       .ends_only = watch.ends_only};
    sl_broker_step(self, &event);
    return SL_OK;
}

static int on_cancel_job(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_cancel_job cancel;
    int rc = sl_wire_cancel_job_decode(body, &cancel);
    if (rc) return rc;
    struct sl_event event = {.kind = SL_EV_CANCEL_JOB};
    event.cancel_job = (struct sl_ev_cancel_job){
        .peer = peer, .message_id = message_id, .job = cancel.job, .reason = cancel.reason};
    sl_broker_step(self, &event);
    return SL_OK;
}

static int on_apply(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_apply apply;
    int rc = sl_wire_apply_decode(body, &apply);
    if (rc) return rc;
    if (!self->looked && sl_catalog_refresh(self->catalog, 0)) return SL_E_AGAIN;
    sl_catalog_apply(self->catalog, peer, message_id, apply.text, apply.path, apply.strict);
    return SL_OK;
}

static int on_accept_type(struct sl_broker *self, uint64_t peer, uint64_t message_id, struct sl_bytes body) {
    struct sl_wire_accept_type accept;
    int rc = sl_wire_accept_type_decode(body, &accept);
    if (rc) return rc;
    struct sl_event event = {.kind = SL_EV_ACCEPT_TYPE};
    event.accept_type = (struct sl_ev_accept_type){.peer = peer, .message_id = message_id, .type = accept.type};
    sl_broker_step(self, &event);
    return SL_OK;
}

/* Whether it was taken; else it waits for the catalog. */
static bool take_frame(struct sl_broker *self, uint64_t peer, struct sl_bytes frame) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    int rc = sl_wire_open(frame, &prefix, &body);
    if (rc == SL_E_VERSION) {
        sl_reply_rejected(self, peer, prefix.message_id, SL_REJECT_UNSUPPORTED, "this broker speaks version 1 only");
        return true;
    }
    if (rc) {
        self->refused_frames++;
        return true;
    }
    switch (prefix.type) {
    case SL_WIRE_SUBMIT:
        rc = on_submit(self, peer, prefix.message_id, body);
        break;
    case SL_WIRE_QUERY:
        rc = on_query(self, peer, prefix.message_id, body);
        break;
    case SL_WIRE_WATCH:
        rc = on_watch(self, peer, prefix.message_id, body);
        break;
    case SL_WIRE_CANCEL_JOB:
        rc = on_cancel_job(self, peer, prefix.message_id, body);
        break;
    case SL_WIRE_APPLY:
        rc = on_apply(self, peer, prefix.message_id, body);
        break;
    case SL_WIRE_ACCEPT_TYPE:
        rc = on_accept_type(self, peer, prefix.message_id, body);
        break;
    default:
        sl_reply_rejected(self, peer, prefix.message_id, SL_REJECT_UNSUPPORTED,
                          "clients do not send this type of message here");
        return true;
    }
    if (rc == SL_E_AGAIN) return false;
    if (rc) sl_reply_malformed(self, peer, prefix.message_id, prefix.type, rc);
    return true;
}

/* What a peer says while a message of its waits, waits behind it. */
static void take_or_wait(struct sl_broker *self, uint64_t peer, struct sl_bytes frame) {
    bool behind = sl_waiting_has(&self->waiting, peer);
    if (behind || !take_frame(self, peer, frame)) sl_waiting_put(&self->waiting, peer, frame, !behind);
}

void sl_front_ready(void *broker) {
    struct sl_broker *self = broker;
    uint64_t peer;
    struct sl_bytes frame;
    for (int i = 0; i < FRAMES_A_TURN && !sl_waiting_is_full(&self->waiting); i++) {
        if (sl_router_receive(self->front, &peer, &frame)) return;
        take_or_wait(self, peer << 1, frame);
    }
}

/* One that stood behind another may have to wait for a look of its own, and those behind it stay there. */
void sl_front_resume(struct sl_broker *self) {
    struct sl_waiting before;
    struct sl_waiting_message *message;
    sl_waiting_init(&before);
    while ((message = sl_waiting_take(&self->waiting))) sl_waiting_put_back(&before, message);
    while ((message = sl_waiting_take(&before))) {
        bool behind = sl_waiting_has(&self->waiting, message->peer);
        self->looked = message->asked;
        bool taken = !behind && take_frame(self, message->peer, sl_bytes(message->frame, message->size));
        self->looked = false;
        if (taken) {
            free(message);
            continue;
        }
        message->asked = message->asked || !behind;
        sl_waiting_put_back(&self->waiting, message);
    }
}
