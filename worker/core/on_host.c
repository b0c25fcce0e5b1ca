/* What stage hosts say, and how their end becomes the end of an attempt. */
#include "parts.h"

#include "base/err.h"

#include <signal.h>
#include <string.h>

enum { TEXT_SIZE = 256 };

static struct host *named(struct sl_agent *self, const struct sl_agent_event *event) {
    SL_ASSERT(event->host < self->config.host_count);
    return &self->hosts[event->host];
}

int sl_agent_on_host_ready(struct sl_agent *self, const struct sl_agent_event *event) {
    struct host *host = named(self, event);
    if (host->state != HOST_STARTING) return SL_OK;
    host->state = HOST_READY;
    host->was_ready = true;
    host->failed_starts = 0;
    sl_agent_host_settle(self, host);
    return SL_OK;
}

/* Appends text at *used of a text of TEXT_SIZE, cutting what does not fit. */
static void add_text(char *text, size_t *used, const char *more) {
    size_t size = strlen(more);
    if (size > TEXT_SIZE - 1 - *used) size = TEXT_SIZE - 1 - *used;
    memcpy(text + *used, more, size);
    *used += size;
    text[*used] = '\0';
}

static void add_number(char *text, size_t *used, uint64_t number) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    add_text(text, used, digits + at);
}

static void add_progress(char *text, size_t *used, const struct attempt *attempt) {
    if (attempt->progress_done == 0) return;
    add_text(text, used, "; it had done ");
    add_number(text, used, attempt->progress_done);
    if (attempt->progress_total) {
        add_text(text, used, " of ");
        add_number(text, used, attempt->progress_total);
    }
}

static void timeout_text(const struct attempt *attempt, char *text) {
    size_t used = 0;
    add_text(text, &used, "timed out after ");
    add_number(text, &used, attempt->task.timeout_ms);
    add_text(text, &used, " ms");
    add_progress(text, &used, attempt);
}

/* "SIGSEGV", or "signal 40" for those without a name. */
static void signal_text(int number, char *text) {
    size_t used = 0;
    const char *name = sigabbrev_np(number);
    add_text(text, &used, name ? "SIG" : "signal ");
    if (name) {
        add_text(text, &used, name);
    } else {
        add_number(text, &used, (uint64_t)number);
    }
}

static void crash_text(const struct host *host, const struct sl_agent_event *event, char *text) {
    char name[TEXT_SIZE];
    size_t used = 0;
    if (host->reason == STOP_BROKEN && event->died.killed) {
        add_text(text, &used, host->broken_text);
    } else if (event->died.signal) {
        signal_text(event->died.signal, name);
        add_text(text, &used, "the stage was killed by ");
        add_text(text, &used, name);
        if (event->died.signal == SIGXFSZ) add_text(text, &used, ": it wrote a file above --stage-file-size");
        if (event->died.signal == SIGXCPU) add_text(text, &used, ": it used more processor time than its timeout allows");
    } else {
        add_text(text, &used, "the stage ended its process with exit status ");
        add_number(text, &used, (uint64_t)event->died.status);
        add_text(text, &used, " instead of returning");
    }
}

/* How the process ended, on one line, for the detail. */
static void end_text(const struct sl_agent_event *event, char *text) {
    char name[TEXT_SIZE];
    size_t used = 0;
    if (event->died.signal) {
        signal_text(event->died.signal, name);
        add_text(text, &used, "signal: ");
        add_text(text, &used, name);
    } else {
        add_text(text, &used, "exit status: ");
        add_number(text, &used, (uint64_t)(event->died.status < 0 ? 0 : event->died.status));
    }
    add_text(text, &used, "\n");
}

/* The last bytes that fit behind the first line; begins with a whole UTF-8 sequence. */
static struct sl_bytes tail_behind(struct sl_bytes tail, size_t first_line) {
    size_t room = SL_REASON_MAX - first_line;
    if (tail.size <= room) return tail;
    const uint8_t *at = tail.data + (tail.size - room);
    const uint8_t *end = tail.data + tail.size;
    while (at < end && (*at & 0xc0) == 0x80) at++;
    return sl_bytes(at, (size_t)(end - at));
}

/* The outcome of the attempt that the dead host made, with a block of its own: the error, then the detail. */
static int crash_outcome(struct sl_agent *self, const struct host *host, const struct attempt *head,
                         const struct sl_agent_event *event, struct outcome *out_outcome) {
    char error[TEXT_SIZE], end[TEXT_SIZE];
    bool timed_out = host->reason == STOP_TIMEOUT;
    if (timed_out) {
        timeout_text(head, error);
    } else {
        crash_text(host, event, error);
    }
    end_text(event, end);
    size_t error_size = strlen(error), end_size = strlen(end);
    struct sl_bytes tail = tail_behind(event->died.tail, end_size);

    struct outcome outcome = {.blob_size = error_size + end_size + tail.size};
    outcome.blob = sl_pool_take(&self->pool, outcome.blob_size);
    if (!outcome.blob) return SL_E_NO_MEMORY;
    memcpy(outcome.blob, error, error_size);
    memcpy(outcome.blob + error_size, end, end_size);
    if (tail.size) memcpy(outcome.blob + error_size + end_size, tail.data, tail.size);
    outcome.result.outcome = timed_out ? SL_OUTCOME_TIMEOUT : SL_OUTCOME_CRASH;
    outcome.result.error = sl_bytes(outcome.blob, error_size);
    outcome.result.detail = sl_bytes(outcome.blob + error_size, end_size + tail.size);
    outcome.result.duration_us = (self->now - host->head_at) / 1000;
    *out_outcome = outcome;
    return SL_OK;
}

/* What becomes of the attempt that headed a dead host's list. */
static void end_head(struct sl_agent *self, struct host *host, struct attempt *head, bool begun, struct outcome *outcome) {
    bool costs_nothing = !begun && !head->requeued && host->reason != STOP_TIMEOUT;
    if (host->reason == STOP_CANCEL || host->reason == STOP_DRAIN || costs_nothing) {
        sl_pool_give(&self->pool, outcome->blob, outcome->blob_size);
        head->requeued = true; /* a stage that damages the note of what has begun must not return for ever */
        if (host->reason == STOP_CANCEL) {
            sl_agent_attempt_return(self, head, "cancelled");
        } else if (host->reason == STOP_DRAIN) {
            sl_agent_attempt_return(self, head, "stopped, because the worker is leaving");
        } else {
            sl_agent_attempt_requeue(self, head);
        }
        return;
    }
    sl_agent_attempt_end(self, head, outcome);
}

int sl_agent_on_host_died(struct sl_agent *self, const struct sl_agent_event *event) {
    struct host *host = named(self, event);
    if (host->state == HOST_DOWN) return SL_OK;
    struct attempt *head = host_head(host);
    struct outcome outcome;
    if (head && crash_outcome(self, host, head, event, &outcome)) return SL_E_NO_MEMORY;

    host->failed_starts = host->was_ready ? 0 : host->failed_starts + 1;
    while (host->given.count > 1) sl_agent_attempt_requeue(self, attempt_of(host->given.head.prev));
    if (head) end_head(self, host, head, event->died.begun, &outcome);
    host->state = HOST_DOWN;
    host->until = sl_agent_host_restart_at(self, host);
    sl_agent_host_settle(self, host);
    return SL_OK;
}

/* The result that counts: an attempt that was told to stop for its time or its job ends so, whatever it says. */
static int done_outcome(struct sl_agent *self, const struct host *host, const struct attempt *head,
                        const struct sl_agent_event *event, struct outcome *out_outcome) {
    struct sl_agent_result result = event->done.result;
    char text[TEXT_SIZE];
    if (host->reason == STOP_TIMEOUT || host->reason == STOP_CANCEL) {
        result = (struct sl_agent_result){.duration_us = (self->now - host->head_at) / 1000, .detail = result.detail};
        result.outcome = host->reason == STOP_TIMEOUT ? SL_OUTCOME_TIMEOUT : SL_OUTCOME_RETURNED;
        timeout_text(head, text);
        result.error = sl_text(host->reason == STOP_TIMEOUT ? text : "cancelled");
    }
    return sl_agent_outcome_copy(self, &result, out_outcome);
}

static void mark_broken(struct sl_agent *self, struct host *host, struct sl_bytes text) {
    if (host->state == HOST_STOPPING || host->state == HOST_DOWN) return;
    size_t size = text.size < sizeof host->broken_text - 1 ? text.size : sizeof host->broken_text - 1;
    memcpy(host->broken_text, text.data, size);
    host->broken_text[size] = '\0';
    sl_agent_host_stop(self, host, STOP_BROKEN);
}

int sl_agent_on_host_done(struct sl_agent *self, const struct sl_agent_event *event) {
    struct host *host = named(self, event);
    struct attempt *head = host_head(host);
    if (host->state == HOST_DOWN || host->reason == STOP_BROKEN) return SL_OK;
    if (!head || head->task.token.nonce != event->nonce) {
        mark_broken(self, host, sl_text("the stage host answered for an attempt that it does not have"));
        return SL_OK;
    }
    struct outcome outcome;
    if (done_outcome(self, host, head, event, &outcome)) return SL_E_NO_MEMORY;
    sl_agent_attempt_end(self, head, &outcome);

    host->attempt_count++;
    uint64_t us = event->done.result.duration_us;
    host->mean_us = host->mean_us >= SL_AGENT_TINY_US ? us : (7 * host->mean_us + us) / 8;
    host->head_at = self->now;
    host->reclaimed = false;
    head = host_head(host);
    if (head && head->cancelled) sl_agent_host_stop(self, host, STOP_CANCEL);
    sl_agent_host_settle(self, host);
    sl_agent_host_retire(self, host);
    return SL_OK;
}

int sl_agent_on_host_progress(struct sl_agent *self, const struct sl_agent_event *event) {
    struct attempt *head = host_head(named(self, event));
    if (!head || head->task.token.nonce != event->nonce) return SL_OK;
    head->progress_done = event->progress.done;
    head->progress_total = event->progress.total;
    return SL_OK;
}

static int set_field(struct sl_agent *self, struct attempt *attempt, const struct sl_agent_event *event) {
    if (!attempt || attempt->task.token.nonce != event->nonce) return SL_OK;
    if (attempt->field_count >= SL_FIELDS_MAX) return SL_E_LIMIT;
    size_t size = sizeof(struct field) + event->field.name.size + event->field.value.size;
    struct field *field = sl_pool_take(&self->pool, size);
    if (!field) return SL_E_NO_MEMORY;
    memcpy(field->data, event->field.name.data, event->field.name.size);
    memcpy(field->data + event->field.name.size, event->field.value.data, event->field.value.size);
    field->name = sl_bytes(field->data, event->field.name.size);
    field->value = sl_bytes(field->data + event->field.name.size, event->field.value.size);
    field->size = size;
    field->attempt = attempt;
    field->message_id = self->next_field_id++;
    attempt->field_count++;
    sl_list_append(&self->fields, &field->link);
    sl_agent_emit_field(self, field);
    return SL_OK;
}

int sl_agent_on_host_field(struct sl_agent *self, const struct sl_agent_event *event) {
    static const char too_many[] = "the stage host set more fields than an attempt may";
    struct host *host = named(self, event);
    int rc = set_field(self, host_head(host), event);
    if (rc != SL_E_LIMIT) return rc;
    mark_broken(self, host, sl_text(too_many));
    return SL_OK;
}

int sl_agent_on_inline_field(struct sl_agent *self, const struct sl_agent_event *event) {
    return set_field(self, attempt_of(sl_list_first(&self->inlined)), event);
}

int sl_agent_on_host_reclaimed(struct sl_agent *self, const struct sl_agent_event *event) {
    struct host *host = named(self, event);
    const struct sl_link *first = sl_list_first(&host->given);
    for (struct sl_link *link = first ? sl_list_next(&host->given, first) : NULL; link;
         link = sl_list_next(&host->given, link)) {
        if (attempt_of(link)->task.token.nonce != event->nonce) continue;
        sl_agent_attempt_requeue(self, attempt_of(link));
        sl_agent_host_settle(self, host);
        return SL_OK;
    }
    return SL_OK;
}

int sl_agent_on_host_broken(struct sl_agent *self, const struct sl_agent_event *event) {
    mark_broken(self, named(self, event), event->text);
    return SL_OK;
}
