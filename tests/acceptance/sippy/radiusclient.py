"""
The helper that Sippy's B2BUA speaks RADIUS through: a request a paragraph comes in, its answer goes out.

It stands for the ``radiusclient`` of Sippy Software, and runs in Sippy's environment: standard library only.
Its configuration is a JSON file with ``source``, ``auth_port``, ``acct_port`` and ``secret``.
"""

import hashlib
import json
import os
import socket
import struct
import sys

PLAIN = {
    "User-Name": 1,
    "Called-Station-Id": 30,
    "Calling-Station-Id": 31,
    "Acct-Status-Type": 40,
    "Acct-Delay-Time": 41,
    "Acct-Session-Id": 44,
    "Acct-Session-Time": 46,
    "Acct-Terminate-Cause": 49,
    "Digest-Response": 206,
}
WORDS = {"Start": 1, "Stop": 2, "Alive": 3, "User-Request": 1}
NUMBERS = {"Acct-Status-Type", "Acct-Delay-Time", "Acct-Session-Time", "Acct-Terminate-Cause"}
CISCO = {
    "Cisco-AVPair": 1,
    "h323-remote-address": 23,
    "h323-conf-id": 24,
    "h323-setup-time": 25,
    "h323-call-origin": 26,
    "h323-call-type": 27,
    "h323-connect-time": 28,
    "h323-disconnect-time": 29,
    "h323-disconnect-cause": 30,
    "h323-voice-quality": 31,
    "h323-credit-time": 102,
    "h323-return-code": 103,
}
DIGEST = {
    "Digest-Realm": 1,
    "Digest-Nonce": 2,
    "Digest-Method": 3,
    "Digest-URI": 4,
    "Digest-Algorithm": 6,
    "Digest-User-Name": 10,
}
TRIES, WAIT_S = 4, 2.0


def tlv(number, value):
    return bytes((number, len(value) + 2)) + value


def encode(name, value, secret, authenticator):
    if name == "Password":
        mask = hashlib.md5(secret + authenticator).digest()
        return tlv(2, bytes(a ^ b for a, b in zip(value.encode().ljust(16, b"\0"), mask, strict=True)))
    if name in DIGEST:
        return tlv(207, tlv(DIGEST[name], value.encode()))
    if name in CISCO:
        return tlv(26, struct.pack("!I", 9) + tlv(CISCO[name], value.encode()))
    if name in NUMBERS:
        return tlv(PLAIN[name], struct.pack("!I", int(WORDS.get(value, value)) & 0xFFFFFFFF))
    return tlv(PLAIN[name], value.encode())


def ask(settings, kind, attributes):
    """Return the code of the answer and its attributes in Cisco's form; no code when none came."""
    secret = settings["secret"].encode()
    authenticator = os.urandom(16) if kind == "AUTH" else bytes(16)
    body = b"".join(encode(name, value, secret, authenticator) for name, value in attributes)
    head = struct.pack("!BBH", 1 if kind == "AUTH" else 4, os.urandom(1)[0], 20 + len(body))
    if kind == "ACCT":
        authenticator = hashlib.md5(head + authenticator + body + secret).digest()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((settings["source"], 0))
        sender.settimeout(WAIT_S)
        for _ in range(TRIES):
            sender.sendto(
                head + authenticator + body,
                ("127.0.0.1", settings["auth_port" if kind == "AUTH" else "acct_port"]),
            )
            try:
                answer = sender.recv(4096)
            except TimeoutError:
                continue
            return answer[0], list(told(answer))
    return None, []


def told(answer):
    names = {number: name for name, number in CISCO.items()}
    at = 20
    while at < len(answer):
        value = answer[at + 2 : at + answer[at + 1]]
        if answer[at] == 26 and value[:4] == struct.pack("!I", 9) and value[4] in names:
            yield names[value[4]], value[6:].decode()
        at += answer[at + 1]


def main():
    with open(sys.argv[sys.argv.index("-f") + 1], encoding="utf-8") as file:
        settings = json.load(file)
    paragraph = []
    for line in map(str.strip, sys.stdin):
        if line:
            paragraph.append(line)
            continue
        kind, *lines = paragraph
        paragraph = []
        pairs = [(name, value[1:-1]) for name, _, value in (each.partition("=") for each in lines)]
        code, attributes = ask(settings, kind, pairs)
        for name, value in attributes:
            print(f"{name} = '{value}'")
        print({2: 0, 5: 0, 3: 1}.get(code, 2))
        print(flush=True)


main()
