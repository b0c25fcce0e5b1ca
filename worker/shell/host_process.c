/* What happens between fork and exec; see host_process.h. */
#include "host_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127, ENVIRONMENT_MAX = 1024, FD_ABOVE = 16, FD_FIRST_CLOSED = 5 };

/* The reason goes to the captured output, where the worker finds it. */
static _Noreturn void give_up(const char *what) {
    (void)dprintf(STDERR_FILENO, "sluice-stagehost cannot be started: %s: %s\n", what, strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

void sl_host_process_prepare(pid_t parent) {
    sigset_t none;
    for (int number = 1; number < NSIG; number++) (void)signal(number, SIG_DFL); /* some cannot be set, and need not be */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* After any change of user, which takes it away again; then a look, because the parent may be dead already (V25). */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(EXIT_NOT_STARTED);
}

static void set_user(const struct sl_host_process *process) {
    if (process->uid == (uid_t)-1 || process->uid == geteuid()) return;
    if (setgroups(0, NULL) != 0 || setgid(process->gid) != 0 || setuid(process->uid) != 0) give_up("changing the user");
}

/* Moves all out of the way first: a descriptor may carry the number that another one is to have. */
static void set_descriptors(const struct sl_host_process *process) {
    int null = open("/dev/null", O_RDONLY);
    int from[5] = {null, process->output, process->output, process->channel, process->claims};
    for (int i = 0; i < 5; i++) {
        from[i] = fcntl(from[i], F_DUPFD, FD_ABOVE);
        if (from[i] < 0) give_up("descriptors");
    }
    for (int i = 0; i < 5; i++) {
        if (dup2(from[i], i) < 0) give_up("descriptors");
    }
    if (close_range(FD_FIRST_CLOSED, ~0u, 0) != 0) give_up("closing descriptors");
}

void sl_host_process_exec(const struct sl_host_process *process) {
    static char mark[64];
    static char *environment[ENVIRONMENT_MAX];
    char program[] = "sluice-stagehost";
    char *arguments[] = {program, NULL};
    size_t count = 0;
    (void)snprintf(mark, sizeof mark, SL_HOST_MARK "=%u.%u", process->host, process->generation);
    environment[count++] = mark;
    for (size_t i = 0; process->environment[i] && count < ENVIRONMENT_MAX - 1; i++) environment[count++] = process->environment[i];
    set_descriptors(process);
    set_user(process);
    sl_host_process_prepare(process->parent);
    (void)execve(process->program, arguments, environment);
    give_up(process->program);
}
