//! The owner of IPv4 on each WAN, and the daemon: who is told what, and what a start and an end have to wait for.

use std::time::Duration;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Protocol;
use tokio::time::timeout;

use super::{Daemon, Running};
use crate::config::{self, Client};
use crate::events::Event;
use crate::softwire::backend::Pending;
use crate::softwire::{Aside, Offered, Outlet};

/// How long a start and an end wait for softwires that are being raised or taken down.
const PATIENCE: Duration = Duration::from_secs(2);

impl Outlet for Daemon {
    fn publish(&self, event: Event) {
        self.shared.events.publish(event);
    }

    fn aside<'a>(&'a self, wan: &'a IfName, aside: Option<Aside>) -> Pending<'a, ()> {
        Box::pin(async move {
            let of_wan = |running: &Running| {
                running.client.protocol == Protocol::V4 && running.client.interface == *wan
            };
            for running in self.running().into_iter().filter(of_wan) {
                running.controller.aside(aside.clone()).await;
            }
        })
    }
}

impl Daemon {
    /// At the start: what DHCPv6 leases offer decides which DHCPv4 clients are needed, so those clients go on first.
    pub(super) async fn go_on_in_order(&self) {
        let (v6, v4): (Vec<_>, Vec<_>) =
            self.running().into_iter().partition(|running| running.client.protocol == Protocol::V6);
        for running in &v6 {
            self.go_on(running.clone()).await;
        }
        for running in v6 {
            // It has answered: its lease is known.
            let _ = running.controller.status().await;
        }
        self.shared.softwires.begin();
        self.settle_softwires().await;
        for running in v4 {
            self.go_on(running).await;
        }
    }

    /// Takes another `[softwire]`.
    pub(super) async fn change_softwire(&self, config: &config::Softwire) {
        let backend = self.config.borrow().softwire.backend;
        self.shared.softwires.reconfigure(config);
        if backend != config.backend {
            self.backends.choose(config.backend).await;
            self.shared.chain.set_softwires(self.backends.support());
            self.handlers_changed().await;
            self.shared.softwires.renewed();
        }
    }

    /// Waits for what is decided to be done; what takes long goes on.
    pub(super) async fn settle_softwires(&self) {
        let _ = timeout(PATIENCE, self.shared.softwires.idle()).await;
    }

    /// A softwire does not outlive the client whose lease offers it: nobody would know when the lease ends.
    pub(super) fn end_softwire(&self, client: &Client) {
        if client.protocol == Protocol::V6 {
            let why = "the daemon ends, and the client with it";
            self.shared.softwires.offer(&client.interface, &client.name, Offered::default(), why);
        }
    }
}
