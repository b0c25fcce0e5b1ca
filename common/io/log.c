/* Lines of the log, put together in a buffer and written at once. */
#include "log.h"

#include "clock.h"
#include "json.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 4096 }; /* a longer message is cut */

static const char *const level_texts[] = {"debug", "info", "warning", "error"};

static struct {
    const char *component;
    enum sl_log_level level;
    bool json;
    bool open;
} state = {.component = "sluice", .level = SL_LOG_INFO};

void sl_log_open(const char *component, enum sl_log_level level, enum sl_log_format format) {
    state.component = component;
    state.level = level;
    state.json = format == SL_LOG_JSON || (format == SL_LOG_AUTO && !isatty(STDERR_FILENO));
    state.open = true;
}

bool sl_log_is_on(enum sl_log_level level) {
    return level >= state.level;
}

int sl_log_level_from_text(const char *text, enum sl_log_level *out_level) {
    for (unsigned i = 0; i < sizeof level_texts / sizeof *level_texts; i++) {
        if (strcmp(text, level_texts[i]) != 0) continue;
        *out_level = (enum sl_log_level)i;
        return SL_OK;
    }
    return SL_E_BAD_INPUT;
}

/* Failures of the buffer are kept in buf->failed, and a line that failed is not written. */
static void put_json(struct sl_buf *buf, const char *time, enum sl_log_level level, struct sl_bytes message,
                     const struct sl_log_field *fields, size_t field_count) {
    (void)sl_buf_format(buf, "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":", time, level_texts[level]);
    sl_json_put_text(buf, message);
    (void)sl_buf_format(buf, ",\"component\":");
    sl_json_put_text(buf, sl_text(state.component));
    for (size_t i = 0; i < field_count; i++) {
        (void)sl_buf_format(buf, ",\"%s\":", fields[i].key);
        if (fields[i].text.data) {
            sl_json_put_text(buf, fields[i].text);
        } else {
            (void)sl_buf_format(buf, "%" PRIu64, fields[i].number);
        }
    }
    (void)sl_buf_append(buf, "}\n", 2);
}

static void put_text(struct sl_buf *buf, const char *time, enum sl_log_level level, struct sl_bytes message,
                     const struct sl_log_field *fields, size_t field_count) {
    (void)sl_buf_format(buf, "%s %s %s: ", time, level_texts[level], state.component);
    sl_text_escape(buf, message);
    for (size_t i = 0; i < field_count; i++) {
        (void)sl_buf_format(buf, " %s=", fields[i].key);
        if (fields[i].text.data) {
            sl_text_escape(buf, fields[i].text);
        } else {
            (void)sl_buf_format(buf, "%" PRIu64, fields[i].number);
        }
    }
    (void)sl_buf_append(buf, "\n", 1);
}

static void write_line(struct sl_bytes line) {
    while (line.size > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        line = sl_bytes(line.data + written, line.size - (size_t)written);
    }
}

static void log_line(enum sl_log_level level, const struct sl_log_field *fields, size_t field_count, const char *format,
                     va_list args) {
    char message[MESSAGE_SIZE], time[SL_TIME_TEXT_SIZE];
    struct sl_buf buf;
    int saved_errno = errno;
    if (!sl_log_is_on(level)) return;
    if (!state.open) sl_log_open(state.component, state.level, SL_LOG_AUTO);
    (void)vsnprintf(message, sizeof message, format, args); /* cut when too long */
    sl_text_time(sl_clock_wall_ms(), time);
    sl_buf_init(&buf, sl_alloc_system());
    (state.json ? put_json : put_text)(&buf, time, level, sl_text(message), fields, field_count);
    if (!buf.failed) write_line(sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    errno = saved_errno;
}

void sl_log(enum sl_log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(level, NULL, 0, format, args);
    va_end(args);
}

void sl_log_with(enum sl_log_level level, const struct sl_log_field *fields, size_t field_count, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(level, fields, field_count, format, args);
    va_end(args);
}
