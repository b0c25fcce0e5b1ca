/* How bytes stand in the history: as hexadecimal digits, many of them as "blake2b:" and their digest of 128 bits. */
#ifndef CHAOS_SHOWN_H
#define CHAOS_SHOWN_H

#include <sodium.h>
#include <stdio.h>

enum { CHAOS_SHOWN_BYTES_MAX = 700, CHAOS_SHOWN_SIZE = 2 * CHAOS_SHOWN_BYTES_MAX + 16 };

static inline void chaos_show(const void *bytes, size_t size, char out[CHAOS_SHOWN_SIZE]) {
    unsigned char digest[16];
    if (size <= CHAOS_SHOWN_BYTES_MAX) {
        (void)sodium_bin2hex(out, CHAOS_SHOWN_SIZE, bytes, size);
        return;
    }
    (void)crypto_generichash(digest, sizeof digest, bytes, size, NULL, 0);
    (void)snprintf(out, CHAOS_SHOWN_SIZE, "blake2b:");
    (void)sodium_bin2hex(out + 8, CHAOS_SHOWN_SIZE - 8, digest, sizeof digest);
}

#endif
