"""Bad input, and what it gets: the rows that need real programs of the test's own. Each: one sentence that says what to do, the right
exit code, nothing lost, nobody else disturbed. Rows of pipeline files and of words on the command line: cli/bad_input_test.py."""
import os
import random
import re
import shutil
import signal
import socket
import tempfile
import unittest

import msgpack

from small_cluster import REJECTED, RESET, TIMING, WELCOME, Cluster, Peer, Redis, cases, need_programs, run, wait_until, wire

NIL = b"\xc0"
MIB = 1 << 20


def body(**fields):
    return msgpack.packb(fields, use_bin_type=True)


def frame(number, contents, message_id=7, version=1, magic=b"SLU1"):
    return magic + number.to_bytes(2, "little") + bytes([version, 0]) + message_id.to_bytes(8, "little") + contents


def submit(**changes):
    """A SUBMIT as a map of fields that may be wrong."""
    fields = {"pipeline": "quick", "key": "k", "payload": NIL, **changes}
    return frame(10, body(**{name: value for name, value in fields.items() if value is not None}))


def deep(depth):
    return b"\x91" * depth + NIL


def hello(**changes):
    fields = {"proto_min": 1, "proto_max": 1, "name": "liar", "instance": b"i" * 16, "slots": 1, "types": []}
    return frame(20, body(**{**fields, **changes}))


# What a peer says to the clients' port: name, frames, the refusal's code (None: no prefix, so no answer), its sentence.
CLIENT_PORT = [
    ("nothing", [b""], None, ""),
    ("a prefix that is cut", [b"SLU1\x0a\x00\x01"], None, ""),
    ("another magic", [frame(10, b"", magic=b"HTTP")], None, ""),
    ("a request of the web", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], None, ""),
    ("two frames", [b"", submit()], None, ""),
    ("another version", [frame(10, b"", version=2)], "unsupported", "version 1"),
    ("a type that is none", [frame(999, body())], "unsupported", "type of message"),
    ("a message of workers", [hello()], "unsupported", "type of message"),
    ("a prefix alone", [frame(10, b"")], "bad-request", "malformed SUBMIT"),
    ("text for msgpack", [frame(10, b"pipeline: quick")], "bad-request", "malformed SUBMIT"),
    ("bytes behind the end", [submit() + b"\0"], "bad-request", "malformed SUBMIT"),
    ("a number for a name", [submit(pipeline=5)], "bad-request", "malformed SUBMIT"),
    ("no payload", [submit(payload=None)], "bad-request", "malformed SUBMIT"),
    ("a key that comes twice", [frame(10, b"\x82\xa3key\xa1a\xa3key\xa1b")], "bad-request", "malformed SUBMIT"),
    ("a name that is no UTF-8", [frame(10, b"\x83\xa8pipeline\xa1\xff\xa3key\xa1k\xa7payload\xc4\x01\xc0")], "bad-request",
     "malformed SUBMIT"),
    ("a name above its limit", [submit(pipeline="p" * 65)], "too-large", "limit"),
    ("an array of four thousand million", [frame(11, b"\xdd\xff\xff\xff\xff")], "unsupported", "type of message"),
    ("a map of four thousand million", [frame(10, b"\xdf\xff\xff\xff\xff")], "bad-request", "malformed SUBMIT"),
    ("brackets a thousand deep", [frame(10, b"\x81\xa1x" + deep(1000))], "too-large", "limit"),
    ("a payload that is two values", [submit(payload=NIL * 2)], "bad-request", "payload"),
    ("a payload too deep", [submit(payload=deep(64))], "bad-request", "payload"),
    ("a payload of 4 MiB and one byte", [submit(payload=b"\xc6" + (4 * MIB - 4).to_bytes(4, "big") + bytes(4 * MIB - 4))],
     "too-large", "limit"),
    ("neither key nor once", [submit(key=None)], "bad-request", "exactly one of"),
    ("key and doc_key", [submit(doc_key="d")], "bad-request", "exactly one of"),
    ("a key with a line in it", [submit(key="a\nb")], "bad-request", "printable"),
    ("labels that are a list", [submit(labels=[1])], "bad-request", "labels"),
    ("a label that is a number", [submit(labels={"a": 1})], "bad-request", "labels"),
    ("seventeen labels", [submit(labels={f"l{number}": "x" for number in range(17)})], "bad-request", "labels"),
    ("a label of 257 bytes", [submit(labels={"a": "x" * 257})], "bad-request", "labels"),
    ("no such pipeline", [submit(pipeline="quikc")], "unknown-pipeline", 'did you mean "quick"'),
    ("a question about nothing", [frame(13, body(what="weather"))], "unsupported", "what is asked for"),
    ("a status that is none", [frame(13, body(what="jobs", statuses=["red"]))], "bad-request", "a status is one of"),
    ("a watch of half an id", [frame(wire.TABLE["watch"].number, body(jobs=[[b"half"]]))], "bad-request", "malformed WATCH"),
]

# The same for the workers' port.
WORKER_PORT = [
    ("nothing", [b""], None, ""),
    ("another magic", [frame(20, b"", magic=b"HTTP")], None, ""),
    ("two frames", [b"", hello()], None, ""),
    ("another version", [frame(20, b"", version=2)], "unsupported", "version 1"),
    ("a type that is none", [frame(999, body())], "unsupported", "type of message"),
    ("a message of clients", [submit()], "unsupported", "type of message"),
    ("a HELLO without a body", [frame(20, b"")], "bad-request", "malformed HELLO"),
    ("a HELLO of tomorrow", [hello(proto_min=2, proto_max=3)], "unsupported", "version 1"),
    ("a HELLO with more slots than there are", [hello(slots=1 << 40)], "too-large", "limit"),
    ("types that are no list", [hello(types=5)], "bad-request", "malformed HELLO"),
    ("a result without a token", [frame(23, body(results=[[]]))], "bad-request", "malformed RESULT"),
    ("a heartbeat of half a token", [frame(25, body(slots=1, in_flight=[[1, 2]]))], "bad-request", "malformed HEARTBEAT"),
    ("brackets a thousand deep", [frame(23, b"\x81\xa7results" + deep(1000))], "bad-request", "malformed RESULT"),
]


class Sharing(unittest.TestCase):
    """Cases that share a cluster. A job that was submitted before each of them completes after it."""
    @classmethod
    def setUpClass(cls):
        need_programs()
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        self.before = self.cluster.sluice("submit", "short", "-q").stdout.strip()
        self.assertRegex(self.before, r"^[0-9a-f-]{36}$")

    def tearDown(self):
        waited = self.cluster.sluice("wait", self.before)
        self.assertEqual(waited.returncode, 0, waited.stderr + self.cluster.said("sluice-broker"))
        self.assertIsNone(self.cluster.broker.poll(), "the broker lives")
        self.assertIsNone(self.cluster.worker.poll(), "the worker lives")
        wait_until(lambda: self.cluster.sluice("workers", "list", "-o", "name").stdout.split() == ["good"],
                   lambda: "a peer that said HELLO and fell silent is given up")

    def peer(self, endpoint, **more):
        peer = Peer(endpoint, **more)
        self.addCleanup(peer.close)
        return peer

    def check(self, ended, code, sentence):
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        if sentence:
            self.assertRegex(ended.stderr, sentence)
        self.assertNotIn("Sanitizer", ended.stderr)


class Wire(Sharing):
    """Malformed, truncated and hostile messages on both ports."""

    def client(self):
        return self.peer(self.cluster.clients)

    def refused(self, endpoint, question, frames, code, sentence):
        """Says the frames, then a question that is sound: its answer comes right behind the refusal, or first when there is none."""
        peer = self.peer(endpoint)
        peer.say(*frames)
        peer.say(question)
        number, fields = peer.hear()
        if code:
            self.assertEqual((number, fields["re"], fields["code"], fields["retryable"]), (REJECTED, 7, code, False), fields)
            self.assertIn(sentence, fields["message"])
            number, fields = peer.hear()
        self.assertNotEqual((number, fields.get("re")), (REJECTED, 7), "one answer a message")

    def test_a_submit_that_is_cut_anywhere(self):
        whole = submit()
        peer = self.client()
        for size in range(16, len(whole)):
            peer.say(whole[:size])
            number, fields = peer.hear()
            self.assertEqual((number, fields["code"]), (REJECTED, "bad-request"), f"cut at {size}")

    def test_a_hello_that_is_cut_anywhere(self):
        whole = hello()
        peer = self.peer(self.cluster.workers)
        for size in range(16, len(whole)):
            peer.say(whole[:size])
            number, fields = peer.hear()
            self.assertEqual((number, fields["code"]), (REJECTED, "bad-request"), f"cut at {size}")

    def noise(self, endpoint, numbers, question):
        """Messages of random bytes: an answer to each comes, or none, and then the one to a sound question."""
        chance = random.Random(1)
        peer = self.peer(endpoint)
        for _ in range(2000):
            peer.say(frame(chance.choice(numbers), chance.randbytes(chance.randrange(64))))
        peer.say(question)
        while True:
            number, fields = peer.hear()
            if fields.get("re") == 9 or number == WELCOME:
                return
            self.assertEqual((number, fields["re"]), (REJECTED, 7), fields)

    def test_noise_on_the_clients_port(self):
        self.noise(self.cluster.clients, range(10, 20), frame(13, body(what="status"), message_id=9))

    def test_noise_on_the_workers_port(self):
        self.noise(self.cluster.workers, (20, 23, 25, 26, 27), hello())

    def test_a_result_of_nobody_is_answered_reset(self):
        peer = self.peer(self.cluster.workers)
        token = {"shard": 0, "epoch": 1, "job": list(bytes(16)), "run": 1, "stage": 0, "item": 0, "attempt": 1, "nonce": 5}
        peer.say(wire.encode("heartbeat", 1, {"session": 5, "slots": 2, "in_flight": [token]}))
        self.assertEqual(peer.hear()[0], wire.TABLE["reset"].number)

    def heard(self, peer, wanted):
        """The next message of that type; others, such as heartbeats, are passed over."""
        while True:
            number, fields = peer.hear()
            if number == wanted:
                return fields

    def test_another_registration_of_a_type_waits_for_a_person(self):
        peer = self.peer(self.cluster.workers)
        offer = hello(types=[["noop", [], [], "", "2.0.0", "", True, True, b"d" * 16]])
        peer.say(offer)
        refused = self.heard(peer, WELCOME)["refused_types"]
        self.assertIn("sluice stages accept noop", refused[0])
        self.check(self.cluster.sluice("stages", "accept", "nowhere"), 3, "no worker has ever offered")
        accepted = self.cluster.sluice("stages", "accept", "noop")
        self.check(accepted, 0, "")
        self.assertIn((b"d" * 4).hex(), accepted.stdout)
        self.heard(peer, RESET)
        peer.say(offer)
        self.assertFalse(self.heard(peer, WELCOME).get("refused_types"))
        wait_until(lambda: "sluice stages accept noop" in self.cluster.said("sluice-worker"),
                   lambda: "the worker with the old registration is told")
        self.check(self.cluster.sluice("stages", "accept", "noop"), 0, "")
        self.check(self.cluster.sluice("submit", "quick", "--wait", "-q"), 0, "")
        self.check(self.cluster.sluice("stages", "accept", "echo"), 3, "no worker offers another registration")

    def test_a_routing_id_that_a_peer_chose_takes_nobody_elses_place(self):
        first, second = self.peer(self.cluster.clients, identity=b"me"), self.peer(self.cluster.clients, identity=b"me")
        second.say(frame(13, body(what="status")))
        self.check(self.cluster.sluice("status"), 0, "")
        first.say(b"")

    def test_a_frame_above_the_limit_costs_its_sender_the_connection(self):
        for endpoint, limit in ((self.cluster.clients, 6 * MIB), (self.cluster.workers, 24 * MIB)):
            peer = self.peer(endpoint)
            peer.say(frame(10, bytes(limit)))
            self.check(self.cluster.sluice("status"), 0, "")

    def test_bytes_that_are_no_zeromq(self):
        for endpoint in (self.cluster.clients, self.cluster.workers):
            host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
            for contents in (b"GET / HTTP/1.1\r\n\r\n", random.Random(2).randbytes(4096), b"\xff" * 100000):
                with socket.create_connection((host, int(port))) as raw:
                    try:
                        raw.sendall(contents)
                    except OSError:
                        pass  # the broker was quicker to hang up


def add_wire_row(port, row):
    name, frames, code, sentence = row
    question = frame(13, body(what="status"), message_id=9) if port == "clients" else hello()

    def test(self):
        self.refused(getattr(self.cluster, port), question, frames, code, sentence)
    setattr(Wire, f"test_{port}_port_{name.replace(' ', '_')}", test)


for wire_row in CLIENT_PORT:
    add_wire_row("clients", wire_row)
for wire_row in WORKER_PORT:
    add_wire_row("workers", wire_row)


class Keys(Sharing):
    def test_the_same_key_with_another_input_is_a_conflict(self):
        self.check(self.cluster.sluice("submit", "quick", "--key", "k1", "--input", "-", stdin="1"), 0, "")
        self.check(self.cluster.sluice("submit", "quick", "--key", "k1", "--input", "-", stdin="2"), 10, "use a new key")
        self.check(self.cluster.sluice("submit", "short", "--key", "k1", "--input", "-", stdin="1"), 10, "use a new key")
        self.check(self.cluster.sluice("submit", "quick", "--key", "k1", "--input", "-", stdin="1"), 0, "")

    def test_key_and_doc_key_together(self):
        self.check(self.cluster.sluice("submit", "quick", "--key", "a", "--doc-key", "b"), 2, "(one of|not both|leave)")

    def test_an_unknown_pipeline_has_a_neighbour(self):
        self.check(self.cluster.sluice("submit", "quikc"), 3, 'did you mean "quick"')

    def test_an_input_above_the_limit(self):
        self.check(self.cluster.sluice("submit", "quick", "--input", "-", stdin='"' + "x" * (5 * MIB) + '"'), 1, "4194304")

    def test_a_broker_that_is_down(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
            self.check(run("sluice", "submit", "quick", "--broker", endpoint, "--timeout", "300ms"), 8, "nothing has happened")
            self.check(run("sluice", "jobs", "list", "--broker", endpoint, "--timeout", "300ms"), 8, "sluice dev|start")


class Files(Sharing):
    """Files for `submit --each` through stages that read them."""

    def each(self, name, pipeline="reads"):
        good = self.cluster.write("files/good.txt", "A good document.\n\nWith two paragraphs.\n")
        return self.cluster.sluice("submit", pipeline, "--each", self.cluster.path(name), good, "--wait")

    def skipped(self, name, sentence):
        ended = self.each(name)
        self.check(ended, 1, rf"{re.escape(os.path.basename(name))}.*{sentence}.*skipped")
        self.assertIn("1 skipped", ended.stdout)

    def test_a_missing_one(self):
        self.skipped("files/absent.txt", "")

    def test_a_link_to_nothing(self):
        self.cluster.write("files/x", "")
        os.symlink("nowhere", self.cluster.path("files/link"))
        self.skipped("files/link", "")

    def test_a_folder_without_files(self):
        os.makedirs(self.cluster.path("files/empty"))
        self.skipped("files/empty", "has no files")

    def test_a_pipe_is_not_waited_for(self):
        self.cluster.write("files/x", "")
        os.mkfifo(self.cluster.path("files/pipe"))
        self.skipped("files/pipe", "no regular file")

    def test_an_empty_one(self):
        self.cluster.write("files/empty.txt", "")
        self.skipped("files/empty.txt", "is empty")

    def test_one_of_200_megabytes(self):
        self.cluster.write("files/large.txt", "", size=200 * MIB)
        self.skipped("files/large.txt", "limit")

    def test_a_binary_one_fails_its_job_only(self):
        self.cluster.write("files/binary.bin", bytes(range(256)) * 16)
        ended = self.each("files/binary.bin")
        self.check(ended, 5, r"failed .*parse: .*\w+ \w+")
        self.assertIn("1 completed", ended.stdout)

    def test_one_with_invalid_utf8_is_read(self):
        self.cluster.write("files/latin.txt", b"Caf\xe9 and \xff\xfe, then words that can be read.\n")
        self.check(self.each("files/latin.txt"), 0, "")

    def test_one_that_may_not_be_read(self):
        self.cluster.write("files/secret.txt", "secret")
        os.chmod(self.cluster.path("files/secret.txt"), 0)
        if os.geteuid() != 0:
            self.skipped("files/secret.txt", "you may not read")
            return
        os.chmod(self.cluster.folder, 0o755)
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            run("sluice", "version", **as_nobody)
        except OSError:
            self.skipTest("nobody may not start the program of this build")
        ended = self.cluster.sluice("submit", "quick", "--each", self.cluster.path("files/secret.txt"), **as_nobody)
        self.check(ended, 1, "secret.txt: you may not read this file; skipped")


class Plugins(unittest.TestCase):
    """A worker whose folder of plugins holds bad ones beside a good one."""

    def test_each_is_passed_over_with_its_reason_and_the_good_one_works(self):
        need_programs()
        bad = os.path.join(cases.BUILD, "tests", "bad_plugins")
        names = ("other_abi", "no_entry", "bad_schema", "crash_load", "exit_load")
        if not all(os.path.exists(os.path.join(bad, f"{name}.so")) for name in names):
            self.skipTest("the misbehaving plugins are not built")
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                os.symlink(os.path.join(bad, f"{name}.so"), os.path.join(folder, f"{name}.so"))
            os.symlink(os.path.join(cases.BUILD, "lib", "sluice", "plugins", "probe.so"), os.path.join(folder, "probe.so"))
            writable = os.path.join(folder, "writable.so")
            shutil.copyfile(os.path.join(bad, "no_entry.so"), writable)
            os.chmod(writable, 0o666)
            cluster = Cluster(plugins=folder)
            self.addCleanup(cluster.close)
            self.assertEqual(cluster.sluice("submit", "quick", "--wait").returncode, 0)
            said = cluster.said("sluice-worker")
            reasons = ("ABI", "sluice_plugin_v1", "multipleOf", "SIGSEGV", "exit status", "may be written by everybody")
            for name, reason in zip((*names, "writable"), reasons, strict=True):
                self.assertRegex(said, rf"passed over.*{name}.*{reason}")


class Start(unittest.TestCase):
    """A broker that cannot start says why and ends at once."""

    def setUp(self):
        need_programs()
        folder = tempfile.TemporaryDirectory(prefix="sluice-start-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def redis(self, *words):
        redis = Redis(self.folder, *words)
        self.addCleanup(redis.stop)
        return redis

    def refused(self, code, sentence, *words):
        ended = run("sluice-broker", "--redis", f"unix:{self.folder}/redis.sock", "--listen", f"ipc://{self.folder}/c", *words)
        self.assertEqual(ended.returncode, code, ended.stderr)
        self.assertRegex(ended.stderr, r"^sluice-broker: ")
        self.assertRegex(ended.stderr, sentence)
        self.assertEqual(ended.stdout, "")

    def test_words_that_it_does_not_know(self):
        for words, sentence in ((["--bogus"], "unknown option, or one without its value: --bogus; see"),
                                (["--redis", "http://x"], "http:// is no scheme"), (["--redis", "redis://:secret@h"], "password")):
            ended = run("sluice-broker", *words)
            self.assertEqual((ended.returncode, ended.stderr.count("\n")), (2, 1), ended.stderr)
            self.assertIn(sentence, ended.stderr)
            self.assertNotIn("secret", ended.stderr)

    def test_redis_absent(self):
        self.refused(8, "start redis-server .*or say where Redis is")

    def test_no_redis_but_something_silent(self):
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(f"{self.folder}/redis.sock")
            mute.listen()
            self.refused(8, "does not answer", "--timing", "reply=200")

    def test_redis_that_is_busy_loading_or_full(self):
        self.redis("--maxmemory", "1mb")
        self.refused(1, "maxmemory.*(raise|more|CONFIG SET)")

    def test_redis_without_a_log(self):
        self.redis("--appendonly", "no")
        self.refused(1, "CONFIG SET appendonly yes")

    def test_redis_that_syncs_now_and_then(self):
        self.redis("--appendfsync", "everysec")
        self.refused(1, "CONFIG SET appendfsync always")

    def test_redis_that_evicts(self):
        self.redis("--maxmemory-policy", "allkeys-lru")
        self.refused(1, "CONFIG SET maxmemory-policy noeviction")

    def test_redis_that_is_a_replica(self):
        self.redis("--replicaof", "127.0.0.1 1")
        self.refused(1, "is a replica.*REPLICAOF NO ONE")

    def test_redis_with_a_password(self):
        redis = Redis(self.folder)
        self.addCleanup(redis.stop)
        redis.command("CONFIG", "SET", "requirepass", "x")
        self.refused(4, "NOAUTH.*(password|redis://)")

    def test_redis_that_belongs_to_something_else(self):
        self.redis().command("SET", "sl:mine", "1")
        self.refused(1, "sl:")

    def test_a_cluster_of_another_size(self):
        self.redis().command("HSET", "sl:cluster", "shards", "x")
        self.refused(1, "damaged.*restore|another Redis")

    def test_a_port_that_is_taken(self):
        self.redis()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused(1, f"{port}.*in use.*listen elsewhere", "--listen", f"tcp://127.0.0.1:{port}")

    def test_an_address_that_others_reach(self):
        self.redis()
        self.refused(2, "--insecure", "--listen", "tcp://0.0.0.0:7440")

    def test_an_endpoint_that_is_none(self):
        self.redis()
        self.refused(2, "(tcp://HOST:PORT|--listen-workers)", "--listen", "localhost")

    def test_a_timer_that_is_none(self):
        self.refused(2, "--timing", "--timing", "beat=fast")

    def test_policies_that_are_no_policies(self):
        self.redis()
        with open(f"{self.folder}/p.yaml", "w", encoding="utf-8") as file:
            file.write("policies: [\n")
        ended = run("sluice-broker", "--redis", f"unix:{self.folder}/redis.sock", "--listen", f"ipc://{self.folder}/c",
                    "--policies", f"{self.folder}/p.yaml")
        self.assertEqual(ended.returncode, 9, ended.stderr)
        self.assertRegex(ended.stderr, r"p.yaml:\d+:\d+: error: ")

    def test_a_worker_with_a_broker_that_is_none(self):
        ended = run("sluice-worker", "--broker", "localhost:1", "--data", self.folder)
        self.assertEqual(ended.returncode, 2, ended.stderr)
        self.assertRegex(ended.stderr, r"^sluice-worker: .*tcp://HOST:PORT")


class Trouble(unittest.TestCase):
    """A Redis that stops taking writes while jobs run: nothing is acknowledged meanwhile, it is said why, and all heals."""

    def setUp(self):
        need_programs()
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)

    def rides_through(self, begin, end, word):
        cluster = self.cluster
        before = [cluster.sluice("submit", "short", "--key", f"before-{number}", "-q").stdout.strip() for number in range(10)]
        self.assertEqual(cluster.redis.command(*begin), "OK")
        meanwhile = cluster.sluice("submit", "short", "--key", "meanwhile", "--timeout", "1s")
        self.assertEqual((meanwhile.returncode, meanwhile.stdout), (8, ""), meanwhile.stderr)
        self.assertRegex(meanwhile.stderr, "unknown|nothing has happened|not taken|full")
        wait_until(lambda: re.search(rf"Redis at .* {word}", cluster.said("sluice-broker")), lambda: cluster.said("sluice-broker"))
        self.assertIsNone(cluster.broker.poll(), cluster.said("sluice-broker"))
        self.assertEqual(cluster.redis.command(*end), "OK")
        self.assertEqual(cluster.sluice("wait", *before).returncode, 0, cluster.said("sluice-broker"))
        again = cluster.sluice("submit", "short", "--key", "meanwhile", "--wait")
        self.assertEqual(again.returncode, 0, again.stderr + cluster.said("sluice-broker"))
        self.assertEqual(cluster.sluice("submit", "quick", "--wait").returncode, 0)
        self.assertNotIn("quarantined", cluster.said("sluice-broker"))

    def test_it_is_full(self):
        self.rides_through(("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "OOM.*maxmemory")

    def test_a_broker_that_finds_it_full_takes_no_jobs(self):
        cluster = self.cluster
        self.assertEqual(cluster.sluice("submit", "quick", "--wait").returncode, 0)
        cluster.broker.terminate()
        cluster.broker.wait()
        self.assertEqual(cluster.redis.command("CONFIG", "SET", "maxmemory", "1"), "OK")
        cluster.start_broker()
        wait_until(lambda: "no new jobs are taken" in cluster.said("sluice-broker"), lambda: cluster.said("sluice-broker"))
        refused = cluster.sluice("submit", "quick", "--timeout", "1s")
        self.assertEqual((refused.returncode, refused.stdout), (8, ""), refused.stderr)
        self.assertIn("nearly full", refused.stderr)
        self.assertEqual(cluster.redis.command("CONFIG", "SET", "maxmemory", "0"), "OK")
        wait_until(lambda: "has room again" in cluster.said("sluice-broker"), lambda: cluster.said("sluice-broker"))
        self.assertEqual(cluster.sluice("submit", "quick").returncode, 0)

    def test_it_becomes_read_only(self):
        self.rides_through(("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "READONLY")

    def test_its_settings_are_made_weaker_behind_our_back(self):
        cluster = self.cluster
        self.assertEqual(cluster.redis.command("CONFIG", "SET", "appendfsync", "no"), "OK")
        cluster.redis.command("CLIENT", "KILL", "TYPE", "normal")
        wait_until(lambda: "CONFIG SET appendfsync always" in cluster.said("sluice-broker"), lambda: cluster.said("sluice-broker"))
        cluster.redis.command("CONFIG", "SET", "appendfsync", "always")
        self.assertEqual(cluster.sluice("submit", "quick", "--wait").returncode, 0, cluster.said("sluice-broker"))


class Patience(unittest.TestCase):
    """One client's question that needs Redis holds up nobody else, and nothing of that client overtakes it."""

    def test_others_are_answered_while_it_waits(self):
        need_programs()
        cluster = Cluster(worker=False, broker_words=("--timing", TIMING.replace("reply=500", "reply=30000")))
        self.addCleanup(cluster.close)
        waits, other = Peer(cluster.clients), Peer(cluster.clients)
        self.addCleanup(waits.close)
        self.addCleanup(other.close)
        status = frame(13, body(what="status"), message_id=8)
        cluster.redis.process.send_signal(signal.SIGSTOP)
        try:
            waits.say(submit(pipeline="nobodys"))
            waits.say(status)
            other.say(status)
            self.assertEqual(other.hear()[1]["re"], 8)
            self.assertEqual(waits.socket.poll(0), 0)
        finally:
            cluster.redis.process.send_signal(signal.SIGCONT)
        number, fields = waits.hear()
        self.assertEqual((number, fields["re"], fields["code"]), (REJECTED, 7, "unknown-pipeline"))
        self.assertEqual(waits.hear()[1]["re"], 8)


if __name__ == "__main__":
    cases.main()
