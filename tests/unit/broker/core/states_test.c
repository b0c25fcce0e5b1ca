/* The two state tables, move by move, against the seed's table (row 55) and the picture in stage_states.def. */
#include "core/states.h"

#include <criterion/criterion.h>

#include <string.h>

/* Every move that may be made; all others may not. */
static const struct { enum sl_job_state from, to; } job_moves[] = {
    {SL_JOB_QUEUED, SL_JOB_PROCESSING},     {SL_JOB_QUEUED, SL_JOB_FAILED},     {SL_JOB_QUEUED, SL_JOB_CANCELLED},
    {SL_JOB_PROCESSING, SL_JOB_PROCESSING}, {SL_JOB_PROCESSING, SL_JOB_COMPLETED},
    {SL_JOB_PROCESSING, SL_JOB_FAILED},     {SL_JOB_PROCESSING, SL_JOB_CANCELLED},
};

static const struct { enum sl_stage_state from, to; } stage_moves[] = {
    {SL_STAGE_WAITING, SL_STAGE_READY},     {SL_STAGE_WAITING, SL_STAGE_CANCELLED},
    {SL_STAGE_READY, SL_STAGE_RUNNING},     {SL_STAGE_READY, SL_STAGE_FAILED},     {SL_STAGE_READY, SL_STAGE_CANCELLED},
    {SL_STAGE_RUNNING, SL_STAGE_SUCCEEDED}, {SL_STAGE_RUNNING, SL_STAGE_BACKOFF},  {SL_STAGE_RUNNING, SL_STAGE_FAILED},
    {SL_STAGE_RUNNING, SL_STAGE_READY},     {SL_STAGE_RUNNING, SL_STAGE_CANCELLED},
    {SL_STAGE_BACKOFF, SL_STAGE_RUNNING},   {SL_STAGE_BACKOFF, SL_STAGE_FAILED},   {SL_STAGE_BACKOFF, SL_STAGE_CANCELLED},
};

Test(states, a_job_moves_along_its_table_and_no_other_way) {
    for (int from = 0; from < SL_JOB_STATE_COUNT; from++) {
        for (int to = 0; to < SL_JOB_STATE_COUNT; to++) {
            bool listed = false;
            for (size_t i = 0; i < sizeof job_moves / sizeof *job_moves; i++)
                listed = listed || (job_moves[i].from == (enum sl_job_state)from && job_moves[i].to == (enum sl_job_state)to);
            cr_assert_eq(sl_job_state_may_move((enum sl_job_state)from, (enum sl_job_state)to), listed, "%d -> %d", from, to);
        }
    }
}

Test(states, a_stage_moves_along_its_picture_and_no_other_way) {
    for (int from = 0; from < SL_STAGE_STATE_COUNT; from++) {
        for (int to = 0; to < SL_STAGE_STATE_COUNT; to++) {
            bool listed = false;
            for (size_t i = 0; i < sizeof stage_moves / sizeof *stage_moves; i++)
                listed = listed ||
                         (stage_moves[i].from == (enum sl_stage_state)from && stage_moves[i].to == (enum sl_stage_state)to);
            cr_assert_eq(sl_stage_state_may_move((enum sl_stage_state)from, (enum sl_stage_state)to), listed, "%d -> %d", from, to);
        }
    }
}

Test(states, nothing_leaves_a_terminal_state_and_something_leaves_every_other) {
    for (int from = 0; from < SL_JOB_STATE_COUNT; from++) {
        bool leaves = false;
        for (int to = 0; to < SL_JOB_STATE_COUNT; to++)
            leaves = leaves || sl_job_state_may_move((enum sl_job_state)from, (enum sl_job_state)to);
        cr_assert_eq(leaves, !sl_job_state_is_terminal((enum sl_job_state)from), "%d", from);
    }
    for (int from = 0; from < SL_STAGE_STATE_COUNT; from++) {
        bool leaves = false;
        for (int to = 0; to < SL_STAGE_STATE_COUNT; to++)
            leaves = leaves || sl_stage_state_may_move((enum sl_stage_state)from, (enum sl_stage_state)to);
        cr_assert_eq(leaves, !sl_stage_state_is_terminal((enum sl_stage_state)from), "%d", from);
    }
}

Test(states, every_state_can_be_cancelled_until_its_end) {
    for (int from = 0; from < SL_STAGE_STATE_COUNT; from++)
        cr_assert_eq(sl_stage_state_may_move((enum sl_stage_state)from, SL_STAGE_CANCELLED),
                     !sl_stage_state_is_terminal((enum sl_stage_state)from));
}

Test(states, the_public_statuses_are_the_seeds_five) {
    static const char *const words[] = {"queued", "processing", "completed", "failed", "cancelled"};
    cr_assert_eq(SL_JOB_STATE_COUNT, 5);
    for (int i = 0; i < SL_JOB_STATE_COUNT; i++) cr_assert_str_eq(sl_job_state_word((enum sl_job_state)i), words[i]);
}

Test(states, words_and_letters_are_told_apart) {
    for (int a = 0; a < SL_STAGE_STATE_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            cr_assert_neq(sl_stage_state_letter((enum sl_stage_state)a), sl_stage_state_letter((enum sl_stage_state)b));
            cr_assert_str_neq(sl_stage_state_word((enum sl_stage_state)a), sl_stage_state_word((enum sl_stage_state)b));
        }
    }
}
