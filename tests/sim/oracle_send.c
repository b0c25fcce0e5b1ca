/* The oracle's look at what leaves a broker: I1, I3, I7, I8, I12, I13, I15, I17, I26. */
#include "oracle.h"

#include "base/limits.h"
#include "broker.h"
#include "core/kept.h"
#include "network.h"
#include "question.h"
#include "redis.h"
#include "trace.h"
#include "worker.h"

#include <string.h>

#define VIOLATED(world, name, ...)                                                                                     \
    do {                                                                                                               \
        sim_violated(world, name, __VA_ARGS__);                                                                        \
        return;                                                                                                        \
    } while (0)

static bool is_same_owner(struct sl_incarnation a, struct sl_incarnation b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/* The newest holding of the shard by this life of the broker. */
static const struct sim_tenure *tenure_of(struct sim_world *world, uint32_t broker, uint16_t shard) {
    const struct sim_shard *held = &world->oracle->shards[shard];
    for (uint32_t i = held->tenure_count; i-- > 0;)
        if (is_same_owner(held->tenures[i].owner, world->brokers[broker]->incarnation)) return &held->tenures[i];
    return NULL;
}

static void check_rests_on_durable(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    const struct sim_tenure *tenure = tenure_of(world, broker, effect->shard);
    if (!tenure)
        VIOLATED(world, "I17", "broker %c sent %s for shard %u, which it never held", 'A' + (int)broker,
                 sim_effect_text(world, effect), (unsigned)effect->shard);
    if (effect->n > tenure->n)
        VIOLATED(world, "I17", "broker %c sent %s, which rests on write %llu of shard %u; its newest durable one is %llu",
                 'A' + (int)broker, sim_effect_text(world, effect), (unsigned long long)effect->n,
                 (unsigned)effect->shard, (unsigned long long)tenure->n);
}

/* A broker that lost the shard and does not know it yet may still send what was durable before. */
static bool owns_now(struct sim_world *world, uint32_t broker, uint16_t shard) {
    return is_same_owner(world->oracle->shards[shard].owner, world->brokers[broker]->incarnation);
}

static struct sim_attempt *attempt_of(struct sim_world *world, const struct sl_token *token) {
    struct sim_job *job = sim_oracle_job(world, token->job);
    if (!job || token->stage >= job->pipeline->stage_count) return NULL;
    struct sim_stage *stage = &job->stages[token->stage];
    if (token->attempt == 0 || token->attempt > stage->attempt_count) return NULL;
    struct sim_attempt *attempt = &stage->attempts[token->attempt - 1];
    return attempt->nonce == token->nonce && attempt->epoch == token->epoch ? attempt : NULL;
}

bool sim_oracle_is_given_up(struct sim_world *world, const struct sl_token *token) {
    const struct sim_attempt *attempt = attempt_of(world, token);
    return attempt && attempt->ended && (attempt->returned || attempt->outcome == SL_OUTCOME_LOST);
}

static void on_accepted(struct sim_world *world, uint32_t broker, const struct sl_do_accepted *accepted) {
    struct sim_job *job = sim_oracle_job(world, accepted->job);
    if (!job || job->submitted == 0)
        VIOLATED(world, "I1", "broker %c accepted %s, which is not durable", 'A' + (int)broker,
                 sim_job_text(world, accepted->job));
}

/* ---- inputs ---- */

struct sl_bytes sim_oracle_value(struct sim_world *world, const struct sim_job *job, uint16_t index) {
    const struct sim_stage *stage = &job->stages[index];
    struct sl_token token = {.job = job->id, .stage = index, .attempt = stage->attempt_count};
    if (stage->attempt_count == 0) return sl_bytes(NULL, 0);
    token.nonce = stage->attempts[stage->attempt_count - 1].nonce;
    return sim_stage_value(world, &token);
}

/* Several inputs come as a map from state key to value; state keys are "k" and the type's index. */
static bool map_is_right(struct sim_world *world, const struct sim_job *job, const struct sl_stage *stage,
                         struct sl_bytes input) {
    struct sl_mp_reader reader = sl_mp_reader(input);
    uint32_t seen = 0;
    uint32_t count = sl_mp_read_map(&reader, SIM_TYPE_COUNT);
    if (count != stage->predecessor_count) return false;
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        struct sl_bytes key = sl_mp_read_str(&reader, 8);
        struct sl_bytes value = sl_mp_read_raw(&reader, 8);
        for (uint16_t p = 0; p < stage->predecessor_count; p++) {
            uint16_t before = stage->predecessors[p];
            uint32_t type = sim_type_index(job->pipeline->stages[before].type);
            if (!sl_bytes_equal(key, sim_type(type)->state_keys.items[0])) continue;
            if (sl_bytes_equal(value, sim_oracle_value(world, job, before))) seen |= 1u << before;
        }
    }
    uint32_t wanted = 0;
    for (uint16_t p = 0; p < stage->predecessor_count; p++) wanted |= 1u << stage->predecessors[p];
    return sl_mp_end(&reader) == 0 && seen == wanted;
}

static bool input_is_right(struct sim_world *world, const struct sim_job *job, uint16_t index, struct sl_bytes input) {
    const struct sl_stage *stage = &job->pipeline->stages[index];
    if (stage->predecessor_count == 0) return sl_bytes_equal(input, job->payload);
    if (stage->predecessor_count == 1) return sl_bytes_equal(input, sim_oracle_value(world, job, stage->predecessors[0]));
    return map_is_right(world, job, stage, input);
}

static void on_assign(struct sim_world *world, uint32_t broker, const struct sl_do_assign *assign) {
    const struct sl_token *token = &assign->token;
    struct sim_job *job = sim_oracle_job(world, token->job);
    struct sim_attempt *attempt = attempt_of(world, token);
    const char *name = sim_token_text(world, token);
    if (job && job->reborn) return;
    if (!job || !attempt) VIOLATED(world, "I7", "broker %c assigned %s before its start was durable", 'A' + (int)broker, name);
    if (job->cancelled_said && owns_now(world, broker, token->shard))
        VIOLATED(world, "I15", "broker %c assigned %s after it said that the job is cancelled", 'A' + (int)broker, name);
    if (!input_is_right(world, job, token->stage, assign->input))
        VIOLATED(world, "I8", "%s was given an input that is not what its predecessors committed", name);
    if (!sl_digest_equal(assign->definition, job->pipeline->digest))
        VIOLATED(world, "I8", "%s was given another pipeline", name);
    attempt->assigned = true;
}

static void on_ack(struct sim_world *world, uint32_t broker, const struct sl_token *token, bool stale) {
    const struct sim_attempt *attempt = attempt_of(world, token);
    const struct sim_job *job = sim_oracle_job(world, token->job);
    const char *name = sim_token_text(world, token);
    if (stale || (job && job->reborn)) return;
    bool given_back = attempt && attempt->outcome == SL_OUTCOME_LOST && token->attempt > SL_RETURNS_MAX;
    if (!attempt || !attempt->ended || (attempt->outcome == SL_OUTCOME_LOST && !given_back))
        VIOLATED(world, "I12", "broker %c acknowledged the result of %s, which is not durable", 'A' + (int)broker, name);
}

static void on_field_ack(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    int worker = sim_wire_peer(world, broker, effect->peer);
    if (worker < 0 || effect->ack.stale) return;
    const struct sl_token *token = sim_worker_field(world, (uint32_t)worker, broker, effect->re);
    struct sim_job *job = token ? sim_oracle_job(world, token->job) : NULL;
    if (!job || job->reborn) return;
    struct sim_stage *stage = &job->stages[token->stage];
    if (stage->field < token->attempt)
        VIOLATED(world, "I12", "broker %c acknowledged the field of %s, which is not durable", 'A' + (int)broker,
                 sim_token_text(world, token));
    if (stage->field_acked < token->attempt) stage->field_acked = token->attempt;
}

static void on_changed(struct sim_world *world, uint32_t broker, const struct sl_do_changed *changed) {
    const struct sim_job *job = sim_oracle_job(world, changed->job);
    if (!changed->known || (job && job->reborn)) return;
    if (!job || job->submitted == 0)
        VIOLATED(world, "I1", "broker %c showed %s, which is not durable", 'A' + (int)broker, sim_job_text(world, changed->job));
    if (sl_job_state_is_terminal(changed->state) && changed->state != job->state)
        VIOLATED(world, "I1", "broker %c showed %s as %s; durable is %s", 'A' + (int)broker,
                 sim_job_text(world, changed->job), sl_job_state_word(changed->state),
                 sl_job_state_word((enum sl_job_state)job->state));
    for (size_t i = 0; i < changed->stages.size && i < job->pipeline->stage_count; i++)
        if (changed->stages.data[i] == 's' && job->stages[i].state != SL_STAGE_SUCCEEDED)
            VIOLATED(world, "I1", "broker %c showed %s s%u as succeeded, which is not durable", 'A' + (int)broker,
                     sim_job_text(world, changed->job), (unsigned)i);
}

static void on_cancelled(struct sim_world *world, uint32_t broker, struct sl_job_id id, enum sl_job_state state) {
    struct sim_job *job = sim_oracle_job(world, id);
    if (job && job->reborn) return;
    if (!job || !job->ended || job->state != state)
        VIOLATED(world, "I15", "broker %c said that %s is %s, which is not durable", 'A' + (int)broker,
                 sim_job_text(world, id), sl_job_state_word(state));
    job->cancelled_said = true;
}

/* What the message says must be so, durably. */
static void check_content(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    switch (effect->kind) {
    case SL_DO_ACCEPTED:
        on_accepted(world, broker, &effect->accepted);
        return;
    case SL_DO_ASSIGN:
        on_assign(world, broker, &effect->assign);
        return;
    case SL_DO_RESULT_ACK:
        on_ack(world, broker, &effect->ack.token, effect->ack.stale);
        return;
    case SL_DO_ANSWER:
        sim_question_on_answer(world, broker, effect);
        return;
    case SL_DO_REJECTED:
        sim_question_on_rejected(world, broker, effect);
        return;
    case SL_DO_FIELD_ACK:
        on_field_ack(world, broker, effect);
        return;
    case SL_DO_CHANGED:
        on_changed(world, broker, &effect->changed);
        if (effect->changed.known && !sim_is_violated(world))
            sim_question_on_status(world, broker, effect, effect->changed.job, effect->changed.state);
        return;
    case SL_DO_CANCELLED:
        on_cancelled(world, broker, effect->cancelled.job, effect->cancelled.state);
        return;
    default:
        return;
    }
}

void sim_oracle_on_send(struct sim_world *world, uint32_t broker, const struct sl_effect *effect) {
    world->oracle->messages++;
    if (world->redis->went_back[effect->shard] && effect->n) return;
    check_content(world, broker, effect);
    if (effect->n && !sim_is_violated(world)) check_rests_on_durable(world, broker, effect);
}

/* I3: who is quarantined, or has seen a regression, has a reason; what was harmed is named. I18: where nothing that is stored can be
 * damaged, nothing is found unreadable. */
void sim_oracle_on_alarm(struct sim_world *world, uint32_t broker, uint16_t shard, struct sl_bytes text) {
    char sentence[1024], entry[32];
    const uint32_t *faults = world->plan.fault_weight;
    bool may_be_damaged = faults[SIM_FAULT_DAMAGE] || faults[SIM_FAULT_REDIS_BACK] || faults[SIM_FAULT_LOG_HARM] ||
                          world->redis->ever_lost;
    world->oracle->alarms++;
    if (shard >= SIM_SHARDS_MAX) return;
    world->oracle->shards[shard].alarmed = true;
    snprintf(sentence, sizeof sentence, "%.*s", (int)text.size, (const char *)text.data);
    /* Who was fenced while it recovered reads what its successor wrote and dropped. */
    bool is_false = !may_be_damaged && owns_now(world, broker, shard) && strstr(sentence, "cannot be read");
    if (is_false) sim_violated(world, "I18", "nothing stored was damaged: %s", sentence);
    if (!strstr(sentence, "is quarantined") && !strstr(sentence, "REGRESSION")) return;
    if (!world->redis->damaged[shard]) sim_violated(world, "I3", "a false alarm: %s", sentence);
    snprintf(entry, sizeof entry, "entry %llu", (unsigned long long)world->redis->harmed_n[shard]);
    /* A digest that differs may be wrong in either of two entries: the one before is named then, and the one behind it. */
    if (strstr(sentence, entry) || strstr(sentence, "the entry behind it says digest")) world->redis->harm_named[shard] = true;
}

/* I26: what a file holds is what was written behind the newest durable write, without a gap and as one chain; nothing that is durable
 * stands in it. */
void sim_oracle_on_keep(struct sim_world *world, const struct sl_effect *effect) {
    struct sl_kept kept;
    struct sl_kept_reader reader;
    struct sl_kept_write write;
    int rc;
    if (effect->keep.file.size == 0 && world->arena->failed > 0) return; /* no memory */
    if (sl_kept_open(effect->keep.file, &kept, &reader)) VIOLATED(world, "I26", "shard %u: what is kept cannot be read", (unsigned)effect->shard);
    uint64_t n = kept.durable;
    struct sl_digest digest = kept.digest;
    while ((rc = sl_kept_next(&reader, &write)) == 1) {
        if (write.verb == SL_LEDGER_COMMIT) digest = sl_digest_chain(digest, write.body);
        if (write.n != ++n || !sl_digest_equal(digest, write.digest))
            VIOLATED(world, "I26", "shard %u: write %llu is kept where %llu belongs, or breaks the chain", (unsigned)effect->shard,
                     (unsigned long long)write.n, (unsigned long long)n);
    }
    if (rc < 0 || kept.count != kept.held) sim_violated(world, "I26", "shard %u: not all is kept", (unsigned)effect->shard);
}
