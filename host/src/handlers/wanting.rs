//! What a client requests and sends: from the manifests of its handlers, and from those that are asked each time.

use std::sync::Arc;

use dhcpmgr_message::{Bytes, ClientName, IfName, wire};
use dhcpmgr_plugin_api::{GivenOption, Hook, Options, OptionsQuery, Protocol, WantedOption, When, operation};
use futures_util::future::join_all;

use super::asking::decode;
use super::chain::{About, Chain};
use super::link::{Link, lock};
use super::merge::Conflict;
use super::{Wants, manifest, needs};
use crate::config::Grant;
use crate::flat::{FlatMap, FlatSet};
use crate::softwire::backend::Support;

/// The most options that a handler may request or send.
const MOST: usize = 256;

/// What one handler wants of a client.
struct Wanted {
    handler: String,
    may_send: bool,
    options: Options,
}

impl Chain {
    /// Asks the handlers that want to be asked which options a client that is about to be started requests and sends.
    /// [`wants`](Self::wants) says it from then on.
    pub async fn ask_options(&self, client: &ClientName, interface: &IfName, protocol: Protocol) {
        let softwires = self.softwires();
        let links = self.links().into_iter().filter(|link| {
            link.implements(Hook::Options) && link.wanting(client, protocol, &softwires).is_some()
        });
        let query = OptionsQuery::new(client.clone(), interface.clone(), protocol);
        join_all(links.map(|link| {
            let query = query.clone();
            async move { link.ask_options(query).await }
        }))
        .await;
    }

    /// What the handlers want a client to request and to send: those that are loaded, not quarantined, asked for
    /// this client, and have what they need from the system. Options are sent for handlers with the grant
    /// `send-options` only; when two send the same option, the later one's value is taken.
    ///
    /// No client program that there is can put an option into some messages only: see [`When`] for what becomes of one.
    #[must_use]
    pub fn wants(&self, client: &ClientName, protocol: Protocol) -> Wants {
        let mut wants = Wants::default();
        let mut sender: FlatMap<u16, String> = FlatMap::new();
        let mut conflicts = Vec::new();
        for wanted in self.wanted(client, protocol) {
            let Wanted { handler, may_send, options } = wanted;
            for WantedOption { code, when } in options.request {
                if stands_in_all(&when, &handler, code, "requested", &mut wants.notes) {
                    wants.request.insert(code);
                }
            }
            for GivenOption { code, value, when } in options.send.into_iter().filter(|_| may_send) {
                if !stands_in_all(&when, &handler, code, "sent", &mut wants.notes) {
                    continue;
                }
                let earlier = sender.insert(code, handler.clone()).zip(wants.send.get(&code));
                if let Some((loser, lost)) =
                    earlier.filter(|(loser, lost)| **lost != value && *loser != handler)
                {
                    let thing = format!("option {code} to send");
                    let (lost, won) = (lost.to_hex(), value.to_hex());
                    conflicts.push(Conflict::about(&thing, (&loser, &lost), (&handler, &won)));
                }
                wants.send.insert(code, value);
            }
        }
        wants.notes.extend(conflicts.iter().map(ToString::to_string));
        self.report_conflicts(client, About::Options, conflicts);
        wants
    }

    /// Option code → the handlers that want it requested, in the order of the chain.
    #[must_use]
    pub fn requested_by(&self, client: &ClientName, protocol: Protocol) -> FlatMap<u16, Vec<String>> {
        let mut requested: FlatMap<u16, Vec<String>> = FlatMap::new();
        for Wanted { handler, options, .. } in self.wanted(client, protocol) {
            let asked =
                options.request.iter().filter(|wanted| !wanted.when.exactly || wanted.when.is_always());
            for code in asked.map(|wanted| wanted.code).collect::<FlatSet<_>>() {
                requested.entry(code).or_default().push(handler.clone());
            }
        }
        requested
    }

    fn wanted(&self, client: &ClientName, protocol: Protocol) -> Vec<Wanted> {
        let softwires = self.softwires();
        let links = self.links().into_iter();
        links.filter_map(|link| link.wanted(client, protocol, &softwires)).collect()
    }
}

impl Link {
    fn wanted(&self, client: &ClientName, protocol: Protocol, softwires: &Support) -> Option<Wanted> {
        let manifest = self.wanting(client, protocol, softwires)?;
        let mut options = match lock(&self.memory).options.get(client) {
            Some(answered) if self.implements(Hook::Options) => answered.clone(),
            _ => {
                let own = manifest.options_sent.iter().filter(|option| option.protocol == protocol);
                let plain = Options::default();
                let plain = manifest.options_consumed.iter().fold(plain, |all, code| all.request(*code));
                own.fold(plain, |all, option| all.send(option.code, option.value.0.clone()))
            }
        };
        options.request.retain(|wanted| {
            manifest::can_be_requested(protocol, wanted.code)
                && (protocol == Protocol::V4 || needs::may_be_requested(&manifest, wanted.code, softwires))
        });
        let config = self.config();
        let may_send = config.grants.contains(&Grant::SendOptions);
        Some(Wanted { handler: config.name.clone(), may_send, options })
    }

    /// An answer that cannot be used leaves the one before in force, or the manifest.
    async fn ask_options(self: Arc<Self>, mut query: OptionsQuery) {
        query.parameters = self.written(&query.client).unwrap_or_default();
        let Ok(input) = wire::encode(&query).map(Arc::from) else { return };
        let judge = |bytes: &[u8], _: &FlatSet<Grant>| {
            let options: Options = decode(bytes, "list of options")?;
            check(&options, query.protocol)?;
            Ok((Some(options), Vec::new()))
        };
        let (report, options) =
            self.ask(&query.client, Hook::Options, operation::OPTIONS, &input, judge).await;
        if let Some(reason) = report.failure {
            let handler = self.condition.handler();
            tracing::warn!(
                "{}: handler {handler} does not say which options it wants: {reason}",
                query.client
            );
        }
        // Not supported is an answer too: the manifest's.
        if let Some(options) = options.flatten() {
            lock(&self.memory).options.insert(query.client, options);
        }
    }
}

fn check(options: &Options, protocol: Protocol) -> Result<(), String> {
    let most = options.request.len().max(options.send.len());
    if most > MOST {
        return Err(format!("its options are {most}, at most {MOST} are accepted"));
    }
    for GivenOption { code, value: Bytes(value), .. } in &options.send {
        let v4 = protocol == Protocol::V4;
        if *code == 0 || v4 && *code > 254 || manifest::is_reserved(protocol, *code) {
            return Err(format!("its options have {code} to send, which is not for handlers to send"));
        }
        if value.len() > if v4 { 255 } else { u16::MAX.into() } {
            return Err(format!("its options have {} bytes for option {code}", value.len()));
        }
    }
    Ok(())
}

/// Whether an option can be in every message of a client that knows no others; a note where that is not as wanted.
fn stands_in_all(when: &When, handler: &str, code: u16, what: &str, notes: &mut Vec<String>) -> bool {
    if when.is_always() {
        return true;
    }
    notes.push(if when.exactly {
        format!("option {code} is not {what}: {handler} wants it in some messages only, which this client cannot do")
    } else {
        format!("option {code} is {what} in every message: {handler} wants it in some, which this client cannot do")
    });
    !when.exactly
}
