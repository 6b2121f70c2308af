#!/bin/sh
# The guest's first process: modules, a throw-away overlay over the host's tree, then stage2.
# LAB (this guest's folder; it and what lies beside it reach the host) arrives through the kernel's command line.
modules=/usr/lib/uml/modules/$(uname -r)/kernel
mount -n -t proc proc /proc
for name in fs/overlayfs/overlay fs/netfs/netfs fs/fscache/fscache net/9p/9pnet net/9p/9pnet_fd fs/9p/9p; do
    [ -f "$modules/$name.ko" ] && busybox insmod "$modules/$name.ko"
done
mount -n -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -n -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
if ! read -r line </mnt/root/etc/passwd; then
    # Linux 5.10 lists files of an overlay on hostfs but cannot open them.
    umount /mnt/root
    mount -n --bind / /mnt/root
    for name in tmp mnt; do mount -n -t tmpfs tmpfs /mnt/root/$name; done
fi
cd /mnt/root || exit 1
mount -n --move /dev dev
mount -n -t proc proc proc
mount -n -t sysfs sysfs sys
mkdir -p dev/pts dev/shm
ln -s /proc/self/fd dev/fd
mount -n -t devpts devpts dev/pts
mount -n -t tmpfs tmpfs dev/shm
mount -n -t tmpfs tmpfs run
mkdir -p ".$LAB"
mount -n -t hostfs -o "${LAB%/*}" none ".${LAB%/*}"
busybox ifconfig lo up
stty -F dev/tty1 raw
chroot . /bin/sh "$LAB/stage2" >dev/tty1
busybox poweroff -f
