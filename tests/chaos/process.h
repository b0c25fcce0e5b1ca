/* Processes of the run: starting, waiting, and finding what descends from them in /proc. */
#ifndef CHAOS_PROCESS_H
#define CHAOS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The names of programs as /proc shows them: at most 15 bytes. */
#define CHAOS_HOST_NAME "sluice-stagehos"

/* What is left without a parent becomes a child of this process, so that it is seen. */
void chaos_process_adopt(void);

/* Starts a program whose output goes to the end of the file `log`; it dies with this one. Its pid, or -1. */
pid_t chaos_process_start(char *const *arguments, const char *log);

/* A child's end. false when it lives on after timeout_ms (0: only looks). The status is waitpid's. */
bool chaos_process_wait(pid_t pid, int timeout_ms, int *out_status);

/* Living processes that descend from ancestor and have that name (NULL: any); at most `max` pids are kept. Their number. */
size_t chaos_process_below(pid_t ancestor, const char *name, pid_t *out_pids, size_t max);

/* Waits until none of these processes lives; how many still do after timeout_ms. Other users of a number are not told apart. */
size_t chaos_process_wait_gone(const pid_t *pids, size_t count, int timeout_ms);

/* Open descriptors of a process; 0 when it is gone. */
size_t chaos_process_descriptors(pid_t pid);

/* Prints what /proc says of a process, for a person. */
void chaos_process_show(pid_t pid);

#endif
