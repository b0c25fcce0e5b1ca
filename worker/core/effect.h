/* What the agent wants done, in the order given. Everything in an effect is borrowed from the agent until its next step. */
#ifndef SL_AGENT_EFFECT_H
#define SL_AGENT_EFFECT_H

#include "event.h"

enum sl_agent_effect_kind {
    SL_AGENT_DO_RECONNECT,    /* close the link, open it again, then say CONNECTED */
    SL_AGENT_DO_HELLO,        /* beat */
    SL_AGENT_DO_HEARTBEAT,    /* beat */
    SL_AGENT_DO_RESULT,       /* token, result */
    SL_AGENT_DO_FIELD,        /* token, field */
    SL_AGENT_DO_BYE,
    SL_AGENT_DO_HOST_START,   /* host */
    SL_AGENT_DO_HOST_DEFINE,  /* host, define */
    SL_AGENT_DO_HOST_GIVE,    /* host, task */
    SL_AGENT_DO_HOST_RECLAIM, /* host, token: if the host has not begun it, make sure that it never does and say HOST_RECLAIMED */
    SL_AGENT_DO_HOST_END,     /* host, which has no task: let it close what it has open, and end */
    SL_AGENT_DO_HOST_SIGNAL,  /* host, signal: to its process group */
    SL_AGENT_DO_INLINE,       /* task, define: make the attempt now, then say INLINE_DONE */
    SL_AGENT_DO_EXIT,         /* status */
    SL_AGENT_EFFECT_COUNT
};

struct sl_agent_beat {
    uint64_t session;
    uint32_t slots;
    const struct sl_token *in_flight; /* begun; in HELLO all that have not ended */
    uint32_t in_flight_count;
    const struct sl_token *waiting;
    uint32_t waiting_count;
    const struct sl_token *results;
    uint32_t result_count;
};

struct sl_agent_effect {
    enum sl_agent_effect_kind kind;
    uint32_t host;
    struct sl_token token;
    union {
        struct sl_agent_beat beat;
        struct sl_agent_result result;
        struct {
            uint64_t message_id;
            struct sl_bytes name;
            struct sl_bytes value;
        } field;
        struct {
            const struct sl_agent_task *task;
            struct sl_digest digest;
            struct sl_bytes canonical; /* of DEFINE and INLINE */
        } give;
        int signal;
        int status;
    };
};

struct sl_agent_effects {
    const struct sl_agent_effect *items;
    uint32_t count;
};

#endif
