/* Lines of text about a run; see trace.h. */
#include "trace.h"

#include "base/outcome.h"
#include "oracle.h"

#include <stdarg.h>

/* Each call gives the next of a few: lines are made of several texts at once. */
__attribute__((noinline)) static char *buffer(void) {
    static char buffers[8][256];
    static unsigned next;
    return buffers[next++ % 8];
}

enum { BUFFER_SIZE = 256 };

static void keep_tail(struct sim_trace *trace, const char *line, size_t size) {
    struct sl_buf *tail = trace->tail;
    if (tail->size + size > trace->tail_max) {
        size_t cut = tail->size / 2;
        memmove(tail->data, tail->data + cut, tail->size - cut);
        tail->size -= cut;
    }
    (void)sl_buf_append(tail, line, size); /* a tail that is too short is still a tail */
}

static void who_text(unsigned who, char *out, size_t size) {
    if (who < SIM_WHO_WORKER) snprintf(out, size, "broker %c", 'A' + (int)who);
    else if (who < SIM_WHO_CLIENT) snprintf(out, size, "worker %u", who - SIM_WHO_WORKER + 1);
    else if (who < SIM_WHO_REDIS) snprintf(out, size, "client %u", who - SIM_WHO_CLIENT + 1);
    else snprintf(out, size, who == SIM_WHO_REDIS ? "redis" : "world");
}

void sim_trace_line(struct sim_world *world, unsigned who, unsigned indent, const char *format, ...) {
    char name[24], text[400], line[480];
    va_list arguments;
    who_text(who, name, sizeof name);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int size = snprintf(line, sizeof line, "%7llu.%03llu  %*s%-8s  %s\n", (unsigned long long)(world->now / SIM_MS),
                        (unsigned long long)(world->now / SIM_US % 1000), (int)indent * 2, "", name, text);
    if (world->trace->file) fwrite(line, 1, (size_t)size, world->trace->file);
    if (world->trace->tail) keep_tail(world->trace, line, (size_t)size);
}

const char *sim_job_text(struct sim_world *world, struct sl_job_id id) {
    char *text = buffer();
    int number = sim_oracle_job_number(world, id);
    if (number >= 0) snprintf(text, BUFFER_SIZE, "j%d", number + 1);
    else snprintf(text, BUFFER_SIZE, "j?%02x%02x", id.bytes[0], id.bytes[1]);
    return text;
}

const char *sim_token_text(struct sim_world *world, const struct sl_token *token) {
    char *text = buffer();
    snprintf(text, BUFFER_SIZE, "%s s%u #%u", sim_job_text(world, token->job), (unsigned)token->stage,
             (unsigned)token->attempt);
    return text;
}

static const char *changed_text(struct sim_world *world, const struct sl_do_changed *changed) {
    char *text = buffer();
    if (!changed->known) {
        snprintf(text, BUFFER_SIZE, "CHANGED %s unknown", sim_job_text(world, changed->job));
        return text;
    }
    snprintf(text, BUFFER_SIZE, "CHANGED %s %s [%.*s]%s%.*s", sim_job_text(world, changed->job),
             sl_job_state_word(changed->state), (int)changed->stages.size, (const char *)changed->stages.data,
             changed->reason.size ? " " : "", (int)(changed->reason.size > 120 ? 120 : changed->reason.size),
             (const char *)changed->reason.data);
    return text;
}

const char *sim_effect_text(struct sim_world *world, const struct sl_effect *effect) {
    static const char *const plain[] = {
        [SL_DO_WELCOME] = "WELCOME", [SL_DO_CALLABLES] = "CALLABLES", [SL_DO_DEFINE] = "DEFINE", [SL_DO_HEARTBEAT] = "HEARTBEAT",
        [SL_DO_RESET] = "RESET", [SL_DO_BYE] = "BYE", [SL_DO_ANSWER] = "ANSWER", [SL_DO_FIELD_ACK] = "FIELD_ACK"};
    char *text = buffer();
    switch (effect->kind) {
    case SL_DO_ACCEPTED:
        snprintf(text, BUFFER_SIZE, "ACCEPTED %s%s", sim_job_text(world, effect->accepted.job),
                 effect->accepted.duplicate ? " duplicate" : "");
        return text;
    case SL_DO_REJECTED:
        snprintf(text, BUFFER_SIZE, "REJECTED %.*s", (int)(effect->rejected.message.size > 160 ? 160 : effect->rejected.message.size),
                 (const char *)effect->rejected.message.data);
        return text;
    case SL_DO_CANCELLED:
        snprintf(text, BUFFER_SIZE, "CANCELLED %s %s", sim_job_text(world, effect->cancelled.job),
                 sl_job_state_word(effect->cancelled.state));
        return text;
    case SL_DO_CHANGED:
        return changed_text(world, &effect->changed);
    case SL_DO_ASSIGN:
        snprintf(text, BUFFER_SIZE, "ASSIGN %s", sim_token_text(world, &effect->assign.token));
        return text;
    case SL_DO_RESULT_ACK:
        snprintf(text, BUFFER_SIZE, "RESULT_ACK %s %s", sim_token_text(world, &effect->ack.token),
                 effect->ack.stale ? "stale" : "ok");
        return text;
    case SL_DO_CANCEL:
        snprintf(text, BUFFER_SIZE, "CANCEL %s", sim_token_text(world, &effect->token));
        return text;
    case SL_DO_ALARM:
        snprintf(text, BUFFER_SIZE, "alarm: %.*s", (int)(effect->text.size > 200 ? 200 : effect->text.size),
                 (const char *)effect->text.data);
        return text;
    default:
        break;
    }
    snprintf(text, BUFFER_SIZE, "%s",
             (size_t)effect->kind < sizeof plain / sizeof *plain && plain[effect->kind] ? plain[effect->kind] : "?");
    return text;
}

const char *sim_event_text(struct sim_world *world, const struct sl_event *event) {
    static const char *const plain[SL_EV_COUNT] = {
        [SL_EV_TICK] = "TICK", [SL_EV_FLUSH] = "FLUSH", [SL_EV_LEDGER_UP] = "ledger is up",
        [SL_EV_LEDGER_DOWN] = "ledger is down", [SL_EV_PRESSURE] = "PRESSURE", [SL_EV_PIPELINE] = "PIPELINE",
        [SL_EV_ACCEPT_TYPE] = "ACCEPT_TYPE",
        [SL_EV_POLICY] = "POLICY", [SL_EV_TYPE] = "TYPE", [SL_EV_WATCH] = "WATCH",
        [SL_EV_CLIENT_GONE] = "CLIENT_GONE", [SL_EV_HELLO] = "HELLO", [SL_EV_HEARTBEAT] = "HEARTBEAT",
        [SL_EV_BYE] = "BYE", [SL_EV_WORKER_GONE] = "WORKER_GONE", [SL_EV_DRAIN] = "DRAIN"};
    char *text = buffer();
    switch (event->kind) {
    case SL_EV_SUBMIT:
        snprintf(text, BUFFER_SIZE, "SUBMIT %s%s", sim_job_text(world, event->submit.id),
                 event->submit.again ? " again" : "");
        return text;
    case SL_EV_FIELD:
        snprintf(text, BUFFER_SIZE, "FIELD %s %.*s", sim_token_text(world, &event->field.token),
                 (int)event->field.name.size, (const char *)event->field.name.data);
        return text;
    case SL_EV_QUERY:
        snprintf(text, BUFFER_SIZE, "QUERY %d %.*s", (int)event->query.what, (int)event->query.job.size,
                 (const char *)event->query.job.data);
        return text;
    case SL_EV_CANCEL_JOB:
        snprintf(text, BUFFER_SIZE, "CANCEL_JOB %.*s", (int)event->cancel_job.job.size,
                 (const char *)event->cancel_job.job.data);
        return text;
    case SL_EV_RESULT:
        snprintf(text, BUFFER_SIZE, "RESULT %s %s", sim_token_text(world, &event->result.token),
                 sl_outcome_text(event->result.outcome));
        return text;
    default:
        break;
    }
    snprintf(text, BUFFER_SIZE, "%s", plain[event->kind] ? plain[event->kind] : "?");
    return text;
}

const char *sim_call_text(struct sim_world *world, const struct sl_ledger_call *call) {
    static const char *const verbs[] = {"COMMIT", "SETTLE", "BEAT", "RELEASE", "ACQUIRE", "RESUME",
                                        "READ_LEASE", "READ_LIVE", "READ_LOG", "READ_JOB", "READ_ENDED",
                                        "READ_OLDEST", "READ_RECORD", "READ_HEAD", "READ_GONE", "READ_PIPELINE"};
    char *text = buffer();
    switch (call->verb) {
    case SL_LEDGER_COMMIT:
        snprintf(text, BUFFER_SIZE, "COMMIT s%u n=%llu: %s", (unsigned)call->shard, (unsigned long long)call->n + 1,
                 sim_batch_text(world, call->body));
        return text;
    case SL_LEDGER_READ_JOB:
        snprintf(text, BUFFER_SIZE, "READ_JOB %s", sim_job_text(world, call->job));
        return text;
    default:
        break;
    }
    snprintf(text, BUFFER_SIZE, "%s s%u n=%llu", verbs[call->verb], (unsigned)call->shard,
             (unsigned long long)(call->verb <= SL_LEDGER_RELEASE ? call->n + 1 : call->n));
    return text;
}

const char *sim_reply_text(const struct sl_ledger_reply *reply) {
    static const char *const words[] = {"OK", "FENCED", "AT", "LOST", "UNAVAILABLE", "FAILED"};
    char *text = buffer();
    snprintf(text, BUFFER_SIZE, "%s n=%llu%s%.*s", words[reply->status], (unsigned long long)reply->n,
             reply->text.size ? " " : "", (int)(reply->text.size > 120 ? 120 : reply->text.size),
             (const char *)reply->text.data);
    return text;
}
