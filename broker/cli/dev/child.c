/* fork, exec, and nothing between them that is not async-signal-safe. */
#include "child.h"

#include "base/err.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { QUICK_MS = 2000, WAIT_MS = 100, WAIT_MS_MAX = 5000 };

static const uint64_t ns_per_ms = 1000000;

void sl_child_init(struct sl_child *self, const char *name, const char *program, const char *argv0) {
    *self = (struct sl_child){.program = program, .pipe_fd = -1};
    (void)snprintf(self->name, sizeof self->name, "%s", name);
    sl_child_add(self, "%s", argv0);
}

void sl_child_add(struct sl_child *self, const char *format, ...) {
    size_t room = sizeof self->arguments - self->argument_used;
    char *at = self->arguments + self->argument_used;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(at, room, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= room || self->argument_count == SL_CHILD_ARGS_MAX) {
        self->overflow = true;
        return;
    }
    self->argv[self->argument_count++] = at;
    self->argv[self->argument_count] = NULL;
    self->argument_used += (size_t)size + 1;
}

void sl_child_cut(struct sl_child *self, uint32_t argument_count) {
    if (argument_count >= self->argument_count) return;
    self->argument_used = (size_t)(self->argv[argument_count] - self->arguments);
    self->argument_count = argument_count;
    self->argv[argument_count] = NULL;
}

/* The child's side, from fork to exec. */
static void become(const struct sl_child *self, pid_t parent, int write_end, int pipe_as, int keep_fd) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* the parent died before the kernel knew */
    (void)setpgid(0, 0);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    if (pipe_as >= 0 && write_end == pipe_as) (void)fcntl(write_end, F_SETFD, 0);
    if (pipe_as >= 0 && write_end != pipe_as) (void)dup2(write_end, pipe_as);
    if (pipe_as != STDOUT_FILENO) (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* what programs say is no data of ours */
    if (keep_fd >= 0) (void)fcntl(keep_fd, F_SETFD, 0);
    (void)execv(self->program, self->argv);
    static const char why[] = "sluice dev: a program cannot be started\n";
    (void)!write(STDERR_FILENO, why, sizeof why - 1);
    _exit(127);
}

int sl_child_start(struct sl_child *self, int pipe_as, int keep_fd) {
    if (self->overflow) return SL_E_LIMIT;
    int ends[2] = {-1, -1};
    if (pipe_as >= 0 && pipe2(ends, O_CLOEXEC)) return SL_E_IO;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become(self, parent, ends[1], pipe_as, keep_fd);
    if (ends[1] >= 0) (void)close(ends[1]);
    if (pid < 0) {
        if (ends[0] >= 0) (void)close(ends[0]);
        return SL_E_IO;
    }
    if (ends[0] >= 0) (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (self->pipe_fd >= 0) (void)close(self->pipe_fd);
    self->pipe_fd = ends[0];
    self->line_size = 0;
    self->pid = pid;
    self->started_at = sl_clock_now_ns();
    self->restart_at = 0;
    return SL_OK;
}

static void take_bytes(struct sl_child *self, const char *bytes, size_t size,
                       void (*take)(void *context, struct sl_child *child, const char *line), void *context) {
    for (size_t i = 0; i < size; i++) {
        bool whole = bytes[i] == '\n';
        if (!whole && self->line_size < sizeof self->line - 1) self->line[self->line_size++] = bytes[i];
        if (!whole) continue;
        self->line[self->line_size] = '\0';
        self->line_size = 0;
        take(context, self, self->line);
    }
}

void sl_child_read(struct sl_child *self, void (*take)(void *context, struct sl_child *child, const char *line), void *context) {
    char bytes[4096];
    while (self->pipe_fd >= 0) {
        ssize_t size = read(self->pipe_fd, bytes, sizeof bytes);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            (void)close(self->pipe_fd);
            self->pipe_fd = -1;
            return;
        }
        take_bytes(self, bytes, (size_t)size, take, context);
    }
}

void sl_child_died(struct sl_child *self, uint64_t now) {
    bool quick = now - self->started_at < QUICK_MS * ns_per_ms;
    self->quick_deaths = quick ? self->quick_deaths + 1 : 0;
    self->pid = 0;
    uint64_t wait = 0;
    if (self->quick_deaths > 1) {
        uint32_t doublings = self->quick_deaths < 8 ? self->quick_deaths - 2 : 6;
        wait = (uint64_t)WAIT_MS << doublings;
    }
    if (wait > WAIT_MS_MAX) wait = WAIT_MS_MAX;
    self->restart_at = now + wait * ns_per_ms;
}

void sl_child_signal(const struct sl_child *self, int signal) {
    if (self->pid > 0) (void)kill(self->pid, signal);
}
