"""Who may talk to the server: loopback by default, a token, TLS."""

import grpc
import pyspark.sql.connect.proto as pb
import pytest

from harness import vonk

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def locked(new_server):
    return new_server(env={"SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN})


def every_method():
    """Each RPC of the service, from the protocol's own description."""
    service = pb.DESCRIPTOR if hasattr(pb, "DESCRIPTOR") else None
    from pyspark.sql.connect.proto import base_pb2

    service = base_pb2.DESCRIPTOR.services_by_name["SparkConnectService"]
    return [(m.name, m.client_streaming, m.server_streaming) for m in service.methods]


def call(port, method, metadata, body=b""):
    """Calls an RPC with raw bytes; the status it ends with."""
    name, client_streams, server_streams = method
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
        rpc = getattr(channel, kind)(f"/spark.connect.SparkConnectService/{name}")
        try:
            answer = rpc(iter([body]) if client_streams else body, metadata=metadata, timeout=10)
            if server_streams:
                list(answer)
        except grpc.RpcError as e:
            return e.code(), e.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("method", every_method(), ids=lambda m: m[0])
def test_no_method_answers_without_the_token(locked, method):
    for metadata, text in [
        (None, "No authentication token provided"),
        ([("authorization", "Bearer wrong")], "Invalid authentication token"),
        ([("authorization", f"Bearer {TOKEN}x")], "Invalid authentication token"),
        ([("authorization", TOKEN)], None),
        ([("authorization", "Bearer ")], None),
    ]:
        # Bytes that are no message: a token is asked for before anything is parsed.
        code, details = call(locked.port, method, metadata, body=b"\xff\xff\xff")
        assert code == grpc.StatusCode.UNAUTHENTICATED, (metadata, details)
        assert text is None or details == text


def test_the_right_token_lets_in(locked):
    method = next(m for m in every_method() if m[0] == "Config")
    body = pb.ConfigRequest(session_id="00112233-4455-6677-8899-aabbccddeeff", user_context=pb.UserContext(user_id="me"))
    body.operation.get.keys.append("spark.sql.ansi.enabled")
    code, details = call(locked.port, method, [("authorization", f"Bearer {TOKEN}")], body.SerializeToString())
    assert code == grpc.StatusCode.OK, details


def test_the_token_is_not_shown(locked):
    call(locked.port, every_method()[0], [("authorization", "Bearer wrong")])
    command_line = open(f"/proc/{locked.pid}/cmdline").read()
    assert TOKEN not in command_line and TOKEN not in "".join(locked.log)


def test_pyspark_with_the_token_in_its_address(new_server, monkeypatch):
    """With the host `localhost` PySpark sends a token without TLS."""
    server = new_server(env={"SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN})
    session = server.session(f"sc://localhost:{server.port}/;token={TOKEN}")
    assert session.range(3).count() == 3
    session.stop()


@pytest.mark.parametrize("options", [[], ["--tls"], ["token"]])
def test_others_cannot_reach_it_without_token_and_tls(tmp_path, options, certificate):
    env = {"PATH": "/usr/bin"}
    args = ["server", "--ip", "0.0.0.0", "--port", "0", "--warehouse", tmp_path / "w"]
    if "--tls" in options:
        args += ["--tls-cert", certificate[0], "--tls-key", certificate[1]]
    if "token" in options:
        env["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = TOKEN
    done = vonk(*args, timeout=20, env=env)
    assert done.returncode == 1 and "--insecure" in done.stderr


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for localhost, signed by itself."""
    import shutil
    import subprocess

    if not shutil.which("openssl"):
        pytest.skip("makes a certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return cert, key


def test_pyspark_over_tls_with_a_token(new_server, certificate, monkeypatch):
    cert, key = certificate
    server = new_server("--tls-cert", str(cert), "--tls-key", str(key), env={"SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN})
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession

    class Trusting(DefaultChannelBuilder):
        """Trusts our certificate; everything else is PySpark's own."""

        def toChannel(self):
            credentials = grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(cert.read_bytes()), grpc.access_token_call_credentials(TOKEN)
            )
            return self._secure_channel(self.endpoint, credentials)

    session = SparkSession.builder.channelBuilder(Trusting(f"sc://localhost:{server.port}/;use_ssl=true")).create()
    assert session.range(3).count() == 3
    session.stop()
    code, _ = call(server.port, every_method()[0], None)
    assert code == grpc.StatusCode.UNAVAILABLE, "plain text was answered on a TLS port"
