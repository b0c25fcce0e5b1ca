/* What the broker says, as events of the agent. */
#include "worker.h"

#include "base/err.h"
#include "base/limits.h"
#include "wire/wire.h"

static int on_welcome(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_welcome welcome;
    int rc = sl_wire_welcome_decode(body, &welcome);
    if (rc) return rc;
    struct sl_bytes sentence;
    while (sl_wire_strs_next(&welcome.refused_types, &sentence)) {
        const struct sl_log_field field = sl_log_text("type", sentence);
        sl_log_with(SL_LOG_WARNING, &field, 1, "the broker does not take a stage type from this worker");
    }
    const struct sl_log_field session = sl_log_number("session", welcome.session);
    sl_log_with(SL_LOG_INFO, &session, 1, "connected to the broker at %s", self->options->broker);
    struct sl_agent_event event = {.kind = SL_AGENT_WELCOME};
    event.welcome.session = welcome.session;
    event.welcome.heartbeat_ms = (uint32_t)welcome.heartbeat_ms;
    event.welcome.lost_ms = (uint32_t)welcome.lost_ms;
    sl_worker_step(self, event);
    return SL_OK;
}

static int on_assign(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_assign assign;
    struct sl_wire_task task;
    int rc = sl_wire_assign_decode(body, &assign);
    while (rc == SL_OK && sl_wire_task_next(&assign.tasks, &task)) {
        struct sl_agent_event event = {.kind = SL_AGENT_ASSIGN};
        event.task.token = task.token;
        event.task.definition = task.definition;
        event.task.timeout_ms = (uint32_t)task.timeout_ms;
        event.task.input = task.input;
        event.task.tenant = task.tenant;
        event.task.doc_key = task.doc_key;
        event.task.callable = task.callable;
        sl_worker_step(self, event);
    }
    return rc;
}

static int on_result_ack(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_result_ack message;
    struct sl_wire_ack ack;
    int rc = sl_wire_result_ack_decode(body, &message);
    while (rc == SL_OK && sl_wire_ack_next(&message.acks, &ack)) {
        struct sl_agent_event event = {.kind = SL_AGENT_RESULT_ACK};
        event.token = ack.token;
        sl_worker_step(self, event);
    }
    return rc;
}

static int on_cancel(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_cancel cancel;
    struct sl_wire_task_ref task;
    int rc = sl_wire_cancel_decode(body, &cancel);
    while (rc == SL_OK && sl_wire_task_ref_next(&cancel.tasks, &task)) {
        struct sl_agent_event event = {.kind = SL_AGENT_CANCEL};
        event.token = task.token;
        sl_worker_step(self, event);
    }
    return rc;
}

static int on_define(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_define define;
    int rc = sl_wire_define_decode(body, &define);
    if (rc) return rc;
    struct sl_agent_event event = {.kind = SL_AGENT_DEFINE};
    event.define.digest = define.digest;
    event.define.canonical = define.definition;
    sl_worker_step(self, event);
    return SL_OK;
}

static int on_field_ack(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_field_ack ack;
    int rc = sl_wire_field_ack_decode(body, &ack);
    if (rc) return rc;
    struct sl_agent_event event = {.kind = SL_AGENT_FIELD_ACK};
    event.message_id = ack.re;
    sl_worker_step(self, event);
    return SL_OK;
}

static int on_rejected(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_rejected rejected;
    int rc = sl_wire_rejected_decode(body, &rejected);
    if (rc) return rc;
    const struct sl_log_field fields[] = {sl_log_text("code", rejected.code), sl_log_text("reason", rejected.message)};
    sl_log_with(SL_LOG_ERROR, fields, 2, "the broker refuses what this worker says");
    struct sl_agent_event event = {.kind = SL_AGENT_REJECTED};
    event.rejected.message_id = rejected.re;
    event.rejected.retryable = rejected.retryable;
    sl_worker_step(self, event);
    return SL_OK;
}

static int take(struct sl_worker *self, unsigned type, struct sl_bytes body) {
    switch (type) {
    case SL_WIRE_WELCOME: return on_welcome(self, body);
    case SL_WIRE_ASSIGN: return on_assign(self, body);
    case SL_WIRE_RESULT_ACK: return on_result_ack(self, body);
    case SL_WIRE_CANCEL: return on_cancel(self, body);
    case SL_WIRE_CALLABLES: return sl_callables_told(self, body);
    case SL_WIRE_DEFINE: return on_define(self, body);
    case SL_WIRE_FIELD_ACK: return on_field_ack(self, body);
    case SL_WIRE_REJECTED: return on_rejected(self, body);
    case SL_WIRE_HEARTBEAT: sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_BEAT}); return SL_OK;
    case SL_WIRE_RESET: sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_RESET}); return SL_OK;
    case SL_WIRE_BYE: sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_BROKER_BYE}); return SL_OK;
    default: return SL_E_BAD_INPUT;
    }
}

void sl_session_receive(struct sl_worker *self, struct sl_bytes frame) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    int rc = sl_wire_open(frame, &prefix, &body);
    if (rc == SL_OK) rc = take(self, prefix.type, body);
    if (rc == SL_OK) return;
    if (!sl_worker_is_said(++self->ignored_count)) return;
    sl_log(SL_LOG_WARNING, "a message of the broker (%s) was ignored: %s (%lu so far)",
           rc == SL_E_VERSION ? "other version" : sl_wire_type_text(prefix.type), sl_err_text(rc), (unsigned long)self->ignored_count);
}
