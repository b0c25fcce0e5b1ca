/* One client of a run, as a process of its own: submits, submits again, cancels, follows, and writes down what it did and was told. */
#ifndef CHAOS_CLIENT_H
#define CHAOS_CLIENT_H

#include "cluster.h"

/* Works until stop_fd is readable (its other end closed), then until every job that it holds an ACCEPTED of has ended. 0; 1 when
 * some have not after the settle time, which is said on stdout; 2 when it could not work at all. */
int chaos_client_run(const struct chaos_cluster *cluster, uint32_t index, uint32_t phase, int stop_fd);

#endif
