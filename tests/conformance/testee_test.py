"""The JSON mapping and the wire format, with protobuf's own Python as the reference."""

import json
import struct
import subprocess

import pytest

from google.protobuf import json_format

import programs
import testee as testees


@pytest.fixture(scope="module")
def messages():
    messages = testees.Messages()
    yield messages
    messages.remove()


@pytest.fixture(scope="module")
def testee(messages):
    testee = testees.Testee(messages)
    yield testee
    testee.stop()


# Each is taken by both, means the same to both, and comes back as JSON that protobuf reads alike.
TAKEN = [
    '{}',
    '{"optionalInt32":-2147483648,"optionalUint32":4294967295,"optionalSint32":7}',
    '{"optionalInt64":"-9223372036854775808","optionalUint64":"18446744073709551615"}',
    '{"optionalInt64":9007199254740993,"optionalUint64":1}',
    '{"optionalInt32":1e5,"optionalInt64":1.0,"optionalUint32":"12"}',
    '{"optionalFloat":3.4028233e38,"optionalDouble":1.7976931348623157e308}',
    '{"optionalFloat":"NaN","optionalDouble":"-Infinity","oneofDouble":"Infinity"}',
    '{"optionalDouble":0.1,"repeatedDouble":[-0.0,1e-7,123456789012345680,5e-324,1e22]}',
    '{"repeatedFloat":[0.1,16777216,1e-45,1.5,3e10,33554432.0]}',
    '{"optionalBool":true,"optionalString":"\\u8c37\\u6b4c \\ud83d\\ude00 \\"\\\\\\/\\b\\f\\n"}',
    '{"optionalBytes":"AQI=","repeatedBytes":["","-_8=","+/8=","AQI","AQID"]}',
    '{"optionalNestedEnum":"BAR","repeatedNestedEnum":["FOO",2,-1,77],"optionalAliasedEnum":"bAz"}',
    '{"optional_int32":1,"fieldname1":1,"fieldName2":2,"FieldName3":3,"_field_name3":3}',
    '{"optionalNestedMessage":{"a":1,"corecursive":{"optionalInt32":2}},"repeatedInt32":[]}',
    '{"repeatedNestedMessage":[{},{"a":1}],"packedInt32":[1,2],"unpackedSint64":["-3"]}',
    '{"mapInt32Int32":{"-1":1,"2":2},"mapBoolBool":{"true":false},"mapStringBytes":{"":"AQ=="}}',
    '{"mapStringNestedMessage":{"k":{"a":1}},"mapUint64Uint64":{"18446744073709551615":"1"}}',
    '{"oneofUint32":0}', '{"oneofString":""}', '{"oneofNestedMessage":{}}', '{"oneofEnum":"FOO"}',
    '{"oneofUint32":null,"oneofString":"x"}', '{"oneofNullValue":null}',
    '{"optionalInt32":null,"repeatedInt32":null,"mapBoolBool":null,"optionalNestedMessage":null}',
    '{"optionalBoolWrapper":false,"optionalInt32Wrapper":0,"optionalInt64Wrapper":"0",'
    '"optionalUint32Wrapper":0,"optionalUint64Wrapper":"0","optionalFloatWrapper":0,'
    '"optionalDoubleWrapper":0,"optionalStringWrapper":"","optionalBytesWrapper":""}',
    '{"optionalBoolWrapper":null,"repeatedInt32Wrapper":[1,0],"repeatedStringWrapper":["a"]}',
    '{"optionalTimestamp":"0001-01-01T00:00:00Z"}',
    '{"optionalTimestamp":"9999-12-31T23:59:59.999999999Z"}',
    '{"optionalTimestamp":"1970-01-01T00:00:00.5+01:30","repeatedTimestamp":['
    '"2000-02-29T12:34:56.000001Z","1969-12-31T23:59:59.999Z","2024-03-01T00:00:00-23:59"]}',
    '{"optionalDuration":"-315576000000.999999999s","repeatedDuration":["0s","-0.5s","1.000001s"]}',
    '{"optionalFieldMask":"fooBar,baz.quxQuux,a1","repeatedFieldmask":["",  "x"]}',
    '{"optionalStruct":{"a":null,"b":[1,"x",{},[]],"c":{"d":true}},"repeatedStruct":[{}]}',
    '{"optionalValue":null,"repeatedValue":[null,1.5,"s",false,[null],{"k":null}]}',
    '{"optionalValue":[[]],"repeatedListValue":[[],[1,[2]]]}',
    '{"optionalNullValue":null}',
    '{"optionalAny":{}}',
    '{"optionalAny":{"@type":"type.googleapis.com/protobuf_test_messages.proto3.ForeignMessage",'
    '"c":1}}',
    '{"optionalAny":{"c":1,"@type":"x/protobuf_test_messages.proto3.ForeignMessage"}}',
    '{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}}',
    '{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":7}}',
    '{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":null}}}',
    '{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}}',
    '{"optionalAny":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":'
    '"type.googleapis.com/google.protobuf.Timestamp","value":"1970-01-01T00:00:00Z"}}}',
]


@pytest.mark.parametrize("text", TAKEN)
def test_json_means_what_it_means_to_protobuf(messages, testee, text):
    expected = json_format.Parse(text, messages.Message(), ignore_unknown_fields=True)
    got = messages.Message.FromString(testee.json_to_wire(text, ignore_unknown=True))
    assert testees.same(got, expected)
    back = testee.wire_to_json(expected.SerializeToString())
    assert testees.same(json_format.Parse(back, messages.Message()), expected), back


REFUSED = [
    ('{"optionalInt32":1.5}', "optionalInt32: not an integer from -2147483648 to 2147483647"),
    ('{"optionalInt32":2147483648}',
     "optionalInt32: not an integer from -2147483648 to 2147483647"),
    ('{"optionalUint32":-1}', "optionalUint32: not an integer from 0 to 4294967295"),
    ('{"optionalInt64":"01"}',
     "optionalInt64: not an integer from -9223372036854775808 to 9223372036854775807"),
    ('{"optionalInt64":" 1"}',
     "optionalInt64: not an integer from -9223372036854775808 to 9223372036854775807"),
    ('{"optionalUint64":"18446744073709551616"}',
     "optionalUint64: not an integer from 0 to 18446744073709551615"),
    ('{"optionalFloat":3.5e38}', "optionalFloat: number out of range"),
    ('{"optionalDouble":-1e400}', "optionalDouble: number out of range"),
    ('{"optionalDouble":"nan"}', "optionalDouble: not a number"),
    ('{"optionalBool":"true"}', "optionalBool: must be true or false"),
    ('{"optionalString":1}', "optionalString: must be a string"),
    ('{"optionalBytes":"!"}', "optionalBytes: must be a string of base64"),
    ('{"optionalNestedEnum":"NONE"}', "optionalNestedEnum: must be a name or number of "
     "protobuf_test_messages.proto3.TestAllTypesProto3.NestedEnum"),
    ('{"nosuch":1}', "nosuch: unknown field"),
    ('{"optionalInt32":1,"optionalInt32":1}',
     'invalid JSON at byte 19: duplicate member "optionalInt32"'),
    ('{"optionalInt32":1,"optional_int32":2}', "optional_int32: differs from optionalInt32"),
    ('{"oneofUint32":1,"oneofString":""}',
     "oneofString: must not be given together with oneofUint32"),
    ('{"repeatedInt32":[1,null]}', "repeatedInt32[1]: must not be null"),
    ('{"repeatedBoolWrapper":[null]}', "repeatedBoolWrapper[0]: must not be null"),
    ('{"repeatedTimestamp":[null]}', "repeatedTimestamp[0]: must not be null"),
    ('{"repeatedInt32":1}', "repeatedInt32: must be a list"),
    ('{"mapInt32Int32":{"1":null}}', "mapInt32Int32.1: must not be null"),
    ('{"mapBoolBool":{"1":true}}', "mapBoolBool.1: key must be true or false"),
    ('{"mapStringNestedMessage":{"a":{"a":"x"}}}', "mapStringNestedMessage.a.a: not an integer "
     "from -2147483648 to 2147483647"),
    ('{"optionalTimestamp":"1970-01-01T00:00:00"}',
     "optionalTimestamp: must be a time like 1972-01-01T10:00:20.021Z"),
    ('{"optionalTimestamp":"1970-01-01t00:00:00z"}',
     "optionalTimestamp: must be a time like 1972-01-01T10:00:20.021Z"),
    ('{"optionalTimestamp":"1970-01-01T00:00:00.0000000001Z"}',
     "optionalTimestamp: must be a time like 1972-01-01T10:00:20.021Z"),
    ('{"repeatedTimestamp":["1900-02-29T00:00:00Z"]}',
     "repeatedTimestamp[0]: is no time of the calendar"),
    ('{"optionalTimestamp":"0001-01-01T00:00:00+00:01"}', "optionalTimestamp: must be from "
     "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z"),
    ('{"optionalTimestamp":7}', "optionalTimestamp: must be a string"),
    ('{"optionalDuration":"1"}', "optionalDuration: must be a number of seconds like -1.5s"),
    ('{"optionalDuration":"1.s"}', "optionalDuration: must be a number of seconds like -1.5s"),
    ('{"optionalDuration":"315576000001s"}',
     "optionalDuration: must be from -315576000000s to 315576000000s"),
    ('{"optionalFieldMask":"foo_bar"}', "optionalFieldMask: must be paths in lowerCamelCase, "
     "separated by commas"),
    ('{"optionalStruct":[]}', "optionalStruct: must be an object"),
    ('{"repeatedListValue":[{}]}', "repeatedListValue[0]: must be a list"),
    ('{"optionalValue":{"a":[1,1e999]}}', "optionalValue.a[1]: number out of range"),
    ('{"optionalAny":{"c":1}}',
     "optionalAny.@type: must be like type.googleapis.com/a.package.Message"),
    ('{"optionalAny":{"@type":"type.googleapis.com/no.Such","c":1}}',
     "optionalAny.@type: unknown type no.Such"),
    ('{"optionalAny":{"@type":"x/google.protobuf.Duration"}}',
     "optionalAny.value: must be given"),
    ('{"optionalAny":{"@type":"x/google.protobuf.Duration","value":"1"}}',
     "optionalAny.value: must be a number of seconds like -1.5s"),
    ('{"optionalAny":{"@type":"x/google.protobuf.Duration","value":"1s","more":1}}',
     "optionalAny.more: unknown field"),
    ('{"optionalAny":{"@type":"x/protobuf_test_messages.proto3.ForeignMessage","d":1}}',
     "optionalAny.d: unknown field"),
]


@pytest.mark.parametrize("text,reason", REFUSED)
def test_json_is_refused_with_the_field_and_the_rule(testee, text, reason):
    with pytest.raises(testees.Refused) as refused:
        testee.json_to_wire(text)
    assert refused.value.args == (reason, "parse_error")


def test_unknown_things_are_passed_over_where_asked(messages, testee):
    wire = testee.json_to_wire(
        '{"nosuch":[{}],"optionalNestedEnum":"NONE","repeatedNestedEnum":["FOO","NONE","BAR"],'
        '"mapStringNestedEnum":{"a":"NONE","b":"BAR"},"optionalInt32":1,"oneofEnum":"NONE"}',
        ignore_unknown=True)
    assert messages.Message.FromString(wire) == messages.Message(
        optional_int32=1, repeated_nested_enum=[0, 1], map_string_nested_enum={"b": 1})


def written(messages, testee, **fields):
    return json.loads(testee.wire_to_json(messages.Message(**fields).SerializeToString()))


def test_output_is_canonical(messages, testee):
    types = messages.types
    assert written(messages, testee) == {}
    assert written(messages, testee, optional_int64=5, optional_nested_enum=1,
                   map_int32_int32={3: 4}) == {
        "optionalInt64": "5", "optionalNestedEnum": "BAR", "mapInt32Int32": {"3": 4}}
    message = types.TestAllTypesProto3()
    message.optional_timestamp.FromJsonString("1970-01-01T00:00:00.010+00:00")
    message.optional_duration.FromNanoseconds(-1500)
    message.optional_field_mask.paths.extend(["foo_bar", "a.b_c"])
    message.optional_int32_wrapper.value = 0
    message.oneof_uint32 = 0
    assert json.loads(testee.wire_to_json(message.SerializeToString())) == {
        "optionalTimestamp": "1970-01-01T00:00:00.010Z", "optionalDuration": "-0.000001500s",
        "optionalFieldMask": "fooBar,a.bC", "optionalInt32Wrapper": 0, "oneofUint32": 0}


def unwritable(messages):
    def message(fill):
        made = messages.Message()
        fill(made)
        return made

    def years(made):
        made.optional_timestamp.seconds = 253402300800

    def nanos(made):
        made.repeated_timestamp.add().nanos = -1

    def signs(made):
        made.optional_duration.seconds, made.optional_duration.nanos = 1, -1

    def mask(made):
        made.optional_field_mask.paths.append("fooBar")

    def kind(made):
        made.optional_struct.fields["a"].SetInParent()

    def infinite(made):
        made.repeated_value.add().number_value = float("inf")

    def any_bytes(made):
        made.optional_any.type_url = "x/google.protobuf.Duration"
        made.optional_any.value = b"\xff"

    return [
        (message(years), "optionalTimestamp: must be from 0001-01-01T00:00:00Z to "
         "9999-12-31T23:59:59.999999999Z"),
        (message(nanos), "repeatedTimestamp[0]: nanos must be from 0 to 999999999"),
        (message(signs), "optionalDuration: seconds and nanos must have one sign"),
        (message(mask), "optionalFieldMask: a path has no form in lowerCamelCase"),
        (message(kind), "optionalStruct.a: is a Value of no kind"),
        (message(infinite), "repeatedValue[0]: is a Value that is not a finite number"),
        (message(any_bytes), "optionalAny: is an Any whose bytes are no google.protobuf.Duration: "
         "malformed message: truncated or overlong field number"),
    ]


def test_what_has_no_json_is_not_written(messages, testee):
    for message, reason in unwritable(messages):
        with pytest.raises(testees.Refused) as refused:
            testee.wire_to_json(message.SerializeToString())
        assert refused.value.args == ("cannot be written as JSON: " + reason, "serialize_error")


def test_an_any_of_an_unknown_type_keeps_its_bytes(messages, testee):
    message = messages.Message()
    message.optional_any.type_url = "x/no.Such"
    message.optional_any.value = b"hi"
    assert json.loads(testee.wire_to_json(message.SerializeToString())) == {
        "optionalAny": {"@type": "x/no.Such", "value": "aGk="}}


WIRE = {
    "a message given twice is merged":
        "92 01 02 08 01 92 01 05 12 03 c8 03 01",
    "a member of a oneof given twice is merged": "82 07 02 08 01 82 07 05 12 03 08 96 01",
    "the last member of a oneof counts": "f8 06 01 82 07 02 08 01 8a 07 01 61",
    "the last scalar counts": "08 01 08 02",
    "packed and not packed": "fa 01 03 01 02 03 f8 01 04 c8 05 07 ca 05 02 08 09",
    "booleans of any varint": "68 80 80 80 80 10 ba 05 03 01 80 02",
    "an integer of more bits": "08 81 80 80 80 10 18 ff ff ff ff ff ff ff ff ff 01",
    "a map entry without key": "c2 03 02 10 05",
    "a map entry without value": "c2 03 02 08 05 ba 04 03 0a 01 61",
    "a map key given twice": "c2 03 04 08 01 10 01 c2 03 04 08 02 10 02 c2 03 04 08 01 10 03",
    "a map entry with more in it": "c2 03 06 08 01 10 01 18 01",
    "unknown fields": "a8 1f 01 a2 1f 02 68 69 a5 1f 00 00 00 00 a1 1f 00 00 00 00 00 00 00 00",
    "an unknown group": "a3 1f 08 01 0b 12 00 0c a4 1f 08 05",
    "a known field of another type": "0a 01 61 70 05",
    "an enum value that is not known": "a8 01 f4 03",
}


@pytest.mark.parametrize("name", WIRE)
def test_wire_bytes_mean_what_they_mean_to_protobuf(messages, testee, name):
    wire = bytes.fromhex(WIRE[name])
    expected = messages.Message.FromString(wire)
    assert testees.same(messages.Message.FromString(testee.wire_to_wire(wire)), expected)
    back = json.loads(testee.wire_to_json(wire))
    assert back == json_format.MessageToDict(expected)


@pytest.mark.parametrize("wire", [
    "08", "0a 05 61", "08 80 80 80 80 80 80 80 80 80 80 01", "00 01", "0c", "a3 1f", "a4 1f",
    "a3 1f 0b a4 1f 0c", "0e 01", "72 01 ff", "ba 04 03 0a 01 ff", "fa 01 01 80",
    "92 01 03 08 01", "80 80 80 80 80 01 01"])
def test_malformed_wire_bytes_are_refused(messages, testee, wire):
    with pytest.raises(testees.Refused) as refused:
        testee.wire_to_wire(bytes.fromhex(wire))
    assert refused.value.args[1] == "parse_error"


def nested(depth):
    """So many messages in each other."""
    wire = b""
    for _ in range(depth - 1):
        size = len(wire)
        wire = b"\xda\x01" + (bytes([size]) if size < 128
                              else bytes([size & 127 | 128, size >> 7])) + wire
    return wire


def test_messages_nest_64_deep(messages, testee):
    testee.wire_to_json(nested(64))
    with pytest.raises(testees.Refused, match="nested too deeply"):
        testee.wire_to_wire(nested(65))
    testee.json_to_wire('{"optionalValue":' + "[" * 31 + "]" * 31 + "}")
    with pytest.raises(testees.Refused, match="nested too deeply"):
        testee.json_to_wire('{"optionalValue":' + "[" * 32 + "]" * 32 + "}")


def test_what_is_not_for_us_is_skipped(messages, testee):
    protocol = messages.protocol
    for request in [
            {"protobuf_payload": b"", "requested_output_format": protocol.TEXT_FORMAT},
            {"text_payload": "", "requested_output_format": protocol.JSON},
            {"jspb_payload": "", "requested_output_format": protocol.JSON},
            {"protobuf_payload": b"", "requested_output_format": protocol.JSON,
             "message_type": "protobuf_test_messages.proto2.TestAllTypesProto2"},
            {"protobuf_payload": b"", "requested_output_format": protocol.JSON,
             "message_type": "conformance.FailureSet2"}]:
        assert testee.ask(**request).WhichOneof("result") == "skipped"
    assert testee.ask_bytes(b"\xff").WhichOneof("result") == "runtime_error"


def test_other_arguments_get_the_usage():
    program = f"{programs.BUILD}/bin/conformance_testee"
    done = subprocess.run([program, "--help"], capture_output=True, check=False, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith(b"usage: ")
    done = subprocess.run([program], input=struct.pack("<I", 0), capture_output=True, check=True,
                          timeout=60)
    assert len(done.stdout) > 4
