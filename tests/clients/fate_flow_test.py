"""FATE Flow against Junction, both ways: what its client library, its component ApiReader and its
hooks send and read, with the libraries that they use (requests, requests-toolbelt), as in 1.11.2.
Junction stands where the third party stood, and itself asks a third party of the test. Where it
requires credentials, requests finds an access key in .netrc: nothing else changes."""

import hashlib
import json
import re
import urllib.parse

import pytest
import requests
from requests_toolbelt import MultipartEncoder

import programs
import subjects

TABLE = "sid,x0,x1\n" + "".join(f"{i},{i * 2},{i * 3}\n" for i in range(1000))


class FeatureService:
    """The third party: a job runs for one poll, then its table is there."""

    def __init__(self):
        self.asked, self.polls = [], 0

    def __call__(self, request):
        path, _, query = request.path.partition("?")
        self.asked.append((request.method, path, urllib.parse.parse_qs(query), request.headers,
                           request.body))
        if path == "/api/upload":
            return self.json({"code": 0, "message": "success", "data": {"jobId": "j-7"}})
        if path == "/api/query":
            self.polls += 1
            return self.json({"code": 0, "data": {"status": "success" if self.polls > 1 else
                                                  "Running"}})
        if path == "/api/download":
            return 200, {"Content-Type": "application/octet-stream"}, TABLE.encode()
        if path == "/api/permission":
            denied = "secureboost" in json.loads(request.body)["component_list"]
            return self.json({"code": 21, "msg": "not this one"} if denied else
                             {"code": 0, "msg": "success"})
        if path == "/api/signature":
            return self.json({"code": 0, "msg": "success", "data": "c2lnbmVk"})
        return self.json({"code": 0, "msg": "success"})

    @staticmethod
    def json(value):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture(scope="module", params=["open", "required"])
def server(request, database, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        netrc = tmp_path_factory.mktemp("netrc") / "netrc"
        netrc.write_text("")
        if request.param == "required":
            subjects.put_role(database.url, "federation", ("allow", "auth", "**", "CALL"),
                              ("allow", "features", "*", "*"), parents=["fate"])
            subjects.put(database.url, "application", "flow", "federation")
            key = subjects.put_key(database.url, "flow", "flow")
            netrc.write_text(f"machine 127.0.0.1 login {key} password {subjects.SECRET}\n")
        patch.setenv("NETRC", str(netrc))
        server = programs.Server(database.url, "--hook-server", "FATE_HOOKS", "--auth", request.param)
        yield server
        server.stop()


@pytest.fixture(scope="module")
def features(server):
    return FeatureService()


@pytest.fixture(scope="module")
def base(bridge, features):
    """Junction's address, with the third party registered as FATE Flow's users do it."""
    base = f"http://{bridge.address}/v1"
    with programs.Upstream(features) as upstream:
        for name in ("features", "fate_hooks"):
            answer = requests.post(f"{base}/server/{name}/register",
                                   json={"host": "127.0.0.1", "port": upstream.port})
            assert answer.json() == {"retcode": 0, "retmsg": "success"}
        for server, services in (("features", ("upload", "query", "download")),
                                 ("fate_hooks", ("client_authentication", "signature",
                                                 "site_authentication", "permission"))):
            for service in services:
                answer = requests.post(f"{base}/service/registry", json={
                    "server_name": server, "service_name": service, "uri": f"/api/{service}"})
                assert answer.json()["retcode"] == 0, answer.json()
        yield base


def service_info(base, server):
    """What ApiReader reads of the registry, a row for each of the server's services."""
    found = {}
    for name in ("upload", "query", "download"):
        rows = requests.post(f"{base}/service/query", json={
            "server_name": server, "service_name": name}).json()["data"]["service_info"]
        found[name] = rows[0]
    return found


# --- ApiReader ------------------------------------------------------------------------------------


class ApiReader:
    """The component's calls: components/api_reader.py."""

    def __init__(self, services, job_id):
        self.services, self.job_id = services, job_id

    @staticmethod
    def sign(job_id):
        return hashlib.md5(job_id.encode("utf8")).hexdigest()

    def request(self, name, **arguments):
        row = self.services[name]
        return getattr(requests, row["f_method"].lower(), None)(url=row["f_url"], **arguments)

    def upload(self, path, parameters):
        parameters = {**parameters, "job_id": self.job_id, "sign": self.sign(self.job_id)}
        with open(path, "rb") as file:
            data = MultipartEncoder(fields={"file": ("id", file, "application/octet-stream")})
            response = self.request("upload", params={"requestBody": json.dumps(parameters)},
                                    data=data, headers={"Content-Type": data.content_type})
        if response.status_code != 200:
            raise RuntimeError(f"upload return: {response.text}")
        assert response.json().get("code") == 0, response.json()
        return response.json()["data"]["jobId"]

    def query(self, job_id):
        response = self.request("query", json={"jobId": job_id})
        assert response.status_code == 200, response.text
        status = response.json().get("data").get("status").lower()
        assert status in ("success", "running")
        return status

    def download(self, job_id):
        response = self.request("download", stream=True, params={
            "requestBody": json.dumps({"jobId": job_id, "sign": self.sign(job_id)})})
        if response.status_code != 200:
            raise RuntimeError(f"download return: {response.text}")
        return "".join(line.decode() + "\n" for line in response.iter_lines(chunk_size=1024))


def test_api_reader_gets_its_table_through_junction(base, features, tmp_path):
    """FATE Flow is told that Junction is the third party."""
    host, port = re.fullmatch(r"http://(.*):(\d+)/v1", base).groups()
    requests.post(f"{base}/server/junction/register", json={"host": host, "port": int(port)})
    for name in ("upload", "query", "download"):
        requests.post(f"{base}/service/registry", json={
            "server_name": "junction", "service_name": name,
            "uri": f"/v1/api_reader/features/{name}"})
    reader = ApiReader(service_info(base, "junction"), "202211211231")
    ids = tmp_path / "id"
    ids.write_text("sid\n" + "".join(f"{i}\n" for i in range(1000)))
    job_id = reader.upload(ids, {"stat_month": "202201", "version": "v 1+%&ü"})
    assert job_id == "j-7"
    assert [reader.query(job_id) for _ in range(2)] == ["running", "success"]
    assert reader.download(job_id) == TABLE
    uploads = [asked for asked in features.asked if asked[1] == "/api/upload"]
    method, _, query, headers, body = uploads[-1]
    assert method == "POST" and int(headers["Content-Length"]) == len(body)
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert json.loads(query["requestBody"][0]) == {
        "stat_month": "202201", "version": "v 1+%&ü", "job_id": "202211211231",
        "sign": ApiReader.sign("202211211231")}
    boundary = headers["Content-Type"].split("boundary=")[1].strip('"')
    head, content = body.split(b"\r\n\r\n", 1)
    assert head.lower() == (f'--{boundary}\r\ncontent-disposition: form-data; name="file"; '
                            'filename="id"\r\ncontent-type: application/octet-stream'
                            ).lower().encode()
    assert content == ids.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    assert features.asked[-1][:2] == ("POST", "/api/download")
    assert features.asked[-1][3]["Content-Length"] == "0" and features.asked[-1][4] == b""


def test_the_documents_own_upload_works_too(base, features, tmp_path):
    """Document 001, 3.1.1: the same body, but Content-Type application/octet-stream."""
    ids = tmp_path / "id"
    ids.write_text("1\n2\n")
    answer = requests.post(f"{base}/api_reader/features/upload",
                           params={"requestBody": json.dumps({"version": "v1"})},
                           data=ids.open("rb"), headers={"Content-Type": "application/octet-stream"})
    assert answer.json() == {"code": 0, "message": "success", "data": {"jobId": "j-7"}}
    assert b"1\n2\n" in features.asked[-1][4]


# --- hooks ------------------------------------------------------------------------------------------


def hook(base, name, fields):
    """hook/api/*: any HTTP status but 200 raises, code is compared with 0, msg is the reason."""
    response = requests.post(url=f"{base}/auth/{name}", json=fields)
    assert response.status_code == 200, f"request {name} url failed, status code " + str(
        response.status_code)
    return response.json()


PERMISSION = {
    "role": "host", "party_id": "10000", "src_role": None, "src_party_id": "9999",
    "initiator": {"role": "guest", "party_id": 9999}, "roles": {"guest": [9999], "host": [10000]},
    "component_list": ["reader", "intersection", "reader"],
    "dataset_list": [{"namespace": "experiment", "name": "breast_hetero_host"}],
    "run_time_conf": {"dsl_version": 2, "x": 1.0, "big": 12345678901234567890},
    "dsl": {"components": {}}, "component_parameters": {"reader": [{"table": {}}]}}


def test_permission_is_asked_with_what_fate_flow_knows(base, features):
    answer = hook(base, "permission", PERMISSION)
    assert (answer["code"], answer["msg"]) == (0, "success")
    assert json.loads(features.asked[-1][4]) == PERMISSION
    assert b"12345678901234567890" in features.asked[-1][4]
    answer = hook(base, "permission", {**PERMISSION, "component_list": ["secureboost"]})
    assert answer["code"] == 21 and "not this one" in answer["msg"]


def test_a_signature_is_read_from_data(base, features):
    answer = hook(base, "signature", {"party_id": 9999, "body": {"job_id": "1"}})
    assert answer["code"] == 0 and answer["data"] == answer["site_signature"] == "c2lnbmVk"
    assert json.loads(features.asked[-1][4])["body"] == {"job_id": "1"}


def test_sites_and_clients_are_authenticated(base, features):
    assert hook(base, "site_authentication", {
        "src_party_id": "9999", "site_signature": "c2lnbmVk", "body": {"a": 1}})["code"] == 0
    headers = {"Host": "127.0.0.1:9380", "TIMESTAMP": "1", "X": "ü"}
    assert hook(base, "client_authentication", {
        "full_path": "/v1/job/submit?", "headers": headers, "form": {}, "data": "{}",
        "json": None})["code"] == 0
    assert json.loads(features.asked[-1][4])["headers"] == headers


def test_what_is_missing_is_denied(base):
    answer = hook(base, "site_authentication", {"src_party_id": "9999", "site_signature": None,
                                                "body": None})
    assert answer["code"] == 101 and "site_signature" in answer["msg"]
