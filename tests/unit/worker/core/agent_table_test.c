/* Every event in every situation of an agent: nothing breaks, the invariants hold, and memory that runs out changes nothing. */
#include "agent_fixture.h"

#include "base/err.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct agent_fixture fixture;
static struct agent_fixture *const fx = &fixture;
static struct sl_token newest;

static void nothing(void) {
    fixture_new(fx, 1);
}

static void started(void) {
    nothing();
    fixture_tell(fx, SL_AGENT_START);
}

static void greeting(void) {
    started();
    fixture_tell(fx, SL_AGENT_CONNECTED);
}

static void idle(void) {
    fixture_running(fx, 1);
}

static void running(void) {
    idle();
    newest = fixture_assign(fx, STAGE_PLAIN, 60000);
}

static void full(void) {
    running();
    for (int i = 0; i < 3; i++) (void)fixture_assign(fx, STAGE_OTHER, 60000);
}

static void inlined(void) {
    idle();
    newest = fixture_assign(fx, STAGE_INLINE, 60000);
}

static void stopping(void) {
    running();
    fixture_cancel(fx, &newest);
}

static void held(void) {
    running();
    fixture_field(fx, 1, &newest, "field");
    fixture_done(fx, 1, &newest, 2000);
}

static void ended(void) {
    running();
    fixture_done(fx, 1, &newest, 2000);
}

static void silent(void) {
    running();
    fixture_pass(fx, LOST_MS);
}

static void draining(void) {
    full();
    fixture_tell(fx, SL_AGENT_DRAIN);
}

static void orphaned(void) {
    full();
    fixture_tell(fx, SL_AGENT_SPAWNER_LOST);
}

static void gone(void) {
    full();
    fixture_tell(fx, SL_AGENT_STOP);
}

static void (*const situations[])(void) = {nothing, started, greeting, idle,  running,  full,     inlined,
                                           stopping, held,   ended,    silent, draining, orphaned, gone};
enum { SITUATION_COUNT = sizeof situations / sizeof situations[0] };

/* An event with whatever facts it needs, about the newest attempt. */
static struct sl_agent_event event_of(enum sl_agent_event_kind kind) {
    struct sl_agent_event event = {.kind = kind, .host = 1, .nonce = newest.nonce};
    switch (kind) {
    case SL_AGENT_WELCOME:
        event.welcome.session = 8;
        break;
    case SL_AGENT_ASSIGN:
        event.task.token = (struct sl_token){.shard = 2, .epoch = 1, .nonce = 5};
        event.task.definition = fx->digest;
        event.task.timeout_ms = 1000;
        event.task.input = sl_text("x");
        break;
    case SL_AGENT_CANCEL:
    case SL_AGENT_RESULT_ACK: event.token = newest; break;
    case SL_AGENT_FIELD_ACK: event.message_id = (uint64_t)1 << 40; break;
    case SL_AGENT_REJECTED: event.rejected.message_id = (uint64_t)1 << 40; break;
    case SL_AGENT_DEFINE:
        event.define.digest = fx->digest;
        event.define.canonical = sl_buf_bytes(&fx->canonical);
        break;
    case SL_AGENT_HOST_DONE: event.done.result.output = sl_text("y"); break;
    case SL_AGENT_INLINE_DONE: event.done.token = newest; break;
    case SL_AGENT_HOST_FIELD:
    case SL_AGENT_INLINE_FIELD:
        event.field.name = sl_text("n");
        event.field.value = sl_text("\xc0");
        break;
    case SL_AGENT_HOST_BROKEN: event.text = sl_text("broken"); break;
    case SL_AGENT_HOST_DIED:
        event.died.signal = SIGSEGV;
        event.died.begun = true;
        break;
    default: break;
    }
    return event;
}

/* START is the first event and comes once; INLINE_DONE answers an effect. Both are the shell's promises, not input. */
static bool can_happen(size_t situation, enum sl_agent_event_kind kind) {
    if (kind == SL_AGENT_START) return situations[situation] == nothing;
    if (situations[situation] == nothing) return false;
    if (kind == SL_AGENT_INLINE_DONE) return situations[situation] == inlined || situations[situation] == gone;
    return true;
}

Test(agent_table, every_event_in_every_situation_keeps_the_invariants) {
    for (size_t situation = 0; situation < SITUATION_COUNT; situation++) {
        for (enum sl_agent_event_kind kind = 0; kind < SL_AGENT_EVENT_COUNT; kind++) {
            if (!can_happen(situation, kind)) continue;
            memset(&newest, 0, sizeof newest);
            situations[situation]();
            fixture_step(fx, event_of(kind));
            fixture_pass(fx, 1);
            fixture_pass(fx, 1000000);
            fixture_free(fx);
        }
    }
}

Test(agent_table, memory_that_runs_out_at_any_place_changes_nothing) {
    for (size_t situation = 0; situation < SITUATION_COUNT; situation++) {
        for (enum sl_agent_event_kind kind = 0; kind < SL_AGENT_EVENT_COUNT; kind++) {
            if (!can_happen(situation, kind)) continue;
            memset(&newest, 0, sizeof newest);
            situations[situation]();
            for (uint64_t countdown = 0; countdown < 64; countdown++) {
                fx->alloc.countdown = countdown;
                fx->alloc.has_failed = false;
                uint64_t deadline = sl_agent_deadline(fx->agent);
                fixture_step(fx, event_of(kind));
                if (fx->rc != SL_E_NO_MEMORY) break;
                cr_assert_eq(sl_agent_deadline(fx->agent), deadline);
            }
            cr_assert_neq(fx->rc, SL_E_NO_MEMORY);
            fx->alloc.countdown = UINT64_MAX;
            fixture_free(fx);
        }
    }
}

/* A world that the random walk keeps in step with the effects: what hosts have, and which tokens were ever assigned. */
enum { TOKENS_MAX = 64, GIVEN_MAX = 64 };

struct world {
    struct sl_rng rng;
    struct sl_token given[HOSTS][GIVEN_MAX];
    uint32_t given_count[HOSTS];
    bool up[HOSTS];
    struct sl_token tokens[TOKENS_MAX];
    uint32_t token_count;
    uint64_t message_ids[TOKENS_MAX];
    uint32_t message_id_count;
    struct sl_token reclaimed;
    uint32_t reclaimed_host;
    bool has_reclaimed;
    struct sl_token inline_token;
    bool has_inline;
    bool wants_connection;
    bool has_left;
};

static void take_effects(struct world *world) {
    for (uint32_t i = 0; i < fx->effects.count; i++) {
        const struct sl_agent_effect *effect = &fx->effects.items[i];
        uint32_t host = effect->host;
        switch (effect->kind) {
        case SL_AGENT_DO_RECONNECT: world->wants_connection = true; break;
        case SL_AGENT_DO_HOST_START:
            cr_assert_not(world->up[host]);
            world->up[host] = true;
            world->given_count[host] = 0;
            break;
        case SL_AGENT_DO_HOST_GIVE:
            cr_assert(world->up[host]);
            cr_assert_lt(world->given_count[host], SL_AGENT_WINDOW_MAX);
            world->given[host][world->given_count[host]++] = effect->token;
            break;
        case SL_AGENT_DO_HOST_RECLAIM:
            world->reclaimed = effect->token;
            world->reclaimed_host = host;
            world->has_reclaimed = true;
            break;
        case SL_AGENT_DO_HOST_SIGNAL: cr_assert(world->up[host]); break;
        case SL_AGENT_DO_INLINE:
            world->inline_token = effect->token;
            world->has_inline = true;
            break;
        case SL_AGENT_DO_FIELD: world->message_ids[world->message_id_count++ % TOKENS_MAX] = effect->field.message_id; break;
        case SL_AGENT_DO_EXIT: world->has_left = true; break;
        default: break;
        }
    }
    fx->effects.count = 0; /* each is taken once */
}

static struct sl_token some_token(struct world *world) {
    if (world->token_count == 0) return (struct sl_token){.nonce = 1};
    uint32_t count = world->token_count < TOKENS_MAX ? world->token_count : TOKENS_MAX;
    return world->tokens[sl_rng_below(&world->rng, count)];
}

static void remove_given(struct world *world, uint32_t host, uint32_t index) {
    world->given_count[host]--;
    memmove(&world->given[host][index], &world->given[host][index + 1],
            (world->given_count[host] - index) * sizeof world->given[host][0]);
}

/* The host really gives the task back, as the shell would: only one that is there and not the first. */
static void reclaim(struct world *world) {
    uint32_t host = world->reclaimed_host;
    world->has_reclaimed = false;
    for (uint32_t i = 1; i < world->given_count[host]; i++) {
        if (world->given[host][i].nonce != world->reclaimed.nonce) continue;
        remove_given(world, host, i);
        fixture_reclaimed(fx, host, &world->reclaimed);
        return;
    }
}

static void assign(struct world *world) {
    uint16_t stage = (uint16_t)sl_rng_below(&world->rng, STAGE_COUNT);
    uint32_t timeout_ms = (uint32_t)(1 + sl_rng_below(&world->rng, 3000));
    world->tokens[world->token_count++ % TOKENS_MAX] = fixture_assign(fx, stage, timeout_ms);
}

static void host_speaks(struct world *world, uint32_t host) {
    if (!world->up[host]) return;
    struct sl_token head = world->given_count[host] ? world->given[host][0] : (struct sl_token){.nonce = 3};
    switch (sl_rng_below(&world->rng, 12)) {
    case 0: fixture_tell_host(fx, SL_AGENT_HOST_READY, host); break;
    case 1: fixture_field(fx, host, &head, "f"); break;
    case 2: fixture_step(fx, event_of(SL_AGENT_HOST_BROKEN)); break;
    case 3:
        world->up[host] = false;
        world->given_count[host] = 0;
        fixture_died(fx, host, sl_rng_chance(&world->rng, 1, 2) ? SIGSEGV : 0, 127, sl_rng_chance(&world->rng, 1, 2));
        break;
    default:
        fixture_tell_host(fx, SL_AGENT_HOST_READY, host);
        take_effects(world);
        if (world->given_count[host] == 0) return;
        head = world->given[host][0];
        remove_given(world, host, 0);
        fixture_done(fx, host, &head, sl_rng_below(&world->rng, 4) ? 5 : 5000);
        break;
    }
}

static void walk_once(struct world *world) {
    struct sl_token token = some_token(world);
    struct sl_agent_event event;
    switch (sl_rng_below(&world->rng, 24)) {
    case 0: fixture_cancel(fx, &token); break;
    case 1: fixture_tell(fx, SL_AGENT_RESET); break;
    case 2: fixture_welcome(fx); break;
    case 3: fixture_pass(fx, sl_rng_below(&world->rng, 2500)); break;
    case 4: fixture_pass(fx, sl_rng_below(&world->rng, 20)); break;
    case 5: fixture_assign_token(fx, &token, 1000); break;
    case 6: fixture_tell(fx, SL_AGENT_BEAT); break;
    case 7:
        event = event_of(SL_AGENT_FIELD_ACK);
        event.message_id = world->message_ids[sl_rng_below(&world->rng, TOKENS_MAX)];
        fixture_step(fx, event);
        break;
    case 8:
    case 9:
    case 10: fixture_ack(fx, &token); break;
    case 11:
        fx->epoch += sl_rng_below(&world->rng, 20) == 0;
        assign(world);
        break;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16: assign(world); break;
    case 17: fixture_tell(fx, SL_AGENT_BROKER_BYE); break;
    default: host_speaks(world, (uint32_t)sl_rng_below(&world->rng, HOSTS)); break;
    }
}

/* What the shell does right after the effects. */
static void follow_up(struct world *world) {
    take_effects(world);
    while (world->has_inline || world->has_reclaimed || world->wants_connection) {
        if (world->has_inline) {
            struct sl_agent_event event = {.kind = SL_AGENT_INLINE_DONE};
            event.done.token = world->inline_token;
            world->has_inline = false;
            fixture_step(fx, event);
        } else if (world->has_reclaimed) {
            reclaim(world);
        } else {
            world->wants_connection = false;
            fixture_tell(fx, SL_AGENT_CONNECTED);
        }
        take_effects(world);
    }
}

static void walk(uint64_t seed, uint32_t steps) {
    struct world world = {.rng = {seed}};
    fixture_new(fx, (uint32_t)(seed % 7));
    fixture_tell(fx, SL_AGENT_START);
    follow_up(&world);
    fixture_tell(fx, SL_AGENT_CONNECTED);
    fixture_welcome(fx);
    fixture_define(fx);
    for (uint32_t i = 0; i < steps && !world.has_left; i++) {
        if (i == steps / 2) fixture_tell(fx, seed % 3 == 0 ? SL_AGENT_DRAIN : SL_AGENT_TICK);
        walk_once(&world);
        follow_up(&world);
    }
    fixture_free(fx);
}

Test(agent_table, random_walks_keep_the_invariants, .timeout = 60) {
    for (uint64_t seed = 1; seed <= 200; seed++) walk(seed, 1000);
}
