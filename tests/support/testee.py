"""Speaks to conformance_testee over its pipe, with protobuf's own messages."""

import importlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile

from google.protobuf import json_format

HERE = os.path.dirname(os.path.abspath(__file__))
PROTOS = os.path.join(HERE, "..", "conformance")
BUILD = os.environ.get("JUNCTION_BUILD", os.path.join(HERE, "..", "..", "build", "dev"))


class Messages:
    """What protoc makes of the suite's .proto files for Python."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="jt-conformance-")
        names = ["conformance/conformance", "google/protobuf/test_messages_proto3"]
        subprocess.run(["protoc", f"-I{PROTOS}", f"--descriptor_set_out={self.folder}/set",
                        f"--python_out={self.folder}", *(name + ".proto" for name in names)],
                       check=True)
        # google.protobuf is a package of its own place, so the second goes to the top.
        shutil.move(os.path.join(self.folder, names[1] + "_pb2.py"), self.folder)
        sys.path.insert(0, self.folder)
        self.protocol = importlib.import_module("conformance.conformance_pb2")
        self.types = importlib.import_module("test_messages_proto3_pb2")
        sys.path.remove(self.folder)
        self.Message = self.types.TestAllTypesProto3

    def remove(self):
        shutil.rmtree(self.folder)


class Refused(Exception):
    """What the testee did not read, or did not write."""


class Testee:
    """The program; a message in one form goes in, in another it comes out."""

    def __init__(self, messages):
        self.messages = messages
        self.process = subprocess.Popen([os.path.join(BUILD, "bin", "conformance_testee")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        assert code == 0, f"the testee ended with {code}"

    def _read(self, size):
        data = self.process.stdout.read(size)
        assert len(data) == size, f"the testee ended with {self.process.wait(timeout=60)}"
        return data

    def ask_bytes(self, request):
        self.process.stdin.write(struct.pack("<I", len(request)) + request)
        self.process.stdin.flush()
        size, = struct.unpack("<I", self._read(4))
        return self.messages.protocol.ConformanceResponse.FromString(self._read(size))

    def ask(self, **request):
        request.setdefault("message_type", self.messages.Message.DESCRIPTOR.full_name)
        return self.ask_bytes(
            self.messages.protocol.ConformanceRequest(**request).SerializeToString())

    def _result(self, response, wanted):
        which = response.WhichOneof("result")
        if which != wanted:
            raise Refused(getattr(response, which), which)
        return getattr(response, wanted)

    def json_to_wire(self, text, ignore_unknown=False):
        category = (self.messages.protocol.JSON_IGNORE_UNKNOWN_PARSING_TEST if ignore_unknown
                    else self.messages.protocol.JSON_TEST)
        return self._result(self.ask(json_payload=text, test_category=category,
                                     requested_output_format=self.messages.protocol.PROTOBUF),
                            "protobuf_payload")

    def wire_to_json(self, wire):
        return self._result(self.ask(protobuf_payload=wire,
                                     requested_output_format=self.messages.protocol.JSON),
                            "json_payload")

    def wire_to_wire(self, wire):
        return self._result(self.ask(protobuf_payload=wire,
                                     requested_output_format=self.messages.protocol.PROTOBUF),
                            "protobuf_payload")

    def json_to_json(self, text):
        return self._result(self.ask(json_payload=text,
                                     requested_output_format=self.messages.protocol.JSON),
                            "json_payload")


def same(a, b):
    """Whether two messages mean the same; NaN is NaN, and maps inside an Any have no order."""
    if a.SerializeToString(deterministic=True) == b.SerializeToString(deterministic=True):
        return True
    try:
        return json_format.MessageToDict(a) == json_format.MessageToDict(b)
    except (json_format.Error, ValueError, TypeError, OverflowError):
        return False
