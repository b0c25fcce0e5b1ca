/* sluice dev: a supervisor of children. One loop waits for signals, for what children tell, and for the time to start one again.
 *
 *   REDIS --says "ready to accept"--> BROKER --says "ready"--> WORKERS --all connected--> UP
 *
 * A child that ends is started again. Before the cluster was up once, the end of Redis or of the broker ends everything; so does, at any
 * time, a broker or a worker that says it was started wrongly. */
#include "dev.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_UP_MS = 15000, ASK_MS = 50, DRAIN_WORKERS_MS = 45000, STOP_MS = 15000, ORPHANS_MS = 5000, READY_AS = 3 };

static const uint64_t ns_per_ms = 1000000;

static void say(const struct sl_dev *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct sl_dev *self, const char *format, ...) {
    if (self->cli->quiet) return;
    va_list args;
    va_start(args, format);
    (void)fputs("sluice dev: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

static void fail(struct sl_dev *self, int code) {
    if (self->code == SL_EXIT_DONE) self->code = code;
    if (self->stops == 0) self->stops = 1;
}

/* --- Children start. --- */

static void start_redis(struct sl_dev *self) {
    if (sl_child_start(&self->redis, STDOUT_FILENO, self->folders.lock_fd))
        fail(self, sl_cli_fail(self->cli, SL_EXIT_FAILURE, "redis cannot be started: %s", strerror(errno)));
}

static void start_broker(struct sl_dev *self) {
    sl_dev_aim_broker(self);
    if (sl_child_start(&self->broker, READY_AS, -1))
        fail(self, sl_cli_fail(self->cli, SL_EXIT_FAILURE, "the broker cannot be started: %s", strerror(errno)));
}

static void start_worker(struct sl_dev *self, struct sl_child *worker) {
    if (sl_child_start(worker, -1, -1))
        fail(self, sl_cli_fail(self->cli, SL_EXIT_FAILURE, "%s cannot be started: %s", worker->name, strerror(errno)));
}

static void start_workers(struct sl_dev *self) {
    self->stage = SL_DEV_WORKERS;
    for (uint32_t i = 0; i < self->worker_count; i++) {
        sl_child_add(&self->workers[i], "--broker");
        sl_child_add(&self->workers[i], "%s", self->worker_listen);
        start_worker(self, &self->workers[i]);
    }
}

/* --- Children speak. --- */

static void take_redis_line(void *context, struct sl_child *child, const char *line) {
    struct sl_dev *self = context;
    if (self->redis_log_fd >= 0) {
        (void)!write(self->redis_log_fd, line, strlen(line)); /* a full disk costs the log, nothing else */
        (void)!write(self->redis_log_fd, "\n", 1);
    }
    if (*line && child->pid > 0) (void)snprintf(self->redis_said, sizeof self->redis_said, "%.*s", SL_CHILD_LINE_SIZE - 1, line);
    if (!strstr(line, "eady to accept connections")) return;
    child->was_ready = true;
    if (self->stage == SL_DEV_REDIS && self->stops == 0) {
        self->stage = SL_DEV_BROKER;
        start_broker(self);
    }
}

static void take_broker_line(void *context, struct sl_child *child, const char *line) {
    struct sl_dev *self = context;
    char clients[SL_DEV_ENDPOINT_SIZE], workers[SL_DEV_ENDPOINT_SIZE], incarnation[40];
    if (sscanf(line, "ready %255s %255s %39s", clients, workers, incarnation) != 3) return;
    (void)snprintf(self->client_listen, sizeof self->client_listen, "%s", clients);
    (void)snprintf(self->worker_listen, sizeof self->worker_listen, "%s", workers);
    (void)snprintf(self->incarnation, sizeof self->incarnation, "%s", incarnation);
    child->was_ready = true;
    self->serves = true;
    if (self->stage == SL_DEV_BROKER && self->stops == 0) start_workers(self);
    if (self->stage == SL_DEV_UP) say(self, "the broker serves again");
}

/* --- Children end. --- */

static const char *describe(int status, char text[64]) {
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, 64, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(text, 64, "ended with exit code %d", WEXITSTATUS(status));
    }
    return text;
}

/* Whether the end of this child ends the cluster: it never worked, or it was started with what it will not take. */
static bool is_fatal(const struct sl_dev *self, const struct sl_child *child, int status) {
    if (child != &self->redis && WIFEXITED(status) && WEXITSTATUS(status) == SL_EXIT_USAGE) return true;
    if (child == &self->redis) return !child->was_ready;
    return child == &self->broker && !self->serves;
}

static void explain_death(struct sl_dev *self, const struct sl_child *child, int status) {
    char text[64];
    (void)describe(status, text);
    bool is_redis = child == &self->redis;
    if (is_redis && self->redis_said[0]) {
        (void)sl_cli_fail(self->cli, SL_EXIT_FAILURE, "redis %s; its last words (all of them: %s/redis.log): %s", text,
                          self->folders.data, self->redis_said);
    } else {
        (void)sl_cli_fail(self->cli, SL_EXIT_FAILURE, "%s %s before it served; what it said stands above", child->name, text);
    }
    bool told = WIFEXITED(status) && WEXITSTATUS(status) > 0 && WEXITSTATUS(status) < 126 && !is_redis;
    fail(self, told ? WEXITSTATUS(status) : SL_EXIT_FAILURE);
}

/* A Redis that gives up has said why, in a log that nobody looks at: on a full disk it does so again and again. */
static void say_restart(const struct sl_dev *self, const struct sl_child *child, pid_t pid, int status) {
    char text[64];
    say(self, "%s (pid %d) %s; it is started again", child->name, (int)pid, describe(status, text));
    if (child == &self->redis && WIFEXITED(status) && self->redis_said[0])
        say(self, "the last words of redis (all of them: %s/redis.log): %s", self->folders.data, self->redis_said);
}

static struct sl_child *child_of(struct sl_dev *self, pid_t pid) {
    if (self->redis.pid == pid) return &self->redis;
    if (self->broker.pid == pid) return &self->broker;
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (self->workers[i].pid == pid) return &self->workers[i];
    return NULL;
}

static void read_pipes(struct sl_dev *self) {
    sl_child_read(&self->redis, take_redis_line, self);
    sl_child_read(&self->broker, take_broker_line, self);
}

static void reap(struct sl_dev *self) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct sl_child *child = child_of(self, pid);
        if (!child) continue;
        read_pipes(self); /* its last words */
        if (self->stops == 0 && is_fatal(self, child, status)) explain_death(self, child, status);
        sl_child_died(child, sl_clock_now_ns());
        if (self->stops == 0) say_restart(self, child, pid, status);
    }
}

static void restart_due(struct sl_dev *self, uint64_t now) {
    if (self->stops > 0) return;
    if (self->redis.restart_at && self->redis.restart_at <= now) start_redis(self);
    if (self->broker.restart_at && self->broker.restart_at <= now) start_broker(self);
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (self->workers[i].restart_at && self->workers[i].restart_at <= now) start_worker(self, &self->workers[i]);
}

/* --- The loop. --- */

static int next_wait_ms(const struct sl_dev *self, uint64_t now) {
    uint64_t at = self->kill_at;
    if (self->stops == 0) {
        if (self->redis.restart_at && self->redis.restart_at < at) at = self->redis.restart_at;
        if (self->broker.restart_at && self->broker.restart_at < at) at = self->broker.restart_at;
        for (uint32_t i = 0; i < self->worker_count; i++)
            if (self->workers[i].restart_at && self->workers[i].restart_at < at) at = self->workers[i].restart_at;
    }
    if (at == UINT64_MAX) return -1;
    return at <= now ? 0 : (int)((at - now) / ns_per_ms) + 1;
}

static void take_signals(struct sl_dev *self) {
    struct signalfd_siginfo info;
    while (read(self->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD) self->stops++;
    reap(self);
}

/* One turn of the loop; wait_ms_max bounds it. */
static void turn(struct sl_dev *self, int wait_ms_max) {
    struct pollfd items[] = {{.fd = self->signal_fd, .events = POLLIN},
                             {.fd = self->redis.pipe_fd, .events = POLLIN},
                             {.fd = self->broker.pipe_fd, .events = POLLIN}};
    int wait_ms = next_wait_ms(self, sl_clock_now_ns());
    if (wait_ms_max >= 0 && (wait_ms < 0 || wait_ms > wait_ms_max)) wait_ms = wait_ms_max;
    (void)poll(items, sizeof items / sizeof *items, wait_ms);
    read_pipes(self);
    take_signals(self);
    restart_due(self, sl_clock_now_ns());
}

/* How many workers the broker knows; -1: no answer to this question yet. */
static int ask_workers(struct sl_dev *self, uint64_t *question) {
    struct sl_wire_query query = {.what = sl_text("workers")};
    if (*question == 0 && sl_client_query(self->cli->client, &query, WORKERS_UP_MS, question)) return -1;
    struct sl_session_effect event;
    if (sl_client_next(self->cli->client, 0, -1, &event) || event.kind != SL_SESSION_DONE) return -1;
    *question = 0;
    struct sl_wire_answer answer;
    if (event.done.end != SL_CALL_ANSWERED || event.done.type != SL_WIRE_ANSWER || sl_wire_answer_decode(event.done.body, &answer))
        return -1;
    struct sl_mp_reader reader = sl_mp_reader(answer.items);
    return (int)sl_mp_read_array(&reader, SL_WORKERS_MAX);
}

/* Ends when every worker is connected, so that what is submitted then finds them; a worker that does not come is no failure. */
static void await_workers(struct sl_dev *self) {
    uint64_t until = sl_clock_now_ns() + WORKERS_UP_MS * ns_per_ms, question = 0;
    self->cli->endpoint = self->client_listen;
    if (sl_cli_connect(self->cli, 0)) return;
    int count = 0;
    while (self->stops == 0 && count < (int)self->worker_count && sl_clock_now_ns() < until) {
        turn(self, ASK_MS);
        int answer = ask_workers(self, &question);
        if (answer >= 0) count = answer;
    }
    sl_client_free(&self->cli->client);
    if (self->stops == 0 && count < (int)self->worker_count)
        sl_cli_warn(self->cli, "%d of %u workers are connected; what the others said stands above", count, self->worker_count);
}

static void come_up(struct sl_dev *self) {
    start_redis(self);
    while (self->stops == 0 && self->stage < SL_DEV_WORKERS) turn(self, -1);
    if (self->stops == 0) await_workers(self);
    if (self->stops > 0) return;
    self->stage = SL_DEV_UP;
    sl_dev_folders_note(&self->folders, self->client_listen);
    sl_dev_show_banner(self);
    int code = sl_dev_tell_ready(self);
    if (code) fail(self, code);
}

/* --- Stopping. --- */

static bool any_runs(struct sl_child *const *children, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (children[i]->pid > 0) return true;
    return false;
}

/* Asks children to end and waits until they have; those that do not in time, or when we are asked a second time, are killed. */
static void stop_children(struct sl_dev *self, struct sl_child *const *children, uint32_t count, uint32_t patience_ms) {
    for (uint32_t i = 0; i < count; i++) sl_child_signal(children[i], SIGTERM);
    self->kill_at = sl_clock_now_ns() + patience_ms * ns_per_ms;
    bool killed = false;
    while (any_runs(children, count)) {
        if (!killed && (self->stops > 1 || sl_clock_now_ns() >= self->kill_at)) {
            for (uint32_t i = 0; i < count; i++)
                if (children[i]->pid > 0) (void)kill(-children[i]->pid, SIGKILL);
            killed = true;
            self->kill_at = UINT64_MAX;
        }
        turn(self, -1);
    }
    self->kill_at = UINT64_MAX;
}

static bool has_children(void) {
    siginfo_t facts;
    return waitid(P_ALL, 0, &facts, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/* A worker that was killed leaves its spawner and stage hosts to us (open_orphans), and they end a little later than it. */
static bool await_orphans(struct sl_dev *self) {
    self->kill_at = sl_clock_now_ns() + ORPHANS_MS * ns_per_ms;
    while (has_children() && sl_clock_now_ns() < self->kill_at) turn(self, -1);
    self->kill_at = UINT64_MAX;
    return !has_children();
}

static void stop_all(struct sl_dev *self) {
    struct sl_child *workers[SL_DEV_WORKERS_MAX];
    for (uint32_t i = 0; i < self->worker_count; i++) workers[i] = &self->workers[i];
    bool up = self->stage == SL_DEV_UP;
    if (up) say(self, "stopping: workers finish what they run (Ctrl-C again: at once)");
    stop_children(self, workers, self->workers ? self->worker_count : 0, DRAIN_WORKERS_MS);
    stop_children(self, (struct sl_child *const[]){&self->broker}, 1, STOP_MS);
    stop_children(self, (struct sl_child *const[]){&self->redis}, 1, STOP_MS);
    bool gone = await_orphans(self);
    if (up) say(self, "stopped; %s, the data stays in %s", gone ? "nothing is left running" : "a process that a stage started still runs",
                self->folders.data);
}

/* What outlives a killed worker becomes a child of ours, so that we can tell when it is gone. */
static void open_orphans(void) {
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
}

static void open_signals(struct sl_dev *self) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigset_t signals;
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) (void)sigaddset(&signals, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a terminal that went away must not end the supervisor */
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The descriptor that the caller gave for the ready line is not for the children. */
static int check_ready_fd(struct sl_dev *self) {
    uint64_t fd;
    if (!sl_cli_flag(self->cli, SL_FLAG_READY_FD)) return SL_EXIT_DONE;
    if (sl_cli_number(self->cli, SL_FLAG_READY_FD, 0, 0, 1023, &fd)) return SL_EXIT_USAGE;
    if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0) return SL_EXIT_DONE;
    return sl_cli_fail(self->cli, SL_EXIT_USAGE, "--ready-fd %d is not open", (int)fd);
}

int sl_run_dev(struct sl_cli *cli) {
    struct sl_dev *self = calloc(1, sizeof *self);
    if (!self) return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    *self = (struct sl_dev){.cli = cli, .redis_log_fd = -1, .began_at = sl_clock_now_ns(), .kill_at = UINT64_MAX};
    self->folders.lock_fd = -1;
    self->redis.pipe_fd = self->broker.pipe_fd = -1;
    int code = check_ready_fd(self);
    open_signals(self);
    open_orphans();
    if (code == SL_EXIT_DONE) code = sl_dev_setup(self);
    if (code == SL_EXIT_DONE) {
        come_up(self);
        while (self->stops == 0) turn(self, -1);
        stop_all(self);
        code = self->code;
    }
    sl_dev_folders_close(&self->folders);
    if (self->redis_log_fd >= 0) (void)close(self->redis_log_fd);
    (void)close(self->signal_fd);
    sl_dev_forget_pipelines(self);
    free(self->workers);
    free(self);
    return code;
}
