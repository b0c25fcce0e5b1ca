/* The two transition tables. */
#include "states.h"

#include "base/assert.h"

bool sl_job_state_may_move(enum sl_job_state from, enum sl_job_state to) {
    static const uint8_t moves[SL_JOB_STATE_COUNT] = {
        [SL_JOB_QUEUED] = 1u << SL_JOB_PROCESSING | 1u << SL_JOB_FAILED | 1u << SL_JOB_CANCELLED,
        [SL_JOB_PROCESSING] = 1u << SL_JOB_PROCESSING | 1u << SL_JOB_COMPLETED | 1u << SL_JOB_FAILED |
                              1u << SL_JOB_CANCELLED,
    };
    SL_ASSERT(from < SL_JOB_STATE_COUNT && to < SL_JOB_STATE_COUNT);
    return moves[from] >> to & 1;
}

bool sl_job_state_is_terminal(enum sl_job_state state) {
    static const bool terminal[SL_JOB_STATE_COUNT] = {
#define SL_JOB_STATE(name, number, word, is_terminal) [number] = is_terminal,
#include "job_states.def"
#undef SL_JOB_STATE
    };
    SL_ASSERT(state < SL_JOB_STATE_COUNT);
    return terminal[state];
}

const char *sl_job_state_word(enum sl_job_state state) {
    static const char *const words[SL_JOB_STATE_COUNT] = {
#define SL_JOB_STATE(name, number, word, is_terminal) [number] = word,
#include "job_states.def"
#undef SL_JOB_STATE
    };
    SL_ASSERT(state < SL_JOB_STATE_COUNT);
    return words[state];
}

bool sl_stage_state_may_move(enum sl_stage_state from, enum sl_stage_state to) {
    static const uint8_t moves[SL_STAGE_STATE_COUNT] = {
        [SL_STAGE_WAITING] = 1u << SL_STAGE_READY | 1u << SL_STAGE_CANCELLED,
        [SL_STAGE_READY] = 1u << SL_STAGE_RUNNING | 1u << SL_STAGE_FAILED | 1u << SL_STAGE_CANCELLED,
        [SL_STAGE_RUNNING] = 1u << SL_STAGE_SUCCEEDED | 1u << SL_STAGE_BACKOFF | 1u << SL_STAGE_FAILED |
                             1u << SL_STAGE_READY | 1u << SL_STAGE_CANCELLED,
        [SL_STAGE_BACKOFF] = 1u << SL_STAGE_RUNNING | 1u << SL_STAGE_FAILED | 1u << SL_STAGE_CANCELLED,
    };
    SL_ASSERT(from < SL_STAGE_STATE_COUNT && to < SL_STAGE_STATE_COUNT);
    return moves[from] >> to & 1;
}

bool sl_stage_state_is_terminal(enum sl_stage_state state) {
    static const bool terminal[SL_STAGE_STATE_COUNT] = {
#define SL_STAGE_STATE(name, number, letter, word, is_terminal) [number] = is_terminal,
#include "stage_states.def"
#undef SL_STAGE_STATE
    };
    SL_ASSERT(state < SL_STAGE_STATE_COUNT);
    return terminal[state];
}

const char *sl_stage_state_word(enum sl_stage_state state) {
    static const char *const words[SL_STAGE_STATE_COUNT] = {
#define SL_STAGE_STATE(name, number, letter, word, is_terminal) [number] = word,
#include "stage_states.def"
#undef SL_STAGE_STATE
    };
    SL_ASSERT(state < SL_STAGE_STATE_COUNT);
    return words[state];
}

char sl_stage_state_letter(enum sl_stage_state state) {
    static const char letters[SL_STAGE_STATE_COUNT] = {
#define SL_STAGE_STATE(name, number, letter, word, is_terminal) [number] = letter,
#include "stage_states.def"
#undef SL_STAGE_STATE
    };
    SL_ASSERT(state < SL_STAGE_STATE_COUNT);
    return letters[state];
}
