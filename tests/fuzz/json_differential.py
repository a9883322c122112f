#!/usr/bin/python3
"""JSON and messages, here and in python3-protobuf's json_format: what both take must mean the same,
and what one takes the other must take, but for the differences that are listed below.

usage: json_differential.py [--seconds N | --cases N] [--seed N]

Files in corpus/json_differential are tried first; a new difference is kept there as a file."""

import argparse
import contextlib
import hashlib
import json
import math
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))

from google.protobuf import json_format  # noqa: E402
from google.protobuf.descriptor import FieldDescriptor  # noqa: E402

import testee as testees  # noqa: E402

CORPUS = os.path.join(HERE, "corpus", "json_differential")

# Refused here, taken by json_format: our sentence, and why.
STRICTER = [
    (r"invalid JSON at byte \d+: (ill-formed UTF-8|unpaired surrogate)",
     "Python's reader takes surrogates without their other half"),
    (r"must not contain U\+0000", "strings of protobuf-c end at NUL"),
    (r"not an integer from", "Python's int() takes blanks, signs, underscores and leading zeros, "
     "and json_format true and false"),
    (r"not a number|number out of range", "Python's float() takes blanks, signs, underscores, "
     "'nan' and 'inf', and json_format true and false; 1e400 becomes infinite"),
    (r"must be a string of base64", "Python's decoder steps over what is no base64"),
    (r"key must be (in plain digits|true or false)", "json_format takes any spelling of a number"),
    (r"must be a name or number of", "Python's int() takes blanks, signs and fractions"),
    (r"must be a time like|is no time of the calendar|must be from 0001",
     "json_format takes a year of fewer digits and any offset"),
    (r"must be a number of seconds|must be from -315576000000s",
     "json_format takes whatever int() and float() take"),
    (r"must be paths in lowerCamelCase", "json_format takes empty paths"),
    (r"differs from", "json_format takes the last of two names of a field"),
    (r"unknown field", "json_format looks at nothing but value and @type in an Any"),
    (r"must be (an object|a list|true or false)", "json_format walks over strings and dicts alike"),
]

# Taken here, refused by json_format: its sentence, and why.
LOOSER = [
    (r"has no attribute 'null_value'", "json_format stumbles over null for a repeated Value"),
    (r"Float value too (large|small)", "the largest float in its own shortest digits"),
    (r"should not have multiple", "two spellings of a field that say the same"),
    (r"Couldn't parse integer|invalid literal for int", '"1.0" and "1e5" are integers'),
    (r"Invalid enum value|Value out of range", "an enum number as text or with an exponent"),
    (r"Timestamp value|does not match format|time data|Duration|out of range|Unknown timezone",
     "json_format reads times by way of datetime"),
]


class Difference(Exception):
    """What the two do not agree on."""


def listed(sentence, differences):
    return any(re.search(pattern, sentence) for pattern, _ in differences)


def two_names(value):
    """Whether some object names a field twice, camelCase and snake_case: json_format takes the
    last, null included; here they must say the same, and null says nothing."""
    if isinstance(value, dict):
        names = [name.replace("_", "").lower() for name in value]
        return len(set(names)) < len(names) or any(two_names(inner) for inner in value.values())
    return isinstance(value, list) and any(two_names(inner) for inner in value)


def read_otherwise(text):
    """Whether both may take the text and differ. Python makes the integer 0 of -0."""
    return re.search(r"-0(?![.\deE])", text) or two_names(json.loads(text))


def unlike(a, b):
    """The first field in which two messages differ, for a sentence."""
    for field in a.DESCRIPTOR.fields:
        alone = []
        for message in (a, b):
            copy = type(message)()
            copy.CopyFrom(message)
            for other in a.DESCRIPTOR.fields:
                if other is not field and other.number != field.number:
                    copy.ClearField(other.name)
            alone.append(copy)
        if not testees.same(*alone):
            return f"{alone[0]} / {alone[1]}"
    return "in what is not known"


class Differential:
    def __init__(self, testee, messages):
        self.testee = testee
        self.messages = messages

    def ours(self, text):
        try:
            return self.messages.Message.FromString(self.testee.json_to_wire(text)), None
        except testees.Refused as refused:
            return None, refused.args[0]

    def theirs(self, text):
        try:
            return json_format.Parse(text, self.messages.Message(), max_recursion_depth=200), None
        except Exception as error:  # it has no one class for all that it refuses
            return None, f"{type(error).__name__}: {error}"

    def try_json(self, text):
        """One JSON text through both."""
        ours, reason = self.ours(text)
        theirs, their_reason = self.theirs(text)
        if ours is not None and theirs is not None:
            if not testees.same(ours, theirs) and not read_otherwise(text):
                raise Difference(f"has two meanings, {unlike(ours, theirs)}")
            self.try_message(theirs)
        elif ours is not None and not listed(their_reason, LOOSER):
            raise Difference(f"taken here, refused there: {their_reason}")
        elif theirs is not None and not listed(reason, STRICTER):
            raise Difference(f"taken there, refused here: {reason}")

    def try_message(self, message):
        """One message to JSON by us, and back by both."""
        wire = message.SerializeToString()
        again = self.messages.Message.FromString(self.testee.wire_to_wire(wire))
        if not testees.same(again, message):
            raise Difference(f"wire bytes come back otherwise, {unlike(again, message)}")
        try:
            text = self.testee.wire_to_json(wire)
        except testees.Refused as refused:
            with contextlib.suppress(Exception):
                json_format.MessageToJson(message)
                if not re.search("nested too deeply|no form in lowerCamelCase|of no kind|"
                                 "not a finite number|must be from", refused.args[0]):
                    raise Difference(f"not written here: {refused.args[0]}") from refused
            return
        ours, reason = self.ours(text)
        if ours is None:
            raise Difference(f"{text} was written here and is refused here: {reason}")
        if not testees.same(ours, message):
            raise Difference(f"{text} is read otherwise, {unlike(ours, message)}")
        theirs, reason = self.theirs(text)
        if theirs is None and not listed(reason, LOOSER):
            raise Difference(f"{text} is refused there: {reason}")
        if theirs is not None and not testees.same(theirs, message):
            raise Difference(f"{text} is read otherwise there, {unlike(theirs, message)}")


NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: [0, 1, -1, 2**31 - 1, -2**31],
    FieldDescriptor.CPPTYPE_INT64: [0, 1, -1, 2**63 - 1, -2**63, 2**53 + 1],
    FieldDescriptor.CPPTYPE_UINT32: [0, 1, 2**32 - 1],
    FieldDescriptor.CPPTYPE_UINT64: [0, 1, 2**64 - 1, 2**53 + 1],
}
WORDS = ["", "a", "foo_bar", "fooBar", "1", "true", "null", "\u8c37\u6b4c", "\U0001f600", "\x7f",
         "\"\\/\b\f\n\r\t\x01", "NaN", "1970-01-01T00:00:00Z", "1.5s", "AQI=", "x" * 40]


class Maker:
    """Random messages, and random changes to JSON."""

    def __init__(self, random_, messages):
        self.random = random_
        self.messages = messages

    def number(self):
        r = self.random
        return r.choice([0.0, -0.0, 1.5, 0.1, 1e300, 5e-324, math.inf, -math.inf, math.nan,
                         r.uniform(-1e6, 1e6), r.random() * 10.0 ** r.randint(-300, 300),
                         float(r.getrandbits(53)), round(r.uniform(-1000, 1000), r.randint(0, 6))])

    def scalar(self, field):
        r = self.random
        if field.cpp_type in NUMBERS:
            small = r.randint(0, 1000)
            return r.choice(NUMBERS[field.cpp_type] + [small])
        if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return self.number()
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return r.random() < 0.5
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            unknown = [] if field.enum_type.name == "NullValue" else [77]
            return r.choice([value.number for value in field.enum_type.values] + unknown)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return r.randbytes(r.randint(0, 9))
        return r.choice(WORDS)

    def fill_known(self, message, depth):
        """The types that have a JSON form of their own; most of them within their rules."""
        r, name = self.random, message.DESCRIPTOR.name
        if name == "Timestamp":
            message.seconds = r.randint(-62135596800, 253402300799 + r.choice([0, 0, 1 << 36]))
            message.nanos = r.choice([0, 10**6, 1, 999999999, 1000])
        elif name == "Duration":
            sign = r.choice([-1, 1])
            message.seconds = sign * r.choice([0, 1, 315576000000, r.randint(0, 10**6)])
            message.nanos = sign * r.choice([0, 500 * 10**6, 1, 999999999])
        elif name == "FieldMask":
            message.paths.extend(r.choices(["foo", "foo_bar", "a.b_c", "x1", "a_b_c"], k=2))
        elif name == "Any":
            inner = r.choice([self.messages.types.ForeignMessage(c=r.randint(0, 5)), self.known()])
            message.Pack(inner)
        elif name == "Value":
            self.fill_value(message, depth)
        elif name == "ListValue":
            for _ in range(r.randint(0, 3)):
                self.fill_value(message.values.add(), depth + 1)
        elif name == "Struct":
            for key in r.sample(WORDS, r.randint(0, 3)):
                self.fill_value(message.fields[key], depth + 1)
        else:
            return False
        return True

    def known(self):
        message = self.messages.Message()
        field = self.random.choice(["timestamp", "duration", "struct", "value", "int64_wrapper",
                                    "bytes_wrapper", "field_mask"])
        known = getattr(message, "optional_" + field)
        known.SetInParent()
        self.fill(known, 1)
        return known

    def fill_value(self, value, depth):
        kind = self.random.randint(0, 5 if depth < 4 else 3)
        if kind == 0:
            value.null_value = 0
        elif kind == 1:
            number = self.number()
            value.number_value = number if math.isfinite(number) else 0
        elif kind == 2:
            value.string_value = self.random.choice(WORDS)
        elif kind == 3:
            value.bool_value = True
        elif kind == 4:
            value.struct_value.SetInParent()
            self.fill_known(value.struct_value, depth)
        else:
            value.list_value.SetInParent()
            self.fill_known(value.list_value, depth)

    def fill_field(self, message, field, depth):
        r = self.random
        is_message = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
        if is_message and field.message_type.GetOptions().map_entry:
            entries, value = getattr(message, field.name), field.message_type.fields[1]
            for _ in range(r.randint(0, 3)):
                key = self.scalar(field.message_type.fields[0])
                if value.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                    self.fill(entries[key], depth + 1)
                else:
                    entries[key] = self.scalar(value)
        elif field.label == FieldDescriptor.LABEL_REPEATED:
            for _ in range(r.randint(0, 3)):
                if is_message:
                    self.fill(getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(self.scalar(field))
        elif is_message:
            getattr(message, field.name).SetInParent()
            self.fill(getattr(message, field.name), depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill(self, message, depth=0):
        if message.DESCRIPTOR.file.package == "google.protobuf" and self.fill_known(message, depth):
            return
        fields = message.DESCRIPTOR.fields
        count = min(len(fields), self.random.choice([1, 2, 5, 20]) if depth < 3 else 0)
        for field in self.random.sample(list(fields), count):
            self.fill_field(message, field, depth)

    def message(self):
        message = self.messages.Message()
        self.fill(message)
        return message

    def odd(self):
        """A value that may be wrong where it is put."""
        r = self.random
        return r.choice([
            None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 1e5, "", "0", "-1", "1.0", "1e2",
            "01", "+1", " 1", "1_0", "9223372036854775808", "NaN", "Infinity", "nan", "BAR", "NONE",
            "true", "AQ", "AQ==", "A", "-_", "!", "a\x00b", "0001-01-01T00:00:00Z",
            "2024-02-30T00:00:00Z", "1970-01-01T00:00:00.1234567890Z", "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00+25:00", "1970-1-1T00:00:00Z", "1s", "-1.5s", "1.s", ".5s", "1",
            "315576000001s", "fooBar,b", "foo_bar", "a,,b", [], [None], [1, "2"], [[]], {}, {"a": 1},
            {"1": 1}, {"true": True}, {"@type": "type.googleapis.com/google.protobuf.Empty"},
            {"@type": "x/google.protobuf.Duration", "value": "1s"}, {"@type": "x/no.Such"},
            {"value": "1s", "@type": "x/google.protobuf.Duration", "more": 1}])

    def changed(self, value):
        """The value with one place in it changed."""
        r = self.random
        if r.random() < 0.2 or not isinstance(value, (dict, list)) or not value:
            return self.odd()
        if isinstance(value, list):
            at = r.randrange(len(value))
            return value[:at] + [self.changed(value[at])] + value[at + 1:]
        key = r.choice(list(value))
        changed = dict(value)
        what = r.random()
        if what < 0.1:
            changed[r.choice(["nosuch", key.upper(), key + "_", "a", "1", "01", "-0"])] = value[key]
        elif what < 0.2:
            changed[re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), key)] = r.choice(
                [value[key], self.odd()])
        elif what < 0.25:
            del changed[key]
        else:
            changed[key] = self.changed(value[key])
        return changed

    def text(self):
        """JSON of a random message, mostly with something wrong in it."""
        r = self.random
        try:
            value = json_format.MessageToDict(
                self.message(), preserving_proto_field_name=r.random() < 0.1)
        except (json_format.Error, ValueError, OverflowError):
            value = {"optionalInt32": 1}
        for _ in range(r.choice([0, 1, 1, 1, 2, 3])):
            value = self.changed(value)
        if not isinstance(value, dict):
            value = {r.choice(["optionalValue", "optionalAny", "optionalTimestamp"]): value}
        text = json.dumps(value, ensure_ascii=r.random() < 0.5, indent=r.choice([None, None, 1]))
        if r.random() < 0.15:
            at = r.randrange(len(text))
            text = text[:at] + r.choice(['"', "{", "}", ",", ":", "\\", "0", "e", "-", " ", "\n",
                                         "\\u0000", "\\ud800", "nul", ""]) + text[at + 1:]
        return text


def keep(text):
    os.makedirs(CORPUS, exist_ok=True)
    path = os.path.join(CORPUS, hashlib.sha1(text.encode()).hexdigest()[:16])
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def run(differential, seed, seconds=None, cases=None):
    """How many cases agreed; raises Difference at the first that does not."""
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), encoding="utf-8", newline="") as file:
            differential.try_json(file.read())
    maker = Maker(random.Random(seed), differential.messages)
    end = time.monotonic() + seconds if seconds else math.inf
    count = 0
    while count < (cases or math.inf) and time.monotonic() < end:
        if count % 4 == 0:
            differential.try_message(maker.message())
        else:
            text = maker.text()
            try:
                differential.try_json(text)
            except Difference as difference:
                raise Difference(f"{text}\n{difference}\nkept as {keep(text)}") from difference
        count += 1
    return count


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    if not options.seconds and not options.cases:
        options.seconds = 10
    print(f"json_differential: seed {options.seed}", flush=True)
    messages = testees.Messages()
    testee = testees.Testee(messages)
    try:
        count = run(Differential(testee, messages), options.seed, options.seconds, options.cases)
    except Difference as difference:
        print(f"json_differential: {difference}", file=sys.stderr)
        return 1
    finally:
        testee.stop()
        messages.remove()
    print(f"json_differential: {count} cases agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
