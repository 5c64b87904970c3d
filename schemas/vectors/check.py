#!/usr/bin/env python3
"""Verifies the vectors beside this file, written from ../SPEC.md alone (its sections are named below), with the standard library only.

    python3 schemas/vectors/check.py [folder with other vectors of the same form]
"""
import base64
import datetime
import decimal
import fractions
import functools
import hashlib
import json
import pathlib
import re
import sys

FROZEN = pathlib.Path(__file__).parent
FOLDER = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FROZEN


def load(name):
    file = FOLDER / f"{name}.json"
    return json.loads((file if file.exists() else FROZEN / file.name).read_text("utf-8"))


checks = 0


def same(what, found, wanted):
    """A check of the vectors, named where it fails."""
    global checks
    checks += 1
    if found != wanted:
        sys.exit(f"{what}\n  found  {found!r}\n  wanted {wanted!r}")


# --- 2. Encoding -------------------------------------------------------------------------------------------------------------

LONG = 2 ** 52 - 1


class Malformed(Exception):
    pass


def varint(data, at, most):
    value = 0
    for n in range(most):
        if at + n >= len(data):
            raise Malformed("cut off")
        byte = data[at + n]
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            if byte == 0 and n > 0:
                raise Malformed("not minimal")
            return (value >> 1) ^ -(value & 1), at + n + 1
    raise Malformed("too long")


def read_int(data, at):
    value, at = varint(data, at, 5)
    if not -2 ** 31 <= value < 2 ** 31:
        raise Malformed("int")
    return value, at


def read_long(data, at):
    value, at = varint(data, at, 8)
    if abs(value) > LONG:
        raise Malformed("long")
    return value, at


def read_null(data, at):
    return None, at


def read_bytes(data, at):
    length, at = read_long(data, at)
    if length < 0:
        raise Malformed("negative length")
    return fixed(length)(data, at)


def read_string(data, at):
    value, at = read_bytes(data, at)
    try:
        return value.decode("utf-8"), at  # strict: no overlong forms, no surrogates
    except UnicodeDecodeError:
        raise Malformed("UTF-8") from None


def fixed(size):
    def read(data, at):
        if at + size > len(data):
            raise Malformed("cut off")
        return data[at:at + size], at + size
    return read


def array(item):
    def read(data, at):
        count, at = read_long(data, at)
        if count < 0:
            raise Malformed("negative count")
        if count > len(data):
            raise Malformed("count")
        items = []
        for _ in range(count):
            value, at = item(data, at)
            items.append(value)
        if count > 0:
            if at >= len(data) or data[at] != 0:
                raise Malformed("more than one block")
            at += 1
        return items, at
    return read


def choice(branches, wrap):
    def read(data, at):
        index, at = read_long(data, at)
        if not 0 <= index < len(branches):
            raise Malformed("branch")
        return wrap(branches[index], data, at)
    return read


def enum(*symbols):
    return choice(symbols, lambda symbol, data, at: (symbol, at))


def optional(item):
    return choice([read_null, item], lambda branch, data, at: branch(data, at))


def union(**branches):
    def wrap(branch, data, at):
        value, at = branch[1](data, at)
        return {branch[0]: value}, at
    return choice(list(branches.items()), wrap)


def record(**fields):
    def read(data, at):
        value = {}
        for name, field in fields.items():
            value[name], at = field(data, at)
        return value, at
    return read


def decode(schema, data):
    """The value in all of the bytes, or None where they are not canonical."""
    try:
        value, at = schema(data, 0)
    except Malformed:
        return None
    return value if at == len(data) else None


# --- 3. Records --------------------------------------------------------------------------------------------------------------

i, l, s, h32, sig = read_int, read_long, read_string, fixed(32), fixed(64)
Profile = record(obis=fixed(6), unit=i, scaler=i, start=l, step=i, values=array(l), quality=array(record(code=i, count=i)))
Register = record(obis=fixed(6), unit=i, scaler=i, at=l, value=l)
Reading = record(version=i, meter=s, sequence=l, previous=h32, sentAt=l, profiles=array(Profile), registers=array(Register), revises=optional(l))
SignedReading = record(reading=Reading, signature=sig)
Readings = record(readings=array(SignedReading))
Header = record(version=i, lane=i, height=l, previous=h32, root=h32, count=i, sourceEpoch=i, firstOffset=l, lastOffset=l,
                registrySize=l, registryRoot=h32, sealedAt=l, proposer=s, attempt=i)
Block = record(header=Header, seal=sig, entries=array(read_bytes))
Verdict = record(notCounted=array(record(entry=i, code=i)))
Vote = record(version=i, lane=i, height=l, block=h32, authority=s,
              judgement=union(Accept=record(verdictHash=h32, verdict=Verdict), Reject=record(fault=i, detail=s)))
SignedVote = record(vote=Vote, signature=sig)
Authority = record(id=s, key=h32, weight=l)
UsagePoint = record(id=s, zone=s, feeder=s, region=s, plan=s)
EnrolledMeter = record(meter=s, key=h32, signer=enum("device", "gateway", "importer"), usagePoint=UsagePoint)
Consensus = enum("poa", "pos")
EventBody = record(version=i, id=fixed(16), expiresAtSize=l, content=union(
    Genesis=record(network=s, createdAt=l, lanes=i, signatureProfile=i, rules=i, consensus=Consensus, authorities=array(Authority), predecessor=s),
    EnrolMeters=record(count=i, root=h32),
    RotateMeterKey=record(meter=s, fromSequence=l, key=h32),
    ResetMeter=record(meter=s, sequence=l, previous=h32),
    RetireMeter=record(meter=s, fromSequence=l),
    AssignUsagePoint=record(meter=s, validFrom=l, usagePoint=UsagePoint),
    AddAuthority=record(authority=Authority),
    RemoveAuthority=record(authority=s),
    RotateAuthorityKey=record(authority=s, key=h32),
    SetStake=record(authority=s, weight=l),
    SlashStake=record(authority=s, amount=l, evidence=array(h32)),
    SetConsensus=record(consensus=Consensus),
    PublishTariff=record(plan=s, validFrom=l, document=s),
    SetRules=record(rules=i),
    SetSourceEpoch=record(lane=i, epoch=i)))
RegistryEvent = record(body=EventBody, sizeBefore=l, rootBefore=h32, signatures=array(record(signer=s, signature=sig)), meters=array(EnrolledMeter))
Repair = record(version=i, id=s, kind=enum("resend", "reseal", "reproject", "replay", "restore", "epoch", "rebuild", "wait", "skip"), lane=i, subject=s, fault=s,
                status=enum("requested", "completed", "failed"), by=s, at=l, tookMillis=optional(l), range=optional(record(**{"from": l, "to": l})), detail=s)
Rejection = record(version=i, at=l, meter=s, lane=i, leaf=h32, fault=i, detail=s, bytes=read_bytes)
CheckpointLeaf = record(version=i, lane=i, height=l, block=h32, verdict=h32)
Cosignature = record(version=i, size=l, root=h32, authority=s, timestamp=l, signature=sig)
RECORDS = {name: globals()[name] for name in (
    "Reading SignedReading Readings Header Block Verdict Vote SignedVote EventBody EnrolledMeter RegistryEvent Repair Rejection "
    "CheckpointLeaf Cosignature").split()}


def plain(value):
    """As it stands in the vectors: bytes in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


def without_prefix(value):
    """1.3"""
    return value[5:] if len(value) >= 5 and value[0] == 0 else value


# --- 4. Tags, hashes, signatures ---------------------------------------------------------------------------------------------

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tag(name):
    return f"meterchain/1/{name}\0".encode("ascii")


ZERO = bytes(32)
P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    """RFC 8032, 5.1.4: points as (X, Y, Z, T)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    result = NEUTRAL
    while n > 0:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_of(data):
    """The point that the bytes encode canonically, or None (RFC 8032, 5.1.3)."""
    if len(data) != 32:
        return None
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2 ** 255 - 1)
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P != 0:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - xx) % P != 0 or (x == 0 and sign == 1):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_small(point):
    return equal(times(8, point), NEUTRAL)


keys_seen = {}


def is_valid_key(key):
    """4.4"""
    if key not in keys_seen:
        point = point_of(key)
        keys_seen[key] = point is not None and not is_small(point) and equal(times(L, point), NEUTRAL)
    return keys_seen[key]


@functools.lru_cache(maxsize=None)
def verify(signature, message, key):
    """4.4"""
    if len(signature) != 64:
        return False
    number = int.from_bytes(signature[32:], "little")
    r, a = point_of(signature[:32]), point_of(key)
    if number >= L or r is None or a is None or is_small(r) or is_small(a):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return equal(times(number, BASE), add(r, times(k, a)))


def encode_point(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sign(seed, message):
    """RFC 8032, 5.1.6: so that others can reproduce the vectors."""
    digest = hashlib.sha512(seed).digest()
    a = int.from_bytes(digest[:32], "little") & (2 ** 254 - 8) | 2 ** 254
    key = encode_point(times(a, BASE))
    r = int.from_bytes(hashlib.sha512(digest[32:] + message).digest(), "little") % L
    point = encode_point(times(r, BASE))
    k = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % L
    return key, point + ((r + k * a) % L).to_bytes(32, "little")


def encode_varint(value):
    value = 2 * value if value >= 0 else -2 * value - 1
    data = []
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data + [value])


def encode_string(text):
    data = text.encode("utf-8")
    return encode_varint(len(data)) + data


def verdict_bytes(not_counted):
    if not not_counted:
        return b"\0"
    items = b"".join(encode_varint(each["entry"]) + encode_varint(each["code"]) for each in not_counted)
    return encode_varint(len(not_counted)) + items + b"\0"


def verdict_hash(parent, not_counted):
    return sha256(tag("verdict"), parent, verdict_bytes(not_counted))


def block_hash(header):
    return sha256(tag("block-hash"), header)


def lane_genesis(chain_id, lane):
    return sha256(tag("lane"), chain_id, lane.to_bytes(4, "big"))


# --- 5. Merkle trees ---------------------------------------------------------------------------------------------------------

def leaf_hash(entry):
    return sha256(b"\0", entry)


def node_hash(left, right):
    return sha256(b"\1", left, right)


def split_of(count):
    return 1 << (count - 1).bit_length() - 1


def merkle_root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    k = split_of(len(leaves))
    return node_hash(merkle_root(leaves[:k]), merkle_root(leaves[k:]))


def inclusion(index, leaves):
    if len(leaves) == 1:
        return []
    k = split_of(len(leaves))
    if index < k:
        return inclusion(index, leaves[:k]) + [merkle_root(leaves[k:])]
    return inclusion(index - k, leaves[k:]) + [merkle_root(leaves[:k])]


def consistency(size, leaves, is_whole=True):
    if size == len(leaves):
        return [] if is_whole else [merkle_root(leaves)]
    k = split_of(len(leaves))
    if size <= k:
        return consistency(size, leaves[:k], is_whole) + [merkle_root(leaves[k:])]
    return consistency(size - k, leaves[k:], False) + [merkle_root(leaves[:k])]


def includes(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2"""
    if index >= size:
        return False
    last, value = size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            value = node_hash(sibling, value)
            while index & 1 == 0 and index != 0:
                index, last = index >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and value == root


def extends(old_size, old_root, size, root, path):
    """RFC 9162, 2.1.4.2, for 0 < old_size <= size."""
    if old_size == size:
        return not path and old_root == root
    if old_size & (old_size - 1) == 0:
        path = [old_root] + path
    if not path:
        return False
    index, last = old_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index & 1 == 0 and index != 0:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old == old_root and new == root


# --- 6. Ids and lanes --------------------------------------------------------------------------------------------------------

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
ZONE = re.compile(r"[A-Za-z0-9_+\-/]{1,64}")


def murmur2(data):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def lane_of(meter, lanes):
    return (murmur2(meter.encode("utf-8")) & 0x7FFFFFFF) % lanes


# --- 7. Entries --------------------------------------------------------------------------------------------------------------

def entries_of(value):
    data = without_prefix(value)
    try:
        count, at = read_long(data, 0)
        if not 1 <= count <= 1000:
            return [data]
        entries = []
        for _ in range(count):
            _, end = SignedReading(data, at)
            entries.append(data[at:end])
            at = end
    except Malformed:
        return [data]
    return entries if data[at:] == b"\0" else [data]


# --- 8. The registry ---------------------------------------------------------------------------------------------------------

SECONDS, MOST = 253_402_300_799, 10 ** 12


def is_line(text, empty=True):
    is_clean = not any(ord(each) < 0x20 or 0x7F <= ord(each) <= 0x9F for each in text)
    return (empty or text != "") and len(text.encode("utf-8")) <= 1024 and is_clean


def is_document(text):
    return len(text.encode("utf-8")) <= 262_144 and "\0" not in text


def set_fault(authorities):
    """8.6"""
    ids, keys = [each["id"] for each in authorities], [each["key"] for each in authorities]
    if not 1 <= len(ids) <= 100 or not all(ID.fullmatch(each) for each in ids):
        return "bad-authorities"
    if len(set(ids)) < len(ids) or len(set(keys)) < len(keys):
        return "bad-authorities"
    weights = [each["weight"] for each in authorities]
    return None if all(0 <= each <= MOST for each in weights) and 1 <= sum(weights) <= MOST else "bad-weight"


def authority_fault(authority):
    if not 1 <= authority["weight"] <= MOST:
        return "bad-weight"
    return None if is_valid_key(authority["key"]) else "bad-key"


def point_fault(point):
    if not ZONE.fullmatch(point["zone"]):
        return "bad-zone"
    lines = [point[name] for name in ("id", "feeder", "region", "plan")]
    return None if point["id"] and all(is_line(each) for each in lines) else "bad-usage-point"


def encode_meter(meter):
    point = b"".join(encode_string(meter["usagePoint"][name]) for name in ("id", "zone", "feeder", "region", "plan"))
    signer = encode_varint(["device", "gateway", "importer"].index(meter["signer"]))
    return encode_string(meter["meter"]) + meter["key"] + signer + point


class Registry:
    def __init__(self):
        self.leaves, self.roots, self.ids, self.governance, self.meters = [], [sha256()], set(), [], {}
        self.bodies = []
        self.chain_id = self.lanes = None

    @property
    def size(self):
        return len(self.leaves)

    def apply(self, value):
        """None if the event counts, else the code (8.2)."""
        data = b"" if value is None else without_prefix(value)
        event = decode(RegistryEvent, data)
        if event is None or event["body"]["version"] != 20:
            return "malformed"
        body = event["body"]
        body_bytes = data[:EventBody(data, 0)[1]]
        (kind, content), = body["content"].items()
        if event["sizeBefore"] != self.size or event["rootBefore"] != self.roots[-1]:
            return "other-state"
        if self.size >= body["expiresAtSize"]:
            return "expired"
        if body["id"] in self.ids:
            return "repeated"
        if len(event["signatures"]) > 101:
            return "too-many-signatures"
        if kind != "EnrolMeters" and event["meters"]:
            return "stray-meters"
        fault = self.genesis(kind, content, event, body_bytes) if self.size == 0 else self.later(kind, content, event, body_bytes)
        if fault is not None:
            return fault
        self.count(body, body_bytes, content)
        return None

    def count(self, body, body_bytes, content):
        if self.size == 0:
            self.chain_id, self.lanes = sha256(tag("genesis"), body_bytes), content["lanes"]
        self.ids.add(body["id"])
        self.bodies.append(body_bytes)
        self.leaves.append(leaf_hash(body_bytes))
        self.roots.append(merkle_root(self.leaves))

    def decide_governance(self, index, body_bytes, signatures):
        """17.4: an event that is given without those before it; True if it made a new governance at that size."""
        body = decode(EventBody, body_bytes)
        if body is None or body["version"] != 20 or index < self.size:
            return False
        while self.size < index:
            self.leaves.append(ZERO)
            self.roots.append(ZERO)
        (kind, content), = body["content"].items()
        if index >= body["expiresAtSize"] or body["id"] in self.ids or len(signatures) > 101:
            return False
        before = len(self.governance)
        fault = self.later(kind, content, {"signatures": signatures, "meters": []}, body_bytes)
        self.count(body, body_bytes, content)
        return fault is None and len(self.governance) > before

    def genesis(self, kind, content, event, body_bytes):
        """8.4"""
        if kind != "Genesis":
            return "no-genesis"
        c = content
        if not (is_line(c["network"], empty=False) and 0 <= c["createdAt"] <= SECONDS * 1000 and 1 <= c["lanes"] <= 1024
                and c["signatureProfile"] == 1 and 1 <= c["rules"] < 2 ** 31 and is_document(c["predecessor"])):
            return "bad-genesis"
        fault = set_fault(c["authorities"]) or next(filter(None, map(authority_fault, c["authorities"])), None)
        if fault:
            return fault
        message = tag("genesis") + ZERO + body_bytes
        for each in c["authorities"]:
            if not any(x["signer"] == each["id"] and verify(x["signature"], message, each["key"]) for x in event["signatures"]):
                return "not-signed"
        self.govern(body_bytes, consensus=c["consensus"], authorities=c["authorities"], rules=c["rules"], sourceEpochs={})
        return None

    def govern(self, body_bytes, **changes):
        """8.5"""
        state = {**(self.governance[-1] if self.governance else {}), **changes, "since": self.size + 1, "hash": leaf_hash(body_bytes)}
        state["authorities"] = sorted(state["authorities"], key=lambda each: each["id"].encode("ascii"))
        self.governance.append(state)

    def later(self, kind, content, event, body_bytes):
        if kind == "Genesis":
            return "second-genesis"
        if not self.is_signed(kind, content, event, body_bytes):
            return "not-signed"
        if kind == "EnrolMeters":
            return self.enrol(content, event["meters"])
        if kind in ("RotateMeterKey", "ResetMeter", "RetireMeter", "AssignUsagePoint"):
            return self.change_meter(kind, content)
        if kind == "PublishTariff":
            is_good = is_line(content["plan"], empty=False) and 0 <= content["validFrom"] <= SECONDS and is_document(content["document"])
            return None if is_good else "bad-tariff"
        return self.change_governance(kind, content, body_bytes)

    def is_signed(self, kind, content, event, body_bytes):
        """8.3"""
        message = tag("registry") + self.chain_id + body_bytes
        authorities = {each["id"]: each for each in self.governance[-1]["authorities"] if each["weight"] > 0}
        signers = set()
        for each in event["signatures"]:
            authority = authorities.get(each["signer"])
            if authority and each["signer"] not in signers and verify(each["signature"], message, authority["key"]):
                signers.add(each["signer"])
        weight = sum(authorities[each]["weight"] for each in signers)
        if kind in ("EnrolMeters", "AssignUsagePoint", "RetireMeter"):
            return weight > 0
        if 3 * weight > 2 * sum(each["weight"] for each in authorities.values()):
            return True
        if kind not in ("RotateMeterKey", "ResetMeter") or content["meter"] not in self.meters:
            return False
        key = self.meters[content["meter"]]["keys"][-1]["key"]
        return any(each["signer"] == "" and verify(each["signature"], message, key) for each in event["signatures"])

    def enrol(self, content, meters):
        if not 1 <= len(meters) <= 10_000 or content["count"] != len(meters):
            return "bad-count"
        if merkle_root([leaf_hash(encode_meter(each)) for each in meters]) != content["root"]:
            return "bad-root"
        new = {}
        for each in meters:
            if not ID.fullmatch(each["meter"]):
                return "bad-meter-id"
            if each["meter"] in new:
                return "enrolled-twice"
            if each["meter"] in self.meters:
                return "already-enrolled"
            fault = point_fault(each["usagePoint"]) or (None if is_valid_key(each["key"]) else "bad-key")
            if fault:
                return fault
            since = self.size + 1
            new[each["meter"]] = {
                "ordinal": len(self.meters) + len(new) + 1, "since": since, "signer": each["signer"], "retired": [], "resets": [],
                "keys": [{"key": each["key"], "fromSequence": 0, "since": since}],
                "assignments": [{"validFrom": 0, "usagePoint": each["usagePoint"], "since": since}]}
        self.meters.update(new)
        return None

    def change_meter(self, kind, content):
        meter = self.meters.get(content["meter"])
        if meter is None:
            return "unknown-meter"
        fact = {name: value for name, value in content.items() if name != "meter"} | {"since": self.size + 1}
        if kind == "AssignUsagePoint":
            fault = point_fault(content["usagePoint"]) if 0 <= content["validFrom"] <= SECONDS else "bad-time"
        elif not 1 <= content["sequence" if kind == "ResetMeter" else "fromSequence"] <= LONG:
            fault = "bad-sequence"
        else:
            fault = "bad-key" if kind == "RotateMeterKey" and not is_valid_key(content["key"]) else None
        if fault is None:
            meter[{"RotateMeterKey": "keys", "ResetMeter": "resets", "RetireMeter": "retired", "AssignUsagePoint": "assignments"}[kind]].append(fact)
        return fault

    def change_governance(self, kind, content, body_bytes):
        """8.7"""
        now = self.governance[-1]
        authorities = [dict(each) for each in now["authorities"]]
        changes = {}
        if kind == "AddAuthority":
            fault = authority_fault(content["authority"])
            if fault:
                return fault
            authorities.append(content["authority"])
        elif kind == "SetConsensus":
            if content["consensus"] == now["consensus"]:
                return "no-change"
            changes = content
        elif kind == "SetRules":
            if not 1 <= content["rules"] < 2 ** 31:
                return "bad-rules"
            if content["rules"] == now["rules"]:
                return "no-change"
            changes = content
        elif kind == "SetSourceEpoch":
            if not 0 <= content["lane"] < self.lanes:
                return "bad-lane"
            if content["epoch"] != now["sourceEpochs"].get(content["lane"], 0) + 1:
                return "bad-epoch"
            changes = {"sourceEpochs": {**now["sourceEpochs"], content["lane"]: content["epoch"]}}
        else:
            one = next((each for each in authorities if each["id"] == content["authority"]), None)
            if one is None:
                return "unknown-authority"
            if kind == "RemoveAuthority":
                authorities.remove(one)
            elif kind == "RotateAuthorityKey":
                if content["key"] == one["key"]:
                    return "no-change"
                if not is_valid_key(content["key"]):
                    return "bad-key"
                one["key"] = content["key"]
            elif kind == "SetStake":
                one["weight"] = content["weight"]
            else:
                if not 1 <= content["amount"] <= one["weight"]:
                    return "bad-amount"
                one["weight"] -= content["amount"]
        fault = set_fault(authorities)
        if fault is None:
            self.govern(body_bytes, authorities=authorities, **changes)
        return fault

    def governance_at(self, size):
        return [each for each in self.governance if each["since"] <= size][-1]

    # 8.9
    def meter_at(self, name, size):
        meter = self.meters.get(name)
        return meter if meter is not None and meter["since"] <= size else None

    def key_for(self, meter, sequence, size):
        keys = [each for each in meter["keys"] if each["since"] <= size and each["fromSequence"] <= sequence]
        return max(enumerate(keys), key=lambda each: (each[1]["fromSequence"], each[0]))[1]["key"]

    def is_retired(self, meter, sequence, size):
        return any(each["since"] <= size and each["fromSequence"] <= sequence for each in meter["retired"])

    def reset_for(self, meter, size):
        resets = [each for each in meter["resets"] if each["since"] <= size]
        return resets[-1] if resets else None


# --- 9. Turns ----------------------------------------------------------------------------------------------------------------

def turn_order(governance, chain_id, lane, height):
    left = [each for each in governance["authorities"] if each["weight"] > 0]
    if governance["consensus"] == "poa":
        first = (lane + height) % len(left)
        return [each["id"] for each in left[first:] + left[:first]]
    order = []
    while left:
        place = lane.to_bytes(4, "big") + height.to_bytes(8, "big") + len(order).to_bytes(4, "big")
        point = int.from_bytes(sha256(tag("turn"), chain_id, place, governance["hash"])[:16], "big") % sum(each["weight"] for each in left)
        for each in left:
            point -= each["weight"]
            if point < 0:
                order.append(each["id"])
                left.remove(each)
                break
    return order


# --- 10. The fold of a lane --------------------------------------------------------------------------------------------------

class Lane:
    def __init__(self, registry, lane):
        self.registry, self.lane, self.candidates = registry, lane, []
        self.final = {"height": 0, "hash": lane_genesis(registry.chain_id, lane), "verdictHash": ZERO, "registrySize": 1,
                      "sourceEpoch": 0, "lastOffset": -1}

    def governance(self):
        return self.registry.governance_at(self.final["registrySize"])

    def authority(self, name):
        return next((each for each in self.governance()["authorities"] if each["id"] == name and each["weight"] > 0), None)

    def apply(self, value):
        """Outcome and reason of one value of the log (10.2)."""
        data = b"" if value is None else without_prefix(value)
        if data[:1] == b"\x24":
            block = decode(Block, data)
            if block is not None and block["header"]["version"] == 18:
                return self.block(block, data[:Header(data, 0)[1]])
        if data[:1] == b"\x26":
            vote = decode(SignedVote, data)
            if vote is not None and vote["vote"]["version"] == 19:
                return self.vote(vote["vote"], data[:-64], vote["signature"])
        return "no-record", None

    def block(self, block, header_bytes):
        """10.3"""
        header, name, final = block["header"], block_hash(header_bytes), self.final
        epochs = header["sourceEpoch"] - final["sourceEpoch"]
        first = final["lastOffset"] + 1 if epochs == 0 else 0
        proposer = self.authority(header["proposer"])
        message = tag("block-seal") + self.registry.chain_id + header_bytes
        rules = [
            ("other-lane", lambda: header["lane"] == self.lane),
            ("not-next", lambda: header["height"] == final["height"] + 1),
            ("other-parent", lambda: header["previous"] == final["hash"]),
            ("known", lambda: all(each["hash"] != name for each in self.candidates)),
            ("too-many-candidates", lambda: sum(each["header"]["proposer"] == header["proposer"] for each in self.candidates)
                < 1000 // sum(each["weight"] > 0 for each in self.governance()["authorities"])),
            ("registry-shrinks", lambda: header["registrySize"] >= final["registrySize"]),
            ("offsets-do-not-follow", lambda: epochs in (0, 1) and header["attempt"] >= 0 and header["firstOffset"] == first
                and header["lastOffset"] >= first - 1),
            ("unknown-proposer", lambda: proposer is not None),
            ("bad-seal", lambda: verify(block["seal"], message, proposer["key"])),
            ("bad-root", lambda: header["count"] == len(block["entries"])
                and header["root"] == merkle_root([leaf_hash(each) for each in block["entries"]]))]
        for reason, holds in rules:
            if not holds():
                return "skipped", reason
        self.candidates.append({"header": header, "hash": name, "entries": block["entries"], "votes": {}, "isVoid": False})
        return "candidate", None

    def vote(self, vote, vote_bytes, signature):
        """10.4"""
        if vote["lane"] != self.lane:
            return "skipped", "other-lane"
        found = [each for each in self.candidates if each["hash"] == vote["block"] and each["header"]["height"] == vote["height"]]
        if not found:
            return "skipped", "no-such-candidate"
        candidate, voter = found[0], self.authority(vote["authority"])
        if voter is None:
            return "skipped", "unknown-voter"
        before = candidate["votes"].get(vote["authority"])
        if before is not None and before["bytes"] == vote_bytes:
            return "skipped", "vote-repeated"
        if not verify(signature, tag("vote") + self.registry.chain_id + vote_bytes, voter["key"]):
            return "skipped", "bad-vote-signature"
        accept = vote["judgement"].get("Accept")
        if accept is not None and not self.holds(candidate, accept):
            return "skipped", "bad-verdict"
        if before is not None and before["accept"] is not None:
            return ("skipped", "vote-repeated") if accept is None else ("contradiction", None)
        candidate["votes"][vote["authority"]] = {
            "bytes": vote_bytes, "weight": voter["weight"], "accept": accept, "reject": vote["judgement"].get("Reject")}
        return self.decide(candidate), None

    def holds(self, candidate, accept):
        last, not_counted = -1, accept["verdict"]["notCounted"]
        for each in not_counted:
            if not last < each["entry"] < candidate["header"]["count"] or each["code"] < 1:
                return False
            last = each["entry"]
        return accept["verdictHash"] == verdict_hash(self.final["verdictHash"], not_counted)

    def decide(self, candidate):
        """10.5"""
        total = sum(each["weight"] for each in self.governance()["authorities"])
        weights = {}
        for each in candidate["votes"].values():
            if each["accept"] is not None:
                name = each["accept"]["verdictHash"]
                weights[name] = weights.get(name, 0) + each["weight"]
        best = max(weights.values(), default=0)
        if 3 * best > 2 * total:
            name = max(weights, key=weights.get)
            self.settled = (candidate, name)
            header = candidate["header"]
            self.final = {"hash": candidate["hash"], "verdictHash": name,
                          **{field: header[field] for field in ("height", "registrySize", "sourceEpoch", "lastOffset")}}
            self.candidates = []
            return "final"
        voted = sum(each["weight"] for each in candidate["votes"].values())
        if not candidate["isVoid"] and 3 * (best + total - voted) <= 2 * total:
            candidate["isVoid"] = True
            return "void"
        return "counted"

    # 10.7
    def open_attempt(self):
        authorities = self.governance()["authorities"]
        total, attempt = sum(each["weight"] for each in authorities), 0
        while True:
            failed = {each["header"]["proposer"] for each in self.candidates if each["isVoid"] and each["header"]["attempt"] == attempt}
            if 3 * sum(each["weight"] for each in authorities if each["id"] in failed) <= 2 * total:
                return attempt
            attempt += 1

    def current(self):
        seen, attempt = set(), self.open_attempt()
        for each in self.candidates:
            slot = each["header"]["proposer"], each["header"]["attempt"]
            if slot[1] <= attempt and slot not in seen:
                seen.add(slot)
                if not each["isVoid"]:
                    return each["hash"]
        return None

    def order(self):
        failed = {each["header"]["proposer"] for each in self.candidates if each["isVoid"]}
        order = turn_order(self.governance(), self.registry.chain_id, self.lane, self.final["height"] + 1)
        return [each for each in order if each not in failed] + [each for each in order if each in failed]

    def shown(self):
        def vote(name, each):
            if each["accept"] is not None:
                return {"authority": name, "accept": each["accept"]["verdictHash"]}
            return {"authority": name, "reject": each["reject"]["fault"]}
        candidates = [{"hash": each["hash"], "isVoid": each["isVoid"], "votes": [vote(*pair) for pair in sorted(each["votes"].items())]}
                      for each in self.candidates]
        return plain({"final": self.final, "candidates": candidates, "openAttempt": self.open_attempt(), "current": self.current(),
                      "order": self.order()})


# --- 11. The verdict ---------------------------------------------------------------------------------------------------------

CODES = {"sequence-taken": 6, "broken-link": 7, "out-of-order": 8}
NEW_METER = {"sequence": 0, "hash": ZERO, "gaps": [], "reset": 0}


def is_within_limits(reading):
    """11.2"""
    def unit(each):
        return 0 <= each["unit"] <= 255 and -9 <= each["scaler"] <= 9

    def profile(each):
        count, quality = len(each["values"]), each["quality"]
        return (1 <= count <= 35_040 and 1 <= each["step"] <= 31_622_400 and each["start"] >= 0
                and each["start"] + each["step"] * count <= SECONDS and unit(each)
                and (not quality or sum(run["count"] for run in quality) == count)
                and all(run["count"] >= 1 and 0 <= run["code"] <= 255 for run in quality))

    profiles, registers, revises = reading["profiles"], reading["registers"], reading["revises"]
    return (ID.fullmatch(reading["meter"]) is not None and reading["sequence"] >= 1 and 0 <= reading["sentAt"] <= SECONDS * 1000
            and len(profiles) <= 16 and len(registers) <= 64 and len(profiles) + len(registers) > 0
            and (revises is None or 1 <= revises < reading["sequence"])
            and all(map(profile, profiles)) and all(0 <= each["at"] <= SECONDS and unit(each) for each in registers))


def apply_reset(state, reset):
    """11.4"""
    if reset is None or reset["since"] <= state["reset"]:
        return state
    if reset["sequence"] <= state["sequence"]:
        return {**state, "reset": reset["since"]}
    return {"sequence": reset["sequence"] - 1, "hash": reset["previous"], "gaps": [], "reset": reset["since"]}


def advance(state, n, previous, leaf):
    """11.4: the new state, or a fault."""
    head = state["sequence"]
    if n == head + 1:
        return {**state, "sequence": n, "hash": leaf} if previous == state["hash"] else "broken-link"
    if n > head + 1:
        gap = {"from": head + 1, "to": n - 1, "lower": state["hash"], "upper": previous}
        return {**state, "sequence": n, "hash": leaf, "gaps": (state["gaps"] + [gap])[-8:]}
    at = next((at for at, gap in enumerate(state["gaps"]) if gap["from"] <= n <= gap["to"]), None)
    if at is None:
        return "sequence-taken"
    gap = state["gaps"][at]
    if n != gap["from"]:
        return "out-of-order"
    if previous != gap["lower"] or (n == gap["to"] and leaf != gap["upper"]):
        return "broken-link"
    left = [] if n == gap["to"] else [{**gap, "from": n + 1, "lower": leaf}]
    return {**state, "gaps": state["gaps"][:at] + left + state["gaps"][at + 1:]}


def judge(entries, registry, lane, size, states):
    """11.1: the entries that do not count; `states` are taken on."""
    not_counted = []
    for index, entry in enumerate(entries):
        code = judge_entry(entry, registry, lane, size, states)
        if code:
            not_counted.append({"entry": index, "code": code})
    return not_counted


def judge_entry(entry, registry, lane, size, states):
    signed = decode(SignedReading, entry) if len(entry) <= 65_536 else None
    if signed is None or signed["reading"]["version"] != 17 or not is_within_limits(signed["reading"]):
        return 1
    reading = signed["reading"]
    name, sequence = reading["meter"], reading["sequence"]
    if lane_of(name, registry.lanes) != lane:
        return 2
    meter = registry.meter_at(name, size)
    if meter is None:
        return 3
    if registry.is_retired(meter, sequence, size):
        return 4
    if not verify(signed["signature"], tag("reading") + registry.chain_id + entry[:-64], registry.key_for(meter, sequence, size)):
        return 5
    state = apply_reset(states.get(name, NEW_METER), registry.reset_for(meter, size))
    step = advance(state, sequence, reading["previous"], leaf_hash(entry))
    if isinstance(step, str):
        return CODES[step]
    states[name] = step
    return 0


# --- 14. Checkpoints ---------------------------------------------------------------------------------------------------------

def origin_of(chain_id):
    return f"meterchain/{chain_id.hex()}"


def checkpoint_text(chain_id, size, root):
    """14.5"""
    return f"{origin_of(chain_id)}\n{size}\n{base64.b64encode(root).decode('ascii')}\n"


def key_hash(name, kind, key):
    """14.7"""
    return sha256(name.encode("utf-8"), b"\n", bytes([kind]), key)[:4]


def note_line(name, kind, key, rest):
    """14.7"""
    return f"\u2014 {name} {base64.b64encode(key_hash(name, kind, key) + rest).decode('ascii')}"


class Checkpoints:
    """Topic `checkpoints`; `finals`: for each lane of readings its final blocks and verdict hashes by height."""

    def __init__(self, registry, finals, witnesses):
        self.registry, self.finals, self.witnesses = registry, finals, witnesses
        self.lane, self.leaves, self.tips, self.heads = Lane(registry, registry.lanes), [], {}, {}

    def apply(self, value):
        """Outcome, reason, whether the block is right, and what is to be said of a signature."""
        signed = decode(Cosignature, without_prefix(value or b""))
        if signed is not None and signed["version"] == 24 and signed["timestamp"] >= 0:
            return "signature", None, None, self.signature(signed)
        parent = self.lane.final
        outcome, reason = self.lane.apply(value)
        is_right = None
        if outcome == "candidate":
            is_right = self.is_right(self.lane.candidates[-1])
        elif outcome == "final":
            candidate, name = self.lane.settled
            is_right = self.is_right(candidate) and name == verdict_hash(parent["verdictHash"], [])
            self.grow(candidate)
        return outcome, reason, is_right, None

    def leaf(self, entry, tips):
        """The entry, where it is a leaf that goes on from its lane's newest one."""
        leaf = decode(CheckpointLeaf, entry)
        if leaf is None or leaf["version"] != 23 or not 0 <= leaf["lane"] < self.registry.lanes:
            return None
        return leaf if leaf["height"] == tips.get(leaf["lane"], 0) + 1 else None

    def is_right(self, candidate):
        """14.3, but for the verdict"""
        header, entries, tips, last = candidate["header"], candidate["entries"], dict(self.tips), 0
        if header["sourceEpoch"] != 0 or not 1 <= len(entries) <= 10_000:
            return False
        if header["lastOffset"] - header["firstOffset"] + 1 != len(entries):
            return False
        size = header["registrySize"]
        if size > self.registry.size or header["registryRoot"] != self.registry.roots[size]:
            return False
        for entry in entries:
            leaf = self.leaf(entry, tips)
            if leaf is None or leaf["lane"] < last:
                return False
            if self.finals[leaf["lane"]].get(leaf["height"]) != (leaf["block"], leaf["verdict"]):
                return False
            tips[leaf["lane"]], last = leaf["height"], leaf["lane"]
        return True

    def grow(self, candidate):
        """14.2, 14.4"""
        for entry in candidate["entries"]:
            self.leaves.append(leaf_hash(entry))
            leaf = self.leaf(entry, self.tips)
            if leaf is not None:
                self.tips[leaf["lane"]] = leaf["height"]
        size = len(self.leaves)
        self.heads[size] = {"height": candidate["header"]["height"], "size": size, "root": merkle_root(self.leaves),
                            "registrySize": candidate["header"]["registrySize"], "signers": set(), "lines": []}

    def signature(self, signed):
        """14.6"""
        name, time, chain_id = signed["authority"], signed["timestamp"], self.registry.chain_id
        head = self.heads.get(signed["size"])
        is_of_head = head is not None and head["root"] == signed["root"]
        by = "authority" if time == 0 else "witness"
        if by == "authority":
            size = head["registrySize"] if is_of_head else self.lane.final["registrySize"]
            key = next((each["key"] for each in self.registry.governance_at(size)["authorities"] if each["id"] == name), None)
        else:
            key = self.witnesses.get(name)
        found = {"by": by, "holds": None, "isOfHead": is_of_head}
        if key is None:
            return found
        text = checkpoint_text(chain_id, signed["size"], signed["root"])
        message = text if by == "authority" else f"cosignature/v1\ntime {time}\n{text}"
        found["holds"] = verify(signed["signature"], message.encode("utf-8"), key)
        if not found["holds"]:
            return found
        if by == "authority":
            found["line"] = note_line(origin_of(chain_id), 1, key, signed["signature"])
        else:
            found["line"] = note_line(name, 4, key, time.to_bytes(8, "big") + signed["signature"])
        if is_of_head and found["line"] not in head["lines"]:
            head["lines"].append(found["line"])
        if is_of_head and by == "authority":
            head["signers"].add(name)
        return found

    def shown(self):
        return plain({"size": len(self.leaves), "root": merkle_root(self.leaves),
                      "tips": {str(lane): height for lane, height in sorted(self.tips.items())}})

    def shown_heads(self):
        """14.7"""
        for head in self.heads.values():
            authorities = self.registry.governance_at(head["registrySize"])["authorities"]
            weight = sum(each["weight"] for each in authorities if each["id"] in head["signers"])
            text = checkpoint_text(self.registry.chain_id, head["size"], head["root"])
            yield plain({**{name: head[name] for name in ("height", "size", "root", "registrySize")}, "text": text,
                         "signers": sorted(head["signers"]), "weight": weight,
                         "isVouchedFor": 3 * weight > 2 * sum(each["weight"] for each in authorities),
                         "note": text + "\n" + "".join(line + "\n" for line in head["lines"])})


# --- 13. Proofs of checkpoints as files ---------------------------------------------------------------------------------------

def has_fields(value, *names):
    return isinstance(value, dict) and set(value) == set(names)


def hash_of(text):
    return bytes.fromhex(text) if re.fullmatch("[0-9a-fA-F]{64}", text) else None


def proof_begins(file, kind, genesis, size):
    """The registry with the governance that the file gives, up to that size; None where it does not hold."""
    registry = Registry()
    if file["version"] != 1 or file["kind"] != kind or registry.apply(genesis) is not None or size < 1:
        return None
    if hash_of(file["chainId"]) != registry.chain_id:
        return None
    for each in file["governance"]:
        signatures = [{"signer": one["signer"], "signature": bytes.fromhex(one["signature"])} for one in each["signatures"]]
        if each["index"] >= size or not registry.decide_governance(each["index"], bytes.fromhex(each["body"]), signatures):
            return None
    return registry


def proved_head(head, registry):
    """Size and root of a note in the form of 14.5 and 14.7, by lines of authorities alone; None where it does not hold."""
    text, _, rest = head["note"].partition("\n\n")
    found = re.fullmatch(r"[^\n]+\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)", text)
    lines = rest.split("\n")
    if head["registrySize"] < 1 or found is None or lines.pop() != "" or not lines:
        return None
    size, root = int(found[1]), base64.b64decode(found[2])
    text, authorities, signers = text + "\n", registry.governance_at(head["registrySize"])["authorities"], []
    if text != checkpoint_text(registry.chain_id, size, root):
        return None
    for line in lines:
        signer = next((each for each in authorities if line_holds(line, registry.chain_id, each["key"], text)), None)
        if signer is None or signer["id"] in signers:
            return None
        signers.append(signer["id"])
    weight = sum(each["weight"] for each in authorities if each["id"] in signers)
    return (size, root) if 3 * weight > 2 * sum(each["weight"] for each in authorities) else None


def line_holds(line, chain_id, key, text):
    try:
        rest = base64.b64decode(line.rpartition(" ")[2], validate=True)[4:]
    except ValueError:
        return False
    return line == note_line(origin_of(chain_id), 1, key, rest) and verify(rest, text.encode("ascii"), key)


def path_of(file):
    return [hash_of(each) for each in file["path"]]


def inclusion_holds(file, genesis):
    if not has_fields(file, "version", "kind", "chainId", "leaf", "index", "path", "checkpoint", "governance"):
        return False
    leaf = file["leaf"]
    if not has_fields(leaf, "lane", "height", "block", "verdict") or not has_fields(file["checkpoint"], "note", "registrySize"):
        return False
    registry = proof_begins(file, "inclusion", genesis, file["checkpoint"]["registrySize"])
    head = None if registry is None else proved_head(file["checkpoint"], registry)
    block, verdict, path = hash_of(leaf["block"]), hash_of(leaf["verdict"]), path_of(file)
    if head is None or None in (block, verdict, *path) or not 0 <= leaf["lane"] < registry.lanes or file["index"] < 0:
        return False
    entry = encode_varint(23) + encode_varint(leaf["lane"]) + encode_varint(leaf["height"]) + block + verdict
    return includes(leaf_hash(entry), file["index"], head[0], path, head[1])


def consistency_holds(file, genesis):
    if not has_fields(file, "version", "kind", "chainId", "older", "newer", "path", "governance"):
        return False
    older, newer = file["older"], file["newer"]
    if not all(has_fields(each, "note", "registrySize") for each in (older, newer)) or older["registrySize"] > newer["registrySize"]:
        return False
    registry = proof_begins(file, "consistency", genesis, newer["registrySize"])
    heads = [None if registry is None else proved_head(each, registry) for each in (older, newer)]
    path = path_of(file)
    if None in (*heads, *path) or heads[0][0] > heads[1][0]:
        return False
    return extends(*heads[0], *heads[1], path)


# --- 17. Evidence ------------------------------------------------------------------------------------------------------------

FIELDS = {"version", "chainId", "kind", "authority", "lane", "height", "block", "hash", "registrySize", "originals", "governance"}


def evidence_holds(file, genesis):
    """17.5"""
    if set(file) != FIELDS or file["version"] != 1:
        return False
    registry, size = Registry(), file["registrySize"]
    if registry.apply(genesis) is not None or registry.chain_id.hex() != file["chainId"] or not 0 <= file["lane"] <= registry.lanes:
        return False
    for each in file["governance"]:
        signatures = [{"signer": one["signer"], "signature": bytes.fromhex(one["signature"])} for one in each["signatures"]]
        if each["index"] >= size or not registry.decide_governance(each["index"], bytes.fromhex(each["body"]), signatures):
            return False
    originals = [bytes.fromhex(each) for each in file["originals"]]
    if size < 1 or merkle_root([leaf_hash(each) for each in originals]).hex() != file["hash"]:
        return False
    authorities = registry.governance_at(size)["authorities"]
    having = {each["id"]: each for each in authorities if each["weight"] > 0}
    if file["authority"] not in having or not originals:
        return False
    if file["kind"] == "contradiction":
        return contradicts(file, registry, having, originals)
    if file["kind"] == "split-view":
        return splits_view(file, registry, having[file["authority"]]["key"], originals)
    total = sum(each["weight"] for each in authorities)
    return file["kind"] == "void-block" and is_void(file, registry, having, total, originals)


def vote_in(file, registry, having, data):
    """The vote, where it names the block and its signature holds under the key of one with weight."""
    signed = decode(SignedVote, data)
    if signed is None or signed["vote"]["version"] != 19 or signed["vote"]["authority"] not in having:
        return None
    vote = signed["vote"]
    if (vote["lane"], vote["height"], vote["block"].hex()) != (file["lane"], file["height"], file["block"]):
        return None
    message = tag("vote") + registry.chain_id + data[:-64]
    return vote if verify(signed["signature"], message, having[vote["authority"]]["key"]) else None


def contradicts(file, registry, having, originals):
    votes = [vote_in(file, registry, having, each) for each in originals]
    if len(votes) != 2 or None in votes or votes[0] == votes[1]:
        return False
    return all(each["authority"] == file["authority"] and "Accept" in each["judgement"] for each in votes)


def splits_view(file, registry, key, originals):
    heads = [decode(Cosignature, each) for each in originals]
    if file["lane"] != registry.lanes or file["height"] < 0 or len(heads) != 2 or None in heads:
        return False
    for each in heads:
        if (each["version"], each["authority"], each["timestamp"], each["size"]) != (24, file["authority"], 0, file["height"]):
            return False
        if not verify(each["signature"], checkpoint_text(registry.chain_id, each["size"], each["root"]).encode("ascii"), key):
            return False
    return heads[0]["root"] != heads[1]["root"] and heads[0]["root"].hex() == file["block"]


def is_void(file, registry, having, total, originals):
    block = decode(Block, originals[0])
    if block is None or block["header"]["version"] != 18:
        return False
    header, header_bytes = block["header"], originals[0][:Header(originals[0], 0)[1]]
    if (block_hash(header_bytes).hex(), header["lane"], header["height"]) != (file["block"], file["lane"], file["height"]):
        return False
    message = tag("block-seal") + registry.chain_id + header_bytes
    if header["proposer"] != file["authority"] or not verify(block["seal"], message, having[file["authority"]]["key"]):
        return False
    if header["count"] != len(block["entries"]) or header["root"] != merkle_root([leaf_hash(each) for each in block["entries"]]):
        return False
    votes = [vote_in(file, registry, having, each) for each in originals[1:]]
    if None in votes or any("Reject" not in each["judgement"] for each in votes):
        return False
    ids = [each["authority"] for each in votes]
    return ids == sorted(set(ids)) and 3 * sum(having[each]["weight"] for each in ids) >= total


# --- 18. Tariffs and bills ---------------------------------------------------------------------------------------------------

OBIS_BYTE = "(?:0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
OBIS_CODE = re.compile(r"{0}-{0}:{0}\.{0}\.{0}\*{0}".format(OBIS_BYTE))
CLOCK = re.compile("(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
MONTH_DAY = re.compile("(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
EPOCH = datetime.date(1970, 1, 1)
DAY = 86_400
FOREVER = float("inf")
NO_ZONE = ("UTC", "Etc/UTC")


class Canonical:
    """Whether a JSON text is the one that ECMAScript writes for its value."""

    def __init__(self):
        self.holds = True

    def pairs(self, pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            self.holds = False
        # such names come first, in their order as numbers
        numbers = sorted((name for name in names if re.fullmatch("0|[1-9][0-9]{0,9}", name)), key=int)
        return {name: dict(pairs)[name] for name in numbers + [each for each in names if each not in numbers]}

    def integer(self, text):
        value = int(text)
        shown = str(int(decimal.Decimal(repr(float(value))))) if abs(value) < 10 ** 21 else None
        self.holds = self.holds and shown == text
        return value

    def real(self, text):
        value = float(text)
        self.holds = self.holds and repr(value) == text and not text.endswith(".0")
        return value

    @staticmethod
    def constant(text):
        raise ValueError(text)


def read_document(text):
    """18.1: the document, and None; or None and why it says nothing."""
    canonical = Canonical()
    try:
        value = json.loads(text, object_pairs_hook=canonical.pairs, parse_int=canonical.integer, parse_float=canonical.real,
                           parse_constant=canonical.constant)
    except ValueError:
        return None, "not-json"
    shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    shown = re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", shown)
    if not canonical.holds or shown != text:
        return None, "not-canonical"
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in FORMS:
        return None, "unknown-kind"
    return (value, None) if FORMS[kind](value) else (None, "bad-form")


def is_int(value, low, high):
    return type(value) is int and low <= value <= high


def is_text(value, pattern):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def consists_of(value, needed, optional=()):
    return isinstance(value, dict) and set(needed) <= set(value) <= set(needed) | set(optional)


def is_list(value, low, high):
    return isinstance(value, list) and low <= len(value) <= high


def is_price(value):
    return is_int(value, -10 ** 12, 10 ** 12)


def is_name(value):
    if not isinstance(value, str) or re.search("[\0-\x1f\x7f-\x9f\ud800-\udfff]", value):
        return False
    return 1 <= len(value.encode("utf-16-le")) // 2 <= 64


def date_of(text):
    """The day, counted from 1970, or None."""
    try:
        return (datetime.date.fromisoformat(text) - EPOCH).days if is_text(text, DATE) else None
    except ValueError:
        return None


MONEY = ("version", "kind", "currency", "decimals", "priceScaler", "standing", "zones")


def is_money(plan, *zone_fields):
    zones = plan["zones"]
    return (plan["version"] == 1 and type(plan["version"]) is int and is_text(plan["currency"], re.compile("[A-Z]{3}"))
            and is_int(plan["decimals"], 0, 4) and is_int(plan["priceScaler"], -9, 0) and is_price(plan["standing"])
            and is_list(zones, 1, 8)
            and all(consists_of(each, ("name", "price", *zone_fields)) and is_name(each["name"]) and is_price(each["price"]) for each in zones)
            and len({each["name"] for each in zones}) == len(zones))


def is_rule(rule, zones):
    if not consists_of(rule, ["zone"], ["days", "holidays", "season", "hours"]) or not is_int(rule["zone"], 0, zones - 1):
        return False
    if "days" in rule and not is_text(rule["days"], re.compile("(?=.)1?2?3?4?5?6?7?")):
        return False
    if "holidays" in rule and type(rule["holidays"]) is not bool:
        return False
    for name, pattern in (("season", MONTH_DAY), ("hours", CLOCK)):
        if name in rule:
            ends = rule[name]
            if not consists_of(ends, ("from", "to")) or not all(is_text(each, pattern) for each in ends.values()):
                return False
    return "hours" not in rule or rule["hours"]["from"] not in ("24:00", rule["hours"]["to"])


def is_interval_plan(plan):
    if not consists_of(plan, (*MONEY, "measures", "schedule", "holidays", "signal")) or not is_money(plan):
        return False
    days = [date_of(each) for each in plan["holidays"]] if is_list(plan["holidays"], 0, 400) else [None]
    return (is_text(plan["measures"], OBIS_CODE) and type(plan["signal"]) is bool and is_list(plan["schedule"], 0, 64)
            and all(is_rule(each, len(plan["zones"])) for each in plan["schedule"])
            and None not in days and all(a < b for a, b in zip(days, days[1:])))


def is_register_plan(plan):
    if not consists_of(plan, MONEY) or not is_money(plan, "register"):
        return False
    registers = [each["register"] for each in plan["zones"]]
    return all(is_text(each, OBIS_CODE) for each in registers) and len(set(registers)) == len(registers)


def is_signal(value):
    return (consists_of(value, ("version", "kind", "step", "zones")) and is_int(value["version"], 1, 1)
            and is_int(value["step"], 1, DAY) and is_text(value["zones"], re.compile("[0-7-]+")))


def is_time_zone(value):
    if not consists_of(value, ("version", "kind", "offset", "transitions")) or not is_int(value["version"], 1, 1):
        return False
    if not is_int(value["offset"], -DAY, DAY) or not is_list(value["transitions"], 0, 500):
        return False
    if not all(is_list(each, 2, 2) and is_int(each[0], 0, SECONDS) and is_int(each[1], -DAY, DAY) for each in value["transitions"]):
        return False
    times = [each[0] for each in value["transitions"]]
    return all(a < b for a, b in zip(times, times[1:]))


FORMS = {"interval-plan": is_interval_plan, "register-plan": is_register_plan, "signal": is_signal, "time-zone": is_time_zone}


def holding(dated):
    """18.2: (from, to, index, value) in their order; `dated`: (validFrom, index, value)."""
    newest = {}
    for start, index, value in sorted(dated, key=lambda each: each[:2]):
        newest[start] = (index, value)
    starts = sorted(newest)
    return [(start, end, *newest[start]) for start, end in zip(starts, starts[1:] + [FOREVER])]


def at(periods, moment):
    return next((each for each in periods if each[0] <= moment < each[1]), None)


class BillOf:
    """`documents`, `assignments`: as in the vectors; `readings`: decoded, of each meter."""

    def __init__(self, point, month, documents, assignments, readings):
        self.read = [(each, read_document(each["document"])[0]) for each in documents]
        first = datetime.date.fromisoformat(f"{month}-01")
        self.first, self.end = (first - EPOCH).days, ((first + datetime.timedelta(31)).replace(day=1) - EPOCH).days
        self.periods = []  # (meter, usage point, from, to)
        for meter in dict.fromkeys(each["meter"] for each in assignments):
            facts = [(each["validFrom"], each["index"], each["usagePoint"]) for each in assignments if each["meter"] == meter]
            self.periods += [(meter, value, start, end) for start, end, _, value in holding(facts) if value["id"] == point]
        self.sums, self.problems, self.covered = {}, set(), 0
        for meter, all_of_it in readings.items():
            self.take_intervals(meter, all_of_it)
            self.take_registers(meter, all_of_it)

    def named(self, name, *kinds):
        return [(each["validFrom"], each["index"], value) for each, value in self.read
                if value is not None and value["kind"] in kinds and each["plan"] == name]

    def spans(self, zone):
        """18.3: (from, to, offset, whether it was published)"""
        if zone in NO_ZONE:
            return [(0, FOREVER, 0, True)]
        versions = holding(self.named(zone, "time-zone"))
        spans = [(0, versions[0][0] if versions else FOREVER, 0, False)]
        for start, end, _, value in versions:
            parts = [[0, value["offset"]], *value["transitions"]]
            for (since, offset), until in zip(parts, [each[0] for each in parts[1:]] + [FOREVER]):
                spans.append((max(since, start), min(until, end), offset, True))
        return [each for each in spans if each[0] < each[1]]

    def placed(self, meter, moment):
        """The zone's name, offset, whether that is published, and the plan's index, name and document; or None."""
        period = next((each for each in self.periods if each[0] == meter and each[2] <= moment < each[3]), None)
        if period is None:
            return None
        plan, zone = period[1]["plan"], period[1]["zone"]
        version = at(holding(self.named(plan, "interval-plan", "register-plan")), moment)
        span = next((each for each in reversed(self.spans(zone)) if each[0] <= moment), None)
        if version is None or span is None:
            return None
        return span[2], span[3], version[2], plan, version[3]

    def is_mine(self, moment, offset, is_published):
        is_mine = self.first <= (moment + offset) // DAY < self.end
        if is_mine and not is_published:
            self.problems.add("time-zone-not-published")
        return is_mine

    def take_intervals(self, meter, readings):
        for each in held_intervals(readings):
            found = self.placed(meter, each["start"])
            if found is None:
                continue
            offset, is_published, index, plan, document = found
            if document["kind"] != "interval-plan" or document["measures"] != each["obis"]:
                continue
            if not self.is_mine(each["start"], offset, is_published):
                continue
            if each["unit"] != 30:
                self.problems.add("wrong-unit")
                continue
            self.covered += each["step"]
            zone = self.zone_at(document, plan, each["start"], offset)
            self.sum(index, plan, document, zone, energy(each), 8 <= each["quality"] <= 13 or each["quality"] == 16)

    def take_registers(self, meter, readings):
        last = {}
        for each in held_registers(readings):
            before, last[each["obis"]] = last.get(each["obis"]), each
            found = self.placed(meter, before["at"]) if before is not None else None
            if found is None:
                continue
            offset, is_published, index, plan, document = found
            zone = next((n for n, one in enumerate(document["zones"]) if one.get("register") == each["obis"]), None)
            if document["kind"] != "register-plan" or zone is None or not self.is_mine(before["at"], offset, is_published):
                continue
            if before["unit"] != 30 or each["unit"] != 30:
                self.problems.add("wrong-unit")
            elif energy(each) < energy(before):
                self.problems.add("register-fell")
            else:
                self.sum(index, plan, document, zone, energy(each) - energy(before), False)

    def sum(self, index, plan, document, zone, value, is_estimated):
        line = self.sums.setdefault((index, zone), {"plan": plan, "document": document, "energy": 0, "estimated": 0, "count": 0})
        line["energy"] += value
        line["estimated"] += value if is_estimated else 0
        line["count"] += 1

    def zone_at(self, plan, name, moment, offset):
        """18.5"""
        if plan["signal"]:
            said = None
            for start, index, signal in sorted(self.named(name, "signal"), key=lambda each: each[1]):
                place = (moment - start) // signal["step"]
                if moment >= start and place < len(signal["zones"]) and signal["zones"][place] != "-":
                    said = int(signal["zones"][place])
            if said is not None and said < len(plan["zones"]):
                return said
        day, second = divmod(moment + offset, DAY)
        date = EPOCH + datetime.timedelta(day)
        now, month_day, is_holiday = f"{second // 3600:02}:{second // 60 % 60:02}", f"{date:%m-%d}", str(date) in plan["holidays"]
        for rule in plan["schedule"]:
            if "days" in rule and str(date.isoweekday()) not in rule["days"]:
                continue
            if "holidays" in rule and rule["holidays"] != is_holiday:
                continue
            if "season" in rule:
                low, high = rule["season"]["from"], rule["season"]["to"]
                if not (low <= month_day <= high if low <= high else month_day >= low or month_day <= high):
                    continue
            if "hours" in rule:
                low, high = rule["hours"]["from"], rule["hours"]["to"]
                if not (low <= now < high if low < high else now >= low or now < high):
                    continue
            return rule["zone"]
        return 0

    def standing(self):
        days = {}
        for meter, usage_point, start, end in self.periods:
            spans = self.spans(usage_point["zone"])
            for day in range(self.first, self.end):
                parts = [max(span[0], day * DAY - span[2]) for span in spans
                         if max(span[0], day * DAY - span[2]) < min(span[1], (day + 1) * DAY - span[2])]
                found = self.placed(meter, min(parts)) if parts and start <= min(parts) < end else None
                if found is not None and found[4]["standing"] != 0:
                    days.setdefault(found[2], (found, set()))[1].add(day)
        for index, (found, dates) in sorted(days.items()):
            yield index, found[3], found[4], len(dates)

    def figures(self):
        """18.6, 18.7, in the form of 18.9"""
        lines = []
        for (index, zone), each in sorted(self.sums.items(), key=lambda each: each[0]):
            plan = each["document"]
            one = plan["zones"][zone]
            amount = each["energy"] * one["price"] * fractions.Fraction(10) ** plan["priceScaler"]
            lines.append(self.line(each["plan"], index, zone, one["name"], plan, one["price"], each["count"], amount, each["energy"], each["estimated"]))
        for index, name, plan, days in self.standing() if lines else ():
            amount = days * plan["standing"] * fractions.Fraction(10) ** plan["priceScaler"]
            lines.append(self.line(name, index, None, "standing", plan, plan["standing"], days, amount, 0, 0))
        totals = []
        for currency in sorted({each["currency"] for each in lines}):
            mine = [each for each in lines if each["currency"] == currency]
            digits = max(each["decimals"] for each in mine)
            total = sum(fractions.Fraction(each["amount"]) for each in mine)
            totals.append({"currency": currency, "amount": None if self.problems else digits_of(total, digits)})
        return {"lines": lines, "totals": totals, "problems": sorted(self.problems)}

    @staticmethod
    def line(name, index, zone, zone_name, plan, price, count, amount, used, estimated):
        scaled = abs(amount) * 10 ** plan["decimals"]
        rounded = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator) * (1 if amount >= 0 else -1)
        return {"plan": name, "event": index, "zone": zone, "name": zone_name, "kwh": digits_of(used, 12),
                "estimatedKwh": digits_of(estimated, 12), "count": count, "price": price, "priceScaler": plan["priceScaler"],
                "currency": plan["currency"], "decimals": plan["decimals"],
                "amount": digits_of(fractions.Fraction(rounded, 10 ** plan["decimals"]), plan["decimals"])}


def energy(value):
    """kWh, exact"""
    return value["value"] * fractions.Fraction(10) ** (value["scaler"] - 3)


def digits_of(value, digits):
    number = fractions.Fraction(value) * 10 ** digits
    assert number.denominator == 1
    text = str(abs(number.numerator)).zfill(digits + 1)
    return ("-" if number < 0 else "") + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)


def obis_text(code):
    return "{}-{}:{}.{}.{}*{}".format(*code)


def intervals_of(reading):
    for each in reading["profiles"]:
        codes = [run["code"] for run in each["quality"] for _ in range(run["count"])]
        for n, value in enumerate(each["values"]):
            yield {"obis": obis_text(each["obis"]), "unit": each["unit"], "scaler": each["scaler"], "start": each["start"] + n * each["step"],
                   "step": each["step"], "value": value, "quality": codes[n] if codes else 0, "sequence": reading["sequence"]}


def held_intervals(readings):
    """18.4"""
    best, revising = {}, []
    for reading in readings:
        for each in intervals_of(reading):
            rank = [each[name] for name in ("sequence", "unit", "scaler", "value", "step", "quality")]
            key = (each["obis"], each["start"])
            if key not in best or best[key][0] < rank:
                best[key] = (rank, each)
            if reading["revises"] is not None:
                revising.append(each)
    for _, each in best.values():
        if not any(other["sequence"] > each["sequence"] and other["obis"] == each["obis"] and other["start"] < each["start"] + each["step"]
                   and each["start"] < other["start"] + other["step"] for other in revising):
            yield each


def held_registers(readings):
    best = {}
    for reading in readings:
        for each in reading["registers"]:
            value = {**each, "obis": obis_text(each["obis"])}
            rank = [reading["sequence"], each["unit"], each["scaler"], each["value"]]
            key = (value["obis"], each["at"])
            if key not in best or best[key][0] < rank:
                best[key] = (rank, value)
    return sorted((each for _, each in best.values()), key=lambda each: each["at"])


BILL_FIELDS = {"version", "kind", "chainId", "point", "month", "lines", "totals", "problems", "checkpoint", "governance", "blocks", "registry", "meters"}


class Refused(Exception):
    pass


def demand(holds):
    if not holds:
        raise Refused


def bill_proof_gaps(file, genesis):
    """18.9: sequences that are missing, as (meter, from, to); None: the file does not hold."""
    try:
        return checked_bill(file, genesis)
    except (Refused, KeyError, IndexError, TypeError, ValueError):
        return None


def checked_bill(file, genesis):
    demand(set(file) == BILL_FIELDS)
    demand(consists_of(file["checkpoint"], ("note", "registrySize")))
    registry = proof_begins(file, "bill", genesis, file["checkpoint"]["registrySize"])
    head = None if registry is None else proved_head(file["checkpoint"], registry)
    demand(head is not None)
    size, root = head
    blocks = [shown_block(each, registry, size, root) for each in file["blocks"]]
    demand(0 <= file["registry"]["block"] < len(blocks))
    named = blocks[file["registry"]["block"]][0]
    demand(all(header["registrySize"] <= named["registrySize"] for header, _ in blocks))
    events = shown_events(file["registry"]["events"], named)
    enrolled = shown_enrolments(file, events)
    first = datetime.date.fromisoformat(f"{file['month']}-01")
    window = (((first - EPOCH).days - 1) * DAY, (((first + datetime.timedelta(31)).replace(day=1) - EPOCH).days + 1) * DAY)
    readings, gaps = {}, []
    for each in file["meters"]:
        demand(set(each) == {"meter", "readings"})
        readings[each["meter"]] = shown_readings(each, blocks, named, events, enrolled[each["meter"]], registry, window, gaps)
    assignments = [{"index": index, "meter": meter, "validFrom": 0, "usagePoint": point} for meter, (index, _, point) in enrolled.items()]
    for index, (kind, content) in events.items():
        if kind == "AssignUsagePoint":
            demand(content["usagePoint"]["id"] != file["point"] or content["meter"] in enrolled)
            assignments += [{"index": index, **content}] if content["meter"] in enrolled else []
    documents = [{"index": index, **content} for index, (kind, content) in events.items() if kind == "PublishTariff"]
    bill = BillOf(file["point"], file["month"], documents, assignments, readings)
    demand(bill.figures() == {name: file[name] for name in ("lines", "totals", "problems")})
    return gaps


def siblings(path):
    return [bytes.fromhex(each) for each in path]


def shown_block(block, registry, size, root):
    demand(set(block) == {"header", "parentVerdict", "notCounted", "index", "path"})
    header = decode(Header, bytes.fromhex(block["header"]))
    demand(header is not None and header["version"] == 18 and 0 <= header["lane"] < registry.lanes)
    verdict = verdict_hash(bytes.fromhex(block["parentVerdict"]), block["notCounted"])
    leaf = encode_varint(23) + encode_varint(header["lane"]) + encode_varint(header["height"]) + block_hash(bytes.fromhex(block["header"])) + verdict
    demand(includes(leaf_hash(leaf), block["index"], size, siblings(block["path"]), root))
    return header, {each["entry"] for each in block["notCounted"]}


def shown_events(events, named):
    shown, last = {}, -1
    for each in events:
        demand(set(each) == {"index", "body", "path"} and each["index"] > last)
        last = each["index"]
        body = bytes.fromhex(each["body"])
        demand(includes(leaf_hash(body), last, named["registrySize"], siblings(each["path"]), named["registryRoot"]))
        event = decode(EventBody, body)
        demand(event is not None and event["version"] == 20)
        (shown[last],) = event["content"].items()
    return shown


def shown_enrolments(file, events):
    """Event, key and usage point of each meter."""
    demand(set(file["registry"]) == {"block", "events", "enrolments"} and len(file["registry"]["enrolments"]) == len(file["meters"]))
    enrolled, last = {}, ""
    for each, of in zip(file["registry"]["enrolments"], file["meters"]):
        demand(of["meter"] > last)
        last = of["meter"]
        kind, content = events[each["event"]]
        data = bytes.fromhex(each["meter"])
        meter = decode(EnrolledMeter, data)
        demand(kind == "EnrolMeters" and meter is not None and meter["meter"] == last)
        demand(includes(leaf_hash(data), each["leafIndex"], content["count"], siblings(each["path"]), content["root"]))
        enrolled[last] = each["event"], meter["key"], meter["usagePoint"]
    return enrolled


def shown_readings(of, blocks, named, events, enrolled, registry, window, gaps):
    keys = [{"key": enrolled[1], "fromSequence": 0, "since": enrolled[0] + 1}]
    keys += [{**content, "since": index + 1} for index, (kind, content) in events.items()
             if kind == "RotateMeterKey" and content["meter"] == of["meter"]]
    shown = []
    for each in of["readings"]:
        data = bytes.fromhex(each["bytes"])
        signed = decode(SignedReading, data)
        demand(signed is not None and len(data) <= 65_536 and is_within_limits(signed["reading"]))
        reading, leaf, is_counted = signed["reading"], leaf_hash(data), set(each) == {"bytes", "block", "index", "path"}
        demand(reading["meter"] == of["meter"] and (is_counted or set(each) == {"bytes"}))
        size = named["registrySize"]
        if is_counted:
            demand(0 <= each["block"] < len(blocks))
            header, not_counted = blocks[each["block"]]
            size = header["registrySize"]
            demand(each["index"] not in not_counted and lane_of(of["meter"], registry.lanes) == header["lane"])
            demand(includes(leaf, each["index"], header["count"], siblings(each["path"]), header["root"]))
        key = registry.key_for({"keys": keys}, reading["sequence"], size)
        demand(verify(signed["signature"], tag("reading") + registry.chain_id + data[:-64], key))
        shown.append((reading, leaf, is_counted))
    counted = [reading for reading, _, is_counted in shown if is_counted]
    ends = register_ends(counted, window)
    for (reading, leaf, is_counted), after in zip(shown, [each[0] for each in shown[1:]] + [None]):
        if after is not None:
            demand(after["sequence"] > reading["sequence"])
            if after["sequence"] > reading["sequence"] + 1:
                gaps.append((of["meter"], reading["sequence"] + 1, after["sequence"] - 1))
        demand(is_counted or (not is_about(reading, window, ends) and after is not None and after["previous"] == leaf))
    return counted


def register_ends(readings, window):
    values = [(obis_text(each["obis"]), each["at"]) for reading in readings for each in reading["registers"]]
    codes = {code for code, moment in values if window[0] <= moment < window[1]}
    return {code: min([moment for each, moment in values if each == code and moment >= window[1]], default=FOREVER) for code in codes}


def is_about(reading, window, ends):
    if any(each["start"] < window[1] and each["start"] + each["step"] * len(each["values"]) > window[0] for each in reading["profiles"]):
        return True
    return any(window[0] <= each["at"] < window[1] or window[1] <= each["at"] <= ends.get(obis_text(each["obis"]), -1)
               for each in reading["registers"])


# --- The vectors -------------------------------------------------------------------------------------------------------------

def raw(text):
    return None if text is None else bytes.fromhex(text)


def check_records():
    for case in load("records"):
        same(f"{case['record']}: {case['name']}", plain(decode(RECORDS[case["record"]], raw(case["bytes"]))), case["value"])
    for case in load("malformed"):
        same(f"malformed {case['record']}: {case['name']}", decode(RECORDS[case["record"]], raw(case["bytes"])), None)


def check_hashes():
    names = {"blockHash": "block-hash", "blockSeal": "block-seal"}
    tags = load("tags")
    for name, wanted in tags["tags"].items():
        same(f"tag {name}", tag(names.get(name, name)).hex(), wanted)
    signed = tags["signedMessage"]
    same("signed message", (tag(signed["tag"]) + raw(signed["chainId"]) + raw(signed["bytes"])).hex(), signed["message"])
    hashes = load("hashes")
    for case in hashes["leaf"]:
        same("leaf", leaf_hash(raw(case["entry"])).hex(), case["hash"])
    for case in hashes["block"]:
        same("block hash", block_hash(raw(case["header"])).hex(), case["hash"])
    for case in hashes["verdict"]:
        same("verdict hash", verdict_hash(raw(case["parent"]), case["notCounted"]).hex(), case["hash"])
    for case in hashes["laneGenesis"]:
        same("lane's genesis", lane_genesis(raw(case["chainId"]), case["lane"]).hex(), case["hash"])
    for case in hashes["chainId"]:
        same("chain id", sha256(tag("genesis"), raw(case["body"])).hex(), case["hash"])
    for case in load("murmur2"):
        signed = murmur2(raw(case["bytes"]))
        same(f"murmur2 of {case['bytes']}", signed - 2 ** 32 if signed >= 2 ** 31 else signed, case["murmur2"])
        for lanes, lane in case["lanes"].items():
            same(f"lane of {case['bytes']}", (signed & 0x7FFFFFFF) % int(lanes), lane)


def check_signatures():
    keys = {each["name"]: each for each in load("keys")}
    for name, each in keys.items():
        same(f"key {name}", sign(raw(each["seed"]), b"")[0].hex(), each["publicKey"])
    for case in load("signatures"):
        message = tag(case["tag"]) + raw(case["chainId"]) + raw(case["bytes"])
        same(f"message {case['tag']}", message.hex(), case["message"])
        same(f"signature {case['tag']}", sign(raw(keys[case["key"]]["seed"]), message)[1].hex(), case["signature"])
        same(f"it holds: {case['tag']}", verify(raw(case["signature"]), message, raw(keys[case["key"]]["publicKey"])), True)
    for case in load("ed25519"):
        key = raw(case["publicKey"])
        found = verify(raw(case["signature"]), raw(case["message"]), key), is_valid_key(key)
        same(f"Ed25519: {case['name']}", found, (case["valid"], case["validKey"]))


def check_merkle():
    vectors = load("merkle")
    leaves = [leaf_hash(raw(each)) for each in vectors["entries"]]
    same("leaf hashes", [each.hex() for each in leaves], vectors["leafHashes"])
    for size, root in enumerate(vectors["roots"]):
        same(f"root of {size}", merkle_root(leaves[:size]).hex(), root)
    for case in vectors["inclusion"]:
        path = inclusion(case["index"], leaves[:case["size"]])
        same("path", [each.hex() for each in path], case["proof"])
        same("path holds", includes(leaves[case["index"]], case["index"], case["size"], path, merkle_root(leaves[:case["size"]])), True)
    for case in vectors["consistency"]:
        found = consistency(case["oldSize"], leaves[:case["newSize"]]) if case["oldSize"] > 0 else []
        same("consistency", [each.hex() for each in found], case["proof"])
        if case["oldSize"] > 0:
            roots = [merkle_root(leaves[:case[size]]) for size in ("oldSize", "newSize")]
            same("consistency holds", extends(case["oldSize"], roots[0], case["newSize"], roots[1], found), True)


def check_turns():
    for case in load("turns"):
        governance = {"consensus": case["consensus"], "authorities": case["authorities"], "hash": raw(case["governance"])}
        for turn in case["turns"]:
            same(f"turns by {case['consensus']}", turn_order(governance, raw(case["chainId"]), turn["lane"], turn["height"]), turn["order"])


def check_meter_chains():
    for case in load("meter-chain"):
        state = NEW_METER
        for number, step in enumerate(case["steps"]):
            what = f"meter chain '{case['name']}', step {number}"
            if "reset" in step:
                state = apply_reset(state, {**step["reset"], "previous": raw(step["reset"]["previous"])})
            else:
                found = advance(state, step["sequence"], raw(step["previous"]), raw(step["leaf"]))
                same(what, found if isinstance(found, str) else "counted", step["result"])
                state = state if isinstance(found, str) else found
            same(what, plain(state), step["state"])


def fold_registry(records, what):
    registry = Registry()
    for each in records:
        code = registry.apply(raw(each["value"]))
        same(f"{what}: {each['name']}", (code is None, code), (each["counted"], each.get("code")))
        same(f"{what}: {each['name']}", (registry.size, registry.roots[-1].hex()), (each["size"], each["root"]))
    return registry


def check_registry():
    vectors = load("registry")
    registry = fold_registry(vectors["records"], "registry")
    same("chain id", registry.chain_id.hex(), vectors["chainId"])
    for case in vectors["governance"]:
        state = registry.governance_at(case["size"])
        epochs = {str(lane): epoch for lane, epoch in state["sourceEpochs"].items()}
        same(f"governance at {case['size']}", {"size": case["size"], **plain({**state, "sourceEpochs": epochs})}, case)
    for case in vectors["meters"]:
        what, size = f"{case['meter']} at {case['size']}", case["size"]
        meter = registry.meter_at(case["meter"], size)
        same(what, None if meter is None else meter["ordinal"], case["ordinal"])
        if meter is None:
            continue
        for at in case["at"]:
            found = registry.key_for(meter, at["sequence"], size).hex(), registry.is_retired(meter, at["sequence"], size)
            same(what, found, (at["key"], at["isRetired"]))
        same(what, plain(registry.reset_for(meter, size)), case["reset"])
        same(what, [plain(each) for each in meter["assignments"] if each["since"] <= size], case["assignments"])
        same(what, meter["signer"], case["signer"])
    for proof in vectors["bodyProofs"]:
        check_body_proof(registry, proof)
    for proof in vectors["enrolmentProofs"]:
        check_body_proof(registry, proof["body"])
        content = decode(EventBody, raw(proof["body"]["bodyBytes"]))["content"]["EnrolMeters"]
        meter = raw(proof["meterBytes"])
        same("enrolled meter", decode(EnrolledMeter, meter)["meter"], proof["meter"])
        path = [raw(each) for each in proof["meterPath"]]
        same("meter's path", includes(leaf_hash(meter), proof["leafIndex"], content["count"], path, content["root"]), True)


def check_body_proof(registry, proof):
    path = [raw(each) for each in proof["path"]]
    found = includes(leaf_hash(raw(proof["bodyBytes"])), proof["index"], proof["size"], path, registry.roots[proof["size"]])
    same("body's path", found, True)


def check_chain():
    """13: everything from raw bytes."""
    vectors = load("chain")
    registry = fold_registry(vectors["registry"], "chain's registry")
    same("chain id", (registry.chain_id.hex(), registry.lanes), (vectors["chainId"], vectors["lanes"]))
    lane, states, verdicts = Lane(registry, vectors["lane"]), {}, []
    readings = [(each["offset"], entries_of(raw(each["value"]) or b"")) for each in vectors["readings"]]
    for each, (offset, entries) in zip(vectors["readings"], readings):
        same(f"entries at {offset}", plain(entries), each["entries"])
    for each in vectors["log"]:
        what = f"offset {each['offset']}, {each['name']}"
        parent = lane.final
        same(what, lane.apply(raw(each["value"])), (each["outcome"], each.get("reason")))
        if each["outcome"] != "no-record":
            same(what, lane.shown(), each["state"])
        if each["outcome"] != "final":
            continue
        candidate, name = lane.settled
        header, size = candidate["header"], candidate["header"]["registrySize"]
        same(f"{what}: registry root", header["registryRoot"], registry.roots[size])
        same(f"{what}: epoch", header["sourceEpoch"], registry.governance_at(size)["sourceEpochs"].get(lane.lane, 0))
        covered = [entry for offset, entries in readings if header["firstOffset"] <= offset <= header["lastOffset"] for entry in entries]
        same(f"{what}: entries", plain(candidate["entries"]), plain(covered))
        before = dict(states)
        not_counted = judge(covered, registry, lane.lane, size, states)
        same(f"{what}: verdict", verdict_hash(parent["verdictHash"], not_counted), name)
        verdict = vectors["verdicts"][len(verdicts)]
        touched = {meter: state for meter, state in states.items() if before.get(meter) is not state}
        same(f"{what}: verdict", (header["height"], candidate["hash"].hex(), not_counted, name.hex(), plain(touched)),
             (verdict["height"], verdict["block"], verdict["notCounted"], verdict["hash"], verdict["meters"]))
        for index, (entry, path) in enumerate(zip(covered, verdict["proofs"])):
            same(f"{what}: path of entry {index}", includes(leaf_hash(entry), index, len(covered), [raw(x) for x in path], header["root"]), True)
        verdicts.append(verdict)
    same("verdicts", len(verdicts), len(vectors["verdicts"]))


def fold_finals(registry, lane, values):
    fold, finals = Lane(registry, lane), {}
    for value in values:
        if fold.apply(raw(value))[0] == "final":
            finals[fold.final["height"]] = fold.final["hash"], fold.final["verdictHash"]
    return finals


def check_checkpoints():
    """14.8"""
    vectors = load("checkpoints")
    registry = fold_registry(vectors["registry"], "checkpoints' registry")
    same("chain id", (registry.chain_id.hex(), registry.lanes, registry.lanes), (vectors["chainId"], vectors["lanes"], vectors["lane"]))
    finals = {each["lane"]: fold_finals(registry, each["lane"], each["values"]) for each in vectors["chain"]}
    for each in vectors["chain"]:
        found = [{"height": height, "block": block.hex(), "verdict": verdict.hex()} for height, (block, verdict) in finals[each["lane"]].items()]
        same(f"final blocks of lane {each['lane']}", found, each["finals"])
    for each in vectors["keyHashes"]:
        same(f"key hash of {each['name']}", key_hash(each["name"], each["kind"], raw(each["publicKey"])).hex(), each["hash"])
    log = Checkpoints(registry, finals, {each["name"]: raw(each["publicKey"]) for each in vectors["witnesses"]})
    for each in vectors["log"]:
        what = f"checkpoints, offset {each['offset']}, {each['name']}"
        wanted = each["outcome"], each.get("reason"), each.get("isRight"), each.get("signature")
        same(what, log.apply(raw(each["value"])), wanted)
        if each["outcome"] not in ("no-record", "signature"):
            same(what, log.lane.shown(), each["state"])
        same(f"{what}: tree", log.shown(), each["tree"])
    same("heads", list(log.shown_heads()), vectors["heads"])
    check_tree_proofs(log.leaves, vectors)


def check_tree_proofs(leaves, vectors):
    for case in vectors["inclusion"]:
        path, index, size = [raw(each) for each in case["proof"]], case["index"], case["size"]
        same("path in the tree", path, inclusion(index, leaves[:size]))
        same("it holds", includes(leaves[index], index, size, path, merkle_root(leaves[:size])), True)
    for case in vectors["consistency"]:
        path, old, size = [raw(each) for each in case["proof"]], case["oldSize"], case["newSize"]
        same("consistency of the tree", path, consistency(old, leaves[:size]))
        same("it holds", extends(old, merkle_root(leaves[:old]), size, merkle_root(leaves[:size]), path), True)


def check_evidence():
    for name in ("evidence", "checkpoint-evidence"):
        vectors = load(name)
        for case in vectors["cases"]:
            same(f"{name}: {case['name']}", evidence_holds(case["file"], raw(vectors["genesis"])), case["holds"])


def check_checkpoint_proofs():
    vectors = load("checkpoint-proofs")
    for kind, holds in (("inclusion", inclusion_holds), ("consistency", consistency_holds)):
        for case in vectors[kind]:
            same(f"proof of {kind}: {case['name']}", holds(case["file"], raw(vectors["genesis"])), case["holds"])


def changed(file, changes):
    file = json.loads(json.dumps(file))
    for each in changes:
        inside = file
        for name in each["at"][:-1]:
            inside = inside[name]
        if "to" in each:
            inside[each["at"][-1]] = each["to"]
        else:
            del inside[each["at"][-1]]
    return file


def check_bills():
    vectors = load("bills")
    for case in vectors["documents"]:
        same(f"document: {case['name']}", read_document(case["document"])[1], case["fault"])
    for case in vectors["bills"]:
        readings = {}
        for each in case["readings"]:
            reading = decode(Reading, raw(each))
            readings.setdefault(reading["meter"], []).append(reading)
        bill = BillOf(case["point"], case["month"], case["documents"], case["assignments"], readings)
        same(f"bill: {case['name']}", {**bill.figures(), "covered": bill.covered}, {name: case[name] for name in ("lines", "totals", "problems", "covered")})
    for case in vectors["proofs"]:
        gaps = bill_proof_gaps(changed(vectors["proof"], case["changes"]), raw(vectors["genesis"]))
        same(f"proof of a bill: {case['name']}", (gaps == [], gaps is not None), (case["holds"], case["holdsWithGaps"]))


if __name__ == "__main__":
    for check in (check_records, check_hashes, check_signatures, check_merkle, check_turns, check_meter_chains, check_registry, check_chain,
                  check_checkpoints, check_evidence, check_checkpoint_proofs, check_bills):
        check()
    print(f"all vectors hold: {checks} checks")
