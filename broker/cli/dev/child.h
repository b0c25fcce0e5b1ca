/* A child process of `sluice dev`: started so that it dies with us, and what it tells us by a pipe. */
#ifndef SL_DEV_CHILD_H
#define SL_DEV_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SL_CHILD_ARGS_MAX = 64, SL_CHILD_ARG_ROOM = 65536, SL_CHILD_LINE_SIZE = 1024 };

struct sl_child {
    char name[32];        /* as people read it: "redis", "broker", "worker-1" */
    const char *program;  /* path; borrows */
    char *argv[SL_CHILD_ARGS_MAX + 1]; /* point into arguments */
    char arguments[SL_CHILD_ARG_ROOM];
    size_t argument_used;
    uint32_t argument_count;
    bool overflow;        /* an argument found no room */

    pid_t pid;            /* 0: not running */
    int pipe_fd;          /* reads what it tells; -1: none */
    char line[SL_CHILD_LINE_SIZE]; /* of the pipe, unfinished */
    size_t line_size;
    uint64_t started_at;  /* ns */
    uint64_t restart_at;  /* ns; 0: not due */
    uint32_t quick_deaths; /* in a row: it ended soon after its start */
    bool was_ready;
};

/* An empty child that has no arguments but its name in the process list. */
void sl_child_init(struct sl_child *self, const char *name, const char *program, const char *argv0);

/* Adds an argument (copied); a format of printf. */
void sl_child_add(struct sl_child *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the arguments from the given one on. */
void sl_child_cut(struct sl_child *self, uint32_t argument_count);

/* Starts it in a process group of its own, with stdin from /dev/null, and killed by the kernel when we die. The writing end of its pipe
 * is descriptor pipe_as in it (1: its stdout; -1: no pipe). Descriptor keep_fd (-1: none) stays open in it. 0; SL_E_IO,
 * SL_E_LIMIT. */
int sl_child_start(struct sl_child *self, int pipe_as, int keep_fd);

/* Reads what is there; for each whole line calls take. The pipe is closed at its end. */
void sl_child_read(struct sl_child *self, void (*take)(void *context, struct sl_child *child, const char *line), void *context);

/* Notes that it is dead. Returns when it may start again (ns): at once, but not faster and faster when it keeps dying. */
void sl_child_died(struct sl_child *self, uint64_t now);

/* Sends it a signal, if it runs. */
void sl_child_signal(const struct sl_child *self, int signal);

#endif
