/* What happens between fork and exec; see host_process.h. */
#include "host_process.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127, ENVIRONMENT_MAX = 1024, FD_ABOVE = 16, FD_FIRST_CLOSED = 5 };

int sl_host_rights_of(const char *user, struct sl_host_rights *rights, char *error, size_t error_size) {
    if (!user) return SL_OK;
    const struct passwd *entry = getpwnam(user);
    if (!entry) {
        (void)snprintf(error, error_size, "--stage-user: there is no user \"%s\" on this machine", user);
        return SL_E_NOT_FOUND;
    }
    if (geteuid() != 0 && entry->pw_uid != geteuid()) {
        (void)snprintf(error, error_size, "--stage-user %s needs a worker that is started as root", user);
        return SL_E_REFUSED;
    }
    rights->changes_user = entry->pw_uid != geteuid();
    rights->uid = entry->pw_uid;
    rights->gid = entry->pw_gid;
    return SL_OK;
}

/* The reason goes to the captured output, where the worker finds it. */
static _Noreturn void give_up(const char *what) {
    (void)dprintf(STDERR_FILENO, "sluice-stagehost cannot be started: %s: %s\n", what, strerror(errno));
    _exit(EXIT_NOT_STARTED);
}

static void set_user(const struct sl_host_rights *rights) {
    if (!rights->changes_user) return;
    if (setgroups(0, NULL) != 0 || setgid(rights->gid) != 0 || setuid(rights->uid) != 0) give_up("changing the user");
}

/* Soft and hard, so that plugin code cannot take it back; what the parent itself may not is not asked for. */
static void set_limit(int resource, uint64_t most, const char *what) {
    struct rlimit limit;
    if (most == 0) return;
    if (getrlimit(resource, &limit) != 0) give_up(what);
    if (most < limit.rlim_max) limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0) give_up(what);
}

/* After a change of user: the number of processes counts for the new one. */
static void set_limits(const struct sl_host_limits *limits) {
#if !defined(__SANITIZE_ADDRESS__) /* its shadow memory alone takes terabytes of address space */
    set_limit(RLIMIT_AS, limits->memory, "limiting its memory");
#endif
    set_limit(RLIMIT_FSIZE, limits->file_size, "limiting the size of files");
    set_limit(RLIMIT_NOFILE, limits->files, "limiting open files");
    set_limit(RLIMIT_NPROC, limits->processes, "limiting processes");
}

void sl_host_process_prepare(pid_t parent, const struct sl_host_rights *rights) {
    sigset_t none;
    set_user(rights);
    set_limits(&rights->limits);
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
    sl_host_process_prepare(process->parent, process->rights);
    (void)execve(process->program, arguments, environment);
    give_up(process->program);
}
