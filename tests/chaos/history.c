/* The history's lines; see history.h. */
#include "history.h"

#include "base/err.h"
#include "io/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 8192 };

int chaos_history_open(const char *path, const char *who, struct chaos_history *out_self) {
    out_self->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)snprintf(out_self->who, sizeof out_self->who, "%s", who);
    return out_self->fd < 0 ? SL_E_IO : SL_OK;
}

void chaos_history_close(struct chaos_history *self) {
    (void)close(self->fd); /* every line was written at once */
}

void chaos_history_line(const struct chaos_history *self, const char *verb, const char *token, const char *outcome,
                        const char *members, ...) {
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, "{\"time\":%llu,\"who\":\"%s\",\"verb\":\"%s\",\"token\":\"%s\",\"outcome\":\"%s\"",
                        (unsigned long long)sl_clock_now_ns(), self->who, verb, token, outcome);
    va_list args;
    va_start(args, members);
    if (size > 0 && size < LINE_SIZE) size += vsnprintf(line + size, (size_t)(LINE_SIZE - size), members, args);
    va_end(args);
    if (size > 0 && size < LINE_SIZE) size += snprintf(line + size, (size_t)(LINE_SIZE - size), "}\n");
    if (size > 0 && size < LINE_SIZE && write(self->fd, line, (size_t)size) == size) return;
    fprintf(stderr, "chaos: a line of the history cannot be written: %s %s\n", verb, token);
    abort();
}
