//! Which ports a PSID has (RFC 7597 section 5.1).
//!
//! A port is read as `a` offset bits, `k` bits of PSID and the rest. Offset bits of all zeros are nobody's when there
//! are offset bits, which keeps the well-known ports out; with `a` 0 each PSID has one range, and PSID 0 has those.

/// The ports of one customer; by default all, of an address that is not shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PortSet {
    offset: u8,
    psid_len: u8,
    psid: u16,
}

impl PortSet {
    /// The most offset bits (RFC 7598 section 4.5).
    pub const MAX_OFFSET: u8 = 15;
    /// The most bits of PSID: each customer has one port.
    pub const MAX_PSID_LEN: u8 = 16;
    /// Offset bits where nobody says how many (RFC 7597 section 5.1).
    pub const DEFAULT_OFFSET: u8 = 6;

    /// `None` when the bits do not fit into a port, or the PSID not into its bits.
    #[must_use]
    pub fn new(offset: u8, psid_len: u8, psid: u16) -> Option<Self> {
        let fits = offset <= Self::MAX_OFFSET
            && psid_len <= Self::MAX_PSID_LEN
            && offset + psid_len <= 16
            && u32::from(psid) < 1 << psid_len;
        fits.then_some(Self { offset, psid_len, psid })
    }

    /// `a`, the number of offset bits.
    #[must_use]
    pub fn offset(self) -> u8 {
        self.offset
    }

    /// `k`, the number of bits of the PSID; 0 when the address is not shared.
    #[must_use]
    pub fn psid_len(self) -> u8 {
        self.psid_len
    }

    /// The PSID; 0 when the address is not shared.
    #[must_use]
    pub fn psid(self) -> u16 {
        self.psid
    }

    /// The same split of ports, for another customer. `None` when the PSID does not fit.
    #[must_use]
    pub fn with_psid(self, psid: u16) -> Option<Self> {
        Self::new(self.offset, self.psid_len, psid)
    }

    /// How many customers share the address.
    #[must_use]
    pub fn sharing_ratio(self) -> u32 {
        1 << self.psid_len
    }

    /// How many ports the customer has.
    #[must_use]
    pub fn count(self) -> u32 {
        let (ranges, _) = self.shape();
        ranges << self.rest()
    }

    /// The ranges of ports, first and last, ascending: at most 32,767.
    #[must_use]
    pub fn ranges(self) -> impl DoubleEndedIterator<Item = (u16, u16)> + ExactSizeIterator {
        let (ranges, first) = self.shape();
        let rest = self.rest();
        let (psid, block) = (u32::from(self.psid) << rest, 16 - u32::from(self.spent_offset()));
        (0..ranges).map(move |index| {
            // Below 2^16: offset, PSID and rest make up 16 bits.
            let start = (((index + first) << block) | psid) as u16;
            (start, start | ((1_u32 << rest) - 1) as u16)
        })
    }

    /// The PSID whose port this is with this split of ports; `None` when it is nobody's.
    #[must_use]
    pub fn owner(self, port: u16) -> Option<u16> {
        if self.psid_len == 0 {
            return Some(0);
        }
        if self.offset > 0 && port >> (16 - self.offset) == 0 {
            return None;
        }
        Some((u32::from(port) >> self.rest() & ((1 << self.psid_len) - 1)) as u16)
    }

    /// Whether the port is the customer's.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        self.owner(port) == Some(self.psid)
    }

    /// Offset bits that matter: none do when the address is not shared.
    fn spent_offset(self) -> u8 {
        if self.psid_len == 0 { 0 } else { self.offset }
    }

    /// How many bits of a port are left for the customer.
    fn rest(self) -> u32 {
        16 - u32::from(self.spent_offset()) - u32::from(self.psid_len)
    }

    /// How many ranges there are, and the first value of the offset bits.
    fn shape(self) -> (u32, u32) {
        match self.spent_offset() {
            0 => (1, 0),
            offset => ((1 << offset) - 1, 1),
        }
    }
}
