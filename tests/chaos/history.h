/* One writer of the history: JSON lines (time, who, verb, token, outcome and more), appended whole, in the order of the clock. */
#ifndef CHAOS_HISTORY_H
#define CHAOS_HISTORY_H

struct chaos_history {
    int fd;
    char who[32];
};

/* Opens the file for appending. 0, or SL_E_IO. */
int chaos_history_open(const char *path, const char *who, struct chaos_history *out_self);
void chaos_history_close(struct chaos_history *self);

/* Appends a line. members is a printf format for further members of the object, each with a comma before it. Texts stand as they
 * are and must need no escape. A line that cannot be written ends the program: a history with holes would accuse the innocent. */
void chaos_history_line(const struct chaos_history *self, const char *verb, const char *token, const char *outcome,
                        const char *members, ...) __attribute__((format(printf, 5, 6)));

#endif
