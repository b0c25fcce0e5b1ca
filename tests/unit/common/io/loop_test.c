/* The loop with descriptors, signals and deadlines. */
#include "base/err.h"
#include "io/clock.h"
#include "io/loop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sl_loop *loop;
static int ends[2]; /* a pair of sockets */
static int calls;
static unsigned last_events;

static void set_up(void) {
    cr_assert_eq(sl_loop_new(&loop), SL_OK);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

static void tear_down(void) {
    sl_loop_free(&loop);
    cr_assert_null(loop);
    sl_loop_free(&loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TestSuite(loop, .init = set_up, .fini = tear_down, .timeout = 60);

static void note(void *context, int fd, unsigned events) {
    char byte;
    calls++;
    last_events = events;
    if (context) (void)!read(fd, &byte, 1);
}

Test(loop, hands_out_what_can_be_read_until_it_is_read) {
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, note, loop), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    cr_assert_eq(calls, 0);
    cr_assert_eq(write(ends[1], "abc", 3), 3);
    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
        cr_assert_eq(calls, i);
        cr_assert_eq(last_events, SL_LOOP_READ);
    }
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    cr_assert_eq(calls, 3);
}

Test(loop, tells_writing_and_closing_apart) {
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_WRITE, note, NULL), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(last_events, SL_LOOP_WRITE);
    sl_loop_change_fd(loop, ends[0], 0);
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    cr_assert_eq(calls, 1);
    cr_assert_eq(close(ends[1]), 0);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(calls, 2);
    cr_assert(last_events & SL_LOOP_CLOSED);
    ends[1] = dup(ends[0]);
}

static void remove_both(void *context, int fd, unsigned events) {
    (void)context;
    (void)fd;
    (void)events;
    calls++;
    sl_loop_remove_fd(loop, ends[0]);
    sl_loop_remove_fd(loop, ends[1]);
}

Test(loop, a_removed_descriptor_is_not_called_even_for_events_of_this_turn) {
    cr_assert_eq(write(ends[0], "a", 1) + write(ends[1], "a", 1), 2);
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, remove_both, NULL), SL_OK);
    cr_assert_eq(sl_loop_add_fd(loop, ends[1], SL_LOOP_READ, remove_both, NULL), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(calls, 1);
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    cr_assert_eq(calls, 1);
    sl_loop_remove_fd(loop, ends[0]);
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, note, loop), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(calls, 2);
}

/* The callback closes its descriptor and watches a new one, which gets the same number. */
static void replace(void *context, int fd, unsigned events) {
    int *other = context;
    (void)events;
    sl_loop_remove_fd(loop, fd);
    cr_assert_eq(dup2(*other, fd), fd);
    cr_assert_eq(sl_loop_add_fd(loop, fd, SL_LOOP_READ, note, loop), SL_OK);
}

Test(loop, a_number_that_is_used_again_is_another_descriptor) {
    int others[2];
    cr_assert_eq(pipe2(others, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(write(ends[1], "a", 1), 1);
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, replace, &others[0]), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    cr_assert_eq(calls, 0);
    cr_assert_eq(write(others[1], "b", 1), 1);
    cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    cr_assert_eq(calls, 1);
    sl_loop_remove_fd(loop, ends[0]);
    (void)close(others[0]);
    (void)close(others[1]);
}

Test(loop, watches_many_descriptors) {
    enum { COUNT = 200 };
    int pairs[COUNT][2];
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(pipe2(pairs[i], O_CLOEXEC | O_NONBLOCK), 0);
        cr_assert_eq(sl_loop_add_fd(loop, pairs[i][0], SL_LOOP_READ, note, loop), SL_OK);
        cr_assert_eq(write(pairs[i][1], "x", 1), 1);
    }
    while (calls < COUNT) cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
    for (int i = 0; i < COUNT; i++) {
        sl_loop_remove_fd(loop, pairs[i][0]);
        (void)close(pairs[i][0]);
        (void)close(pairs[i][1]);
    }
}

Test(loop, a_plain_file_cannot_be_watched) {
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sl_loop_add_fd(loop, fd, SL_LOOP_READ, note, NULL), SL_E_IO);
    cr_assert_eq(sl_loop_turn(loop, 0), SL_OK);
    (void)close(fd);
}

static int signal_numbers[8];

static void on_signal(void *context, int number) {
    (void)context;
    if (calls < 8) signal_numbers[calls] = number;
    calls++;
}

Test(loop, signals_come_to_one_place) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sl_loop_on_signal(loop, on_signal, NULL);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(raise(numbers[i]), 0);
        cr_assert_eq(sl_loop_turn(loop, 1000), SL_OK);
        cr_assert_eq(calls, i + 1);
        cr_assert_eq(signal_numbers[i], numbers[i]);
    }
}

Test(loop, a_child_that_ends_wakes_it) {
    sl_loop_on_signal(loop, on_signal, NULL);
    pid_t child = fork();
    if (child == 0) _exit(3);
    cr_assert_eq(sl_loop_turn(loop, -1), SL_OK);
    cr_assert_eq(signal_numbers[0], SIGCHLD);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 3);
}

Test(loop, a_child_gets_ordinary_signals_back) {
    pid_t child = fork();
    if (child == 0) {
        sl_loop_unblock_signals();
        (void)raise(SIGTERM);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

Test(loop, writing_to_a_pipe_that_nobody_reads_only_fails) {
    int pair[2];
    cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
    (void)close(pair[0]);
    cr_assert_eq(write(pair[1], "x", 1), -1);
    cr_assert_eq(errno, EPIPE);
    (void)close(pair[1]);
}

static uint64_t next_deadline = SL_LOOP_NEVER;
static int flushes;

static uint64_t before_wait(void *context) {
    flushes++;
    if (context && flushes == 3) sl_loop_stop(loop);
    return next_deadline;
}

Test(loop, turns_again_at_the_deadline_and_not_before) {
    sl_loop_before_wait(loop, before_wait, NULL);
    uint64_t start = sl_clock_now_ns();
    next_deadline = start + 20000000;
    cr_assert_eq(sl_loop_turn(loop, -1), SL_OK);
    cr_assert_geq(sl_clock_now_ns(), next_deadline);
    cr_assert_geq(sl_loop_now_ns(loop), next_deadline);
    cr_assert_eq(flushes, 1);
    next_deadline = 1; /* long ago */
    cr_assert_eq(sl_loop_turn(loop, -1), SL_OK);
    cr_assert_eq(flushes, 2);
    next_deadline = SL_LOOP_NEVER - 1; /* far ahead, and the wait is still bounded */
    cr_assert_eq(sl_loop_turn(loop, 1), SL_OK);
}

Test(loop, runs_until_stopped_and_asks_before_each_wait) {
    sl_loop_before_wait(loop, before_wait, loop);
    next_deadline = 0;
    cr_assert_eq(sl_loop_run(loop), SL_OK);
    cr_assert_eq(flushes, 3);
}

static void stop(void *context, int fd, unsigned events) {
    (void)context;
    (void)fd;
    (void)events;
    sl_loop_stop(loop);
}

Test(loop, stopping_in_a_callback_still_flushes_what_was_gathered) {
    sl_loop_before_wait(loop, before_wait, NULL);
    cr_assert_eq(sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, stop, NULL), SL_OK);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_assert_eq(sl_loop_run(loop), SL_OK);
    cr_assert_eq(flushes, 2);
}

Test(loop, watching_a_descriptor_twice_is_a_bug, .signal = SIGABRT) {
    (void)sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, note, NULL);
    (void)sl_loop_add_fd(loop, ends[0], SL_LOOP_READ, note, NULL);
}
