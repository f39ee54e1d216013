//! LANs with real hosts behind a real radvd: what they hold when prefixes come, change and go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use dhcpmgr::clock::{BootId, boottime_ms};
use dhcpmgr::config::{Config, Delegation, DnsBackend, Lans, RaBackend, RaDns, RouterAdvertisements, Token};
use dhcpmgr::delegation::{Delegated, DelegationOptions, Delegations, Outcome};
use dhcpmgr::network::{Network, NetworkOptions};
use dhcpmgr::store::Store;
use dhcpmgr_lab::{Address6, Lab, LanHost, Result, eventually, lab_or_skip};

const OLD: &str = "2001:db8:f100::/56";
const NEW: &str = "2001:db8:f200::/56";
const THIRD: &str = "2001:db8:f300::/56";

/// What the daemon would be told.
enum Word {
    /// These prefixes with preferred and valid lifetimes in seconds.
    Take(Vec<(&'static str, u64, u64)>),
    Settle,
    End,
}

/// LAN delegation as the daemon runs it, on a thread of its own in the gateway.
struct House {
    words: tokio::sync::mpsc::UnboundedSender<Word>,
    answers: mpsc::Receiver<(Vec<String>, Vec<String>)>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl House {
    fn start(lab: &Lab, boot: u8, config: &Path) -> Self {
        let (words, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (answer, answers) = mpsc::channel();
        let namespace = std::fs::File::open(lab.gateway.file()).unwrap();
        let (dir, config) = (lab.dir().to_owned(), config.to_owned());
        let thread = std::thread::spawn(move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let (network, _events) = network(&dir, BootId::from_bytes([boot; 16])).await;
                let options = DelegationOptions {
                    network: network.clone(),
                    store: Store::durable(dir.join("state")),
                    runtime: dir.clone(),
                    boot: BootId::from_bytes([boot; 16]),
                };
                let delegations = Delegations::start(options, &configured(&config));
                let by_itself = std::rc::Rc::clone(&delegations);
                tokio::task::spawn_local(async move { by_itself.run(drop).await });
                while let Some(word) = heard.recv().await {
                    let outcome = match word {
                        Word::Take(prefixes) => {
                            let prefixes: Vec<_> = prefixes.into_iter().map(delegated).collect();
                            delegations.take(&"wan6".parse().unwrap(), prefixes).await
                        }
                        Word::Settle => {
                            let outcome = delegations.settle().await;
                            network.sweep(&delegations.interfaces()).await.unwrap();
                            outcome
                        }
                        Word::End => break,
                    };
                    let _ = answer.send((events(&outcome), outcome.lines));
                }
                delegations.finish().await;
            });
        });
        Self { words, answers, thread: Some(thread) }
    }

    fn tell(&self, word: Word) -> (Vec<String>, Vec<String>) {
        self.words.send(word).ok().unwrap();
        self.answers.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn take(&self, prefixes: &[(&'static str, u64, u64)]) -> Vec<String> {
        self.tell(Word::Take(prefixes.to_vec())).0
    }

    fn settle(&self) -> Vec<String> {
        self.tell(Word::Settle).0
    }

    fn end(mut self) {
        self.words.send(Word::End).ok().unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn network(
    dir: &Path,
    boot: BootId,
) -> (Network, tokio::sync::mpsc::Receiver<dhcpmgr::network::NetworkEvent>) {
    let options = NetworkOptions {
        resolv_conf: dir.join("resolv.conf"),
        root: dir.to_owned(),
        backend: DnsBackend::None,
        state: Store::volatile(dir.join("network"), boot),
    };
    Network::start(options).await.unwrap()
}

fn configured(radvd: &Path) -> Config {
    let lan = Delegation {
        from: vec!["wan6".parse().unwrap()],
        subnet: Some(1),
        length: 64,
        token: Token::Bits("::1".parse().unwrap()),
        ula: true,
    };
    let router_advertisements = RouterAdvertisements {
        backend: RaBackend::Radvd,
        config: Some(radvd.to_owned()),
        pidfile: Some(radvd.with_extension("pid")),
        dns: RaDns::Router,
    };
    let delegations = [("lan0".parse().unwrap(), lan)].into();
    Config { lans: Lans { delegations, ula: None, router_advertisements }, ..Config::default() }
}

fn delegated((prefix, preferred, valid): (&str, u64, u64)) -> Delegated {
    let end = |seconds: u64| Some(boottime_ms() + seconds * 1000);
    Delegated {
        prefix: prefix.parse().unwrap(),
        exclude: None,
        iaid: Some(1),
        preferred_until: end(preferred),
        valid_until: end(valid),
    }
}

fn events(outcome: &Outcome) -> Vec<String> {
    let word = |event: &dhcpmgr::events::Event| {
        let kind = serde_json::to_value(&event.event).unwrap();
        let about = event.fields.get("prefix").cloned().or(event.detail.clone()).unwrap_or_default();
        format!("{} {about}", kind.as_str().unwrap())
    };
    outcome.events.iter().map(word).collect()
}

/// The host's address of a prefix, when it has one.
fn address_of(host: &LanHost, prefix: &str) -> Result<Option<Address6>> {
    let start = prefix.trim_end_matches("::/56");
    let start = format!("{start}:1:");
    Ok(host.addresses()?.into_iter().find(|address| address.address.starts_with(&start)))
}

fn until_preferred(host: &LanHost, prefix: &str) -> Result<Address6> {
    eventually(&format!("the host prefers {prefix}"), || {
        Ok(address_of(host, prefix)?.filter(|address| !address.deprecated && !address.tentative))
    })
}

fn until_deprecated(host: &LanHost, prefix: &str) -> Result<Address6> {
    eventually(&format!("the host has deprecated {prefix}"), || {
        Ok(address_of(host, prefix)?.filter(|address| address.deprecated))
    })
}

fn reloads(radvd: &dhcpmgr_lab::Radvd) -> usize {
    radvd.log().matches("attempting to reread config file").count()
}

fn files(lab: &Lab) -> (PathBuf, String) {
    let config = lab.dir().join("radvd.conf");
    let text = std::fs::read_to_string(&config).unwrap_or_default();
    (config, text)
}

#[test]
fn a_host_follows_its_prefix_through_renewal_change_restart_reboot_and_loss() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    lab.forward_v6()?;
    let host = lab.lan_host("lan0")?;
    let (config, _) = files(&lab);

    // Before anything is delegated radvd has something to start with, and is no router.
    let house = House::start(&lab, 1, &config);
    assert!(house.settle().is_empty());
    let radvd = lab.radvd(&config)?;
    assert_eq!(
        house.take(&[(OLD, 14_400, 28_800)]),
        ["prefix-assigned 2001:db8:f100:1::/64"],
        "{}",
        radvd.log()
    );
    let first = until_preferred(&host, OLD)?;
    assert!(first.preferred <= 2700 && first.valid <= 5400, "RFC 9096 section 3.4: {first:?}");
    eventually("the host has a default route", || Ok(host.default_routes()?.pop()))?;

    // Renewals say nothing new.
    let (reloaded, (_, text)) = (reloads(&radvd), files(&lab));
    for _ in 0..20 {
        assert!(house.take(&[(OLD, 14_400, 28_800)]).is_empty());
    }
    assert_eq!((reloads(&radvd), files(&lab).1), (reloaded, text));

    // Another prefix: the old one goes at once, and what it carries may end.
    let told = house.take(&[(NEW, 14_400, 28_800)]);
    assert_eq!(told, ["prefix-assigned 2001:db8:f200:1::/64", "prefix-deprecated 2001:db8:f100:1::/64"]);
    let own = lab.gateway.addresses6("lan0")?;
    let old = own.iter().find(|a| a.address == "2001:db8:f100:1::1/64").expect("the old address");
    assert!(old.deprecated && old.valid <= 7200 + 5, "{old:?}");
    let new = until_preferred(&host, NEW)?;
    let old = until_deprecated(&host, OLD)?;
    assert!(old.valid > 0 && old.valid <= 7200, "{old:?}");
    assert!(new.address.starts_with(&host.source()?), "{} is sent from", host.source()?);
    let routes = lab.gateway.routes6()?;
    let nowhere: Vec<_> =
        routes.iter().filter(|route| route.kind.as_deref() == Some("unreachable")).collect();
    assert_eq!(nowhere.iter().map(|route| route.to.as_str()).collect::<Vec<_>>(), [NEW]);

    // The daemon is started again: nobody notices.
    let (reloaded, (_, text)) = (reloads(&radvd), files(&lab));
    let before = lab.gateway.addresses6("lan0")?.len();
    house.end();
    let house = House::start(&lab, 1, &config);
    assert!(house.take(&[(NEW, 14_400, 28_800)]).is_empty());
    assert!(house.settle().is_empty());
    assert_eq!(lab.gateway.addresses6("lan0")?.len(), before);
    assert_eq!(files(&lab).1, text);
    // It cannot know whether the one before still said so.
    eventually("radvd is told once more", || Ok((reloads(&radvd) == reloaded + 1).then_some(())))?;

    // The machine is started again, and gets a third prefix.
    house.end();
    drop(radvd);
    std::fs::remove_file(&config)?;
    lab.gateway.ip(&["-6", "addr", "flush", "dev", "lan0", "scope", "global"])?;
    lab.gateway.ip(&["-6", "route", "flush", "type", "unreachable"])?;
    let house = House::start(&lab, 2, &config);
    assert!(house.settle().is_empty(), "nobody knows yet");
    let radvd = lab.radvd(&config)?;
    let told = house.take(&[(THIRD, 14_400, 28_800)]);
    assert_eq!(told, ["prefix-assigned 2001:db8:f300:1::/64", "prefix-deprecated 2001:db8:f200:1::/64"]);
    until_preferred(&host, THIRD)?;
    until_deprecated(&host, NEW)?;
    until_deprecated(&host, OLD)?;

    // The provider takes everything back.
    assert_eq!(house.take(&[]), ["prefix-deprecated 2001:db8:f300:1::/64"]);
    until_deprecated(&host, THIRD)?;
    eventually("the host has no default route", || Ok(host.default_routes()?.is_empty().then_some(())))?;
    house.end();
    drop(radvd);
    Ok(())
}

#[test]
fn short_lifetimes_are_counted_down_for_hosts_and_refreshed_by_renewals() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    lab.forward_v6()?;
    let host = lab.lan_host("lan0")?;
    let (config, _) = files(&lab);
    let house = House::start(&lab, 1, &config);
    house.settle();
    let radvd = lab.radvd(&config)?;
    house.take(&[(OLD, 40, 60)]);
    let address = until_preferred(&host, OLD)?;
    assert!(address.preferred <= 40 && address.valid <= 60, "{address:?}");
    std::thread::sleep(Duration::from_secs(3));
    house.take(&[(OLD, 40, 60)]);
    eventually("the host has the renewed lifetime", || {
        Ok(address_of(&host, OLD)?.filter(|address| address.preferred >= 39))
    })?;
    assert!(reloads(&radvd) >= 2);

    // The lifetimes are over on both sides, and there is nobody who says so.
    house.take(&[(OLD, 2, 4)]);
    eventually("the host uses it no more", || {
        Ok(address_of(&host, OLD)?.is_none_or(|address| address.deprecated).then_some(()))
    })?;
    house.end();
    Ok(())
}

#[test]
fn a_radvd_that_is_not_one_is_left_alone() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (config, _) = files(&lab);
    let house = House::start(&lab, 1, &config);
    house.settle();
    let mut other = lab.gateway.spawn("sleep", &["60"], &[], &lab.dir().join("sleep.log"))?;
    std::fs::write(config.with_extension("pid"), other.pid().to_string())?;
    let (told, lines) = house.tell(Word::Take(vec![(OLD, 600, 1200)]));
    assert!(told.iter().any(|line| line.contains("and not radvd")), "{told:?}");
    assert!(lines.iter().any(|line| line.contains("and not radvd")), "{lines:?}");
    other.must_run()?;
    house.end();
    Ok(())
}
