/* What the agent is told. Everything in an event is borrowed until step returns. */
#ifndef SL_AGENT_EVENT_H
#define SL_AGENT_EVENT_H

#include "base/bytes.h"
#include "base/id.h"
#include "base/outcome.h"

struct sl_agent_task {
    struct sl_token token;
    struct sl_digest definition;
    uint32_t timeout_ms;
    struct sl_bytes input;
    struct sl_bytes tenant;
    struct sl_bytes doc_key;
    struct sl_bytes callable; /* not looked into */
};

struct sl_agent_result {
    enum sl_outcome outcome;
    uint32_t value_count;
    struct sl_bytes values; /* state values as they go over the wire; not looked into */
    struct sl_bytes output;
    uint64_t count;
    uint64_t duration_us;
    struct sl_bytes error;
    struct sl_bytes detail;
};

enum sl_agent_event_kind {
    SL_AGENT_START,        /* first of all */
    SL_AGENT_CONNECTED,    /* the link to the broker was opened: at the start, and after each RECONNECT */
    SL_AGENT_WELCOME,      /* welcome */
    SL_AGENT_ASSIGN,       /* task */
    SL_AGENT_CANCEL,       /* token */
    SL_AGENT_RESULT_ACK,   /* token */
    SL_AGENT_FIELD_ACK,    /* message_id */
    SL_AGENT_REJECTED,     /* rejected: the broker does not carry out what we said */
    SL_AGENT_DEFINE,       /* define */
    SL_AGENT_BEAT,         /* the broker lives */
    SL_AGENT_RESET,        /* the broker does not know us */
    SL_AGENT_OFFERS,       /* what this worker offers has changed */
    SL_AGENT_BROKER_BYE,   /* the broker leaves */
    SL_AGENT_HOST_READY,   /* host */
    SL_AGENT_HOST_DONE,    /* host, nonce, result */
    SL_AGENT_HOST_PROGRESS, /* host, nonce, progress */
    SL_AGENT_HOST_FIELD,   /* host, nonce, field */
    SL_AGENT_HOST_RECLAIMED, /* host, nonce: the host will not begin this task */
    SL_AGENT_HOST_BROKEN,  /* host, text: its channel ended or carried nonsense */
    SL_AGENT_HOST_DIED,    /* host, died */
    SL_AGENT_INLINE_FIELD, /* nonce, field: of the attempt that runs inline */
    SL_AGENT_INLINE_DONE,  /* done.token, result */
    SL_AGENT_TICK,         /* time passes, and what has come was told before: only now is something late */
    SL_AGENT_DRAIN,        /* take nothing more, end what runs, leave */
    SL_AGENT_STOP,         /* leave at once */
    SL_AGENT_SPAWNER_LOST, /* no host can live or be started any more */
    SL_AGENT_EVENT_COUNT
};

struct sl_agent_event {
    enum sl_agent_event_kind kind;
    uint32_t host;
    uint64_t now;   /* monotonic nanoseconds; never goes back */
    uint64_t nonce; /* of the attempt's token */
    union {
        struct {
            uint64_t session;
            uint32_t heartbeat_ms;
            uint32_t lost_ms;
        } welcome;
        struct sl_agent_task task;
        struct {
            struct sl_digest digest;
            struct sl_bytes canonical;
        } define;
        struct {
            struct sl_token token; /* of INLINE_DONE; HOST_DONE is matched by nonce */
            struct sl_agent_result result;
        } done;
        struct sl_token token;
        uint64_t message_id;
        struct {
            uint64_t message_id;
            bool retryable;
        } rejected;
        struct {
            uint64_t done;
            uint64_t total; /* 0: unknown */
        } progress;
        struct {
            struct sl_bytes name;
            struct sl_bytes value;
        } field;
        struct sl_bytes text;
        struct {
            int signal;            /* that killed it, or 0 */
            int status;            /* exit status when signal is 0; negative: it could not be started, and text says why */
            bool begun;            /* the first task of its list was begun */
            bool killed;           /* it was not ending when SIGKILL was sent to it */
            struct sl_bytes text;
            struct sl_bytes tail;  /* the last lines that it wrote to stdout and stderr */
        } died;
    };
};

#endif
