#!/bin/sh
# The kernel service of docker-compose.yml: mount the servers of the other containers, with the running kernel if it has
# 9p and else with User Mode Linux behind a tap and NAT, and run the lab's scripts.  Arguments go to `ninep lab`.
set -eu
here=$(dirname "$0")
subnet=192.168.127

address() { getent ahostsv4 "$1" | awk '{ print $1; exit }'; } # a guest cannot ask Docker for names

server=$(address "${SERVER:-server}")
readonly=$(address "${READONLY:-readonly}")
if grep -qw 9p /proc/filesystems || modprobe -q 9p; then
    engine=host
    mount -t tmpfs -o mode=1777 tmpfs "${TMPDIR:=/tmp}" # the control: Docker's overlay is no plain file system
else
    engine=uml
    ip tuntap add dev tap0 mode tap
    ip addr add $subnet.1/24 dev tap0
    ip link set tap0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    iptables -t nat -A POSTROUTING -s $subnet.0/24 -j MASQUERADE
    # First in PATH, so the lab boots the guest with a network card.
    printf '#!/bin/sh\nexec /usr/bin/linux "$@" vec0:transport=tap,ifname=tap0,depth=128,gro=1\n' >/usr/local/bin/linux
    chmod 755 /usr/local/bin/linux
fi
# One tap has room for one guest.
exec ninep lab --engine $engine --jobs 1 --aname "data{root}" \
    --server "$here/remote.sh $server $server {addr} {root}" \
    --readonly-server "$here/remote.sh $readonly $server {addr} {root}" "$@"
