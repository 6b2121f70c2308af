"""Run by PyPI's p9fs in a venv of its own: an ordinary session, checked as it goes."""

import errno
import sys

import p9fs  # type: ignore[import-not-found]  # it is in that venv only
from py9p.py9p import RpcError  # type: ignore[import-not-found]

fs = p9fs.P9FileSystem("127.0.0.1", int(sys.argv[1]), "glenda", version="9P2000.L")
content = bytes(range(256)) * 2000

fs.mkdir("dir")
with fs.open("dir/one", "wb") as out:
    out.write(content)
assert fs.cat("dir/one") == content
assert fs.info("dir/one")["size"] == len(content)
assert fs.isdir("dir")
assert not fs.exists("dir/two")
fs.cp_file("dir/one", "two")
assert fs.cat("two") == content
fs.mv("dir/one", "dir/three")
assert fs.ls("dir", detail=False) == ["dir/three"]
fs.rm("dir/three")
assert fs.ls("dir", detail=False) == []
refused = None
try:
    fs.rmdir("dir")
except RpcError as exc:  # it forgets AT_REMOVEDIR: EISDIR is the right answer
    refused = exc.args
assert refused == (errno.EISDIR,)
print("ok")
