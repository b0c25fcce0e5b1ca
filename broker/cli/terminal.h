/* What the terminal is and may be sent: colours, width, animation. */
#ifndef SL_CLI_TERMINAL_H
#define SL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum sl_color { SL_COLOR_NONE, SL_COLOR_RED, SL_COLOR_GREEN, SL_COLOR_YELLOW, SL_COLOR_BLUE, SL_COLOR_DIM, SL_COLOR_BOLD };

/* Facts from which the rules decide; tests fill it by hand. */
struct sl_terminal_facts {
    bool is_terminal;
    const char *when;     /* --color: "auto", "always", "never"; NULL: not given */
    const char *no_color; /* NO_COLOR, TERM and CLICOLOR_FORCE of the environment; NULL: not set */
    const char *term;
    const char *color_force;
};

/* The facts about a stream. */
struct sl_terminal_facts sl_terminal_facts(FILE *stream, const char *when);

/* Whether colours may be written: --color decides; else only on a terminal, and never with NO_COLOR or TERM=dumb. */
bool sl_terminal_has_color(const struct sl_terminal_facts *facts);

/* Whether lines may be drawn over: a terminal that is not dumb. */
bool sl_terminal_can_redraw(const struct sl_terminal_facts *facts);

/* Columns of the stream's terminal, COLUMNS, or 80. */
int sl_terminal_width(FILE *stream);

/* The escape sequence that starts a colour, and the one that ends it; "" when on is false. */
const char *sl_color_start(bool on, enum sl_color color);
const char *sl_color_end(bool on);

/* The colour in which a job's status is shown. */
enum sl_color sl_status_color(const char *status);

#endif
