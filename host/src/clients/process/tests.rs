use super::*;

fn launch(program: &str, args: &[&str]) -> Launch {
    let args = args.iter().map(Into::into).collect();
    Launch { program: program.into(), args, env: vec![("A".into(), "b".into())], ..Launch::default() }
}

async fn spawn(launch: &Launch) -> (Process, Output) {
    let directory = tempfile::tempdir().unwrap();
    Process::spawn(launch, &directory.path().join("wan4.out")).await.unwrap()
}

#[tokio::test]
async fn a_client_sees_its_own_environment_only_and_both_its_outputs_are_heard() {
    let (mut process, mut output) = spawn(&launch("/usr/bin/env", &[])).await;
    assert_eq!(process.wait().await.to_string(), "ended with exit status 0");
    assert_eq!(output.lines(), ["A=b"]);
    let (mut process, mut output) = spawn(&launch("/usr/bin/env", &["--no-such"])).await;
    process.wait().await;
    assert!(output.lines().concat().contains("unrecognized option"));
}

#[tokio::test]
async fn a_client_outlives_the_end_that_listens_to_it() {
    let (mut process, output) = spawn(&launch("/bin/sh", &["-c", "sleep 0.1; echo late; exit 7"])).await;
    drop(output);
    assert_eq!(process.wait().await.code(), Some(7));
}

#[tokio::test]
async fn a_client_is_stopped_and_the_reason_is_told() {
    let (mut process, _output) = spawn(&launch("/usr/bin/sleep", &["60"])).await;
    assert!(process.signal(Signal::SIGTERM));
    assert_eq!(process.wait().await.to_string(), "was killed by SIGTERM");
    assert!(!process.signal(Signal::SIGUSR1));
}

#[tokio::test]
async fn what_a_client_started_goes_with_it_when_it_is_killed() {
    // The shell waits for its child and ignores SIGTERM, like udhcpc in a hook that hangs.
    let script = "trap '' TERM; sleep 60 & echo $!; wait; wait";
    for adopted in [false, true] {
        let (mut process, mut output) = spawn(&launch("/bin/sh", &["-c", script])).await;
        let hook = loop {
            if let [line] = &output.lines()[..] {
                break Pid::from_raw(line.parse().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let hook = open(hook).unwrap();
        process.signal(Signal::SIGTERM);
        assert!(is_alive(&hook));
        if adopted {
            Process::adopt(process.pid, open(process.pid).unwrap()).unwrap().kill();
        } else {
            process.kill();
        }
        assert_eq!(process.wait().await.to_string(), "was killed by SIGKILL");
        while is_alive(&hook) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn of_a_client_that_was_taken_over_the_end_is_noticed_and_its_manner_is_not_known() {
    let (mut process, _output) = spawn(&launch("/usr/bin/sleep", &["60"])).await;
    let mut adopted = Process::adopt(process.pid, open(process.pid).unwrap()).unwrap();
    tokio::select! {
        biased;
        _ = adopted.wait() => panic!("it lives"),
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    assert!(adopted.signal(Signal::SIGTERM));
    assert_eq!(adopted.wait().await, ExitReason::Untold);
    assert!(adopted.wait().await.to_string().contains("how is not known"), "asked again, it answers again");
    process.wait().await;
    assert!(!adopted.signal(Signal::SIGUSR1));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Process::spawn(&launch("/no/such", &[]), &directory.path().join("fifo")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot start /no/such: No such file"), "{error}");
}

#[test]
fn this_kernel_has_pidfds() {
    check_kernel().unwrap();
}
