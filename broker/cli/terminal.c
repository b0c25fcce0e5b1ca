/* The colour rules: https://no-color.org, CLICOLOR_FORCE, and --color above both. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct sl_terminal_facts sl_terminal_facts(FILE *stream, const char *when) {
    return (struct sl_terminal_facts){
        .is_terminal = isatty(fileno(stream)) == 1,
        .when = when,
        .no_color = getenv("NO_COLOR"),
        .term = getenv("TERM"),
        .color_force = getenv("CLICOLOR_FORCE"),
    };
}

static bool is_set(const char *text) {
    return text && text[0] != '\0';
}

static bool is_dumb(const struct sl_terminal_facts *facts) {
    return !is_set(facts->term) || strcmp(facts->term, "dumb") == 0;
}

bool sl_terminal_has_color(const struct sl_terminal_facts *facts) {
    if (facts->when && strcmp(facts->when, "always") == 0) return true;
    if (facts->when && strcmp(facts->when, "never") == 0) return false;
    if (is_set(facts->no_color)) return false;
    if (is_set(facts->color_force) && strcmp(facts->color_force, "0") != 0) return true;
    return facts->is_terminal && !is_dumb(facts);
}

bool sl_terminal_can_redraw(const struct sl_terminal_facts *facts) {
    return facts->is_terminal && !is_dumb(facts);
}

int sl_terminal_width(FILE *stream) {
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    return width > 0 ? width : 80;
}

const char *sl_color_start(bool on, enum sl_color color) {
    static const char *const codes[] = {"", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m", "\x1b[1m"};
    return on ? codes[color] : "";
}

const char *sl_color_end(bool on) {
    return on ? "\x1b[0m" : "";
}

enum sl_color sl_status_color(const char *status) {
    if (strcmp(status, "completed") == 0 || strcmp(status, "succeeded") == 0) return SL_COLOR_GREEN;
    if (strcmp(status, "failed") == 0) return SL_COLOR_RED;
    if (strcmp(status, "cancelled") == 0) return SL_COLOR_YELLOW;
    if (strcmp(status, "processing") == 0 || strcmp(status, "running") == 0) return SL_COLOR_BLUE;
    return SL_COLOR_NONE;
}
