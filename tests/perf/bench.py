#!/usr/bin/python3
"""bench.py n1|burst|renew|crash CONTENDER [options]  -- see README.md. Results: one JSON per run in $PERF_BASE/results"""
import argparse, json, os, shutil, signal, socket, struct, subprocess, sys, time, statistics
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab, mon
from mon import now, in_ns
HERE = lab.HERE; BASE = lab.BASE
# Hybrid cgroups keep CPU time in cpuacct; where there is only version 2, one tree has it all.
HYBRID = os.path.isdir("/sys/fs/cgroup/cpuacct")
CPU = "/sys/fs/cgroup/cpuacct/" if HYBRID else "/sys/fs/cgroup/"; V2 = "/sys/fs/cgroup/unified/" if HYBRID else CPU

def hoststat():
    f = open("/proc/stat").readline().split()[1:9]
    return [int(x) for x in f]

def quiet(max_wait, sample=0.25, limit=0.12):
    """wait until everybody else leaves the machine alone; returns the busy share of the last sample"""
    end = time.time() + max_wait
    while True:
        a = hoststat(); time.sleep(sample); b = hoststat(); d_ = [y - x for x, y in zip(a, b)]
        busy = 1 - (d_[3] + d_[4]) / max(1, sum(d_))
        if busy <= limit or time.time() > end: return round(busy, 2)

class Links:
    """carrier control from the ISP side, one netlink sendto for all"""
    def __init__(s, n):
        with in_ns(lab.ISP):
            s.s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.s.bind((0, 0))
            s.idx = [socket.if_nametoindex(f"p{i}") for i in range(n)]
    def set(s, up):
        msg = b"".join(struct.pack("=IHHIIBxHiII", 32, 16, 1, k + 1, 0, 0, 0, ix, 1 if up else 0, 1) for k, ix in enumerate(s.idx))
        t = now(); s.s.send(msg); return t

class Contender:
    def __init__(s, name, n):
        s.name = name; s.n = n; s.dir = next(d for d in (os.environ.get("PERF_CONTENDERS", HERE + "/contenders") + "/" + name, f"{HERE}/contenders/{name}") if os.path.isdir(d))
        s.conf = json.load(open(s.dir + "/conf.json")); s.cg = f"perf{lab.LAB}-{name}"
        s.state = f"{lab.RUN}/{name}"; s.p = None; s.perf = None
        for r in (CPU, V2): os.makedirs(r + s.cg, exist_ok=True)
    def env(s):
        return dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", LANG="C", PERF_N=str(s.n), PERF_IFS=" ".join(f"wan{i}" for i in range(s.n)),
                    PERF_STATE=s.state, PERF_DIR=s.dir, PERF_HARNESS=HERE, TZ="UTC", FLOOR_LOG=s.state + "/floor.log" if s.n == 1 else s.state + "/floor.log")
    def prepare(s, clean=True):
        if clean:
            for d in ("run", "varlib"): shutil.rmtree(f"{s.state}/{d}", ignore_errors=True)
        os.makedirs(s.state, exist_ok=True)
        s.p = subprocess.Popen(["nsenter", f"--net=/run/netns/{lab.CPE}", "unshare", "-m", "--propagation", "private", "sh", HERE + "/enter.sh", s.state, s.cg, s.dir + "/start"],
                               env=s.env(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        while True:
            l = s.p.stderr.readline()
            if not l: raise RuntimeError("enter.sh failed")
            if l.strip() == b"ready": break
        s.p.stderr.close()
        s.base = s.usage()
    def go(s): s.p.stdin.write(b"\n"); s.p.stdin.close()
    def pids(s): return [int(x) for x in open(CPU + s.cg + "/cgroup.procs").read().split()]
    def usage(s):
        if not HYBRID:
            v = dict(l.split() for l in open(CPU + s.cg + "/cpu.stat"))
            return [int(v[k]) * 1000 for k in ("usage_usec", "user_usec", "system_usec")]
        r = lambda f: int(open(CPU + s.cg + "/" + f).read())
        return [r("cpuacct.usage"), r("cpuacct.usage_user"), r("cpuacct.usage_sys")]
    def cpu(s): return (s.usage()[0] - s.base[0]) / 1e9
    def mem(s):
        pss = rss = 0; np = 0; names = {}
        for p in s.pids():
            try:
                d = dict(l.split(":", 1) for l in open(f"/proc/{p}/smaps_rollup").read().splitlines()[1:])
                pss += int(d["Pss"].split()[0]); rss += int(d["Rss"].split()[0]); np += 1
                c = open(f"/proc/{p}/comm").read().strip(); names[c] = names.get(c, 0) + 1
            except (FileNotFoundError, ProcessLookupError): pass
        return dict(pss_kb=pss, rss_kb=rss, procs=np, names=names)
    def stop(s, hard=False):
        if s.p is None: return
        if os.path.exists(s.dir + "/stop") and not hard:
            subprocess.run([s.dir + "/stop"], env=s.env())
        for sig, t in ((signal.SIGTERM, 15), (signal.SIGKILL, 30)):
            if hard and sig == signal.SIGTERM: continue
            for _ in range(t):
                pl = s.pids()
                if not pl: break
                if _ == 0 or sig == signal.SIGKILL:
                    for p in pl:
                        try: os.kill(p, sig)
                        except ProcessLookupError: pass
                time.sleep(0.05 if _ else 0.01)
        s.p.wait(); s.p = None
    def perf_start(s, secs):
        if not shutil.which("perf"): s.perf = subprocess.Popen(["sleep", str(secs)]); return
        ev = "sched:sched_process_exec,sched:sched_process_fork,raw_syscalls:sys_enter"
        s.perf = subprocess.Popen(["perf", "stat", "-a", "-e", ev, "-G", ",".join([s.cg] * 3), "-x,", "-o", s.state + "/perf.csv", "sleep", str(secs)])
    def perf_read(s):
        s.perf.wait(); r = {}
        if not os.path.exists(s.state + "/perf.csv"): return r
        for l in open(s.state + "/perf.csv"):
            f = l.split(",")
            if len(f) > 3 and f[0].isdigit(): r[f[2].split(":")[1]] = int(f[0])
        return r
    def rmcg(s):
        for r in (CPU, V2):
            for _ in range(20):
                try: os.rmdir(r + s.cg); break
                except OSError: time.sleep(0.05)

def addr_s(a): return socket.inet_ntop(socket.AF_INET if len(a) == 4 else socket.AF_INET6, a)

class Track:
    """state per uplink since T0"""
    def __init__(s, m, ifmap, n):
        s.m = m; s.pos = len(m.ev); s.ix = {ifmap[f"wan{i}"]: i for i in range(n)}; s.lan = ifmap["lan0"]
        s.u = [dict(msgs=[]) for _ in range(n)]; s.pd = None; s.nl = {}; s.cnt4 = s.cnt6 = 0
        s.cfg4 = set(); s.cfg6 = set(); s.def4 = set(); s.def6 = set()
    def feed(s):
        ev = s.m.ev; e = len(ev)
        for k in range(s.pos, e):
            x = ev[k]; ts, kind, ifi = x[0], x[1], x[2]
            if kind != "pkt" and kind != "NEWLINK": s.nl[kind + str(x[3])] = s.nl.get(kind + str(x[3]), 0) + 1
            if ifi == s.lan and kind == "NEWADDR" and x[3] == 6 and x[4][:3] == b"\x20\x01\x0d" and s.pd is None: s.pd = ts
            i = s.ix.get(ifi)
            if i is None: continue
            u = s.u[i]
            if kind == "pkt":
                _, _, _, d, v, mt, a = x
                u["msgs"].append((ts, v, mt))
                if v == 4:
                    if d == "out" and mt in (1, 3): u.setdefault("req4", ts)
                    if d == "in" and mt == 5: u.setdefault("ack", ts); u.setdefault("ip4", a)
                else:
                    if d == "out" and mt in (1, 3, 6): u.setdefault("sol6", ts)
                    if d == "in" and mt == 7 and a: u.setdefault("rep6", ts); u.setdefault("ip6", a)
            elif kind == "NEWLINK":
                if x[3] & 0x10000: u.setdefault("lowerup", ts)
            elif kind == "NEWADDR":
                a = x[4]
                if x[3] == 4:
                    u.setdefault("new4", ts); u.setdefault("plen4", x[5]); u.setdefault("a4", a)
                    if x[5] == 24 and "cfg4" not in u: u["cfg4"] = ts; s.cfg4.add(i)
                elif x[7] == 0 and a[:4] == b"\x20\x01\x0d\xb8":
                    u.setdefault("new6", ts)
                    if not x[6] & 0x40 and "cfg6" not in u: u["cfg6"] = ts; s.cfg6.add(i)
                elif x[7] == 253 and not x[6] & 0x40: u.setdefault("ll6", ts)
            elif kind == "DELADDR":
                if x[3] == 4 and x[5] == 24: u["del4"] = u.get("del4", 0) + 1
                if x[3] == 4: u["del4any"] = u.get("del4any", 0) + 1
                elif x[3] == 6 and x[7] == 0: u["del6"] = u.get("del6", 0) + 1
            elif kind == "NEWROUTE" and x[5] == 0 and x[6] == 1:
                if x[3] == 4: u.setdefault("def4", ts); s.def4.add(i)
                else: u.setdefault("def6", ts); s.def6.add(i)
        s.pos = e

def wait(tr, cond, timeout, step=0.005):
    end = time.time() + timeout
    while time.time() < end:
        tr.feed()
        if cond(): return True
        time.sleep(step)
    tr.feed(); return False

def have_addrs():
    """uplinks that still have a global v4 address"""
    o = subprocess.run(["ip", "-n", lab.CPE, "-j", "-4", "addr"], stdout=subprocess.PIPE).stdout
    return sum(1 for l in json.loads(o or b"[]") if l.get("ifname", "").startswith("wan") and l.get("addr_info"))

def flush(n):
    lab.batch(lab.CPE, [f"addr flush dev wan{i} scope global" for i in range(n)] + ["-6 route flush proto ra", "addr flush dev lan0 scope global"], force=True)

def st(v, scale=1e6):
    v = sorted(x for x in v if x is not None)
    if not v: return None
    q = lambda p: v[min(len(v) - 1, int(round(p * (len(v) - 1))))]
    return dict(n=len(v), min=round(v[0] / scale, 3), med=round(statistics.median(v) / scale, 3), p95=round(q(.95) / scale, 3), max=round(v[-1] / scale, 3))

def d(u, a, b): return u[a] - u[b] if a in u and b in u else None

def save(kind, name, n, r):
    os.makedirs(BASE + "/results", exist_ok=True)
    r["when"] = time.strftime("%F %T"); r["kind"] = kind; r["contender"] = name; r["N"] = n
    json.dump(r, open(f"{BASE}/results/{kind}-{name}-{n}.json", "w"), indent=1, default=str)
    print(json.dumps(r, default=str)[:1500], flush=True)

def setup(n, lease):
    lab.up(n, lease); ifmap = mon.load_ifmap(lab.CPE); m = mon.Monitor(lab.CPE); return ifmap, m, Links(n)

def mode_n1(name, runs, a):
    ifmap, m, L = setup(1, 3600); c = Contender(name, 1); cf = c.conf; rows = []; t_start = time.time(); hs0 = hoststat()
    try:
        if cf["kind"] == "daemon":
            c.prepare(); c.go(); time.sleep(cf.get("settle", 3)); r0 = c.cpu(); mem = None
        seqs = {}
        for r in range(runs):
            if a.budget and time.time() - t_start > a.budget: break
            if cf["kind"] == "oneshot":
                c.prepare(); time.sleep(0.15)
            qb = quiet(a.quiet)
            c0 = c.usage()[0]
            tr = Track(m, ifmap, 1); T0 = L.set(True)
            if cf["kind"] == "oneshot": c.go()
            u = tr.u[0]
            ok = wait(tr, lambda: (not cf["v4"] or ("cfg4" in u and ("def4" in u or now() - u["cfg4"] > 1.5e9))) and (not cf["v6"] or ("cfg6" in u)), a.timeout)
            time.sleep(0.3 if cf["v6"] == 0 else 0.5); tr.feed()
            row = {k: u[k] - T0 for k in ("lowerup", "req4", "ack", "new4", "cfg4", "def4", "ll6", "sol6", "rep6", "new6", "cfg6", "def6") if k in u}
            if tr.pd: row["pd"] = tr.pd - T0
            row["busy_before"] = qb; row["T0"] = T0; row["plen4"] = u.get("plen4"); row["del4any"] = u.get("del4any", 0); row["cpu"] = c.usage()[0] - c0
            seq = " ".join(f"{v}:{mt}" for _, v, mt in sorted(u["msgs"])[:14]); seqs[seq] = seqs.get(seq, 0) + 1
            rows.append(row)
            if r == 0: mem = c.mem()
            if cf["kind"] == "oneshot": c.stop(hard=True)
            L.set(False)
            if cf["kind"] == "daemon":
                for _ in range(200):
                    if have_addrs() == 0: break
                    time.sleep(0.05)
                time.sleep(0.3 + 0.2 * (cf["v6"]))
            else: flush(1); time.sleep(0.05)
        D = lambda x, y: st([row[x] - row[y] for row in rows if x in row and y in row])
        hs1 = hoststat()
        save("n1", name, 1, dict(runs=len(rows), busy_before=st([w["busy_before"] for w in rows], 1), ok=sum(1 for w in rows if "cfg4" in w or "cfg6" in w),
             T1_v4=st([w.get("cfg4") for w in rows]), first_pkt4=st([w.get("req4") for w in rows]), T2_first_newaddr=D("new4", "ack"), T2_addr=D("cfg4", "ack"), T2_route=D("def4", "ack"),
             no_route4=sum(1 for w in rows if cf["v4"] and "def4" not in w), lowerup=st([w.get("lowerup") for w in rows]),
             T1_v6=st([w.get("new6") for w in rows]), T1_v6_usable=st([w.get("cfg6") for w in rows]), ll6=st([w.get("ll6") for w in rows]), sol6=st([w.get("sol6") for w in rows]), T2_v6=D("new6", "rep6"), T2_v6_usable=D("cfg6", "rep6"), T2_pd=D("pd", "rep6"), def6=st([w.get("def6") for w in rows]),
             cpu_ms=st([w["cpu"] for w in rows]), plen4=sorted({str(w["plen4"]) for w in rows}), del4any=sum(w["del4any"] for w in rows), mem=mem, seqs=seqs,
             host_busy=[b - x for b, x in zip(hs1, hs0)], load=os.getloadavg(), rows=rows))
    finally:
        c.stop(hard=True); c.rmcg(); m.close()

def mode_burst(name, n, a):
    ifmap, m, L = setup(n, 3600); c = Contender(name, n); cf = c.conf; out = []
    try:
        for r in range(a.reps):
            c.prepare(); 
            if cf["kind"] == "daemon":
                c.go(); time.sleep(cf.get("settle", 3) + n / 40); 
            else: time.sleep(0.3)
            start_cpu = c.cpu(); qb = quiet(a.quiet * 5, 0.5); c.perf_start(a.timeout + 2 if False else a.window)
            time.sleep(0.2)
            tr = Track(m, ifmap, n); hs0 = hoststat(); u0 = c.usage(); T0 = L.set(True)
            if cf["kind"] == "oneshot": c.go()
            want4 = n if cf["v4"] else 0; want6 = n if cf["v6"] else 0
            t_end = time.time() + a.timeout
            ok = wait(tr, lambda: len(tr.cfg4) >= want4 and len(tr.cfg6) >= want6, a.timeout, 0.02)
            time.sleep(max(0.5, min(1.5, t_end - time.time()))); tr.feed()
            u1 = c.usage(); hs1 = hoststat(); cpu_cfg = (u1[0] - u0[0]) / 1e9
            px = c.perf_read(); tr.feed(); mem = c.mem(); 
            f = lambda k: st([x[k] - T0 for x in tr.u if k in x])
            res = dict(ok=ok, busy_before=qb, cfg4=len(tr.cfg4), cfg6=len(tr.cfg6), def4=len(tr.def4), def6=len(tr.def6), lowerup=f("lowerup"), t_first_pkt=f("req4"), t_ack=f("ack"), t_cfg4=f("cfg4"), t_def4=f("def4"), t_sol6=f("sol6"), t_rep6=f("rep6"), t_new6=f("new6"), t_cfg6=f("cfg6"),
                       T2_addr=st([d(x, "cfg4", "ack") for x in tr.u]), T2_route=st([d(x, "def4", "ack") for x in tr.u]), T2_v6=st([d(x, "new6", "rep6") for x in tr.u]),
                       cpu_s=cpu_cfg, cpu_user=(u1[1] - u0[1]) / 1e9, cpu_sys=(u1[2] - u0[2]) / 1e9, start_cpu=start_cpu, perf=px, mem=mem, nl=tr.nl, lost=m.lost, load=os.getloadavg(), host_ticks=[b - x for b, x in zip(hs1, hs0)])
            # exchanges of (up to 3) uplinks that needed a retransmission: (ms, family, message type, direction is implied by the type)
            res["retransmitted4"] = sum(1 for x in tr.u if sum(1 for _, v, mt in x["msgs"] if v == 4 and mt == 1) > 1 or sum(1 for _, v, mt in x["msgs"] if v == 4 and mt == 3) > 1)
            res["slow"] = [[(round((ts - T0) / 1e6, 1), v, mt) for ts, v, mt in sorted(x["msgs"])][:12] for x in tr.u if sum(1 for _, v, mt in x["msgs"] if v == 4 and mt in (1, 3)) > 2][:3]
            # real kernel state
            o = json.loads(subprocess.run(["ip", "-n", lab.CPE, "-j", "route", "show", "default"], stdout=subprocess.PIPE).stdout or b"[]"); res["default_routes_v4"] = len(o)
            res["addrs_v4"] = have_addrs()
            out.append(res); print(r, json.dumps(res)[:900], flush=True)
            c.stop(hard=True); L.set(False); flush(n); time.sleep(0.5)
        save("burst", name, n, dict(reps=out))
    finally:
        c.stop(hard=True); c.rmcg(); m.close()

def mode_renew(name, n, a):
    ifmap, m, L = setup(n, a.lease); c = Contender(name, n); cf = c.conf
    try:
        c.prepare()
        if cf["kind"] == "daemon": c.go(); time.sleep(cf.get("settle", 3) + n / 40)
        tr = Track(m, ifmap, n); L.set(True)
        if cf["kind"] == "oneshot": c.go()
        ok = wait(tr, lambda: (not cf["v4"] or len(tr.cfg4) >= n) and (not cf["v6"] or len(tr.cfg6) >= n), a.timeout, 0.05)
        time.sleep(3)
        tr2 = Track(m, ifmap, n); c.perf_start(a.secs); u0 = c.usage(); hs0 = hoststat(); t0 = time.time()
        time.sleep(a.secs); u1 = c.usage(); hs1 = hoststat(); px = c.perf_read(); tr2.feed(); el = time.time() - t0
        pk = {}
        for u in tr2.u:
            for ts, v, mt in u["msgs"]: pk[f"{v}:{mt}"] = pk.get(f"{v}:{mt}", 0) + 1
        save(f"renew{a.lease}", name, n, dict(ok=ok, configured4=len(tr.cfg4), configured6=len(tr.cfg6), secs=a.secs, lease=a.lease, cpu_s=(u1[0] - u0[0]) / 1e9, cpu_user=(u1[1] - u0[1]) / 1e9, cpu_sys=(u1[2] - u0[2]) / 1e9, perf=px, nl=tr2.nl, pkts=pk,
             flaps4=sum(u.get("del4any", 0) for u in tr2.u), flaps6=sum(u.get("del6", 0) for u in tr2.u), addrs_v4=have_addrs(), mem=c.mem(), lost=m.lost, load=os.getloadavg(), host_ticks=[b - x for b, x in zip(hs1, hs0)]))
    finally:
        c.stop(hard=True); c.rmcg(); m.close()

def mode_handler(name, n, a):
    """handler alone: vfork+exec of the contender's 'handler' with udhcpc's bound environment -> RTM_NEWADDR / RTM_NEWROUTE / exit"""
    ifmap, m, L = setup(1, 3600); c = Contender(name, 1); L.set(True); time.sleep(0.5)
    try:
        h = c.conf["handler"].replace("$H", HERE).replace("$D", c.dir)
        startfile = c.state + "/handler-start"; os.makedirs(c.state, exist_ok=True)
        if os.path.exists(c.state + "/handler.out"): os.unlink(c.state + "/handler.out")
        pre = c.conf.get("handler_daemon", "").replace("$H", HERE).replace("$D", c.dir)
        open(startfile, "w").write(f"#!/bin/sh\n{pre}\nsleep 0.5\nexec {HERE}/floor/fakeudhcpc {h} wan0 {lab.v4net(0)} {a.runs} 20000 > {c.state}/handler.out\n"); os.chmod(startfile, 0o755)
        d0 = c.dir; c.dir = c.state; shutil.copy(startfile, c.state + "/start"); pos = len(m.ev)
        c.prepare(); c.dir = d0; c.perf_start(0.2 + 1 + a.runs * 0.12); time.sleep(0.1); u0 = c.usage(); c.go()
        while subprocess.run(["pgrep", "-x", "fakeudhcpc"], stdout=subprocess.PIPE).stdout and False: pass
        for _ in range(6000):
            time.sleep(0.05)
            try:
                if sum(1 for _ in open(c.state + "/handler.out")) >= a.runs: break
            except FileNotFoundError: pass
        time.sleep(0.3); u1 = c.usage(); rows = []
        ev = m.ev[pos:]
        for l in open(c.state + "/handler.out"):
            ip, t0, t1 = l.split(); t0 = int(t0); t1 = int(t1); A = socket.inet_aton(ip)
            na = [x[0] for x in ev if x[1] == "NEWADDR" and x[4] == A and x[5] == 24 and t0 < x[0] < t1 + 20e6]
            nr = [x[0] for x in ev if x[1] == "NEWROUTE" and x[3] == 4 and x[5] == 0 and t0 < x[0] < t1 + 20e6]
            rows.append(((na[0] - t0) if na else None, (nr[0] - t0) if nr else None, t1 - t0))
        px = c.perf_read()
        save("handler", name, 1, dict(runs=len(rows), addr=st([r[0] for r in rows]), route=st([r[1] for r in rows]), exit=st([r[2] for r in rows]), perf_incl_flush=px, load=os.getloadavg()))
    finally:
        c.stop(hard=True); c.rmcg(); m.close()

def timeline(m, ifmap, pos, T):
    inv = {v: k for k, v in ifmap.items()}; r = []
    M4 = {1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 5: "ACK", 6: "NAK", 7: "RELEASE", 4: "DECLINE", 8: "INFORM"}
    M6 = {1: "SOLICIT", 2: "ADVERTISE", 3: "REQUEST", 4: "CONFIRM", 5: "RENEW", 6: "REBIND", 7: "REPLY", 8: "RELEASE", 9: "DECLINE", 11: "INFOREQ"}
    for x in sorted(m.ev[pos:], key=lambda e: e[0]):
        nm = inv.get(x[2], str(x[2])); dt = (x[0] - T) / 1e9
        if x[1] == "pkt": r.append(f"{dt:+.4f} {nm} {'v4' if x[4] == 4 else 'v6'} {(M4 if x[4] == 4 else M6).get(x[5], x[5])} {addr_s(x[6]) if x[6] else ''}")
        elif x[1] in ("NEWADDR", "DELADDR") and x[7] != 253: r.append(f"{dt:+.4f} {nm} {x[1]} {addr_s(x[4])}/{x[5]} flags={x[6]:#x}")
        elif x[1] in ("NEWROUTE", "DELROUTE") and (x[5] in (0, 48, 56)): r.append(f"{dt:+.4f} {nm} {x[1]} v{x[3]} {addr_s(x[4]) if x[4] else 'default'}/{x[5]} type={x[6]} prio={x[7]}")
    return r

def mode_crash(name, n, a):
    """configure, kill -9 the main process only (then whatever survives is left as is), 10 s, restart by hand, 25 s"""
    ifmap, m, L = setup(n, 120); c = Contender(name, n); cf = c.conf; log = []
    try:
        c.prepare(); 
        if cf["kind"] == "daemon": c.go(); time.sleep(cf.get("settle", 3) + n / 40)
        tr = Track(m, ifmap, n); L.set(True)
        if cf["kind"] == "oneshot": c.go()
        ok = wait(tr, lambda: (not cf["v4"] or len(tr.cfg4) >= n) and (not cf["v6"] or len(tr.cfg6) >= n), a.timeout, 0.05); time.sleep(3)
        pids = c.pids(); mem0 = c.mem(); main = c.p.pid
        pos = len(m.ev); T = now()
        victims = [main] if cf["kind"] == "daemon" else pids
        if cf.get("victim"): victims = [p for p in pids if open(f"/proc/{p}/comm").read().strip() == cf["victim"]]
        for p in victims:
            try: os.kill(p, signal.SIGKILL)
            except ProcessLookupError: pass
        time.sleep(0.5); left = c.mem(); time.sleep(9.5); left10 = c.mem()
        tl1 = timeline(m, ifmap, pos, T); a4 = have_addrs()
        # restart by hand: same start command in the same private mount state, leftovers are not touched unless they block the start
        c.p.wait() if cf["kind"] == "daemon" else None
        leftover = [p for p in c.pids()]
        for p in leftover:  # a supervisor (systemd: KillMode=control-group) would do this
            try: os.kill(p, signal.SIGKILL)
            except ProcessLookupError: pass
        c.prepare(clean=False); pos = len(m.ev); tr = Track(m, ifmap, n); T2 = now(); c.go(); time.sleep(a.after)
        tr.feed(); tl2 = timeline(m, ifmap, pos, T2)
        flap4 = sum(u.get("del4any", 0) for u in tr.u); flap6 = sum(u.get("del6", 0) for u in tr.u)
        acks = [x["ack"] - T2 for x in tr.u if "ack" in x]; rep = [x["rep6"] - T2 for x in tr.u if "rep6" in x]
        save("crash", name, n, dict(ok=ok, killed=victims, before=mem0, left_after_0_5s=left, left_after_10s=left10, addrs_before=n, addrs_after_crash=a4, timeline_crash=tl1[:60], timeline_restart=tl2[:80],
             managed_again_v4=st(acks), managed_again_v6=st(rep), flaps4=flap4, flaps6=flap6, discover=sum(1 for u in tr.u for _, v, mt in u["msgs"] if v == 4 and mt == 1), request=sum(1 for u in tr.u for _, v, mt in u["msgs"] if v == 4 and mt == 3), solicit=sum(1 for u in tr.u for _, v, mt in u["msgs"] if v == 6 and mt == 1),
             v6msgs=sorted({mt for u in tr.u for _, v, mt in u["msgs"] if v == 6}), addrs_end=have_addrs()))
        print("\n".join(tl1[:30])); print("--- restart"); print("\n".join(tl2[:50]))
    finally:
        c.stop(hard=True); c.rmcg(); m.close()

if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("mode"); ap.add_argument("name"); ap.add_argument("-n", type=int, default=1)
    ap.add_argument("--runs", type=int, default=30); ap.add_argument("--reps", type=int, default=3); ap.add_argument("--timeout", type=float, default=15)
    ap.add_argument("--lease", type=int, default=10); ap.add_argument("--secs", type=int, default=60); ap.add_argument("--budget", type=float, default=0)
    ap.add_argument("--window", type=float, default=15); ap.add_argument("--quiet", type=float, default=6); ap.add_argument("--after", type=float, default=20)
    a = ap.parse_args()
    dict(n1=lambda: mode_n1(a.name, a.runs, a), burst=lambda: mode_burst(a.name, a.n, a), renew=lambda: mode_renew(a.name, a.n, a), crash=lambda: mode_crash(a.name, a.n, a), handler=lambda: mode_handler(a.name, 1, a))[a.mode]()
