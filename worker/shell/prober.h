/* The prober: a single-threaded child of the worker, forked before any ZeroMQ context exists, that looks at functions which pipelines
 * name while the worker serves (plugins.h, sl_plugins_probe). What it runs may hang for the whole probe time; the worker's loop does not
 * wait for it. It ends with the worker, however that ends. */
#ifndef SL_SHELL_PROBER_H
#define SL_SHELL_PROBER_H

#include "plugins.h"

#include <sys/types.h>

struct sl_prober {
    int fd; /* readable when an answer is there or it is gone; -1: there is none */
    pid_t pid;
    bool busy;        /* asked, and the answer is not whole yet */
    struct sl_buf in; /* of the answer, as far as it is there */
};

/* Forks it; what `probing` points at is copied by the fork. Before the spawner, so that it holds nothing of that. 0, or SL_E_IO with
 * a sentence. */
int sl_prober_start(const struct sl_probing *probing, struct sl_prober *out_self, char *error, size_t error_size);

/* Has it look at those of the plugins [from, to) that have not failed; each names a function. It must not be busy. 0; SL_E_CLOSED: it is
 * gone; SL_E_NO_MEMORY. */
int sl_prober_ask(struct sl_prober *self, const struct sl_plugins *plugins, uint32_t from, uint32_t to);

/* Reads what is there without waiting: 0; SL_E_AGAIN: the answer is not whole; SL_E_CLOSED: it is gone; SL_E_NO_MEMORY. */
int sl_prober_read(struct sl_prober *self);

/* Puts the answer into the plugins that it was asked about: their types, or why they failed. It is not busy any more. 0; SL_E_BAD_INPUT:
 * what it said is no answer, and those that are not told yet are failed; SL_E_NO_MEMORY. */
int sl_prober_take(struct sl_prober *self, struct sl_plugins *plugins, uint32_t from, uint32_t to);

/* Ends it at once, and what it looks at. */
void sl_prober_stop(struct sl_prober *self);

#endif
