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

struct sim_client {
    uint32_t index;
    bool up;
    uint32_t life;
    uint64_t paused_until;
    struct sim_request *requests;
    uint32_t request_count;
    uint32_t sequence;
};

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
