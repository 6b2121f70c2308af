"""ninep: the 9P file protocol (9P2000, 9P2000.u, 9P2000.L), server, client and conformance tests.

async with ninep.connect("tcp://127.0.0.1:5640") as client:
    for entry in await client.ls("/"):
        print(entry.name)
"""

from ninep import codec, spec
from ninep.backend import Backend, File, Node
from ninep.client import Client, connect
from ninep.errors import ConnectionLost, FrameError, NinepError, RemoteError, Violation
from ninep.limits import Limits
from ninep.policy import Policy
from ninep.server import Server

__all__ = [
    "Backend",
    "Client",
    "ConnectionLost",
    "File",
    "FrameError",
    "Limits",
    "NinepError",
    "Node",
    "Policy",
    "RemoteError",
    "Server",
    "Violation",
    "codec",
    "connect",
    "spec",
]
__version__ = "0.1.0"
