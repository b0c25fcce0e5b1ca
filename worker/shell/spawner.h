/* The spawner: a single-threaded child of the worker, forked before any ZeroMQ context exists, that forks, signals and reaps stage
 * hosts (reliability B8, V24, V25). It is the subreaper of what they start, and ends them all when the worker ends, however it
 * ends. This is the worker's side of it; its own is spawner_process.c. */
#ifndef SL_SHELL_SPAWNER_H
#define SL_SHELL_SPAWNER_H

#include "host_process.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sl_spawner_config {
    const char *program;         /* path of sluice-stagehost */
    char *const *environment;    /* of the hosts; NULL-terminated; one more is added: SLUICE_HOST */
    struct sl_host_rights rights; /* of the hosts */
    uint32_t host_count;
    uint32_t grace_ms;           /* that hosts get to close their instances when the worker leaves */
};

struct sl_spawner {
    int fd; /* of the socket to it; readable when a report is there or it is gone */
    pid_t pid;
};

/* The end of a stage host. */
struct sl_spawner_report {
    uint32_t host;
    uint32_t generation; /* as given to start */
    int32_t signal;      /* that ended it, or 0 */
    uint32_t killed;     /* 1: it was not ending yet when SIGKILL was sent to it */
    int32_t status;      /* exit status; or, negative, the errno of a fork that failed */
};

/* Forks it; `config` and what it points at is copied by the fork. Call it while the process has one thread and no signal blocked.
 * 0, or SL_E_IO with a sentence. */
int sl_spawner_start(const struct sl_spawner_config *config, struct sl_spawner *out_self, char *error, size_t error_size);

/* Has a host started in slot `host`, which must be empty. The three descriptors become the host's 3, 4, and 1 and 2; the caller keeps
 * its own copies. The end of the host is reported, also when it could not be started. 0, or SL_E_CLOSED: the spawner is gone. */
int sl_spawner_host_start(const struct sl_spawner *self, uint32_t host, uint32_t generation, int channel, int claims, int output);

/* Sends a signal to that host and its process group; one that is gone already is no error. 0, or SL_E_CLOSED. */
int sl_spawner_host_signal(const struct sl_spawner *self, uint32_t host, uint32_t generation, int number);

/* Takes the next report without waiting: 0; SL_E_AGAIN; SL_E_CLOSED: the spawner is gone, and every host with it. */
int sl_spawner_report(const struct sl_spawner *self, struct sl_spawner_report *out_report);

/* Lets it end what is left, and waits for its end: at most the grace time and two seconds. */
void sl_spawner_stop(struct sl_spawner *self);

/* Requests, one a message of a SOCK_SEQPACKET socket. */
enum sl_spawner_verb { SL_SPAWNER_START = 1, SL_SPAWNER_SIGNAL = 2 };

struct sl_spawner_request {
    uint32_t verb;
    uint32_t host;
    uint32_t generation;
    int32_t signal;
};

enum { SL_SPAWNER_FDS = 3 };

/* What the forked child does; never returns. */
_Noreturn void sl_spawner_process(const struct sl_spawner_config *config, int fd);

#endif
