//! Decoders for options that come as bytes: nothing of an option is used before one of these has accepted it. An
//! error is the second half of a sentence that the caller begins with the option's name.

use std::net::Ipv4Addr;

/// Option 1, a subnet mask (RFC 2132 section 3.3): its prefix length.
pub(crate) fn subnet_mask(raw: &[u8]) -> Result<u8, String> {
    let octets: [u8; 4] = raw.try_into().map_err(|_| format!("has {} bytes, a mask has 4", raw.len()))?;
    let mask = u32::from_be_bytes(octets);
    let ones = mask.leading_ones();
    if ones + mask.trailing_zeros() < 32 {
        return Err(format!("{} is not contiguous", Ipv4Addr::from(mask)));
    }
    // leading_ones() is at most 32.
    Ok(ones as u8)
}

/// A list of addresses, such as option 150 (RFC 5859).
pub(crate) fn addresses(raw: &[u8]) -> Result<Vec<Ipv4Addr>, String> {
    let (chunks, rest) = raw.as_chunks::<4>();
    if !rest.is_empty() || chunks.is_empty() {
        return Err(format!("has {} bytes, a list of addresses has a multiple of 4", raw.len()));
    }
    Ok(chunks.iter().map(|octets| Ipv4Addr::from(*octets)).collect())
}

/// Option 125, vendor-identifying information (RFC 3925 section 4): enterprise number and data, in order.
pub(crate) fn vendor_identifying(mut raw: &[u8]) -> Result<Vec<(u32, &[u8])>, String> {
    let mut vendors = Vec::new();
    while !raw.is_empty() {
        let cut = || format!("ends within the data of vendor {}", vendors.len() + 1);
        let (number, rest) = raw.split_first_chunk::<4>().ok_or_else(cut)?;
        let (len, rest) = rest.split_first().ok_or_else(cut)?;
        let (data, rest) = rest.split_at_checked(usize::from(*len)).ok_or_else(cut)?;
        vendors.push((u32::from_be_bytes(*number), data));
        raw = rest;
    }
    Ok(vendors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mask_has_four_bytes_and_no_holes() {
        assert_eq!(subnet_mask(&[255, 255, 255, 0]), Ok(24));
        assert_eq!(subnet_mask(&[255; 4]), Ok(32));
        assert_eq!(subnet_mask(&[0; 4]), Ok(0));
        assert_eq!(subnet_mask(&[255, 0, 255, 0]), Err("255.0.255.0 is not contiguous".to_owned()));
        assert_eq!(subnet_mask(&[0, 0, 0, 1]), Err("0.0.0.1 is not contiguous".to_owned()));
        assert_eq!(subnet_mask(&[255, 255]), Err("has 2 bytes, a mask has 4".to_owned()));
    }

    #[test]
    fn a_list_of_addresses_has_whole_addresses() {
        assert_eq!(addresses(&[192, 0, 2, 1, 192, 0, 2, 2]).unwrap().len(), 2);
        assert!(addresses(&[192, 0, 2]).unwrap_err().contains("multiple of 4"));
        assert!(addresses(&[]).is_err());
    }

    #[test]
    fn vendors_are_read_one_after_the_other() {
        let raw = [0, 0, 0x11, 0x8b, 2, 1, 2, 0, 0, 0x0d, 0xe9, 0];
        assert_eq!(vendor_identifying(&raw), Ok(vec![(4491, &[1, 2][..]), (3561, &[][..])]));
        assert_eq!(vendor_identifying(&raw[..6]).unwrap_err(), "ends within the data of vendor 1");
        assert_eq!(vendor_identifying(&raw[..8]).unwrap_err(), "ends within the data of vendor 2");
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(len) = subnet_mask(&raw) {
                prop_assert!(len <= 32);
            }
            if let Ok(list) = addresses(&raw) {
                prop_assert_eq!(list.len() * 4, raw.len());
            }
            if let Ok(vendors) = vendor_identifying(&raw) {
                prop_assert_eq!(vendors.iter().map(|(_, data)| data.len() + 5).sum::<usize>(), raw.len());
            }
        }

        #[test]
        fn every_vendor_comes_back(vendors in proptest::collection::vec(
            (any::<u32>(), proptest::collection::vec(any::<u8>(), 0..=255)), 0..6)) {
            let mut raw = Vec::new();
            for (number, data) in &vendors {
                raw.extend(number.to_be_bytes());
                raw.push(u8::try_from(data.len()).unwrap());
                raw.extend(data);
            }
            let read = vendor_identifying(&raw).unwrap();
            prop_assert!(read.iter().map(|(n, d)| (*n, d.to_vec())).eq(vendors));
        }
    }
}
