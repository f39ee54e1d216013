//! A shell under the name of udhcpc stands for udhcpc: what is looked at is `/proc`, and nothing else.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dhcpmgr_message::context;

use super::*;
use crate::clients::{Launch, ProcessRecord};
use crate::clock::BootId;
use crate::order;

struct World {
    root: tempfile::TempDir,
    paths: Paths,
    records: Store,
    udhcpc: PathBuf,
    /// Tests that run beside each other do not see each other's clients.
    interface: IfName,
}

static WORLDS: AtomicU32 = AtomicU32::new(0);

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        std::fs::create_dir_all(paths.spool()).unwrap();
        std::fs::create_dir_all(paths.clients()).unwrap();
        let udhcpc = root.path().join("udhcpc");
        // By another process: what another test forks meanwhile would keep an open copy busy.
        assert!(std::process::Command::new("cp").arg("/bin/sh").arg(&udhcpc).status().unwrap().success());
        nix::unistd::mkfifo(&root.path().join("never"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let records = Store::volatile(paths.clients(), BootId::current());
        let interface = format!("wan{}", WORLDS.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        Self { root, paths, records, udhcpc, interface }
    }

    fn launch(&self, client: &str, token: u8) -> Launch {
        let env = [
            (context::CLIENT, client.to_owned()),
            (context::TOKEN, token_of(token).to_string()),
            (context::SPOOL, self.paths.spool().display().to_string()),
        ];
        let env = env.map(|(name, value)| (name.into(), value.into())).to_vec();
        // Waits for ever, and has no child that would look like it.
        let script = format!("read word < {}", self.root.path().join("never").display());
        let args = ["-c", &script, "-i", self.interface.as_str()];
        let args = args.map(Into::into).to_vec();
        Launch { program: self.udhcpc.clone(), args, env, ..Launch::default() }
    }

    async fn start(&self, launch: &Launch) -> Process {
        let process = Process::spawn(launch, &self.root.path().join("fifo")).await.unwrap().0;
        wait_for_command_line(Pid::from_raw(process.pid() as i32));
        process
    }

    /// Starts it as somebody else would, as the child of another process, which is returned with the client's pid.
    fn start_elsewhere(&self, launch: &Launch) -> (std::process::Child, Pid) {
        let file = self.root.path().join("pid");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "file=$1; shift; \"$@\" & echo $! > \"$file\"; wait", "sh"]).arg(&file);
        shell.arg(&launch.program).args(&launch.args).envs(launch.env.iter().cloned());
        let shell = shell.spawn().unwrap();
        let pid = loop {
            match std::fs::read_to_string(&file).unwrap_or_default().trim_end().parse() {
                Ok(pid) => break Pid::from_raw(pid),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        wait_for_command_line(pid);
        (shell, pid)
    }

    fn write_down(&self, client: &str, process: &Process, launch: &Launch, token: u8) {
        let record =
            ProcessRecord::of(process, CommandLine::of(launch), token_of(token), self.interface.clone(), 2)
                .unwrap();
        RunRecord { process: Some(record), ..RunRecord::default() }
            .save(&self.records, &client.parse().unwrap());
    }

    fn inherit(&self, client: &str) -> Inherited {
        Census::take(&self.paths).inherit(
            &client.parse().unwrap(),
            Protocol::V4,
            &self.interface,
            &self.records,
        )
    }
}

/// A process is there a moment before its command line is.
fn wait_for_command_line(pid: Pid) {
    while procfs::command_line(pid).unwrap().len() < 5 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn token_of(byte: u8) -> Token {
    Token::from_random([byte; 16])
}

fn pid(inherited: &Inherited) -> Option<u32> {
    inherited.running.as_ref().map(|adopted| adopted.process.pid())
}

#[tokio::test]
async fn a_client_with_a_record_is_taken_over_and_one_without_is_found_by_its_environment() {
    let world = World::new();
    let (first, second) = (world.launch("wan4", 1), world.launch("wan4", 2));
    let recorded = world.start(&first).await;
    world.write_down("wan4", &recorded, &first, 1);
    let stray = world.start(&second).await;
    let inherited = world.inherit("wan4");
    assert_eq!(pid(&inherited), Some(recorded.pid()));
    assert_eq!(
        inherited.strays.iter().map(Process::pid).collect::<Vec<_>>(),
        [stray.pid()],
        "one client, no more"
    );
    assert_eq!(inherited.ended, None);

    forget(&world.records, &"wan4".parse().unwrap());
    recorded.kill();
    let mut recorded = recorded;
    recorded.wait().await;
    let inherited = world.inherit("wan4");
    let adopted = inherited.running.unwrap();
    assert_eq!(adopted.process.pid(), stray.pid());
    assert!(adopted.token.matches(&token_of(2)), "its shim is accepted");
    assert_eq!(adopted.command, CommandLine::of(&second));
    stray.kill();
}

#[tokio::test]
async fn of_another_root_another_client_or_another_interface_nothing_is_taken() {
    let other = World::new();
    let world = World { interface: other.interface.clone(), ..World::new() };
    let (mut shell, theirs) = other.start_elsewhere(&other.launch("wan4", 1));
    let inherited = world.inherit("wan4");
    assert_eq!(pid(&inherited), None);
    assert!(inherited.strays.is_empty());
    let foreign = inherited.foreign.expect("it is seen");
    assert_eq!(foreign.to_string(), format!("another DHCP client, pid {theirs}"));
    assert!(foreign.runs());

    assert_eq!(pid(&other.inherit("wan6")), None);
    let elsewhere = "eth1".parse().unwrap();
    let wan4 = "wan4".parse().unwrap();
    let inherited = Census::take(&other.paths).inherit(&wan4, Protocol::V4, &elsewhere, &other.records);
    assert!(inherited.running.is_none() && inherited.foreign.is_none());
    nix::sys::signal::kill(theirs, nix::sys::signal::Signal::SIGKILL).unwrap();
    shell.wait().unwrap();
    assert!(!foreign.runs());

    // What calls itself a client and was started by ourselves, as a worker, is nobody else's.
    let mut worker = other.start(&other.launch("wan4", 1)).await;
    assert!(world.inherit("wan4").foreign.is_none());
    worker.kill();
    worker.wait().await;
}

#[tokio::test]
async fn a_client_that_ended_and_a_damaged_record_are_told_apart() {
    let world = World::new();
    let launch = world.launch("wan4", 1);
    let mut process = world.start(&launch).await;
    world.write_down("wan4", &process, &launch, 1);
    process.kill();
    process.wait().await;
    assert_eq!(world.inherit("wan4").ended, Some(process.pid()));

    let file = world.paths.clients().join("wan4.state");
    std::fs::write(&file, "rubbish").unwrap();
    let inherited = world.inherit("wan4");
    assert_eq!((pid(&inherited), inherited.ended), (None, None));
    assert!(!file.exists() && world.paths.clients().join("wan4.damaged").exists());
}

#[tokio::test]
async fn a_record_of_another_boot_means_nothing() {
    let world = World::new();
    let launch = world.launch("wan4", 1);
    let process = world.start(&Launch { env: Vec::new(), ..launch.clone() }).await;
    let record =
        ProcessRecord::of(&process, CommandLine::of(&launch), token_of(1), world.interface.clone(), 2)
            .unwrap();
    let other = Store::volatile(world.paths.clients(), BootId::from_bytes([7; 16]));
    RunRecord { process: Some(record), released: true, ..RunRecord::default() }
        .save(&other, &"wan4".parse().unwrap());
    let inherited = world.inherit("wan4");
    assert_eq!((pid(&inherited), inherited.ended, inherited.record), (None, None, RunRecord::default()));
    assert!(process.signal(nix::sys::signal::Signal::SIGCONT), "it lives");
    process.kill();
}

#[tokio::test]
async fn clients_that_are_configured_no_more_are_left_over_with_a_record_or_without() {
    let world = World::new();
    let launches = [world.launch("old1", 1), world.launch("old2", 2), world.launch("wan4", 3)];
    let [old1, old2, wan4] = launches.each_ref().map(|launch| world.start(launch));
    let (old1, old2, wan4) = &tokio::join!(old1, old2, wan4);
    world.write_down("old1", old1, &launches[0], 1);
    world.write_down("wan4", wan4, &launches[2], 3);
    let mut census = Census::take(&world.paths);
    RunRecord { released: true, ..RunRecord::default() }.save(&world.records, &"old3".parse().unwrap());
    let left =
        census.left_over(|name| (name.as_str() == "wan4").then(|| world.interface.clone()), &world.records);
    let mut left: Vec<_> =
        left.into_iter().map(|left| (left.client.to_string(), left.process.pid())).collect();
    order::sort(&mut left);
    assert_eq!(left, [("old1".to_owned(), old1.pid()), ("old2".to_owned(), old2.pid())]);
    assert_eq!(world.records.names(), ["wan4"]);
    assert_eq!(pid(&world.inherit("wan4")), Some(wan4.pid()));
    [old1, old2, wan4].into_iter().for_each(Process::kill);
}
