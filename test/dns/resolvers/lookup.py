# What Python's resolver (the C library's) makes of each name: one line of JSON, name to sorted addresses, null where there are none.
import json
import socket
import sys


def addresses(name):
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80, proto=socket.IPPROTO_TCP)})
    except socket.gaierror:
        return None


print(json.dumps({name: addresses(name) for name in sys.argv[1:]}))
