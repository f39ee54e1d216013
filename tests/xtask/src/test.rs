//! `cargo xtask test`: every test, with a sum at the end that does not hide what was skipped.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use dhcpmgr_lab::{Error, Result, is_real_root, packages};

use crate::cargo::{cargo, done, target};
use crate::enter;

/// How many tests run at once. Most of the whole-system ones wait for a protocol, not for the processor.
const THREADS: &str = "6";

/// Builds, enters its own world, runs all tests.
pub(crate) fn run(filter: Option<&str>) -> Result {
    packages::ensure(packages::LAB)?;
    packages::ensure_vm()?;
    if is_real_root() {
        packages::ensure(packages::SYSTEMD)?;
    }
    // Outside: cargo may need the network and writes below the user's home.
    done(cargo(&["build", "--workspace"]), "cargo build")?;
    done(cargo(&["test", "--workspace", "--no-run"]), "cargo test --no-run")?;

    let tally = target().join("skipped-tests");
    let _ = std::fs::remove_file(&tally);
    let mut tests = inside();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(filter);
    tests.env("DHCPMGR_SKIPPED", &tally).env("DHCPMGR_BUILT", "1").env("RUST_TEST_THREADS", THREADS);
    let sum = watch(tests)?;

    let skipped = std::fs::read_to_string(&tally).unwrap_or_default();
    skipped.lines().for_each(|line| println!("SKIPPED {line}"));
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, skipped.lines().count());
    if sum.success { Ok(()) } else { Err(Error::new("not every test passed")) }
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

struct Sum {
    passed: u64,
    failed: u64,
    success: bool,
}

/// Lets the output through and adds up the result lines of the test programs.
fn watch(mut command: Command) -> Result<Sum> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut sum = Sum { passed: 0, failed: 0, success: false };
    for line in BufReader::new(child.stdout.take().ok_or_else(|| Error::new("cargo has no output"))?).lines()
    {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            sum.passed += count(result, "passed");
            sum.failed += count(result, "failed");
        }
    }
    sum.success = child.wait()?.success();
    Ok(sum)
}

/// The number before a word: `ok. 3 passed; 0 failed; …`.
fn count(result: &str, word: &str) -> u64 {
    let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn result_lines_of_test_programs_are_read() {
        let line = "FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(count(line, "passed"), 31);
        assert_eq!(count(line, "failed"), 2);
        assert_eq!(count(line, "skipped"), 0);
    }
}
