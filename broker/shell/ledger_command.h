/* The ledger's calls as Redis commands (https://redis.io/docs/reference/protocol-spec/, RESP2), written straight into a buffer. */
#ifndef SL_SHELL_LEDGER_COMMAND_H
#define SL_SHELL_LEDGER_COMMAND_H

#include "base/buf.h"
#include "core/ledger.h"

enum {
    SL_LEDGER_LIVE_PAGE = 512,        /* of READ_LIVE, about */
    SL_LEDGER_COUNT_MAX = 10000,      /* of READ_LOG and READ_ENDED */
    SL_LEDGER_OPERATIONS_MAX = 4096,  /* of one settle */
    SL_LEDGER_KEY_MAX = 256           /* of one operation's key */
};

/* Appends the command of a call; body and all are copied. Returns how many plain statuses come before the reply that counts.
 * A SETTLE whose body is malformed becomes a command that Redis answers with BAD, after the fence. Failure is kept in out->failed. */
uint32_t sl_ledger_command_add(struct sl_buf *out, const struct sl_ledger_call *call);

/* The key of a pipeline's canonical form: "sl:p:" and the digest's hex digits. */
enum { SL_PIPELINE_KEY_SIZE = 40 };
void sl_pipeline_key(struct sl_digest digest, char out_key[SL_PIPELINE_KEY_SIZE]);

/* Appends any command. Failure is kept in out->failed. */
void sl_ledger_command_argv(struct sl_buf *out, int argc, const char *const *argv, const size_t *argvlen);

#endif
