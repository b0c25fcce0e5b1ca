/* A session under test, with a broker of a few lines behind it and a clock that the test moves. */
#ifndef TALK_H
#define TALK_H

#include "client/session.h"

#include "base/buf.h"

enum { TALK_SENT_MAX = 64, TALK_DONE_MAX = 64, TALK_CHANGES_MAX = 256 };

struct talk {
    struct sl_session *session;
    uint64_t now; /* ns */
    bool can_send;
    uint32_t connect_count;
    uint32_t sent_count; /* frames since talk_clear */
    struct sl_wire_prefix sent[TALK_SENT_MAX];
    bool sent_again[TALK_SENT_MAX];     /* of a SUBMIT */
    uint32_t sent_watches[TALK_SENT_MAX]; /* jobs in a WATCH */
    uint32_t done_count;
    struct sl_session_done done[TALK_DONE_MAX];
    char done_text[TALK_DONE_MAX][64]; /* message of the refusal */
    uint32_t change_count;
    uint64_t changes[TALK_CHANGES_MAX]; /* n of each */
    struct sl_buf frame;
};

void talk_init(struct talk *self, uint32_t window);
void talk_fini(struct talk *self);
/* Forgets what was seen. */
void talk_clear(struct talk *self);
/* Takes all effects. */
void talk_drain(struct talk *self);
/* Moves the clock, ticks, takes all effects. */
void talk_pass_ms(struct talk *self, uint64_t ms);
/* Starts a SUBMIT with `timeout_ms` and takes the effects; its id. */
uint64_t talk_submit(struct talk *self, uint64_t timeout_ms);
/* The broker speaks. */
void talk_accept(struct talk *self, uint64_t re);
void talk_reject(struct talk *self, uint64_t re, const char *code, bool retryable, uint32_t retry_after_ms);
void talk_reset(struct talk *self);
void talk_change(struct talk *self, uint8_t job, uint64_t n, const char *status, uint32_t lost);
struct sl_job_id talk_job(uint8_t number);

#endif
