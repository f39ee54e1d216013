//! `dhcpmgr handler check`: what a module does before anybody ships it. No daemon, no root: a worker is started as the
//! daemon would, and asked real leases, made-up ones, and the same again.
//!
//! | step | finds |
//! |---|---|
//! | the file is read | wrong machine, wrong API, none of its code has run |
//! | a worker loads it | manifests and settings that are refused, hangs, crashes |
//! | two workers are asked the same | answers that differ, invalid and ungranted ones, panics |
//! | one is asked about one client, one about two | what is known of one client in answers for another |
//! | one is asked the same again and again | memory that grows |
//! | one is asked what nobody ever asked | the rest |

mod clients;
mod copy;
mod fuzz;
mod golden;
mod judge;
mod report;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::{Hook, LeaseEvent, Manifest, Protocol};

pub use self::report::{Finding, Kind, Memory, ModuleSaid, Report, Times};
use crate::flat::FlatSet;

use self::copy::Module;
use self::fuzz::Dice;
use self::golden::Question;
use super::worker::Job;
use super::worker::probe::{Probe, Reply, Trouble};
use crate::config::Grant;
use crate::signature::PublicKey;

/// What is to be checked, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// The program that becomes a worker.
    pub exe: PathBuf,
    /// The module.
    pub module: PathBuf,
    /// Its settings as MessagePack; no bytes mean none.
    pub settings: Bytes,
    /// Who may have signed it; no signature is asked for when empty.
    pub public_keys: Vec<PublicKey>,
    /// What it is granted.
    pub grants: FlatSet<Grant>,
    /// How long a call may take.
    pub deadline: Duration,
    /// How long it is asked what nobody ever asked, and the same again and again.
    pub time: Duration,
    /// Decides what is made up.
    pub seed: u64,
}

/// Made-up leases that both workers are asked.
const COMPARED: usize = 300;
/// Workers that are started before a check gives up.
const STARTS: u32 = 40;
/// Calls before the memory is looked at for the first time.
const WARM: usize = 200;
/// How often the memory is looked at after that.
const LOOKS: usize = 8;
/// Growth between the first and the last look that is none: an allocator keeps this much for itself.
const SLACK: u64 = 128 << 10;
/// Growth that needs no second look; also of a single call, when it is not the first.
const LEAP: u64 = 4 << 20;

/// Checks a module.
///
/// # Errors
/// What the system refuses; whatever is wrong with the module is in the report.
pub fn check(order: &Order) -> io::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report =
            Report { file: order.module.display().to_string(), seed: order.seed, ..Report::default() };
        let module = Module::inspect(&order.module, &mut report)?;
        if let Some(module) = module {
            let job = Job {
                exe: order.exe.clone(),
                module: module.path().to_owned(),
                settings: order.settings.clone(),
                public_keys: order.public_keys.clone(),
            };
            let took = Vec::new();
            Session { order, module, job, report: &mut report, took, starts: STARTS }.run().await;
        }
        report.ok = !report.findings.iter().any(|finding| finding.fails);
        Ok(report)
    })
}

/// A check under way.
struct Session<'a> {
    order: &'a Order,
    module: Module,
    job: Job,
    report: &'a mut Report,
    took: Vec<u32>,
    starts: u32,
}

impl Session<'_> {
    async fn run(mut self) {
        let Some((probe, manifest)) = self.first_start().await else { return };
        let leases = golden::leases(&manifest);
        let mut dice = Dice::new(self.order.seed);
        self.compare(probe, &manifest, &leases, &mut dice).await;
        self.beside_another(&manifest, &leases, &mut dice).await;
        let until = Instant::now() + self.order.time;
        self.repeat(&manifest, &leases, self.order.time / 5).await;
        self.make_up(&manifest, &leases, &mut dice, until).await;
        self.report.time_us = Times::of(self.took);
    }

    async fn first_start(&mut self) -> Option<(Probe, Manifest)> {
        let (probe, loaded) = self.start_telling().await?;
        let manifest = loaded.manifest;
        let protocol = |protocol: &Protocol| match protocol {
            Protocol::V4 => "v4",
            Protocol::V6 => "v6",
        };
        self.report.sandbox = loaded.sandbox;
        self.report.signed_by = loaded.signed_by;
        self.report.module = Some(ModuleSaid {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            api: self.module.note.api.to_string(),
            sdk: self.module.note.sdk.to_string(),
            language: if self.module.note.in_c { "c" } else { "rust" },
            protocols: manifest.protocols.iter().map(protocol).collect(),
            hooks: manifest.hooks.iter().map(Hook::word).collect(),
        });
        if !manifest.options_sent.is_empty() {
            let mut wrong = Vec::new();
            judge::needs(Grant::SendOptions, &self.order.grants, &mut wrong);
            wrong.into_iter().for_each(|(kind, what)| self.report.found(kind, what, "its manifest", None));
        }
        Some((probe, manifest))
    }

    async fn start_telling(&mut self) -> Option<(Probe, super::condition::Loaded)> {
        self.starts = self.starts.checked_sub(1)?;
        match Probe::start(&self.job).await {
            Ok(started) => Some(started),
            Err(trouble) => {
                let (kind, what) = match trouble {
                    Trouble::Refused(what) => (Kind::Refused, what),
                    other => kind_of(other),
                };
                self.report.found(
                    kind,
                    self.module.in_words(&what),
                    "its settings, when it was loaded",
                    None,
                );
                // The same would happen again.
                self.starts = 0;
                None
            }
        }
    }

    async fn start(&mut self) -> Option<Probe> {
        self.start_telling().await.map(|(probe, _)| probe)
    }

    /// Asks, and notes what is wrong with the answer. `None` when the worker is gone.
    async fn ask(&mut self, place: &mut Option<Probe>, question: &Question) -> Option<Reply> {
        if place.is_none() {
            *place = self.start().await;
        }
        let client = question.lease.client.as_str();
        let (reply, took) =
            place.as_mut()?.call(client, question.operation, &question.input, self.order.deadline).await;
        self.report.calls += 1;
        self.took.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        let input = || report::shown(&question.lease);
        let told = format!("{}, hook {}", question.name, question.hook);
        match reply {
            Ok(reply) => {
                match &reply {
                    Reply::Answer(answer) => {
                        for (kind, what) in judge::judge(question, answer, &self.order.grants) {
                            self.report.found(kind, what, &told, input());
                        }
                    }
                    Reply::Failed(reason) => self.report.refused(reason),
                    Reply::Unsupported => {
                        let what =
                            format!("its manifest names the hook {}, which it does not have", question.hook);
                        self.report.found(Kind::MissingHook, what, &told, None);
                    }
                }
                Some(reply)
            }
            Err(trouble) => {
                if let Some(gone) = place.take() {
                    gone.end().await;
                }
                let (mut kind, what) = kind_of(trouble);
                // A busy machine may have been late, not the handler.
                if kind == Kind::Hang && !self.late_again(question).await {
                    kind = Kind::Slow;
                }
                if kind == Kind::Hang {
                    // Each costs two deadlines; a few are enough.
                    self.starts = self.starts.saturating_sub(STARTS / 4);
                }
                self.report.found(kind, what, &told, input());
                None
            }
        }
    }

    async fn late_again(&mut self, question: &Question) -> bool {
        let Some(mut probe) = self.start().await else { return true };
        let client = question.lease.client.as_str();
        let (reply, _) = probe.call(client, question.operation, &question.input, self.order.deadline).await;
        probe.end().await;
        matches!(reply, Err(Trouble::Late(_)))
    }

    /// Two workers, asked the same in the same order.
    async fn compare(
        &mut self,
        first: Probe,
        manifest: &Manifest,
        leases: &[(String, LeaseEvent)],
        dice: &mut Dice,
    ) {
        let (mut one, mut other) = (Some(first), None);
        let mut questions: Vec<_> =
            leases.iter().flat_map(|(name, lease)| golden::questions(name, lease, manifest)).collect();
        // Each twice: a server that answers the same again must change nothing.
        questions = questions.into_iter().flat_map(|question| [question.clone(), question]).collect();
        questions.extend(made_up(dice, leases, manifest, COMPARED));
        let mut leaps = 0;
        let mut before: Option<(Question, Vec<u8>)> = None;
        let mut queue = std::collections::VecDeque::from(questions);
        while let Some(question) = queue.pop_front() {
            let memory = one.as_ref().map_or(0, Probe::memory);
            let answers = match self.ask(&mut one, &question).await {
                Some(answer) => self.ask(&mut other, &question).await.map(|second| (answer, second)),
                None => None,
            };
            let Some((answer, second)) = answers else {
                // What they remember must be the same again.
                for gone in [one.take(), other.take()].into_iter().flatten() {
                    gone.end().await;
                }
                if self.starts == 0 {
                    break;
                }
                before = None;
                continue;
            };
            leaps += u32::from(memory > 0 && one.as_ref().map_or(0, Probe::memory) > memory + LEAP);
            let input = || report::shown(&question.lease);
            if differ(&question, &answer, &second) {
                let what = "two workers that were asked the same in the same order answered differently";
                self.report.found(Kind::NonDeterminism, what, &question.name, input());
            }
            if let Reply::Answer(answer) = answer {
                let again = before
                    .as_ref()
                    .filter(|(asked, _)| asked.hook == Hook::Lease && asked.input == question.input);
                if again.is_some_and(|(_, before)| !judge::same(&question, before, &answer)) {
                    let what = "the same lease again gives another plan, so that every renewal is a change";
                    self.report.found(Kind::Restless, what, &question.name, input());
                }
                judge::follow_ups(&question, &answer)
                    .into_iter()
                    .for_each(|follow_up| queue.push_front(follow_up));
                before = Some((question, answer));
            }
        }
        if leaps > 1 {
            let what = format!("single calls took more than {} MiB that they did not give back", LEAP >> 20);
            self.report.found(Kind::Leak, what, "one lease after the other", None);
        }
        for done in [one, other].into_iter().flatten() {
            done.end().await;
        }
    }

    /// The same leases again and again: what grows now leaks.
    async fn repeat(&mut self, manifest: &Manifest, leases: &[(String, LeaseEvent)], time: Duration) {
        let questions: Vec<_> =
            leases.iter().flat_map(|(name, lease)| golden::questions(name, lease, manifest)).collect();
        let mut place = None;
        let (mut asked, mut memory, mut early) = (0, 0, 0);
        let (mut looks, mut started) = (Vec::new(), Instant::now());
        while let Some(question) = questions.get(asked % questions.len().max(1)) {
            if self.ask(&mut place, question).await.is_none() {
                // Told already, but perhaps not why.
                break;
            }
            asked += 1;
            memory = place.as_ref().map_or(0, Probe::memory);
            if asked == WARM / 10 {
                early = memory;
            }
            if asked == WARM {
                started = Instant::now();
            }
            if asked >= WARM && started.elapsed() >= time * looks.len() as u32 / LOOKS as u32 {
                looks.push(memory);
            }
            if looks.len() > LOOKS || early > 0 && memory > early + 4 * LEAP {
                break;
            }
        }
        let first = looks.first().copied().unwrap_or(if early > 0 { early } else { memory });
        let calls = asked.saturating_sub(WARM) as u64;
        self.report.memory = Memory { at_first: first, at_last: memory, calls };
        let growing = looks.windows(2).filter(|pair| pair[1] > pair[0]).count();
        if memory > first + LEAP
            || memory > early + 4 * LEAP && early > 0
            || memory > first + SLACK && growing > LOOKS / 2
        {
            let (bytes, calls) = (memory - first, calls.max(1));
            let what = format!(
                "its memory grew by {} bytes in {calls} calls with the same leases, {} a call",
                bytes,
                bytes / calls
            );
            self.report.found(Kind::Leak, what, "the same leases again and again", None);
        }
        if let Some(probe) = place {
            probe.end().await;
        }
    }

    /// Leases that nobody has ever given.
    async fn make_up(
        &mut self,
        manifest: &Manifest,
        leases: &[(String, LeaseEvent)],
        dice: &mut Dice,
        until: Instant,
    ) {
        let mut place = None;
        while Instant::now() < until && self.starts > 0 {
            for question in made_up(dice, leases, manifest, 1) {
                self.ask(&mut place, &question).await;
            }
        }
        if let Some(probe) = place {
            probe.end().await;
        }
    }
}

/// Whether two replies to the same question differ.
fn differ(question: &Question, one: &Reply, other: &Reply) -> bool {
    match (one.bytes(), other.bytes()) {
        (Some(one), Some(other)) => !judge::same(question, one, other),
        _ => one != other,
    }
}

fn made_up(
    dice: &mut Dice,
    leases: &[(String, LeaseEvent)],
    manifest: &Manifest,
    count: usize,
) -> Vec<Question> {
    let one = |_| fuzz::lease(dice, leases, &manifest.options_consumed);
    let made: Vec<_> = (0..count).filter_map(one).collect();
    made.iter().flat_map(|lease| golden::questions("a made-up lease", lease, manifest)).collect()
}

fn kind_of(trouble: Trouble) -> (Kind, String) {
    match trouble {
        Trouble::Refused(what) => (Kind::Refused, what),
        Trouble::Panicked(what) => (Kind::Panic, what),
        Trouble::Late(what) => (Kind::Hang, what),
        Trouble::TooLong(what) => (Kind::InvalidPlan, what),
        Trouble::Died(what) => (Kind::Crash, what),
    }
}
