/* Endpoints; see endpoint.h. */
#include "endpoint.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

int sl_endpoint_of_workers(const char *clients, char out_endpoint[SL_ENDPOINT_SIZE]) {
    const char *port = strrchr(clients, ':');
    uint64_t number;
    int size;
    if (strncmp(clients, "ipc://", 6) == 0) {
        size = snprintf(out_endpoint, SL_ENDPOINT_SIZE, "%s.workers", clients);
    } else if (port && strcmp(port, ":*") == 0) {
        size = snprintf(out_endpoint, SL_ENDPOINT_SIZE, "%s", clients);
    } else if (port && sl_text_to_uint(port + 1, 65534, &number) == SL_OK) {
        size = snprintf(out_endpoint, SL_ENDPOINT_SIZE, "%.*s:%u", (int)(port - clients), clients, (unsigned)number + 1);
    } else {
        return SL_E_BAD_INPUT;
    }
    return size < SL_ENDPOINT_SIZE ? SL_OK : SL_E_BAD_INPUT;
}

bool sl_endpoint_is_local(const char *endpoint) {
    static const char *const local[] = {"ipc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        if (strncmp(endpoint, local[i], strlen(local[i])) == 0) return true;
    }
    return false;
}
