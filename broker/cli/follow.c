/* One turn of the loop takes one event from the client; pictures come at most ten times a second, signs of life every 10 s. */
#include "follow.h"

#include "output.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DRAW_MS = 100, BEAT_MS = 10000, LOOK_MS = 250, SILENCE_SAID_MS = 2000, ANSWERS_MS = 1000, ROWS_DEFAULT = 24 };

static const uint64_t ns_per_ms = 1000000;

static void take_signals(struct sl_follow *self) {
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void sl_follow_init(struct sl_follow *self, struct sl_cli *cli, bool shows, uint32_t job_total) {
    *self = (struct sl_follow){.cli = cli, .painter = {.stream = stderr}, .deadline = UINT64_MAX};
    sl_progress_init(&self->progress, sl_alloc_system());
    self->progress.job_total = job_total;
    struct sl_terminal_facts facts = sl_terminal_facts(stderr, sl_cli_flag(cli, SL_FLAG_COLOR));
    self->draws = shows && sl_terminal_can_redraw(&facts);
    self->tells = shows && !self->draws;
    self->started_at = sl_client_now();
    self->beat_at = self->started_at + BEAT_MS * ns_per_ms;
    if (cli->timeout_given) self->deadline = self->started_at + cli->timeout_ms * ns_per_ms;
    take_signals(self);
}

void sl_follow_fini(struct sl_follow *self) {
    sl_progress_fini(&self->progress);
    if (self->signal_fd >= 0) (void)close(self->signal_fd);
}

/* Asks for the names of the next pipeline's stages, one pipeline at a time. */
static void ask_stages(struct sl_follow *self) {
    bool shows = self->draws || self->tells;
    while (shows && self->stages_query == 0 && self->asked_count < self->progress.pipeline_count) {
        const char *name = self->progress.pipelines[self->asked_count++].name;
        struct sl_wire_query query = {.what = sl_text("pipelines"), .name = sl_text(name)};
        if (sl_client_query(self->cli->client, &query, SL_CLIENT_TIMEOUT_MS, &self->stages_query)) self->stages_query = 0;
    }
}

void sl_follow_name(struct sl_follow *self, const char *pipeline) {
    uint32_t index;
    if (sl_progress_pipeline(&self->progress, sl_text(pipeline), &index) == SL_OK) ask_stages(self);
}

int sl_follow_add(struct sl_follow *self, struct sl_job_id job) {
    int rc = sl_client_watch(self->cli->client, job);
    if (rc) return sl_cli_client_failure(self->cli, rc, "follow the job");
    self->open_count++;
    return SL_EXIT_DONE;
}

static uint32_t row_max(void) {
    struct winsize size;
    uint32_t rows = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
    return rows > 5 ? rows - 1 : 4;
}

static uint64_t elapsed_ms(const struct sl_follow *self, uint64_t now) {
    return (now - self->started_at) / ns_per_ms;
}

static void draw(struct sl_follow *self, uint64_t now) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    uint32_t width = (uint32_t)sl_terminal_width(stderr);
    uint32_t lines = sl_progress_draw(&self->progress, width, row_max(), self->cli->color_err, elapsed_ms(self, now), &text);
    if (!text.failed) sl_painter_draw(&self->painter, sl_buf_bytes(&text), lines);
    sl_buf_fini(&text);
    self->dirty = false;
    self->draw_at = now + DRAW_MS * ns_per_ms;
}

/* The first word about jobs that were there before: when none of their stages has begun, how they are. Jobs still to come are no news. */
static bool begin_telling(struct sl_follow *self, struct sl_buf *text) {
    uint32_t seen = sl_progress_seen(&self->progress);
    if (self->told || self->progress.job_total > 0 || seen == 0 || seen < self->open_count) return false;
    sl_progress_summary(&self->progress, text);
    (void)sl_buf_format(text, "\n");
    return true;
}

static void tell(struct sl_follow *self, uint64_t now) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    if (sl_progress_tell(&self->progress, &text) > 0 || begin_telling(self, &text)) {
        self->told = true;
        (void)fwrite(text.data, 1, text.size, stderr);
        self->beat_at = now + BEAT_MS * ns_per_ms;
    }
    sl_buf_fini(&text);
}

static void beat(struct sl_follow *self, uint64_t now) {
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    sl_progress_summary(&self->progress, &text);
    (void)fprintf(stderr, "after %llus: %.*s\n", (unsigned long long)(elapsed_ms(self, now) / 1000), (int)text.size,
                  (const char *)text.data);
    sl_buf_fini(&text);
    self->beat_at = now + BEAT_MS * ns_per_ms;
}

/* Reads names of stages from the items of an answer about pipelines: [{..., "stages": [{"name": ...}, ...]}]. */
static void name_stages(struct sl_follow *self, struct sl_bytes items) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    if (sl_mp_read_array(&reader, UINT32_MAX) == 0) return;
    for (uint32_t pairs = sl_mp_read_map(&reader, SL_CONTROL_NODES_MAX); pairs > 0 && !reader.rc; pairs--) {
        if (!sl_bytes_is(sl_mp_read_str(&reader, SL_NAME_MAX), "stages")) {
            sl_mp_skip(&reader, SL_CONTROL_DEPTH_MAX);
            continue;
        }
        uint32_t count = sl_mp_read_array(&reader, SL_STAGES_MAX);
        for (uint32_t i = 0; i < count && !reader.rc; i++) {
            uint32_t members = sl_mp_read_map(&reader, SL_CONTROL_NODES_MAX);
            for (; members > 0 && !reader.rc; members--) {
                bool is_name = sl_bytes_is(sl_mp_read_str(&reader, SL_NAME_MAX), "name");
                if (is_name) (void)sl_progress_name_stage(&self->progress, self->asked_count - 1, i, sl_mp_read_str(&reader, SL_NAME_MAX));
                if (!is_name) sl_mp_skip(&reader, SL_CONTROL_DEPTH_MAX);
            }
        }
    }
}

static void take_workers(struct sl_follow *self, struct sl_bytes items) {
    struct sl_mp_reader reader = sl_mp_reader(items);
    uint32_t count = sl_mp_read_array(&reader, UINT32_MAX);
    sl_painter_erase(&self->painter);
    (void)fprintf(stderr, count ? "         connected workers:" : "         no worker is connected; start one: sluice-worker, or sluice dev");
    for (uint32_t i = 0; i < count && !reader.rc; i++) {
        for (uint32_t pairs = sl_mp_read_map(&reader, SL_CONTROL_NODES_MAX); pairs > 0 && !reader.rc; pairs--) {
            bool is_name = sl_bytes_is(sl_mp_read_str(&reader, SL_NAME_MAX), "name");
            if (!is_name) {
                sl_mp_skip(&reader, SL_CONTROL_DEPTH_MAX);
                continue;
            }
            struct sl_bytes name = sl_mp_read_str(&reader, SL_NAME_MAX);
            (void)fprintf(stderr, "%s %.*s", i ? "," : "", (int)name.size, (const char *)name.data);
        }
    }
    (void)fputc('\n', stderr);
}

/* Whether an answer about the status says that another broker holds all shards. */
static bool is_standby(const struct sl_session_done *done) {
    struct sl_wire_answer answer;
    if (done->end != SL_CALL_ANSWERED || done->type != SL_WIRE_ANSWER || sl_wire_answer_decode(done->body, &answer)) return false;
    struct sl_mp_reader reader = sl_mp_reader(answer.items);
    if (sl_mp_read_array(&reader, UINT32_MAX) == 0) return false;
    for (uint32_t pairs = sl_mp_read_map(&reader, SL_CONTROL_NODES_MAX); pairs > 0 && !reader.rc; pairs--) {
        if (sl_bytes_is(sl_mp_read_str(&reader, SL_NAME_MAX), "shards_owned")) return sl_mp_read_uint(&reader, UINT64_MAX) == 0 && !reader.rc;
        sl_mp_skip(&reader, SL_CONTROL_DEPTH_MAX);
    }
    return false;
}

void sl_follow_warn_type(struct sl_follow *self, struct sl_bytes type) {
    for (uint32_t i = 0; i < self->type_count; i++)
        if (sl_bytes_is(type, self->types[i])) return;
    if (self->type_count == SL_FOLLOW_TYPES_MAX) return;
    char *text = self->types[self->type_count++];
    (void)snprintf(text, sizeof self->types[0], "%.*s", (int)type.size, (const char *)type.data);
    sl_painter_erase(&self->painter);
    sl_cli_warn_type(self->cli, type);
    struct sl_wire_query query = {.what = sl_text("workers")};
    bool asked = self->workers_query != 0;
    if (!asked && sl_client_query(self->cli->client, &query, SL_CLIENT_TIMEOUT_MS, &self->workers_query))
        self->workers_query = 0;
    self->dirty = true;
}

static enum sl_follow_turn take_change(struct sl_follow *self, const struct sl_wire_job_change *change, uint64_t now) {
    (void)sl_progress_take(&self->progress, change->job, change->pipeline, change->status, change->stages); /* no memory: the picture lags */
    ask_stages(self);
    self->dirty = true;
    if (change->waiting.size > 0) sl_follow_warn_type(self, change->waiting);
    if (self->tells && self->stages_query == 0) tell(self, now);
    bool unknown = sl_bytes_is(change->status, "unknown");
    bool failed = sl_bytes_is(change->status, "failed"), cancelled = sl_bytes_is(change->status, "cancelled");
    if (!unknown && !failed && !cancelled && !sl_bytes_is(change->status, "completed")) return SL_TURN_NOTHING;
    self->failed_count += failed;
    self->cancelled_count += cancelled;
    self->unknown_count += unknown;
    self->open_count--;
    self->change = *change;
    return SL_TURN_ENDED;
}

static enum sl_follow_turn take_done(struct sl_follow *self, const struct sl_session_done *done, uint64_t now) {
    bool stages = done->id == self->stages_query, workers = done->id == self->workers_query;
    if (self->probe && done->id == self->probe) {
        self->probe_answered = done->end == SL_CALL_ANSWERED;
        self->standby = is_standby(done);
        return SL_TURN_NOTHING;
    }
    if (!stages && !workers) {
        self->done = *done;
        return SL_TURN_REQUEST;
    }
    struct sl_wire_answer answer;
    bool is_answer = done->end == SL_CALL_ANSWERED && done->type == SL_WIRE_ANSWER &&
                     sl_wire_answer_decode(done->body, &answer) == SL_OK;
    if (stages) {
        self->stages_query = 0;
        if (is_answer) name_stages(self, answer.items);
        ask_stages(self);
        if (self->tells && self->stages_query == 0) tell(self, now);
    } else {
        self->workers_query = 0;
        if (is_answer) take_workers(self, answer.items);
    }
    self->dirty = true;
    return SL_TURN_NOTHING;
}

/* The time is over. "The job goes on" is said only when the broker is there, and may know: it answers a last question. */
static enum sl_follow_turn end_of_time(struct sl_follow *self, uint64_t now) {
    if (sl_client_is_refused(self->cli->client)) return SL_TURN_SILENT;
    if (self->probe_answered) return self->standby ? SL_TURN_SILENT : SL_TURN_TIMEOUT;
    if (self->probe) return now >= self->probe_at ? SL_TURN_SILENT : SL_TURN_NOTHING;
    struct sl_wire_query query = {.what = sl_text("status")};
    if (sl_client_query(self->cli->client, &query, ANSWERS_MS, &self->probe)) return SL_TURN_SILENT;
    self->probe_at = now + ANSWERS_MS * ns_per_ms;
    return SL_TURN_NOTHING;
}

/* When the broker is silent: said after a while, and given up when --timeout, or 30 s, have passed without a word. */
static enum sl_follow_turn look_for_silence(struct sl_follow *self, uint64_t now) {
    uint64_t heard = sl_client_heard_at(self->cli->client);
    if (heard < self->started_at) heard = self->started_at;
    uint64_t silent_ms = (now - heard) / ns_per_ms;
    if (silent_ms >= SILENCE_SAID_MS * 3 && !self->silence_said) {
        sl_painter_erase(&self->painter);
        self->silence_said = true;
        (void)fprintf(stderr, "the broker at %s is silent; waiting for it\n", self->cli->endpoint);
    } else if (silent_ms < SILENCE_SAID_MS && self->silence_said) {
        sl_painter_erase(&self->painter);
        self->silence_said = false;
        (void)fprintf(stderr, "the broker is back\n");
    }
    if (now >= self->deadline) return end_of_time(self, now);
    uint64_t limit_ms = self->cli->timeout_given ? UINT64_MAX : SL_CLIENT_TIMEOUT_MS;
    return silent_ms >= limit_ms ? SL_TURN_SILENT : SL_TURN_NOTHING;
}

/* Not while the stages' names are on their way, nor before there is a job to count. */
static bool can_draw(const struct sl_follow *self) {
    bool any = self->progress.job_total > 0 || sl_progress_seen(&self->progress) > 0;
    return self->draws && any && self->stages_query == 0;
}

static enum sl_follow_turn pass_time(struct sl_follow *self) {
    uint64_t now = sl_client_now();
    bool shows = self->dirty || self->painter.line_count > 0;
    if (shows && can_draw(self) && now >= self->draw_at) draw(self, now);
    if (self->tells && now >= self->beat_at) beat(self, now);
    return look_for_silence(self, now);
}

static uint64_t wake_at(const struct sl_follow *self, uint64_t now) {
    uint64_t at = now + LOOK_MS * ns_per_ms;
    if (self->dirty && can_draw(self) && self->draw_at < at) at = self->draw_at;
    if (self->tells && self->beat_at < at) at = self->beat_at;
    uint64_t deadline = self->probe ? self->probe_at : self->deadline;
    return deadline < at ? deadline : at;
}

enum sl_follow_turn sl_follow_turn(struct sl_follow *self) {
    enum sl_follow_turn turn = pass_time(self);
    if (turn != SL_TURN_NOTHING) return turn;
    struct sl_session_effect event;
    uint64_t now = sl_client_now();
    int rc = sl_client_next(self->cli->client, wake_at(self, now), self->signal_fd, &event);
    if (rc == SL_E_TIMEOUT) return SL_TURN_NOTHING;
    if (rc == SL_E_CLOSED) return SL_TURN_INTERRUPTED;
    if (rc) {
        (void)sl_cli_client_failure(self->cli, rc, "talk to the broker");
        return SL_TURN_FAILED;
    }
    now = sl_client_now();
    return event.kind == SL_SESSION_CHANGE ? take_change(self, &event.change, now) : take_done(self, &event.done, now);
}

/* What was asked for the picture and the warnings comes soon, or not at all. */
static void await_answers(struct sl_follow *self) {
    uint64_t until = sl_client_now() + ANSWERS_MS * ns_per_ms;
    enum sl_follow_turn turn = SL_TURN_NOTHING;
    while ((self->stages_query || self->workers_query) && turn == SL_TURN_NOTHING && sl_client_now() < until)
        turn = sl_follow_turn(self);
}

void sl_follow_close(struct sl_follow *self) {
    if (self->draws || self->tells) await_answers(self);
    if (self->draws && sl_progress_seen(&self->progress) > 0) draw(self, sl_client_now());
    if (self->tells) tell(self, sl_client_now());
    sl_painter_leave(&self->painter);
}

int sl_follow_outcome(const struct sl_follow *self) {
    if (self->failed_count > 0) return SL_EXIT_JOB_FAILED;
    if (self->cancelled_count > 0) return SL_EXIT_CANCELLED;
    return self->unknown_count > 0 ? SL_EXIT_NOT_FOUND : SL_EXIT_DONE;
}

int sl_follow_give_up(struct sl_follow *self, enum sl_follow_turn turn, const char *again) {
    sl_follow_close(self);
    const char *plural = self->open_count == 1 ? "the job goes" : "the jobs go";
    switch (turn) {
    case SL_TURN_INTERRUPTED:
        (void)fprintf(stderr, "\ndetached; %s on as long as the cluster runs. come back with: %s\n", plural, again);
        return SL_EXIT_INTERRUPTED;
    case SL_TURN_TIMEOUT:
        return sl_cli_fail(self->cli, SL_EXIT_TIMEOUT, "not ended in time; %s on. wait again: %s", plural, again);
    case SL_TURN_SILENT:
        if (self->standby) {
            return sl_cli_fail(self->cli, SL_EXIT_UNREACHABLE,
                               "the broker at %s holds no shard now, so the outcome is unknown. ask the broker that does, or again: %s",
                               self->cli->endpoint, again);
        }
        return sl_cli_fail(self->cli, SL_EXIT_UNREACHABLE,
                           "the broker at %s does not answer, so the outcome is unknown. ask again: %s", self->cli->endpoint,
                           again);
    default: return SL_EXIT_FAILURE;
    }
}
