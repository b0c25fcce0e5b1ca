/* From fork to exec of a stage host: everything that it may not inherit is taken away here. */
#ifndef SL_SHELL_HOST_PROCESS_H
#define SL_SHELL_HOST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The variable by which the spawner knows whose child a process was: "host.generation". */
#define SL_HOST_MARK "SLUICE_HOST"

/* What a process that runs plugin code may use; 0: as much as its parent may. */
struct sl_host_limits {
    uint64_t memory;    /* bytes of address space */
    uint64_t file_size; /* bytes of a file that it writes */
    uint64_t files;     /* open at once */
    uint64_t processes; /* of its user, on the whole machine */
};

/* Under whom such a process runs, and its limits. */
struct sl_host_rights {
    bool changes_user; /* to these; else as the parent */
    uid_t uid;
    gid_t gid;
    struct sl_host_limits limits;
};

/* Looks a user up (NULL: no change) that this process must be able to become; limits stay. 0; SL_E_NOT_FOUND for an unknown one,
 * SL_E_REFUSED when it cannot be changed to; each with a sentence. */
int sl_host_rights_of(const char *user, struct sl_host_rights *rights, char *error, size_t error_size);

struct sl_host_process {
    const char *program;
    pid_t parent; /* the caller of fork */
    char *const *environment;
    const struct sl_host_rights *rights;
    uint32_t host;
    uint32_t generation;
    int channel; /* becomes 3 */
    int claims;  /* becomes 4 */
    int output;  /* becomes 1 and 2 */
};

/* In the forked child: makes it a stage host and executes the program; never returns. */
_Noreturn void sl_host_process_exec(const struct sl_host_process *process);

/* Gives the child of a fork its rights, default signals, an empty mask, a process group of its own, and death with its parent
 * `parent`; ends it, with a line on stderr, when a right cannot be set. For probes too. */
void sl_host_process_prepare(pid_t parent, const struct sl_host_rights *rights);

#endif
