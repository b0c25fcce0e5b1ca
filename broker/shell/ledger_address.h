/* Where Redis is: a unix socket or a TCP address, as people write it. */
#ifndef SL_SHELL_LEDGER_ADDRESS_H
#define SL_SHELL_LEDGER_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

enum { SL_LEDGER_PATH_MAX = 107, SL_LEDGER_HOST_MAX = 255 }; /* unix(7): sun_path; RFC 1035, 2.3.4 */

struct sl_ledger_address {
    char path[SL_LEDGER_PATH_MAX + 1]; /* of a unix socket; empty: TCP */
    char host[SL_LEDGER_HOST_MAX + 1]; /* name or number, IPv6 without brackets */
    uint16_t port;
};

/* Reads "unix:PATH", a path with a slash in it, "HOST:PORT", "tcp://HOST:PORT", "[IPV6]:PORT", or "HOST" (port 6379).
 * 0, or SL_E_BAD_INPUT with a sentence in out_why. */
int sl_ledger_address_parse(const char *text, struct sl_ledger_address *out_address, char *out_why, size_t why_size);

/* Writes the address as people read it: the path, or HOST:PORT. */
enum { SL_LEDGER_ADDRESS_TEXT_SIZE = SL_LEDGER_HOST_MAX + 10 };
void sl_ledger_address_text(const struct sl_ledger_address *address, char out_text[SL_LEDGER_ADDRESS_TEXT_SIZE]);

/* A socket whose connection has begun and does not block, close-on-exec. *out_fd, which the caller owns; or SL_E_UNREACHABLE with
 * a sentence. A host that is a name is looked up here, which may wait for a name server; numbers are not. */
int sl_ledger_address_connect(const struct sl_ledger_address *address, int *out_fd, char *out_why, size_t why_size);

#endif
