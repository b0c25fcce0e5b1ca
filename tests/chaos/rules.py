"""The rules of a chaos run, each a function that yields (what was looked at, the sentence when it is wrong or None). They were
written from the list of guarantees (G1-G12 of the design's failure model) alone, and see only a story.Story."""
import collections

from story import STATUSES, TERMINAL, members_of_map

CRASHES_MAX = 3
COUNTED = ("done", "retryable", "permanent", "crash", "timeout", "lost")
CRASHES = ("crash", "lost")
ENDS = ("succeeded", "attempt-failed", "returned")
CANCEL_GRACE_NS = 1_000_000_000
TRANSIENT_REFUSALS = ("backpressure", "not-ready")


def accepted_jobs(story):
    return sorted({line["job"] for line in story.accepted})


def acknowledged_job_exists(story):
    """G1: whoever holds an ACCEPTED finds the job."""
    for job in accepted_jobs(story):
        yield job, None if job in story.shown else f"job {job} was accepted and does not exist"


def acknowledged_job_ends(story):
    """G1: and it ends, as its clients saw, and as it is shown."""
    for job, shown in story.shown.items():
        yield job, None if shown["status"] in TERMINAL else f"job {job} is {shown['status']} in the end"
    for line in story.seen:
        if line["status"] == "unknown":
            yield line["job"], f"{line['who']} was told that job {line['job']} is unknown"


def refusal_has_a_reason(story):
    """G2: a submission is refused for good only when the key belongs to another payload."""
    for line in story.refused:
        wrong = line["code"] not in TRANSIENT_REFUSALS and not (line["code"] == "conflict" and is_conflict(story, line))
        yield line["token"], f"{line['token']} was refused: {line['code']}" if wrong else None


def is_conflict(story, line):
    values = {asked["value"] for asked in story.asked if asked["token"] == line["token"]}
    return line["token"].startswith("key:") and len(values) > 1


def one_job_per_key(story):
    """G2: equal keys give one job, new at most once; other keys give others; and the ledger holds no job that nobody asked for."""
    jobs, tokens, fresh = collections.defaultdict(set), collections.defaultdict(set), collections.Counter()
    for line in story.accepted:
        token = line["token"] if not line["token"].startswith("doc:") else f"{line['token']} of {line['pipeline']}"
        jobs[token].add(line["job"])
        tokens[line["job"]].add(token)
        # A once number names one request: each repetition of it gets the answer that the first one would have got.
        fresh[token] += not line["duplicate"] and not token.startswith("once:")
    for token, found in jobs.items():
        yield token, f"{token} gave the jobs {', '.join(sorted(found))}" if len(found) > 1 else None
        yield token, f"{token} was answered as new {fresh[token]} times" if fresh[token] > 1 else None
    for job, found in tokens.items():
        yield job, f"{', '.join(sorted(found))} gave one job, {job}" if len(found) > 1 else None
    held = {job for line in story.redis for job in line["ended"] + line["live"]}
    asked = {(line["token"], line["pipeline"]) for line in story.asked}
    if len(held) > len(asked):
        yield "ledger", f"{len(held)} jobs are in the ledger, and {len(asked)} were asked for"


def ledger_lists_each_job_once(story):
    """G4: Redis lists every job among the ended, in one shard, once, and none as live."""
    times = collections.Counter(job for line in story.redis for job in line["ended"])
    for line in story.redis:
        for job in line["live"]:
            yield job, f"job {job} is still among the live of shard {line['shard']}"
    for job in accepted_jobs(story):
        yield job, None if times[job] == 1 else f"job {job} is {times[job]} times among the ended"


def other_payload_is_refused(story):
    """G2: a key that belongs to another payload is never accepted with this one."""
    payloads = collections.defaultdict(set)
    for line in story.accepted:
        if line["token"].startswith("key:"):
            payloads[line["token"]].add(line["other"])
    for token, found in payloads.items():
        yield token, f"{token} was accepted with two payloads" if len(found) > 1 else None


def one_success_per_stage(story):
    """G4: no stage's result is committed twice in a run."""
    for job, events in story.events.items():
        counts = collections.Counter((e["run"], e["stage"]) for e in events if e["event"] == "succeeded")
        for (run, stage), count in counts.items():
            yield stage, f"stage {stage} of job {job}, run {run}, succeeded {count} times" if count > 1 else None


def one_end_per_attempt(story):
    """G4: an attempt starts once, ends at most once, and ends after it started; a run ends once and nothing follows."""
    for job, events in story.events.items():
        started, ended, over = set(), set(), set()
        for event in events:
            attempt = (event["run"], event["stage"], event["attempt"])
            if event["run"] in over:
                yield job, f"{event['event']} of job {job} after its end"
            if event["event"] == "started":
                yield job, f"attempt {attempt} of job {job} started twice" if attempt in started else None
                started.add(attempt)
            elif event["event"] in ENDS:
                yield job, f"attempt {attempt} of job {job} ended twice" if attempt in ended else None
                yield job, None if attempt in started else f"attempt {attempt} of job {job} ended and never started"
                ended.add(attempt)
            elif event["event"] == "ended":
                over.add(event["run"])
        if story.shown.get(job, {}).get("status") in TERMINAL:
            yield job, None if over else f"job {job} is {story.shown[job]['status']} and has no event that says so"


def completed_means_all_stages(story):
    """G3: in a completed job every stage has succeeded, and the stage itself wrote that this very attempt was done."""
    for job, shown in story.shown.items():
        if shown["status"] != "completed":
            continue
        done = story.succeeded(job)
        for stage in story.pipeline_of(job):
            yield stage, None if stage in done else f"job {job} is completed without a success of stage {stage}"
    for job in story.shown:
        for stage, attempt in story.succeeded(job).items():
            start = story.execution(job, stage, attempt)
            end = story.ends.get(start["token"]) if start else None
            wrong = not end or end["outcome"] != "done"
            yield stage, f"attempt {attempt} of stage {stage} of job {job} succeeded and was never done" if wrong else None


def start_is_durable_first(story):
    """G5: what a stage executes is an attempt that the ledger holds as started; one attempt has one token."""
    tokens = collections.defaultdict(set)
    for job, starts in story.starts_of.items():
        known = {(e["run"], e["stage"], e["attempt"]) for e in story.events.get(job, []) if e["event"] == "started"}
        for start in starts:
            attempt = (start["run"], start["stage"], start["attempt"])
            tokens[(job, *attempt)].add(start["token"])
            yield job, None if attempt in known else f"attempt {attempt} of job {job} was executed and is not in the ledger"
    for attempt, found in tokens.items():
        yield attempt, f"attempt {attempt} was executed under {len(found)} tokens" if len(found) > 1 else None


def predecessors_finish_first(story):
    """G5: no stage starts before the committed attempts of all its predecessors have ended."""
    for start, predecessor, end in predecessors(story):
        wrong = not end or end["time"] > start["time"]
        yield start["token"], (f"stage {start['stage']} of job {start['job']} started before {predecessor} had finished"
                               if wrong else None)


def predecessors(story):
    """(a start, one predecessor's name, the end line of that one's committed attempt or None) of all executions."""
    for job, starts in story.starts_of.items():
        if job not in story.shown:
            continue
        done = story.succeeded(job)
        for start in starts:
            for name in story.pipeline_of(job)[start["stage"]][0]:
                first = story.execution(job, name, done.get(name))
                yield start, name, story.ends.get(first["token"]) if first else None


def inputs_are_committed_outputs(story):
    """G5: a stage gets exactly the committed outputs of its predecessors; a root gets the payload."""
    payloads = collections.defaultdict(set)
    by_token = collections.defaultdict(set)
    for line in story.asked:
        by_token[line["token"], line["pipeline"]].add(line["value"])
    for line in story.accepted:
        payloads[line["job"]] |= by_token[line["token"], line["pipeline"]]
    outputs = collections.defaultdict(dict)
    for start, name, end in predecessors(story):
        outputs[start["token"]][name] = end["value"] if end else None
    for start in story.starts:
        if start["job"] not in story.shown:
            continue
        wanted = outputs.get(start["token"])
        if wanted:
            good = received(start["value"], len(wanted)) == (wanted if len(wanted) > 1 else {"": next(iter(wanted.values()))})
        else:
            good = start["value"] in payloads[start["job"]] or not payloads[start["job"]]
        yield start["token"], None if good else f"stage {start['stage']} of job {start['job']} got what nobody committed for it"


def received(shown, count):
    """What a stage got, by predecessor's name; a single value has no name."""
    if count == 1:
        return {"": shown}
    try:
        return members_of_map(shown)
    except (ValueError, KeyError, IndexError):
        return None


def execution_is_not_repeated(story):
    """G7: a token is executed at most once."""
    counts = collections.Counter(start["token"] for start in story.starts)
    for token, count in counts.items():
        yield token, f"attempt {token} was executed {count} times" if count > 1 else None


def success_is_not_repeated(story):
    """G6, G7: nothing is sent out again once it has succeeded. An attempt that was given up before the success may still wake up
    somewhere; one that is newer than the success, or that nobody gave up, may not."""
    for job, starts in story.starts_of.items():
        done = story.succeeded(job)
        given_up = {(e["stage"], e["attempt"]) for e in story.events.get(job, []) if e["event"] in ("attempt-failed", "returned")}
        for start in starts:
            stage, attempt, success = start["stage"], start["attempt"], done.get(start["stage"])
            if success is None or attempt == success:
                continue
            if attempt > success:
                yield stage, f"stage {stage} of job {job} was executed as attempt {attempt} after its success as {success}"
                continue
            durable = durable_at(story, job, stage)
            late = durable is not None and start["time"] > durable and (stage, attempt) not in given_up
            yield stage, f"attempt {attempt} of stage {stage} of job {job} started after attempt {success} was durable" if late else None
        for start, after in second_starts(starts, done):
            yield start["token"], f"stage {start['stage']} of job {job} started again after {after} had started from its success"


def durable_at(story, job, stage):
    """The earliest time at which the stage's success shows outside: a successor has started."""
    times = [start["time"] for start in story.starts_of[job] if stage in story.pipeline_of(job)[start["stage"]][0]]
    return min(times, default=None)


def second_starts(starts, done):
    """Executions of a successful attempt beyond its first one."""
    seen = set()
    for start in starts:
        attempt = (start["stage"], start["attempt"])
        if attempt in seen and done.get(start["stage"]) == start["attempt"]:
            yield start, "a successor"
        seen.add(attempt)


def attempts_stay_in_budget(story):
    """G9: attempts and crashes of a stage stay within its budgets."""
    for job in story.shown:
        for stage, outcomes in outcomes_of(story, job).items():
            most = story.pipeline_of(job)[stage][1]
            counted = sum(outcome in COUNTED for outcome in outcomes)
            crashed = sum(outcome in CRASHES for outcome in outcomes)
            yield stage, f"stage {stage} of job {job} made {counted} attempts of {most}" if counted > most else None
            yield stage, f"stage {stage} of job {job} crashed {crashed} times" if crashed > CRASHES_MAX else None


def outcomes_of(story, job):
    found = collections.defaultdict(list)
    for event in story.events.get(job, []):
        if event["event"] in ("succeeded", "attempt-failed"):
            found[event["stage"]].append(event["outcome"])
    return found


def failure_has_a_reason(story):
    """G3, G9: a job fails only when some stage failed for good or has used up a budget; and then it says why."""
    for job, shown in story.shown.items():
        if shown["status"] != "failed":
            continue
        reasons = [stage for stage, outcomes in outcomes_of(story, job).items()
                   if "permanent" in outcomes or sum(o in COUNTED for o in outcomes) >= story.pipeline_of(job)[stage][1]
                   or sum(o in CRASHES for o in outcomes) >= CRASHES_MAX]
        yield job, None if reasons else f"job {job} failed although no stage had used up its attempts"
        yield job, None if shown["error_reason"] else f"job {job} failed and does not say why"


def cancelled_job_starts_nothing(story):
    """G12: after the acknowledgement no stage starts. What had been sent out before may start within a second, or until a fault that
    kept the word from arriving is over."""
    for ack in story.cancelled:
        if ack["status"] != "cancelled":
            continue
        for start in story.starts_of[ack["job"]]:
            late = start["time"] > ack["time"] + CANCEL_GRACE_NS and not story.faults_within(ack["time"], start["time"])
            unsent = start["time"] > ack["time"] and not story.is_in_ledger(start)
            yield ack["job"], f"stage {start['stage']} of job {ack['job']} started after its cancellation" if late or unsent else None


def terminal_status_stays(story):
    """G4, G6: what a client was told as the end is what the job shows in the end, and what its last event says."""
    told = [(line["job"], line["status"]) for line in story.seen + story.cancelled if line["status"] in TERMINAL]
    told += [(line["job"], line["status"]) for line in story.accepted if line.get("status") in TERMINAL]
    told += [(job, event["outcome"]) for job, events in story.events.items() for event in events if event["event"] == "ended"]
    for job, status in sorted(set(told)):
        now = story.shown.get(job, {}).get("status", "gone")
        yield job, f"job {job} was {status} and is {now}" if now != status else None


def status_never_goes_back(story):
    """I21 of the invariants: to any client a later word is never an earlier status, and to all clients together a word with a greater
    number is none (words of one number are steps of one write); and a stage that was told as succeeded stays so."""
    by_client, by_number = collections.defaultdict(list), collections.defaultdict(lambda: collections.defaultdict(list))
    for line in story.seen:
        if line["status"] in STATUSES:
            by_client[line["who"], line["job"]].append(line)
            by_number[line["job"]][line["n"]].append(line)
    for lines in by_client.values():
        for before, after in zip(lines, lines[1:]):
            yield before["job"], going_back(before, after)
    for groups in by_number.values():
        numbers = sorted(groups)
        for before, after in zip(numbers, numbers[1:]):
            yield from ((one["job"], going_back(one, other)) for one in groups[before] for other in groups[after])


def going_back(before, after):
    ranks = [min(STATUSES.index(line["status"]), 2) for line in (before, after)]
    if ranks[1] < ranks[0] or (ranks[0] == 2 and before["status"] != after["status"]):
        return f"job {before['job']} went from {before['status']} to {after['status']} ({after['who']})"
    lost = [index for index, state in enumerate(before["stages"]) if state == "s" and after["stages"][index:index + 1] not in ("s", "")]
    return f"stage {lost[0]} of job {before['job']} lost its success ({after['who']})" if lost else None


RULES = [acknowledged_job_exists, acknowledged_job_ends, refusal_has_a_reason, one_job_per_key, other_payload_is_refused,
         ledger_lists_each_job_once, one_success_per_stage, one_end_per_attempt, completed_means_all_stages, start_is_durable_first,
         predecessors_finish_first, inputs_are_committed_outputs, execution_is_not_repeated, success_is_not_repeated,
         attempts_stay_in_budget, failure_has_a_reason, cancelled_job_starts_nothing, terminal_status_stays, status_never_goes_back]
