/* What happens when a part of the cluster is lost in the middle of a job. */
#include "story.h"

#include <criterion/criterion.h>

static struct story story;

Test(story_of_a_loss, a_worker_is_killed_and_another_one_takes_over) {
    story_init(&story);
    story.plan.worker_count = 2;
    story.plan.slots[1] = 1;
    story.plan.pipelines[0] = 0;
    story.plan.stage_ms_max = 50;
    story_begin(&story);
    story_until(&story, "worker 1  begins j1 s0 #1");
    story_kill_worker(&story, 0);
    story_until(&story, "client 1  CHANGED j1 completed");
    story_is(&story, "a_worker_is_killed_and_another_one_takes_over");
}

Test(story_of_a_loss, a_broker_is_killed_between_the_commit_and_the_answer) {
    story_init(&story);
    story_begin(&story);
    story_until(&story, "A: COMMIT s0 n=1: j1 submitted; j1 s0 #1 started: OK");
    story_kill_broker(&story, 0);
    story_start_broker(&story, 0);
    story_until(&story, "client 1  CHANGED j1 completed");
    story_is(&story, "a_broker_is_killed_between_the_commit_and_the_answer");
}

Test(story_of_a_loss, a_reply_of_redis_is_lost) {
    story_init(&story);
    story_begin(&story);
    story_until(&story, "A: COMMIT s0 n=1: j1 submitted; j1 s0 #1 started: OK");
    story_cut_ledger(&story, 0);
    story_until(&story, "client 1  CHANGED j1 completed");
    story_is(&story, "a_reply_of_redis_is_lost");
}

Test(story_of_a_loss, a_second_broker_takes_the_shard_of_a_dead_one) {
    story_init(&story);
    story.plan.broker_count = 2;
    story_begin(&story);
    story_until(&story, "broker B  > ASSIGN j1 s0 #1");
    story_kill_broker(&story, 1);
    story_until(&story, "client 1  CHANGED j1 completed");
    story_is(&story, "a_second_broker_takes_the_shard_of_a_dead_one");
}

Test(story_of_a_loss, redis_loses_the_newest_entry_of_a_log) {
    story_init(&story);
    story_begin(&story);
    story_until(&story, "A: COMMIT s0 n=1: j1 submitted; j1 s0 #1 started: OK");
    story_until(&story, "client 1  ACCEPTED");
    story_kill_broker(&story, 0);
    story_lose_entry(&story, 0, 1);
    story_start_broker(&story, 0);
    story_until(&story, "broker A  drops shard 0");
    story_is(&story, "redis_loses_the_newest_entry_of_a_log");
}

Test(story_of_a_loss, a_broker_that_slept_too_long_is_fenced) {
    story_init(&story);
    story.plan.broker_count = 2;
    story_begin(&story);
    story_until(&story, "broker B  > ASSIGN j1 s0 #1");
    story_pause_broker(&story, 1, 15000);
    story_until(&story, "broker B  drops shard 0");
    story_is(&story, "a_broker_that_slept_too_long_is_fenced");
}
