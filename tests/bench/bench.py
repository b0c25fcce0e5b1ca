#!/usr/bin/python3
"""Measures Sluice against its floor (tests/bench/floor.c), in turn and in one run, and prints ratios.

    tests/bench/bench.py BUILD [--only NAME,...] [--runs N] [--short] [--raw FILE]

BUILD is a build folder without sanitizers that holds bin/, lib/ and tests/floor. Each figure is a median of the runs with its
minimum and maximum, beside the floor's from the same run. Nothing here is a test: machines are shared and noisy. The short form
(--short) only shows that the bench works, and closes as tests do.
"""
import argparse, json, os, shutil, signal, statistics, struct, subprocess, sys, tempfile, time

import msgpack
import zmq

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def redis_program():
    """Debian's redis-tools holds the server under another name; it is what argv[0] says."""
    found = shutil.which("redis-server")
    return found or shutil.which("redis-check-rdb")


class Redis:
    def __init__(self, folder, fsync="always"):
        self.socket = os.path.join(folder, "redis.sock")
        arguments = ["redis-server", os.path.join(ROOT, "deploy/redis.conf"), "--unixsocket", self.socket, "--port", "0",
                     "--dir", folder, "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"]
        self.log = open(os.path.join(folder, "redis.log"), "w")
        self.process = subprocess.Popen(arguments, executable=redis_program(), stdout=self.log, stderr=self.log)
        wait_for(lambda: self.command("PING") == b"+PONG")

    def command(self, *words):
        import socket
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self.socket)
                connection.sendall((" ".join(words) + "\r\n").encode())
                reply = connection.recv(65536)
                while words[0] == "INFO" and not reply.endswith(b"\r\n"):
                    reply += connection.recv(65536)
                return reply.strip()
        except OSError:
            return b""

    def used_memory(self):
        for line in self.command("INFO", "memory").decode().split("\r\n"):
            if line.startswith("used_memory:"):
                return int(line.split(":")[1])
        return 0

    def stop(self):
        stop(self.process)


def wait_for(holds, seconds=30):
    """Waits on nothing but the thing itself; poll() on no descriptor is the pause between two looks."""
    import select
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit("bench: waited %d s in vain" % seconds)
        select.poll().poll(10)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def family(pid):
    """A process and all its descendants."""
    pids = [pid]
    try:
        for child in open("/proc/%d/task/%d/children" % (pid, pid)).read().split():
            pids += family(int(child))
    except OSError:
        pass
    return pids


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
            total += sum(int(fields[i]) for i in (11, 12, 13, 14))
        except OSError:
            pass
    return total / TICKS


def rss_bytes(pid):
    return int(open("/proc/%d/statm" % pid).read().split()[1]) * PAGE


class Cluster:
    def __init__(self, build, folder, isolation="inline", workers=2, slots=64, prefetch=8, fsync="always"):
        self.build, self.folder, self.fsync = build, folder, fsync
        self.clients = "ipc://%s/clients" % folder
        self.redis = Redis(folder, fsync)
        self.log = open(os.path.join(folder, "sluice.log"), "a")
        self.workers = []
        self.start_broker()
        self.arguments = ["--isolation", isolation, "--slots", str(slots), "--prefetch", str(prefetch)]
        for _ in range(workers):
            self.start_worker()

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def start_broker(self, *more):
        read, write = os.pipe()
        arguments = [self.program("sluice-broker"), "--redis", "unix:" + self.redis.socket, "--listen", self.clients,
                     "--durability", "disk" if self.fsync == "always" else "process", "--ready-fd", str(write),
                     "--pipelines", os.path.join(ROOT, "deploy/pipelines"), *more]
        start = time.monotonic()
        self.broker = subprocess.Popen(arguments, pass_fds=[write], stdout=self.log, stderr=self.log)
        os.close(write)
        with os.fdopen(read) as ready:
            line = ready.readline()
        if not line.startswith("ready"):
            raise SystemExit("bench: the broker did not start; see %s" % self.log.name)
        return time.monotonic() - start

    def start_worker(self):
        number = len(self.workers)
        arguments = [self.program("sluice-worker"), "--broker", self.clients + ".workers", "--name", "w%d" % number,
                     "--plugin-path", os.path.join(self.build, "lib/sluice/plugins"), "--data", self.folder + "/data",
                     *self.arguments]
        self.workers.append(subprocess.Popen(arguments, stdout=self.log, stderr=self.log))
        wait_for(lambda: self.status()["workers"] == number + 1)

    def sluice(self, *arguments):
        environment = dict(os.environ, SLUICE_BROKER=self.clients)
        done = subprocess.run([self.program("sluice"), *arguments], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit("bench: sluice %s: %s" % (" ".join(arguments), done.stderr))
        return done.stdout

    def status(self):
        answer = json.loads(self.sluice("status", "-o", "json"))
        return answer[0] if isinstance(answer, list) else answer

    def pids(self):
        roots = [self.redis.process, self.broker, *self.workers]
        return [pid for process in roots for pid in family(process.pid)]

    def bench(self, workload, jobs, in_flight, isolation="inline"):
        before = cpu_seconds(self.pids())
        figures = json.loads(self.sluice("bench", "--workload", workload, "--jobs", str(jobs), "--in-flight", str(in_flight),
                                         "--payload", "100", "--isolation", isolation, "-o", "json", "--timeout", "600s"))
        figures["cpu_seconds"] = cpu_seconds(self.pids()) - before
        return figures

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.workers, self.broker]:
            stop(process)
        self.redis.stop()
        self.log.close()

    def settled_rss(self):
        """The broker's memory once every log is empty and the figure has stood still for two seconds."""
        logs = ["sl:{s%02d}:log" % shard for shard in range(self.status()["shards"])]
        wait_for(lambda: all(self.redis.command("XLEN", log) == b":0" for log in logs), 120)
        seen, since = 0, time.monotonic()

        def still():
            nonlocal seen, since
            now = rss_bytes(self.broker.pid)
            if abs(now - seen) > PAGE * 16:
                seen, since = now, time.monotonic()
            return time.monotonic() - since > 2
        wait_for(still, 120)
        return seen


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="sluice-bench-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def floor(build, jobs, in_flight, hops, *more, fsync="always"):
    with Folder() as folder:
        redis = Redis(folder, fsync)
        arguments = [os.path.join(build, "tests/floor"), "-r", "unix:" + redis.socket, "-d", folder, "-n", str(jobs), "-w",
                     str(in_flight), "-h", str(hops), *more, *([] if fsync == "always" else ["-e"])]
        before = cpu_seconds([redis.process.pid])
        figures = json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
        figures["cpu_seconds"] += cpu_seconds([redis.process.pid]) - before
        redis.stop()
        return figures


def cluster_bench(build, workload, jobs, in_flight, fsync="always", **cluster):
    with Folder() as folder, Cluster(build, folder, fsync=fsync, **cluster) as running:
        figures = running.bench(workload, jobs, in_flight, cluster.get("isolation", "inline"))
        status = running.status()
        figures["transitions_per_commit"] = status["transitions"] / max(1, status["commits"])
        figures["settles_per_commit"] = status["settles"] / max(1, status["commits"])
        return figures


def spread(values, form="%.0f"):
    middle = statistics.median(values)
    return form % middle if len(values) == 1 else (form + " (" + form + " to " + form + ")") % (
        middle, min(values), max(values))


def compare(name, runs, sluice, floor_of, figure, form="%.0f", lower_is_better=False):
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(floor_of())
        ours.append(sluice())
    mine, its = [figure(f) for f in ours], [figure(f) for f in theirs]
    ratio = statistics.median(mine) / statistics.median(its)
    word = "%.2f x the floor's" % ratio if lower_is_better else "%.1f %% of the floor" % (100 * ratio)
    say("%-22s sluice %-28s floor %-28s %s" % (name, spread(mine, form), spread(its, form), word))
    if lower_is_better:
        say("%-22s p99 of a hop: sluice %s us, floor %s us" % ("", *(spread([1000 * f["hop_ms"]["p99"] for f in figures], form)
                                                                  for figures in (ours, theirs))))
    cpu = statistics.median(f["cpu_seconds"] for f in ours), statistics.median(f["cpu_seconds"] for f in theirs)
    batch = statistics.median(f["transitions_per_commit"] for f in ours)
    say("%-22s CPU seconds of all processes: sluice %.2f, floor %.2f (%.1f x); %.1f transitions a commit, %.2f settles a commit"
        % ("", cpu[0], cpu[1], cpu[0] / max(cpu[1], 0.01), batch,
           statistics.median(f["settles_per_commit"] for f in ours)))
    raw.append({"name": name, "sluice": ours, "floor": theirs})


class Client:
    """A client in a few lines, by common/wire/PROTOCOL.md: for queues that `sluice bench` does not make."""
    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.message_id = 0

    def submit(self, count, window=2000):
        payload = msgpack.packb(b"x" * 97)
        sent = answered = 0
        while answered < count:
            while sent < count and sent - answered < window:
                self.message_id += 1
                body = {"pipeline": "chain8", "once": os.urandom(16), "payload": payload}
                self.socket.send(b"SLU1" + struct.pack("<HBBQ", 10, 1, 0, self.message_id) + msgpack.packb(body))
                sent += 1
            kind = struct.unpack("<H", self.socket.recv()[4:6])[0]
            if kind == 11:
                answered += 1
            else:
                sent -= 1  # refused for now: once more


def backlog(build, counts):
    """Queued jobs: what each costs in memory, and whether the rate falls with their number."""
    rates = {}
    for count in counts:
        with Folder() as folder, Cluster(build, folder, workers=0) as running:
            memory = rss_bytes(running.broker.pid), running.redis.used_memory()
            start = time.monotonic()
            Client(running.clients).submit(count)
            took = time.monotonic() - start
            broker = (running.settled_rss() - memory[0]) / count
            redis = (running.redis.used_memory() - memory[1]) / count
            rates[count] = drained = drain(running, count if count < 100000 else count // 4)
            say("backlog %-14d broker %.0f B a queued job, Redis %.0f B (payload 100 B included); submitted %.0f jobs/s, drained "
                "%.0f stages/s" % (count, broker, redis, count / took, drained))
    first, last = rates[counts[0]], rates[counts[-1]]
    if first > 0:  # a short queue is empty before the first look
        say("%-22s rate with %d queued: %.0f %% of that with %d" % ("", counts[-1], 100 * last / first, counts[0]))


def drain(running, jobs):
    """Starts workers and measures the rate between a tenth and nine tenths of the first `jobs` jobs."""
    def ended():
        return running.status()["ended_since_start"]
    looks = []
    running.start_worker()
    running.start_worker()
    for part in (1, 9):
        wait_for(lambda: ended() >= jobs * part // 10, 600)
        looks.append((ended(), time.monotonic()))
    (first, begun), (last, done) = looks
    return (last - first) * 8 / max(done - begun, 0.001)


def restart(build, count):
    with Folder() as folder, Cluster(build, folder, workers=0) as running:
        Client(running.clients).submit(count)
        running.broker.kill()
        running.broker.wait()
        took = running.start_broker("--timing", "takeover=300")
        queued = running.status()["queued"]
        say("restart %-14d jobs live: serving again after %.2f s (of these 0.3 s and jitter are waiting for the lease), %d queued"
            % (count, took, queued))


def idle(build, count, seconds):
    """A cluster in which nothing happens: what the broker uses, and what Redis is asked."""
    def calls():
        fields = [line.split(":", 1) for line in running.redis.command("INFO", "commandstats").decode().split("\r\n") if ":" in line]
        return {name[8:]: int(values.split(",")[0].split("=")[1]) for name, values in fields if name.startswith("cmdstat_")}

    with Folder() as folder, Cluster(build, folder, workers=count, slots=1, prefetch=0) as running:
        import select
        before, used, start = calls(), cpu_seconds([running.broker.pid]), time.monotonic()
        select.poll().poll(seconds * 1000)  # time itself is what is waited for
        took = time.monotonic() - start
        used = cpu_seconds([running.broker.pid]) - used
        asked = {name: number - before.get(name, 0) for name, number in calls().items()}
        asked = {name: number for name, number in asked.items() if number > 0 and name != "info"}
        say("idle %-17d workers for %.0f s: broker %.2f %% of a core; Redis was asked %s"
            % (count, took, 100 * used / took, ", ".join("%s %d" % item for item in sorted(asked.items())) or "nothing"))


def say(text):
    print(text, flush=True)


raw = []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--raw")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    scale = 1 if options.short else 50
    runs = 1 if options.short else options.runs
    stages, hop = (lambda f: f["stages_per_second"]), (lambda f: 1000 * f["hop_ms"]["p50"])
    jobs = 400 * scale

    def rate(name, workload, hops, *floor_options, jobs=jobs, **cluster):
        return lambda: compare(name, runs, lambda: cluster_bench(build, workload, jobs, 1000, **cluster),
                               lambda: floor(build, jobs, 1000, hops, *floor_options, fsync=cluster.get("fsync", "always")), stages)

    parts = {
        "chain": rate("chain inline", "chain", 8),
        "chain-records": rate("chain, 1 KiB records", "chain", 8, "-s"),
        "chain-host": rate("chain host", "chain", 8, isolation="host", slots=4, prefetch=64),
        "chain-everysec": rate("chain everysec", "chain", 8, fsync="everysec"),
        "flat": rate("flat inline", "flat", 1, jobs=5 * jobs),
        "flat-records": rate("flat, 1 KiB records", "flat", 1, "-s", jobs=5 * jobs),
        "dag": rate("auto DAG inline", "dag", 8),
        "one": lambda: compare("one at a time, us/hop", runs, lambda: cluster_bench(build, "chain", 10 * scale, 1),
                               lambda: floor(build, 10 * scale, 1, 8), hop, lower_is_better=True),
        "one-everysec": lambda: compare("one, everysec, us/hop", runs,
                                        lambda: cluster_bench(build, "chain", 10 * scale, 1, fsync="everysec"),
                                        lambda: floor(build, 10 * scale, 1, 8, fsync="everysec"), hop, lower_is_better=True),
        "backlog": lambda: backlog(build, [200, 400] if options.short else [10000, 100000, 1000000]),
        "idle": lambda: idle(build, 2, 2) if options.short else idle(build, 100, 30),
        "restart": lambda: restart(build, 200 if options.short else 100000),
    }
    chosen = options.only.split(",") if options.only else list(parts)
    unknown = [name for name in chosen if name not in parts]
    if unknown:
        parser.error("no such part: %s; parts: %s" % (", ".join(unknown), ", ".join(parts)))
    say("stages/s unless said otherwise; Redis appendfsync always unless said otherwise; %d run(s): median (min to max)" % runs)
    for name in chosen:
        parts[name]()
    if options.raw:
        with open(options.raw, "w") as file:
            json.dump(raw, file, indent=1)
    if options.short:
        say("%d passed, 0 failed" % len(chosen))


if __name__ == "__main__":
    main()
