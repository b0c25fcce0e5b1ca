/* The agent's invariants: each attempt is on exactly the list that its state names, counters equal lists, timers stand where
 * the states want them. */
#include "parts.h"

#include <string.h>

static bool fails(const char *sentence, char *why, size_t size) {
    size_t length = strlen(sentence) < size - 1 ? strlen(sentence) : size - 1;
    memcpy(why, sentence, length);
    why[length] = '\0';
    return false;
}

#define HOLDS(condition, sentence) \
    do { \
        if (!(condition)) return fails(sentence, why, size); \
    } while (0)

static size_t count_state(const struct sl_list *list, enum attempt_state state, uint32_t place) {
    size_t count = 0;
    for (struct sl_link *link = sl_list_first(list); link; link = sl_list_next(list, link)) {
        const struct attempt *attempt = attempt_of(link);
        bool right_place = (state != ATTEMPT_GIVEN && state != ATTEMPT_ENDED) || attempt->place == place;
        if (attempt->state == state && right_place) count++;
    }
    return count;
}

static bool list_is(const struct sl_list *list, enum attempt_state state, uint32_t place, size_t *total) {
    *total += list->count;
    return count_state(list, state, place) == list->count;
}

static bool check_attempts(const struct sl_agent *self, char *why, size_t size) {
    size_t total = 0;
    HOLDS(list_is(&self->waiting, ATTEMPT_WAITING, 0, &total), "an attempt that does not wait is in the queue");
    HOLDS(list_is(&self->inlined, ATTEMPT_INLINE, 0, &total), "an attempt on the inline list is in another state");
    HOLDS(list_is(&self->held, ATTEMPT_HELD, 0, &total), "an attempt on the held list is in another state");
    size_t others = total;
    for (uint32_t i = 0; i < SL_SHARDS_MAX && self->unsent_count; i++) { /* else the sum below is off */
        HOLDS(list_is(&self->shards[i].unsent, ATTEMPT_UNSENT, 0, &total), "an attempt on an unsent list is in another state");
    }
    HOLDS(total - others == self->unsent_count, "the count of unsent results is off");
    for (uint32_t i = 0; i < SL_AGENT_RESEND_LEVELS; i++) {
        HOLDS(list_is(&self->ended[i], ATTEMPT_ENDED, i, &total), "an attempt on a resend list is in another state");
    }
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        HOLDS(list_is(&self->hosts[i].given, ATTEMPT_GIVEN, i, &total), "an attempt on a host's list is not given to it");
    }
    HOLDS(total == self->attempts.count, "an attempt is on no list");
    return true;
}

static bool check_blocks(const struct sl_agent *self, char *why, size_t size) {
    size_t cursor = 0, result_bytes = 0, field_count = 0;
    const struct attempt *attempt;
    while ((attempt = sl_idmap_each(&self->attempts, &cursor))) {
        bool ended = sl_agent_attempt_has_ended(attempt);
        HOLDS(!ended || !attempt->blob, "an ended attempt keeps its input");
        HOLDS(ended || attempt->blob, "an attempt under way has no input");
        HOLDS(attempt->state != ATTEMPT_HELD || attempt->field_count > 0, "a result is held for nothing");
        HOLDS(attempt->state != ATTEMPT_ENDED || attempt->field_count == 0, "a result was sent before its fields");
        if (!attempt->is_spooled) result_bytes += attempt->result_size;
        field_count += attempt->field_count;
    }
    HOLDS(result_bytes == self->result_bytes, "the count of result bytes is off");
    HOLDS(field_count == self->fields.count, "the count of fields is off");
    return true;
}

static bool check_shards(const struct sl_agent *self, char *why, size_t size) {
    size_t sent_bytes[SL_SHARDS_MAX] = {0}, cursor = 0;
    const struct attempt *attempt;
    if (self->attempts.count == 0) return true;
    while ((attempt = sl_idmap_each(&self->attempts, &cursor))) {
        if (attempt->state == ATTEMPT_ENDED) sent_bytes[attempt->task.token.shard] += attempt->result_size;
    }
    for (uint32_t i = 0; i < SL_SHARDS_MAX; i++) {
        bool waits = self->link == LINK_WELCOMED && self->shards[i].unsent.count > 0;
        HOLDS(sent_bytes[i] == self->shards[i].sent_bytes, "the count of sent bytes is off");
        HOLDS(!waits || sent_bytes[i] > 0, "a result waits although nothing is sent");
    }
    return true;
}

static bool check_host(const struct sl_agent *self, const struct host *host, char *why, size_t size) {
    bool ready = host->state == HOST_READY;
    HOLDS(host->given.count <= SL_AGENT_WINDOW_MAX, "a host has more than its window");
    HOLDS(ready || !host->list, "a host that is not ready may be given tasks");
    HOLDS((host->list == &self->idle) == (ready && host->given.count == 0), "a host is idle in word or in fact only");
    HOLDS(host->list != &self->tiny || (host->given.count > 0 && host->given.count < SL_AGENT_WINDOW_MAX),
          "a host on the list of the quick has no task or no room");
    HOLDS((host->state != HOST_DOWN && host->state != HOST_STARTING) || host->given.count == 0,
          "a host that is not up has tasks");
    HOLDS(!ready || host->given.count == 0 || sl_heap_holds(&host->timer), "a running attempt has no timer");
    HOLDS(host->state != HOST_STOPPING || host->killed || sl_heap_holds(&host->timer), "a stopping host has no timer");
    return true;
}

bool sl_agent_check(const struct sl_agent *self, char *why, size_t size) {
    size_t slots = self->config.host_count * (1 + (size_t)self->config.prefetch);
    HOLDS(sl_agent_under_way(self) <= slots, "more attempts are under way than there are slots");
    HOLDS(!self->draining || self->waiting.count == 0, "a task waits although the worker is leaving");
    HOLDS(self->waiting.count == 0 || self->idle.count == 0, "a task waits although a host is idle");
    for (uint32_t i = 0; i < self->config.host_count; i++) {
        if (!check_host(self, &self->hosts[i], why, size)) return false;
    }
    return check_attempts(self, why, size) && check_blocks(self, why, size) && check_shards(self, why, size);
}
