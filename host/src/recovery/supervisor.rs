//! The supervisor of one client: takes faults and successes, says what is done and when.

use super::backoff::{spread, wait_ms};
use super::budget;
use super::fault::{Argument, Fault, Path};
use super::record::{MOST_LEFT_OUT, Record, Standing, Trouble};
use super::view::View;
use super::words::seconds;
use crate::config::Recovery;

/// The longest wait that is not the slow rate: after leases that cannot be right.
pub(super) const LONGEST_WAIT_MS: u64 = 300_000;
/// The first wait after a lease that cannot be right; doubles.
const REFUSED_MS: u64 = 5_000;
/// What cannot be run is tried so often in a row before it is disabled: a package may be being replaced.
const TRIES: u32 = 3;
/// How often it is looked whether what is missing is there by now.
const LOOK_MS: u64 = 10_000;

/// Something to be said about recovery: an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which event.
    pub kind: ReportKind,
    /// [`Fault::name`]; empty where it is about none.
    pub fault: &'static str,
    /// What is done.
    pub path: Path,
    /// A sentence: what happened and what is done.
    pub detail: String,
}

/// The events of recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// The client failed; what is done is in the report.
    Failed,
    /// It lives and gets nowhere.
    Stuck,
    /// No server answers.
    Silent,
    /// It is started otherwise than configured.
    Reconfigured,
    /// It is left alone until the cause is gone.
    Disabled,
    /// Its budget is used up.
    Escalated,
    /// It is trusted again.
    Recovered,
}

/// The supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor {
    policy: Recovery,
    record: Record,
    /// The record differs from what was last taken.
    changed: bool,
    /// It has held a lease long enough by then.
    steady_at: Option<u64>,
}

impl Supervisor {
    /// Of a client that has no history.
    #[must_use]
    pub fn new(policy: Recovery) -> Self {
        Self { policy, record: Record::default(), changed: false, steady_at: None }
    }

    /// Takes over what an earlier daemon remembered.
    pub fn restore(&mut self, record: Record, now: u64) {
        self.record = record.checked(&self.policy, now);
    }

    /// The policy has changed; what has happened stays.
    pub fn set_policy(&mut self, policy: Recovery) {
        self.policy = policy;
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Recovery {
        &self.policy
    }

    /// The record, when it has changed since the last call: to be kept for a later daemon.
    pub fn take_changed(&mut self) -> Option<&Record> {
        std::mem::take(&mut self.changed).then_some(&self.record)
    }

    /// What the program is not started with, because it refuses it.
    #[must_use]
    pub fn left_out(&self) -> &[Argument] {
        &self.record.left_out
    }

    /// Decides what is done about a fault. `jitter` in 0..=255 spreads the wait.
    pub fn fault(&mut self, fault: &Fault, now: u64, jitter: u8) -> Vec<Report> {
        let again = self.record.trouble.as_ref().is_some_and(|t| t.fault == fault.name());
        let news = self.record.trouble.as_ref().is_none_or(|t| t.what != fault.what());
        self.record.tries = if again { self.record.tries.saturating_add(1) } else { 1 };
        self.steady_at = None;
        self.changed = true;
        let mut reports = Vec::new();
        let (path, wait) = match fault {
            Fault::Died(_) | Fault::Ended(_) | Fault::Stuck(_) => self.restart(&mut reports, now, jitter),
            Fault::Misconfigured { argument, .. } => {
                self.reconfigure(argument.as_ref(), &mut reports, jitter)
            }
            Fault::Network(_) => (Path::Retry, wait_ms(self.record.tries as usize, jitter)),
            Fault::BadLease(_) => {
                let doubled = REFUSED_MS << (self.record.tries - 1).min(8);
                (Path::Retry, doubled.min(LONGEST_WAIT_MS))
            }
            Fault::Missing(_) | Fault::Forbidden(_) => self.disable(fault, &mut reports, jitter),
        };
        self.record.retry_at = Some(now.saturating_add(wait));
        self.record.trouble =
            Some(Trouble { what: fault.what().to_owned(), fault: fault.name().to_owned(), path });
        // The same trouble that was tried again without the budget is said once.
        let counted = matches!(path, Path::Restart | Path::Escalate);
        if counted || news || !again {
            let detail = format!("{}; {}", fault.what(), self.remedy(path, wait, now));
            reports.insert(0, Report { kind: ReportKind::Failed, fault: fault.name(), path, detail });
        }
        for report in &mut reports {
            report.fault = fault.name();
        }
        reports
    }

    fn restart(&mut self, reports: &mut Vec<Report>, now: u64, jitter: u8) -> (Path, u64) {
        budget::prune(&mut self.record.starts, &self.policy, now);
        let used = self.record.starts.len();
        if used < self.policy.restarts as usize && self.record.standing != Standing::Escalated {
            let wait = wait_ms(used, jitter);
            self.record.standing = Standing::Trusted;
            self.record.starts.push(now.saturating_add(wait));
            return (Path::Restart, wait);
        }
        let wait = self.slow(jitter);
        if self.record.standing != Standing::Escalated {
            self.record.standing = Standing::Escalated;
            let detail = format!(
                "started again {used} times within {} and it does not stay: an error now, tried every {}",
                seconds(self.policy.window.as_millis() as u64),
                seconds(self.policy.slow.as_millis() as u64)
            );
            reports.push(report(ReportKind::Escalated, Path::Escalate, detail));
        }
        (Path::Escalate, wait)
    }

    fn reconfigure(
        &mut self,
        argument: Option<&Argument>,
        reports: &mut Vec<Report>,
        jitter: u8,
    ) -> (Path, u64) {
        let room = self.record.left_out.len() < MOST_LEFT_OUT;
        if let Some(argument) = argument.filter(|a| room && !self.record.left_out.contains(a)) {
            let detail = format!("started without {argument}, which the program refuses");
            reports.push(report(ReportKind::Reconfigured, Path::Reconfigure, detail));
            self.record.left_out.push(argument.clone());
            return (Path::Reconfigure, 0);
        }
        self.record.standing = Standing::Misconfigured;
        (Path::Reconfigure, self.slow(jitter))
    }

    fn disable(&mut self, fault: &Fault, reports: &mut Vec<Report>, jitter: u8) -> (Path, u64) {
        if self.record.tries < TRIES {
            return (Path::Retry, wait_ms(self.record.tries as usize, jitter));
        }
        if self.record.standing != Standing::Disabled {
            self.record.standing = Standing::Disabled;
            let what = fault.what();
            let detail = format!("{what}; tried {TRIES} times in a row: disabled until that is mended");
            reports.push(report(ReportKind::Disabled, Path::Disable, detail));
        }
        let looking_is_free = matches!(fault, Fault::Missing(_));
        let wait = if looking_is_free { spread(LOOK_MS, jitter) } else { self.slow(jitter) };
        (Path::Disable, wait)
    }

    fn slow(&self, jitter: u8) -> u64 {
        spread(self.policy.slow.as_millis() as u64, jitter)
    }

    /// What is done, as the second half of a sentence.
    fn remedy(&self, path: Path, wait: u64, now: u64) -> String {
        let time = if wait == 0 { "at once".to_owned() } else { format!("in {}", seconds(wait)) };
        match path {
            Path::Restart => {
                let left = budget::left(&self.record.starts, &self.policy, now);
                format!("started again {time}, {left} of {} restarts left", self.policy.restarts)
            }
            Path::Reconfigure if self.record.standing == Standing::Misconfigured => {
                format!("waits for another configuration, or is tried again {time}")
            }
            Path::Reconfigure => format!("started again {time} without that"),
            Path::Retry => format!("tried again {time}"),
            Path::Disable => format!("disabled until that is mended, looked at again {time}"),
            Path::Escalate => format!("no restarts left, tried again {time}"),
        }
    }

    /// The operator says so: no history, nothing left out.
    pub fn start_over(&mut self) {
        self.changed |= self.record != Record::default();
        self.record = Record::default();
        self.steady_at = None;
    }

    /// Somebody wants it now: no wait, and no more restarts for that.
    pub fn try_now(&mut self) {
        self.changed |= self.record.retry_at.take().is_some();
    }

    /// The link is there again: what waited for the network need not wait longer.
    pub fn network_returned(&mut self) {
        if self.record.trouble.as_ref().is_some_and(|t| t.path == Path::Retry) && self.is_trusted() {
            self.changed |= self.record.retry_at.take().is_some();
        }
    }

    /// What the client is started with has changed: what waited for that is tried at once.
    pub fn configuration_changed(&mut self) {
        if matches!(self.record.standing, Standing::Misconfigured | Standing::Disabled) {
            self.record.standing = Standing::Trusted;
            self.record.retry_at = None;
            self.changed = true;
        }
    }

    /// The process was started.
    pub fn started(&mut self) {
        self.changed |= self.record.retry_at.take().is_some();
    }

    /// The client said something: whatever kept it from running is over.
    pub fn runs(&mut self) {
        if matches!(self.record.standing, Standing::Misconfigured | Standing::Disabled) {
            self.record.standing = Standing::Trusted;
            self.changed = true;
        }
        self.forget(&["configuration", "cannot-run"]);
    }

    /// The client has asked a whole cycle long: there is a network, whoever is on it.
    pub fn network_works(&mut self) {
        self.forget(&["network"]);
    }

    fn forget(&mut self, faults: &[&str]) {
        if self.record.trouble.as_ref().is_some_and(|trouble| faults.contains(&trouble.fault.as_str())) {
            self.record.trouble = None;
            self.record.tries = 0;
            self.changed = true;
        }
    }

    /// The client holds a lease, or another one, or more of it.
    pub fn leased(&mut self, now: u64) {
        self.changed |= self.record.trouble.take().is_some();
        self.record.tries = 0;
        let steady = self.policy.steady.as_millis() as u64;
        self.steady_at.get_or_insert(now.saturating_add(steady));
    }

    /// The client holds no lease any more.
    pub fn lost(&mut self) {
        self.steady_at = None;
    }

    /// The clock: a client that has held a lease long enough has a full budget again.
    pub fn tick(&mut self, now: u64) -> Option<Report> {
        if self.steady_at? > now || !self.has_history() {
            return None;
        }
        let was = std::mem::take(&mut self.record.standing);
        self.record.starts.clear();
        self.changed = true;
        let steady = seconds(self.policy.steady.as_millis() as u64);
        let detail = format!("it has held a lease for {steady}: its restarts are forgotten");
        (was == Standing::Escalated).then(|| report(ReportKind::Recovered, Path::Restart, detail))
    }

    fn has_history(&self) -> bool {
        !self.record.starts.is_empty() || self.record.standing != Standing::Trusted
    }

    fn is_trusted(&self) -> bool {
        self.record.standing == Standing::Trusted
    }

    /// When [`Supervisor::tick`] is due.
    #[must_use]
    pub fn steady_at(&self) -> Option<u64> {
        self.steady_at.filter(|_| self.has_history())
    }

    /// When a process may be started; `None` for now.
    #[must_use]
    pub fn retry_at(&self) -> Option<u64> {
        self.record.retry_at
    }

    /// Whether it is an error that the client does not run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !self.is_trusted()
    }

    /// Whether the last thing that happened is a lease that cannot be used, or a start that failed.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        let troubling = |t: &Trouble| matches!(t.fault.as_str(), "bad-lease" | "cannot-run");
        self.record.trouble.as_ref().is_some_and(troubling)
    }

    /// Why a client with this name is not well, and the way out; `None` when it is, as far as recovery knows.
    #[must_use]
    pub fn phrase(&self, client: &str, running: bool, now: u64) -> Option<String> {
        let Record { standing, trouble, retry_at, starts, .. } = &self.record;
        let what = trouble.as_ref().map_or("it failed", |trouble| trouble.what.as_str());
        let wait = retry_at.unwrap_or(now).saturating_sub(now);
        let in_time = if wait == 0 { "now".to_owned() } else { format!("in {}", seconds(wait)) };
        if running {
            return match standing {
                Standing::Escalated => Some(format!(
                    "it used up its {} restarts: not trusted until it has held a lease for {}",
                    self.policy.restarts,
                    seconds(self.policy.steady.as_millis() as u64)
                )),
                _ if self.is_in_trouble() => Some(what.to_owned()),
                _ => self.started_without(),
            };
        }
        let trouble = trouble.as_ref()?;
        Some(match (standing, trouble.path) {
            (Standing::Escalated, _) => format!(
                "{what}; it used up its {} restarts and is tried again {in_time}; `dhcpmgr restart {client}` \
                 starts over",
                self.policy.restarts
            ),
            (Standing::Disabled, _) => format!(
                "{what}; disabled until that is mended, looked at again {in_time}; `dhcpmgr enable {client}` tries \
                 at once"
            ),
            (Standing::Misconfigured, _) => format!(
                "{what}; waits for another configuration and is tried again {in_time}; `dhcpmgr restart {client}` \
                 tries at once"
            ),
            (Standing::Trusted, Path::Restart) => {
                let (used, most) = (starts.len(), self.policy.restarts);
                let window = seconds(self.policy.window.as_millis() as u64);
                format!("{what}; started again {in_time} ({used} of {most} restarts within {window})")
            }
            (Standing::Trusted, _) => format!("{what}; tried again {in_time}"),
        })
    }

    fn started_without(&self) -> Option<String> {
        let left_out: Vec<String> = self.record.left_out.iter().map(ToString::to_string).collect();
        (!left_out.is_empty())
            .then(|| format!("started without {}, which the program refuses", left_out.join(", ")))
    }

    /// How it stands, for `why`.
    #[must_use]
    pub fn view(&self, now: u64) -> View {
        View {
            standing: self.record.standing,
            trouble: self.record.trouble.clone(),
            restarts: self.policy.restarts,
            restarts_left: budget::left(&self.record.starts, &self.policy, now),
            window_s: self.policy.window.as_secs(),
            next_try_in: self.record.retry_at.filter(|at| *at > now).map(|at| (at - now).div_ceil(1000)),
            left_out: self.record.left_out.iter().map(ToString::to_string).collect(),
        }
    }
}

fn report(kind: ReportKind, path: Path, detail: String) -> Report {
    Report { kind, fault: "", path, detail }
}

#[cfg(test)]
mod tests;
