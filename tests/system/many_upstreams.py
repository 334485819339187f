# SPDX-License-Identifier: Apache-2.0
"""A gateway with as many upstreams as a test has links, and brokers that speak one version of TLS."""

from harness import Broker, Gateway
from stage import check, run

TLS = {"tls12": "TLSv1.2", "tls13": "TLSv1.3"}
HERE = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class TlsBroker(Broker):
    """A mosquitto that speaks one version of TLS, and a recorder of all topics if wanted."""

    def __init__(self, stage, pki, tls, limits=(), recorded=True):
        self.recorded = recorded
        pki._leaf(f"{tls}-broker", "aws-roots", "localhost", HERE)
        # mosquitto's own setting is a least version.
        self.openssl = openssl = stage.folder / f"{tls}.cnf"
        openssl.write_text("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                           f"MinProtocol = {TLS[tls]}\nMaxProtocol = {TLS[tls]}\n")
        super().__init__(stage, pki, tls, "aws-roots", "#", limits, prefix=["env", f"OPENSSL_CONF={openssl}"])

    def start(self):
        super().start()
        _, said = run(["openssl", "s_client", "-connect", f"localhost:{self.port}"])
        check(f"New, {TLS[self.name]}," in said, f"the broker {self.name} speaks otherwise:\n{said}")

    def _record(self):
        if self.recorded:
            super()._record()


class ManyUpstreams(Gateway):
    """A gateway whose fleet's readings go to every one of its upstreams, each below a topic of its name.

    `upstreams` are keys of [[upstream]] by name; what is not said is as in etc/.
    """

    def __init__(self, stage, pki, upstreams, prefix=()):
        super().__init__(stage, pki, {}, prefix=prefix)
        text = self.config.read_text().split("[[upstream]]")[0]
        fleet = next((self.folder / "fleets.d").glob("*.toml"))
        routes = fleet.read_text().split("[[route]]")[0]
        for name, keys in upstreams.items():
            table = {"name": name, "client_id": f"gw-{name}", "ca_file": "tls/aws-roots.pem",
                     "certificate_file": "tls/gw-1.crt", "key_file": "tls/gw-1.key", **keys}
            text += "[[upstream]]\n" + "".join(f'{key} = "{value}"\n' for key, value in table.items()) + "\n"
            routes += (f'[[route]]\nresource = "telemetry"\nupstream = "{name}"\n'
                       f'topic = "{name}/{{device}}/{{resource}}"\n\n')
        self.config.write_text(text)
        fleet.write_text(routes)

    def upstreams(self):
        return {upstream["name"]: upstream for upstream in self.status()["upstreams"]}
