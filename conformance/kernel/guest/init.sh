#!/bin/sh
# The guest's first process: modules, a throw-away overlay over the host's tree, then stage2.
# From the kernel's command line:
#   LAB      this guest's folder; it and what lies beside it reach the host
#   MODULES  a list of files, in the order in which they are to be loaded
#   LOWER    where the host's tree is: / under User Mode Linux; under QEMU it is mounted here
#   CARD     name/address of a network card, if there is one
#   TTY      the terminal that carries the events
mount() { busybox mount -n "$@"; }
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
virtio=trans=virtio,version=9p2000.L,msize=512000
mount -t proc proc /proc
while read -r module; do busybox insmod "$module"; done <"$MODULES"
if ! busybox grep -qw 9p /proc/filesystems; then
    echo "this kernel has no 9p: set CONFIG_9P_FS, or give its modules with --modules"
    busybox poweroff -f
fi
if [ "$LOWER" != / ]; then
    mount -t devtmpfs devtmpfs /dev
    mount -t 9p -o "$virtio,cache=loose,ro" hostroot "$LOWER" || echo "no host tree: is virtio in this kernel?"
fi
mount -t tmpfs tmpfs /mnt
busybox mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$LOWER,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
if ! read -r line </mnt/root/etc/passwd; then
    # Linux 5.10 lists files of an overlay on hostfs but cannot open them.
    busybox umount /mnt/root
    mount -o bind "$LOWER" /mnt/root
    mount -t tmpfs tmpfs /mnt/root/mnt
fi
cd /mnt/root || exit 1
mount -o move /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
busybox mkdir -p dev/pts dev/shm
busybox ln -sf /proc/self/fd dev/fd
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
busybox mkdir -p ".$LAB"
if [ "$LOWER" = / ]; then
    mount -t hostfs -o "${LAB%/*}" none ".${LAB%/*}"
else
    mount -t 9p -o "$virtio,cache=none" lab ".${LAB%/*}"
fi
busybox ifconfig lo up
[ -z "$CARD" ] || busybox ifconfig "${CARD%/*}" "${CARD#*/}" netmask 255.255.255.0 up
busybox stty -F "dev/$TTY" raw
busybox chroot . /bin/sh "$LAB/stage2" >"dev/$TTY"
busybox poweroff -f
