/* States of jobs and stages, and which moves between them are legal. The lists are job_states.def and stage_states.def. */
#ifndef SL_CORE_STATES_H
#define SL_CORE_STATES_H

#include <stdbool.h>
#include <stdint.h>

enum sl_job_state {
#define SL_JOB_STATE(name, number, word, terminal) SL_JOB_##name = number,
#include "job_states.def"
#undef SL_JOB_STATE
    SL_JOB_STATE_COUNT
};

enum sl_stage_state {
#define SL_STAGE_STATE(name, number, letter, word, terminal) SL_STAGE_##name = number,
#include "stage_states.def"
#undef SL_STAGE_STATE
    SL_STAGE_STATE_COUNT
};

/* Whether a job may move from one status to another (seed, row 55; a job that is submitted may be refused its run at once). */
bool sl_job_state_may_move(enum sl_job_state from, enum sl_job_state to);
bool sl_job_state_is_terminal(enum sl_job_state state);
const char *sl_job_state_word(enum sl_job_state state);

/* Whether a stage may move from one state to another, by the picture in stage_states.def. */
bool sl_stage_state_may_move(enum sl_stage_state from, enum sl_stage_state to);
bool sl_stage_state_is_terminal(enum sl_stage_state state);
const char *sl_stage_state_word(enum sl_stage_state state);
char sl_stage_state_letter(enum sl_stage_state state);

#endif
