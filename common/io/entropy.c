/* getrandom(2), repeated until all is there. */
#include "entropy.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void sl_entropy(void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            fprintf(stderr, "sluice: the kernel gives no random bytes (%s): nothing can be named safely\n", strerror(errno));
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}
