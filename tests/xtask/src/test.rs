//! `cargo xtask test`: every test, with a sum at the end that does not hide what was skipped.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use dhcpmgr_lab::{Error, Result, is_real_root, packages};

use crate::cargo::{cargo, done, target};
use crate::enter;

/// How many tests run at once. Most of the whole-system ones wait for a protocol, not for the processor.
const THREADS: &str = "6";
/// So many failed tests are run once more, alone. More of them are no accident of a busy machine.
const SECOND_CHANCES: usize = 5;

/// Builds, enters its own world, runs all tests.
pub(crate) fn run(filter: Option<&str>) -> Result {
    packages::ensure(packages::LAB)?;
    packages::ensure_vm()?;
    if is_real_root() {
        packages::ensure(packages::SYSTEMD)?;
        dhcpmgr_lab::resolved::ensure()?;
    }
    // Outside: cargo may need the network and writes below the user's home.
    done(cargo(&["build", "--workspace"]), "cargo build")?;
    done(cargo(&["test", "--workspace", "--no-run"]), "cargo test --no-run")?;

    let tally = target().join("skipped-tests");
    let _ = std::fs::remove_file(&tally);
    let mut tests = inside();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(filter);
    tests.env("DHCPMGR_SKIPPED", &tally).env("DHCPMGR_BUILT", "1").env("RUST_TEST_THREADS", THREADS);
    let mut sum = watch(tests)?;
    if !sum.success {
        sum = alone(sum)?;
    }

    let skipped = std::fs::read_to_string(&tally).unwrap_or_default();
    skipped.lines().for_each(|line| println!("SKIPPED {line}"));
    sum.failed.iter().for_each(|name| println!("FAILED {name}"));
    sum.unsteady.iter().for_each(|name| println!("UNSTEADY {name}: failed beside others, passed alone"));
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed.len(), skipped.lines().count());
    if sum.success { Ok(()) } else { Err(Error::new("not every test passed")) }
}

/// Runs what failed once more, one test after the other: a whole-system test may starve beside five others. What
/// passes now is said loudly in the sum.
fn alone(first: Sum) -> Result<Sum> {
    if first.failed.is_empty() || first.failed.len() > SECOND_CHANCES {
        return Ok(first);
    }
    println!("\n{} failed; once more, alone", first.failed.join(", "));
    let mut tests = inside();
    tests.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--", "--exact"]);
    tests.args(&first.failed).env("DHCPMGR_BUILT", "1").env("RUST_TEST_THREADS", "1");
    let second = watch(tests)?;
    let (failed, unsteady): (Vec<_>, Vec<_>) =
        first.failed.into_iter().partition(|name| !second.names.contains(name));
    let success = second.success && failed.is_empty();
    Ok(Sum { passed: first.passed + unsteady.len() as u64, success, failed, unsteady, names: first.names })
}

/// cargo in a world of its own, or where the kernel forbids that, cargo as it is: then the tests that need one say
/// that they are skipped.
pub(crate) fn inside() -> Command {
    let plain = cargo(&[]);
    match enter::command(plain.get_program()) {
        Ok(mut command) => {
            command.current_dir(crate::cargo::workspace());
            command
        }
        Err(error) => {
            eprintln!("the whole-system tests will be skipped: {error}");
            plain
        }
    }
}

#[derive(Default)]
struct Sum {
    passed: u64,
    /// The tests that passed, by name.
    names: Vec<String>,
    /// The tests that failed, by name.
    failed: Vec<String>,
    /// The tests that failed at first and passed alone.
    unsteady: Vec<String>,
    success: bool,
}

/// Lets the output through and adds up the result lines of the test programs.
fn watch(mut command: Command) -> Result<Sum> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut sum = Sum::default();
    for line in BufReader::new(child.stdout.take().ok_or_else(|| Error::new("cargo has no output"))?).lines()
    {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            sum.passed += count(result, "passed");
        } else if let Some((name, outcome)) = outcome(&line) {
            let names = if outcome == "ok" { &mut sum.names } else { &mut sum.failed };
            names.push(name.to_owned());
        }
    }
    sum.success = child.wait()?.success();
    Ok(sum)
}

/// The name of a test and how it ended: `test crash::once ... ok`, or `FAILED`.
fn outcome(line: &str) -> Option<(&str, &str)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    matches!(outcome, "ok" | "FAILED").then_some((name, outcome))
}

/// The number before a word: `ok. 3 passed; 0 failed; …`.
fn count(result: &str, word: &str) -> u64 {
    let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{count, outcome};

    #[test]
    fn result_lines_of_test_programs_are_read() {
        let line = "FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(count(line, "passed"), 31);
        assert_eq!(count(line, "failed"), 2);
        assert_eq!(count(line, "skipped"), 0);
    }

    #[test]
    fn lines_of_tests_are_read() {
        assert_eq!(outcome("test v6::link::one ... ok"), Some(("v6::link::one", "ok")));
        assert_eq!(outcome("test v6::link::one ... FAILED"), Some(("v6::link::one", "FAILED")));
        assert_eq!(outcome("test v6::link::one ... ignored, slow"), None);
        assert_eq!(outcome("test result: ok. 3 passed; 0 failed; 0 ignored"), None);
    }
}
