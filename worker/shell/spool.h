/* Room for results in files of a folder: blocks that are used like memory and lie on disk. Each is a file of its own that has lost its
 * name at once, so nothing is left behind however the worker ends, and a block that is given back is room on the disk again. Not
 * kept over a restart: the attempts of a worker that died are lost, whatever they came to. */
#ifndef SL_SHELL_SPOOL_H
#define SL_SHELL_SPOOL_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>

enum { SL_SPOOL_BLOCKS_MAX = 32768 }; /* each is a mapping; a process may have 65530 (vm.max_map_count) */

struct sl_spool {
    struct sl_alloc alloc; /* hand out its address; blocks are zeroed, and never grow. NULL: no room, of whatever kind */
    const char *directory; /* borrowed */
    uint64_t bytes_max;
    uint64_t bytes;
    uint32_t block_count;
    bool is_full; /* the newest block was refused: said once */
};

/* Makes no file yet. SIGXFSZ must be ignored by the process: a file above a limit is an error here. The struct must not move. */
void sl_spool_init(struct sl_spool *self, const char *directory, uint64_t bytes_max);

#endif
