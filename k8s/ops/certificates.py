"""Certificates of the services, kept as a mounted Secret is: a directory behind a symlink that is swapped as a whole."""

import datetime
import itertools
import os
import pathlib
import socket
import ssl

import trustme
from cryptography import x509

HOST = "127.0.0.1"
# Who calls from outside, as an operator with buf does.
OPERATOR = "operator"


class Authority:
    """A certificate authority."""

    def __init__(self, name):
        self.ca = trustme.CA(organization_name=name)
        self.bundle = self.ca.cert_pem.bytes()

    def certificate(self):
        """Its own."""
        return x509.load_pem_x509_certificate(self.bundle)

    def issue(self, name, expired=False):
        """Chain and key of a new certificate."""
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=-1 if expired else 1)
        made = self.ca.issue_cert(HOST, common_name=name, not_after=end)
        return b"".join(blob.bytes() for blob in made.cert_chain_pems), made.private_key_pem.bytes()


class Secrets:
    """One Secret of each name, with the keys that cert-manager gives them."""

    def __init__(self, directory, names):
        self.directory, self.versions = pathlib.Path(directory), itertools.count()
        self.held = {name: {} for name in (*names, OPERATOR)}

    def put(self, name, bundle=None, pair=None):
        """What is not given stays."""
        held = self.held[name]
        if bundle:
            held["ca.crt"] = bundle
        if pair:
            held["tls.crt"], held["tls.key"] = pair
        mount = self.directory / name
        version = mount / f"..{next(self.versions)}"
        version.mkdir(parents=True)
        for file, text in held.items():
            (version / file).write_bytes(text)
            if not (mount / file).is_symlink():
                (mount / file).symlink_to(f"..data/{file}")
        # in one step, as a kubelet does it
        (mount / "..new").symlink_to(version.name)
        os.replace(mount / "..new", mount / "..data")

    def put_all(self, bundle=None, authority=None):
        for name in self.held:
            self.put(name, bundle, authority and authority.issue(name))

    def flags(self, service):
        place = self.directory / service
        own = f"{place}/tls.crt", f"{place}/tls.key", f"{place}/ca.crt"
        if service == "bff":
            # in clear for whoever ends TLS in front of it
            return [f"--tls-client-cert={own[0]}", f"--tls-client-key={own[1]}", f"--tls-ca={own[2]}"]
        return [f"--tls-cert={own[0]}", f"--tls-key={own[1]}", f"--tls-client-ca={own[2]}", f"--tls-ca={own[2]}"]

    def certificate(self, name):
        """Its own of now."""
        return x509.load_pem_x509_certificate(self.held[name]["tls.crt"])

    def shows(self, name):
        """The serial number of that."""
        return self.certificate(name).serial_number


def greeted(port, bundle, pair, directory):
    """Connects with a certificate; the serial number of the other's, or None if either was refused. Whose is the better one is told
    by the first bytes: in TLS 1.3 a server refuses after the handshake."""
    files = [directory / name for name in ("greeting.crt", "greeting.key")]
    for file, text in zip(files, pair):
        file.write_bytes(text)
    context = ssl.create_default_context(cadata=bundle.decode())
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*files)
    try:
        with socket.create_connection((HOST, port), timeout=10) as plain, context.wrap_socket(plain, server_hostname=HOST) as tls:
            # the preface of HTTP/2 with its first frame, which is answered with one
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            if not tls.recv(1):
                return None
            return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).serial_number
    except OSError:
        return None
