/* Workers and followers that come again, and what is kept for them. */
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct core_driver driver;

/* A worker repeats HELLO until it hears WELCOME; what was given to it meanwhile is on its way behind that. */
Test(sessions, a_second_hello_takes_nothing_back) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    struct sl_token first = driver.assigned;
    driver_hello(&driver);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1);
    driver.assigned = first;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 1, 0);
    driver_fini(&driver);
}

Test(sessions, followers_of_ended_jobs_cost_nothing) {
    size_t before = 0;
    driver_init(&driver, 0);
    for (int i = 0; i < 200; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        struct sl_job_id job = driver_submit(&driver, 0, key, false);
        struct sl_event watch = {.kind = SL_EV_WATCH};
        watch.watch = (struct sl_ev_watch){.peer = DRIVER_PEER_CLIENT, .message_id = 9, .jobs = &job, .job_count = 1};
        driver_step(&driver, &watch);
        uint32_t told = driver.said[SL_DO_CHANGED];
        driver_result(&driver, SL_OUTCOME_DONE);
        cr_assert_gt(driver.said[SL_DO_CHANGED], told, "the follower is told of the end");
        driver_wait(&driver, 100);
        if (i == 99) before = driver.memory.live_bytes;
    }
    cr_assert_leq(driver.memory.live_bytes, before + 4096, "%zu bytes, and %zu after as many jobs again", before,
                  driver.memory.live_bytes);
    driver_fini(&driver);
}

static uint64_t workers(void) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    return figures.workers;
}

Test(sessions, a_broker_that_was_stopped_gives_its_workers_time_to_be_heard) {
    driver_init(&driver, 0);
    driver_wait(&driver, 20);
    driver.now += 600000000000u; /* ten minutes */
    driver_wait(&driver, 20);
    cr_assert_eq(workers(), 1, "its heartbeats wait in the socket");
    driver_wait(&driver, 61000);
    cr_assert_eq(workers(), 0, "it is silent indeed");
    driver_fini(&driver);
}

Test(sessions, results_that_wait_in_the_socket_of_a_stopped_broker_are_in_time) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    struct sl_token first = driver.assigned;
    driver.now += 600000000000u; /* ten minutes */
    driver_wait(&driver, 20);
    cr_assert_eq(driver.said[SL_DO_ASSIGN], 1, "no second attempt");
    driver.assigned = first;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_ended(&driver, 1, 0);
    driver_fini(&driver);
}

Test(sessions, an_attempt_that_a_stopped_broker_hears_nothing_of_times_out) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "job", false);
    driver.now += 600000000000u;
    for (int i = 0; i < 10; i++) {
        struct sl_event beat = {.kind = SL_EV_HEARTBEAT};
        beat.heartbeat = (struct sl_ev_heartbeat){
            .peer = DRIVER_PEER_WORKER, .slots = 4, .in_flight = &driver.assigned, .in_flight_count = 1};
        driver_step(&driver, &beat);
        driver_wait(&driver, 10000);
    }
    cr_assert_geq(driver.said[SL_DO_CANCEL], 1);
    driver_fini(&driver);
}
