/* From fork to exec of a stage host: everything that it may not inherit is taken away here. */
#ifndef SL_SHELL_HOST_PROCESS_H
#define SL_SHELL_HOST_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* The variable by which the spawner knows whose child a process was: "host.generation". */
#define SL_HOST_MARK "SLUICE_HOST"

struct sl_host_process {
    const char *program;
    pid_t parent; /* the caller of fork */
    char *const *environment;
    uid_t uid; /* (uid_t)-1: as the parent */
    gid_t gid;
    uint32_t host;
    uint32_t generation;
    int channel; /* becomes 3 */
    int claims;  /* becomes 4 */
    int output;  /* becomes 1 and 2 */
};

/* In the forked child: makes it a stage host and executes the program; never returns. */
_Noreturn void sl_host_process_exec(const struct sl_host_process *process);

/* Gives the child of a fork default signals, an empty mask, a process group of its own, and death with its parent `parent`. For
 * probes too. */
void sl_host_process_prepare(pid_t parent);

#endif
