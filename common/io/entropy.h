/* Random bytes from the kernel, for names that nobody may guess: nonces, salts, instances, seeds. */
#ifndef SL_IO_ENTROPY_H
#define SL_IO_ENTROPY_H

#include <stddef.h>

/* Fills out with size random bytes. Without them nothing here is safe: says so on stderr and aborts when there are none. */
void sl_entropy(void *out, size_t size);

#endif
