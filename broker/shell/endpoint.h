/* Endpoints of clients and workers. */
#ifndef SL_SHELL_ENDPOINT_H
#define SL_SHELL_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

enum { SL_ENDPOINT_SIZE = 256 };

/* The workers' endpoint that goes with the clients': the next port of tcp://HOST:PORT, any port beside "*", PATH.workers of ipc://PATH.
 * 0, or SL_E_BAD_INPUT. */
int sl_endpoint_of_workers(const char *clients, char out_endpoint[SL_ENDPOINT_SIZE]);

/* Whether an endpoint is reached from this machine only. */
bool sl_endpoint_is_local(const char *endpoint);

#endif
