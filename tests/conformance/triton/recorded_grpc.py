# SPDX-License-Identifier: Apache-2.0
"""Recorded cases over gRPC: sending their requests with the stock client's messages, and judging answers as recorded.py does.

A request has rpc, message (protobuf's JSON; a list for ModelStreamInfer), metadata and timeout (seconds). A response has code
(the name of the gRPC status), details and message (a list for the stream). What is empty is left out of a message, so that a
missing member is an empty one. An INTERNAL of Triton may be an INVALID_ARGUMENT that says something.
"""

import grpc
import recorded
from google.protobuf import json_format
from tritonclient.grpc import service_pb2, service_pb2_grpc

TIMEOUT_S = 60
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Client:
    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=ANY_SIZE)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def send(self, request):
        streams = request["rpc"] == "ModelStreamInfer"
        kind = getattr(service_pb2, "ModelInferRequest" if streams else request["rpc"] + "Request")
        call = getattr(self.stub, request["rpc"])
        options = {"metadata": list(request.get("metadata", {}).items()), "timeout": request.get("timeout", TIMEOUT_S)}
        message = request["message"]
        answers = []
        try:
            if streams:
                for answer in call(iter([json_format.ParseDict(part, kind()) for part in message]), **options):
                    answers.append(shown(answer))
            else:
                answers = shown(call(json_format.ParseDict(message, kind()), **options))
        except grpc.RpcError as error:
            return {"code": error.code().name, "details": error.details(), "message": answers or {}}
        return {"code": "OK", "details": "", "message": answers}


def shown(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def judge(step, got):
    want = step["response"]
    if want["code"] == "INTERNAL" and got["code"] in ("INTERNAL", "INVALID_ARGUMENT"):
        return [] if got["details"] else ["an error without a sentence"]
    return recorded.differences(want, got, step.get("volatile", ()))


def replay(client, case):
    return [f"step {number}: {line}" for number, step in enumerate(case["steps"]) for line in judge(step, client.send(step["request"]))]
