/* Simulated clients: each request is sent until it is answered, the same key again and again, and then followed to its job's end. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "message.h"
#include "oracle.h"

enum sim_request_kind { SIM_REQUEST_KEY, SIM_REQUEST_DOC, SIM_REQUEST_ONCE };
enum sim_request_state { SIM_REQUEST_NEW, SIM_REQUEST_SENT, SIM_REQUEST_ACCEPTED, SIM_REQUEST_ENDED, SIM_REQUEST_REFUSED };

struct sim_request {
    uint32_t job;      /* number */
    uint32_t variant;  /* of the payload: 1 conflicts */
    enum sim_request_state state;
    uint64_t due;      /* when to act next */
    uint32_t sends;
    uint32_t broker;   /* whom to ask next */
    bool cancels;
    bool cancelled;    /* CANCELLED, or a refusal of it, was seen */
    uint64_t cancel_due;
};

/* A question, and what was so when it was asked. */
struct sim_question {
    uint64_t re;
    uint64_t asked_at;
    enum sl_query_what what;
    bool whole;                         /* by the whole id, not by a prefix */
    bool told;                          /* the client had been told that the job is accepted */
    uint32_t job;                       /* number */
    uint32_t statuses, limit;           /* of a list */
    uint32_t events;                    /* of the job, durable */
    uint32_t succeeded;                 /* its stages that had, as bits */
    uint32_t fields[SIM_SHAPE_STAGES_MAX]; /* acknowledged */
    uint8_t shown[SIM_JOBS_MAX];        /* as the client's */
};

/* The second byte of a message id. */
enum { SIM_ASKED_SUBMIT = 1, SIM_ASKED_CANCEL = 2, SIM_ASKED_QUESTION = 3, SIM_QUESTIONS_KEPT = 16 };

struct sim_client {
    uint32_t index;
    bool up;
    uint32_t life;
    uint64_t paused_until;
    struct sim_request *requests;
    uint32_t request_count;
    uint32_t sequence;
    uint8_t shown[SIM_JOBS_MAX]; /* the newest status that was shown of each job, + 1; 0: none was */
    struct sim_question questions[SIM_QUESTIONS_KEPT]; /* the newest */
};

/* The question that a message answers, or NULL. */
const struct sim_question *sim_client_question(const struct sim_client *client, uint64_t re);

/* All clients with their requests, and the jobs behind them in the oracle. */
void sim_clients_new(struct sim_world *world);

/* What a job's SUBMIT says of who it is. */
enum sim_request_kind sim_job_kind(const struct sim_job *job);

uint32_t sim_client_life(const struct sim_world *world, uint32_t client);
void sim_client_crash(struct sim_world *world, uint32_t index);
void sim_client_on_tick(struct sim_world *world, uint32_t index);
void sim_client_on_message(struct sim_world *world, uint32_t index, uint32_t broker, struct sim_message *message);

/* Whether every request has its answer and saw its job's end. */
bool sim_clients_are_quiet(const struct sim_world *world, char *why, size_t size);

#endif
