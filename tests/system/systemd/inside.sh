#!/bin/sh
# What happens inside the booted container: every step says `ok NAME` or `FAILED NAME: why` in /verdict/verdict, and at
# the end the machine is switched off. The test outside reads it.
#
# 10.77.0.0/24: the gateway's wan0 is one end of a veth, the other lies in a namespace with dnsmasq.
exec >/verdict/log 2>&1
verdict=/verdict/verdict
units="dhcpmgrd.socket dhcpmgrd-control.socket dhcpmgrd.service"

ok() { echo "ok $1" >>$verdict; }
failed() {
    echo "FAILED $1: $2" >>$verdict
    systemctl --no-pager status dhcpmgrd.service
}
# step NAME COMMAND…: the command must succeed.
step() {
    name=$1
    shift
    if said=$("$@" 2>&1); then ok "$name"; else failed "$name" "$* said: $(echo "$said" | tr '\n' ' ')"; fi
}
# eventually NAME COMMAND…: it must succeed within 20 s.
eventually() {
    name=$1
    shift
    tries=200
    while [ $tries -gt 0 ]; do
        if said=$("$@" 2>&1); then ok "$name"; return; fi
        tries=$((tries - 1))
        sleep 0.1
    done
    failed "$name" "not within 20 s: $* said: $(echo "$said" | tr '\n' ' ')"
}
# same NAME WANTED FOUND
same() { if [ "$2" = "$3" ]; then ok "$1"; else failed "$1" "wanted '$2', found '$3'"; fi; }

main_pid() { systemctl show --property MainPID --value dhcpmgrd.service; }
udhcpc_pid() { pidof udhcpc; }
worker_pid() { pgrep --full -- --handler-worker; }
rights() { # the sets of a process that count, and who it is
    awk '/^(Uid|CapPrm|CapEff|CapAmb|NoNewPrivs)/ { printf "%s%s ", $1, $2 }' "/proc/$1/status"
}
bounding() { awk '/^CapBnd/ { print $2 }' "/proc/$1/status"; }
bound() { dhcpmgr status --json | grep -q '"status":"Bound"'; }
address() { ip -4 -oneline address show dev wan0 | awk '{ print $4 }'; }
has_address() { [ "$(address)" = 10.77.0.100/24 ]; }
active() { systemctl --quiet is-active dhcpmgrd.service; }
runs_anew() { active && [ "$(main_pid)" != "$1" ] && bound; }
exactly() { [ "$(udhcpc_pid)" = "$1" ]; }
# Without these nothing that follows means anything.
finish() {
    journalctl --no-pager >/verdict/journal
    echo done >>$verdict
    systemctl --no-block poweroff
    exit
}
vendor_runs() { dhcpmgr handler list | grep "^vendor: .* signed with key .* worker [0-9]"; }
no_client() { ! pidof udhcpc; }
not_active() { ! active; }
says() { [ "$(systemctl show --property StatusText --value dhcpmgrd.service)" = "$1" ]; }

# --- the world
ip netns add isp
ip link add wan0 type veth peer name p0 netns isp
ip link set wan0 up
ip -n isp link set lo up
ip -n isp address add 10.77.0.1/24 dev p0
ip -n isp link set p0 up
ip netns exec isp dnsmasq --keep-in-foreground --port=0 --interface=p0 --bind-interfaces --conf-file=/dev/null \
    --dhcp-range=10.77.0.100,10.77.0.100,10m --dhcp-leasefile=/run/isp.leases --dhcp-option=6,192.0.2.53 \
    --log-dhcp --log-facility=/run/isp.log --user=root --pid-file= --dhcp-authoritative --no-ping &

# --- installed: there, and quiet
step installs dpkg --install /package/dhcpmgr.deb
step user id dhcpmgr
step quiet-without-configuration not_active
same enabled "enabled enabled enabled" "$(systemctl is-enabled $units | tr '\n' ' ' | sed 's/ $//')"
same verify "" "$(systemd-analyze verify --man=no $units 2>&1)"
step exposure systemd-analyze security --no-pager --threshold=20 dhcpmgrd.service

# --- started: a lease, with no more rights than that takes
cat >/etc/dhcpmgr/dhcpmgr.toml <<'TOML'
[daemon]
log = "debug"
[clients.wan4]
protocol  = "v4"
interface = "wan0"
[handlers.v4]
module = "libdhcpmgr_v4.so"
[handlers.apart]
module    = "libdhcpmgr_v4.so"
isolation = "worker"
grants    = ["events"]
TOML
# As fast as a test wants it; and what the daemon does only when an address changes within its subnet, in its place.
mkdir -p /run/systemd/system/dhcpmgrd.service.d
cat >/run/systemd/system/dhcpmgrd.service.d/test.conf <<'UNIT'
[Service]
WatchdogSec=2
TimeoutAbortSec=1
RestartSec=100ms
ExecStartPost=/bin/sh -c 'echo 1 >/proc/sys/net/ipv4/conf/wan0/promote_secondaries'
UNIT
systemctl daemon-reload
step starts systemctl start $units
eventually bound bound
bound || finish
eventually address has_address
eventually status-text says "the client is bound"
uid=$(id --user dhcpmgr)
client=$(udhcpc_pid)
same daemon-rights "Uid:$uid CapPrm:0000000000003400 CapEff:0000000000003400 CapAmb:0000000000000000 NoNewPrivs:1 " "$(rights "$(main_pid)")"
same daemon-bounding 0000000000003400 "$(bounding "$(main_pid)")"
same client-rights "Uid:$uid CapPrm:0000000000002400 CapEff:0000000000002400 CapAmb:0000000000002400 NoNewPrivs:1 " "$(rights "$client")"
same worker-rights "Uid:$uid CapPrm:0000000000000000 CapEff:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 " "$(rights "$(worker_pid)")"
step worker-is-locked-in sh -c 'dhcpmgr handler list | grep -q "confined by .*caps.*seccomp"'
same resolv-conf-mode 644 "$(stat --format %a /run/dhcpmgr/resolv.conf)"
same lease-socket "600 dhcpmgr" "$(stat --format '%a %U' /run/dhcpmgr/lease.sock)"
same control-socket "660 dhcpmgr" "$(stat --format '%a %U' /run/dhcpmgr/control.sock)"
same promote-secondaries 1 "$(cat /proc/sys/net/ipv4/conf/wan0/promote_secondaries)"
same stored-pidfds 1 "$(systemctl show --property NFileDescriptorStore --value dhcpmgrd.service)"
step from-the-socket sh -c 'dhcpmgr status --json | grep -q "\"accepted\":[1-9]"'

# --- reloaded
echo 'metric = 77' >/tmp/metric
sed -i '/^interface/r /tmp/metric' /etc/dhcpmgr/dhcpmgr.toml
step reloads systemctl reload dhcpmgrd.service
eventually reload-applied sh -c 'ip route show dev wan0 | grep -q "metric 77"'
eventually active-after-reload active
eventually status-text-after-reload says "the client is bound"

# --- restarted, killed, stuck: the client and its address do not notice
ip -timestamp monitor address route dev wan0 >/verdict/monitor &
monitor=$!
before=$(main_pid)
step restarts systemctl restart dhcpmgrd.service
eventually bound-after-restart runs_anew "$before"
same client-after-restart "$client" "$(udhcpc_pid)"
before=$(main_pid)
kill -KILL "$before"
eventually back-after-kill runs_anew "$before"
same client-after-kill "$client" "$(udhcpc_pid)"
before=$(main_pid)
kill -STOP "$before"
eventually back-after-watchdog runs_anew "$before"
same client-after-watchdog "$client" "$(udhcpc_pid)"
step watchdog-in-journal sh -c 'journalctl --unit dhcpmgrd.service | grep -q "Watchdog timeout"'
before=$(main_pid)
step upgrades dpkg --install /package/dhcpmgr.deb
eventually back-after-upgrade runs_anew "$before"
same client-after-upgrade "$client" "$(udhcpc_pid)"

# --- stopped: a renewal waits in the socket and starts the daemon again
step stops systemctl stop dhcpmgrd.service
step inactive not_active
step client-runs-on exactly "$client"
kill -USR1 "$client"
eventually started-by-the-message active
active || finish
eventually renewal-is-taken sh -c 'dhcpmgr why wan4 --json | grep -q "\"event\":\"renew\""'
step nothing-spooled sh -c '! ls /run/dhcpmgr/spool/*.lease'
same one-client "$client" "$(udhcpc_pid)"
kill "$monitor"
same nothing-moved "" "$(grep Deleted /verdict/monitor)"

# --- stopped with on_stop = "release": the lease is given back and the client ends
echo 'on_stop = "release"' >/tmp/release
sed -i '/^interface/r /tmp/release' /etc/dhcpmgr/dhcpmgr.toml
step reloads-again systemctl reload dhcpmgrd.service
eventually policy-is-known sh -c 'dhcpmgr config show | grep -q "on_stop.*release"'
step stops-with-release systemctl stop $units
step no-client no_client
same no-address "" "$(address)"
step released grep -q DHCPRELEASE /run/isp.log

# --- removed
step starts-again systemctl start $units
eventually bound-again bound
sed -i '/^on_stop/d' /etc/dhcpmgr/dhcpmgr.toml

# --- a vendor's module: what is checked is what is loaded, also within the bounds of the unit
modules=/usr/lib/dhcpmgr/handlers
install -m 644 /verdict/vendor.so $modules/libvendor.so
install -m 644 /verdict/vendor.so.minisig $modules/libvendor.so.minisig
cat >/etc/dhcpmgr/conf.d/vendor.toml <<TOML
[handlers.vendor]
module = "libvendor.so"
public_keys = ["$(sed -n 2p /verdict/vendor.pub)"]
grants = ["events"]
TOML
step reloads-with-vendor systemctl reload dhcpmgrd.service
eventually signed-module-runs vendor_runs
echo >>$modules/libvendor.so
step changed-module-is-refused sh -c '! dhcpmgr handler reload vendor 2>/tmp/said && grep "does not fit" /tmp/said'
step signed-module-runs-on vendor_runs
rm /etc/dhcpmgr/conf.d/vendor.toml $modules/libvendor.so*
step reloads-without-vendor systemctl reload dhcpmgrd.service
step purges dpkg --purge dhcpmgr
eventually no-client-left no_client
step no-state sh -c '! ls -d /var/lib/dhcpmgr /run/dhcpmgr /etc/dhcpmgr'
same no-units "" "$(systemctl list-unit-files --no-legend 'dhcpmgrd*')"
finish
