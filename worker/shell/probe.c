/* Looks at plugins, each in a process of its own: a plugin may end or hang whoever loads it. Done before the worker has any other
 * child, socket or thread. */
#include "plugins.h"

#include "host_process.h"

#include "base/err.h"
#include "base/text.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 8, METADATA_MAX = 4 << 20, WORDS_MAX = 512, RESULT_FD = 3, LAST_READS_MAX = 64, SWEEPS_MAX = 1000 };
enum { FDS = 3 }; /* that are waited for, of one probe */

/* One probe under way. */
struct probe {
    struct sl_plugin *plugin;
    pid_t pid;
    int process; /* tells when it has ended: its pipes may be held open by what it left behind */
    int result;  /* descriptors; -1 when their end was read */
    int words;
    uint32_t timeout_ms;
    uint64_t deadline;
    bool timed_out;
    char last_words[WORDS_MAX]; /* the last bytes of its stdout and stderr */
    size_t last_words_size;
};

static _Noreturn void exec_probe(const struct sl_probing *probing, const struct sl_plugin *plugin, int result, int words,
                                 pid_t parent) {
    char *arguments[] = {(char *)(uintptr_t)probing->program, (char *)(uintptr_t)"--probe", plugin->path,
                         (char *)(uintptr_t)sl_plugin_function(plugin), NULL};
    int null = open("/dev/null", O_RDONLY);
    int far_result = fcntl(result, F_DUPFD, RESULT_FD + 1), far_words = fcntl(words, F_DUPFD, RESULT_FD + 1);
    (void)dup2(null, 0);
    (void)dup2(far_words, 1);
    (void)dup2(far_words, 2);
    (void)dup2(far_result, RESULT_FD);
    (void)close_range(RESULT_FD + 1, ~0u, 0);
    sl_host_process_prepare(parent, &probing->rights);
    (void)execve(probing->program, arguments, probing->environment);
    _exit(127);
}

static int begin(struct probe *probe, struct sl_plugin *plugin, const struct sl_probing *probing) {
    int result[2], words[2];
    if (pipe2(result, O_CLOEXEC) != 0) return SL_E_IO;
    if (pipe2(words, O_CLOEXEC) != 0) goto err_after_result;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) exec_probe(probing, plugin, result[1], words[1], parent);
    (void)close(result[1]);
    (void)close(words[1]);
    if (pid < 0) goto err_after_words;
    (void)setpgid(pid, pid); /* the child does the same */
    *probe = (struct probe){.plugin = plugin, .pid = pid, .result = result[0], .words = words[0]};
    probe->process = pidfd_open(pid, 0); /* without it the end of its pipes says the same, later */
    probe->timeout_ms = probing->timeout_ms;
    probe->deadline = sl_clock_now_ns() + (uint64_t)probing->timeout_ms * 1000000u;
    return SL_OK;
err_after_words:
    (void)close(words[0]);
    (void)close(result[0]);
    return SL_E_IO;
err_after_result:
    (void)close(result[0]);
    (void)close(result[1]);
    return SL_E_IO;
}

static void keep_words(struct probe *probe, const char *text, size_t size) {
    if (size > WORDS_MAX) {
        text += size - WORDS_MAX;
        size = WORDS_MAX;
    }
    size_t kept = probe->last_words_size + size <= WORDS_MAX ? probe->last_words_size : WORDS_MAX - size;
    memmove(probe->last_words, probe->last_words + probe->last_words_size - kept, kept);
    memcpy(probe->last_words + kept, text, size);
    probe->last_words_size = kept + size;
}

static void read_some(struct probe *probe, int *fd) {
    char buffer[16 << 10];
    ssize_t size = read(*fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) return;
    bool too_much = fd == &probe->result && probe->plugin->metadata.size > METADATA_MAX;
    if (size <= 0 || too_much) {
        (void)close(*fd);
        *fd = -1;
    } else if (fd == &probe->result) {
        (void)sl_buf_append(&probe->plugin->metadata, buffer, (size_t)size); /* kept in metadata.failed */
    } else {
        keep_words(probe, buffer, (size_t)size);
    }
}

/* The last line that the process wrote, for the sentence. */
static void last_line(const struct probe *probe, struct sl_buf *out) {
    size_t end = probe->last_words_size;
    while (end > 0 && probe->last_words[end - 1] == '\n') end--;
    size_t start = end;
    while (start > 0 && probe->last_words[start - 1] != '\n') start--;
    if (end > start) (void)sl_buf_format(out, "; it last wrote: "); /* kept in out->failed */
    sl_text_escape(out, sl_bytes(probe->last_words + start, end - start));
    (void)sl_buf_append(out, "", 1);
}

static void judge(struct probe *probe, int status) {
    struct sl_plugin *plugin = probe->plugin;
    struct sl_buf line;
    sl_buf_init(&line, sl_alloc_system());
    last_line(probe, &line);
    const char *words = line.failed ? "" : (const char *)line.data;
    if (probe->timed_out) {
        sl_plugin_fail(plugin, "%s did not finish loading within %u ms%s", plugin->path, probe->timeout_ms, words);
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        sl_plugin_fail(plugin, "%s killed the process that loaded it by SIG%s%s", plugin->path, name ? name : "?", words);
    } else if (sl_plugin_read(plugin) != SL_OK) {
        sl_plugin_fail(plugin, "%s ended the process that loaded it with exit status %d%s", plugin->path, WEXITSTATUS(status),
                       words);
    }
    sl_buf_fini(&line);
}

/* What is left in a pipe of a dead process; more than that only somebody else writes. */
static void read_rest(struct probe *probe, int *fd) {
    if (*fd >= 0) (void)fcntl(*fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < LAST_READS_MAX && *fd >= 0; i++) read_some(probe, fd);
    if (*fd >= 0) (void)close(*fd);
}

/* Kills the whole group: a process that ends already keeps its own status, and what it started must not stay. */
static void end(struct probe *probe) {
    int status = 0;
    siginfo_t info;
    (void)kill(-probe->pid, SIGKILL);
    while (waitid(P_PID, (id_t)probe->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    (void)kill(-probe->pid, SIGKILL); /* once more, while the number is its own: it may have been forking */
    while (waitpid(probe->pid, &status, 0) < 0 && errno == EINTR) {
    }
    read_rest(probe, &probe->result);
    read_rest(probe, &probe->words);
    if (probe->process >= 0) (void)close(probe->process);
    judge(probe, status);
}

static int wait_ms(const struct probe *probes, size_t count) {
    uint64_t now = sl_clock_now_ns(), first = UINT64_MAX;
    for (size_t i = 0; i < count; i++) first = probes[i].deadline < first ? probes[i].deadline : first;
    return first <= now ? 0 : (int)((first - now) / 1000000u + 1);
}

/* Waits for news of the probes under way; ends those that are done or late. Returns how many are left. */
static size_t turn(struct probe *probes, size_t count) {
    struct pollfd waits[FDS * AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        waits[FDS * i] = (struct pollfd){.fd = probes[i].result, .events = POLLIN};
        waits[FDS * i + 1] = (struct pollfd){.fd = probes[i].words, .events = POLLIN};
        waits[FDS * i + 2] = (struct pollfd){.fd = probes[i].process, .events = POLLIN};
    }
    (void)poll(waits, FDS * count, wait_ms(probes, count));
    uint64_t now = sl_clock_now_ns();
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct probe *probe = &probes[i];
        if (waits[FDS * i].revents) read_some(probe, &probe->result);
        if (waits[FDS * i + 1].revents) read_some(probe, &probe->words);
        bool is_done = probe->result < 0 || waits[FDS * i + 2].revents;
        probe->timed_out = !is_done && now >= probe->deadline;
        if (is_done || probe->timed_out) {
            end(probe);
        } else {
            probes[left++] = *probe;
        }
    }
    return left;
}

/* Ends the first of our children, and takes its end. False: there is none, or a kernel that does not list them. */
static bool end_child(void) {
    int pid;
    FILE *list = fopen("/proc/thread-self/children", "re");
    bool found = list && fscanf(list, "%d", &pid) == 1 && kill(pid, SIGKILL) == 0;
    if (list) (void)fclose(list);
    while (found && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return found;
}

/* The children of those that are ended become ours in turn. Something that multiplies faster than this is left to its limits. */
static void sweep(void) {
    for (int i = 0; i < SWEEPS_MAX && end_child(); i++) {
    }
}

static void probe_all(struct sl_plugins *self, const struct sl_probing *probing) {
    struct probe probes[AT_ONCE];
    size_t count = 0;
    uint32_t next = 0;
    while (count > 0 || next < self->count) {
        while (count < AT_ONCE && next < self->count) {
            struct sl_plugin *plugin = &self->items[next++];
            if (begin(&probes[count], plugin, probing) == SL_OK) {
                count++;
            } else {
                sl_plugin_fail(plugin, "%s cannot be looked at: %s", plugin->path, strerror(errno));
            }
        }
        if (count) count = turn(probes, count);
    }
}

int sl_plugins_probe(struct sl_plugins *self, const struct sl_probing *probing) {
    int was_reaper = 0;
    (void)prctl(PR_GET_CHILD_SUBREAPER, &was_reaper, 0, 0, 0); /* neither fails on a kernel that has pidfds */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    probe_all(self, probing);
    sweep();
    (void)prctl(PR_SET_CHILD_SUBREAPER, was_reaper, 0, 0, 0);
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->items[i].metadata.failed) return SL_E_NO_MEMORY;
    }
    return SL_OK;
}
