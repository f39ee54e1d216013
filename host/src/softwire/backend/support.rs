//! Which kinds of softwire are carried here, by whom, and why the others are not.

use std::rc::Rc;

use dhcpmgr_softwire::Kind;

use super::napt::Napt;
use super::{Backend, BackendName};
use crate::config::SoftwireBackend;
use crate::flat::FlatMap;

/// What can be carried, found out at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Support {
    kinds: FlatMap<Kind, Result<BackendName, String>>,
}

impl Support {
    /// Who carries this kind; else why nobody does.
    pub fn backend(&self, kind: Kind) -> Result<BackendName, String> {
        let nobody = || Err("no back-end was looked for".to_owned());
        self.kinds.get(&kind).cloned().unwrap_or_else(nobody)
    }

    /// Whether this kind is carried.
    #[must_use]
    pub fn carries(&self, kind: Kind) -> bool {
        self.backend(kind).is_ok()
    }

    /// Whether this kind is carried, or any where none is named; the error says why not.
    pub fn some_of(&self, kind: Option<Kind>) -> Result<(), String> {
        match kind {
            Some(kind) => self.backend(kind).map(drop),
            None if self.kinds.values().any(Result::is_ok) => Ok(()),
            None => {
                let why = |kind| Some(format!("{kind}: {}", self.backend(kind).err()?));
                Err(Kind::ALL.into_iter().filter_map(why).collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// Each kind with who carries it, or why nobody does.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, &Result<BackendName, String>)> {
        self.kinds.iter().map(|(kind, answer)| (*kind, answer))
    }

    /// Asks those back-ends that the operator chose.
    pub(super) async fn probe(choice: SoftwireBackend, backends: &[Rc<dyn Backend>], napt: &Napt) -> Self {
        let mut answers: Vec<(BackendName, Result<(), String>)> = Vec::new();
        for backend in backends.iter().filter(|backend| allows(choice, backend.name())) {
            answers.push((backend.name(), backend.probe().await));
        }
        // Not for a kernel that can do nothing anyway: a program would be run for it.
        let translates = match answers.iter().any(|(_, works)| works.is_ok()) {
            true => napt.probe().await,
            false => Ok(()),
        };
        let kinds = Kind::ALL.into_iter().map(|kind| {
            let with = answer(kind, choice, &answers);
            (
                kind,
                if Napt::is_needed(kind) {
                    with.and_then(|name| translates.clone().map(|()| name))
                } else {
                    with
                },
            )
        });
        kinds.collect()
    }
}

impl FromIterator<(Kind, Result<BackendName, String>)> for Support {
    fn from_iter<I: IntoIterator<Item = (Kind, Result<BackendName, String>)>>(kinds: I) -> Self {
        Self { kinds: kinds.into_iter().collect() }
    }
}

fn allows(choice: SoftwireBackend, backend: BackendName) -> bool {
    match choice {
        SoftwireBackend::Auto => true,
        SoftwireBackend::Nat46 => backend == BackendName::Nat46,
        SoftwireBackend::KernelTunnel => backend == BackendName::KernelTunnel,
        SoftwireBackend::None => false,
    }
}

fn word(choice: SoftwireBackend) -> &'static str {
    match choice {
        SoftwireBackend::Auto => "auto",
        SoftwireBackend::Nat46 => "nat46",
        SoftwireBackend::KernelTunnel => "kernel-tunnel",
        SoftwireBackend::None => "none",
    }
}

/// The first that works for this kind.
fn answer(
    kind: Kind,
    choice: SoftwireBackend,
    answers: &[(BackendName, Result<(), String>)],
) -> Result<BackendName, String> {
    let for_it = || answers.iter().filter(|(name, _)| name.kinds().contains(&kind));
    if let Some((name, _)) = for_it().find(|(_, works)| works.is_ok()) {
        return Ok(*name);
    }
    let reasons: Vec<String> =
        for_it().filter_map(|(name, works)| Some(format!("{name}: {}", works.as_ref().err()?))).collect();
    Err(match (choice, reasons.as_slice()) {
        (SoftwireBackend::Auto, []) => format!("no back-end is for {kind}"),
        (SoftwireBackend::None, []) => "softwire.backend is \"none\"".to_owned(),
        (_, []) => format!("softwire.backend is \"{}\", which is not for {kind}", word(choice)),
        (_, reasons) => reasons.join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNNEL: BackendName = BackendName::KernelTunnel;
    const NAT46: BackendName = BackendName::Nat46;

    #[test]
    fn the_first_that_works_for_a_kind_carries_it() {
        let answers = [(NAT46, Err("no module".to_owned())), (TUNNEL, Ok(()))];
        assert_eq!(answer(Kind::MapE, SoftwireBackend::Auto, &answers), Ok(TUNNEL));
        let reason = answer(Kind::MapT, SoftwireBackend::Auto, &answers).unwrap_err();
        assert_eq!(reason, "nat46: no module");
    }

    #[test]
    fn a_choice_that_is_not_for_a_kind_says_so() {
        let reason = answer(Kind::DsLite, SoftwireBackend::Nat46, &[(NAT46, Ok(()))]).unwrap_err();
        assert_eq!(reason, "softwire.backend is \"nat46\", which is not for ds-lite");
        assert!(answer(Kind::DsLite, SoftwireBackend::None, &[]).unwrap_err().contains("\"none\""));
    }
}
