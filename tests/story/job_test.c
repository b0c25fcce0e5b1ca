/* What happens to a job when nothing goes wrong, and when its stages do. */
#include "story.h"

#include <criterion/criterion.h>

static struct story story;

Test(story_of_a_job, runs_through_two_stages) {
    story_init(&story);
    story_begin(&story);
    story_until(&story, "client 1  CHANGED j1 completed");
    story_is(&story, "job_runs_through_two_stages");
}

Test(story_of_a_job, is_one_job_when_it_is_submitted_twice) {
    story_init(&story);
    story.plan.request_count = 2;
    story_begin(&story);
    story_until(&story, "ACCEPTED j1 duplicate");
    story_until(&story, "client 1  ACCEPTED j1 duplicate");
    story_is(&story, "job_is_one_job_when_it_is_submitted_twice");
}

Test(story_of_a_job, fails_when_every_attempt_times_out) {
    story_init(&story);
    story.plan.pipelines[0] = 0;
    story.plan.percent_hang = 100;
    story_begin(&story);
    story_until(&story, "client 1  CHANGED j1 failed");
    story_is(&story, "job_fails_when_every_attempt_times_out");
}

Test(story_of_a_job, fails_when_its_stage_crashed_three_times) {
    story_init(&story);
    story.plan.pipelines[0] = 0;
    story.plan.percent_crash = 100;
    story_begin(&story);
    story_until(&story, "client 1  CHANGED j1 failed");
    story_is(&story, "job_fails_when_its_stage_crashed_three_times");
}

Test(story_of_a_job, is_cancelled_while_it_runs) {
    story_init(&story);
    story.plan.pipelines[0] = 0;
    story.plan.percent_hang = 100;
    story.plan.percent_cancel = 100;
    story_begin(&story);
    story_until(&story, "RESULT_ACK j1 s0 #1 stale");
    story_is(&story, "job_is_cancelled_while_it_runs");
}
