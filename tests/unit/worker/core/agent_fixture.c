/* See agent_fixture.h. */
#include "agent_fixture.h"

#include "base/err.h"
#include "io/yaml.h"
#include "model/pipeline.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct sl_agent_type types[] = {
    {{(const uint8_t *)"plain", 5}, false}, {{(const uint8_t *)"quick", 5}, true}, {{(const uint8_t *)"other", 5}, false}};

void fixture_pipeline(struct agent_fixture *self, unsigned number) {
    char yaml[256];
    (void)snprintf(yaml, sizeof yaml, "name: tried-%u\nversion: \"2026-01-15\"\nstages:\n"
                   "  - {name: a, type: plain}\n  - {name: b, type: quick}\n  - {name: c, type: other}\n", number);
    struct sl_tree tree;
    struct sl_yaml_error error;
    struct sl_problems problems;
    struct sl_pipeline *pipeline;
    sl_problems_init(&problems, sl_alloc_system());
    cr_assert_eq(sl_yaml_parse(sl_text(yaml), sl_alloc_system(), &tree, &error), SL_OK);
    cr_assert_eq(sl_pipeline_from_tree(&tree, false, sl_alloc_system(), &problems, &pipeline), SL_OK);
    sl_buf_clear(&self->canonical);
    cr_assert_eq(sl_buf_append(&self->canonical, pipeline->canonical.data, pipeline->canonical.size), SL_OK);
    self->digest = pipeline->digest;
    sl_pipeline_free(&pipeline);
    sl_problems_fini(&problems);
    sl_tree_fini(&tree);
}

void fixture_new(struct agent_fixture *self, uint32_t prefetch) {
    memset(self, 0, sizeof *self);
    sl_counting_alloc_init(&self->alloc);
    sl_failing_alloc_init(&self->spool, 0);
    self->now = 1000000000u;
    self->next_nonce = 100;
    self->epoch = 1;
    self->shard = 2;
    sl_buf_init(&self->canonical, sl_alloc_system());
    fixture_pipeline(self, 0);
    const struct sl_agent_config config = {.host_count = HOSTS, .prefetch = prefetch, .grace_ms = GRACE_MS, .drain_ms = DRAIN_MS,
                                           .heartbeat_ms = HEARTBEAT_MS, .lost_ms = LOST_MS, .types = types, .type_count = 3,
                                           .spool = &self->spool.alloc,
                                           .host_attempts_max = WORN_AFTER, .host_age_min_ms = WORN_AGE_MS};
    cr_assert_eq(sl_agent_new(&self->alloc.alloc, &config, &self->agent), SL_OK);
}

void fixture_free(struct agent_fixture *self) {
    sl_agent_free(&self->agent);
    sl_buf_fini(&self->canonical);
    cr_assert_eq(self->alloc.live_blocks, 0, "the agent keeps %zu blocks", self->alloc.live_blocks);
    cr_assert_eq(self->spool.live_blocks, 0, "the agent keeps %zu blocks of the spool", self->spool.live_blocks);
}

void fixture_running(struct agent_fixture *self, uint32_t prefetch) {
    fixture_new(self, prefetch);
    fixture_tell(self, SL_AGENT_START);
    fixture_tell(self, SL_AGENT_CONNECTED);
    fixture_welcome(self);
    fixture_define(self);
    for (uint32_t i = 0; i < HOSTS; i++) fixture_tell_host(self, SL_AGENT_HOST_READY, i);
}

void fixture_step(struct agent_fixture *self, struct sl_agent_event event) {
    char why[128] = "";
    event.now = self->now;
    self->rc = sl_agent_step(self->agent, &event, &self->effects);
    cr_assert(sl_agent_check(self->agent, why, sizeof why), "after event %d: %s", event.kind, why);
    cr_assert(self->rc == SL_OK || self->effects.count == 0);
}

void fixture_tell(struct agent_fixture *self, enum sl_agent_event_kind kind) {
    fixture_step(self, (struct sl_agent_event){.kind = kind});
}

void fixture_tell_host(struct agent_fixture *self, enum sl_agent_event_kind kind, uint32_t host) {
    fixture_step(self, (struct sl_agent_event){.kind = kind, .host = host});
}

void fixture_welcome(struct agent_fixture *self) {
    struct sl_agent_event event = {.kind = SL_AGENT_WELCOME};
    event.welcome.session = 7;
    event.welcome.heartbeat_ms = HEARTBEAT_MS;
    event.welcome.lost_ms = LOST_MS;
    fixture_step(self, event);
}

void fixture_define(struct agent_fixture *self) {
    struct sl_agent_event event = {.kind = SL_AGENT_DEFINE};
    event.define.digest = self->digest;
    event.define.canonical = sl_buf_bytes(&self->canonical);
    fixture_step(self, event);
}

void fixture_assign_token(struct agent_fixture *self, const struct sl_token *token, uint32_t timeout_ms) {
    struct sl_agent_event event = {.kind = SL_AGENT_ASSIGN};
    event.task.token = *token;
    event.task.definition = self->digest;
    event.task.timeout_ms = timeout_ms;
    event.task.input = sl_text("input");
    event.task.tenant = sl_text("default");
    fixture_step(self, event);
}

struct sl_token fixture_assign(struct agent_fixture *self, uint16_t stage, uint32_t timeout_ms) {
    struct sl_token token = {.shard = self->shard, .epoch = self->epoch, .run = 1, .stage = stage, .attempt = 1, .nonce = self->next_nonce++};
    fixture_assign_token(self, &token, timeout_ms);
    return token;
}

void fixture_cancel(struct agent_fixture *self, const struct sl_token *token) {
    struct sl_agent_event event = {.kind = SL_AGENT_CANCEL};
    event.token = *token;
    fixture_step(self, event);
}

void fixture_ack(struct agent_fixture *self, const struct sl_token *token) {
    struct sl_agent_event event = {.kind = SL_AGENT_RESULT_ACK};
    event.token = *token;
    fixture_step(self, event);
}

void fixture_done(struct agent_fixture *self, uint32_t host, const struct sl_token *token, uint64_t duration_us) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DONE, .host = host, .nonce = token->nonce};
    event.done.result.outcome = SL_OUTCOME_DONE;
    event.done.result.output = sl_text("output");
    event.done.result.duration_us = duration_us;
    fixture_step(self, event);
}

void fixture_reclaimed(struct agent_fixture *self, uint32_t host, const struct sl_token *token) {
    fixture_step(self, (struct sl_agent_event){.kind = SL_AGENT_HOST_RECLAIMED, .host = host, .nonce = token->nonce});
}

void fixture_field(struct agent_fixture *self, uint32_t host, const struct sl_token *token, const char *name) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_FIELD, .host = host, .nonce = token->nonce};
    event.field.name = sl_text(name);
    event.field.value = sl_text("\xc3");
    fixture_step(self, event);
}

void fixture_died(struct agent_fixture *self, uint32_t host, int signal, int status, bool begun) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED, .host = host};
    event.died.signal = signal;
    event.died.status = status;
    event.died.begun = begun;
    event.died.tail = sl_text("last words\n");
    fixture_step(self, event);
}

void fixture_pass(struct agent_fixture *self, uint64_t ms) {
    self->now += ms * 1000000u;
    fixture_tell(self, SL_AGENT_TICK);
}

uint32_t fixture_count(const struct agent_fixture *self, enum sl_agent_effect_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->effects.count; i++) count += self->effects.items[i].kind == kind;
    return count;
}

const struct sl_agent_effect *fixture_first(const struct agent_fixture *self, enum sl_agent_effect_kind kind) {
    for (uint32_t i = 0; i < self->effects.count; i++) {
        if (self->effects.items[i].kind == kind) return &self->effects.items[i];
    }
    return NULL;
}

const struct sl_agent_result *fixture_result(const struct agent_fixture *self, const struct sl_token *token) {
    const struct sl_agent_effect *effect = fixture_first(self, SL_AGENT_DO_RESULT);
    cr_assert_eq(fixture_count(self, SL_AGENT_DO_RESULT), 1);
    cr_assert(sl_token_equal(&effect->token, token));
    return &effect->result;
}
