//! Option 17: what each vendor says (RFC 8415 section 21.17), for whoever knows the vendor.

use std::collections::BTreeMap;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Bytes, V6Report};

use crate::options;

/// Vendors and sub-options of all vendors that are published.
const MAX_VENDORS: usize = 16;
const MAX_OPTIONS: usize = 64;
/// Bytes of all sub-options that are published: more than a DHCP message has room for on Ethernet.
const MAX_BYTES: usize = 2048;

/// `VendorEnterprises`, the numbers of the vendors, and for each sub-option `VendorSpecific.NUMBER.CODE` with its bytes as
/// hex. A vendor's sub-options of one code are separated by spaces.
pub(crate) fn collect(report: &V6Report, values: &mut BTreeMap<String, String>, notes: &mut Notes) {
    let mut enterprises: Vec<String> = Vec::new();
    let (mut count, mut bytes) = (0_usize, 0_usize);
    for vendor in options::all_decoded(report, 17, options::vendor, notes) {
        let number = vendor.enterprise.to_string();
        if !enterprises.contains(&number) {
            if enterprises.len() == MAX_VENDORS {
                notes.add(format!(
                    "vendor {number} (option 17) is ignored: at most {MAX_VENDORS} are published"
                ));
                continue;
            }
            enterprises.push(number);
        }
        for (code, data) in vendor.options {
            count += 1;
            bytes += data.len();
            if count > MAX_OPTIONS || bytes > MAX_BYTES {
                notes.add(format!(
                    "sub-option {code} of vendor {} and what follows are ignored: at most {MAX_OPTIONS} with \
                     {MAX_BYTES} bytes are published (option 17)",
                    vendor.enterprise
                ));
                break;
            }
            let hex = Bytes(data.to_vec()).to_hex();
            values
                .entry(format!("VendorSpecific.{}.{code}", vendor.enterprise))
                .and_modify(|known| *known = format!("{known} {hex}"))
                .or_insert(hex);
        }
    }
    if !enterprises.is_empty() {
        values.insert("VendorEnterprises".to_owned(), enterprises.join(" "));
    }
}
