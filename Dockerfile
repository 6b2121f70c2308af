# Two images: `server` exports a directory, `kernel` mounts it with a Linux kernel and runs the lab's scripts.
FROM python:3.11-slim-bookworm AS wheel
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels /src

FROM python:3.11-slim-bookworm AS server
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels ninep && rm -r /wheels
# A Python for a server that is not root and yet gives files to their owners; it takes these capabilities of its container:
# chown, dac_override, fowner, fsetid, mknod and, for attributes of the trusted namespace, sys_admin.
RUN real=$(readlink -f "$(command -v python3)") && made=$(dirname "$real")/python-files && cp "$real" "$made" \
    && python3 -c "import os, struct, sys; os.setxattr(sys.argv[1], 'security.capability', struct.pack('<5I', 0x02000001, \
        1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 21 | 1 << 27, 0, 0, 0))" "$made" \
    && [ -e /usr/local/bin/python-files ] || ln -s "$made" /usr/local/bin/python-files
RUN mkdir /export
EXPOSE 5640
ENTRYPOINT ["ninep"]
CMD ["serve", "/export", "--rw", "--listen", "tcp://0.0.0.0:5640"]

FROM server AS kernel
# gcc: User Mode Linux needs a shim on CPUs with AMX.  socat, iproute2, iptables: the way from its guest to the server.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        user-mode-linux busybox-static kmod e2fsprogs gcc libc6-dev socat iproute2 iptables git rsync attr acl \
    && rm -rf /var/lib/apt/lists/*
# Docker mounts /dev/shm noexec, and the guest's memory must lie in an executable file.
ENV HOME=/tmp TMPDIR=/tmp
COPY conformance/kernel/container /opt/ninep
ENTRYPOINT ["/opt/ninep/kernel.sh"]
CMD []
