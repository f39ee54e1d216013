#!/usr/bin/python3
"""Lab topology: netns perf-isp (servers) and perf-cpe (contenders).

Uplink i:   [perf-cpe] wan<i> <--veth--> p<i> (port of bridge br<i>) [perf-isp]
Every uplink is its own L2 and its own subnet (1:1 VLAN / per-subscriber model):
  v4  10.(100+i/256).(i%256).0/24, gw .1   v6 2001:db8:<i>::/64 on-link, NA pool there, PD 2001:db8:8000+i::/48 -> /56
The bridge is only there so that 'cable in/out' is a carrier event on wan<i> (p<i> up/down)
while the server's own interface br<i> never goes admin-down.
"""
import os, sys, json, subprocess, time, signal
LAB = os.environ.get("PERF_LAB", "")
ISP, CPE = "perf-isp" + LAB, "perf-cpe" + LAB
BASE = os.environ.get("PERF_BASE", "/tmp/dhcpmgr-perf")
RUN = BASE + "/run" + LAB
HERE = os.path.dirname(os.path.abspath(__file__))

def sh(cmd, **kw):
    return subprocess.run(cmd, shell=True, check=kw.pop("check", True), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)

def v4net(i): return f"10.{100 + (i >> 8)}.{i & 255}"

def batch(ns, lines, force=False):
    p = subprocess.run(["ip", "-n", ns] + (["-force"] if force else []) + ["-batch", "-"], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode and not force:
        raise RuntimeError(p.stdout[:500])

def servers_pids():
    try:
        return json.load(open(RUN + "/servers.json"))
    except Exception:
        return []

def stop_servers():
    for pid in servers_pids():
        try: os.kill(pid, signal.SIGKILL)
        except ProcessLookupError: pass
    try: os.unlink(RUN + "/servers.json")
    except FileNotFoundError: pass

def down():
    stop_servers()
    for ns in (CPE, ISP):
        if os.path.exists("/run/netns/" + ns):
            sh(f"ip netns del {ns}", check=False)
    time.sleep(0.3)

def up(n, lease=3600):
    down()
    os.makedirs(RUN, exist_ok=True)
    for ns in (ISP, CPE):
        sh(f"ip netns add {ns}")
    sh(f"ip netns exec {ISP} sh -c 'sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1 net.ipv6.conf.default.forwarding=1 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_ra=0; sysctl -qw net.ipv6.neigh.default.gc_thresh3=16384; true'", check=False)
    batch(ISP, ["link set lo up"])
    batch(CPE, ["link set lo up", "link add lan0 type bridge", "link add lanp type veth peer name lanq",
                "link set lanp master lan0", "link set lanp up", "link set lanq up", "link set lan0 up"])
    l = []
    for i in range(n):
        l += [f"link add br{i} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
              f"link add p{i} type veth peer name wan{i} netns {CPE}",
              f"link set p{i} addrgenmode none",
              f"link set p{i} master br{i}", f"link set br{i} up", f"link set p{i} up",
              f"addr add {v4net(i)}.1/24 dev br{i}",
              f"addr add 2001:db8:{i:x}::1/64 dev br{i} nodad"]
    batch(ISP, l)
    batch(CPE, [f"link set wan{i} up" for i in range(n)])
    # the rest of the lab
    start_servers(n, lease)
    batch(ISP, [f"link set p{i} down" for i in range(n)])
    time.sleep(0.5)

def start_servers(n, lease):
    stop_servers()
    t1, t2 = lease // 2, lease * 7 // 8
    k4 = {"Dhcp4": {
        "interfaces-config": {"interfaces": [f"br{i}" for i in range(n)], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": False},
        "valid-lifetime": lease, "min-valid-lifetime": lease, "max-valid-lifetime": lease, "renew-timer": t1, "rebind-timer": t2,
        "control-socket": {"socket-type": "unix", "socket-name": RUN + "/kea4.sock"},
        "subnet4": [{"id": i + 1, "subnet": f"{v4net(i)}.0/24", "interface": f"br{i}",
                     "pools": [{"pool": f"{v4net(i)}.10-{v4net(i)}.250"}],
                     "option-data": [{"name": "routers", "data": f"{v4net(i)}.1"},
                                     {"name": "domain-name-servers", "data": "192.0.2.53"}]} for i in range(n)],
        "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": RUN + "/kea4.log"}]}]}}
    k6 = {"Dhcp6": {
        "interfaces-config": {"interfaces": [f"br{i}" for i in range(n)]},
        "lease-database": {"type": "memfile", "persist": False},
        "preferred-lifetime": lease * 3 // 4, "valid-lifetime": lease, "renew-timer": t1, "rebind-timer": lease * 5 // 8,
        "control-socket": {"socket-type": "unix", "socket-name": RUN + "/kea6.sock"},
        "server-id": {"type": "LLT", "persist": False},
        "subnet6": [{"id": i + 1, "subnet": f"2001:db8:{i:x}::/64", "interface": f"br{i}", "rapid-commit": True,
                     "pools": [{"pool": f"2001:db8:{i:x}::1000-2001:db8:{i:x}::ffff"}],
                     "pd-pools": [{"prefix": f"2001:db8:{0x8000 + i:x}::", "prefix-len": 48, "delegated-len": 56}],
                     "option-data": [{"name": "dns-servers", "data": "2001:db8::53"}]} for i in range(n)],
        "loggers": [{"name": "kea-dhcp6", "severity": "WARN", "output_options": [{"output": RUN + "/kea6.log"}]}]}}
    json.dump(k4, open(RUN + "/kea4.json", "w")); json.dump(k6, open(RUN + "/kea6.json", "w"))
    env = dict(os.environ, KEA_PIDFILE_DIR=RUN, KEA_LOCKFILE_DIR=RUN)
    pids = []
    for f in os.listdir(RUN):
        if f.endswith(".pid") or f.endswith(".lock"): os.unlink(RUN + "/" + f)
    v6 = os.environ.get("PERF_V6", "1") == "1"
    for cmd in [["kea-dhcp4", "-c", RUN + "/kea4.json"]] + ([["kea-dhcp6", "-c", RUN + "/kea6.json"], ["/usr/bin/python3", HERE + "/rad.py"]] if v6 else []):
        p = subprocess.Popen(["nsenter", f"--net=/run/netns/{ISP}"] + cmd, env=env, stdin=subprocess.DEVNULL,
                             stdout=open(RUN + "/" + os.path.basename(cmd[0]) + ".out", "w"), stderr=subprocess.STDOUT, start_new_session=True)
        pids.append(p.pid)
    json.dump(pids, open(RUN + "/servers.json", "w"))
    # wait until both servers hold sockets on every interface
    for _ in range(100):
        time.sleep(0.1)
        u4 = sh(f"ip netns exec {ISP} ss -Hlun 'sport = :67' | wc -l").stdout.strip()
        u6 = sh(f"ip netns exec {ISP} ss -Hlun 'sport = :547' | wc -l").stdout.strip()
        if int(u4) >= n and (not v6 or int(u6) >= 2 * n): break
    else:
        raise RuntimeError(f"servers not ready u4={u4} u6={u6}")

if __name__ == "__main__":
    if sys.argv[1] == "up": up(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3600)
    else: down()
