/* The inside of a client, for the files of this folder. */
#ifndef SL_CLIENT_PRIVATE_H
#define SL_CLIENT_PRIVATE_H

#include "client.h"
#include "endpoint.h"

#include "base/buf.h"
#include "io/link.h"

struct sl_client {
    struct sl_endpoint endpoint;
    char *address; /* owns: the endpoint as it was written */
    struct sl_link_context *context;
    struct sl_dealer *dealer;
    struct sl_session *session;

    struct sl_buf frame; /* of the request that is being made */
    bool can_send;       /* false: the last send found no connection or no room */
};

#endif
