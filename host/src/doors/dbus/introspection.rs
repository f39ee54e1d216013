//! What the objects say of themselves.

use super::objects::Objects;
use super::{CLIENT_INTERFACE, MANAGER, MANAGER_INTERFACE};

const HEAD: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";

const COMMON: &str = r#" <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Properties">
  <method name="Get"><arg name="interface_name" type="s" direction="in"/><arg name="property_name" type="s" direction="in"/><arg name="value" type="v" direction="out"/></method>
  <method name="GetAll"><arg name="interface_name" type="s" direction="in"/><arg name="properties" type="a{sv}" direction="out"/></method>
  <method name="Set"><arg name="interface_name" type="s" direction="in"/><arg name="property_name" type="s" direction="in"/><arg name="value" type="v" direction="in"/></method>
  <signal name="PropertiesChanged"><arg name="interface_name" type="s"/><arg name="changed_properties" type="a{sv}"/><arg name="invalidated_properties" type="as"/></signal>
 </interface>
"#;

const OF_MANAGER: &str = r#" <interface name="org.freedesktop.DBus.ObjectManager">
  <method name="GetManagedObjects"><arg name="objects" type="a{oa{sa{sv}}}" direction="out"/></method>
  <signal name="InterfacesAdded"><arg name="object" type="o"/><arg name="interfaces" type="a{sa{sv}}"/></signal>
  <signal name="InterfacesRemoved"><arg name="object" type="o"/><arg name="interfaces" type="as"/></signal>
 </interface>
 <interface name="org.dhcpmgr1.Manager">
  <method name="Get"><arg name="paths" type="as" direction="in"/><arg name="values" type="a{sv}" direction="out"/></method>
  <method name="Set"><arg name="values" type="a{sv}" direction="in"/><arg name="allow_partial" type="b" direction="in"/><arg name="failed" type="a{s(us)}" direction="out"/></method>
  <method name="Add"><arg name="object" type="s" direction="in"/><arg name="values" type="a{sv}" direction="in"/><arg name="path" type="s" direction="out"/></method>
  <method name="Delete"><arg name="paths" type="as" direction="in"/></method>
  <method name="Operate"><arg name="command" type="s" direction="in"/><arg name="arguments" type="a{sv}" direction="in"/><arg name="results" type="a{sv}" direction="out"/></method>
  <method name="GetInstances"><arg name="table" type="s" direction="in"/><arg name="paths" type="as" direction="out"/></method>
  <method name="GetSupportedDM"><arg name="path" type="s" direction="in"/><arg name="supported" type="a(ssbs)" direction="out"/></method>
  <method name="Status"><arg name="json" type="s" direction="out"/></method>
  <signal name="ValueChanged"><arg name="values" type="a{sv}"/></signal>
  <signal name="ObjectCreated"><arg name="paths" type="as"/></signal>
  <signal name="ObjectDeleted"><arg name="paths" type="as"/></signal>
  <signal name="OperationComplete"><arg name="commands" type="as"/></signal>
  <signal name="LeaseEvent"><arg name="client" type="s"/><arg name="event" type="s"/><arg name="changed" type="as"/><arg name="lease" type="s"/></signal>
 </interface>
"#;

const OF_CLIENT: &str = r#" <interface name="org.dhcpmgr1.Client">
  <method name="Renew"/>
  <method name="Release"/>
  <method name="Restart"/>
  <signal name="LeaseEvent"><arg name="event" type="s"/><arg name="changed" type="as"/><arg name="lease" type="s"/></signal>
  <property name="Name" type="s" access="read"/>
  <property name="Protocol" type="s" access="read"/>
  <property name="Interface" type="s" access="read"/>
  <property name="Enabled" type="b" access="read"/>
  <property name="Status" type="s" access="read"/>
  <property name="Reason" type="s" access="read"/>
  <property name="Pid" type="u" access="read"/>
  <property name="Restarts" type="t" access="read"/>
  <property name="Addresses" type="as" access="read"/>
  <property name="Prefixes" type="as" access="read"/>
  <property name="DNSServers" type="as" access="read"/>
  <property name="ExpiresIn" type="x" access="read"><annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/></property>
  <property name="Lease" type="s" access="read"/>
 </interface>
"#;

/// What an object says of itself; `None` where there is none.
pub(super) fn of(path: &str, objects: &Objects) -> Option<String> {
    debug_assert!(OF_MANAGER.contains(MANAGER_INTERFACE) && OF_CLIENT.contains(CLIENT_INTERFACE));
    let mut xml = HEAD.to_owned();
    let child = |xml: &mut String, name: &str| xml.push_str(&format!(" <node name=\"{name}\"/>\n"));
    // The way from the root to the manager, and from there to the clients.
    match path {
        "/" => child(&mut xml, "org"),
        "/org" => child(&mut xml, "dhcpmgr1"),
        MANAGER => {
            xml.push_str(COMMON);
            xml.push_str(OF_MANAGER);
            child(&mut xml, "clients");
        }
        _ if path == format!("{MANAGER}/clients") => objects.names().for_each(|name| child(&mut xml, name)),
        _ => {
            objects.name(path)?;
            xml.push_str(COMMON);
            xml.push_str(OF_CLIENT);
        }
    }
    xml.push_str("</node>\n");
    Some(xml)
}
