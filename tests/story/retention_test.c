/* What becomes of a finished job. */
#include "story.h"

#include <criterion/criterion.h>

static struct story story;

Test(story_of_retention, a_finished_job_is_removed_and_its_request_is_still_known) {
    story_init(&story);
    story.plan.retention_ms = 500;
    story_begin(&story);
    story_until(&story, "j1 removed: OK");
    story_until(&story, "SETTLE s0 n=");
    story_until(&story, "OK n=");
    story_kill_client(&story, 0);
    story_until(&story, "client 1  ACCEPTED j1 duplicate");
    story_until(&story, "client 1  CHANGED j1 unknown");
    story_is(&story, "a_finished_job_is_removed_and_its_request_is_still_known");
}

Test(story_of_retention, a_removal_is_ended_by_the_successor) {
    story_init(&story);
    story.plan.broker_count = 2;
    story.plan.retention_ms = 500;
    story_begin(&story);
    story_until(&story, "j1 removed: OK");
    story_kill_broker(&story, 1);
    story_until(&story, "A: SETTLE");
    story_is(&story, "a_removal_is_ended_by_the_successor");
}
