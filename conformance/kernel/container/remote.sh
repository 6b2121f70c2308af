#!/bin/sh
# Stands in the lab for a server that runs elsewhere:  remote.sh SERVER WRITABLE ADDR ROOT
# Makes the directory that SERVER exports as data/ROOT and mounts it on ROOT, where the lab looks behind the server's
# back: the exported volume itself if /export is it, else a 9P mount of WRITABLE, which exports the same tree.
# Connections to ADDR are passed on to SERVER.
set -eu
server=$1 writable=$2 addr=$3 root=$4
port=5640

mount_data() { # SUBTREE TARGET
    mount -i -t 9p -o "trans=tcp,port=$port,version=9p2000.L,cache=none,uname=root,aname=data$1" "$writable" "$2"
}

if [ -d /sys/class/net/vec0 ] && ! ip -4 route get "$server" >/dev/null 2>&1; then
    ip addr add 192.168.127.2/24 dev vec0 # User Mode Linux, behind the tap of kernel.sh
    ip link set vec0 up
    ip route add default via 192.168.127.1
fi
if mountpoint -q /export; then
    mkdir -p "/export$root"
    mount --bind "/export$root" "$root"
else
    mount_data "" "$root"
    mkdir -p "$root$root"
    umount "$root"
    mount_data "$root" "$root"
fi
case $addr in
tcp://*) listen=TCP-LISTEN:${addr##*:},bind=127.0.0.1,reuseaddr,fork,nodelay ;;
unix://*) listen=UNIX-LISTEN:${addr#unix://},fork ;;
esac
exec socat "$listen" "TCP:$server:$port,nodelay"
