#!/bin/sh
# enter.sh STATE CGNAME START : join cgroups, private mounts, wait for a line on stdin, exec START
STATE=$1; CG=$2; START=$3
for TREE in cpuacct unified .; do
  [ -d /sys/fs/cgroup/$TREE/$CG ] && echo $$ > /sys/fs/cgroup/$TREE/$CG/cgroup.procs
done
mkdir -p $STATE/run $STATE/varlib $STATE/tmp
[ -d $STATE/etc ] || cp -a /etc $STATE/etc
chmod 755 $STATE $STATE/run
mount -t sysfs -o ro sysfs /sys
mount --bind $STATE/etc /etc
mount --bind $STATE/varlib /var/lib
mount --bind $STATE/run /run
[ -L /var/run ] || mount --bind /run /var/run
cd /
echo ready >&2
read x
exec $START </dev/null
