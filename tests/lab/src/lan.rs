//! What is behind the gateway: bridges, and on each as many hosts as a test wants. A host is a kernel that listens to
//! router advertisements and nothing else.

use crate::{Address6, Lab, Namespace, Result, Route6};

/// One host on a LAN of the gateway.
#[derive(Debug)]
pub struct LanHost {
    /// Where it lives; its interface is `eth0`.
    pub namespace: Namespace,
}

impl LanHost {
    /// Plugs a fresh host into this bridge of the gateway.
    pub(crate) fn plug(lab: &Lab, bridge: &str) -> Result<Self> {
        let namespace = Namespace::new("host")?;
        namespace.ready_at_once()?;
        let ports = lab.gateway.ip(&["-oneline", "link", "show", "master", bridge])?.lines().count();
        let port = format!("{bridge}p{ports}");
        let peer = ["peer", "name", "eth0", "netns", &namespace.file()];
        lab.gateway.ip(&[&["link", "add", port.as_str(), "type", "veth"][..], &peer].concat())?;
        lab.gateway.ip(&["link", "set", &port, "master", bridge])?;
        lab.gateway.ip(&["link", "set", &port, "up"])?;
        namespace.ip(&["link", "set", "eth0", "up"])?;
        Ok(Self { namespace })
    }

    /// Its addresses, link-local ones left out.
    pub fn addresses(&self) -> Result<Vec<Address6>> {
        self.namespace.addresses6("eth0")
    }

    /// Its default routes.
    pub fn default_routes(&self) -> Result<Vec<Route6>> {
        self.namespace.default_routes6()
    }

    /// The address that it would send from to the wide world.
    pub fn source(&self) -> Result<String> {
        let answer = self.namespace.ip(&["-6", "route", "get", "2001:db8:ffff::1"])?;
        let mut words = answer.split_whitespace().skip_while(|word| *word != "src").skip(1);
        Ok(words.next().unwrap_or_default().to_owned())
    }
}
