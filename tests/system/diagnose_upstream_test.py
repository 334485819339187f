# SPDX-License-Identifier: Apache-2.0
"""P9: `narrowgate diagnose upstream` names what is wrong between a gateway and a real broker, over links that are
good and links that are bad on purpose, with TLS 1.2 and TLS 1.3."""

import concurrent.futures
import datetime
import json
import os
import socket
import ssl
import struct
import sys
import threading

from aws import Aws
from bad_link import BadLink
from harness import GATEWAY_BINARY, GATEWAY_NAME, Pki, Skip, check, free_port, must, play, run
from many_upstreams import HERE, TLS, ManyUpstreams, TlsBroker
from silent_resolver import SilentResolver

# Bytes up to and with the ClientHello, and of a whole handshake with CONNACK less a part of it.
AFTER_HELLO = 330
BEFORE_CONNACK = {"tls12": 1370, "tls13": 2205}
AT_ONE_TIME = 6  # diagnoses


def dated_leaf(pki, name, authority, first_day, last_day):
    """A certificate of the broker's that is good from and to so many days from now."""
    pki._request(name, "localhost")
    folder = pki.folder / f"{name}-ca"
    folder.mkdir()
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    config = folder / "ca.cnf"
    config.write_text(f"[ca]\ndefault_ca=this\n[this]\ndir={folder}\ndatabase={folder}/index.txt\n"
                      f"serial={folder}/serial\nnew_certs_dir={folder}\ndefault_md=sha256\npolicy=any\n"
                      "[any]\ncommonName=supplied\n")
    extensions = folder / "extensions"
    extensions.write_text(f"basicConstraints=CA:FALSE\n{HERE}\n")
    today = datetime.datetime.now(datetime.timezone.utc)
    day = [(today + datetime.timedelta(days=n)).strftime("%Y%m%d%H%M%SZ") for n in (first_day, last_day)]
    must(["openssl", "ca", "-batch", "-notext", "-config", config, "-extfile", extensions, "-startdate", day[0],
          "-enddate", day[1], "-cert", pki.certificate(authority), "-keyfile", pki.key(authority),
          "-in", pki.folder / f"{name}.csr", "-out", pki.certificate(name)])


class House:
    """Two brokers, further listeners with certificates that are wrong, and one gateway's configuration."""

    def __init__(self, stage):
        self.stage, self.pki = stage, Pki(stage.folder / "pki")
        self.pki._leaf("elsewhere", "aws-roots", "elsewhere.example", "subjectAltName=DNS:elsewhere.example")
        dated_leaf(self.pki, "expired", "aws-roots", -30, -2)
        dated_leaf(self.pki, "early", "aws-roots", 2, 30)
        self.wrong = {certificate: free_port() for certificate in ("elsewhere", "expired", "early")}
        limits = ["clientid_prefixes gw-"]
        for certificate, port in self.wrong.items():
            limits += [f"listener {port} 127.0.0.1", f"cafile {self.pki.certificate('clients-ca')}",
                       f"certfile {self.pki.certificate(certificate)}", f"keyfile {self.pki.key(certificate)}",
                       "require_certificate true", "use_identity_as_username true"]
        self.brokers = {tls: TlsBroker(stage, self.pki, tls, limits if tls == "tls13" else (), recorded=False)
                        for tls in TLS}
        for broker in self.brokers.values():
            (broker.folder / "acl").write_text(f"user {GATEWAY_NAME}\ntopic write dt/#\n")
            broker.start()
        self.upstreams, self.rows = {}, []

    def expect(self, finding, name, url, arguments=(), environment=None, **keys):
        """Adds an upstream that a diagnosis is to find this about."""
        self.upstreams[name] = {"url": url, "connect_timeout": "20s", **keys}
        self.rows.append((finding, name, list(arguments), environment))

    def expect_by_link(self, finding, name, tls, link_options, stalls=False, **keys):
        link = BadLink(self.stage, self.brokers[tls].port, name=name, **link_options)
        self.expect(finding, name, link.url, **({"connect_timeout": "5s"} if stalls else {}), **keys)

    def diagnose(self):
        gateway = ManyUpstreams(self.stage, self.pki, self.upstreams)

        def one(row):
            finding, name, arguments, environment = row
            return finding, name, *gateway.command("diagnose", "upstream", name, "--json", *arguments, timeout=120,
                                                   env={**os.environ, **(environment or {})})
        with concurrent.futures.ThreadPoolExecutor(AT_ONE_TIME) as pool:
            results = list(pool.map(one, self.rows))
        wrong = []
        for finding, name, status, output in results:
            try:
                verdict = json.loads(output)
            except json.JSONDecodeError:
                wrong.append(f"{name}: no JSON ({status}): {output}")
                continue
            print(f"{name}: {verdict['finding']}: {verdict['what']}")
            if verdict["finding"] != finding or status != (0 if finding == "ok" else 1):
                wrong.append(f"{name}: {verdict['finding']} with status {status}, not {finding}: {output}")
            if finding != "ok" and not (verdict["what"] and verdict["advice"]):
                wrong.append(f"{name}: what happened or what to try is not said: {output}")
        check(not wrong, "\n".join(wrong))
        return gateway


def certificates_and_names(stage):
    house = House(stage)
    tls12, tls13 = (house.brokers[tls] for tls in TLS)
    house.expect("ok", "well", tls12.url)
    house.expect("ok", "allowed", tls13.url, ["--publish", "dt/x"])
    house.expect("publish-refused", "forbidden", tls13.url, ["--publish", "elsewhere/x"])
    house.expect("connack-refused", "prefix", tls13.url, ["--client-id", "other"])
    house.expect("unknown-root", "root", tls13.url, ca_file="tls/edge-ca.pem")
    house.expect("wrong-host", "host", f"mqtts://localhost:{house.wrong['elsewhere']}")
    house.expect("expired", "expired", f"mqtts://localhost:{house.wrong['expired']}")
    house.expect("not-yet-valid", "early", f"mqtts://localhost:{house.wrong['early']}")
    for tls, broker in house.brokers.items():
        house.expect("client-certificate-refused", f"stranger-{tls}", broker.url,
                     certificate_file="tls/stranger.crt", key_file="tls/stranger.key")
    house.expect("server-alert", "old", tls13.url, environment={"OPENSSL_CONF": str(tls12.openssl)})
    house.expect("name-not-found", "name", "mqtts://no-such-host.invalid:8883")
    house.expect("refused", "refused", f"mqtts://localhost:{free_port()}")
    house.expect("files", "pair", tls13.url, key_file="tls/stranger.key")  # not this certificate's
    gateway = house.diagnose()
    status, output = gateway.command("diagnose", "upstream", "nobody")
    check(status == 1 and 'there is no upstream "nobody"' in output, f"{status}: {output}")


def stalls_and_breaks(stage):
    house = House(stage)
    filtered = BadLink(stage, house.brokers["tls13"].port, name="filtered", filtered=True)
    house.expect("filtered", "filtered", filtered.url, connect_timeout="4s")
    for tls in TLS:
        connack = BEFORE_CONNACK[tls]
        for cut in ("1", "1393,2,rest"):
            house.expect_by_link("ok", f"{tls}-cut-{cut.partition(',')[0]}", tls, {"cut": cut, "gap": 0.0002})
        house.expect_by_link("stall-after-client-hello", f"{tls}-silent", tls,
                             {"down_accident": "stall"}, stalls=True)
        # Small packets pass. The kernel drops our second flight, however often TCP sends it ...
        house.expect_by_link("black-hole", f"{tls}-hole-up", tls, {"up_black_hole_above": 350}, stalls=True)
        # ... and of the broker's first one only a part arrives.
        house.expect_by_link("black-hole", f"{tls}-hole-down", tls,
                             {"down_accident": "stall", "down_after": 300}, stalls=True)
        # As at the modem that changed two bytes: TCP has confirmed our flight, the broker never answers it.
        house.expect_by_link("stall-after-our-flight", f"{tls}-swallowed", tls,
                             {"up_accident": "swallow", "up_after": AFTER_HELLO}, stalls=True)
        house.expect_by_link("timeout", f"{tls}-connack", tls,
                             {"down_accident": "stall", "down_after": connack}, stalls=True)
        house.expect_by_link("closed-without-a-word", f"{tls}-reset", tls,
                             {"down_accident": "reset", "down_after": 300})
        house.expect_by_link("closed-without-a-word", f"{tls}-closed", tls,
                             {"down_accident": "close", "down_after": connack})
    house.diagnose()


def need_port_443():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 443))
        except OSError as error:
            raise Skip(f"port 443 cannot be bound: {error}") from None


def a_broker_that_wants_alpn(stage):
    """Port 443 of AWS IoT Core: without the application protocol that it wants it closes in mid-handshake."""
    need_port_443()
    house = House(stage)
    house.expect_by_link("alpn-missing", "https", "tls13",
                         {"listen_port": 443, "up_accident": "close", "up_after": AFTER_HELLO})
    house.diagnose()


def the_port_of_a_url_selects_alpn(stage):
    """The profile of AWS IoT Core asks for its application protocol on port 443, and a broker that wants it agrees;
    the same without that profile is refused."""
    need_port_443()
    house = House(stage)
    aws = Aws(stage, house.pki, port=443, require_alpn=True)
    aws.start()
    house.expect("ok", "cloud", aws.url, ["--publish", "dt/x"], profile="aws-iot")
    house.expect("alpn-missing", "plain", aws.url)
    gateway = house.diagnose()
    said = gateway.command("diagnose", "upstream", "plain")[1]
    check("ALPN" in said and "x-amzn-mqtt-ca" in said, f"neither ALPN nor what to set is named:\n{said}")
    check(aws.stop()["connections"] == 1, "the broker took another connection than that with ALPN")


class Contender:
    """Connects with a client ID again and again, each time that it is thrown off."""

    def __init__(self, pki, port, client_id):
        self.port, self.over = port, threading.Event()
        self.tls = ssl.create_default_context(cafile=pki.certificate("aws-roots"))
        self.tls.load_cert_chain(pki.certificate(GATEWAY_NAME), pki.key(GATEWAY_NAME))
        name = client_id.encode()
        # CONNECT of MQTT 5 (section 3.1): clean start, 60 s of keep-alive, no properties.
        body = b"\0\4MQTT\5\2" + struct.pack(">HBH", 60, 0, len(name)) + name
        self.connect = bytes([0x10, len(body)]) + body
        self.connected = threading.Event()
        self.thread = threading.Thread(target=self._contend)

    def __enter__(self):
        self.thread.start()
        check(self.connected.wait(20), "the other client does not get a connection")
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _contend(self):
        while not self.over.wait(0.2):
            with socket.create_connection(("localhost", self.port)) as plain, \
                    self.tls.wrap_socket(plain, server_hostname="localhost") as client:
                client.settimeout(0.2)
                client.sendall(self.connect)
                while not self.over.is_set():
                    try:
                        if not client.recv(512):
                            break
                        self.connected.set()
                    except TimeoutError:
                        pass
                    except OSError:
                        break


def another_client_with_our_id(stage):
    house = House(stage)
    port = house.brokers["tls13"].port
    house.expect("duplicate-client-id", "twice", f"mqtts://localhost:{port}", ["--client-id", "gw-twice"])
    with Contender(house.pki, port, "gw-twice"):
        house.diagnose()


def a_name_server_that_never_answers(stage):
    with SilentResolver(stage) as resolver:
        gateway = ManyUpstreams(stage, Pki(stage.folder / "pki"),
                                {"slow": {"url": "mqtts://edge.example:8883", "connect_timeout": "5s"}})
        status, output = run([*resolver.prefix, GATEWAY_BINARY, "diagnose", "upstream", "slow", "--json",
                              "--config", gateway.config])
        check(status == 1 and json.loads(output)["finding"] == "dns-slow", f"{status}: {output}")


if __name__ == "__main__":
    sys.exit(play(certificates_and_names, stalls_and_breaks, a_broker_that_wants_alpn,
                  the_port_of_a_url_selects_alpn, another_client_with_our_id, a_name_server_that_never_answers))
