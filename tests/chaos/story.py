"""What a chaos run left behind, read into plain maps: the history that clients and stages wrote, the answers of the broker at the end,
what Redis lists, and the pipelines and policies as files. Nothing here knows how the broker works."""
import collections
import hashlib
import json
import os

import yaml

STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
TERMINAL = ("completed", "failed", "cancelled")
DEFAULT_ATTEMPTS = 3


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Pipelines:
    """{pipeline: {stage: (predecessors, most attempts)}}, read from the files that the broker was given."""

    def __init__(self, folder, policies_path):
        with open(policies_path, encoding="utf-8") as text:
            policies = yaml.safe_load(text)["policies"]
        self.stages = {}
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as text:
                told = yaml.safe_load(text)
            self.stages[told["name"]] = {
                stage["name"]: (stage.get("depends_on", []),
                                policies.get(stage.get("policy"), {}).get("max_attempts", DEFAULT_ATTEMPTS))
                for stage in told["stages"]}


class Story:
    """One run. HISTORY, ANSWERS and REDIS are lists of the files' lines."""

    def __init__(self, history, answers, redis, pipelines):
        self.history = sorted(history, key=lambda line: line["time"])
        self.pipelines = pipelines
        self.redis = redis
        self.events = {line["job"]: line["events"] for line in answers}
        self.shown = {line["job"]: line["show"][0] for line in answers if line["show"]}
        self.starts, self.ends = [], {}
        self.asked, self.accepted, self.refused, self.cancelled, self.seen = [], [], [], [], []
        self.faults = []
        for line in self.history:
            self.take(line)
        self.starts_of = collections.defaultdict(list)
        for start in self.starts:
            self.starts_of[start["job"]].append(start)

    def take(self, line):
        kind = (line["who"] if line["who"] in ("stage", "supervisor") else "client", line["verb"], line["outcome"])
        if kind[:2] == ("stage", "start"):
            self.starts.append(line)
        elif kind[:2] == ("stage", "end"):
            self.ends[line["token"]] = line
        elif kind[:2] == ("supervisor", "fault"):
            self.faults.append(line)
        elif kind[:2] == ("client", "seen"):
            self.seen.append(line)
        else:
            lists = {("client", "submit", "asked"): self.asked, ("client", "submit", "accepted"): self.accepted,
                     ("client", "submit", "refused"): self.refused, ("client", "cancel", "answered"): self.cancelled}
            lists.get(kind, []).append(line)

    def pipeline_of(self, job):
        return self.pipelines.stages[self.shown[job]["pipeline"]]

    def succeeded(self, job):
        """{stage: the attempt that the ledger holds as its success}; rules about two of them look at the events themselves."""
        return {event["stage"]: event["attempt"] for event in self.events.get(job, []) if event["event"] == "succeeded"}

    def execution(self, job, stage, attempt):
        """The first execution of an attempt, as the stage wrote it down; None when it wrote nothing."""
        return next((start for start in self.starts_of[job]
                     if start["stage"] == stage and start["attempt"] == attempt), None)

    def is_in_ledger(self, start):
        """Whether the ledger holds this execution's attempt as started."""
        return any(event["event"] == "started" and event["stage"] == start["stage"] and event["attempt"] == start["attempt"]
                   and event["run"] == start["run"] for event in self.events.get(start["job"], []))

    def faults_within(self, begin, end):
        """Whether some fault was at work, or had been within two seconds before, between two times."""
        began = {}
        for fault in self.faults:
            if fault["outcome"] == "begin":
                began[fault["token"]] = fault["time"]
            elif began.get(fault["token"], fault["time"]) <= end and fault["time"] + 2_000_000_000 >= begin:
                return True
        return False


def shown_of(raw):
    """Bytes as stages and clients write them down."""
    if len(raw) <= 700:
        return raw.hex()
    return "blake2b:" + hashlib.blake2b(raw, digest_size=16).hexdigest()


def size_of_str(raw, at):
    """(where the text begins, where it ends) of the msgpack str at AT; stages' outputs and map keys are such."""
    head = raw[at]
    if 0xA0 <= head <= 0xBF:
        begin, size = at + 1, head & 0x1F
    else:
        width = {0xD9: 1, 0xDA: 2, 0xDB: 4}[head]
        begin = at + 1 + width
        size = int.from_bytes(raw[at + 1:begin], "big")
    if begin + size > len(raw):
        raise ValueError("a text is longer than what holds it")
    return begin, begin + size


def members_of_map(shown):
    """{key: value as written down} of a shown msgpack map of texts; ValueError when it is none."""
    raw = bytes.fromhex(shown)
    if not raw or not 0x80 <= raw[0] <= 0x8F:
        raise ValueError("no map")
    members, at = {}, 1
    for _ in range(raw[0] & 0x0F):
        begin, end = size_of_str(raw, at)
        key = raw[begin:end].decode()
        _, after = size_of_str(raw, end)
        members[key], at = shown_of(raw[end:after]), after
    if at != len(raw):
        raise ValueError("bytes behind the map")
    return members
