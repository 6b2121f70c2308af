# Two images: `server` exports a directory, `kernel` mounts it with a Linux kernel and runs the lab's scripts.
FROM python:3.11-slim-bookworm AS wheel
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels /src

FROM python:3.11-slim-bookworm AS server
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels ninep && rm -r /wheels
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
