/* Questions of the clients; see question.h. */
#include "question.h"

#include "broker.h"
#include "core/sched_state.h"
#include "network.h"
#include "redis.h"
#include "trace.h"

#include <stdio.h>

enum { DIGITS_MIN = 4, DIGITS_MAX = 20, LIST_LIMIT = 100, LIST_LIMIT_SMALL = 3, DEPTH_MAX = 16 };

static const uint32_t terminal = 1u << SL_JOB_COMPLETED | 1u << SL_JOB_FAILED | 1u << SL_JOB_CANCELLED;

/* ---- asking ---- */

static enum sl_query_what draw_what(struct sl_rng *rng) {
    static const enum sl_query_what what[] = {
        SL_QUERY_JOB,    SL_QUERY_JOB,    SL_QUERY_JOB,  SL_QUERY_JOB,    SL_QUERY_JOB,     SL_QUERY_EVENTS, SL_QUERY_EVENTS,
        SL_QUERY_OUTPUT, SL_QUERY_OUTPUT, SL_QUERY_JOBS, SL_QUERY_STAGES, SL_QUERY_WORKERS, SL_QUERY_STATUS, SL_QUERY_PIPELINES};
    return what[sl_rng_below(rng, sizeof what / sizeof *what)];
}

/* What was true when the question was asked: an answer may be no older. */
static void note_job(const struct sim_client *client, const struct sim_job *job, struct sim_question *question) {
    for (uint32_t i = 0; i < client->request_count; i++) {
        const struct sim_request *request = &client->requests[i];
        bool told = request->state == SIM_REQUEST_ACCEPTED || request->state == SIM_REQUEST_ENDED;
        question->told |= told && request->job == job->number;
    }
    question->events = job->events;
    for (uint16_t i = 0; i < job->pipeline->stage_count; i++) {
        question->fields[i] = job->stages[i].field_acked;
        if (job->stages[i].state == SL_STAGE_SUCCEEDED) question->succeeded |= 1u << i;
    }
}

static void draw_list(struct sl_rng *rng, struct sim_question *question) {
    static const uint32_t masks[] = {0, 0, terminal, 1u << SL_JOB_QUEUED | 1u << SL_JOB_PROCESSING, 1u << SL_JOB_QUEUED};
    question->statuses = masks[sl_rng_below(rng, sizeof masks / sizeof *masks)];
    question->limit = sl_rng_chance(rng, 1, 4) ? LIST_LIMIT_SMALL : LIST_LIMIT;
}

void sim_question_ask(struct sim_world *world, struct sim_client *client) {
    struct sl_rng *rng = sim_rng(world, SIM_RNG_QUESTION);
    const struct sim_job *job = &world->oracle->jobs[client->requests[sl_rng_below(rng, client->request_count)].job];
    struct sim_question *question = &client->questions[client->sequence % SIM_QUESTIONS_KEPT];
    uint32_t broker = (uint32_t)sl_rng_below(rng, world->plan.broker_count);
    char text[SL_ID_TEXT_SIZE];
    *question = (struct sim_question){.re = (uint64_t)++client->sequence << 16 | SIM_ASKED_QUESTION << 8,
                                      .what = draw_what(rng), .job = job->number, .asked_at = world->now};
    sl_id_to_text(job->id.bytes, text);
    question->whole = sl_rng_chance(rng, 1, 2);
    if (!question->whole) text[sim_between(world, SIM_RNG_QUESTION, DIGITS_MIN, DIGITS_MAX)] = 0;
    if (question->what == SL_QUERY_JOBS) draw_list(rng, question);
    note_job(client, job, question);
    memcpy(question->shown, client->shown, sizeof question->shown);
    struct sl_event event = {.kind = SL_EV_QUERY};
    event.query = (struct sl_ev_query){.message_id = question->re, .what = question->what, .job = sl_text(text),
                                       .tenant = sl_text(sl_rng_chance(rng, 1, 2) ? "default" : ""),
                                       .statuses = question->statuses, .limit = question->limit};
    SIM_TRACE(world, SIM_WHO_CLIENT + client->index, 0, 4, question->what, "> %s", sim_event_text(world, &event));
    sim_to_broker(world, broker, sim_peer_of_client(client->index), &event);
}

/* ---- what is shown of a job ---- */

/* Rank 0: nothing was shown. A job goes from queued over processing to one end. */
static unsigned rank(unsigned state) {
    return state == SL_JOB_QUEUED ? 1 : state == SL_JOB_PROCESSING ? 2 : 3;
}

static void note_shown(struct sim_client *client, const struct sim_job *job, enum sl_job_state state) {
    uint8_t *shown = &client->shown[job->number];
    if (*shown == 0 || rank(state) > rank(*shown - 1u)) *shown = (uint8_t)(state + 1);
}

struct view {
    struct sl_bytes id, status, sub_state, fields, stages;
};

static bool read_view(struct sl_mp_reader *reader, struct view *out) {
    struct { const char *key; struct sl_bytes *place; } wanted[] = {
        {"job_id", &out->id}, {"status", &out->status}, {"sub_state", &out->sub_state}, {"fields", &out->fields},
        {"stages", &out->stages}};
    memset(out, 0, sizeof *out);
    uint32_t count = sl_mp_read_map(reader, 64);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes key = sl_mp_read_str(reader, 64), value = sl_mp_read_raw(reader, DEPTH_MAX);
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
            if (sl_bytes_is(key, wanted[k].key)) *wanted[k].place = value;
    }
    return reader->rc == 0 && out->id.size && out->status.size && out->fields.size && out->stages.size;
}

static struct sl_bytes text_of(struct sl_bytes object) {
    struct sl_mp_reader reader = sl_mp_reader(object);
    return sl_mp_read_str(&reader, 64);
}

static struct sim_job *job_of(struct sim_world *world, const struct view *view) {
    struct sl_job_id id;
    return sl_id_from_text(text_of(view->id), id.bytes) == 0 ? sim_oracle_job(world, id) : NULL;
}

static int state_of(const struct view *view) {
    for (int state = 0; state < SL_JOB_STATE_COUNT; state++)
        if (sl_bytes_is(text_of(view->status), sl_job_state_word((enum sl_job_state)state))) return state;
    return -1;
}

void sim_question_shown(struct sim_world *world, struct sim_client *client, const struct sl_effect *effect) {
    const struct sim_question *question = sim_client_question(client, effect->re);
    if (!question || (question->what != SL_QUERY_JOB && question->what != SL_QUERY_JOBS)) return;
    struct sl_mp_reader reader = sl_mp_reader(effect->answer.items);
    struct view view;
    for (uint32_t left = sl_mp_read_array(&reader, LIST_LIMIT); left > 0 && read_view(&reader, &view); left--) {
        const struct sim_job *job = job_of(world, &view);
        if (job) note_shown(client, job, (enum sl_job_state)state_of(&view));
    }
}

/* ---- what leaves a broker ---- */

/* What the broker that answers is called, and whether it decides about the job's shard, and did so at that time. */
struct answer {
    struct sim_world *world;
    uint32_t broker;
    const struct sim_client *client;
    const struct sim_question *question; /* NULL: none that is still known */
};

static bool answer_init(struct answer *self, struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    int peer = sim_wire_peer(world, broker, effect->peer);
    if (peer < SIM_WORKERS_MAX) return false;
    const struct sim_client *client = world->clients[peer - SIM_WORKERS_MAX];
    *self = (struct answer){world, broker, client, sim_client_question(client, effect->re)};
    return true;
}

static uint16_t shard_of(const struct answer *self, const struct sim_job *job) {
    return sl_job_shard(job->id, (uint16_t)self->world->plan.shard_count);
}

static bool holds(const struct answer *self, const struct sim_job *job, uint64_t since) {
    const struct sim_broker *broker = self->world->brokers[self->broker];
    uint16_t shard = shard_of(self, job);
    const struct sl_incarnation *owner = &self->world->oracle->shards[shard].owner;
    if (memcmp(owner->bytes, broker->incarnation.bytes, sizeof owner->bytes) != 0) return false;
    return broker->core->shards[shard].state == SL_SHARD_OPEN && broker->open_since[shard] <= since;
}

#define VIOLATED(self, name, job, ...)                                                                                 \
    do {                                                                                                               \
        char text_[160];                                                                                               \
        snprintf(text_, sizeof text_, __VA_ARGS__);                                                                    \
        sim_violated((self)->world, name, "broker %c, asked by client %u, showed j%u %s", 'A' + (int)(self)->broker,   \
                     (unsigned)(self)->client->index + 1, (unsigned)(job)->number + 1, text_);                         \
        return;                                                                                                        \
    } while (0)

/* Nothing that is not durable; from the shard's owner, nothing older than what the client was shown. */
static void check_status(const struct answer *self, const struct sim_job *job, int state, unsigned shown) {
    if (state < 0 || !job->submitted) VIOLATED(self, "I1", job, "which is not durable");
    const char *word = sl_job_state_word((enum sl_job_state)state);
    bool ended = sl_job_state_is_terminal((enum sl_job_state)state);
    if (rank((unsigned)state) > rank(job->state) || (ended && state != job->state))
        VIOLATED(self, "I1", job, "as %s; durable is %s", word, sl_job_state_word((enum sl_job_state)job->state));
    if (shown == 0 || !holds(self, job, self->world->now)) return;
    if (rank((unsigned)state) < rank(shown - 1u))
        VIOLATED(self, "I21", job, "as %s after it had been seen as %s", word, sl_job_state_word((enum sl_job_state)(shown - 1u)));
}

void sim_question_on_status(struct sim_world *world, uint32_t broker, const struct sl_effect *effect, struct sl_job_id id,
                            enum sl_job_state state) {
    struct answer self;
    const struct sim_job *job = sim_oracle_job(world, id);
    if (!job || sim_oracle_is_excused(world, job) || !answer_init(&self, world, broker, effect)) return;
    check_status(&self, job, (int)state, self.client->shown[job->number]);
}

static void check_stages(const struct answer *self, const struct sim_job *job, struct sl_bytes stages) {
    struct sl_mp_reader reader = sl_mp_reader(stages);
    uint32_t count = sl_mp_read_map(&reader, SIM_SHAPE_STAGES_MAX);
    for (uint32_t i = 0; i < count && i < job->pipeline->stage_count; i++) {
        sl_mp_skip(&reader, 1);
        (void)sl_mp_read_map(&reader, 16);
        sl_mp_skip(&reader, 1);
        bool succeeded = sl_bytes_is(sl_mp_read_str(&reader, 32), "succeeded");
        for (int k = 0; k < 6; k++) sl_mp_skip(&reader, 1);
        if (succeeded && job->stages[i].state != SL_STAGE_SUCCEEDED)
            VIOLATED(self, "I1", job, "with s%u succeeded, which is not durable", (unsigned)i);
    }
    if (count != job->pipeline->stage_count || sl_mp_end(&reader)) VIOLATED(self, "QUERY", job, "with stages that cannot be read");
}

/* A field may be newer than the question, and no older than what was acknowledged before it. */
static void check_fields(const struct answer *self, const struct sim_job *job, struct sl_bytes fields, const uint32_t *acked) {
    struct sl_mp_reader reader = sl_mp_reader(fields);
    uint64_t values[SIM_SHAPE_STAGES_MAX] = {0};
    uint32_t count = sl_mp_read_map(&reader, SIM_SHAPE_STAGES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_bytes name = sl_mp_read_str(&reader, 8);
        uint64_t value = sl_mp_read_uint(&reader, UINT32_MAX);
        if (name.size == 2 && name.data[1] - '0' < SIM_SHAPE_STAGES_MAX) values[name.data[1] - '0'] = value;
    }
    if (sl_mp_end(&reader)) VIOLATED(self, "QUERY", job, "with fields that cannot be read");
    for (uint16_t i = 0; i < job->pipeline->stage_count; i++) {
        if (values[i] > job->stages[i].field)
            VIOLATED(self, "I1", job, "with field f%u = %u, which is not durable", (unsigned)i, (unsigned)values[i]);
        if (acked && values[i] < acked[i])
            VIOLATED(self, "I12", job, "with field f%u = %u; %u was acknowledged", (unsigned)i, (unsigned)values[i], (unsigned)acked[i]);
    }
}

static void check_view(const struct answer *self, const struct view *view) {
    const struct sim_question *question = self->question;
    const struct sim_job *job = job_of(self->world, view);
    if (!job) {
        sim_violated(self->world, "I2", "broker %c showed a job that nobody submitted", 'A' + (int)self->broker);
        return;
    }
    if (sim_oracle_is_excused(self->world, job)) return;
    if (view->sub_state.size && sl_bytes_is(text_of(view->sub_state), "corrupt"))
        VIOLATED(self, "I18", job, "as corrupt, and nothing stored of it was damaged");
    if (question->what == SL_QUERY_JOB && job->number != question->job && question->whole)
        VIOLATED(self, "I2", job, "and was asked for j%u", (unsigned)question->job + 1);
    if (question->statuses && !(question->statuses >> state_of(view) & 1u))
        VIOLATED(self, "QUERY", job, "as %.*s, which was not asked for", (int)text_of(view->status).size,
                 (const char *)text_of(view->status).data);
    bool fresh = job->number == question->job && holds(self, job, self->world->now);
    check_status(self, job, state_of(view), question->shown[job->number]);
    if (!sim_is_violated(self->world)) check_stages(self, job, view->stages);
    if (!sim_is_violated(self->world)) check_fields(self, job, view->fields, fresh ? question->fields : NULL);
}

/* Whether a list must hold the job: it matched from before the question until now. */
static bool must_be_listed(const struct answer *self, const struct sim_job *job) {
    const struct sim_question *question = self->question;
    bool told = job->accepted && job->accepted_at < question->asked_at;
    if (!told || job->removed || sim_oracle_is_excused(self->world, job) || !holds(self, job, question->asked_at)) return false;
    if (sim_redis_lost_pipeline_of(self->world, job)) return false; /* it may be parked */
    if (question->statuses == 0) return true;
    if (question->statuses == terminal) return job->ended && job->ended_at < question->asked_at;
    const struct sl_job *live = sl_job_find(&self->world->brokers[self->broker]->core->shards[shard_of(self, job)].table, job->id);
    return live && (question->statuses >> live->state & 1u) && (live->state == SL_JOB_QUEUED || question->statuses & 1u);
}

static void check_list(const struct answer *self, const bool *listed, uint32_t count) {
    const uint32_t limit = self->question->limit;
    if (count > limit)
        sim_violated(self->world, "QUERY", "a list of %u jobs, %u were asked for", (unsigned)count, (unsigned)limit);
    if (limit < LIST_LIMIT) return; /* some jobs have no room */
    for (uint32_t i = 0; i < self->world->plan.job_count; i++) {
        const struct sim_job *job = &self->world->oracle->jobs[i];
        if (!listed[i] && must_be_listed(self, job)) VIOLATED(self, "I1", job, "not in a list where it belongs");
    }
}

static void check_jobs(const struct answer *self, struct sl_bytes items) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    bool listed[SIM_JOBS_MAX] = {false};
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count && !sim_is_violated(self->world); i++) {
        struct view view;
        if (!read_view(&reader, &view)) break;
        check_view(self, &view);
        const struct sim_job *job = job_of(self->world, &view);
        if (job && listed[job->number]) VIOLATED(self, "I2", job, "twice in one list");
        if (job) listed[job->number] = true;
    }
    if (sl_mp_end(&reader)) sim_violated(self->world, "QUERY", "an answer cannot be read");
    if (self->question->what == SL_QUERY_JOBS && !sim_is_violated(self->world)) check_list(self, listed, count);
}

/* A history in the order of its commits, from the shard's owner with all that was durable before it was asked. */
static void check_events(const struct answer *self, const struct sim_job *job, struct sl_bytes items) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    uint64_t last = 0;
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        (void)sl_mp_read_map(&reader, 16);
        sl_mp_skip(&reader, 1);
        uint64_t n = sl_mp_read_uint(&reader, UINT64_MAX);
        for (int k = 0; k < 18; k++) sl_mp_skip(&reader, 4);
        if (n < last || n > self->world->oracle->shards[shard_of(self, job)].n)
            VIOLATED(self, "I1", job, "with event %llu after event %llu", (unsigned long long)n, (unsigned long long)last);
        last = n;
    }
    if (sl_mp_end(&reader)) VIOLATED(self, "QUERY", job, "with events that cannot be read");
    if (count > job->events) VIOLATED(self, "I1", job, "with %u events; %u are durable", (unsigned)count, (unsigned)job->events);
    if (holds(self, job, self->world->now) && count < self->question->events)
        VIOLATED(self, "I21", job, "with %u events; %u were durable before it was asked", (unsigned)count,
                 (unsigned)self->question->events);
}

static void check_output(const struct answer *self, const struct sim_job *job, struct sl_bytes items) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    uint32_t seen = 0, count = sl_mp_read_array(&reader, SIM_TYPE_COUNT);
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        (void)sl_mp_read_map(&reader, 2);
        sl_mp_skip(&reader, 1);
        struct sl_bytes key = sl_mp_read_str(&reader, 8);
        sl_mp_skip(&reader, 1);
        struct sl_bytes value = sl_mp_read_raw(&reader, DEPTH_MAX);
        for (uint16_t s = 0; s < job->pipeline->stage_count; s++) {
            if (!sl_bytes_equal(key, sim_type(sim_type_index(job->pipeline->stages[s].type))->state_keys.items[0])) continue;
            bool right = job->stages[s].state == SL_STAGE_SUCCEEDED && sl_bytes_equal(value, sim_oracle_value(self->world, job, s));
            if (!right) VIOLATED(self, "I8", job, "with an output of s%u that is not what is durable", (unsigned)s);
            seen |= 1u << s;
        }
    }
    if (sl_mp_end(&reader)) VIOLATED(self, "QUERY", job, "with an output that cannot be read");
    if (holds(self, job, self->world->now) && (self->question->succeeded & ~seen))
        VIOLATED(self, "I8", job, "without an output that was durable before it was asked");
}

void sim_question_on_answer(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    struct answer self;
    if (!answer_init(&self, world, broker, effect) || !self.question) return;
    const struct sim_job *job = &world->oracle->jobs[self.question->job];
    world->oracle->answers++;
    switch (self.question->what) {
    case SL_QUERY_JOB:
    case SL_QUERY_JOBS:
        check_jobs(&self, effect->answer.items);
        return;
    case SL_QUERY_EVENTS:
        if (!sim_oracle_is_excused(world, job) && self.question->whole) check_events(&self, job, effect->answer.items);
        return;
    case SL_QUERY_OUTPUT:
        if (!sim_oracle_is_excused(world, job) && self.question->whole) check_output(&self, job, effect->answer.items);
        return;
    default:
        if (sl_mp_check(effect->answer.items, DEPTH_MAX, 100000)) sim_violated(world, "QUERY", "an answer cannot be read");
    }
}

/* A job that was acknowledged is known where its shard is held; a whole id is looked up, so that it is known or not held. */
void sim_question_on_rejected(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    struct answer self;
    if (!answer_init(&self, world, broker, effect) || !self.question) return;
    const struct sim_job *job = &world->oracle->jobs[self.question->job];
    if (sim_oracle_is_excused(world, job)) return;
    if (effect->rejected.code == SL_REJECT_DAMAGED && !sim_redis_lost_pipeline_of(world, job))
        VIOLATED(&self, "I18", job, "as damaged, and nothing stored of it was");
    if (effect->rejected.code != SL_REJECT_UNKNOWN_JOB || !self.question->told || job->removed) return;
    if (self.question->whole || holds(&self, job, self.question->asked_at)) VIOLATED(&self, "I1", job, "as unknown; it was acknowledged");
}
