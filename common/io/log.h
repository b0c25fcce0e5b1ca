/* The log of a process: one line an event, to stderr. Text on a terminal, elsewhere one JSON object a line with ts, level, msg,
 * component and the fields given. Each line is one write(2), so threads may log at once and lines do not mix. */
#ifndef SL_IO_LOG_H
#define SL_IO_LOG_H

#include "base/bytes.h"

enum sl_log_level { SL_LOG_DEBUG, SL_LOG_INFO, SL_LOG_WARNING, SL_LOG_ERROR };
enum sl_log_format { SL_LOG_AUTO, SL_LOG_TEXT, SL_LOG_JSON }; /* auto: text if stderr is a terminal */

/* A fact beside the message. A field without text is a number. */
struct sl_log_field {
    const char *key;       /* [a-z_]+, none of ts, level, msg, component */
    struct sl_bytes text;  /* any bytes; written escaped */
    uint64_t number;
};

static inline struct sl_log_field sl_log_text(const char *key, struct sl_bytes text) {
    return (struct sl_log_field){.key = key, .text = sl_bytes(text.data ? (const void *)text.data : "", text.size)};
}

static inline struct sl_log_field sl_log_number(const char *key, uint64_t number) {
    return (struct sl_log_field){.key = key, .number = number};
}

/* Says who logs (borrowed for ever), what is worth logging, and how. Before the first thread. Until then: component "sluice", INFO,
 * AUTO. */
void sl_log_open(const char *component, enum sl_log_level level, enum sl_log_format format);

/* Whether a level is logged: for lines that are costly to make. */
bool sl_log_is_on(enum sl_log_level level);

/* Logs a line; the message is a sentence without a full stop. Control characters and bytes that are no UTF-8 are escaped. A line
 * that cannot be written is lost, silently: there is nowhere else to say so. */
void sl_log(enum sl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with fields. */
void sl_log_with(enum sl_log_level level, const struct sl_log_field *fields, size_t field_count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "debug", "info", "warning", "error": 0, or SL_E_BAD_INPUT. */
int sl_log_level_from_text(const char *text, enum sl_log_level *out_level);

#endif
