#!/bin/sh
# The first process of the machine: makes what a program expects to find, runs the one that the file `arguments` names
# (one argument a line), says how it ended, and switches the machine off. The files are the host's, and read-only.
exec </dev/null 2>&1
cd "$(dirname "$0")" || exit
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH TMPDIR
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs "$TMPDIR"
modules=/usr/lib/uml/modules/$(uname -r)
for name in net/bridge/bridge drivers/net/veth net/ipv6/ip6_tunnel; do
    # "kernel/a.ko: kernel/b.ko kernel/c.ko": what a needs stands in reverse order.
    needed=
    for file in $(sed -n "s|^\\(kernel/$name\\.ko\\):\\(.*\\)|\\1\\2|p" "$modules/modules.dep"); do
        needed="$file $needed"
    done
    for file in $needed; do
        [ -e "/sys/module/$(basename "$file" .ko | busybox tr - _)" ] || busybox insmod "$modules/$file"
    done
done
echo "up $(uname -r)"
xargs --delimiter='\n' --arg-file=arguments env
echo "ended $?"
busybox poweroff -f
