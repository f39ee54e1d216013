//! Whether what a handler knows of one client shows in its answers for another: one worker is asked about a client alone, a
//! second one the same with leases of another client in between.

use dhcpmgr_plugin_api::{LeaseEvent, Manifest};

use super::fuzz::{self, Dice};
use super::golden::{self, Question};
use super::report::{self, Kind};
use super::{Session, differ, judge};

impl Session<'_> {
    pub(super) async fn beside_another(
        &mut self,
        manifest: &Manifest,
        leases: &[(String, LeaseEvent)],
        dice: &mut Dice,
    ) {
        if self.report.findings.iter().any(|finding| finding.kind == Kind::NonDeterminism) {
            // Then answers differ anyway.
            return;
        }
        let mut questions: Vec<_> =
            leases.iter().flat_map(|(name, lease)| golden::questions(name, lease, manifest)).collect();
        // The same again may now be answered with what was learned of the other client.
        questions.extend_from_within(..);
        let (mut alone, mut beside) = (None, None);
        for question in &questions {
            for other in of_another_client(dice, leases, manifest, question) {
                let Some(answer) = self.ask(&mut beside, &other).await else { break };
                for follow_up in
                    answer.bytes().map(|bytes| judge::follow_ups(&other, bytes)).unwrap_or_default()
                {
                    self.ask(&mut beside, &follow_up).await;
                }
            }
            let expected = self.ask(&mut alone, question).await;
            let found = self.ask(&mut beside, question).await;
            let (Some(expected), Some(found)) = (expected, found) else {
                // Told already, and what one of them remembers is gone.
                break;
            };
            if differ(question, &expected, &found) {
                let what = "what it answers for one client depends on what it was told of another: keep what you know of a \
                            client in the handler, not in a static";
                let told =
                    format!("{}, hook {}, after a lease of another client", question.name, question.hook);
                self.report.found(Kind::MixedClients, what, &told, report::shown(&question.lease));
                break;
            }
        }
        for done in [alone, beside].into_iter().flatten() {
            done.end().await;
        }
    }
}

/// What is asked at the same hook about a made-up lease of somebody else.
fn of_another_client(
    dice: &mut Dice,
    leases: &[(String, LeaseEvent)],
    manifest: &Manifest,
    question: &Question,
) -> Vec<Question> {
    let Some(mut lease) = fuzz::lease(dice, leases, &manifest.options_consumed) else { return Vec::new() };
    // Both are good names.
    if let (Ok(client), Ok(interface)) = ("another".parse(), "wan1".parse()) {
        (lease.client, lease.interface) = (client, interface);
    }
    let questions = golden::questions("a made-up lease of another client", &lease, manifest);
    questions.into_iter().filter(|other| other.hook == question.hook).collect()
}
